"""Somebody for a doubt about a takeover: made up so that they rest on the step in question, met by the new version there, and led on to
where it would come true. Only what the kernel has done with them counts.
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from pilotage.decision.rules import counts
from pilotage.event.time import HOUR_US, MINUTE_US
from pilotage.experiment.assignment import arm_index, held_out
from pilotage.journey.edges import NEXT
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import AnyStep, Branch, Call, Send, Split, Task, Wait
from pilotage.journey.program import Program
from pilotage.journey.subjects import on_accounts
from pilotage.proof.casting import Cast, Setup, assembled, casts
from pilotage.proof.eligible import reachable
from pilotage.proof.enactment import Enacted, Whole, enact
from pilotage.proof.minimal import minimal_by
from pilotage.proof.moved import came_true
from pilotage.proof.moves import AGAIN, ARM, BRANCH, BUDGET, DEADLINE, GATE, HOLDOUT, PAST, TWICE, UNSET_VALUE, Doubt, Move, spoken
from pilotage.proof.outcome import Collision, Fate, Happening, Received, Scenario, Witness
from pilotage.proof.person import meet
from pilotage.proof.recipes import Recipe, onward, recipes, recipes_by
from pilotage.proof.routes import EVENT, Fact, done_by

WAYS_MAX = 4
"""By how many ways to a step somebody is looked for."""
RESTS_MAX = 6
"""On how many steps somebody rests, tried one after the other, where the doubt is about all of them."""
LATE_US = 2 * HOUR_US
"""How long after the takeover at most the answers come that somebody waited for when it happened."""
AFTER_US = 60 * 24 * HOUR_US
"""How much longer somebody is followed after a takeover."""
NIGHT_US = 12 * HOUR_US
_RESTING = frozenset(("waited", "deferred", "sent", "called", "opened", "requested", "offered"))


class Stage(msgspec.Struct):
    """Where somebody is met by a takeover: both versions' programs with the journey alone, and what people are made up from."""

    move: Move
    setup: Setup
    before: Program
    after: Program
    digest: str

    @classmethod
    def of(cls, move: Move, setup: Setup, after: Program, digest: str) -> "Stage":
        """The stage of a move; `digest` names the plan before."""
        return cls(move, setup, setup.among((move.name,)), Whole(after).among((move.name,)), digest)

    def enacted(self, scenario: Scenario, guide: "Guide | None" = None) -> Enacted:
        """What comes of a scenario on this stage."""
        return enact(self.before, scenario, guide.follow if guide is not None else None, after=self.after)

    def found(self, scenario: Scenario, doubt: Doubt) -> Collision | None:
        """Whether a doubt comes true in a scenario."""
        return came_true(self.enacted(scenario), scenario, doubt, self.move, self.after)


class Guide:
    """Answers what entries wait for under both versions, once for each step that an event must end."""

    def __init__(self, stage: Stage, cast: Cast, awaited: set[tuple[str, str]]) -> None:
        self.stage, self.cast, self.awaited = stage, cast, awaited

    def follow(self, decision: Decision, at_us: int) -> tuple[Happening, ...]:
        """The event that ends the wait that an entry has just come to."""
        if decision.verb not in ("waited", "migrated") or (decision.version, decision.step) not in self.awaited:
            return ()
        self.awaited.discard((decision.version, decision.step))
        move = self.stage.move
        old = decision.version == move.takeover.old.digest[:16]
        step, journey = (move.old if old else move.new).steps[decision.step], move.takeover.new
        assert isinstance(step, Wait)
        person, place = self.cast.draft(journey).copy(), f"{decision.version}/{step.id}"
        if step.where is not None and not meet(person, place, step.until, ((step.where.expr, True),)):
            return ()
        return (Happening(at_us + 2 * MINUTE_US, step.until, person.data(place, step.until), on_accounts(journey)),)


class Plot(msgspec.Struct, frozen=True):
    """One way for a doubt to come true: the step rested on, the way there, and the way on from where the map leads (None: it comes true
    at once)."""

    step: str
    before: Recipe
    after: Recipe | None = None


def sought(stage: Stage, doubt: Doubt) -> Witness | None:
    """Somebody for whom a doubt comes true; None if nobody was found."""
    for plot in _plots(stage.move, doubt):
        recipe = _whole(stage.move, doubt, plot)
        for cast in casts(stage.setup, (recipe,), partial(_fits, stage.move, doubt, plot)):
            reachable(stage.move.rules[1], cast.person, stage.move.takeover.new, recipe.withheld)
            for scenario in _scenarios(stage, doubt, plot, cast):
                guide = Guide(stage, cast, _awaited(stage.move, plot))
                enacted = stage.enacted(scenario, guide)
                whole = msgspec.structs.replace(scenario, events=(*scenario.events, *enacted.happened))
                found = stage.found(whole, doubt)
                if found is not None:
                    return Witness(whole, found)
    return None


