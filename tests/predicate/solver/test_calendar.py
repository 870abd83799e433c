"""Tests of the calendar in logic: it is Python's, from the year 1 to 9999."""

from datetime import date

import pytest

from pilotage.predicate import clock
from pilotage.predicate.solver import calendar
from pilotage.predicate.solver.calendar import FIRST_DAY, LAST_DAY, Civil
from pilotage.predicate.solver.logic import Logic, Term

EPOCH_DAY = date(1970, 1, 1).toordinal()
TURNS = [
    date(year, month, day).toordinal() - EPOCH_DAY for year in (4, 1900, 2000, 2020, 2023, 2024, 2026) for month, day in ((1, 1), (3, 1))
]
DAYS = sorted({*range(FIRST_DAY, LAST_DAY, 40_009), FIRST_DAY, LAST_DAY, *(turn + off for turn in TURNS for off in range(-4, 5))})
LOGIC = Logic()


def _parts(day: int) -> Civil:
    found = clock.calendar(day)
    return Civil(*(LOGIC.integer(value) for value in (found.year, found.month, found.day)))


def _value(term: Term) -> object:
    return LOGIC.valued(term, [])


@pytest.mark.parametrize("name", clock.PARTS)
def test_parts_of_dates_are_pythons(name: str) -> None:
    """Each part of a date is the same in logic and in Python."""
    for day in DAYS:
        assert clock.PARTS[name](day) == _value(calendar.part(LOGIC, name, LOGIC.integer(day), _parts(day))), clock.calendar(day)


def test_a_date_is_one_year_month_and_day() -> None:
    """A day count belongs to the year, month and day that Python says, and not to those of the day before."""
    for day in DAYS[1:]:
        assert _value(calendar.agrees(LOGIC, _parts(day), LOGIC.integer(day))) is True
        assert _value(calendar.agrees(LOGIC, _parts(day - 1), LOGIC.integer(day))) is False
    for nowhere in ((2023, 2, 29), (2024, 2, 30), (2024, 4, 31), (2024, 13, 1), (0, 1, 1)):
        found = Civil(*map(LOGIC.integer, nowhere))
        assert _value(calendar.agrees(LOGIC, found, calendar.days(LOGIC, *found))) is False


@pytest.mark.parametrize("unit", ["year", "quarter", "month", "week", "day"])
def test_dates_are_cut_as_in_python(unit: str) -> None:
    """The first day of a date's year, quarter, month and week is the same in logic and in Python."""
    for day in DAYS:
        assert clock.truncated(day, unit) == _value(calendar.truncated(LOGIC, LOGIC.integer(day), _parts(day), unit)), clock.calendar(day)


@pytest.mark.parametrize("months", [0, 1, -1, 12, 11, -13, 48])
def test_months_are_added_as_in_python(months: int) -> None:
    """The same day so many months later, or the last of the month, is the same in logic and in Python."""
    for day in DAYS[20:-20]:
        later, _ = calendar.months_later(LOGIC, _parts(day), LOGIC.integer(months))
        assert clock.add_months(day, months) == _value(later), clock.calendar(day)


def test_years_are_counted_as_in_python() -> None:
    """The full years between two dates are the same in logic and in Python, both ways."""
    for born in DAYS[::3]:
        for then in (born, born + 1, born - 1, born + 365, born + 366, born + 1461, born - 365, 20_000):
            if FIRST_DAY <= then <= LAST_DAY:
                first, second = ((LOGIC.integer(day), _parts(day)) for day in (born, then))
                assert clock.years_between(born, then) == _value(calendar.years_between(LOGIC, first, second))
