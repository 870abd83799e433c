"""Loops: journeys that start each other without end, by events that they emit, journeys they enter, and what they change about a
customer that audiences read.

A cycle of links is no loop where a link cannot be taken (what is emitted does not meet the condition), where somebody in it can be
entered once only, or where the whole round is over before anybody may enter again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET

from pilotage.contract.builtin import AUDIENCE_ENTERED, AUDIENCE_LEFT
from pilotage.journey.impossible import NEVER_US
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import AnyStep, Assignment, Emit, Enter, Journey, Plan, Set
from pilotage.journey.program import fixed_audience
from pilotage.predicate.ir import Attribute, Call, Expr, Field, Literal
from pilotage.proof.acts import Footprint
from pilotage.proof.casting import assembled, casts
from pilotage.proof.conflict import QUESTION, Conflicts
from pilotage.proof.domains import Domain, box_of, comparison, conjuncts, key_of, narrowed, unscaled
from pilotage.proof.outcome import Collision, Proof, Scenario, Verdict, Witness
from pilotage.proof.recipes import recipes
from pilotage.proof.witness import Stage, enact_directed

LOOP = "loop"
ROUNDS = 3
"""Entries of one journey after a single event of a customer's: with so many it feeds itself."""
CYCLES_MAX = 200
AHEAD_US = 400 * 86_400_000_000


class Link(msgspec.Struct, frozen=True):
    """One journey starting another: the step that does it, and by what."""

    one: str
    other: str
    step: str
    by: str


class Looping:
    """The links of a plan, and the cycles they close."""

    def __init__(self, conflicts: Conflicts) -> None:
        self.conflicts, self.plan = conflicts, conflicts.plan
        self.audiences = _audiences_by_cause(self.plan)
        self.links: dict[str, list[Link]] = {journey.name: list(self._links(journey)) for journey in self.plan.journeys}

    def _links(self, journey: Journey) -> Iterator[Link]:
        for step in journey.steps:
            for other in self.plan.journeys:
                by = self._starts(journey, step, other)
                if by:
                    yield Link(journey.name, other.name, step.id, by)
        passage = f"~{journey.name}"
        for other in self.plan.journeys:
            if passage in self.audiences and _by_audience(other) & self.audiences[passage]:
                yield Link(journey.name, other.name, "", "an audience that reads who is in it")

    def _starts(self, journey: Journey, step: AnyStep, other: Journey) -> str:
        """By what a step starts another journey; empty where it does not."""
        if isinstance(step, Emit):
            direct = other.enter.event == step.event and other.enter.schedule is UNSET
            if direct and self._lets_in(journey, step.data, other):
                return f"the event {step.event}"
            changed = self.audiences.get(step.event, frozenset())
            return f"an audience that counts {step.event}" if _by_audience(other) & changed else ""
        if isinstance(step, Enter):
            return "entering it" if step.journey == other.name and self._lets_in(journey, step.data, other) else ""
        if isinstance(step, Set):
            moved = frozenset().union(*(self.audiences.get(f"@{each.name}", frozenset()) for each in step.attributes))
            return "an audience that reads what it sets" if _by_audience(other) & moved else ""
        return ""

    def _lets_in(self, journey: Journey, data: Sequence[Assignment], other: Journey) -> bool:
        """Whether the event that a step makes can meet the condition of the journey that it would start."""
        where = other.enter.where
        if where is None:
            return True
        given = {each.name: each.value for each in data}
        footprint = self.conflicts.footprint(journey.name)
        for expr, holds in conjuncts(where.expr):
            said = comparison(expr, holds)
            if said is None or not isinstance(said.of, Field):
                continue
            domain = self._emitted(given, said.of, footprint)
            if domain is not None and not narrowed(domain, said):
                return False
        return True

    def _emitted(self, given: Mapping[str, Expr], field: Field, footprint: Footprint) -> Domain | None:
        """What is known of a field of an event that a step makes; None where that is nothing."""
        if "." in field.path:
            return None
        domain, value = Domain(field.type), given.get(field.path)
        if isinstance(value, Call):
            value = unscaled(value)
        if value is None or (isinstance(value, Literal) and value.value is None):
            domain.must_be_null(True)
            return domain
        if isinstance(value, Literal):
            domain.must_be_null(False)
            domain.narrow("eq", value.value)
            return domain
        if not isinstance(value, Field | Attribute):
            return None
        where = footprint.journey.enter.where
        known = box_of(conjuncts(where.expr)).domains if where is not None else {}
        if isinstance(value, Attribute) and value.name not in self.conflicts.setting.steady:
            return None
        found = known.get(key_of(value))
        return found.copy() if found is not None and found.type == field.type else None

    def proofs(self) -> Iterator[Proof]:
        """A proof for each cycle of links, or one that there is none."""
        found = False
        for cycle in self._cycles():
            found = True
            yield self._decide(cycle)
        if not found:
            yield Proof(
                QUESTION, LOOP, (), Verdict.PROVED, reason="no chain of what journeys emit, enter and set leads back to one of them"
            )

    def _cycles(self) -> Iterator[tuple[Link, ...]]:
        """Each knot of journeys that lead back to themselves, as its shortest cycles through each journey that is in none before."""
        seen: set[frozenset[str]] = set()
        for name in self.links:
            for first in self.links[name]:
                cycle = self._back(first)
                members = frozenset(link.one for link in cycle)
                if cycle and members not in seen and len(seen) < CYCLES_MAX:
                    seen.add(members)
                    yield cycle

    def _back(self, first: Link) -> tuple[Link, ...]:
        """The shortest cycle that begins with a link; empty where it leads nowhere."""
        before: dict[str, tuple[Link, ...]] = {first.other: (first,)}
        ahead = [first.other]
        while ahead:
            name = ahead.pop(0)
            if name == first.one:
                return before[name]
            for link in self.links[name]:
                if link.other not in before:
                    before[link.other] = (*before[name], link)
                    ahead.append(link.other)
        return ()

    def _decide(self, cycle: tuple[Link, ...]) -> Proof:
        names = tuple(link.one for link in cycle)
        about = " → ".join((*names, names[0]))
        journeys = [self.conflicts.journeys[name] for name in names]
        once = [journey.name for journey in journeys if journey.enter.reentry == "never" and journey.enter.key is UNSET]
        if once:
            return Proof(QUESTION, LOOP, names, Verdict.PROVED, about, f"{once[0]} is entered once at most")
        longest = sum(self._longest_us(link) for link in cycle)
        resting = [journey for journey in journeys if journey.enter.reentry == "after" and journey.enter.key is UNSET
                   and longest < journey.enter.reentry_us]  # fmt: skip
        if resting:
            return Proof(QUESTION, LOOP, names, Verdict.PROVED, about, f"a round is over before {resting[0].name} may be entered again")
        for turn in range(len(cycle)):
            witness = self._witness((*cycle[turn:], *cycle[:turn]))
            if witness is not None:
                return Proof(QUESTION, LOOP, names, Verdict.WITNESS, about, witness=witness)
        return Proof(QUESTION, LOOP, names, Verdict.UNKNOWN, about, "the links close a cycle, and nobody was found who goes round it")

    def _longest_us(self, link: Link) -> int:
        span = self.conflicts.footprint(link.one).passages.spans.get(link.step)
        return span.most_us if span is not None and link.by.startswith(("the event", "entering")) else NEVER_US

    def _witness(self, cycle: tuple[Link, ...]) -> Witness | None:
        """Somebody who enters the first journey again and again after one event."""
        first = cycle[0]
        footprint = self.conflicts.footprint(first.one)
        if not first.step or first.step not in footprint.passages.spans:
            return None
        counted = Rounds(first.one)
        for recipe in recipes(footprint.passages, first.step):
            for cast in casts(self.conflicts.setup, (recipe,)):
                names = tuple(link.one for link in cycle)
                stage = Stage.of(self.conflicts.setup, names, counted, 1)
                scenario = assembled(cast, self.conflicts.setup)
                scenario = msgspec.structs.replace(scenario, journeys=names, until_us=scenario.until_us + AHEAD_US)
                whole, enacted = enact_directed(stage, cast, scenario)
                found = counted(enacted.decisions)
                if found is not None and found[0] == 0:
                    return Witness(_ended(whole, found[1]), found[1])
                if len(set(names) & {name for part in enacted.refused_at for name in names if f"by {name}/" in part}) == len(set(names)):
                    moment = (cast.at_us[first.one], first.one, first.step)
                    return Witness(whole, Collision((moment,)))
        return None