def smallest_witness(stage: Stage, doubt: Doubt, witness: Witness) -> Witness:
    """The same with as little as is needed for it."""
    current = minimal_by(witness, lambda smaller: stage.found(smaller, doubt))
    last_us = max(at_us for at_us, _, _ in current.collision.moments)
    ended = msgspec.structs.replace(current.scenario, until_us=max(last_us, current.scenario.takeover_us))
    found = stage.found(ended, doubt)
    return Witness(ended, found) if found is not None else current


def _plots(move: Move, doubt: Doubt) -> Iterator[Plot]:
    for step in (doubt.step,) if doubt.step else move.resting[:RESTS_MAX]:
        goto = move.takeover.landing.get(step, "")
        goals = [doubt.at] if doubt.at else _counted(move, doubt) if doubt.kind == BUDGET else [""]
        for before in _ways_to(move, doubt, step):
            for goal in goals:
                if not goal or goal == goto:
                    yield Plot(step, before)
                elif goto and (after := onward(move.new.passages, goto, goal, _avoided(move, doubt)[1])) is not None:
                    yield Plot(step, before, after)


def _counted(move: Move, doubt: Doubt) -> list[str]:
    """The messages of the new version that count in a doubt's budget."""
    rules = move.rules[1]
    purposes = {purpose.name: purpose for purpose in rules.policy.purposes}
    budget = next(each for each in rules.policy.budgets if doubt.detail.startswith(f"{each.name} "))
    sends = (step for step in move.new.steps.values() if isinstance(step, Send))
    return [step.id for step in sends if counts(budget, step.channel, purposes[step.purpose], move.name)]


def _ways_to(move: Move, doubt: Doubt, step: str) -> Iterator[Recipe]:
    """The ways to a step by which a doubt may come true: by what has to have happened, or around what must not have."""
    passages = move.old.passages
    if doubt.kind in (PAST, TWICE, AGAIN):
        sort, _, name = (EVENT, "", doubt.detail) if doubt.kind == PAST else doubt.detail.partition(" ")
        fact = Fact(sort, name)
        for ways in passages.ways.values():
            for way in ways:
                if fact in done_by(move.old.steps[way.step], way.label) and way.goto in move.old.steps:
                    yield from recipes_by(passages, way, step)
        yield from recipes(passages, step, 1) if doubt.kind != PAST else ()
        return
    if doubt.kind == BUDGET:
        sends = [each for each in move.old.steps.values() if isinstance(each, Send)]
        for send in sends:
            for way in passages.ways[send.id]:
                yield from recipes_by(passages, way, step) if way.label == NEXT and way.goto in move.old.steps else ()
        return
    avoided = _avoided(move, doubt)[0]
    yield from recipes(passages, step, WAYS_MAX, avoided)
    for each in move.old.steps.values():
        for way in passages.ways[each.id] if isinstance(each, Branch | Split) and each.id not in avoided else ():
            yield from recipes_by(passages, way, step) if way.goto in move.old.steps else ()


def _avoided(move: Move, doubt: Doubt) -> tuple[set[str], set[str]]:
    """The steps of both versions that a way must lead around for a doubt to come true."""
    if doubt.kind == GATE:
        return {name for name, goto in move.takeover.landing.items() if goto == doubt.detail and name != doubt.step}, set()
    if doubt.kind != UNSET_VALUE:
        return set(), set()
    sort, _, name = doubt.detail.partition(" ")
    fact = Fact(sort, name)
    old, new = (
        {step.id for step in routes.steps.values() if any(fact in done_by(step, label) for label in (NEXT,))}
        for routes in (move.old, move.new)
    )
    return old - {doubt.step}, new - {doubt.at}


def _whole(move: Move, doubt: Doubt, plot: Plot) -> Recipe:
    """What has to be true of somebody on the whole way."""
    before, after = plot.before, plot.after
    asked = [*before.asked, *(after.asked if after is not None else ())]
    if doubt.kind == BRANCH:
        said = move.new.passages.said[doubt.goto]
        asked += [(expr, not holds) for expr, holds, at in said if at and spoken((expr, holds)) == doubt.detail]
    rested = move.old.steps[plot.step]
    asked += [(rested.when.expr, False)] if isinstance(rested, Wait) and rested.when is not None else []
    fates = {**dict(after.fates if after is not None else ()), **dict(before.fates)}
    fates |= _late(move, doubt, plot)
    return msgspec.structs.replace(
        before,
        asked=tuple(dict.fromkeys(asked)),
        fates=tuple(sorted(fates.items())),
        withheld=before.withheld | (after.withheld if after is not None else frozenset()),
        passed=(*before.passed, *(after.passed if after is not None else ())),
        least_us=before.least_us + (after.least_us if after is not None else 0),
    )


def _late(move: Move, doubt: Doubt, plot: Plot) -> dict[str, Fate]:
    """What becomes of what the step rested on has handed over: nothing until the takeover, then what the way on needs."""
    step = move.old.steps[plot.step]
    if not isinstance(step, Send | Call | Task):
        return {}
    if doubt.kind == DEADLINE:
        return {step.id: Fate("none")}
    wanted = dict(plot.after.fates).get(move.takeover.landing.get(step.id, "")) if plot.after is not None else None
    return {step.id: msgspec.structs.replace(wanted or _usual(step), after_us=LATE_US)}


