"""Witnesses: customers made up from two journeys' conditions, their events moved until what they lead to collides in the kernel.

A candidate has both journeys begin at one instant. What comes about shows how far apart their acts are; the later trigger is moved by
that, and all is enacted again, since nights, times of the day and budgets move too. Only what has come about is returned.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pilotage.event.time import MINUTE_US
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Send, Wait
from pilotage.journey.program import Program
from pilotage.journey.subjects import on_accounts
from pilotage.proof.casting import BASE, Cast, Setup, assembled, casts
from pilotage.proof.enactment import ACTED, Enacted, Enough, enact
from pilotage.proof.outcome import Collision, Happening, Received, Scenario, Witness
from pilotage.proof.person import meet
from pilotage.proof.recipes import Recipe, is_scheduled

ROUNDS_MAX = 4
"""How often events are moved before a customer is given up."""


class Collide(Protocol):
    """What is looked for among decisions."""

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The nearest two acts: how much later the first journey's is, and the moments; None where one has not acted."""

    def acts(self, journey: str, decisions: Sequence[Decision]) -> Sequence[tuple[int, str]]:
        """One journey's acts: instants and steps."""


class Anything(msgspec.Struct, frozen=True):
    """Looks for nothing in particular."""

    def acts(self, journey: str, decisions: Sequence[Decision]) -> Sequence[tuple[int, str]]:
        """Nothing."""
        return ()

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """Nothing."""
        return None


def search(setup: Setup, recipes: tuple[Recipe, ...], collide: Collide, within_us: int) -> Witness | None:
    """A customer for whom the acts of the recipes' journeys happen less than `within_us` apart; None if none was found."""
    stage = Stage.of(setup, [recipe.journey for recipe in recipes], collide, within_us)
    return next((found for cast in casts(setup, recipes) if (found := _aligned(stage, cast)) is not None), None)


class Stage(msgspec.Struct):
    """Where a candidate is tried on."""

    program: Program
    setup: Setup
    collide: Collide
    within_us: int

    @classmethod
    def of(cls, setup: Setup, names: Sequence[str], collide: Collide, within_us: int) -> "Stage":
        """The stage on which some journeys are alone."""
        return cls(setup.among(names), setup, collide, within_us)

    def tried(self, cast: Cast) -> tuple[Scenario, tuple[int, Collision] | None]:
        """What comes of a candidate: the scenario with all that happened in it, up to where acts collide, and the nearest acts."""
        whole, enacted = enact_directed(self, cast, assembled(cast, self.setup), lambda decisions: self.shows(self.collide(decisions)))
        found = self.collide(enacted.decisions)
        return msgspec.structs.replace(whole, until_us=enacted.until_us) if self.shows(found) else whole, found

    def shows(self, found: tuple[int, Collision] | None) -> bool:
        """Whether the nearest acts collide."""
        return found is not None and abs(found[0]) < self.within_us


def enact_directed(stage: Stage, cast: Cast, scenario: Scenario, enough: Enough | None = None) -> tuple[Scenario, Enacted]:
    """What comes of a candidate's scenario, or of enough of it, what they wait for being answered; and the scenario with those answers."""
    enacted = enact(stage.program, scenario, _Direction(cast, stage.setup).follow, enough)
    return msgspec.structs.replace(scenario, events=(*scenario.events, *enacted.happened)), enacted


def _aligned(stage: Stage, cast: Cast) -> Witness | None:
    """Move the triggers of a candidate until its acts collide."""
    _guess(stage.setup, cast)
    latest: tuple[Scenario, Collision] | None = None
    nearest_us = 0
    for _ in range(ROUNDS_MAX):
        scenario, found = stage.tried(cast)
        if found is None:
            return _from_alone(stage, cast)
        latest = scenario, found[1]
        if stage.shows(found):
            return Witness(*latest)
        if 0 < nearest_us <= abs(found[0]) or not _move(cast, found[0]):
            break  # what was moved together has moved apart again
        nearest_us = abs(found[0])
    if latest is None:
        return None
    return _put_off(stage, cast, *latest) or _from_alone(stage, cast)


def _guess(setup: Setup, cast: Cast) -> None:
    """Let the triggers lie so that each journey would act at one instant if it were alone."""
    after = [_alone_us(setup, recipe) for recipe in cast.recipes]
    if len(after) == 2 and after[0] is not None and after[1] is not None:
        _move(cast, after[0] - after[1])


def _alone_us(setup: Setup, recipe: Recipe) -> int | None:
    if recipe not in setup.alone:
        setup.alone[recipe] = None
        for cast in casts(setup, (recipe,)):
            scenario = assembled(cast, setup)
            enacted = enact(setup.among(scenario.journeys), scenario, _Direction(cast, setup).follow, _until(recipe))
            setup.alone[recipe] = next((each.at_us - BASE for each in enacted.decisions if _acts(each, recipe)), None)
            break
    return setup.alone[recipe]


