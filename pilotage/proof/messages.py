"""Gates on what messages say and how long they are: subjects, text and push messages, words of the brand, what a language lacks."""

import json
import re
from collections.abc import Iterable, Iterator

import msgspec

from pilotage.journey.document import Document, Fields
from pilotage.journey.findings import Severity
from pilotage.proof.page import LIQUID
from pilotage.proof.premises import MARKETING, Part, Premises, texts
from pilotage.proof.rule import Flaw, flaw, gate
from pilotage.proof.text_message import length_of

OFFER = "content/offer.yaml"
SUBJECT_CHARACTERS_MAX = 78
PUSH_TITLE_MAX = 50
PUSH_BODY_MAX = 178
SEGMENTS_MAX = 3
HTML_BYTES_MAX = 102_000
_KEYS = {"text": "text", "body": "text", "message": "text", "content": "text", "title": "title", "subject": "title"}
_UNFINISHED = re.compile(r"\blorem ipsum\b|\b(?:TO" + r"DO|FIX" + r"ME|TBD)\b|\bX{3,}\b|\[(?:insert|your|name)[^\]]*\]", re.IGNORECASE)
_DEFAULTED = re.compile(r"\|\s*default\b")
_VALUE = re.compile(r"\{\{-?\s*([\w.]+)([^}]*)\}\}")


class Spoken(msgspec.Struct, frozen=True):
    """A text that a person reads, as far as it is known without one: the part it stands in, and what it is (text or title)."""

    part: Part
    what: str
    text: str


def spoken(premises: Premises, channel: str) -> Iterator[Spoken]:
    """The texts of all contents of a channel and of those named after it (sms, sms-de); those in the strings of a JSON body too."""
    for part in premises.parts:
        if part.document.root.text("channel").partition("-")[0] != channel:
            continue
        try:
            tree = json.loads(part.text.text) if part.name == "body" else None
        except ValueError:
            tree = None
        if isinstance(tree, dict):
            yield from (Spoken(part, what, premises.fill(text)) for what, text in _strings(tree))
        elif part.name in _KEYS:
            yield Spoken(part, _KEYS[part.name], premises.fill(part.text.text).strip())


