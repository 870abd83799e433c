"""What came of somebody whom a takeover met: whether a doubt about the map has come true, judged by the states and decisions of the kernel.

Each test looks at one entry: the one that rested on the step in question when the new version took over.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from pilotage.decision.rules import counts
from pilotage.experiment.assignment import arm_index, held_out
from pilotage.journey.crossing import is_candidate
from pilotage.journey.edges import NEXT
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import AnyStep, Call, Decide, Enter, Send, Split, Task, Wait
from pilotage.journey.program import Program
from pilotage.journey.steps import HELD_OUT as NOT_TREATED
from pilotage.profile.state import Entry, State
from pilotage.proof.enactment import Enacted
from pilotage.proof.moves import (
    AGAIN,
    ARM,
    BRANCH,
    BUDGET,
    DEADLINE,
    GATE,
    HOLDOUT,
    PAST,
    PLACE,
    TWICE,
    UNSET_VALUE,
    Doubt,
    Move,
    asked_at,
    spoken,
)
from pilotage.proof.outcome import Collision, Scenario
from pilotage.proof.reads import FIELD
from pilotage.proof.rounds import most_of
from pilotage.proof.routes import VARIABLE, Fact, act_of, done_by

_SETS_OFF = frozenset(("sent", "offered", "called", "opened", "requested", "emitted"))
_ENDING = frozenset(("resumed", "timed_out", "completed", "answered", "delivered"))
_READS: tuple[tuple[type[AnyStep] | tuple[type[AnyStep], ...], frozenset[str]], ...] = (
    (Wait, frozenset(("waited", "migrated", "resumed"))),
    ((Send, Call, Task, Enter), _SETS_OFF),
    (Decide, frozenset(("decided",))),
)
"""By which decisions steps read what they read; any other step by whatever it decides."""


class Met(msgspec.Struct, frozen=True):
    """An entry that a takeover has met: as it was, as it became (None: it ended), and what was decided about it before and after."""

    state: State
    was: Entry
    became: Entry | None
    earlier: tuple[Decision, ...]
    later: tuple[Decision, ...]

    @property
    def moved(self) -> bool:
        """Whether it is of the new version now, or ended under it."""
        return any(each.verb == "migrated" for each in self.later)


def met(enacted: Enacted, doubt: Doubt, move: Move) -> Iterator[Met]:
    """The entries of the old version that rested on a doubt's step (any, without one) when the new one took over."""
    crossed, version = enacted.crossed, move.takeover.old.digest[:16]
    states = zip(crossed.before, crossed.after, strict=True) if crossed is not None else ()
    for before, after in states:
        for was in before.entries:
            if was.version == version and was.step and doubt.step in ("", was.step) and not is_candidate(was):
                assert crossed is not None
                yield _met(before, after, was, crossed.decided, enacted.decisions)


def _met(before: State, after: State, was: Entry, decided: int, decisions: Sequence[Decision]) -> Met:
    mine = [(place, each) for place, each in enumerate(decisions) if each.entry == was.id]
    return Met(
        before,
        was,
        next((entry for entry in after.entries if entry.id == was.id), None),
        tuple(each for place, each in mine if place < decided),
        tuple(each for place, each in mine if place >= decided),
    )


def came_true(enacted: Enacted, scenario: Scenario, doubt: Doubt, move: Move, after: Program) -> Collision | None:
    """The moments in which a doubt has come true for somebody; None where it has not."""
    for each in met(enacted, doubt, move):
        moments = _TESTS[doubt.kind](Case(each, scenario, doubt, move, after))
        if moments is not None:
            return Collision(tuple((at_us, move.name, step) for at_us, step in moments))
    return None


class Case(msgspec.Struct, frozen=True):
    """What a test looks at."""

    met: Met
    scenario: Scenario
    doubt: Doubt
    move: Move
    after: Program


Moments = tuple[tuple[int, str], ...] | None


def _place(case: Case) -> Moments:
    """Still under the version before, on the step without a place."""
    became = case.met.became
    stays = became is not None and became.version == case.met.was.version and became.step == case.doubt.step
    return ((case.scenario.takeover_us, case.doubt.step),) if stays else None


def _landed(case: Case) -> Moments:
    """The moment of the migration to the step in question."""
    return next((((each.at_us, each.step),) for each in case.met.later if each.verb == "migrated" and each.step == case.doubt.goto), None)


def _gate(case: Case) -> Moments:
    """At the step, without having passed what leads to the gate."""
    passed = {case.move.takeover.landing.get(each.step) for each in case.met.earlier if each.verb in ("branched", "resumed", "completed")}
    return _landed(case) if case.doubt.detail not in passed else None


def _carried(case: Case) -> tuple[State, dict[str, object], dict[str, object]]:
    """The customer as the new version finds them: state, and what the entry keeps of its trigger and variables."""
    was, takeover = case.met.was, case.move.takeover
    trigger = {path: value for path, value in was.trigger.items() if path in takeover.fields}
    return case.met.state, trigger, {name: value for name, value in was.variables.items() if name in takeover.variables}


def _branch(case: Case) -> Moments:
    """At a step that is only come to where a condition is true, while it is not (or the other way round)."""
    journey = case.move.takeover.new
    for whole, holds, at in case.move.new.passages.said.get(case.doubt.goto, ()):
        found = asked_at(journey, whole) if at and spoken((whole, holds)) == case.doubt.detail else None
        if found is not None:
            program = case.after.named(journey.name)
            assert program is not None
            condition = program.journeys[journey.digest[:16]].steps[found[0]].conditions[found[1]]
            state, trigger, variables = _carried(case)
            true = condition.truth(state, trigger, variables, case.scenario.takeover_us, "") is True
            return _landed(case) if true is not holds else None
    return None


