"""Tests of dates and times against Python's own calendar, and of flips on the wall clock through clock changes."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import instant_text, parse_instant_us
from pilotage.predicate.clock import PARTS, add_months, truncated, whole, years_between
from pilotage.predicate.error import NumberOverflow
from pilotage.predicate.leaves import ZonesMissing
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.parse import parse
from pilotage.predicate.python import compile_functions
from tests.predicate.histories import DAY, SCOPE, ZONES

EPOCH = date(1970, 1, 1)
DATES = st.dates(date(1, 1, 8), date(9998, 12, 31))


def _number(day: date) -> int:
    return (day - EPOCH).days


@given(day=DATES)
def test_parts_of_dates_are_the_calendars(day: date) -> None:
    """Each part of a date is what Python's calendar says, weeks and weekdays after ISO 8601."""
    found = {name: part(_number(day)) for name, part in PARTS.items()}
    _, week, weekday = day.isocalendar()
    assert (day.year, day.month, day.day, week, weekday) == tuple(found[name] for name in ("year", "month", "day", "week", "day_of_week"))
    assert ((day.month + 2) // 3, (day - date(day.year, 1, 1)).days + 1) == (found["quarter"], found["day_of_year"])


@given(day=DATES, unit=st.sampled_from(["year", "quarter", "month", "week", "day"]))
def test_a_unit_begins_at_its_first_day(day: date, unit: str) -> None:
    """What is cut to a unit lies in it, and the day before lies in another."""
    first = truncated(_number(day), unit)
    assert first <= _number(day) < first + 366
    assert first == truncated(first, unit)
    assert first != truncated(first - 1, unit)


@given(day=DATES, months=st.integers(-240, 240))
def test_months_later_is_the_same_day_or_the_last(day: date, months: int) -> None:
    """So many months later is the same day of the month, or the last one of a month that is too short."""
    index = day.year * 12 + day.month - 1 + months
    if not 12 <= index < 120_000:
        return
    found = EPOCH + timedelta(add_months(_number(day), months))
    assert (index // 12, index % 12 + 1) == (found.year, found.month)
    assert found.day == day.day or (found.day < day.day and (found + timedelta(1)).day == 1)


@given(first=DATES, second=DATES)
def test_years_are_counted_at_the_day(first: date, second: date) -> None:
    """So many full years have passed as anniversaries have; backwards it is as many below zero."""
    years = years_between(_number(first), _number(second))
    assert -years == years_between(_number(second), _number(first))
    anniversaries = [(year, first.month, first.day) for year in range(first.year + 1, second.year + 1)]
    if first <= second:
        assert years == sum(each <= (second.year, second.month, second.day) for each in anniversaries)


def test_who_is_born_on_a_leap_day_is_older_on_the_first_of_march() -> None:
    """Born on 29 February 2008, someone is 17 on 28 February 2026 and 18 on 1 March."""
    born = _number(date(2008, 2, 29))
    assert (17, 18) == (years_between(born, _number(date(2026, 2, 28))), years_between(born, _number(date(2026, 3, 1))))


def test_whole_units_round_towards_zero() -> None:
    """A day and a half is one day, ahead or behind."""
    assert (1, -1, 0, 0) == tuple(whole(value, 10) for value in (15, -15, 9, -9))


@pytest.mark.parametrize("text", ["d1 + 4000000 = d2", "add_months(d1, 200000) = d2", "date(t1) = d1", "year(t1) = 1", "hour(t1) = 1"])
def test_a_date_outside_of_the_calendar_is_an_error(text: str) -> None:
    """A date beyond the years 1 to 9999 raises, as a number that does not fit does."""
    made = compile_functions({"it": parse(text, SCOPE).expr}, zones=ZONES)["it"]
    state = SimpleNamespace(attributes={"d1": 0, "d2": 0, "t1": 2**62})
    with pytest.raises(NumberOverflow):
        made(state, None, {}, 0, "")


def test_the_clock_needs_zone_tables() -> None:
    """A condition that reads the customer's clock is not compiled without zone tables."""
    with pytest.raises(ZonesMissing):
        compile_functions({"it": parse("hour(now()) = 1", SCOPE).expr})


def _flips(text: str, begin: str, zone: str, number: int) -> list[str]:
    """The first flips of a condition from an instant on."""
    expr = parse(text, SCOPE).expr
    flip = compile_flips({"it": expr}, zones=ZONES)["it"]
    state = SimpleNamespace(attributes={"timezone": zone}, features={}, visits={}, entries=[], consents={}, audiences={})
    now, found = parse_instant_us(begin), []
    for _ in range(number):
        now = flip(state, None, {}, now)
        found.append(instant_text(now))
    return found


@pytest.mark.parametrize(
    ("text", "begin", "zone", "flips"),
    [
        (  # the hour from two to three is skipped on the 29th
            "hour(now()) = 2",
            "2026-03-28T00:00:00Z",
            "Europe/Berlin",
            ["2026-03-28T01:00:00Z", "2026-03-28T02:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"],
        ),
        (  # and on 25 October there are two of them
            "hour(now()) = 2",
            "2026-10-24T12:00:00Z",
            "Europe/Berlin",
            ["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-26T01:00:00Z"],
        ),
        (
            "local_time(now()) between '09:00' and '17:00'",
            "2026-03-28T12:00:00Z",
            "Europe/Berlin",
            ["2026-03-28T16:00:00.000001Z", "2026-03-29T07:00:00Z", "2026-03-29T15:00:00.000001Z"],
        ),
        ("day_of_week(now()) in (6, 7)", "2026-03-26T00:00:00Z", "Asia/Kathmandu", ["2026-03-27T18:15:00Z", "2026-03-29T18:15:00Z"]),
        ("month(today()) = 1", "2026-06-01T00:00:00Z", "America/New_York", ["2027-01-01T05:00:00Z", "2027-02-01T05:00:00Z"]),
        ("today() >= date '2026-11-02'", "2026-10-31T12:00:00Z", "America/New_York", ["2026-11-02T05:00:00Z"]),
        ("now() >= timestamp(date '2026-03-29', '02:30')", "2026-03-28T12:00:00Z", "Europe/Berlin", ["2026-03-29T01:30:00Z"]),
        ("now() - timestamp '2026-01-01' > '30d'", "2026-01-02T00:00:00Z", "UTC", ["2026-01-31T00:00:00.000001Z"]),
        ("days(now() - timestamp '2026-01-01') = 2", "2026-01-01T12:00:00Z", "UTC", ["2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"]),
        ("year(now()) = 2028", "2027-12-30T00:00:00Z", "UTC", ["2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z"]),
    ],
)
def test_the_wall_clock_flips_through_clock_changes(text: str, begin: str, zone: str, flips: list[str]) -> None:
    """Conditions on the customer's clock change at the instants of that clock: none in a skipped hour, none between the two passes
    of a repeated one."""
    assert flips == _flips(text, begin, zone, len(flips))


def test_what_is_waited_for_is_passed_over_until_it_comes() -> None:
    """A count over many events wakes when its truth changes, not whenever an event leaves the window."""
    expr = parse("count('a', '1d') = 0", SCOPE).expr
    flip = compile_flips({"it": expr})["it"]
    state = SimpleNamespace(features={"a": [1000, 2000, 3000]})
    assert 3000 + DAY == flip(state, None, {}, 5000)
