"""Pages: the MJML and HTML of contents, laid out as their channel does it and read as a tree whose elements know where in the template
they come from.

Every start tag of the template is marked with its offset before the layout, and the marks come through: an attribute on HTML,
a class on MJML elements, which MJML hands on. Liquid has no customer to be filled with, so values become words and both arms of a
condition stand on the page.
"""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

LayOut = Callable[[str, bool], str]

LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEAD = re.compile(r"<mj-head\b.*?</mj-head>", re.DOTALL)
_TAG = re.compile(r"""<([a-zA-Z][\w-]*)((?:[^<>"']|"[^"]*"|'[^']*')*?)(/?)>""")
_CSS_CLASS = re.compile(r"""\bcss-class\s*=\s*(["'])""")
_MARK = re.compile(r"(?:^|\s)at-(\d+)(?:-outlook)?(?=\s|$)")
# fmt: off
_UNMARKED = frozenset((
    "mjml", "mj-body", "mj-head", "mj-raw", "mj-all", "mj-include", "html", "head", "title", "style", "script", "meta", "base",
))
# fmt: on
VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"))
_IMPLIED = {"li": {"li"}, "td": {"td", "th"}, "th": {"td", "th"}, "tr": {"tr", "td", "th"}, "option": {"option"}, "p": {"p"}}


class Element:
    """One element: its tag, attributes, children (elements and texts), and the offset in the template that it comes from (-1: only from
    the layout)."""

    __slots__ = ("attributes", "children", "offset", "parent", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None") -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []
        self.offset = _offset(attributes)

    def get(self, name: str, default: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(name, default)

    def all(self, *tags: str) -> Iterator["Element"]:
        """The elements below this one (of some tags), in document order."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def above(self) -> Iterator["Element"]:
        """The elements that this one is in, from the nearest."""
        found = self.parent
        while found is not None:
            yield found
            found = found.parent

    @property
    def text(self) -> str:
        """The text in it, blanks folded."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in ("style", "script", "title"):
                yield from child._texts()
                yield " "

    @property
    def hidden(self) -> bool:
        """Whether neither eyes nor screen readers meet it."""
        return any(
            each.get("aria-hidden") == "true" or "hidden" in each.attributes or "display:none" in each.get("style").replace(" ", "")
            for each in (self, *self.above())
        )


class Page:
    """A page that was laid out: its root element, the template it was made of, and its HTML."""

    def __init__(self, template: str, html: str, root: Element) -> None:
        self.template, self.html, self.root = template, html, root

    def place(self, element: Element | None) -> tuple[int, int]:
        """The line and column in the template (from 1) of the nearest element that stands there."""
        found = element
        while found is not None and found.offset < 0:
            found = found.parent
        offset = found.offset if found is not None else 0
        before = self.template[:offset]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def laid_out_page(template: str, is_mjml: bool, lay_out: LayOut) -> Page:
    """The page of a template."""
    html = lay_out(_marked(template), is_mjml)
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(template, html, reader.root)


def _marked(template: str) -> str:
    """The template with a mark on every start tag, and words in the place of Liquid."""
    bare = LIQUID.sub(_word, _COMMENT.sub(_blank, template))
    heads = [match.span() for match in _HEAD.finditer(bare)]
    pieces, at = [], 0
    for match in _TAG.finditer(bare):
        tag = match[1].lower()
        if tag in _UNMARKED or any(start <= match.start() < end for start, end in heads):
            continue
        pieces.append(bare[at : match.start()])
        pieces.append(_marked_tag(match, tag))
        at = match.end()
    return "".join((*pieces, bare[at:]))


def _marked_tag(match: re.Match[str], tag: str) -> str:
    mark = f"at-{match.start()}"
    if not tag.startswith("mj-"):
        return f'<{match[1]} data-at="{match.start()}"{match[2]}{match[3]}>'
    if _CSS_CLASS.search(match[2]):
        return f"<{match[1]}{_CSS_CLASS.sub(lambda found: found[0] + mark + ' ', match[2], count=1)}{match[3]}>"
    return f'<{match[1]} css-class="{mark}"{match[2]}{match[3]}>'


def _word(match: re.Match[str]) -> str:
    """What stands for Liquid while a page is looked at: as long as it, a word for a value and blanks for a tag."""
    if match[0].startswith("{{"):
        return "value" + "x" * (len(match[0]) - len("value"))
    return _blank(match)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _offset(attributes: dict[str, str]) -> int:
    written = attributes.get("data-at", "")
    if written.isdigit():
        return int(written)
    found = _MARK.search(attributes.get("class", ""))
    return int(found[1]) if found else -1


class _Reader(HTMLParser):
    """Reads HTML as browsers mostly do: void elements have no end, some end tags are implied, stray ones are ignored."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {}, None)
        self._at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self._at.tag in _IMPLIED.get(tag, ()) and self._at.parent is not None:
            self._at = self._at.parent
        element = Element(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.children.append(element)
        if tag not in VOID:
            self._at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        found: Element | None = self._at
        while found is not None and found.tag != tag:
            found = found.parent
        if found is not None and found.parent is not None:
            self._at = found.parent

    def handle_data(self, data: str) -> None:
        self._at.children.append(data)
