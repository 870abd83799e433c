"""Gates on who can read a message: e-mails and pages after the Web Content Accessibility Guidelines 2.2, each rule by the number of its
success criterion. They look at the page as it is laid out, and point into the template it comes from.
"""

import re
from collections.abc import Iterable, Iterator

from pilotage.journey.findings import Severity
from pilotage.proof.contrast import looks
from pilotage.proof.page import Element, Page
from pilotage.proof.premises import Part, Premises
from pilotage.proof.rule import Flaw, flaw, gate

GUIDE = "content/guide.yaml"
SIZE_PX_MIN = 12.0
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{1,8})*")
_FILE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp|avif)$", re.IGNORECASE)
_IDLE_ALTERNATIVES = frozenset(("image", "picture", "photo", "logo", "icon", "graphic", "spacer", "banner", "bild", "img"))
# fmt: off
_IDLE_NAMES = frozenset((
    "click here", "here", "click", "read more", "more", "learn more", "link", "this link", "this", "details",
    "hier", "hier klicken", "mehr", "mehr erfahren", "weiterlesen",
))
# fmt: on


def _flaws(premises: Premises, part: Part, page: Page, found: Iterable[tuple[Element, str]]) -> Iterator[Flaw]:
    for element, message in found:
        yield flaw(part.document, premises.on_page(part, page, element), message)


@gate(
    "H001",
    "a picture has no alternative text",
    Severity.WARNING,
    why="Whoever does not see the picture hears its alternative, and so does everybody whose mail program blocks pictures until asked. "
    "Without one a screen reader reads the file's name aloud.",
    cure='write alt="…" with what the picture tells; alt="" where it only decorates',
    at=GUIDE,
    wrong='  <p><img src="https://shop.lumen.example/lamp.png" width="200"></p>\n',
    right='  <p><img src="https://shop.lumen.example/lamp.png" width="200" alt="A reading lamp with a brass arm"></p>\n',
    standard="WCAG 2.2, 1.1.1 Non-text Content (A)",
)
def _no_alternative(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, f"the picture {each.get('src').rpartition('/')[2]!r} has no alternative text")
            for each in (*page.root.all("img"), *page.root.all("area"), *_image_buttons(page.root))
            if "alt" not in each.attributes and not _named(each) and each.get("role") not in ("presentation", "none") and not each.hidden
        ]
        yield from _flaws(premises, part, page, found)


def _image_buttons(root: Element) -> Iterator[Element]:
    return (each for each in root.all("input") if each.get("type") == "image")


def _named(element: Element) -> str:
    return (element.get("aria-label") or element.get("aria-labelledby") or element.get("title")).strip()


@gate(
    "H002",
    "a page does not say its language",
    Severity.WARNING,
    why="A screen reader speaks in the language the page names. Without one it guesses, and reads German with English sounds.",
    cure='write lang on the first element, as in <mjml lang="en"> or <html lang="en">',
    at=GUIDE,
    wrong="  <html>\n",
    right='  <html lang="en">\n',
    standard="WCAG 2.2, 3.1.1 Language of Page (A)",
)
def _no_language(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        opening = re.search(r"<(?:mjml|html)\b", page.template, re.IGNORECASE)
        offset = opening.start() if opening else 0
        html = next(page.root.all("html"), None)
        language = html.get("lang").strip() if html is not None else ""
        if not language or language == "und":
            yield flaw(part.document, premises.place_at(part, offset), "the page does not say its language")
        elif _LANGUAGE.fullmatch(language) is None:
            yield flaw(part.document, premises.place_at(part, offset), f"{language!r} is no language by BCP 47")


@gate(
    "H003",
    "a part of a page names a language that is none",
    Severity.WARNING,
    why="A word in another language is marked so that it is spoken right. A mark that no screen reader knows is worse than none: the rest "
    "of the page's language is lost for that part.",
    cure='write a language by BCP 47, as in lang="fr"',
    at=GUIDE,
    wrong='  <p lang="french">Bon appétit.</p>\n',
    right='  <p lang="fr">Bon appétit.</p>\n',
    standard="WCAG 2.2, 3.1.2 Language of Parts (AA)",
)
def _no_such_language(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, f"{each.get('lang')!r} is no language by BCP 47")
            for each in page.root.all()
            if each.tag != "html"
            and "lang" in each.attributes
            and each.get("lang").strip()
            and _LANGUAGE.fullmatch(each.get("lang")) is None
        ]
        yield from _flaws(premises, part, page, found)


