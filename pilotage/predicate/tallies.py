"""What generated code calls for the field's terms: windows over kept events, sequences, stages, where a subject stands.

`kept` is what a subject's state holds of a feature: occurred instants in order, or, where values are asked for, a list of those
and beside it a list of the values. An event counts iff now − window < occurred ≤ now; window 0 is ever.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pilotage.predicate.arithmetic import int64, quotient
from pilotage.predicate.ir import SCALE

Valued = Sequence[list[Any]]
"""Instants, and the values of them."""


class Passage(Protocol):
    """A subject's way through a journey, or its last one."""

    @property
    def entered_us(self) -> int:
        """When it was entered."""


class Under(Passage, Protocol):
    """A passage that is under way; held out where it rests on no step."""

    @property
    def journey(self) -> str:
        """The journey's name."""

    @property
    def step(self) -> str:
        """The step it rests on."""


def _counting(kept: Valued, window_us: int, now: int) -> list[Any]:
    """The values of the events that count, in order."""
    instants, values = kept
    start = bisect_right(instants, now - window_us) if window_us else 0
    return values[start : bisect_right(instants, now)]


def _sum(values: list[int]) -> int:
    return int64(sum(values))


def _average(values: list[int]) -> int | None:
    return quotient(sum(values), len(values) * SCALE)


def _tally(take: Callable[[list[Any]], Any]) -> Callable[[Valued | None, int, int], Any]:
    """A function `f(kept, window_us, now)` that takes something of the values that count; NULL if none does."""

    def tally(kept: Valued | None, window_us: int, now: int) -> Any:
        counting = _counting(kept, window_us, now) if kept else None
        return take(counting) if counting else None

    return tally


TALLIES: dict[str, Callable[[Valued | None, int, int], Any]] = {
    "tally_sum": _tally(_sum),
    "tally_avg": _tally(_average),
    "tally_min": _tally(min),
    "tally_max": _tally(max),
    "tally_first": _tally(lambda values: values[0]),
    "tally_last": _tally(lambda values: values[-1]),
}
"""The aggregates by the names that generated code uses."""


def followed(first: list[int] | None, then: list[int] | None, within_us: int, window_us: int, now: int) -> bool:
    """Whether one of the second instants lies after one of the first by at most `within_us`, both in the window."""
    if not first or not then:
        return False
    start = bisect_right(first, now - window_us)
    for at in then[bisect_right(then, now - window_us) : bisect_right(then, now)]:
        place = bisect_left(first, at)
        if place > start and at - first[place - 1] <= within_us:
            return True
    return False


def under_way(entries: Iterable[Under], journey: str) -> bool:
    """Whether one of the passages under way is through the journey, and not held out of it."""
    return any(entry.journey == journey and entry.step for entry in entries)


def entered(visits: Mapping[str, Passage], journey: str, window_us: int, now: int) -> bool:
    """Whether the journey was last entered within the window; 0 is ever."""
    visit = visits.get(journey)
    return visit is not None and visit.entered_us <= now and (not window_us or visit.entered_us > now - window_us)


def stage_of(entries: Iterable[Under], stages: Mapping[str, str]) -> str | None:
    """The stage of the journey entered last of those under way; of two entered at one instant, of the later name."""
    latest = max(((entry.entered_us, entry.journey) for entry in entries if entry.step and entry.journey in stages), default=None)
    return None if latest is None else stages[latest[1]]


def entered_flip(visits: Mapping[str, Passage], journey: str, window_us: int, now: int) -> int:
    """When the last entry into the journey leaves the window; 0 if it has, or never will."""
    visit = visits.get(journey)
    leaves = visit.entered_us + window_us if visit is not None and window_us else 0
    return leaves if leaves > now else 0