def _ended(scenario: Scenario, collision: Collision) -> Scenario:
    """The scenario until its collision is over."""
    return msgspec.structs.replace(scenario, until_us=max(at_us for at_us, _, _ in collision.moments))


class Rounds(msgspec.Struct, frozen=True):
    """Counts the entries of one journey."""

    journey: str

    def acts(self, journey: str, decisions: Sequence[Decision]) -> list[tuple[int, str]]:
        """When it was entered."""
        return [(each.at_us, "") for each in decisions if each.verb == "entered" and each.journey == self.journey]

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The first entries that make a loop; 0 where there are enough."""
        found = self.acts(self.journey, decisions)[:ROUNDS]
        return (0, Collision(tuple((at_us, self.journey, step) for at_us, step in found))) if len(found) == ROUNDS else None


def _by_audience(journey: Journey) -> frozenset[str]:
    """The audiences by whose comings and goings a journey is entered."""
    schedule, where = journey.enter.schedule, journey.enter.where
    if schedule is not UNSET:
        return frozenset((schedule.audience,))
    if journey.enter.event not in (AUDIENCE_ENTERED, AUDIENCE_LEFT):
        return frozenset()
    named = fixed_audience(where.expr) if where is not None else ""
    return frozenset((named or "*",))


def _audiences_by_cause(plan: Plan) -> dict[str, frozenset[str]]:
    """The audiences that change with an attribute (`@name`), an event type, or a journey (`~name`); `*` stands for any."""
    reads = {audience.name: set(_causes(plan, audience.when)) for audience in plan.audiences}
    for audience in plan.audiences:  # in topological order
        for inner in audience.when.audiences:
            reads[audience.name] |= reads.get(inner, set())
    found: dict[str, set[str]] = {}
    for name, causes in reads.items():
        for cause in causes:
            found.setdefault(cause, {"*"}).add(name)
    return {cause: frozenset(names) for cause, names in found.items()}


def _causes(plan: Plan, when: object) -> Iterable[str]:
    attributes, events, journeys = (getattr(when, name) for name in ("attributes", "events", "journeys"))
    yield from (f"@{name}" for name in attributes)
    yield from events
    yield from (f"~{name}" for name in journeys)
    fed = {event for each in plan.attributes if each.name in attributes for event, _ in each.sources}
    yield from fed
