"""Casting: customers made up from what ways through journeys ask, with the account that they belong to where a journey runs on one, and the
scenario in which they do what begins those journeys.

Whoever is cast meets the conditions as far as they are read; whether what is looked for comes about, the kernel says (`witness`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
from msgspec import UNSET

from pilotage.contract.builtin import ACCOUNT_JOINED, AUDIENCE_ENTERED, HANDED_ONLY, MADE_INSIDE, MEMBER_JOINED, SCHEDULE_REACHED
from pilotage.decision.rules import ContactRules
from pilotage.event.time import DAY_US, HOUR_US, parse_instant_us
from pilotage.experiment.assignment import arm_index, held_out
from pilotage.journey.plan import Journey, Send, Split
from pilotage.journey.program import Program, fixed_audience
from pilotage.journey.subjects import on_accounts
from pilotage.proof.eligible import for_them, reachable, unsuppressed
from pilotage.proof.enactment import Whole, account_of_number, subject_of
from pilotage.proof.outcome import Happening, Membership, Scenario
from pilotage.proof.person import Knowledge, Person, ages, meet, settle
from pilotage.proof.recipes import Recipe, is_scheduled

BASE = parse_instant_us("2026-03-02T10:00:00Z")
"""When both journeys begin at first: a Monday morning."""
SUBJECTS_MAX = 4_000
MARGIN_US = 5 * DAY_US
"""How much longer than its way takes at least an entry is followed."""
SCHEDULE_US = 62 * DAY_US
"""How long to look for the instants of a schedule."""
ZONES = ("", *(f"Etc/GMT{hours:+d}" for hours in (-12, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), "UTC")
ACCOUNT = "Acme"
"""The name of the account of somebody who does not exist."""


class Setup(msgspec.Struct):
    """What witnesses are looked for with: the program of all journeys, and what people are made up from, and accounts, if there are any.
    `alone` is how long after its trigger a step acts where nothing else is there, by recipe (None: it did not)."""

    program: Program
    knowledge: Knowledge
    offices: Knowledge | None = None
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

    def journey(self, name: str) -> Journey:
        """A journey of the plan, on persons or on accounts."""
        program = self.program.named(name)
        assert program is not None, name
        return program.entered[name].journey


class Cast(msgspec.Struct):
    """One candidate: a person for recipes, whose triggers are at `at_us` by journey, and the account that they belong to, where a
    journey runs on it."""

    journeys: tuple[Journey, ...]
    recipes: tuple[Recipe, ...]
    person: Person
    office: Person | None
    subject: int
    zone: str
    at_us: dict[str, int]

    def draft(self, journey: Journey) -> Person:
        """Whose conditions a journey's are: the person's, or the account's."""
        return self.office if self.office is not None and on_accounts(journey) else self.person


def casts(setup: Setup, recipes: tuple[Recipe, ...], fits: Callable[[bytes], bool] = lambda subject: True) -> Iterator[Cast]:
    """The candidates for recipes: whoever meets what all of them ask, differently where the journeys begin with one type of event. Their
    hash is one that `fits`."""
    names = tuple(recipe.journey for recipe in recipes)
    journeys = tuple(setup.journey(name) for name in names)
    if not all(_startable(journey) for journey in journeys):
        return
    subject = _subject(journeys, recipes, fits)
    if subject is None:
        return
    zones = ZONES if any(_by_clock(journey) for journey in journeys) else ("",)
    for apart, zone in product(_apart(journeys), zones):
        drafts = _drafts(setup, journeys, recipes, apart, zone)
        if drafts is not None:
            yield Cast(journeys, recipes, *drafts, subject, zone, dict.fromkeys(names, BASE))


def _startable(journey: Journey) -> bool:
    """Whether somebody can be made to enter: by an event that anybody can send, a schedule, or by entering an audience."""
    event = journey.enter.event
    return is_scheduled(journey) or event in (AUDIENCE_ENTERED, MEMBER_JOINED) or event not in (*MADE_INSIDE, *HANDED_ONLY)


def _by_clock(journey: Journey) -> bool:
    """Whether it is told by a clock other than the customer's when entries begin."""
    schedule = journey.enter.schedule
    return schedule is not UNSET and schedule.zone != "subject"


