"""The Gregorian calendar in logic: the parts of a DATE (days since 1970-01-01), and dates of parts, by whole-number arithmetic.

The day count is turned into year, month and day over eras of 400 years that begin in March, so that the leap day is the last of
its year (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
"""

from datetime import date
from typing import NamedTuple

from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.numbers import smaller

_EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_DAY, LAST_DAY = date.min.toordinal() - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY
_MARCH = 719_468  # days from 0000-03-01 to 1970-01-01


class Civil(NamedTuple):
    """Year, month and day of a date."""

    year: Term
    month: Term
    day: Term


def civil(logic: Logic, days: Term) -> Civil:
    """Year, month and day of a DATE."""
    shifted = days + _MARCH
    era, of_era = shifted / 146_097, shifted % 146_097
    year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365
    of_year = of_era - (year * 365 + year / 4 - year / 100)
    place = (of_year * 5 + 2) / 153
    month = logic.choose(place < 10, place + 3, place - 9)
    return Civil(year + era * 400 + _one_if(logic, month <= 2), month, of_year - (place * 153 + 2) / 5 + 1)


def days(logic: Logic, year: Term, month: Term | int, day: Term | int) -> Term:
    """The DATE of a year, month and day."""
    if isinstance(month, int):
        month = logic.integer(month)
    early = month <= 2
    shifted = year - _one_if(logic, early)
    era, of_era = shifted / 400, shifted % 400
    place = logic.choose(early, month + 9, month - 3)
    return era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (place * 153 + 2) / 5 + day - (1 + _MARCH)


def part(logic: Logic, name: str, day: Term) -> Term:
    """A part of a DATE, by the name of its operator."""
    if name == "day_of_week":
        return weekday(day) + 1
    if name == "week":
        thursday = day - weekday(day) + 3
        return (thursday - days(logic, civil(logic, thursday).year, 1, 1)) / 7 + 1
    found = civil(logic, day)
    match name:
        case "year":
            return found.year
        case "quarter":
            return (found.month + 2) / 3
        case "month":
            return found.month
        case "day":
            return found.day
        case _:
            return day - days(logic, found.year, 1, 1) + 1


def weekday(day: Term) -> Term:
    """0 for Monday to 6 for Sunday: 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def truncated(logic: Logic, day: Term, unit: str) -> Term:
    """The first day of the year, quarter, month, week or day that a DATE lies in."""
    if unit == "week":
        return day - weekday(day)
    found = civil(logic, day)
    match unit:
        case "year":
            return days(logic, found.year, 1, 1)
        case "quarter":
            return days(logic, found.year, (found.month - 1) / 3 * 3 + 1, 1)
        case "month":
            return day - found.day + 1
        case _:
            return day


def months_later(logic: Logic, day: Term, months: Term) -> tuple[Term, Term]:
    """The same day so many months later, the last of the month where it has no such day; and the year it is in."""
    found = civil(logic, day)
    total = found.year * 12 + found.month - 1 + months
    year, month = total / 12, total % 12 + 1
    following = days(logic, (total + 1) / 12, (total + 1) % 12 + 1, 1)
    first = days(logic, year, month, 1)
    return first + smaller(logic, found.day, following - first) - 1, year


def years_between(logic: Logic, first: Term, second: Term) -> Term:
    """The full years from one DATE to another, negative where the second is earlier."""
    one, other = civil(logic, first), civil(logic, second)
    turned = second < first
    return logic.choose(turned, -_full_years(logic, other, one), _full_years(logic, one, other))


def _full_years(logic: Logic, born: Civil, then: Civil) -> Term:
    short = logic.any_of(then.month < born.month, logic.all_of(logic.same(then.month, born.month), then.day < born.day))
    return then.year - born.year - _one_if(logic, short)


def _one_if(logic: Logic, given: Term) -> Term:
    return logic.choose(given, logic.integer(1), logic.integer(0))
