"""What has happened to an entry by the time it comes to a step: on some way there, and on every way.

A fact is something that a step does as an entry leaves it: a variable or attribute is set, an event has come that was waited for, a
content was sent, a call, a task, an event or another journey was set off.
"""

from collections.abc import Iterable, Mapping

import msgspec

from pilotage.journey.edges import NEXT, ON_FAILURE
from pilotage.journey.plan import AnyStep, Call, Emit, Enter, Send, Set, Split, Task, Wait
from pilotage.proof.passages import Passages, Way

VARIABLE, ATTRIBUTE, EVENT = "variable", "attribute", "event"
CONTENT, CALL, TASK, EMIT, ENTER = "content", "call", "task", "emit", "journey"
WHOLE = 10_000


class Fact(msgspec.Struct, frozen=True, order=True):
    """One thing that has happened: of which sort, and what it is about."""

    sort: str
    name: str


Facts = frozenset[Fact]
NONE: Facts = frozenset()


def done_by(step: AnyStep, label: str) -> Facts:
    """What has happened once an entry has left a step by an edge."""
    if isinstance(step, Set):
        return frozenset([Fact(ATTRIBUTE, each.name) for each in step.attributes] + [Fact(VARIABLE, each.name) for each in step.variables])
    if isinstance(step, Wait):
        return frozenset((Fact(EVENT, step.until),)) if step.until and label == NEXT else NONE
    if isinstance(step, Send):
        return frozenset((Fact(CONTENT, step.content),)) if label in (NEXT, ON_FAILURE) else NONE
    if isinstance(step, Call):
        answered = [Fact(VARIABLE, name) for name, _, _ in step.returns] if label == NEXT else []
        return frozenset([*answered, *act_of(step)])
    return act_of(step)


def act_of(step: AnyStep) -> Facts:
    """What a step has set off as soon as it has begun."""
    if isinstance(step, Send):
        return frozenset((Fact(CONTENT, step.content),))
    if isinstance(step, Call):
        return frozenset((Fact(CALL, step.endpoint),))
    if isinstance(step, Task):
        return frozenset((Fact(TASK, step.title),))
    if isinstance(step, Enter):
        return frozenset((Fact(ENTER, step.journey),))
    return frozenset((Fact(EMIT, step.event),)) if isinstance(step, Emit) else NONE


class Routes:
    """The facts of one version of a journey. `may` are those of some way to a step, `must` those of every way."""

    def __init__(self, passages: Passages) -> None:
        self.passages = passages
        self.steps: dict[str, AnyStep] = {step.id: step for step in passages.journey.steps}
        self.may = self._may()
        self.must = self.must_from(passages.first, NONE)

    def _facts(self, way: Way) -> Facts:
        return done_by(self.steps[way.step], way.label)

    def _may(self) -> dict[str, Facts]:
        found: dict[str, Facts] = {self.passages.first: NONE}
        ahead = [self.passages.first]
        while ahead:
            name = ahead.pop()
            for way in self.passages.ways[name]:
                known = found[name] | self._facts(way)
                if way.goto in self.steps and (way.goto not in found or not known <= found[way.goto]):
                    found[way.goto] = found.get(way.goto, NONE) | known
                    ahead.append(way.goto)
        return found

    def must_from(self, start: str, known: Facts) -> dict[str, Facts]:
        """The facts of every way from a step at which some are known already, for each step that can be come to."""
        found: dict[str, Facts] = {start: known}
        ahead = [start]
        while ahead:
            name = ahead.pop()
            for way in self.passages.ways[name]:
                if way.goto not in self.steps:
                    continue
                passed = found[name] | self._facts(way)
                now = found[way.goto] & passed if way.goto in found else passed
                if now != found.get(way.goto):
                    found[way.goto] = now
                    ahead.append(way.goto)
        return found

    def reached(self, starts: Iterable[str], without: str = "") -> set[str]:
        """The steps that can be come to from some, those included, not through one step."""
        found, ahead = set[str](), [name for name in starts if name in self.steps]
        while ahead:
            name = ahead.pop()
            if name not in found and name != without:
                found.add(name)
                ahead += [way.goto for way in self.passages.ways[name] if way.goto in self.steps]
        return found

    def doing(self, fact: Fact) -> list[str]:
        """The steps that set off a fact."""
        return [name for name, step in self.steps.items() if fact in act_of(step)]

    def twice(self, fact: Fact) -> bool:
        """Whether some way of this version alone sets off a fact more than once."""
        doing = set(self.doing(fact))
        return any(doing & self.reached(way.goto for way in self.passages.ways[name]) for name in doing)

    def arms_before(self, step: str) -> Mapping[str, frozenset[int]]:
        """For each split that every way to a step passes, the ten-thousandths of subjects who come to it, by the split's salt."""
        found: dict[str, frozenset[int]] = {}
        for name, split in self.steps.items():
            if isinstance(split, Split) and name != step and step not in self.reached((self.passages.first,), name):
                found[split.salt] = found.get(split.salt, frozenset(range(WHOLE))) & self._shares(split, step)
        return found

    def _shares(self, split: Split, step: str) -> frozenset[int]:
        kept, low = set[int](), 0
        for arm in split.arms:
            if step in self.reached((arm.goto,), split.id):
                kept |= set(range(low, low + arm.share))
            low += arm.share
        return frozenset(kept)
