"""When the passing of time alone can next change a condition's truth, and whether that can be told at all.

An event enters a window the moment it occurs and leaves it one window later. What moves with the clock (`now()`, `since_last`,
sums of these with what stands still) passes what it is compared with once, at an instant that can be computed; what reads a
calendar or counts whole units steps at instants that can be computed too. Those instants come from the subject's state and zone,
so nobody is polled. What moves and is neither compared nor stepped (a choice between moving values, a multiple of one, one that
moves at twice the speed of another) is refused where it is written.
"""

from bisect import bisect_right
from collections.abc import Iterator

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pilotage.event.zone import Zones
from pilotage.predicate.clock import SPANS_US, truncated
from pilotage.predicate.ir import Aggregate, Call, Count, Entered, Expr, Now, Performed, Sequence, SinceLast, Type
from pilotage.predicate.literals import INT64_MAX
from pilotage.predicate.table import WALL

COMPARING = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "between", "in"})
_TIMED = (Count, Performed, SinceLast, Aggregate, Sequence, Now)
_UNITS_US = {"hour": HOUR_US, "minute": MINUTE_US, "second": SECOND_US}
_LONG = {"year": "year", "quarter": "quarter", "month": "month", "week": "week"}


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions an expression is made of."""
    return expr.args if isinstance(expr, Call) else ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all within it, outermost first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def is_timed(expr: Expr) -> bool:
    """Whether the passing of time alone can change the value."""
    return any(isinstance(part, _TIMED) or (isinstance(part, Entered) and part.window_us > 0) for part in walk(expr))


class Uncomputable(ValueError):
    """When a value changes by time cannot be computed. `part` is what moves: a `Now` or a `SinceLast`."""

    def __init__(self, part: Expr) -> None:
        super().__init__("when this changes by time cannot be computed")
        self.part = part


def speed(expr: Expr) -> int:
    """How a value moves with the clock: 1 as fast, −1 against it, 0 if it stands still or steps; `Uncomputable` if it does
    neither. A `local_time` moves as fast, and steps back at midnight."""
    if isinstance(expr, Now | SinceLast):
        return 1
    if not isinstance(expr, Call):
        return 0
    speeds = [speed(arg) for arg in expr.args]
    if not any(speeds):
        return 0
    if expr.name in COMPARING:
        for other in speeds[1:]:
            _together(expr, speeds[0] - other)
        return 0
    if expr.name in ("add", "sub"):
        return _together(expr, speeds[0] + (speeds[1] if expr.name == "add" else -speeds[1]))
    if expr.name == "neg":
        return -speeds[0]
    if expr.name in WALL and speeds[0] == 1:
        return 1 if expr.name == "local_time" else 0
    if expr.name == "is_null" or expr.name in SPANS_US:
        return 0
    raise Uncomputable(_moving(expr))


def _together(expr: Call, found: int) -> int:
    if abs(found) > 1:
        raise Uncomputable(_moving(expr))
    return found


def _moving(expr: Expr) -> Expr:
    """What moves of itself in a moving expression; the first, where several do."""
    return expr if isinstance(expr, Now | SinceLast) else _moving(next(child for child in children(expr) if speed(child)))


def uncomputable(expr: Expr) -> Expr | None:
    """What makes the next flip of a condition one that cannot be computed; None if it can be."""
    try:
        speed(expr)
    except Uncomputable as found:
        return found.part
    return None


def window_flip(instants: list[int] | None, window_us: int, now: int) -> int:
    """The earliest instant after `now` at which an event enters the window (it occurs) or leaves it (`window_us` after it
    occurred; never if that is 0); 0 if there is none. `instants` are in ascending order."""
    if not instants:
        return 0
    coming = bisect_right(instants, now)
    enters = instants[coming] if coming < len(instants) else 0
    if not window_us:
        return enters
    oldest = bisect_right(instants, now - window_us)
    leaves = instants[oldest] + window_us if oldest < coming else 0
    return min(enters, leaves) if enters and leaves else enters or leaves


def reach(moving: int | None, other: int | None, now: int) -> int:
    """The earliest instant after `now` at which what moves with the clock reaches what it is compared with, or has just passed
    it (one microsecond later); 0 if both are behind, one of the two is NULL (None), or it is beyond all instants."""
    if moving is None or other is None or other < moving:
        return 0
    at = now + (other - moving or 1)
    return at if at <= INT64_MAX else 0


def span_flip(value: int | None, unit_us: int, direction: int, now: int) -> int:
    """The next instant at which a moving INTERVAL holds another number of whole units, rounded towards zero."""
    if value is None:
        return 0
    ahead = value * direction  # growing
    if ahead >= 0 or ahead <= -unit_us:
        # away from zero, or towards it with a whole unit left: away, the next multiple; towards, one microsecond past one
        return now + (unit_us - ahead % unit_us if ahead >= 0 else -ahead % unit_us + 1)
    return now - ahead + unit_us


def earliest(first: int, second: int) -> int:
    """The earlier of two instants, where 0 is never."""
    return min(first, second) if first and second else first or second


def wall_flip(zones: Zones, unit: str, at_us: int | None, zone: str, now: int) -> int:
    """The next instant at which the wall clock, now at the instant `at_us` in the zone, shows another hour, day, month, …; at
    the latest when the clock is changed, which shows as the same part or another."""
    if at_us is None:
        return 0
    wall = zones.wall_us(at_us, zone)
    ahead = _next_wall(unit, wall) - wall
    shift = zones.next_shift(at_us, zone)
    return now + (min(ahead, shift - at_us) if shift else ahead)


def _next_wall(unit: str, wall: int) -> int:
    """The first wall time at which another unit has begun."""
    if unit in _UNITS_US:
        return (wall // _UNITS_US[unit] + 1) * _UNITS_US[unit]
    day = wall // DAY_US
    if unit not in _LONG:
        return (day + 1) * DAY_US
    longest = {"year": 366, "quarter": 92, "month": 31, "week": 7}[unit]
    return truncated(truncated(day, unit) + longest, unit) * DAY_US


def unit_of(expr: Call) -> str:
    """The unit whose beginnings are where a wall-clock operator steps."""
    named = expr.args[1] if expr.name == "date_trunc" else None
    return str(getattr(named, "value", expr.name))


def is_wall(expr: Expr) -> bool:
    """Whether an expression reads the clock of a moving instant."""
    return isinstance(expr, Call) and expr.name in WALL and expr.args[0].type == Type.TIMESTAMP and speed(expr.args[0]) == 1