def _until(recipe: Recipe) -> Enough:
    """Enough is what comes about until the step of a way has acted."""
    return lambda told: any(_acts(each, recipe) for each in told)


def _acts(decision: Decision, recipe: Recipe) -> bool:
    return decision.journey == recipe.journey and decision.step == recipe.step and decision.verb in ACTED


def _move(cast: Cast, by_us: int) -> bool:
    """Move a trigger so that the second journey's act comes so much later, that of a journey without times of the day if there is one;
    False where nothing can be moved."""
    places = [place for place in (1, 0) if place < len(cast.journeys) and not is_scheduled(cast.journeys[place])]
    if len(cast.journeys) < 2 or not places:
        return False
    moved = min(places, key=lambda place: _by_the_clock(cast, place))
    name = cast.journeys[moved].name
    cast.at_us = {**cast.at_us, name: cast.at_us[name] + (by_us if moved else -by_us)}
    return True


def _by_the_clock(cast: Cast, place: int) -> bool:
    passed = cast.recipes[place].passed
    return any(isinstance(step, Wait) and step.at_minute is not None and step.id in passed for step in cast.journeys[place].steps)


def _from_alone(stage: Stage, cast: Cast) -> Witness | None:
    """Together at one instant the journeys get in each other's way: let each act when it does alone, one right before the other."""
    instants: list[int] = []
    for place in range(len(cast.journeys)):
        alone = msgspec.structs.replace(cast, journeys=cast.journeys[place : place + 1], recipes=cast.recipes[place : place + 1])
        recipe, direct = cast.recipes[place], _Direction(alone, stage.setup).follow
        enacted = enact(stage.program, assembled(alone, stage.setup), direct, _until(recipe))
        acts = stage.collide.acts(recipe.journey, enacted.decisions)
        wanted = [at_us for at_us, step in acts if step == recipe.step]
        instants += wanted[:1] or [at_us for at_us, _ in acts[:1]]
    if len(instants) < len(cast.journeys) or len(instants) < 2:
        return None
    before = cast.at_us
    for nudge_us in (MINUTE_US, -MINUTE_US, 0):
        cast.at_us = before
        if _move(cast, instants[0] - instants[1] + nudge_us):
            scenario, found = stage.tried(cast)
            if found is not None and stage.shows(found):
                return Witness(scenario, found[1])
    cast.at_us = before
    return None


def _put_off(stage: Stage, cast: Cast, scenario: Scenario, collision: Collision) -> Witness | None:
    """Let messages from elsewhere fill a budget until the later act's instant, so that the earlier message waits for it."""
    (_, name, step_id), (later_us, _, _) = collision.moments[0], collision.moments[-1]
    step = next((step for journey in cast.journeys if journey.name == name for step in journey.steps if step.id == step_id), None)
    if not isinstance(step, Send):
        return None
    standing = stage.setup.rules.standing(step.channel, step.purpose, name)
    for budget in sorted(standing.budgets, key=lambda each: -each.window_us):
        at_us = later_us - budget.window_us
        full = tuple(Received(at_us, step.channel, step.purpose) for _ in range(budget.limit))
        filled = msgspec.structs.replace(scenario, received=full)
        enacted = enact(stage.program, filled, enough=lambda told: stage.shows(stage.collide(told)))
        found = stage.collide(enacted.decisions)
        if found is not None and stage.shows(found):
            return Witness(filled, found[1])
    return None


class _Direction:
    """Answers what an entry waits for, once for each step of a recipe that an event must end."""

    def __init__(self, cast: Cast, setup: Setup) -> None:
        self.setup, self.cast = setup, cast
        self.awaited = {(recipe.journey, step) for recipe in cast.recipes for step in recipe.awaited}

    def follow(self, decision: Decision, at_us: int) -> tuple[Happening, ...]:
        """The event that ends the wait that an entry has just come to."""
        if decision.verb != "waited" or (decision.journey, decision.step) not in self.awaited:
            return ()
        self.awaited.discard((decision.journey, decision.step))
        journey = self.setup.journey(decision.journey)
        step = next(step for step in journey.steps if step.id == decision.step)
        assert isinstance(step, Wait)
        person, place = self.cast.draft(journey).copy(), f"{journey.name}/{step.id}"
        if step.where is not None and not meet(person, place, step.until, ((step.where.expr, True),)):
            return ()
        return (Happening(at_us + MINUTE_US, step.until, person.data(place, step.until), on_accounts(journey)),)