@gate(
    "H004",
    "an alternative text tells nothing",
    Severity.WARNING,
    why="'image', 'logo.png' and 'banner' are what a picture is called by whoever made it. A listener wants to know what it shows, or to "
    "be spared it.",
    cure='say what the picture tells, or write alt="" where it only decorates',
    at=GUIDE,
    wrong='  <p><img src="https://shop.lumen.example/lamp.png" width="200" alt="lamp.png"></p>\n',
    right='  <p><img src="https://shop.lumen.example/lamp.png" width="200" alt="A reading lamp with a brass arm"></p>\n',
    standard="WCAG 2.2, 1.1.1 Non-text Content (A)",
)
def _idle_alternative(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, f"the alternative text {each.get('alt')!r} tells nothing")
            for each in page.root.all("img")
            if _FILE.search(each.get("alt").strip()) or each.get("alt").strip().lower() in _IDLE_ALTERNATIVES
        ]
        yield from _flaws(premises, part, page, found)


@gate(
    "H005",
    "text hardly differs from what is behind it",
    Severity.WARNING,
    why="One man in twelve and one woman in two hundred sees colours differently, everybody over sixty sees contrasts less, and all of us "
    "read in the sun. Text needs a contrast of 4.5 to 1, large text of 3 to 1.",
    cure="darken the text or lighten what is behind it",
    at=GUIDE,
    wrong='  <p style="color:#999999">They last, and what breaks can be mended.</p>\n',
    right='  <p style="color:#595959">They last, and what breaks can be mended.</p>\n',
    standard="WCAG 2.2, 1.4.3 Contrast (Minimum) (AA)",
)
def _low_contrast(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        seen: set[int] = set()
        for element, text, look in looks(page.root):
            if look.ratio is not None and look.ratio < look.least and id(element) not in seen and not element.hidden:
                seen.add(id(element))
                message = f"{_short(text)!r} has a contrast of {look.ratio:.2f} to 1; {look.least:g} to 1 is needed"
                yield flaw(part.document, premises.on_page(part, page, element), message)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"


@gate(
    "H006",
    "headings skip a level",
    Severity.WARNING,
    why="Who listens moves from heading to heading, as others move their eyes. A level that is missing sounds like a part that was not "
    "found.",
    cure="go down one level at a time; how large a heading looks is a matter of style",
    at=GUIDE,
    wrong="  <h4>What others chose</h4>\n",
    right="  <h2>What others chose</h2>\n",
    standard="WCAG 2.2, 1.3.1 Info and Relationships (A)",
)
def _skipped_heading(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        before = 0
        for each in page.root.all("h1", "h2", "h3", "h4", "h5", "h6"):
            level = int(each.tag[1])
            if before and level > before + 1 and not each.hidden:
                yield from _flaws(premises, part, page, [(each, f"<{each.tag}> {_short(each.text)!r} follows a heading of level {before}")])
            before = level


@gate(
    "H007",
    "a heading is empty",
    Severity.WARNING,
    why="A heading is announced before it is read: 'heading, level two', and then nothing comes. Whoever jumps from one to the next lands "
    "nowhere.",
    cure="write the heading, or remove the element; room above a text is a matter of style",
    at=GUIDE,
    wrong="  <h2></h2>\n",
    right="  <h2>What others chose</h2>\n",
    standard="WCAG 2.2, 1.3.1 Info and Relationships (A)",
)
def _empty_heading(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, f"the <{each.tag}> is empty")
            for each in page.root.all("h1", "h2", "h3", "h4", "h5", "h6")
            if not _spoken(each) and not each.hidden
        ]
        yield from _flaws(premises, part, page, found)


def _spoken(element: Element) -> str:
    """What is heard of an element: its name, its text, and the alternatives of its pictures."""
    alternatives = " ".join(each.get("alt") for each in element.all("img"))
    labels = " ".join(each.get("aria-label") for each in element.all())
    return " ".join((_named(element), element.text, alternatives, labels)).strip()


@gate(
    "H008",
    "a table that only arranges is announced as one",
    Severity.WARNING,
    why="E-mails are arranged in tables. Unless they say so, a screen reader announces each one: a table with one row and two columns, "
    "and so on through the whole letter.",
    cure='write role="presentation" on tables that hold no data; MJML does it for its own',
    at=GUIDE,
    wrong='  <table width="100%"><tr><td>Lumen GmbH, Berlin</td><td>Open every day</td></tr></table>\n',
    right='  <table role="presentation" width="100%"><tr><td>Lumen GmbH, Berlin</td><td>Open every day</td></tr></table>\n',
    standard="WCAG 2.2, 1.3.1 Info and Relationships (A)",
)
def _unmarked_layout(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, "the table holds no headers, and does not say that it only arranges")
            for each in page.root.all("table")
            if each.get("role") not in ("presentation", "none") and next(each.all("th", "caption"), None) is None and not each.hidden
        ]
        yield from _flaws(premises, part, page, found)


