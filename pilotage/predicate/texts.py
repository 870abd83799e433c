"""What generated code calls for text, lists and maps, with one meaning in every back end.

Letters change case one by one, by their simple mapping: what a letter becomes never depends on its neighbours, and never is
several letters. Characters are code points. No text grows beyond `TEXT_MAX` characters.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from pilotage.predicate.error import TextOverflow
from pilotage.predicate.ir import SCALE

TEXT_MAX = 65_536
"""The longest text a condition may make, in characters."""

PLACE_MAX = 1_000_000_000
"""Places and lengths beyond this are as good as this: no text is so long."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")


class _Case(dict[int, Any]):
    """A table for `str.translate` that finds each letter's other form once. One that `str` makes several letters of has the
    form that titles give it, if that is one letter."""

    def __init__(self, change: str, **others: str) -> None:
        super().__init__({ord(letter): other for letter, other in others.items()})
        self._change = getattr(str, change)

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        found = next((other for other in (self._change(letter), letter.title()) if len(other) == 1), letter)
        self[code] = found
        return found


_LOWER, _UPPER = _Case("lower", İ="i"), _Case("upper", ß="ẞ")


def lower(text: str) -> str:
    """Small letters, letter by letter."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def upper(text: str) -> str:
    """Capital letters, letter by letter."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def bounded(text: str) -> str:
    """The text, if it is not too long; `TextOverflow` otherwise."""
    if len(text) > TEXT_MAX:
        raise TextOverflow(len(text))
    return text


def concat(first: str, second: str) -> str:
    """Two texts joined."""
    return bounded(first + second)


def starts_with(text: str, part: str) -> bool:
    """Whether the text begins with the part."""
    return text.startswith(part)


def ends_with(text: str, part: str) -> bool:
    """Whether the text ends with the part."""
    return text.endswith(part)


def contains(text: str, part: str) -> bool:
    """Whether the text has the part."""
    return part in text


def position(text: str, part: str) -> int:
    """The place of the part's first character, the first being 1; 0 if it is not there."""
    return text.find(part) + 1


def list_contains(held: Sequence[str | None], item: str) -> bool:
    """Whether the list has the item; an item that is NULL is none."""
    return item in held


def trim(text: str, characters: str = " ") -> str:
    """Without the characters at both ends."""
    return text.strip(characters) if characters else text


def ltrim(text: str, characters: str = " ") -> str:
    """Without the characters at the beginning."""
    return text.lstrip(characters) if characters else text


def rtrim(text: str, characters: str = " ") -> str:
    """Without the characters at the end."""
    return text.rstrip(characters) if characters else text


def _place(value: int) -> int:
    return max(-PLACE_MAX, min(PLACE_MAX, value))


def substring(text: str, start: int, length: int = PLACE_MAX) -> str:
    """The characters at the places from `start` on, the first being 1, as standard SQL counts: places before 1 are empty."""
    start, length = _place(start), _place(length)
    first = max(start, 1)
    return text[first - 1 : max(start + length, first) - 1]


def left(text: str, length: int) -> str:
    """The first characters; none for a length below 1."""
    return text[: max(length, 0)]


def right(text: str, length: int) -> str:
    """The last characters; none for a length below 1."""
    return text[-length:] if length > 0 else ""


def replace(text: str, part: str, other: str) -> str:
    """Each part replaced; an empty part is nowhere."""
    if not part or part not in text:
        return text
    grown = len(text) + text.count(part) * (len(other) - len(part))
    if grown > TEXT_MAX:
        raise TextOverflow(grown)
    return text.replace(part, other)


def split_part(text: str, separator: str, place: int) -> str:
    """The piece at a place, the first being 1; empty if there is none. Nothing separates where the separator is empty."""
    pieces = text.split(separator) if separator else [text]
    return pieces[place - 1] if 0 < place <= len(pieces) else ""


def integer(text: str) -> int | None:
    """The whole number that a text says; NULL if it says none."""
    return int(text) if _INTEGER.fullmatch(text) else None


def parsed_number(text: str) -> int | None:
    """The NUMBER that a text says; NULL if it says none."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    value = int(found[2]) * SCALE + int((found[3] or "").ljust(6, "0"))
    return -value if found[1] == "-" else value


def item(held: Sequence[str | None], place: int) -> str | None:
    """The item of a list at a place, the first being 1; NULL if there is none."""
    return held[place - 1] if 0 < place <= len(held) else None


def texts(value: Any) -> list[str | None] | None:
    """A list of an event as a LIST."""
    return None if value is None else [_text(each) for each in value]


def pairs(value: Any) -> dict[str, str] | None:
    """An object of an event as a MAP; a key whose value is null is not in it."""
    if value is None:
        return None
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    assert isinstance(value, Mapping)
    return {str(key): text for key, each in value.items() if (text := _text(each)) is not None}


def _text(value: Any) -> str | None:
    """What stands for a value in a list or map: a text itself, anything else its JSON text; null is NULL."""
    if value is None or type(value) is str:
        return value
    return f"{value.normalize():f}" if isinstance(value, Decimal) else msgspec.json.encode(value).decode()
