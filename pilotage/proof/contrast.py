"""How text stands out on a page: the colours, sizes and weights that reach each piece of text, and the contrast they come to.

Styles are those of the elements' own `style` and old attributes (`bgcolor`, `color`), since e-mails are laid out with both and style
sheets are moved into the elements before. Where a picture or a gradient lies behind a text, nothing is said.
"""

import re
from collections.abc import Iterator

import msgspec

from pilotage.proof.colour import Rgba, contrast, over, read_colour
from pilotage.proof.page import Element

WHITE: Rgba = (255.0, 255.0, 255.0, 1.0)
BLACK: Rgba = (0.0, 0.0, 0.0, 1.0)
LINK: Rgba = (0.0, 0.0, 238.0, 1.0)
RATIO, RATIO_LARGE = 4.5, 3.0
LARGE_PX, LARGE_BOLD_PX = 24.0, 18.66
_SIZES = {"xx-small": 9, "x-small": 10, "small": 13, "medium": 16, "large": 18, "x-large": 24, "xx-large": 32}
_UNITS = {"px": 1.0, "pt": 4 / 3, "rem": 16.0, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54}
_HEADINGS = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h4": 1.0, "h5": 0.83, "h6": 0.67}
_LENGTH = re.compile(r"([\d.]+)(px|pt|rem|em|pc|in|cm|mm|%)?")


class Look(msgspec.Struct, frozen=True):
    """How a piece of text looks: colour, what lies behind it (None: not known), size in CSS pixels, and whether it is bold."""

    colour: Rgba | None = BLACK
    behind: Rgba | None = WHITE
    size_px: float = 16.0
    bold: bool = False

    @property
    def large(self) -> bool:
        """Whether it is large-scale text: 18 pt, or 14 pt bold (WCAG 2.2)."""
        return self.size_px >= LARGE_PX or (self.bold and self.size_px >= LARGE_BOLD_PX)

    @property
    def ratio(self) -> float | None:
        """The contrast ratio; None where colours are not known."""
        if self.colour is None or self.behind is None:
            return None
        return contrast(over(self.colour, self.behind), self.behind)

    @property
    def least(self) -> float:
        """The ratio it needs (WCAG 2.2, 1.4.3)."""
        return RATIO_LARGE if self.large else RATIO


def style_of(element: Element) -> dict[str, str]:
    """The declarations of an element's own style; of two the later counts."""
    pairs = (part.partition(":") for part in element.get("style").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value.strip()}


def looks(element: Element, look: Look | None = None) -> Iterator[tuple[Element, str, Look]]:
    """Every piece of text below an element that is seen, with the element it stands in and how it looks."""
    look = look or Look()
    for child in element.children:
        if isinstance(child, str):
            if child.strip():
                yield element, child.strip(), look
        elif child.tag not in ("head", "style", "script", "title", "select", "option") and not _unseen(child):
            yield from looks(child, _within(child, look))


def _unseen(element: Element) -> bool:
    style = style_of(element)
    return (
        style.get("display", "").startswith("none")
        or style.get("visibility", "").startswith("hidden")
        or style.get("opacity", "1") in ("0", "0.0")
        or "hidden" in element.attributes
        or (style.get("max-height") == "0px" and style.get("overflow") == "hidden")
    )


def _within(element: Element, look: Look) -> Look:
    style = style_of(element)
    return Look(_colour(element, style, look), _behind(element, style, look), _size(element, style, look), _bold(element, style, look))


def _colour(element: Element, style: dict[str, str], look: Look) -> Rgba | None:
    written = style.get("color") or (element.get("color") if element.tag == "font" else "")
    if written.lower().startswith("inherit") or not written:
        return LINK if element.tag == "a" and not written and "href" in element.attributes else look.colour
    return read_colour(written)


def _behind(element: Element, style: dict[str, str], look: Look) -> Rgba | None:
    shorthand = style.get("background", "")
    image = style.get("background-image", "none")
    if "url(" in shorthand or "gradient(" in shorthand or image != "none" or element.get("background"):
        return None
    written = style.get("background-color") or shorthand or element.get("bgcolor")
    if not written or written.startswith(("none", "inherit", "initial", "unset")):
        return look.behind
    found = read_colour(written)
    if found is None:
        return None
    if found[3] >= 1:
        return found
    return over(found, look.behind) if look.behind is not None else None


def _size(element: Element, style: dict[str, str], look: Look) -> float:
    written = style.get("font-size", "").lower()
    if written in _SIZES:
        return float(_SIZES[written])
    match = _LENGTH.fullmatch(written.removesuffix("!important").strip())
    if match:
        unit = match[2] or "px"
        return float(match[1]) * (look.size_px if unit == "em" else look.size_px / 100 if unit == "%" else _UNITS[unit])
    return look.size_px * _HEADINGS.get(element.tag, 1.0) if element.tag != "small" else look.size_px / 1.2


def _bold(element: Element, style: dict[str, str], look: Look) -> bool:
    written = style.get("font-weight", "").lower()
    if written:
        return written in ("bold", "bolder") or (written.isdigit() and int(written) >= 700)
    return look.bold or element.tag in ("b", "strong", "th", *_HEADINGS)
