"""What calendars may ask for when a plan is made: public holidays, and the events of an iCalendar file.

The answers come from outside, as contracts and zones do, and are written into the plan.
"""

from collections.abc import Callable, Sequence
from datetime import date

import msgspec


class Occurrence(msgspec.Struct, frozen=True):
    """One event of a file: a span [start, end) of wall times or, `fixed`, of instants, in microseconds."""

    start_us: int
    end_us: int
    fixed: bool
    reason: str


class FileBroken(ValueError):
    """A calendar's file cannot be read. `cure` says what to do, `line` where in the file it goes wrong (0: not known)."""

    def __init__(self, message: str, cure: str, line: int = 0) -> None:
        super().__init__(message)
        self.cure, self.line = cure, line


class Almanac(msgspec.Struct, frozen=True):
    """`holidays(place, first, last)` are the public holidays of one of the `countries` or `regions` (ISO 3166-2, such as DE-BY) from one
    day to another with their names, `occurrences(file, first, last)` the events of a file; it raises `FileBroken`."""

    countries: frozenset[str]
    holidays: Callable[[str, date, date], Sequence[tuple[date, str]]]
    occurrences: Callable[[str, date, date], Sequence[Occurrence]]
    regions: frozenset[str] = frozenset()


def _no_file(name: str, first: date, last: date) -> Sequence[Occurrence]:
    raise FileBroken(f"there is no file {name}", "keep it in the workspace")


NO_ALMANAC = Almanac(frozenset(), lambda place, first, last: (), _no_file)
"""Where nothing is known of the world's days."""