@gate(
    "H009",
    "a table of data is said to arrange only",
    Severity.WARNING,
    why='With role="presentation" the headers of a table are words like any other, and nobody hears which price belongs to which article.',
    cure='remove role="presentation" from tables that have headers',
    at=GUIDE,
    wrong='  <table role="presentation"><tr><th scope="col">article</th><th '
    'scope="col">price</th></tr><tr><td>lamp</td><td>€59</td></tr></table>\n',
    right='  <table><tr><th scope="col">article</th><th scope="col">price</th></tr><tr><td>lamp</td><td>€59</td></tr></table>\n',
    standard="WCAG 2.2, 1.3.1 Info and Relationships (A)",
)
def _muted_data(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, "the table has headers, and says that it only arranges")
            for each in page.root.all("table")
            if each.get("role") in ("presentation", "none") and any(_table_of(cell) is each for cell in each.all("th", "caption"))
        ]
        yield from _flaws(premises, part, page, found)


def _table_of(cell: Element) -> Element | None:
    return next((each for each in cell.above() if each.tag == "table"), None)


@gate(
    "H010",
    "a link has no name",
    Severity.WARNING,
    why="It is announced as 'link', or by its address read letter by letter. Mostly it is a picture without an alternative.",
    cure="write a text in the link, or an alternative for the picture in it",
    at=GUIDE,
    wrong='  <p><a href="https://shop.lumen.example/begin"></a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
    standard="WCAG 2.2, 2.4.4 Link Purpose (In Context) (A)",
)
def _unnamed_link(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, f"the link to {each.get('href')!r} has no name")
            for each in page.root.all("a")
            if "href" in each.attributes and not _spoken(each) and not each.hidden
        ]
        yield from _flaws(premises, part, page, found)


@gate(
    "H011",
    "a link does not say where it leads",
    Severity.WARNING,
    why="Who listens can have all links of a page read out, one after the other. 'Here, here, more, here' is a list of nothing.",
    cure="name what lies behind it: 'See the lamps', not 'click here'",
    at=GUIDE,
    wrong='  <p><a href="https://shop.lumen.example/begin">Click here</a></p>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
    standard="WCAG 2.2, 2.4.4 Link Purpose (In Context) (A)",
)
def _idle_link(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, f"the link {each.text!r} does not say where it leads")
            for each in page.root.all("a")
            if not _named(each) and _spoken(each).lower().strip(" .!…→›»") in _IDLE_NAMES
        ]
        yield from _flaws(premises, part, page, found)