def _strings(tree: dict[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, str) and key.lower() in _KEYS:
            yield _KEYS[key.lower()], value
        elif isinstance(value, dict):
            yield from _strings(value)


@gate(
    "M001",
    "an advertising e-mail cannot be unsubscribed from",
    Severity.ERROR,
    why="Every advertising message must offer an address to object to, each time (Directive 2002/58/EC, art. 13(2) and (4); CAN-SPAM § "
    "7704). The header that mail programs show as a button (RFC 8058) is sent with every message, but many people see only the text.",
    cure="write {{ unsubscribe_url }} into every part of the content that is sent",
    at=OFFER,
    wrong='  <a href="https://shop.lumen.example/settings">Unsubscribe</a>\n',
    right='  <a href="{{ unsubscribe_url }}">Unsubscribe</a>\n',
    standard="Directive 2002/58/EC art. 13; RFC 8058",
)
def _no_unsubscribe(premises: Premises) -> Iterable[Flaw]:
    for part in premises.parts:
        document = part.document
        advertises = MARKETING in premises.classes.get(document.name, ()) and premises.installed(document.root.text("channel")) == "email"
        if advertises and part.name in ("mjml", "html", "text") and "unsubscribe_url" not in premises.variables_of(part.text.text):
            yield flaw(document, part.text.place, f"the part '{part.name}' of {document.name!r} offers no way to unsubscribe")


@gate(
    "M002",
    "a subject is too long",
    Severity.WARNING,
    why="Mail programs show some forty to seventy characters of a subject, telephones fewer. What is cut off is not read, and RFC 5322 "
    "asks for lines of at most 78.",
    cure=f"say it in at most {SUBJECT_CHARACTERS_MAX} characters, the important ones first",
    at=OFFER,
    wrong='subject: "Three small things for your kitchen, two for your garden, and one for the balcony if you have one"\n',
    right='subject: "Three small things for your kitchen"\n',
    standard="RFC 5322, 2.1.1",
)
def _long_subject(premises: Premises) -> Iterable[Flaw]:
    for part in premises.parts:
        length = len(" ".join(premises.fill(part.text.text).split())) if part.name == "subject" else 0
        if length > SUBJECT_CHARACTERS_MAX:
            yield flaw(part.document, part.text.place, f"the subject has at least {length} characters")


@gate(
    "M003",
    "a subject shouts",
    Severity.WARNING,
    why="Capitals and exclamation marks are what filters for unwanted mail were first taught, and what readers learned before them. "
    "Screen readers may spell words in capitals.",
    cure="write it as you would say it to somebody at the counter",
    at=OFFER,
    wrong='subject: "THREE THINGS for your KITCHEN!!!"\n',
    right='subject: "Three small things for your kitchen"\n',
)
def _shouting(premises: Premises) -> Iterable[Flaw]:
    for part in premises.parts:
        if part.name not in ("subject", "title"):
            continue
        words = re.findall(r"[^\W\d_]{4,}", LIQUID.sub(" ", part.text.text))
        loud = [word for word in words if word.isupper()]
        if "!!" in part.text.text or (len(loud) >= 2 and 2 * len(loud) >= len(words)):
            yield flaw(part.document, part.text.place, f"the {part.name} of {part.document.name!r} shouts")


@gate(
    "M004",
    "a text message has too many parts",
    Severity.WARNING,
    why="A text message of more than one segment is sent, charged and sometimes lost as several. Beyond three most people stop reading, "
    "and some networks stop delivering.",
    cure=f"say it in at most {SEGMENTS_MAX} segments: 459 characters of the GSM alphabet, or 201 others",
    at="content/code.yaml",
    wrong='  {"to": "{{ customer.phone }}", "text": "Your code is {{ trigger.order_id }}. Show it in any of our shops, whenever you '
    "like, to whoever is at the counter, together with something that says who you are; if you have lost it, come back to this message or "
    "ask at the counter; if you have it and do not need it any more, give it to somebody who does; if nobody does, keep it for another "
    "year, because codes of this kind are good for as long as the shop is there, and we mean to be there for quite a while, in "
    'the same place and with the same people as before."}\n',
    right='  {"to": "{{ customer.phone }}", "text": "Your code is {{ trigger.order_id }}. Show it in any of our shops."}\n',
    standard="3GPP TS 23.038",
)
def _long_text_message(premises: Premises) -> Iterable[Flaw]:
    for each in spoken(premises, "sms"):
        length = length_of(each.text)
        if length.segments > SEGMENTS_MAX:
            message = f"{each.part.document.name!r} has at least {length.characters} characters, which are {length.segments} segments"
            yield flaw(each.part.document, each.part.text.place, message)


@gate(
    "M005",
    "one character doubles the price of a text message",
    Severity.WARNING,
    why="The GSM alphabet has 160 characters to a message. A single one that it lacks (a curly quote, a dash, an emoji) makes the whole "
    "message UCS-2 with 70, so what fitted into one segment takes three.",
    cure="write it with characters of the GSM alphabet: straight quotes, a hyphen for a dash",
    at="content/code.yaml",
    wrong='  {"to": "{{ customer.phone }}", "text": "Your code is ‘{{ trigger.order_id }}’. Show it in any of our shops, this week or '
    'next, to whoever is there."}\n',
    right='  {"to": "{{ customer.phone }}", "text": "Your code is {{ trigger.order_id }}. Show it in any of our shops."}\n',
    standard="3GPP TS 23.038",
)
def _dear_characters(premises: Premises) -> Iterable[Flaw]:
    for each in spoken(premises, "sms"):
        length = length_of(each.text)
        plain = length_of("".join("'" if char in length.foreign else char for char in each.text))
        # Texts of other scripts have no way out; only where a few characters cost a segment is there something to be done.
        if length.segments > plain.segments and len(length.foreign) <= 5 and length.segments <= SEGMENTS_MAX:
            named = " ".join(length.foreign)
            message = f"{named} make{'s' if len(length.foreign) == 1 else ''} {length.segments} segments of what could be {plain.segments}"
            yield flaw(each.part.document, each.part.text.place, message)


@gate(
    "M006",
    "a push message does not fit the screen",
    Severity.WARNING,
    why="A locked screen shows a title of some fifty characters and four lines of text, about 178 characters; the rest is cut off, and "
    "nobody opens a message to learn how it ends.",
    cure=f"keep titles within {PUSH_TITLE_MAX} and texts within {PUSH_BODY_MAX} characters",
    at="content/parcel.yaml",
    wrong='  {"title": "Good news about the parcel that you have been waiting for", "body": "Order {{ trigger.order_id }} is on its '
    'way."}\n',
    right='  {"title": "Your parcel is on its way", "body": "Order {{ trigger.order_id }} is on its way."}\n',
)
def _long_push(premises: Premises) -> Iterable[Flaw]:
    for each in spoken(premises, "push"):
        limit = PUSH_TITLE_MAX if each.what == "title" else PUSH_BODY_MAX
        if len(each.text) > limit:
            message = f"the {each.what} of {each.part.document.name!r} has at least {len(each.text)} characters; {limit} fit"
            yield flaw(each.part.document, each.part.text.place, message)


@gate(
    "M007",
    "a word that the brand does not use",
    Severity.WARNING,
    why="A brand is recognised by how it speaks. Words that it does not use, because they promise too much, offend, or belong to a "
    "competitor, are named once in the brand and found in every content.",
    cure="say it in the brand's words",
    at=OFFER,
    wrong="  These are risk-free, and made to be repaired.\n",
    right="  These are made to be repaired.\n",
)
def _forbidden_words(premises: Premises) -> Iterable[Flaw]:
    for part, brand in _branded(premises):
        terms = brand.root.map("terms")
        forbidden = terms.map("forbidden") if terms else None
        for word, reason in forbidden.fields if forbidden else ():
            found = re.search(rf"(?<!\w){re.escape(word.text)}(?!\w)", part.text.text, re.IGNORECASE)
            if found:
                why = getattr(reason, "text", "")
                message = f"{found[0]!r} is no word of {brand.name!r}" + (f": {why}" if why else "")
                yield flaw(part.document, premises.place_at(part, found.start()), message)


@gate(
    "M008",
    "words that the brand must say are missing",
    Severity.WARNING,
    why="Some words are owed: the company's name and seat, a licence, a warning. Which ones is written in the brand; each of its e-mails "
    "must have them, in the text or by the brand's footer.",
    cure="add the words, or {{ brand.footer }} where it has them",
    at=OFFER,
    wrong="  Yours\n",
    right="  Lumen GmbH, Berlin\n",
)
def _missing_words(premises: Premises) -> Iterable[Flaw]:
    for part, brand in _branded(premises):
        if part.name not in ("mjml", "html", "text"):
            continue
        text = part.text.text + (brand.root.text("footer") if "brand.footer" in part.text.text else "")
        for word in texts(brand.root.map("terms"), "required"):
            if word.casefold() not in text.casefold():
                yield flaw(part.document, part.text.place, f"the part '{part.name}' does not say {word!r}, as {brand.name!r} must")


def _branded(premises: Premises) -> Iterator[tuple[Part, Document]]:
    brands = {document.name: document for document in premises.kind("brand")}
    for part in premises.parts:
        if (brand := brands.get(part.document.root.text("brand"))) is not None:
            yield part, brand


@gate(
    "M009",
    "a text is not finished",
    Severity.ERROR,
    why="Filler is written to be replaced before anybody sees it. It is found by customers, and they send it around.",
    cure="write what was meant to stand there",
    at=OFFER,
    wrong="  Lorem ipsum dolor sit amet.\n",
    right="  They last, and what breaks can be mended.\n",
)
def _unfinished(premises: Premises) -> Iterable[Flaw]:
    for part in premises.parts:
        found = _UNFINISHED.search(LIQUID.sub(lambda match: " " * len(match[0]), part.text.text))
        if found:
            yield flaw(part.document, premises.place_at(part, found.start()), f"{found[0]!r} was to be replaced")


@gate(
    "M010",
    "an e-mail leaves its preview to chance",
    Severity.NOTE,
    why="Beside the subject, mail programs show the first words they find: 'View in browser', or the alternative of a picture. A preview "
    "text says there what the message is about.",
    cure="write <mj-preview> in <mj-head>",
    at="content/welcome.yaml",
    wrong="",
    right="      <mj-preview>Your account is ready.</mj-preview>\n",
)
def _no_preview(premises: Premises) -> Iterable[Flaw]:
    for part in premises.parts:
        if part.name == "mjml" and "<mj-preview" not in part.text.text:
            yield flaw(part.document, premises.place_in(part, "<mj-head"), f"{part.document.name!r} has no preview text")


@gate(
    "M011",
    "an e-mail is longer than mail programs show",
    Severity.WARNING,
    why="Gmail cuts a message off after about 102 kB of HTML. What is cut off includes the end, where one unsubscribes, and the picture "
    "that counts opens.",
    cure="leave something out, or link to it",
    at="content/guide.yaml",
    wrong="  <p>" + "Where others begin. " * 5_200 + "</p>\n",
    right="  <p>Where others begin.</p>\n",
)
def _long_html(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        size = len(page.html.encode())
        if size > HTML_BYTES_MAX:
            yield flaw(part.document, part.text.place, f"the part '{part.name}' of {part.document.name!r} has {size:,} bytes of HTML")


@gate(
    "M012",
    "markup that mail programs drop",
    Severity.WARNING,
    why="Scripts, frames, forms and videos do not run in mail programs; some drop them, some refuse the message, and some warn of fraud.",
    cure="link to a page that has it",
    at="content/guide.yaml",
    wrong='  <form action="https://shop.lumen.example/find"><button>Begin here</button></form>\n',
    right='  <p><a href="https://shop.lumen.example/begin">Begin with what others chose</a></p>\n',
)
def _dropped_markup(premises: Premises) -> Iterable[Flaw]:
    for part, page in premises.pages:
        if premises.installed(part.document.root.text("channel")) != "email":
            continue
        for element in page.root.all("script", "iframe", "form", "video", "audio", "object", "embed", "dialog"):
            yield flaw(part.document, premises.on_page(part, page, element), f"<{element.tag}> does not reach the reader")


@gate(
    "M013",
    "a value may be missing and nothing stands in for it",
    Severity.NOTE,
    why="Not every customer has told a first name. 'Hello ,' says more about us than any text around it.",
    cure="write a default, as in {{ customer.first_name | default: 'there' }}, or an {% if %} around the sentence",
    at=OFFER,
    wrong="  Hello {{ customer.first_name }},\n",
    right='  Hello {{ customer.first_name | default: "there" }},\n',
)
def _undefended_value(premises: Premises) -> Iterable[Flaw]:
    for part in premises.parts:
        template = part.text.text
        for match in _VALUE.finditer(template):
            name, filters = match[1], match[2]
            asked = re.search(rf"\{{%-?\s*(?:if|unless|elsif|case)\b[^%]*\b{re.escape(name)}\b", template)
            if name.startswith("customer.") and not _DEFAULTED.search(filters) and not asked and not _for_machines(part, match.start()):
                yield flaw(part.document, premises.place_at(part, match.start()), f"nothing stands in for '{name}' where it is missing")


def _for_machines(part: Part, offset: int) -> bool:
    """Whether a value stands in an address, or where a machine reads a JSON body: there, nothing is better than a made-up word."""
    before = part.text.text[:offset]
    in_body = part.name == "body" and re.search(r'"(?:to|id|phone|token|user)\w*"\s*:\s*"$', before) is not None
    return in_body or re.search(r"""(?:https?://[^\s"']*|(?:href|src)\s*=\s*["'][^"']*)$""", before) is not None


@gate(
    "M014",
    "a language lacks a part",
    Severity.WARNING,
    why="What a language leaves out is taken from the one it falls back to: a French letter under an English subject.",
    cure="translate the part",
    at="content/welcome.yaml",
    wrong="    text: |\n      Dein Konto ist eingerichtet.\n",
    right='    subject: "Willkommen"\n    text: |\n      Dein Konto ist eingerichtet.\n',
)
def _missing_translation(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("content"):
        own = {part.name for part in premises.parts if part.document is document and not part.locale}
        others = document.root.map("locales")
        for key, value in others.fields if others else ():
            missing = sorted(own - set(value.names())) if isinstance(value, Fields) else []
            if missing:
                yield flaw(document, key.place, f"{document.name!r} has no {', '.join(missing)} in '{key.text}'")


@gate(
    "M015",
    "a translation says something else",
    Severity.NOTE,
    why="Where one language shows a price, a date or a name and another does not, one of them was changed alone.",
    cure="read the same values in each language, or leave them out of both",
    at="content/welcome.yaml",
    wrong="      Deine Bestellung {{ trigger.type }} ist eingerichtet.\n",
    right="      Dein Konto ist eingerichtet.\n",
)
def _other_values(premises: Premises) -> Iterable[Flaw]:
    own = {(part.document.path, part.name): premises.variables_of(part.text.text) for part in premises.parts if not part.locale}
    for part in premises.parts:
        expected = own.get((part.document.path, part.name))
        if not part.locale or expected is None:
            continue
        if (found := premises.variables_of(part.text.text)) != expected:
            named = ", ".join(sorted(found ^ expected))
            yield flaw(part.document, part.text.place, f"the part '{part.name}' in '{part.locale}' differs from the original in {named}")


MESSAGES = (
    _no_unsubscribe,
    _long_subject,
    _shouting,
    _long_text_message,
    _dear_characters,
    _long_push,
    _forbidden_words,
    _missing_words,
    _unfinished,
    _no_preview,
    _long_html,
    _dropped_markup,
    _undefended_value,
    _missing_translation,
    _other_values,
)
"""The gates on what messages say and how long they are."""
