"""The Gregorian calendar in logic: a DATE (days since 1970-01-01) and its year, month and day, by whole-number arithmetic.

The day count follows from year, month and day. The other way round it is not calculated: year, month and day of a date are
unknowns that must have that day count, which decides them and which a solver handles far better than long division.
"""

from datetime import date
from typing import NamedTuple

from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.numbers import smaller

_EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_DAY, LAST_DAY = date.min.toordinal() - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY
_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Civil(NamedTuple):
    """Year, month and day of a date."""

    year: Term
    month: Term
    day: Term


def is_date(logic: Logic, days: Term) -> Term:
    """Whether a day count is a DATE: in the years 1 to 9999."""
    return logic.all_of(days >= FIRST_DAY, days <= LAST_DAY)


def agrees(logic: Logic, found: Civil, counted: Term) -> Term:
    """Whether year, month and day exist in the calendar and have this day count."""
    year, month, day = found
    ranges = logic.all_of(year >= 1, year <= 9999, month >= 1, month <= 12, day >= 1, day <= month_days(logic, year, month))
    # Follows from the rest, and spares the solver the search: 400 years have 146,097 days, and no year begins more than two days
    # from where that puts it.
    drift = counted * 400 - (year - 1970) * 146_097
    near = logic.all_of(drift >= -2 * 400, drift <= 368 * 400)
    return logic.all_of(ranges, near, logic.same(days(logic, year, month, day), counted))


def days(logic: Logic, year: Term, month: Term, day: Term) -> Term:
    """The DATE of a year, month and day."""
    past = year - 1
    before = logic.integer(_BEFORE_MONTH[-1])
    for at in range(11, 0, -1):
        before = logic.choose(logic.same(month, at), logic.integer(_BEFORE_MONTH[at - 1]), before)
    leap = _one_if(logic, logic.all_of(month > 2, _leap(logic, year)))
    return past * 365 + past / 4 - past / 100 + past / 400 + before + leap + day - _EPOCH_DAY


def month_days(logic: Logic, year: Term, month: Term) -> Term:
    """How many days a month has."""
    short = logic.any_of(*(logic.same(month, at) for at in (4, 6, 9, 11)))
    february = _one_if(logic, _leap(logic, year)) + 28
    return logic.choose(logic.same(month, 2), february, logic.choose(short, logic.integer(30), logic.integer(31)))


def _leap(logic: Logic, year: Term) -> Term:
    whole = [logic.same(year % size, 0) for size in (4, 100, 400)]
    return logic.all_of(whole[0], logic.any_of(logic.negated(whole[1]), whole[2]))


def part(logic: Logic, name: str, day: Term, found: Civil) -> Term:
    """A part of a DATE, by the name of its operator."""
    match name:
        case "year":
            return found.year
        case "quarter":
            return (found.month + 2) / 3
        case "month":
            return found.month
        case "day":
            return found.day
        case "day_of_week":
            return weekday(day) + 1
        case "day_of_year":
            return _day_of_year(logic, day, found)
        case _:
            return _week(logic, day, found)


def _day_of_year(logic: Logic, day: Term, found: Civil) -> Term:
    return day - days(logic, found.year, logic.integer(1), logic.integer(1)) + 1


def _week(logic: Logic, day: Term, found: Civil) -> Term:
    """The week after ISO 8601: that of the year in which its Thursday lies."""
    place = (_day_of_year(logic, day, found) - weekday(day) + 9) / 7
    early = logic.choose(place < 1, _weeks(logic, found.year - 1), place)
    return logic.choose(place > _weeks(logic, found.year), logic.integer(1), early)


def _weeks(logic: Logic, year: Term) -> Term:
    """52, or 53 in a year that ends on a Thursday or began on one."""
    long = (logic.same((each + each / 4 - each / 100 + each / 400) % 7, end) for each, end in ((year, 4), (year - 1, 3)))
    return _one_if(logic, logic.any_of(*long)) + 52


def weekday(day: Term) -> Term:
    """0 for Monday to 6 for Sunday: 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def truncated(logic: Logic, day: Term, found: Civil, unit: str) -> Term:
    """The first day of the year, quarter, month, week or day that a DATE lies in."""
    first = logic.integer(1)
    match unit:
        case "year":
            return days(logic, found.year, first, first)
        case "quarter":
            return days(logic, found.year, (found.month - 1) / 3 * 3 + 1, first)
        case "month":
            return day - found.day + 1
        case "week":
            return day - weekday(day)
        case _:
            return day


def months_later(logic: Logic, found: Civil, months: Term) -> tuple[Term, Term]:
    """The same day so many months later, the last of the month where it has no such day; and the year it is in."""
    total = found.year * 12 + found.month - 1 + months
    year, month = total / 12, total % 12 + 1
    return days(logic, year, month, smaller(logic, found.day, month_days(logic, year, month))), year


def years_between(logic: Logic, first: tuple[Term, Civil], second: tuple[Term, Civil]) -> Term:
    """The full years from one DATE to another (each with its parts), negative where the second is earlier."""
    (one, born), (other, then) = first, second
    return logic.choose(other < one, -_full_years(logic, then, born), _full_years(logic, born, then))


def _full_years(logic: Logic, born: Civil, then: Civil) -> Term:
    short = logic.any_of(then.month < born.month, logic.all_of(logic.same(then.month, born.month), then.day < born.day))
    return then.year - born.year - _one_if(logic, short)


def _one_if(logic: Logic, given: Term) -> Term:
    return logic.choose(given, logic.integer(1), logic.integer(0))
