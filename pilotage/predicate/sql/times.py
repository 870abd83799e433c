"""Dates and times as SQL text, for DuckDB: the calendar of dates, and the subject's clock by lists of clock changes.

Only two steps know a zone: from an instant to its wall time, and back. Both look up an offset in lists that the zones table
holds, so the engine's own time zones take no part.
"""

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pilotage.predicate.clock import SPANS_US
from pilotage.predicate.ir import Call, Expr, Literal, Now, Type, Zone
from pilotage.predicate.sql.values import Values

SHIFT_DAYS = 1_000_000
"""Whole days added before a division, so that instants long before 1970 round down too."""

_CLOCK_US = {"hour": (HOUR_US, 24), "minute": (MINUTE_US, 60), "second": (SECOND_US, 60)}


class Times(Values):
    """Prints what reads calendars and clocks."""

    def clock(self, expr: Call) -> str:
        """A part of an instant's wall time, or of a date."""
        if len(expr.args) == 1:
            return self.part(expr.name, self.value(expr.args[0]))
        wall = self.inner(f"({self.wall(expr.args[0], expr.args[1])} + {SHIFT_DAYS * DAY_US})")
        if expr.name in _CLOCK_US:
            unit_us, size = _CLOCK_US[expr.name]
            return self.fitting(f"{self.div(wall, str(unit_us))} % {size}", Type.INTEGER)
        if expr.name == "local_time":
            return self.fitting(f"{wall} % {DAY_US}", Type.INTEGER)
        day = self.date_of(self.fitting(f"{self.div(wall, str(DAY_US))} - {SHIFT_DAYS}", Type.INTEGER))
        return day if expr.name == "date" else self.part(expr.name, day)

    def part(self, name: str, day: str) -> str:
        """A part of a date."""
        field = {"day_of_week": "isodow", "day_of_year": "doy"}.get(name, name)
        return self.fitting(f"extract({field} from {day})", Type.INTEGER)

    def wall(self, instant: Expr, zone: Expr) -> str:
        """The wall time of an instant in the subject's zone, microseconds as if it were UTC."""
        assert isinstance(zone, Zone)
        starts, offsets = self.source.zone(zone, "starts"), self.source.zone(zone, "offsets")
        code = self.value(instant)
        if isinstance(instant, Now):
            return f"({code} + {self.source.zone(zone, 'offset_now')})"
        return self.held([code], lambda us: self.inner(f"({self.widened(us)} + {self.at(offsets, self.reached(starts, us))})"))

    def instant_of(self, wall: str, zone: Zone) -> str:
        """The instant of a wall time."""
        walls, offsets = self.source.zone(zone, "walls"), self.source.zone(zone, "offsets")
        return self.held([wall], lambda us: self.fitting(f"{self.widened(us)} - {self.at(offsets, self.reached(walls, us))}", Type.INTEGER))

    def reached(self, starts: str, us: str) -> str:
        """How many of the starts are not after an instant."""
        return f"len(list_filter({starts}, lambda start: start <= {us}))"

    def at(self, offsets: str, place: str) -> str:
        """The element of a list of integers at a place, the first being 1."""
        return f"{offsets}[{place}]"

    def date_of(self, days: str) -> str:
        """The date so many days after 1 January 1970."""
        return f"cast(try(date '1970-01-01' + try_cast({days} as integer)) as date)"

    def days_from(self, day: str, other: str) -> str:
        """The days from the second date to the first."""
        return f"({day} - {other})"

    def add_days(self, day: str, days: str) -> str:
        """The date so many days later."""
        return f"cast(try({day} + try_cast({days} as integer)) as date)"

    def add_months(self, day: str, months: str) -> str:
        """The date so many months later."""
        return f"cast(try({day} + to_months(try_cast({months} as integer))) as date)"

    def beginning(self, unit: str, day: str) -> str:
        """The first day of the unit that a date lies in."""
        return f"cast(try(date_trunc('{unit}', {day})) as date)"

    def date_trunc(self, expr: Call) -> str:
        cut, unit, *zone = expr.args
        assert isinstance(unit, Literal)
        if not zone:
            return self.beginning(str(unit.value), self.value(cut))
        assert isinstance(zone[0], Zone)
        starts, offsets = self.source.zone(zone[0], "starts"), self.source.zone(zone[0], "offsets")
        if unit.value == "hour":
            return self.held([self.value(cut)], lambda us: self.hour_of(us, starts, offsets))
        day = self.beginning(str(unit.value), self.value(Call(Type.DATE, "date", (cut, zone[0]))))
        return self.instant_of(self.midnight(day), zone[0])

    def hour_of(self, us: str, starts: str, offsets: str) -> str:
        """The instant at which the hour of the clock began that shows at an instant."""
        wall = self.inner(f"({self.widened(us)} + {self.at(offsets, self.reached(starts, us))})")
        wall = self.inner(f"({wall} + {SHIFT_DAYS * DAY_US})")
        return self.fitting(f"{self.widened(us)} - {wall} % {HOUR_US}", Type.INTEGER)

    def midnight(self, day: str) -> str:
        """The wall time at which a date begins."""
        days = self.days_from(day, self.literal(Literal(Type.DATE, 0)))
        return self.fitting(f"{self.widened(days)} * {DAY_US}", Type.INTEGER)

    def timestamp(self, expr: Call) -> str:
        day, time, zone = expr.args
        assert isinstance(zone, Zone)
        return self.instant_of(self.fitting(f"{self.widened(self.midnight(self.value(day)))} + {self.value(time)}", Type.INTEGER), zone)

    def years_between(self, expr: Call) -> str:
        def between(first: str, second: str) -> str:
            def full(born: str, then: str) -> str:
                early = f"{self.day_in_year(then)} < {self.day_in_year(born)}"
                return f"{self.part('year', then)} - {self.part('year', born)} - case when {early} then 1 else 0 end"

            return f"(case when {first} <= {second} then {full(first, second)} else -({full(second, first)}) end)"

        return self.held([self.value(arg) for arg in expr.args], between)

    def day_in_year(self, day: str) -> str:
        """A number that orders the days of a year by month and day."""
        return f"({self.part('month', day)} * 100 + {self.part('day', day)})"

    def span(self, expr: Call) -> str:
        return self.fitting(self.div(self.value(expr.args[0]), str(SPANS_US[expr.name])), Type.INTEGER)