def _usual(step: AnyStep) -> Fate:
    if isinstance(step, Send):
        return Fate("sent")
    return Fate("completed", step.outcomes[0][0]) if isinstance(step, Task) else Fate("answered")


def _awaited(move: Move, plot: Plot) -> set[tuple[str, str]]:
    old, new = (journey.digest[:16] for journey in (move.takeover.old, move.takeover.new))
    return {(old, step) for step in plot.before.awaited} | {(new, step) for step in (plot.after.awaited if plot.after is not None else ())}


def _fits(move: Move, doubt: Doubt, plot: Plot, subject: bytes) -> bool:
    """Whether somebody's hash leads them the way on that a doubt needs."""
    if doubt.kind == HOLDOUT:
        return held_out(move.name, subject, move.takeover.new.holdout)
    if doubt.kind == ARM:
        shares = move.new.arms_before(doubt.goto)[doubt.detail]
        return all(
            _low(step, subject) not in shares for step in move.new.steps.values() if isinstance(step, Split) and step.salt == doubt.detail
        )
    arms = dict(plot.after.arms) if plot.after is not None else {}
    splits = (step for step in move.new.steps.values() if isinstance(step, Split) and step.id in arms)
    return all(step.arms[_arm(step, subject)].name == arms[step.id] for step in splits)


def _arm(step: Split, subject: bytes) -> int:
    return arm_index(step.salt, subject, [arm.share for arm in step.arms])


def _low(step: Split, subject: bytes) -> int:
    """The first ten-thousandth of the arm of a subject."""
    return sum(arm.share for arm in step.arms[: _arm(step, subject)])


def _scenarios(stage: Stage, doubt: Doubt, plot: Plot, cast: Cast) -> Iterator[Scenario]:
    """What may happen to a candidate: they rest on the step, by day or by night, and the new version takes over soon or right before they
    would go on."""
    name = stage.move.name
    first_us = cast.at_us[name]
    for shift_us in (0, NIGHT_US) if isinstance(stage.move.old.steps[plot.step], Send) else (0,):
        cast.at_us = {name: first_us + shift_us}
        scenario = assembled(cast, stage.setup)
        scenario = msgspec.structs.replace(scenario, until_us=scenario.until_us + AFTER_US, earlier=stage.digest)
        for had in _had(stage, doubt, plot, cast, scenario):
            for rested in _rests(stage, plot, cast, had):
                for takeover_us in _instants(rested, doubt):
                    yield msgspec.structs.replace(had, takeover_us=takeover_us)
    cast.at_us = {name: first_us}


def _rests(stage: Stage, plot: Plot, cast: Cast, scenario: Scenario) -> list[Decision]:
    """The decisions by which the candidate comes to rest on the step, as long as no new version takes over."""
    guide = Guide(stage, cast, _awaited(stage.move, plot))
    decided = enact(stage.before, scenario, guide.follow).decisions
    return [each for each in decided if each.journey == stage.move.name and each.step == plot.step and each.verb in _RESTING][:2]


def _instants(rested: Decision, doubt: Doubt) -> Iterator[int]:
    yield rested.at_us + MINUTE_US
    until_us = rested.inputs.get("until_us", 0) if rested.verb == "waited" else 0
    if doubt.kind == DEADLINE and until_us > rested.at_us + 2 * MINUTE_US:
        yield until_us - MINUTE_US


def _had(stage: Stage, doubt: Doubt, plot: Plot, cast: Cast, scenario: Scenario) -> Iterator[Scenario]:
    """The scenario, and those with messages from elsewhere that put the step's own off, or that the version before has forgotten."""
    if doubt.kind != BUDGET:
        yield scenario
    step, rules = stage.move.old.steps[plot.step], stage.move.rules
    guide = Guide(stage, cast, _awaited(stage.move, plot))
    decided = enact(stage.before, scenario, guide.follow).decisions
    mine = [each for each in decided if each.journey == stage.move.name and each.verb == "sent"]
    if doubt.kind == BUDGET:
        budget = next(each for each in rules[1].policy.budgets if doubt.detail.startswith(f"{each.name} "))
        for each in mine[:2]:
            send = stage.move.old.steps[each.step]
            assert isinstance(send, Send)
            forgotten_us = each.at_us - rules[0].window_us - HOUR_US
            yield msgspec.structs.replace(scenario, received=(Received(forgotten_us, send.channel, send.purpose),) * budget.limit)
        return
    own = next((each for each in mine if each.step == plot.step), None)
    if own is None or not isinstance(step, Send) or step.on_failure:
        return
    for budget in rules[0].standing(step.channel, step.purpose, stage.move.name).budgets:
        full_us = own.at_us - budget.window_us + LATE_US
        yield msgspec.structs.replace(scenario, received=(Received(full_us, step.channel, step.purpose),) * budget.limit)