def _apart(journeys: tuple[Journey, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Which journey's trigger is to start which other one not: needed where both begin with one type of event."""
    yield ()
    same = len(journeys) == 2 and journeys[0].enter.event == journeys[1].enter.event and journeys[0].subject == journeys[1].subject
    if same and not any(is_scheduled(each) for each in journeys):
        yield from (((0, 1),), ((1, 0),), ((0, 1), (1, 0)))


def _subject(journeys: tuple[Journey, ...], recipes: tuple[Recipe, ...], fits: Callable[[bytes], bool]) -> int | None:
    """The first customer whose hash puts them into the arms that the recipes take, and into no holdout."""
    splits = [
        (on_accounts(journey), step, dict(recipe.arms)[step.id])
        for journey, recipe in zip(journeys, recipes, strict=True)
        for step in journey.steps
        if isinstance(step, Split) and step.id in dict(recipe.arms)
    ]
    for number in range(SUBJECTS_MAX):
        ids = (subject_of(number), account_of_number(number))
        if any(journey.holdout and held_out(journey.name, ids[on_accounts(journey)], journey.holdout) for journey in journeys):
            continue
        if fits(ids[on_accounts(journeys[0])]) and all(
            step.arms[arm_index(step.salt, ids[of], [arm.share for arm in step.arms])].name == arm for of, step, arm in splits
        ):
            return number
    return None


def _drafts(
    setup: Setup, journeys: tuple[Journey, ...], recipes: tuple[Recipe, ...], apart: tuple[tuple[int, int], ...], zone: str
) -> tuple[Person, Person | None] | None:
    """Somebody who meets what all recipes ask, and their account, if one is asked for; None where that contradicts itself."""
    person = Person(setup.knowledge)
    office = Person(setup.offices) if setup.offices is not None and any(map(on_accounts, journeys)) else None
    policy = setup.program.plan.policy
    if zone:
        if policy.zone_attribute not in setup.knowledge.types:
            return None
        person.attributes[policy.zone_attribute] = _fixed(person, policy.zone_attribute, zone)
    for journey, recipe in zip(journeys, recipes, strict=True):
        parts = [part for part in recipe.asked if part[0] != _audience_part(journey)]
        draft = office if office is not None and on_accounts(journey) else person
        if not meet(draft, journey.name, _trigger_of(journey), parts) or not _meets_audience(draft, journey):
            return None
        if not meet(person, "", "", for_them(setup.rules, journey, recipe, BASE)):
            return None
        reachable(setup.rules, person, journey, recipe.withheld)
    if not unsuppressed(setup.rules, person):
        return None
    for mine, theirs in apart:
        where = journeys[theirs].enter.where
        draft = office if office is not None and on_accounts(journeys[mine]) else person
        if where is None or not meet(draft, journeys[mine].name, _trigger_of(journeys[mine]), ((where.expr, False),)):
            return None
    drafts = [draft for draft in (person, office) if draft is not None]
    sane = all(settle(draft) and all(not domain.empty for domain in draft.attributes.values()) for draft in drafts)
    return (person, office) if sane else None


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
    return when is not None and meet(person, "" if is_scheduled(journey) else journey.name, "", ((when.expr, True),))


def audience_of(journey: Journey) -> str:
    """The audience whose members enter; empty where there is none, or not one alone."""
    schedule, where = journey.enter.schedule, journey.enter.where
    if schedule:
        return schedule.audience
    return fixed_audience(where.expr) if where is not None and journey.enter.event == AUDIENCE_ENTERED else ""


def assembled(cast: Cast, setup: Setup) -> Scenario:
    """The scenario of a candidate: their past, then the triggers at their instants."""
    person, names = cast.person, tuple(journey.name for journey in cast.journeys)
    first_us = min(cast.at_us.values())
    drafts = [(person, False), *([(cast.office, True)] if cast.office is not None else [])]
    past = [(cast.at_us.get(each.before, first_us) - each.age_us, each, draft, of) for draft, of in drafts for each in ages(draft)]
    start_us = min([first_us, *(at_us for at_us, *_ in past)]) - HOUR_US
    events = [Happening(at_us, each.event, draft.event_data(each.event, each.fields), of) for at_us, each, draft, of in past]
    last_us = max(cast.at_us.values())
    for journey in cast.journeys:
        events += _triggers(cast, setup, journey, start_us)
        last_us = max(last_us, start_us + SCHEDULE_US if is_scheduled(journey) else cast.at_us[journey.name] + _ripens_us(cast, journey))
    fates = {f"{recipe.journey}/{step}": fate for recipe in cast.recipes for step, fate in recipe.fates}
    return Scenario(
        names,
        start_us,
        last_us + max(recipe.least_us for recipe in cast.recipes) + MARGIN_US,
        _known(cast, setup, person),
        tuple(sorted(person.consents)),
        tuple(sorted(events, key=lambda each: each.at_us)),
        fates,
        cast.subject,
        account=_membership(cast, setup) if cast.office is not None else None,
    )


def _triggers(cast: Cast, setup: Setup, journey: Journey, start_us: int) -> Iterable[Happening]:
    """What begins a journey for a candidate, or makes them known to its schedule."""
    draft, at_us, event, of = cast.draft(journey), cast.at_us[journey.name], journey.enter.event, on_accounts(journey)
    if is_scheduled(journey):
        return _kick_account(draft, start_us) if of else _kick(draft, start_us)
    if event == AUDIENCE_ENTERED:
        late = sorted({event for event, _ in _late(cast, setup, draft)})
        return [Happening(at_us, event, draft.event_data(event, ()), of) for event in late]
    if of and event == MEMBER_JOINED:
        roles = sorted(_roles(cast.journeys), key=lambda role: role not in _roles((journey,)))
        return [Happening(at_us, ACCOUNT_JOINED, {"account": ACCOUNT, **({"role": role} if role else {})}) for role in roles or ("",)]
    return [Happening(at_us, event, draft.data(journey.name, event), of)]


def _ripens_us(cast: Cast, journey: Journey) -> int:
    """How long what is counted may have to lie back before somebody enters the audience that begins a journey."""
    when = cast.draft(journey).knowledge.audiences.get(audience_of(journey)) if journey.enter.event == AUDIENCE_ENTERED else None
    return min(max((each.window_us for each in when.features), default=0), SCHEDULE_US) if when is not None else 0


def _known(cast: Cast, setup: Setup, draft: Person) -> dict[str, Any]:
    """The attributes of a draft that are there from the start."""
    late = {name for _, name in _late(cast, setup, draft)}
    return {name: value for name, value in draft.values().items() if name not in late}


def _roles(journeys: Sequence[Journey]) -> tuple[str, ...]:
    """The roles that messages of journeys go to."""
    steps = (step for journey in journeys for step in journey.steps)
    return tuple(sorted({step.role for step in steps if isinstance(step, Send) and isinstance(step.role, str)}))


def _membership(cast: Cast, setup: Setup) -> Membership:
    """The account of a candidate. Whoever is yet to join has no role before."""
    assert cast.office is not None
    joins = any(on_accounts(journey) and journey.enter.event == MEMBER_JOINED for journey in cast.journeys)
    return Membership(ACCOUNT, () if joins else _roles(cast.journeys), _known(cast, setup, cast.office))


def _kick_account(office: Person, start_us: int) -> Iterable[Happening]:
    """Something that makes the account known: an event that any of its attributes comes from, or that it knows otherwise."""
    for event in sorted({event for event, _ in office.knowledge.fed if event not in MADE_INSIDE})[:1]:
        yield Happening(start_us, event, office.event_data(event, ()), account=True)


def _kick(person: Person, start_us: int) -> Iterable[Happening]:
    """Something that makes the customer known: a consent said once more."""
    for pair in sorted(person.consents)[:1]:
        purpose, channel = pair.split("|")
        yield Happening(start_us, "consent.changed", {"purpose": purpose, "channel": channel, "granted": True})


def _late(cast: Cast, setup: Setup, draft: Person) -> set[tuple[str, str]]:
    """The attributes that must come by an event for the customer, or the account, to enter an audience: (event type, attribute)."""
    entering = (each for each in cast.journeys if each.enter.event == AUDIENCE_ENTERED and not is_scheduled(each))
    names = {audience_of(journey) for journey in entering if cast.draft(journey) is draft}
    knowledge = draft.knowledge
    read = {attribute for name in names if name for attribute in knowledge.audiences[name].attributes}
    values = draft.values()
    found: set[tuple[str, str]] = set()
    for (event, path), each in sorted(knowledge.fed.items()):
        if each.name in read and each.name in values and "." not in path and not any(name == each.name for _, name in found):
            found.add((event, each.name))
    return found
