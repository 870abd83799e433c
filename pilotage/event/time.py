"""Time as the product keeps it: int64 microseconds since 1970-01-01T00:00:00Z, and durations in microseconds.

A day is 86,400 s. Nothing here reads a clock: instants come in as arguments or from text.
"""

import re
from datetime import UTC, datetime, timedelta

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US

_UNITS_US = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": WEEK_US, "ms": 1_000}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BadDuration(ValueError):
    """The text is not a duration. Write one or more number-unit pairs such as `30d`, `1h30m` or `90s`, or ISO 8601 such as `PT1H`."""


def duration_us(text: str) -> int:
    """Microseconds of a duration such as `30d`, `1h30m`, `250ms` or ISO 8601 `P1DT2H`; `BadDuration` otherwise."""
    compact = text.replace(" ", "")
    parts = _PART.findall(compact)
    if parts and "".join(n + u for n, u in parts) == compact:
        return sum(int(n) * _UNITS_US[u] for n, u in parts)
    iso = _ISO.fullmatch(compact)
    if iso and any(iso.groups()):
        sizes = (WEEK_US, DAY_US, HOUR_US, MINUTE_US, SECOND_US)
        return sum(int(n) * size for n, size in zip(iso.groups(), sizes, strict=True) if n)
    raise BadDuration(f"{text!r} is not a duration; write for example 30d, 1h30m, 90s or PT1H")


def duration_text(us: int) -> str:
    """The shortest number-unit text of a duration: 5400000000 → `1h30m`."""
    if us == 0:
        return "0s"
    text = ""
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if unit == "w" and us % WEEK_US:
            continue
        count, us = divmod(us, _UNITS_US[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def instant_us(moment: datetime) -> int:
    """Microseconds UTC of a datetime; one without a zone is read as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def moment(us: int) -> datetime:
    """The UTC datetime of an instant, exact to the microsecond (no float on the way)."""
    return _EPOCH + timedelta(microseconds=us)


def instant_text(us: int) -> str:
    """RFC 3339 text of an instant in UTC, with microseconds only where there are any."""
    return moment(us).isoformat().replace("+00:00", "Z")


def parse_instant_us(text: str) -> int:
    """Microseconds UTC of RFC 3339 or ISO 8601 text; `ValueError` says what is wrong."""
    return instant_us(datetime.fromisoformat(text))
