"""Kernel values as others want them: JSON for emitted events, plain text for messages and people, and back from JSON."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pilotage.event.time import duration_text, instant_text, parse_instant_us
from pilotage.predicate.ir import SCALE, Type

_EPOCH = date(1970, 1, 1)


def decimal_text(scaled: int) -> str:
    """The decimal text of a NUMBER, without trailing zeros: 12500000 → `12.5`."""
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), SCALE)
    return f"{sign}{whole}.{rest:06d}".rstrip("0").rstrip(".") if rest else f"{sign}{whole}"


def plain_value(kind: Type, value: Any) -> Any:
    """A kernel value as a message template reads it: NUMBERs as decimal text, times as RFC 3339 text."""
    if value is None:
        return None
    if kind is Type.NUMBER:
        return decimal_text(value)
    if kind is Type.TIMESTAMP:
        return instant_text(value)
    if kind is Type.DATE:
        return (_EPOCH + timedelta(days=value)).isoformat()
    if kind is Type.INTERVAL:
        return duration_text(value)
    return value


def json_value(kind: Type, value: Any) -> Any:
    """A kernel value as a contract's JSON has it: like `plain_value`, but NUMBERs are exact JSON numbers."""
    if kind is Type.NUMBER and value is not None:
        return Decimal(value).scaleb(-6)
    return plain_value(kind, value)


def kernel_value(kind: Type, value: Any) -> Any:
    """The kernel value of a JSON value, or None where it is not of the kind."""
    try:
        return _READERS[kind](value) if value is not None else None
    except (ValueError, ArithmeticError):
        return None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _integer(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return value if whole else None


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return _integer(int((Decimal(str(value)) * SCALE).to_integral_value()))


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _timestamp(value: Any) -> int | None:
    return parse_instant_us(value) if isinstance(value, str) else None


def _date(value: Any) -> int | None:
    return (date.fromisoformat(value) - _EPOCH).days if isinstance(value, str) else None


def _null(value: Any) -> None:
    return None


_READERS: dict[Type, Callable[[Any], Any]] = {
    Type.BOOLEAN: _boolean,
    Type.INTEGER: _integer,
    Type.NUMBER: _number,
    Type.STRING: _string,
    Type.TIMESTAMP: _timestamp,
    Type.DATE: _date,
    Type.INTERVAL: _integer,
    Type.NULL: _null,
}
