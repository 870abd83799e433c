"""When the passing of time alone can next change a condition's truth, and whether that can be told at all.

An event enters a window the moment it occurs and leaves it one window later; the time since the last event passes a
constant once. Those instants can be computed from the subject's state, so nobody is polled. What has no such instants (the
age of an event calculated with, or compared with an attribute) is refused where it is written.
"""

from bisect import bisect_right
from collections.abc import Iterator

from pilotage.predicate.ir import Call, Count, Expr, Literal, Performed, SinceLast

_COMPARING = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "between", "in"})


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
    return any(isinstance(part, Count | Performed | SinceLast) for part in walk(expr))


def uncomputable(expr: Expr) -> SinceLast | None:
    """A `since_last` whose next flip cannot be computed, because it is neither compared with constants or another
    `since_last`, nor tested for NULL; None if there is none."""
    if isinstance(expr, SinceLast):
        return expr
    for child in children(expr):
        if isinstance(child, SinceLast) and _comparable(expr):
            continue
        found = uncomputable(child)
        if found is not None:
            return found
    return None


def _comparable(expr: Expr) -> bool:
    if not isinstance(expr, Call):
        return False
    return expr.name == "is_null" or (expr.name in _COMPARING and all(isinstance(arg, Literal | SinceLast) for arg in expr.args))


Source = tuple[str, int]
"""A feature key and what to look at in it: a window in µs, an age in µs, or 0 for the next event to occur."""


def sources(expr: Expr) -> tuple[set[Source], set[Source]]:
    """What the flips of an expression depend on: (feature, window) pairs, and (feature, age) pairs of `since_last`."""
    windows: set[Source] = set()
    ages: set[Source] = set()
    for part in walk(expr):
        if isinstance(part, Count | Performed):
            windows.add((part.feature, part.window_us))
        elif isinstance(part, SinceLast):
            windows.add((part.feature, 0))
        elif isinstance(part, Call):
            ages |= _ages(part)
    return windows, ages


def _ages(call: Call) -> set[Source]:
    constants = [arg.value for arg in call.args if isinstance(arg, Literal) and isinstance(arg.value, int)]
    return {(arg.feature, age) for arg in call.args if isinstance(arg, SinceLast) for age in constants}


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


def age_flip(instants: list[int] | None, age_us: int, now: int) -> int:
    """The earliest instant after `now` at which the time since the last event reaches `age_us`, or has just passed it
    (one microsecond later); 0 if both are behind, or no event has occurred."""
    if not instants:
        return 0
    occurred = bisect_right(instants, now)
    if not occurred:
        return 0
    reached = instants[occurred - 1] + age_us
    return reached if reached > now else reached + 1 if reached == now else 0


def earliest(first: int, second: int) -> int:
    """The earlier of two instants, where 0 is never."""
    return min(first, second) if first and second else first or second
