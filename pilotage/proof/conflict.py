"""Conflicts between journeys: can two of them contact one customer on the same channel within a short time, contradict each other, or
fight over an attribute?

Each pair and kind ends in a proof, a witness or unknown. Most pairs are decided without trying anything: they share no channel, no
customers, or policy keeps them apart (`separation`). Only what is left is tried (`witness`).
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from pilotage.event.zone import Zones
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Enter, Journey, Plan
from pilotage.journey.program import Program, load
from pilotage.journey.subjects import on_accounts, part_of_accounts
from pilotage.predicate.ir import Literal
from pilotage.proof.acts import SEND, SET, Act, Footprint, footprint, is_for, narrowed_to, setting_of
from pilotage.proof.casting import Setup
from pilotage.proof.domains import met
from pilotage.proof.outcome import Bounds, Collision, Proof, Verdict
from pilotage.proof.person import Knowledge
from pilotage.proof.recipes import Recipe
from pilotage.proof.separation import Apart, Reason
from pilotage.proof.witness import search

CHANNEL, CLAIMS, ATTRIBUTE = "channel", "claims", "attribute"
KINDS = (CHANNEL, CLAIMS, ATTRIBUTE)
PAIRS_MAX = 4
"""How many pairs of acts a witness is looked for with, for two journeys and one channel."""

SEARCHES_MAX = 8
"""How many ways to acts are tried in all."""

QUESTION = "conflict"


class Moment(msgspec.Struct, frozen=True):
    """An act that came about."""

    at_us: int
    journey: str
    step: str
    value: object = None


class Conflicts:
    """The pairs of one plan. What is read off a journey is kept, and so is what the solver has answered. With `classes` only messages of
    these are asked about, `purposes` being those that are."""

    def __init__(
        self, plan: Plan, zones: Zones, bounds: Bounds = Bounds(), program: Program | None = None, classes: Container[str] | None = None
    ) -> None:
        self.plan, self.zones, self.bounds = plan, zones, bounds
        self.journeys = {journey.name: journey for journey in plan.journeys}
        self.purposes = frozenset(each.name for each in plan.policy.purposes if classes is None or each.contact_class in classes)
        self.narrow = classes is not None
        self.loaded = program
        self.acting = plan
        self.made: Setup | None = None
        self.known: Knowledge | None = None
        self.known_offices: Knowledge | None = None
        whole = program or load(msgspec.structs.replace(plan, journeys=()), zones, "proof")
        self.setting = setting_of(plan, whole.rules)
        self.apart = Apart(self.setting)
        self.footprints: dict[str, Footprint] = {}
        self.enacted = 0

    def act_only(self, names: Container[str]) -> None:
        """Load no journeys but these and those that have to be there for them, when somebody is looked for."""
        entered = {step.journey for journey in self.plan.journeys for step in journey.steps if isinstance(step, Enter)}
        kept = tuple(journey for journey in self.plan.journeys if journey.name in names or journey.name in entered)
        self.acting = msgspec.structs.replace(self.plan, journeys=kept)

    @property
    def setup(self) -> Setup:
        """What witnesses are looked for with; loading all journeys is put off until somebody is looked for."""
        if self.loaded is None:
            self.loaded = load(self.acting, self.zones, "proof")
        if self.made is None or self.made.program is not self.loaded:
            self.made = Setup(self.loaded, self.knowledge, self.offices)
        return self.made

    @property
    def knowledge(self) -> Knowledge:
        """What people are made up from."""
        if self.known is None:
            self.known = Knowledge(self.plan, self.zones)
        return self.known

    @property
    def offices(self) -> Knowledge | None:
        """What accounts are made up from; None where there are none."""
        if self.plan.accounts is None:
            return None
        if self.known_offices is None:
            self.known_offices = Knowledge(part_of_accounts(self.plan).plan, self.zones)
        return self.known_offices

    @property
    def asked(self) -> Iterator[tuple[str, Journey]]:
        """The journeys that are asked about: all, or those for the purposes that are."""
        return ((name, journey) for name, journey in self.journeys.items() if not self.narrow or is_for(journey, self.purposes))

    def footprint(self, name: str) -> Footprint:
        """What a journey does."""
        if name not in self.footprints:
            found = footprint(self.journeys[name], self.setting)
            self.footprints[name] = narrowed_to(found, self.purposes) if self.narrow else found
        return self.footprints[name]

    def pair(self, one: str, other: str) -> Iterator[Proof]:
        """Every kind of conflict of two journeys: for each thing that both are concerned with a proof, and one for all the rest."""
        mine, theirs = self.footprint(one), self.footprint(other)
        strangers = not met(mine.box, theirs.box)
        for kind in KINDS:
            shared = [] if strangers and not self._moving(mine, theirs) else sorted(_shared(kind, mine, theirs))
            if not shared:
                reason = self._strangers(mine, theirs) if strangers else Reason(_UNSHARED[kind])
                yield Proof(QUESTION, kind, (one, other), Verdict.PROVED, reason=reason.text, assumes=reason.assumes)
            for about in shared:
                yield self._decide(kind, about, mine, theirs)

    def concerned(self, one: str, other: str) -> bool:
        """Whether two journeys can have customers in common and do anything that can collide; a look at both tells."""
        mine, theirs = self.footprint(one), self.footprint(other)
        against = mine.claims & theirs.excludes or theirs.claims & mine.excludes
        pressing = mine.channels and theirs.channels
        if not (mine.channels & theirs.channels or mine.sets & theirs.sets or against or pressing):
            return False
        return met(mine.box, theirs.box) or self._moving(mine, theirs)

    def _strangers(self, mine: Footprint, theirs: Footprint) -> Reason:
        """Why nobody can be in both journeys."""
        names = sorted(name[1:] for name in mine.box.domains if name in theirs.box.domains)
        assumes = tuple(name for name in names if name in self.setting.changing)
        return Reason(f"nobody meets the entrance conditions of both ({', '.join(names)})", assumes)

    def _moving(self, mine: Footprint, theirs: Footprint) -> bool:
        """Whether messages of either go to others than those who enter."""
        return any(on_accounts(each.journey) for each in (mine, theirs))

    def strangers(self, one: str, other: str) -> bool:
        """Whether nobody who gets messages of one journey can be in the other, by their entrances."""
        mine, theirs = self.footprint(one), self.footprint(other)
        return not met(mine.box, theirs.box) and not self._moving(mine, theirs)

    def within_us(self, kind: str) -> int:
        """How near acts of a kind may not come."""
        bounds = self.bounds
        return {CHANNEL: bounds.within_us, CLAIMS: bounds.claims_us, ATTRIBUTE: bounds.rivals_us}[kind]

    def by_rule(self, kind: str, about: str, one: str, other: str) -> Proof | None:
        """The proof that rules give of one kind of conflict about one thing; None where they do not settle it."""
        mine, theirs = self.footprint(one), self.footprint(other)
        if not met(mine.box, theirs.box) and not self._moving(mine, theirs):
            reason = self._strangers(mine, theirs)
            return Proof(QUESTION, kind, (one, other), Verdict.PROVED, about, reason.text, reason.assumes)
        reasons, left = self._ruled(kind, about, mine, theirs)
        return None if left else self._proved(kind, about, (one, other), reasons)

    def _ruled(self, kind: str, about: str, mine: Footprint, theirs: Footprint) -> tuple[list[Reason], list[tuple[Act, Act]]]:
        """Why acts never collide, and the pairs of acts of which that is not known."""
        reasons: list[Reason] = []
        left: list[tuple[Act, Act]] = []
        for one, other in pairs_of(kind, about, mine, theirs):
            reason = self.apart.never(one, other, self.within_us(kind), (mine, theirs))
            if reason is None:
                left.append((one, other))
            else:
                reasons.append(reason)
        return reasons, left

    def _proved(self, kind: str, about: str, names: tuple[str, str], reasons: list[Reason]) -> Proof:
        text = "; ".join(dict.fromkeys(reason.text for reason in reasons))
        assumes = tuple(sorted({name for reason in reasons for name in reason.assumes}))
        return Proof(QUESTION, kind, names, Verdict.PROVED, about, text, assumes)

    def _decide(self, kind: str, about: str, mine: Footprint, theirs: Footprint) -> Proof:
        names = (mine.journey.name, theirs.journey.name)
        within_us = self.within_us(kind)
        reasons, left = self._ruled(kind, about, mine, theirs)
        if not left:
            return self._proved(kind, about, names, reasons)
        left.sort(key=lambda acts: acts[0].after.least_us + acts[1].after.least_us)
        collide = self.collide(kind, about, *names)
        for ways in islice(_tried(left[:PAIRS_MAX], mine, theirs), SEARCHES_MAX):
            self.enacted += 1
            witness = search(self.setup, ways, collide, within_us)
            if witness is not None:
                return Proof(QUESTION, kind, names, Verdict.WITNESS, about, witness=witness)
        steps = ", ".join(f"{one.step} and {other.step}" for one, other in left[:PAIRS_MAX])
        return Proof(QUESTION, kind, names, Verdict.UNKNOWN, about, f"no rule keeps {steps} apart, and nobody was found for whom they meet")

    def collide(self, kind: str, about: str, one: str, other: str) -> "Collider":
        """What tells the nearest two acts among decisions."""
        return Collider(self, kind, about, one, other)


class Collider(msgspec.Struct, frozen=True):
    """Finds the acts of two journeys that would be a conflict of a kind about something."""

    conflicts: Conflicts
    kind: str
    about: str
    one: str
    other: str

    def acts(self, journey: str, decisions: Sequence[Decision]) -> list[tuple[int, str]]:
        """One journey's acts: instants and steps."""
        return [(each.at_us, each.step) for each in _moments(self.conflicts, self.kind, self.about, journey, decisions)]

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The nearest two acts that would be a conflict, if any: how much later the first journey's is."""
        mine, theirs = (list(_moments(self.conflicts, self.kind, self.about, name, decisions)) for name in (self.one, self.other))
        best: tuple[int, Moment, Moment] | None = None
        for first in mine:
            for second in theirs:
                if not _against(self.kind, self.about, first, second):
                    continue
                apart_us = first.at_us - second.at_us
                if best is None or abs(apart_us) < abs(best[0]):
                    best = (apart_us, first, second)
        if best is None:
            return None
        moments = sorted((each.at_us, each.journey, each.step) for each in best[1:])
        return best[0], Collision(tuple(moments))


