"""Constants of conditions: from the text an author writes to the kernel representation, and back to text.

Numbers stay exact on the way: a decimal becomes an integer count of millionths without passing through a float.
"""

import re
from datetime import date

from pilotage.event.time import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    WEEK_US,
    BadDuration,
    duration_text,
    duration_us,
    instant_text,
    parse_instant_us,
)
from pilotage.predicate.ir import SCALE, Literal, Type

INT64_MAX = 2**63 - 1
DURATION_MAX_US = 36_525 * DAY_US
"""The longest duration a condition may name: a hundred years."""

EVER_US = DURATION_MAX_US
"""The window of what asks for all events."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_WORDS_US = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": SECOND_US,
    "sec": SECOND_US,
    "minute": MINUTE_US,
    "min": MINUTE_US,
    "hour": HOUR_US,
    "day": DAY_US,
    "week": WEEK_US,
}
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?")
_WORDED = re.compile(r"(\d+) *([a-z]+?)s?(?: +(?:and +)?|$)")


class BadLiteral(ValueError):
    """The text is not a constant of the type wanted; `message` says why, `cure` what to write."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


def number(text: str) -> Literal:
    """An INTEGER without a decimal point, a NUMBER with one; at most six decimals, within 64 bits."""
    whole, point, decimals = text.partition(".")
    if len(decimals) > 6:
        raise BadLiteral(f"{text} has more than six decimals", "numbers are exact to six decimals; round it")
    whole = whole.lstrip("0") or "0"
    fits = len(whole) <= len(str(INT64_MAX))  # Python reads no text of more than 4,300 digits
    value = (int(whole + decimals.ljust(6, "0")) if point else int(whole)) if fits else 0
    if not fits or value > INT64_MAX + 1:
        raise BadLiteral(f"{text} is too large", f"the largest integer is {INT64_MAX}, the largest decimal {INT64_MAX // SCALE}")
    return Literal(Type.NUMBER if point else Type.INTEGER, value)


def interval(text: str) -> Literal:
    """An INTERVAL from `7d`, `1h30m`, `PT1H`, `7 days`, `1 day 2 hours` or, as on a clock, `09:30`; never negative, at most a
    hundred years."""
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        return Literal(Type.INTERVAL, int(clock[1]) * HOUR_US + int(clock[2]) * MINUTE_US + int(clock[3] or 0) * SECOND_US)
    us = _worded_us(text.strip().lower())
    if us is None:
        try:
            us = duration_us(text)
        except BadDuration as error:
            raise BadLiteral(f"{text!r} is not a duration", "write for example '30d', '1h30m', '7 days' or 'PT1H'") from error
    if us > DURATION_MAX_US:
        raise BadLiteral(f"{text!r} is longer than a hundred years", "write a shorter duration")
    return Literal(Type.INTERVAL, us)


def _worded_us(text: str) -> int | None:
    """Microseconds of number-word pairs such as `1 day 2 hours`; None if the text is of another form."""
    total, position = 0, 0
    while position < len(text):
        part = _WORDED.match(text, position)
        if part is None:
            return None
        if part[2] in ("month", "year", "quarter"):
            raise BadLiteral(f"a {part[2]} has no fixed length", "write days, for example '30d' or '365d'")
        if part[2] not in _WORDS_US:
            return None
        total += int(part[1]) * _WORDS_US[part[2]]
        position = part.end()
    return total if text else None


def timestamp(text: str) -> Literal:
    """A TIMESTAMP from RFC 3339 or ISO 8601 text; without a zone it is UTC."""
    try:
        return Literal(Type.TIMESTAMP, parse_instant_us(text.strip()))
    except (ValueError, OverflowError) as error:
        raise BadLiteral(f"{text!r} is not a timestamp", "write for example '2026-01-31T09:30:00Z'") from error


def day(text: str) -> Literal:
    """A DATE from ISO 8601 text."""
    try:
        return Literal(Type.DATE, date.fromisoformat(text.strip()).toordinal() - _EPOCH_DAY)
    except ValueError as error:
        raise BadLiteral(f"{text!r} is not a date", "write for example '2026-01-31'") from error


FROM_STRING = {Type.TIMESTAMP: timestamp, Type.DATE: day, Type.INTERVAL: interval}
"""The types whose constants may be written as plain strings where one is compared with a value of the type."""


def escape_fault(pattern: str, escape: str) -> str:
    """What is wrong with the escapes of a `like` pattern; empty if nothing."""
    at = 0
    while at < len(pattern):
        if pattern[at] == escape:
            if pattern[at + 1 : at + 2] not in ("%", "_", escape):
                return f"the pattern has {escape!r} before something that needs no escape"
            at += 1
        at += 1
    return ""


def number_text(value: int) -> str:
    """The decimal text of a NUMBER: `12`, `12.50`, `-0.125`; at least two decimals where there are any."""
    whole, part = divmod(abs(value), SCALE)
    decimals = f"{part:06d}".rstrip("0").ljust(2, "0") if part else ""
    return ("-" if value < 0 else "") + str(whole) + ("." + decimals if decimals else "")


def number_plain(value: int) -> str:
    """The decimal text of a NUMBER without zeros at its end: `12`, `12.5`, `-0.125`."""
    whole, part = divmod(abs(value), SCALE)
    return ("-" if value < 0 else "") + str(whole) + (f".{part:06d}".rstrip("0") if part else "")


def date_text(value: int) -> str:
    """ISO 8601 text of a DATE."""
    return date.fromordinal(value + _EPOCH_DAY).isoformat()


def interval_text(value: int) -> str:
    """Number-unit text of an INTERVAL in whole milliseconds, days and not weeks as the largest unit: `7d`, `-1h30m`."""
    sign, size = ("-", -value) if value < 0 else ("", value)
    days, rest = divmod(size, DAY_US)
    return sign + (f"{days}d" if days else "") + (duration_text(rest) if rest or not days else "")


_SHOWN = {Type.NUMBER: number_text, Type.DATE: date_text, Type.TIMESTAMP: instant_text, Type.INTERVAL: interval_text}


def readable(kind: Type, value: bool | int | str | None) -> bool | int | str | None:
    """A value as decision records show it: decimals, instants (RFC 3339), dates and durations as text, others as they are."""
    show = _SHOWN.get(kind)
    return value if value is None or show is None or not isinstance(value, int) else show(value)
