"""Pressure: how many candidate messages two journeys can have for one customer in a window, before anything arbitrates between them.

Budgets hold in any case; what is asked here is how much they would have to hold back. The bound is counted on the ways through a journey
and the times between its messages; a witness is enacted under the policies without budgets, contact slots, quiet hours and calendars.
"""

import math
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import UNSET

from pilotage.event.time import MINUTE_US
from pilotage.journey.graph import repeated
from pilotage.journey.impossible import NEVER_US
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Plan, Repeat, Send
from pilotage.journey.program import load
from pilotage.proof.acts import Footprint
from pilotage.proof.casting import Cast, Setup, assembled, casts
from pilotage.proof.conflict import QUESTION, Conflicts
from pilotage.proof.outcome import Collision, Happening, Proof, Scenario, Verdict, Witness
from pilotage.proof.recipes import Recipe, is_scheduled, recipes
from pilotage.proof.witness import Stage, enact_directed

PRESSURE = "pressure"
COUNTED = "marketing"
"""The class of messages whose pressure is asked for."""
WITHOUT_BOUND = 10**9


class Pressures:
    """The pressure of a plan's journeys, alone and in pairs."""

    def __init__(self, conflicts: Conflicts) -> None:
        self.conflicts, self.bounds = conflicts, conflicts.bounds
        classes = {purpose.name: purpose.contact_class for purpose in conflicts.plan.policy.purposes}
        self.sends = {
            journey.name: frozenset(step.id for step in journey.steps if isinstance(step, Send) and classes.get(step.purpose) == COUNTED)
            for journey in conflicts.plan.journeys
        }
        self.most: dict[str, int] = {}
        self.unruled: Setup | None = None

    def bound(self, name: str) -> int:
        """How many candidates one journey can have in a window at most."""
        if name not in self.most:
            footprint = self.conflicts.footprint(name)
            counted = self.sends[name] & footprint.passages.spans.keys()
            one = _in_one_entry(footprint, counted, self.bounds.pressure_us)
            self.most[name] = min(one * _entries(footprint, counted, self.bounds.pressure_us), WITHOUT_BOUND) if counted else 0
        return self.most[name]

    def alone(self, name: str) -> Iterator[Proof]:
        """What one journey does by itself, where that can be too much."""
        most, names = self.bound(name), (name,)
        about = f"{self.bounds.pressure} candidates"
        if most <= self.bounds.pressure:
            yield Proof(QUESTION, PRESSURE, names, Verdict.PROVED, about, f"at most {most}")
            return
        yield self._tried(names, about)

    def pair(self, one: str, other: str) -> Iterator[Proof]:
        """What two journeys do together; nothing is said of pairs of which one can do too much alone."""
        names, limit = (one, other), self.bounds.pressure
        mine, theirs = self.bound(one), self.bound(other)
        about = f"{limit} candidates"
        if max(mine, theirs) > limit:
            return
        if mine + theirs <= limit:
            yield Proof(QUESTION, PRESSURE, names, Verdict.PROVED, about, f"at most {mine} and {theirs}")
        elif self.conflicts.strangers(one, other):
            yield Proof(QUESTION, PRESSURE, names, Verdict.PROVED, about, "nobody meets the entrance conditions of both")
        else:
            yield self._tried(names, about)

    def setup(self) -> Setup:
        """What witnesses are looked for with: the plan without what arbitrates."""
        if self.unruled is None:
            program = load(unruled(self.conflicts.acting), self.conflicts.zones, "proof")
            self.unruled = Setup(program, self.conflicts.knowledge, self.conflicts.offices)
        return self.unruled

    def _tried(self, names: tuple[str, ...], about: str) -> Proof:
        ways = tuple(found for name in names if (found := self._longest(name)) is not None)
        witness = self._witness(ways) if len(ways) == len(names) else None
        if witness is not None:
            return Proof(QUESTION, PRESSURE, names, Verdict.WITNESS, about, witness=witness)
        bounds = " and ".join("any number" if (most := self.bound(name)) >= WITHOUT_BOUND else str(most) for name in names)
        return Proof(QUESTION, PRESSURE, names, Verdict.UNKNOWN, about, f"the bound is {bounds}, and nobody was found with so many")

    def _longest(self, name: str) -> Recipe | None:
        """The way past most messages among the easiest to each of them."""
        passages, sends = self.conflicts.footprint(name).passages, self.sends[name]
        found = [recipe for send in sorted(sends & passages.spans.keys()) for recipe in recipes(passages, send, 1)]
        return max(found, key=lambda recipe: len(sends & {*recipe.passed, recipe.step}), default=None)

    def _witness(self, ways: tuple[Recipe, ...]) -> Witness | None:
        setup = self.setup()
        counter = Counter(self.bounds.pressure, self.bounds.pressure_us, {name: self.sends[name] for name in self.sends})
        for cast in casts(setup, ways):
            stage = Stage.of(setup, [way.journey for way in ways], counter, 1)
            for scenario in self._scenarios(cast, stage):
                whole, enacted = enact_directed(stage, cast, scenario)
                found = counter(enacted.decisions)
                if found is not None and found[0] == 0:
                    return Witness(whole, found[1])
        return None

    def _scenarios(self, cast: Cast, stage: Stage) -> Iterator[Scenario]:
        """The candidate as it is, aligned, and with triggers that come again as soon as they may."""
        scenario = assembled(cast, stage.setup)
        yield scenario
        _, enacted = enact_directed(stage, cast, scenario)
        counter = stage.collide
        firsts = [counter.acts(journey.name, enacted.decisions)[:1] for journey in cast.journeys]
        if len(firsts) == 2 and all(firsts) and not is_scheduled(cast.journeys[1]):
            second = cast.journeys[1].name
            cast.at_us = {**cast.at_us, second: cast.at_us[second] + firsts[0][0][0] - firsts[1][0][0]}
            scenario = assembled(cast, stage.setup)
            yield scenario
        again: list[Happening] = []
        for journey in cast.journeys:
            if is_scheduled(journey) or journey.enter.reentry == "never":
                continue
            every_us = max(journey.enter.reentry_us, _lasted_us(journey.name, enacted.decisions)) + MINUTE_US
            own = [each for each in scenario.events if each.type == journey.enter.event][-1:]
            again += [
                Happening(each.at_us + number * every_us, each.type, each.data)
                for each in own
                for number in range(1, self.bounds.pressure + 1)
                if number * every_us < 3 * self.bounds.pressure_us
            ]
        if again:
            events = tuple(sorted((*scenario.events, *again), key=lambda each: each.at_us))
            yield msgspec.structs.replace(scenario, events=events, until_us=scenario.until_us + 3 * self.bounds.pressure_us)