def _moments(conflicts: Conflicts, kind: str, about: str, journey: str, decisions: Sequence[Decision]) -> Iterator[Moment]:
    """The acts of a journey among decisions that a kind of conflict is about. What finally was not handed over is none."""
    if kind == ATTRIBUTE:
        for each in decisions:
            if each.journey == journey and each.verb == "set" and about in each.inputs:
                yield Moment(each.at_us, journey, each.step, each.inputs[about])
        return
    given_back = {each.effect for each in decisions if each.verb == "failed" and each.effect}
    steps = {act.step: act for act in conflicts.footprint(journey).acts if act.kind == SEND}
    for each in decisions:
        if each.journey == journey and each.verb == "sent" and each.effect not in given_back and each.step in steps:
            if kind == CLAIMS or each.reason == about:
                yield Moment(each.at_us, journey, each.step, steps.get(each.step))


def _against(kind: str, about: str, one: Moment, other: Moment) -> bool:
    if kind == CHANNEL:
        return True
    if kind == ATTRIBUTE:
        return one.value != other.value
    return isinstance(one.value, Act) and isinstance(other.value, Act) and about in contradicted(one.value, other.value)


def _shared(kind: str, mine: Footprint, theirs: Footprint) -> Iterable[str]:
    """The channels, claims or attributes that both journeys are concerned with."""
    if kind == CHANNEL:
        return mine.channels & theirs.channels
    if kind == ATTRIBUTE:
        return {one.on for one in mine.acts for other in theirs.acts if one.kind == other.kind == SET and _rivals(one, other)}
    return {claim for one in mine.acts for other in theirs.acts for claim in contradicted(one, other)}