def _arm(case: Case) -> Moments:
    """At a step of another arm than the subject's."""
    subject, shares = case.met.state.subject, case.move.new.arms_before(case.doubt.goto).get(case.doubt.detail, frozenset())
    for step in case.move.takeover.new.steps:
        if isinstance(step, Split) and step.salt == case.doubt.detail:
            index = arm_index(step.salt, subject, [arm.share for arm in step.arms])
            low = sum(arm.share for arm in step.arms[:index])
            return _landed(case) if low not in shares else None
    return None


def _holdout(case: Case) -> Moments:
    """Treated under a version that holds the subject out."""
    new = case.move.takeover.new
    treated = case.met.was.phase != NOT_TREATED and case.met.moved
    out = held_out(new.name, case.met.state.subject, new.holdout)
    return ((case.scenario.takeover_us, case.met.was.step),) if treated and out else None


def _deadline(case: Case) -> Moments:
    """Resting on the step longer than the one before would have had them rest."""
    was, became = case.met.was, case.met.became
    ended = any(each.verb in _ENDING for each in case.met.later if each.at_us == case.scenario.takeover_us)
    if became is None or became.step != case.doubt.goto or not was.deadline_us or ended:
        return None
    return ((case.scenario.takeover_us, became.step),) if not 0 < became.deadline_us <= was.deadline_us else None


def _again(case: Case) -> Moments:
    """Something set off more often than either version alone does it."""
    sort, _, name = case.doubt.detail.partition(" ")
    fact, move = Fact(sort, name), case.move
    most = max(most_of(move.old, fact), most_of(move.new, fact))
    return _beyond(_acts(case.met.earlier, move.old.steps, fact), _acts(case.met.later, move.new.steps, fact), most)


def _acts(decisions: tuple[Decision, ...], steps: Mapping[str, AnyStep], fact: Fact) -> list[tuple[int, str]]:
    return [
        (each.at_us, each.step) for each in decisions if each.verb in _SETS_OFF and each.step in steps and fact in act_of(steps[each.step])
    ]


def _beyond(before: list[tuple[int, str]], after: list[tuple[int, str]], most: int) -> Moments:
    """The last act before and the first one too many; None where there are not too many."""
    if not before or len(before) + len(after) <= most:
        return None
    return before[-1], after[max(0, most - len(before))]


def _past(case: Case) -> Moments:
    """Waiting for an event that had ended a wait of the entry before."""
    event, goal = case.doubt.detail, case.doubt.at
    came = next((each for each in case.met.earlier if each.verb == "resumed" and each.reason == event), None)
    rests = next((each for each in case.met.later if each.step == goal and each.verb in ("waited", "migrated")), None)
    return ((came.at_us, came.step), (rests.at_us, goal)) if came is not None and rests is not None else None


def _unset(case: Case) -> Moments:
    """At a step that reads what nothing has set on the way."""
    sort, _, name = case.doubt.detail.partition(" ")
    state, _, variables = _carried(case)
    known: Mapping[str, object] = variables if sort == VARIABLE else state.attributes
    if name in case.move.takeover.fields if sort == FIELD else name in known and (sort != "attribute" or known[name] is not None):
        return None
    steps, reads = case.move.new.steps, _reading(case.move.new.steps[case.doubt.at])
    for each in case.met.later:
        if each.step == case.doubt.at and (reads is None or each.verb in reads):
            return ((each.at_us, each.step),)
        if each.verb in ("set", "answered") and each.step in steps and Fact(sort, name) in done_by(steps[each.step], NEXT):
            return None
    return None


def _reading(step: AnyStep) -> frozenset[str] | None:
    return next((verbs for kinds, verbs in _READS if isinstance(step, kinds)), None)


def _budget(case: Case) -> Moments:
    """One message more in a budget's window than it has room for."""
    rules, journey = case.move.rules[1], case.move.name
    budget = next((each for each in rules.policy.budgets if case.doubt.detail.startswith(f"{each.name} ")), None)
    if budget is None:
        return None
    purposes = {purpose.name: purpose for purpose in rules.policy.purposes}
    had = [
        each.at_us
        for each in case.scenario.received
        if each.purpose in purposes and counts(budget, each.channel, purposes[each.purpose], "")
    ]
    for decisions, steps in ((case.met.earlier, case.move.old.steps), (case.met.later, case.move.new.steps)):
        for each in decisions:
            step = steps.get(each.step)
            if each.verb != "sent" or not isinstance(step, Send) or not counts(budget, step.channel, purposes[step.purpose], journey):
                continue
            had.append(each.at_us)
            if steps is case.move.new.steps and sum(at_us > each.at_us - budget.window_us for at_us in had) > budget.limit:
                return ((each.at_us, each.step),)
    return None


_TESTS: dict[str, Callable[[Case], Moments]] = {
    PLACE: _place,
    GATE: _gate,
    BRANCH: _branch,
    ARM: _arm,
    HOLDOUT: _holdout,
    DEADLINE: _deadline,
    TWICE: _again,
    AGAIN: _again,
    PAST: _past,
    UNSET_VALUE: _unset,
    BUDGET: _budget,
}
