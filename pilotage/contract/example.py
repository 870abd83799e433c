"""The smallest data that keep a contract: what is required, with values that are allowed. Tests of new journeys begin with them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pilotage.contract.model import Contract, FieldSpec

DAY, INSTANT = "2026-03-02", "2026-03-02T10:00:00Z"
_ANY = "a1A-_ .@"
"""What is tried for a character that may be one of many."""


def example(contract: Contract, given: Mapping[str, Any]) -> dict[str, Any]:
    """Data for an event of the contract's type: its required fields, and of what is given the fields that it declares. A value
    that cannot be found (of a pattern that looks ahead, say) is a plain one, which the contract will refuse."""
    known = {field.name for field in contract.fields}
    found = _object(contract.fields)
    return {**found, **{name: value for name, value in given.items() if name in known or contract.open}}


def _object(fields: Iterable[FieldSpec]) -> dict[str, Any]:
    return {field.name: _value(field) for field in fields if field.required}


def _value(field: FieldSpec) -> Any:
    if field.kind == "string":
        return _text(field)
    if field.kind in ("integer", "number"):
        return _number(field)
    if field.kind == "array":
        return [_value(field.items) if field.items else "a"] * (field.length_min or 0)
    if field.kind == "object":
        return _object(field.fields)
    return {"boolean": True, "date": DAY, "timestamp": INSTANT}[field.kind]


def _text(field: FieldSpec) -> str:
    if field.enum:
        return field.enum[0]
    if field.pattern:
        return text_of_pattern(field.pattern)
    return f"{field.name}-1" if not field.length_max or len(field.name) + 2 <= field.length_max else "a" * max(field.length_min or 1, 1)


def _number(field: FieldSpec) -> int:
    if field.enum:
        return int(field.enum[0])
    low = field.minimum if field.minimum is not None else field.exclusive_minimum + 1 if field.exclusive_minimum is not None else 1
    high = field.maximum if field.maximum is not None else field.exclusive_maximum - 1 if field.exclusive_maximum is not None else None
    return int(max(low, 1) if high is None or high >= max(low, 1) else low)


def text_of_pattern(pattern: str) -> str:
    """A short text that a regular expression matches, read off the standard library's own parse of it."""
    return "".join(_matching(re._parser.parse(pattern)))  # type: ignore[attr-defined]


def _matching(parsed: Iterable[tuple[Any, Any]]) -> Iterable[str]:
    for operation, argument in parsed:
        name = str(operation)
        if name == "LITERAL":
            yield chr(argument)
        elif name == "IN":
            yield _member(argument)
        elif name in ("ANY", "NOT_LITERAL"):
            yield next(char for char in _ANY if ord(char) != argument)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, _, inner = argument
            yield "".join(_matching(inner)) * least
        elif name == "SUBPATTERN":
            yield from _matching(argument[-1])
        elif name == "BRANCH":
            yield from _matching(argument[1][0])


def _member(allowed: Iterable[tuple[Any, Any]]) -> str:
    """A character of a class such as `[0-9A-F]` or `[^@\\s]`."""
    kinds = [(str(name), argument) for name, argument in allowed]
    if kinds[0][0] == "NEGATE":
        return next(char for char in _ANY if not any(_is_in(char, name, argument) for name, argument in kinds[1:]))
    name, argument = kinds[0]
    if name == "CATEGORY":
        return next(char for char in _ANY if _is_in(char, name, argument))
    return chr(argument[0] if name == "RANGE" else argument)


def _is_in(char: str, name: str, argument: Any) -> bool:
    if name == "RANGE":
        return bool(argument[0] <= ord(char) <= argument[1])
    if name == "CATEGORY":
        return {"CATEGORY_DIGIT": char.isdigit(), "CATEGORY_SPACE": char.isspace()}.get(str(argument), char.isalnum() or char == "_")
    return bool(ord(char) == argument)
