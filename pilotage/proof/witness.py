"""Witnesses: customers made up from two journeys' conditions, their events moved until what they lead to collides in the kernel.

A candidate has both journeys begin at one instant. What comes about shows how far apart their acts are; the later trigger is moved by
that, and all is enacted again, since nights, times of the day and budgets move too. Only what has come about is returned.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from pilotage.contract.builtin import AUDIENCE_ENTERED, MADE_INSIDE, SCHEDULE_REACHED
from pilotage.decision.rules import ContactRules
from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, parse_instant_us
from pilotage.experiment.assignment import arm_index, held_out
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Journey, Send, Split, Wait
from pilotage.journey.program import Program, fixed_audience
from pilotage.journey.subjects import on_accounts
from pilotage.proof.eligible import for_them, reachable, unsuppressed
from pilotage.proof.enactment import ACTED, Enacted, Enough, Whole, enact, subject_of
from pilotage.proof.outcome import Collision, Happening, Received, Scenario, Witness
from pilotage.proof.person import Knowledge, Person, ages, meet, settle
from pilotage.proof.recipes import Recipe, is_scheduled

BASE = parse_instant_us("2026-03-02T10:00:00Z")
"""When both journeys begin at first: a Monday morning."""
ROUNDS_MAX = 4
"""How often events are moved before a customer is given up."""
SUBJECTS_MAX = 4_000
MARGIN_US = 5 * DAY_US
"""How much longer than its way takes at least an entry is followed."""
SCHEDULE_US = 62 * DAY_US
"""How long to look for the instants of a schedule."""
ZONES = ("", *(f"Etc/GMT{hours:+d}" for hours in (-12, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), "UTC")


class Collide(Protocol):
    """What is looked for among decisions."""

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The nearest two acts: how much later the first journey's is, and the moments; None where one has not acted."""

    def acts(self, journey: str, decisions: Sequence[Decision]) -> Sequence[tuple[int, str]]:
        """One journey's acts: instants and steps."""


class Setup(msgspec.Struct):
    """What witnesses are looked for with: the program of all journeys, and what people are made up from. `alone` is how long after
    its trigger a step acts where nothing else is there, by recipe (None: it did not)."""

    program: Program
    knowledge: Knowledge
    alone: dict[Recipe, int | None] = msgspec.field(default_factory=dict)
    whole: Whole | None = None

    def among(self, names: Iterable[str]) -> Program:
        """The program of some journeys alone."""
        if self.whole is None or self.whole.program is not self.program:
            self.whole = Whole(self.program)
        return self.whole.among(names)

    @property
    def rules(self) -> ContactRules:
        return self.program.rules


class Cast(msgspec.Struct):
    """One candidate: a person for recipes, whose triggers are at `at_us` by journey."""

    journeys: tuple[Journey, ...]
    recipes: tuple[Recipe, ...]
    person: Person
    subject: int
    zone: str
    at_us: dict[str, int]


def search(setup: Setup, recipes: tuple[Recipe, ...], collide: Collide, within_us: int) -> Witness | None:
    """A customer for whom the acts of the recipes' journeys happen less than `within_us` apart; None if none was found."""
    stage = Stage.of(setup, [recipe.journey for recipe in recipes], collide, within_us)
    return next((found for cast in casts(setup, recipes) if (found := _aligned(stage, cast)) is not None), None)


def casts(setup: Setup, recipes: tuple[Recipe, ...]) -> Iterator[Cast]:
    """The candidates for recipes: whoever meets what all of them ask, differently where the journeys begin with one type of event."""
    names = tuple(recipe.journey for recipe in recipes)
    journeys = tuple(setup.program.entered[name].journey for name in names)
    if any(on_accounts(journey) or not _startable(journey) for journey in journeys):
        return
    subject = _subject(journeys, recipes)
    if subject is None:
        return
    zones = ZONES if any(_by_clock(journey) for journey in journeys) else ("",)
    for apart, zone in product(_apart(journeys), zones):
        person = _person(setup, journeys, recipes, apart, zone)
        if person is not None:
            yield Cast(journeys, recipes, person, subject, zone, dict.fromkeys(names, BASE))


