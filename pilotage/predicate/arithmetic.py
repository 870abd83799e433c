"""What generated code calls: exact arithmetic within int64, values of events brought to their kernel form, patterns.

Nothing here rounds through a float. A result that does not fit in 64 bits raises `NumberOverflow`; division by zero is NULL.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from pilotage.event.time import instant_us
from pilotage.predicate.error import NumberOverflow
from pilotage.predicate.ir import SCALE

_MIN, _MAX = -(2**63), 2**63 - 1
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_CENT = SCALE // 100
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def int64(value: int) -> int:
    """The value, if it fits in 64 bits; `NumberOverflow` otherwise."""
    if _MIN <= value <= _MAX:
        return value
    raise NumberOverflow(value)


def _half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, a tie to the even one."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def times(left: int, right: int) -> int:
    """The product of two NUMBERs, rounded half-even to six decimals."""
    return int64(_half_even(left * right, SCALE))


def quotient(left: int, right: int) -> int | None:
    """The NUMBER that two INTEGERs, or two NUMBERs, divide to, rounded half-even to six decimals; NULL for division by 0."""
    return int64(_half_even(left * SCALE, right)) if right else None


def remainder(left: int, right: int) -> int | None:
    """What division towards zero leaves, with the sign of the dividend; NULL for division by 0."""
    if not right:
        return None
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def absolute(value: int) -> int:
    """The number without its sign."""
    return int64(abs(value))


def sign(value: int) -> int:
    """−1, 0 or 1."""
    return (value > 0) - (value < 0)


def floor(value: int) -> int:
    """The whole number below a NUMBER, as an INTEGER."""
    return value // SCALE


def ceil(value: int) -> int:
    """The whole number above a NUMBER, as an INTEGER."""
    return -(-value // SCALE)


def nearest(value: int, unit: int = SCALE) -> int:
    """How many units a number is nearest to, a half away from zero, as SQL rounds: an INTEGER for a NUMBER."""
    return (2 * value + unit) // (2 * unit) if value >= 0 else -((2 * -value + unit) // (2 * unit))


def rounded(value: int, decimals: int) -> int:
    """A NUMBER to so many decimals, a half away from zero."""
    unit = 10 ** (6 - decimals)
    return int64(nearest(value, unit) * unit)


def least(*values: Any) -> Any:
    """The least of the values that are not NULL."""
    return min((value for value in values if value is not None), default=None)


def greatest(*values: Any) -> Any:
    """The greatest of the values that are not NULL."""
    return max((value for value in values if value is not None), default=None)


def number(value: Decimal | int | float | None) -> int | None:
    """A number of an event as a NUMBER, rounded half-even to six decimals. A float counts as its shortest decimal text."""
    if value is None:
        return None
    if isinstance(value, int):
        return int64(value * SCALE)
    if type(value) is Decimal:
        whole, _, part = str(value).partition(".")
        if len(part) == 2 and part.isdecimal():  # an amount as it is mostly written; a third of the time of what follows
            return int64(int(whole + part) * _CENT)
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite() or exact.adjusted() > 18:
        raise NumberOverflow(_MAX)
    return int64(int(_EXACT.to_integral_value(_EXACT.scaleb(exact, 6))))


def instant(value: datetime | None) -> int | None:
    """A timestamp of an event as a TIMESTAMP."""
    return None if value is None else instant_us(value)


def day(value: date | None) -> int | None:
    """A date of an event as a DATE."""
    return None if value is None else value.toordinal() - _EPOCH_DAY


def inner(event: object, attributes: Sequence[str]) -> Any:
    """The value at the end of a path of attributes; None where the path ends early."""
    for name in attributes:
        event = getattr(event, name, None)
    return event


def like_regex(pattern: str, escape: str = "") -> str:
    """The regular expression of a `like` pattern, for `fullmatch` with DOTALL.

    Each stretch between two `%` is taken at its first place and never given back (atomic groups), which is right for such
    patterns and keeps matching linear in the text, whatever the pattern.
    """
    segments = like_segments(pattern, escape)
    first, *rest = ["".join("." if part is None else re.escape(part) for part in segment) for segment in segments]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{segment})" for segment in middle if segment) + ".*" + last


def like_segments(pattern: str, escape: str = "") -> list[list[str | None]]:
    """A `like` pattern split at each `%`; in a segment, None stands for any one character (`_`)."""
    segments: list[list[str | None]] = [[]]
    literal = False
    for character in pattern:
        if literal or character not in (escape, "%", "_"):
            segments[-1].append(character)
            literal = False
        elif character == escape:
            literal = True
        elif character == "%":
            segments.append([])
        else:
            segments[-1].append(None)
    return segments