def _tried(pairs: Iterable[tuple[Act, Act]], mine: Footprint, theirs: Footprint) -> Iterator[tuple[Recipe, Recipe]]:
    """The ways to acts that witnesses are looked for with: the easiest to each pair of acts first."""
    found = [(mine.ways(one.step), theirs.ways(other.step)) for one, other in pairs]
    for turn in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for first, second in found:
            if turn[0] < len(first) and turn[1] < len(second):
                yield first[turn[0]], second[turn[1]]


def _rivals(one: Act, other: Act) -> bool:
    """Whether two acts can set an attribute to different values."""
    return one.on == other.on and not (isinstance(one.value, Literal) and one.value == other.value)


def contradicted(one: Act, other: Act) -> frozenset[str]:
    """The claims of either message that the other excludes."""
    return (one.claims & other.excludes) | (other.claims & one.excludes)


def pairs_of(kind: str, about: str, mine: Footprint, theirs: Footprint) -> Iterator[tuple[Act, Act]]:
    """The pairs of acts that would be a conflict about something."""
    pairs = ((one, other) for one in mine.acts for other in theirs.acts if one.kind == other.kind)
    if kind == CLAIMS:
        return ((one, other) for one, other in pairs if about in contradicted(one, other))
    wanted = SEND if kind == CHANNEL else SET
    acting = ((one, other) for one, other in pairs if one.kind == wanted and one.on == other.on == about)
    return ((one, other) for one, other in acting if kind == CHANNEL or _rivals(one, other))


_UNSHARED = {
    CHANNEL: "they send on no channel in common",
    CLAIMS: "no content of one excludes what one of the other claims",
    ATTRIBUTE: "they set no attribute in common",
}
