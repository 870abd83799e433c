"""The ways through a journey with their times and conditions: for each step the earliest and latest it can be come to after entry, and
what must have been true on every way there.

Times are bounds: what an entry rests on for ever, or goes round, has no latest. Conditions are kept where all ways agree.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

import msgspec
from msgspec import UNSET

from pilotage.journey.edges import NEXT, ON_BLOCKED, ON_FAILURE, ON_LOST, ON_TIMEOUT, ROUND, awaits, step_edges
from pilotage.journey.impossible import LOCAL_DAY_US, NEVER_US
from pilotage.journey.plan import AnyStep, Branch, Call, Decide, Enter, Journey, Repeat, Send, Task, Wait
from pilotage.predicate.ir import Expr, Performed

Said = tuple[Expr, bool, str]
"""A condition that was true (or, with False, not true), and the step that was come to when it was asked; empty for the entrance."""


class Way(msgspec.Struct, frozen=True):
    """One way out of a step: its label as `journey.edges` has it, where it leads (empty: the end), how long the entry rests before it
    at least and at most, and what is asked there."""

    step: str
    label: str
    goto: str
    least_us: int = 0
    most_us: int = 0
    asked: tuple[tuple[Expr, bool], ...] = ()


class Span(msgspec.Struct, frozen=True):
    """The earliest and the latest time from one thing to another (`NEVER_US`: no bound)."""

    least_us: int
    most_us: int

    def after(self, other: "Span") -> "Span":
        """The span from the beginning of another that this follows."""
        return Span(self.least_us + other.least_us, min(self.most_us + other.most_us, NEVER_US))


def ways(step: AnyStep, deferral_us: int) -> Iterator[Way]:
    """Every way out of a step; `deferral_us` is how long a message can be put off. Whoever waited for an event in vain has not
    had it for so long."""
    asked: list[tuple[Expr, bool]] = []
    for number, edge in enumerate(step_edges(step)):
        least_us, most_us = _rest(step, edge.label, deferral_us)
        here: tuple[tuple[Expr, bool], ...] = ()
        if isinstance(step, Branch):
            here = tuple(asked)
            if number < len(step.edges):
                here = (*asked, (step.edges[number].when.expr, True))
                asked.append((step.edges[number].when.expr, False))
        elif isinstance(step, Decide) and number < len(step.options):
            when = step.options[number].when
            here = ((when.expr, True),) if when is not None else ()
        elif isinstance(step, Wait) and edge.label == NEXT and step.when is not None:
            here = ((step.when.expr, True),)
        elif isinstance(step, Wait) and edge.label == ON_TIMEOUT and step.until and step.where is None:
            here = ((Performed(step.until, step.until, step.timeout_us), False),)
        elif isinstance(step, Repeat) and edge.label == ROUND and step.until is not None:
            here = ((step.until.expr, False),)
        yield Way(step.id, edge.label, edge.goto, least_us, most_us, here)


def _rest(step: AnyStep, label: str, deferral_us: int) -> tuple[int, int]:
    """How long an entry rests on a step that it leaves so."""
    if isinstance(step, Wait):
        if label == ON_TIMEOUT:
            return step.timeout_us, step.timeout_us
        if step.for_us:
            return step.for_us, step.for_us
        longest = LOCAL_DAY_US if step.at_minute is not None else NEVER_US
        return 0, min(step.timeout_us or longest, longest)
    if isinstance(step, Send):
        if label in (ON_FAILURE,) or ((step.on_failure or step.role is not UNSET) and label in (NEXT, ON_BLOCKED)):
            return 0, NEVER_US
        return 0, deferral_us if label in (NEXT, ON_BLOCKED, ON_LOST) else NEVER_US
    if isinstance(step, Call) and not awaits(step):
        return 0, 0
    if isinstance(step, Call | Task) or (isinstance(step, Enter) and step.timeout_us):
        timeout_us = step.timeout_us or NEVER_US
        return (timeout_us if label == ON_TIMEOUT and not isinstance(step, Task) else 0), timeout_us
    return 0, 0


class Passages:
    """The ways through one journey. `deferrals` is how long each send step's message can be put off."""

    def __init__(self, journey: Journey, deferrals: dict[str, int]) -> None:
        self.journey = journey
        self.ways = {step.id: tuple(ways(step, deferrals.get(step.id, 0))) for step in journey.steps}
        self.first = journey.steps[0].id
        self.spans = self.spans_from(self.first)
        self.said = self._said()

    def spans_from(self, start: str) -> dict[str, Span]:
        """For each step that can be come to from a step, the time from one arrival to the other."""
        least = {start: 0}
        ahead = [(0, start)]
        while ahead:
            at_us, name = heappop(ahead)
            if at_us > least[name]:
                continue
            for way in self.ways[name]:
                if way.goto in self.ways and at_us + way.least_us < least.get(way.goto, NEVER_US):
                    least[way.goto] = at_us + way.least_us
                    heappush(ahead, (least[way.goto], way.goto))
        most = self._latest(start, least)
        return {name: Span(at_us, most[name]) for name, at_us in least.items()}

    def _latest(self, start: str, reached: dict[str, int]) -> dict[str, int]:
        latest = {start: 0}
        for _ in reached:
            before = dict(latest)
            for name, at_us in before.items():
                for way in self.ways[name]:
                    if way.goto in self.ways:
                        latest[way.goto] = max(latest.get(way.goto, 0), min(at_us + way.most_us, NEVER_US))
            if latest == before:
                return latest
        return dict.fromkeys(reached, NEVER_US)

    def _said(self) -> dict[str, frozenset[Said]]:
        """What has been true on every way to each step; what is asked again later replaces nothing, so the steps tell when."""
        where = self.journey.enter.where
        entrance = frozenset(((where.expr, True, ""),)) if where is not None else frozenset()
        said: dict[str, frozenset[Said]] = {self.first: entrance}
        changed = True
        while changed:
            changed = False
            for name, known in list(said.items()):
                for way in self.ways[name]:
                    if way.goto not in self.ways or way.goto == self.first:
                        continue
                    passed = known | {(expr, holds, way.goto) for expr, holds in way.asked}
                    now = said[way.goto] & passed if way.goto in said else passed
                    if now != said.get(way.goto):
                        said[way.goto], changed = now, True
        return said
