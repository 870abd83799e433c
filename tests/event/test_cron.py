"""Cron expressions: read as crontab(5) reads them, on the wall clock of a zone, through every clock change."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.cron import BadCron, Cron, next_instant, parse_cron
from pilotage.event.time import DAY_US, MINUTE_US, instant_text, parse_instant_us
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()


def comes(text: str, zone: str, after: str, times: int = 1) -> list[str]:
    """The next instants of an expression, the first one from an instant on."""
    found, at_us = [], parse_instant_us(after)
    for _ in range(times):
        at_us = next_instant(parse_cron(text), ZONES, zone, at_us)
        found.append(instant_text(at_us))
        at_us += 1
    return found


def test_fields_are_read_as_crontab_reads_them() -> None:
    """Names, ranges, steps and lists; 0 and 7 are Sunday; either day will do where both are restricted."""
    assert (
        parse_cron("0 9 * * mon-fri")
        == parse_cron("0 9 * * 1,2,3,4,5")
        == Cron((540,), tuple(range(1, 32)), tuple(range(1, 13)), (1, 2, 3, 4, 5), False)
    )
    assert parse_cron("0 0 * * 7") == parse_cron("0 0 * * SUN")
    assert (0, 20, 40, 60, 80, 100) == parse_cron("*/20 0-1 * * *").minutes
    assert (50, 55) == parse_cron("50/5 0 * * *").minutes
    assert ["2026-02-01T08:00:00Z", "2026-02-06T08:00:00Z"] == comes("0 8 1 * fri", "UTC", "2026-01-31T00:00:00Z", 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 9 * *", "has 4 fields and not five"),
        ("60 9 * * *", "the minute '60' is not from 0 to 59"),
        ("0 9 * * mo", "the weekday 'mo' is not from 0 to 7"),
        ("0 18-9 * * *", "the hour '18-9' ends before it begins"),
        ("0 9 */0 * *", "the step of the day of month '0' is not from 1 to 31"),
        ("0 9 31 2,4 *", "never comes: no such month has a day 31"),
        ("0 9 ² * *", "the day of month '²' is not from 1 to 31"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, reason: str) -> None:
    """A wrong count, a number out of its range, and a day that never comes are refused with what is wrong."""
    with pytest.raises(BadCron) as refused:
        parse_cron(text)
    assert reason in str(refused.value)


def test_the_wall_clock_of_the_zone_counts() -> None:
    """Nine o'clock is nine o'clock where the customer lives, in summer and in winter."""
    assert ["2026-01-05T08:00:00Z"] == comes("0 9 * * mon", "Europe/Berlin", "2026-01-01T00:00:00Z")
    assert ["2026-07-06T07:00:00Z"] == comes("0 9 * * mon", "Europe/Berlin", "2026-07-01T00:00:00Z")


def test_clock_changes_neither_lose_nor_repeat() -> None:
    """A time that the clock skips comes with the offset before it; one that it shows twice comes once."""
    assert ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"] == comes(
        "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3
    )
    assert ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"] == comes("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)


def test_rare_days_come() -> None:
    """A leap day comes after eight years where a century has none."""
    assert ["2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"] == comes("0 0 29 2 *", "UTC", "2093-01-01T00:00:00Z", 2)


FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/20", "5,59"]),
    st.sampled_from(["*", "2", "0-3", "23", "*/6"]),
    st.sampled_from(["*", "1", "28-31"]),
    st.sampled_from(["*", "3", "10,11"]),
    st.sampled_from(["*", "sun", "1-3"]),
)
ZONE = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"])
START = parse_instant_us("2026-03-01T00:00:00Z")


@given(FIELDS, ZONE, st.integers(0, 500 * DAY_US))
def test_an_instant_shows_on_the_wall_clock_and_none_lies_between(fields: tuple[str, ...], zone: str, ahead: int) -> None:
    """Whatever the expression: the instant found is what the clock shows, and no earlier minute of the next two days is."""
    cron, from_us = parse_cron(" ".join(fields)), START + ahead
    found = next_instant(cron, ZONES, zone, from_us)
    assert found >= from_us
    at = from_us - from_us % MINUTE_US + (MINUTE_US if from_us % MINUTE_US else 0)
    shown = [at_us for at_us in range(at, min(found, from_us + 2 * DAY_US), MINUTE_US) if _shows(cron, ZONES.local(at_us, zone))]
    assert [] == [at_us for at_us in shown if not ZONES.local(at_us, zone).fold]
    later = ZONES.local(found, zone)
    assert _shows(cron, later) or _shows(cron, (later - timedelta(hours=1))) or _shows(cron, later - timedelta(minutes=30))


def _shows(cron: Cron, wall: datetime) -> bool:
    day, weekday = wall.day in cron.days, wall.isoweekday() % 7 in cron.weekdays
    fits = day or weekday if cron.either else day and weekday
    return wall.month in cron.months and fits and wall.hour * 60 + wall.minute in cron.minutes and wall.second == 0
