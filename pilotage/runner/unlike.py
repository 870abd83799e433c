"""Where two things that should be the same differ first: the path of the field, and both values in words."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilotage.event.digest import canonical

SHOWN_MAX = 300


class Unlike(msgspec.Struct, frozen=True):
    """A field by its path, the value it should have, and the one it has."""

    field: str
    expected: str
    found: str


def first_difference(name: str, expected: Any, found: Any) -> Unlike | None:
    """The first field in which two values differ by their canonical bytes; None if they are the same. A tuple that was stored comes
    back as a list, and is the same."""
    if expected == found or canonical(expected) == canonical(found):
        return None
    inner = list(_parts(expected, found))
    if not inner:
        return Unlike(name, _shown(expected), _shown(found))
    for part, one, other in inner:
        unlike = first_difference(f"{name}{part}", one, other)
        if unlike is not None:
            return unlike
    return Unlike(name, _shown(expected), _shown(found))


def _parts(expected: Any, found: Any) -> Iterator[tuple[str, Any, Any]]:
    """The parts of two values, side by side, where both have the same kind of parts."""
    if isinstance(expected, msgspec.Struct) and type(expected) is type(found):
        for field in expected.__struct_fields__:
            yield f".{field}", getattr(expected, field), getattr(found, field)
    elif isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted({*expected, *found}, key=str):
            yield f".{key}", expected.get(key, ABSENT), found.get(key, ABSENT)
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        for place in range(max(len(expected), len(found))):
            one, other = (each[place] if place < len(each) else ABSENT for each in (expected, found))
            yield f"[{place}]", one, other


class Absent(msgspec.Struct, frozen=True):
    """Stands for what is not there."""


ABSENT = Absent()


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = value.hex() if isinstance(value, bytes) else repr(msgspec.to_builtins(value)) if not isinstance(value, str) else value
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"
