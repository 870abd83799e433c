"""Cron expressions: the five fields of a crontab, and the next instant at which a zone's wall clock shows what they say.

Fields are minute, hour, day of month, month and weekday, each `*`, a number or name, a range `a-b`, a step `*/n` or `a-b/n`, or a
list of these; 0 and 7 are Sunday. As in crontab(5), where both the day of the month and the weekday are restricted, either will
do. A wall time that a clock change skips comes when it would have come with the offset before; one that is shown twice comes once.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta

import msgspec

from pilotage.event.time import DAY_US, MINUTE_US, instant_us, moment
from pilotage.event.zone import Zones

DAYS_MAX = 8 * 366 + 2
"""How many days may lie between two instants of an expression: from one leap day to the next across a year such as 2100."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class BadCron(ValueError):
    """The text is not a cron expression. Write minute, hour, day of month, month and weekday, such as `0 9 * * mon-fri`."""


class Cron(msgspec.Struct, frozen=True):
    """An expression: the minutes of the day, the days of the month, the months, and the weekdays (0 is Sunday) it allows. `either`
    says that one of day and weekday is enough."""

    minutes: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either: bool


def parse_cron(text: str) -> Cron:
    """The cron expression of a text; `BadCron` if it is none, or if no day can ever fit."""
    fields = text.lower().split()
    if len(fields) != 5:
        raise BadCron(f"{text!r} has {len(fields)} fields and not five")
    minutes, hours = _field(fields[0], "minute", 0, 59), _field(fields[1], "hour", 0, 23)
    days, months = _field(fields[2], "day of month", 1, 31), _field(fields[3], "month", 1, 12, _MONTHS)
    weekdays = tuple(sorted({day % 7 for day in _field(fields[4], "weekday", 0, 7, _WEEKDAYS)}))
    either = fields[2][0] != "*" and fields[4][0] != "*"
    if not either and days[0] > max(_LENGTHS[month - 1] for month in months):
        raise BadCron(f"{text!r} never comes: no such month has a day {days[0]}")
    return Cron(tuple(hour * 60 + minute for hour in hours for minute in minutes), days, months, weekdays, either)


def _field(text: str, what: str, low: int, high: int, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        span, stroke, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if span == "*" else _number(first, what, low, high, names)
        end = high if span == "*" or (stroke and not dash) else _number(last, what, low, high, names) if dash else begin
        every = _number(step, f"step of the {what}", 1, high) if stroke else 1
        if begin > end:
            raise BadCron(f"the {what} {span!r} ends before it begins")
        found.update(range(begin, end + 1, every))
    return tuple(sorted(found))


def _number(text: str, what: str, low: int, high: int, names: tuple[str, ...] = ()) -> int:
    if text in names:
        return names.index(text) + low
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise BadCron(f"the {what} {text!r} is not from {low} to {high}")
    return int(text)


def next_instant(cron: Cron, zones: Zones, zone: str, from_us: int) -> int:
    """The first instant, from `from_us` on, that the expression means on the wall clock of a zone; 0 if none comes any more."""
    shift_us = zones.next_shift(from_us - 2 * DAY_US, zone)
    near_shift = 0 < shift_us < from_us + 2 * DAY_US
    wall_us = zones.wall_us(from_us, zone) - (2 * DAY_US if near_shift else 0)
    day = moment(wall_us).date()
    minute = -(-(wall_us - _midnight_us(day)) // MINUTE_US)
    for _ in range(DAYS_MAX):
        if _is_day(cron, day):
            for at in cron.minutes[bisect_left(cron.minutes, minute) :]:
                instant = zones.instant_of(_midnight_us(day) + at * MINUTE_US, zone)
                if instant >= from_us:
                    return instant
        if day == date.max:
            break
        day, minute = day + timedelta(days=1), 0
    return 0


def _is_day(cron: Cron, day: date) -> bool:
    if day.month not in cron.months:
        return False
    fits, weekday = day.day in cron.days, day.isoweekday() % 7 in cron.weekdays
    return fits or weekday if cron.either else fits and weekday


def _midnight_us(day: date) -> int:
    return instant_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