class Counter(msgspec.Struct, frozen=True):
    """Finds more candidates than a limit in a window: sends of the steps that count, by journey."""

    limit: int
    window_us: int
    sends: dict[str, frozenset[str]]

    def acts(self, journey: str, decisions: Sequence[Decision]) -> list[tuple[int, str]]:
        """One journey's candidates: instants and steps."""
        return [
            (each.at_us, each.step)
            for each in decisions
            if each.verb == "sent" and each.journey == journey and each.step in self.sends[journey]
        ]

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The first window with too many: (0, its moments); else 1 and what there is."""
        found = [
            (each.at_us, each.journey, each.step)
            for each in decisions
            if each.verb == "sent" and each.step in self.sends.get(each.journey, frozenset())
        ]
        for place in range(len(found) - self.limit):
            if found[place + self.limit][0] - found[place][0] < self.window_us:
                return 0, Collision(tuple(found[place : place + self.limit + 1]))
        return (1, Collision(tuple(found))) if found else None


def unruled(plan: Plan) -> Plan:
    """The plan without what arbitrates between messages; consent and suppression stay."""
    policy = msgspec.structs.replace(plan.policy, quiet_hours=(), budgets=(), slots=UNSET, calendars=UNSET)
    return msgspec.structs.replace(plan, policy=policy)


def shortest_us(footprint: Footprint) -> int:
    """How long an entry lasts at least."""
    passages = footprint.passages
    ends = [
        span.least_us + way.least_us
        for name, span in passages.spans.items()
        for way in passages.ways[name]
        if way.goto not in passages.ways
    ]
    exits = [span.least_us for name, span in passages.spans.items() if not passages.ways[name]]
    ended = 0 if footprint.journey.exits or footprint.journey.goal is not None else NEVER_US
    return min([*ends, *exits, ended])


def _lasted_us(journey: str, decisions: Sequence[Decision]) -> int:
    """How long a journey's first entry lasted; 0 where it has not ended."""
    began = next((each.at_us for each in decisions if each.journey == journey and each.verb == "entered"), 0)
    return next((each.at_us - began for each in decisions if each.journey == journey and each.verb == "exited"), 0)


def _entries(footprint: Footprint, counted: frozenset[str], window_us: int) -> int:
    """How many entries can have candidates in one window."""
    enter, spans = footprint.journey.enter, footprint.passages.spans
    if enter.key is not UNSET:
        return WITHOUT_BOUND
    if enter.reentry == "never":
        return 1
    between_us = max(enter.reentry_us if enter.reentry == "after" else 0, shortest_us(footprint))
    latest_us = max(spans[name].most_us for name in counted)
    if latest_us + window_us <= between_us:
        return 1
    return 2 + window_us // between_us if between_us else WITHOUT_BOUND


def _in_one_entry(footprint: Footprint, counted: frozenset[str], window_us: int) -> int:
    """How many candidates one entry can have in one window: the longest row of messages that follow each other in time."""
    passages = footprint.passages
    times = {name: _times(footprint, name, window_us) for name in counted}
    near = {name: {other for other, span in passages.spans_from(name).items() if span.least_us < window_us} for name in counted}
    around = repeated(footprint.journey.steps)
    best = 0
    for name in counted:
        row = near[name] & counted
        if row & around:
            best = max(best, sum(times[each] for each in row | {name}))
        else:
            best = max(best, _row(name, row - {name}, near))
    return min(best, WITHOUT_BOUND)


def _row(first: str, others: set[str], near: dict[str, set[str]]) -> int:
    """The most messages on one way that begins with one of them."""
    return 1 + max((_row(name, (others - {name}) & near[name], near) for name in others & near[first]), default=0)


def _times(footprint: Footprint, name: str, window_us: int) -> int:
    """How often one message can be a candidate in one window of an entry."""
    passages = footprint.passages
    if name not in repeated(footprint.journey.steps):
        return 1
    rounds = [step.times for step in footprint.journey.steps if isinstance(step, Repeat) and name.startswith(f"{step.id}/")]
    back = [
        way.least_us + span.least_us
        for way in passages.ways[name]
        if way.goto in passages.ways and (span := passages.spans_from(way.goto).get(name)) is not None
    ]
    least_us = min(back, default=0)
    by_time = 1 + window_us // least_us if least_us else WITHOUT_BOUND
    return min(by_time, math.prod(rounds) if rounds else WITHOUT_BOUND)
