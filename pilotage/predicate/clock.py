"""What generated code calls for dates and times: the calendar and clock of the subject's zone, by pinned tables.

An instant's wall time is microseconds as if it were UTC; what depends on the zone is that step alone. A date or a wall
time outside of the years 1 to 9999 raises `NumberOverflow`.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pilotage.event.zone import Zones
from pilotage.predicate.arithmetic import int64
from pilotage.predicate.error import NumberOverflow

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = date.min.toordinal() - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY
_FIRST_US, _LAST_US = _FIRST_DAY * DAY_US, (_LAST_DAY + 1) * DAY_US
SPANS_US = {"days": DAY_US, "hours": HOUR_US, "minutes": MINUTE_US, "seconds": SECOND_US}
"""The operators that say how often a unit fits into an interval."""


def day_of(value: int) -> int:
    """The DATE, if it is one; `NumberOverflow` otherwise."""
    if _FIRST_DAY <= value <= _LAST_DAY:
        return value
    raise NumberOverflow(value)


@lru_cache(maxsize=4096)
def calendar(day: int) -> date:
    """A DATE as Python's date."""
    return date.fromordinal(day_of(day) + _EPOCH_DAY)


def _number(found: date) -> int:
    return found.toordinal() - _EPOCH_DAY


PARTS: dict[str, Callable[[int], int]] = {
    "year": lambda day: calendar(day).year,
    "quarter": lambda day: (calendar(day).month + 2) // 3,
    "month": lambda day: calendar(day).month,
    "week": lambda day: calendar(day).isocalendar().week,
    "day": lambda day: calendar(day).day,
    "day_of_week": lambda day: calendar(day).isoweekday(),
    "day_of_year": lambda day: calendar(day).timetuple().tm_yday,
}
"""The parts of a DATE."""

CLOCK: dict[str, Callable[[int], int]] = {
    "hour": lambda wall: wall // HOUR_US % 24,
    "minute": lambda wall: wall // MINUTE_US % 60,
    "second": lambda wall: wall // SECOND_US % 60,
    "local_time": lambda wall: wall % DAY_US,
    "date": lambda wall: day_of(wall // DAY_US),
}
"""The parts of a wall time that are not parts of its date."""


def truncated(day: int, unit: str) -> int:
    """The first day of the year, quarter, month, week or day that a DATE lies in."""
    found = calendar(day)
    match unit:
        case "year":
            return _number(found.replace(month=1, day=1))
        case "quarter":
            return _number(found.replace(month=(found.month - 1) // 3 * 3 + 1, day=1))
        case "month":
            return _number(found.replace(day=1))
        case "week":
            return day - found.weekday()
        case _:
            return day


def add_months(day: int, months: int) -> int:
    """The same day so many months later; the last of the month where it has no such day."""
    found = calendar(day)
    year, month = divmod(found.year * 12 + found.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise NumberOverflow(months)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day if (year, month) != (9999, 11) else 31
    return _number(date(year, month + 1, min(found.day, last)))


def years_between(first: int, second: int) -> int:
    """The full years from one DATE to another, negative where the second is earlier."""
    if second < first:
        return -years_between(second, first)
    born, then = calendar(first), calendar(second)
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))


def whole(value: int, unit_us: int) -> int:
    """How often the unit fits into an INTERVAL, rounded towards zero."""
    return value // unit_us if value >= 0 else -(-value // unit_us)


def zoned(zones: Zones) -> dict[str, Any]:
    """What reads zone tables, bound to them, by the names that generated code uses."""

    def wall(instant: int, zone: str) -> int:
        found = zones.wall_us(instant, zone)
        if _FIRST_US <= found < _LAST_US:
            return found
        raise NumberOverflow(instant)

    def zone_of(own: Any, default: str) -> str:
        return own if type(own) is str and own in zones else default

    def date_trunc(instant: int, unit: str, zone: str) -> int:
        shown = wall(instant, zone)
        if unit == "hour":  # by the clock's own hours: in a zone of half an hour's distance they begin at half past, UTC
            return instant - shown % HOUR_US
        return zones.instant_of(truncated(shown // DAY_US, unit) * DAY_US, zone)

    def timestamp(day: int, time_us: int, zone: str) -> int:
        return int64(zones.instant_of(int64(day * DAY_US + time_us), zone))

    return {
        "zone_of": zone_of,
        "wall": wall,
        "op_date_trunc": date_trunc,
        "op_timestamp": timestamp,
    }
