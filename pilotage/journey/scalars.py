"""The kinds of single values that documents hold: names, durations, percentages, times of day, conditions.

Each kind says how it is read from text, what to tell a person whose text is not of that kind, and which JSON Schema an
editor may check it with. Conditions and expressions are only required to be text here; they are typed when compiled.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec

from pilotage.event.cron import BadCron, Cron, parse_cron
from pilotage.event.time import BadDuration, duration_us
from pilotage.journey.document import Scalar

NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}"
WORD = r"[A-Za-z_][A-Za-z0-9_\-]{0,63}"
PARAMETER = r"[a-z][a-z0-9_]{0,63}"
FIELD = r"[A-Za-z_$][A-Za-z0-9_$\-]*(\.[A-Za-z_$][A-Za-z0-9_$\-]*){0,15}"
SHARE = r"([0-9]{1,2}(\.[0-9]{1,2})?|100(\.0{1,2})?) ?%"
TIME = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
DURATION = r"P.+|([0-9]+ *(ms|[smhdw]) *)+"
END = "end"
"""What a document calls the end of its steps; no step may have this id."""
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+\-][0-9]{2}:[0-9]{2})?"
LOCALE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
DURATION_MAX_US = 100 * 366 * 86_400_000_000

_T = TypeVar("_T")
_SHARE = re.compile(SHARE)
_TIME = re.compile(TIME)
_INSTANT = re.compile(INSTANT)
_DAY = re.compile(DAY)


class Unreadable(ValueError):
    """A value is not of its kind; the message says what it must be."""


class ScalarKind(msgspec.Struct, frozen=True):
    """One kind: the rule a bad value breaks, the cure for it, its JSON Schema, and how it is read."""

    rule: str
    cure: str
    schema: dict[str, Any]
    read: Callable[[Scalar], object]


def text_of(scalar: Scalar) -> str:
    """Text that is not empty; a number or a truth value must be put in quotes to be text."""
    if not isinstance(scalar.value, str) or not scalar.value.strip():
        raise Unreadable(f"{shown(scalar)} is not text")
    return scalar.text


def line_of(scalar: Scalar) -> str:
    """Text, possibly empty."""
    if not isinstance(scalar.value, str):
        raise Unreadable(f"{shown(scalar)} is not text")
    return scalar.text


def _matching(pattern: str, what: str) -> Callable[[Scalar], str]:
    compiled = re.compile(pattern)

    def read(scalar: Scalar) -> str:
        if scalar.value is None or not compiled.fullmatch(scalar.text):
            raise Unreadable(f"{shown(scalar)} is not {what}")
        return scalar.text

    return read


def duration_of(scalar: Scalar) -> int:
    """Microseconds of a duration, more than none and at most 100 years."""
    if not isinstance(scalar.value, str):
        raise Unreadable(f"{shown(scalar)} has no unit")
    try:
        found = duration_us(scalar.text)
    except BadDuration:
        raise Unreadable(f"{scalar.text!r} is not a duration") from None
    if not 0 < found <= DURATION_MAX_US:
        raise Unreadable(f"{scalar.text!r} is not between 1ms and 100 years")
    return found


def share_of(scalar: Scalar) -> int:
    """Ten-thousandths of a percentage: `12.5%` → 1250."""
    if not _SHARE.fullmatch(scalar.text):
        raise Unreadable(f"{shown(scalar)} is not a percentage")
    whole, _, part = scalar.text.rstrip("% ").partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def minute_of(scalar: Scalar) -> int:
    """Minutes from midnight of a time of day: `21:30` → 1290."""
    if not _TIME.fullmatch(scalar.text):
        raise Unreadable(f"{shown(scalar)} is not a time of day")
    hour, _, minute = scalar.text.partition(":")
    return int(hour) * 60 + int(minute)


def cron_of(scalar: Scalar) -> Cron:
    """The five fields of a crontab."""
    try:
        return parse_cron(scalar.text)
    except BadCron as fault:
        raise Unreadable(str(fault)) from None


def instant_of(scalar: Scalar) -> datetime:
    """A date and time of day, with an offset or without one."""
    if not _INSTANT.fullmatch(scalar.text):
        raise Unreadable(f"{shown(scalar)} is not a date and time")
    try:
        return datetime.fromisoformat(scalar.text)
    except ValueError as fault:
        raise Unreadable(f"{shown(scalar)} is not a date and time: {fault}") from None


def day_of(scalar: Scalar) -> date:
    """A date."""
    if not isinstance(scalar.value, str) or not _DAY.fullmatch(scalar.text):
        raise Unreadable(f"{shown(scalar)} is not a date")
    try:
        return date.fromisoformat(scalar.text)
    except ValueError as fault:
        raise Unreadable(f"{shown(scalar)} is not a date: {fault}") from None


def day_or_instant_of(scalar: Scalar) -> date:
    """A date (which is no datetime), or a date and time of day."""
    return day_of(scalar) if _DAY.fullmatch(scalar.text) else instant_of(scalar)


def count_of(scalar: Scalar) -> int:
    """A whole number from 1 to a million."""
    if isinstance(scalar.value, bool) or not isinstance(scalar.value, int):
        raise Unreadable(f"{shown(scalar)} is not a whole number")
    if not 1 <= scalar.value <= 1_000_000:
        raise Unreadable(f"{scalar.value} is not between 1 and 1000000")
    return scalar.value


def integer_of(scalar: Scalar) -> int:
    """A whole number."""
    if isinstance(scalar.value, bool) or not isinstance(scalar.value, int):
        raise Unreadable(f"{shown(scalar)} is not a whole number")
    return scalar.value


def number_of(scalar: Scalar) -> float:
    """A number."""
    if isinstance(scalar.value, bool) or not isinstance(scalar.value, int | float):
        raise Unreadable(f"{shown(scalar)} is not a number")
    return scalar.value


def flag_of(scalar: Scalar) -> bool:
    """True or false."""
    if not isinstance(scalar.value, bool):
        raise Unreadable(f"{shown(scalar)} is neither true nor false")
    return scalar.value


def expression_of(scalar: Scalar) -> str:
    """The text of a condition or value; a bare number or truth value is one too."""
    if scalar.value is None or not scalar.text.strip():
        raise Unreadable(f"{shown(scalar)} is not a condition or value")
    return scalar.text


def setting_of(scalar: Scalar) -> str:
    """Any single value that is not null, as text: settings of a channel."""
    if scalar.value is None:
        raise Unreadable("null is not a setting")
    return scalar.text


def shown(scalar: Scalar) -> str:
    """How a value is shown in a message: quoted if it is text, else with what it is."""
    if scalar.value is None:
        return "null"
    if isinstance(scalar.value, str):
        return repr(scalar.text if len(scalar.text) <= 60 else scalar.text[:57] + "…")
    what = "truth value" if isinstance(scalar.value, bool) else "number"
    return f"the {what} {scalar.text}"


def _pattern(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern})$"}


_TEXT_CURE = "write text, in quotes if it looks like a number"
_SINGLE = ["string", "number", "boolean"]

SCALAR_KINDS: dict[str, ScalarKind] = {
    "text": ScalarKind("D011", _TEXT_CURE, {"type": "string", "minLength": 1}, text_of),
    "line": ScalarKind("D011", _TEXT_CURE, {"type": "string"}, line_of),
    "name": ScalarKind(
        "D015",
        "use letters, digits, '_', '-' and '.', beginning with a letter or digit",
        _pattern(NAME),
        _matching(NAME, "a name"),
    ),
    "word": ScalarKind("D015", "use letters, digits, '_' and '-', beginning with a letter", _pattern(WORD), _matching(WORD, "an id")),
    "step": ScalarKind(
        "D015", "write the id of a step: letters, digits, '_' and '-', beginning with a letter", _pattern(WORD), _matching(WORD, "an id")
    ),
    "step path": ScalarKind(
        "D015",
        "write the id of a step, or for one inside another both, such as again/nudge",
        _pattern(f"{WORD}(/{WORD})*"),
        _matching(f"{WORD}(/{WORD})*", "the id of a step"),
    ),
    "step anywhere": ScalarKind(
        "D015",
        "write the id of a step, such as again/nudge; of another journey with its name before it, such as service.orders.visit/ring",
        _pattern(f"({NAME}/)?{WORD}(/{WORD})*"),
        _matching(f"({NAME}/)?{WORD}(/{WORD})*", "the id of a step"),
    ),
    "parameter": ScalarKind(
        "D015",
        "use small letters, digits and '_', beginning with a letter",
        _pattern(PARAMETER),
        _matching(PARAMETER, "a parameter's name"),
    ),
    "field": ScalarKind("D015", "write a field's name, or a path such as address.city", _pattern(FIELD), _matching(FIELD, "a field path")),
    "duration": ScalarKind("D017", "write for example 30d, 1h30m, 90s or PT1H", _pattern(DURATION), duration_of),
    "share": ScalarKind("D018", "write for example 5% or 12.5%", _pattern(SHARE), share_of),
    "time": ScalarKind("D019", "write hours and minutes, such as 09:00 or 21:30", _pattern(TIME), minute_of),
    "cron": ScalarKind("D022", "write minute, hour, day of month, month and weekday, such as 0 9 * * mon-fri", {"type": "string"}, cron_of),
    "instant": ScalarKind("D023", "write a date and time such as 2026-03-02T10:00", _pattern(INSTANT), instant_of),
    "locale": ScalarKind("D015", "write a language by BCP 47, such as de or de-AT", _pattern(LOCALE), _matching(LOCALE, "a language")),
    "day": ScalarKind("D023", "write a date such as 2026-12-24", _pattern(DAY), day_of),
    "day or instant": ScalarKind(
        "D023", "write a date such as 2026-12-24, or with a time such as 2026-12-24T14:00", _pattern(f"{DAY}|{INSTANT}"), day_or_instant_of
    ),
    "count": ScalarKind("D021", "write a whole number from 1 on", {"type": "integer", "minimum": 1, "maximum": 1_000_000}, count_of),
    "integer": ScalarKind("D011", "write a whole number", {"type": "integer"}, integer_of),
    "number": ScalarKind("D011", "write a number", {"type": "number"}, number_of),
    "flag": ScalarKind("D011", "write true or false", {"type": "boolean"}, flag_of),
    "condition": ScalarKind("E001", "write a condition such as country = 'DE'", {"type": ["string", "boolean"]}, expression_of),
    "expression": ScalarKind("E001", "write a value such as trigger.total or 'gold'", {"type": _SINGLE}, expression_of),
    "setting": ScalarKind("D011", "write a single value", {"type": _SINGLE}, setting_of),
    "schema": ScalarKind("D012", "write 'schema: 1'; this release reads version 1", {"const": 1}, _matching("1", "a known schema version")),
}
"""Every kind of single value by its name."""


def duration_or(scalar: Scalar | None, default: int) -> int:
    """Microseconds of a duration that may be missing or, already reported, unreadable."""
    return _or(scalar, duration_of, default)


def share_or(scalar: Scalar | None, default: int) -> int:
    """Ten-thousandths of a percentage that may be missing or, already reported, unreadable."""
    return _or(scalar, share_of, default)


def cron_or(scalar: Scalar | None) -> Cron | None:
    """The cron expression of a scalar; None where it is missing or, already reported, unreadable."""
    return _or(scalar, cron_of, None)


def day_or_instant(scalar: Scalar | None) -> date | None:
    """The date, or date and time, of a scalar; None where it is missing or, already reported, unreadable."""
    return _or(scalar, day_or_instant_of, None)


def minute_or(scalar: Scalar | None, default: int) -> int:
    """Minutes of a time of day that may be missing or, already reported, unreadable."""
    return _or(scalar, minute_of, default)


def count_or(scalar: Scalar | None, default: int) -> int:
    """A count that may be missing or, already reported, unreadable."""
    return _or(scalar, count_of, default)


def flag_or(scalar: Scalar | None, default: bool) -> bool:
    """A truth value that may be missing or, already reported, unreadable."""
    return _or(scalar, flag_of, default)


def _or(scalar: Scalar | None, read: Callable[[Scalar], _T], default: _T) -> _T:
    if scalar is None:
        return default
    try:
        return read(scalar)
    except Unreadable:
        return default