@gate(
    "H012",
    "a page cannot be enlarged",
    Severity.WARNING,
    why="Whoever sees little spreads two fingers. A viewport that forbids it makes the page end there.",
    cure="remove user-scalable=no, and maximum-scale below 2, from the viewport",
    at=GUIDE,
    wrong='  <meta name="viewport" content="width=device-width, user-scalable=no">\n',
    right='  <meta name="viewport" content="width=device-width">\n',
    standard="WCAG 2.2, 1.4.4 Resize Text (AA)",
)
def _fixed_scale(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        for each in page.root.all("meta"):
            words = each.get("content").replace(" ", "").lower()
            scale = re.search(r"maximum-scale=([\d.]+)", words)
            if each.get("name").lower() == "viewport" and (re.search(r"user-scalable=(?:no|0)", words) or (scale and float(scale[1]) < 2)):
                place = premises.place_in(part, "user-scalable" if "user-scalable" in part.text.text else "maximum-scale")
                yield flaw(part.document, place, "the page forbids to enlarge it")


@gate(
    "H013",
    "text is very small",
    Severity.WARNING,
    why="Mail programs on telephones do not reflow what was made for a large screen, so small print stays small. Text can only be resized "
    "without loss (1.4.4) where it was readable to begin with.",
    cure=f"write text in at least {SIZE_PX_MIN:g} pixels",
    at=GUIDE,
    wrong='  <p style="font-size:9px">Lumen GmbH, Berlin</p>\n',
    right='  <p style="font-size:13px">Lumen GmbH, Berlin</p>\n',
    standard="WCAG 2.2, 1.4.4 Resize Text (AA)",
)
def _small_text(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        for element, text, look in looks(page.root):
            if 0 < look.size_px < SIZE_PX_MIN and text.strip("\xa0\u200c\u2007\xad ") and not element.hidden:
                yield from _flaws(premises, part, page, [(element, f"{_short(text)!r} is {look.size_px:g} pixels high")])


@gate(
    "H014",
    "a page has no title",
    Severity.WARNING,
    why="The title is the first thing that is read when a message or a page is opened by itself, and the only one in a list of windows.",
    cure="write <mj-title> in <mj-head>, or <title> in <head>",
    at=GUIDE,
    wrong="  <title></title>\n",
    right="  <title>Where to begin</title>\n",
    standard="WCAG 2.2, 2.4.2 Page Titled (A)",
)
def _untitled(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        title = next(page.root.all("title"), None)
        if title is None or not "".join(each for each in title.children if isinstance(each, str)).strip():
            opening = re.search(r"<(?:mj-head|mjml|head|html)\b", page.template, re.IGNORECASE)
            yield flaw(part.document, premises.place_at(part, opening.start() if opening else 0), "the page has no title")


@gate(
    "H015",
    "a list is not built as one",
    Severity.WARNING,
    why="'List, three items' tells a listener how much is coming. Items outside of a list, and lists that hold something else, are not "
    "counted.",
    cure="put <li> into <ul> or <ol>, and nothing else",
    at=GUIDE,
    wrong="  <ul><p>lamps</p><p>shelves</p></ul>\n",
    right="  <ul><li>lamps</li><li>shelves</li></ul>\n",
    standard="WCAG 2.2, 1.3.1 Info and Relationships (A)",
)
def _broken_list(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        found = [
            (each, "the item is in no list")
            for each in page.root.all("li")
            if each.parent is None or each.parent.tag not in ("ul", "ol", "menu")
        ]
        for each in page.root.all("ul", "ol"):
            stray = [child.tag for child in each.children if isinstance(child, Element) and child.tag not in ("li", "script", "template")]
            if stray and each.get("role") not in ("presentation", "none"):
                found.append((each, f"the list holds <{stray[0]}>"))
        yield from _flaws(premises, part, page, found)


@gate(
    "H016",
    "something moves and cannot be stopped",
    Severity.WARNING,
    why="Text that moves or blinks by itself cannot be read by some and cannot be ignored by others.",
    cure="let it stand still",
    at=GUIDE,
    wrong="  <marquee>They last, and what breaks can be mended.</marquee>\n",
    right='  <p style="color:#595959">They last, and what breaks can be mended.</p>\n',
    standard="WCAG 2.2, 2.2.2 Pause, Stop, Hide (A)",
)
def _moving(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        yield from _flaws(premises, part, page, [(each, f"<{each.tag}> moves by itself") for each in page.root.all("marquee", "blink")])


ACCESSIBILITY = (
    _no_alternative,
    _no_language,
    _no_such_language,
    _idle_alternative,
    _low_contrast,
    _skipped_heading,
    _empty_heading,
    _unmarked_layout,
    _muted_data,
    _unnamed_link,
    _idle_link,
    _fixed_scale,
    _small_text,
    _untitled,
    _broken_list,
    _moving,
)
"""The gates on who can read a message."""