def _startable(journey: Journey) -> bool:
    """Whether somebody can be made to enter: by an event that anybody can send, a schedule, or by entering an audience."""
    event = journey.enter.event
    return is_scheduled(journey) or event == AUDIENCE_ENTERED or event not in MADE_INSIDE


def _by_clock(journey: Journey) -> bool:
    """Whether it is told by a clock other than the customer's when entries begin."""
    schedule = journey.enter.schedule
    return schedule is not UNSET and schedule.zone != "subject"


def _apart(journeys: tuple[Journey, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Which journey's trigger is to start which other one not: needed where both begin with one type of event."""
    yield ()
    if len(journeys) == 2 and journeys[0].enter.event == journeys[1].enter.event and not any(is_scheduled(each) for each in journeys):
        yield from (((0, 1),), ((1, 0),), ((0, 1), (1, 0)))


def _subject(journeys: tuple[Journey, ...], recipes: tuple[Recipe, ...]) -> int | None:
    """The first customer whose hash puts them into the arms that the recipes take, and into no holdout."""
    splits = [
        (step, dict(recipe.arms)[step.id])
        for journey, recipe in zip(journeys, recipes, strict=True)
        for step in journey.steps
        if isinstance(step, Split) and step.id in dict(recipe.arms)
    ]
    for number in range(SUBJECTS_MAX):
        subject = subject_of(number)
        if any(journey.holdout and held_out(journey.name, subject, journey.holdout) for journey in journeys):
            continue
        if all(step.arms[arm_index(step.salt, subject, [arm.share for arm in step.arms])].name == arm for step, arm in splits):
            return number
    return None


def _person(
    setup: Setup, journeys: tuple[Journey, ...], recipes: tuple[Recipe, ...], apart: tuple[tuple[int, int], ...], zone: str
) -> Person | None:
    """Somebody who meets what all recipes ask; None where that contradicts itself."""
    person = Person(setup.knowledge)
    policy = setup.program.plan.policy
    if zone:
        if policy.zone_attribute not in setup.knowledge.types:
            return None
        person.attributes[policy.zone_attribute] = _fixed(person, policy.zone_attribute, zone)
    for journey, recipe in zip(journeys, recipes, strict=True):
        parts = [part for part in recipe.asked if part[0] != _audience_part(journey)]
        if not meet(person, journey.name, _trigger_of(journey), parts) or not _meets_audience(person, journey):
            return None
        if not meet(person, "", "", for_them(setup.rules, journey, recipe, BASE)):
            return None
        reachable(setup.rules, person, journey, recipe.withheld)
    if not unsuppressed(setup.rules, person):
        return None
    for mine, theirs in apart:
        where = journeys[theirs].enter.where
        if where is None or not meet(person, journeys[mine].name, _trigger_of(journeys[mine]), ((where.expr, False),)):
            return None
    sane = settle(person) and all(not domain.empty for domain in person.attributes.values())
    return person if sane else None


def _fixed(person: Person, name: str, value: str) -> Any:
    domain = person.fed_domain(name, person.knowledge.types[name])
    domain.narrow("eq", value)
    domain.must_be_null(False)
    return domain


def _trigger_of(journey: Journey) -> str:
    return SCHEDULE_REACHED if is_scheduled(journey) else journey.enter.event


def _audience_part(journey: Journey) -> Any:
    where = journey.enter.where
    return where.expr if where is not None and journey.enter.event == AUDIENCE_ENTERED else None


def _meets_audience(person: Person, journey: Journey) -> bool:
    name = audience_of(journey)
    if not name:
        return journey.enter.event != AUDIENCE_ENTERED
    when = person.knowledge.audiences.get(name)
    return when is not None and meet(person, "", "", ((when.expr, True),))


def audience_of(journey: Journey) -> str:
    """The audience whose members enter; empty where there is none, or not one alone."""
    schedule, where = journey.enter.schedule, journey.enter.where
    if schedule:
        return schedule.audience
    return fixed_audience(where.expr) if where is not None and journey.enter.event == AUDIENCE_ENTERED else ""


class Anything(msgspec.Struct, frozen=True):
    """Looks for nothing in particular."""

    def acts(self, journey: str, decisions: Sequence[Decision]) -> Sequence[tuple[int, str]]:
        """Nothing."""
        return ()

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """Nothing."""
        return None


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
    for _ in range(ROUNDS_MAX):
        scenario, found = stage.tried(cast)
        if found is None:
            return _from_alone(stage, cast)
        latest = scenario, found[1]
        if stage.shows(found):
            return Witness(*latest)
        if not _move(cast, found[0]):
            break
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
            direct = _Direction(cast, setup).follow
            enacted = enact(setup.among(scenario.journeys), scenario, direct, lambda told: any(_acts(each, recipe) for each in told))
            setup.alone[recipe] = next((each.at_us - BASE for each in enacted.decisions if _acts(each, recipe)), None)
            break
    return setup.alone[recipe]


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
        scenario = assembled(alone, stage.setup)
        enacted = enact(stage.program, scenario, _Direction(alone, stage.setup).follow)
        acts = stage.collide.acts(cast.journeys[place].name, enacted.decisions)
        wanted = [at_us for at_us, step in acts if step == cast.recipes[place].step]
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
        found = stage.collide(enact(stage.program, filled).decisions)
        if found is not None and stage.shows(found):
            return Witness(filled, found[1])
    return None


def assembled(cast: Cast, setup: Setup) -> Scenario:
    """The scenario of a candidate: their past, then the triggers at their instants."""
    person, names = cast.person, tuple(journey.name for journey in cast.journeys)
    first_us = min(cast.at_us.values())
    past = [(cast.at_us.get(each.before, first_us) - each.age_us, each) for each in ages(person)]
    start_us = min([first_us, *(at_us for at_us, _ in past)]) - HOUR_US
    values, late = person.values(), _late(cast, setup)
    events = [Happening(at_us, each.event, person.event_data(each.event, each.fields)) for at_us, each in past]
    last_us = max(cast.at_us.values())
    for journey in cast.journeys:
        at_us = cast.at_us[journey.name]
        if is_scheduled(journey):
            events += _kick(person, start_us)
            last_us = max(last_us, start_us + SCHEDULE_US)
        elif journey.enter.event == AUDIENCE_ENTERED:
            events += [Happening(at_us, event, person.event_data(event, ())) for event in sorted({event for event, _ in late})]
        else:
            events.append(Happening(at_us, journey.enter.event, person.data(journey.name, journey.enter.event)))
    known = {name: value for name, value in values.items() if name not in {name for _, name in late}}
    fates = {f"{recipe.journey}/{step}": fate for recipe in cast.recipes for step, fate in recipe.fates}
    return Scenario(
        names,
        start_us,
        last_us + max(recipe.least_us for recipe in cast.recipes) + MARGIN_US,
        known,
        tuple(sorted(person.consents)),
        tuple(sorted(events, key=lambda each: each.at_us)),
        fates,
        cast.subject,
    )


def _kick(person: Person, start_us: int) -> Iterable[Happening]:
    """Something that makes the customer known: a consent said once more."""
    for pair in sorted(person.consents)[:1]:
        purpose, channel = pair.split("|")
        yield Happening(start_us, "consent.changed", {"purpose": purpose, "channel": channel, "granted": True})


def _late(cast: Cast, setup: Setup) -> set[tuple[str, str]]:
    """The attributes that must come by an event for the customer to enter an audience: (event type, attribute)."""
    names = {audience_of(journey) for journey in cast.journeys if journey.enter.event == AUDIENCE_ENTERED and not is_scheduled(journey)}
    read = {attribute for name in names if name for attribute in setup.knowledge.audiences[name].attributes}
    values = cast.person.values()
    found: set[tuple[str, str]] = set()
    for (event, path), each in sorted(setup.knowledge.fed.items()):
        if each.name in read and each.name in values and "." not in path and not any(name == each.name for _, name in found):
            found.add((event, each.name))
    return found


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
        journey = self.setup.program.entered[decision.journey].journey
        step = next(step for step in journey.steps if step.id == decision.step)
        assert isinstance(step, Wait)
        person, place = self.cast.person.copy(), f"{journey.name}/{step.id}"
        if step.where is not None and not meet(person, place, step.until, ((step.where.expr, True),)):
            return ()
        return (Happening(at_us + MINUTE_US, step.until, person.data(place, step.until)),)
