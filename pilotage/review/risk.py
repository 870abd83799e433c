"""The risk of a change: the facts about it that carry any, read from the semantic difference and the plans, and the tier they make.

Nothing is guessed: each fact names the journeys, purposes or documents it comes from, so that a person can check the sum.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from pilotage.journey.difference import ADDED, PlanDifference
from pilotage.journey.forms_of_reviews import FACTS
from pilotage.journey.plan import Decide, Journey, Plan, Send
from pilotage.review.policy import ReviewPolicy, Tier

POLICY_KINDS = frozenset({"purpose", "quiet hours", "budget", "contact slot", "calendar", "suppression", "plan"})
"""The kinds of parts whose change holds for every journey."""
NAMED_MAX = 4
"""How many parts of a kind are named one by one."""


class Touched(msgspec.Struct, frozen=True):
    """The journeys that a change makes do something else: `added`, `changed` and `removed` themselves, and those that send changed
    content (`worded`). `policies` are the parts of policies that change, `others` other parts, such as audiences."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    worded: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def journeys(self) -> tuple[str, ...]:
        """All of them that there are after the change, by name."""
        return tuple(sorted({*self.added, *self.changed, *self.worded}))


class Fact(msgspec.Struct, frozen=True):
    """A fact that carries risk, its points, and what it was read from."""

    fact: str
    points: int
    because: str


class Risk(msgspec.Struct, frozen=True):
    """The tier a change is in, the sum of points, and the facts they come from."""

    tier: str
    points: int
    facts: tuple[Fact, ...]


def touched_by(difference: PlanDifference, old: Plan, new: Plan) -> Touched:
    """What a change touches."""
    by_how: dict[str, list[str]] = {}
    for change in difference.changes:
        if change.kind == "journey":
            by_how.setdefault(change.how, []).append(change.name)
    contents = {change.name for change in difference.changes if change.kind == "content"}
    whole = {name for names in by_how.values() for name in names}
    worded = {each.name for plan in (old, new) for each in plan.journeys if each.name not in whole and contents & _contents(each)}
    worded |= {send.partition(" / ")[0] for effect in difference.effects for send in effect.sends} - whole
    return Touched(
        added=tuple(by_how.get(ADDED, ())),
        changed=tuple(by_how.get("changed", ())),
        removed=tuple(by_how.get("removed", ())),
        worded=tuple(sorted(worded & {each.name for each in new.journeys})),
        policies=tuple(f"{each.kind} {each.name}" for each in difference.changes if each.kind in POLICY_KINDS),
        others=tuple(_by_kind(difference)),
    )


def _by_kind(difference: PlanDifference) -> Iterator[str]:
    """The other parts that change, by kind: by name where there are few, else how many."""
    kinds: dict[str, list[str]] = {}
    for change in difference.changes:
        if change.kind not in (*POLICY_KINDS, "journey", "content"):
            kinds.setdefault(change.kind, []).append(change.name)
    for kind, names in kinds.items():
        yield f"{kind} {', '.join(names)}" if len(names) <= NAMED_MAX else f"{kind} of {len(names)} names"


def assessed(
    policy: ReviewPolicy, touched: Touched, plans: tuple[Plan, Plan], people: Mapping[str, int], proof: str, waived: Iterable[str]
) -> Risk:
    """The risk of a change from an old plan to a new one. `people` are those under way by journey, `proof` what the prover said,
    `waived` the rules with a waiver in use."""
    facts = [
        Fact(name, policy.points[name], because)
        for name, because in _facts(policy, touched, plans, people, proof, tuple(waived))
        if because
    ]
    points = sum(fact.points for fact in facts)
    return Risk(tier_at(policy, points).name, points, tuple(facts))


def tier_at(policy: ReviewPolicy, points: int) -> Tier:
    """The tier that holds at so many points."""
    return next(tier for tier in reversed(policy.tiers) if points >= tier.points)


def tier_named(policy: ReviewPolicy, name: str) -> Tier:
    """The tier of a name."""
    return next(tier for tier in policy.tiers if tier.name == name)


def _facts(
    policy: ReviewPolicy, touched: Touched, plans: tuple[Plan, Plan], people: Mapping[str, int], proof: str, waived: tuple[str, ...]
) -> Iterable[tuple[str, str]]:
    """Each fact with what it was read from; empty where it does not hold."""
    old, new = plans
    after = {each.name: each for each in new.journeys}
    before = {each.name: each for each in old.journeys}
    journeys = [after[name] for name in touched.journeys] + [before[name] for name in touched.removed]
    sends = [(journey, step) for journey in journeys for step in journey.steps if isinstance(step, Send)]
    classes = {purpose.name: purpose.contact_class for plan in plans for purpose in plan.policy.purposes}
    marketing = {step.purpose for _, step in sends if classes.get(step.purpose, "marketing") == "marketing"}
    channels = {step.channel for _, step in sends}
    deciding = [f"{each.name} / {step.id}" for each in journeys for step in each.steps if isinstance(step, Decide) and _by_model(step)]
    purposes = {step.purpose for _, step in sends} | {each.purpose for each in journeys if each.purpose}
    untouched = not (touched.journeys or touched.removed or touched.policies or touched.others)
    yield "wording", "nothing is decided differently" if untouched else _told(touched.worded)
    yield "logic", _told((*touched.changed, *touched.removed, *touched.others))
    yield "new_journey", _told(touched.added)
    yield "policy", _told(touched.policies)
    yield "marketing", _told(sorted(marketing))
    yield "service", "" if marketing else _told(sorted({step.purpose for _, step in sends}))
    yield "channels", _told(sorted(channels)) if len(channels) > 1 else ""
    yield "many", _many(policy, journeys, people)
    yield "ai", _told(deciding)
    yield "regulated", _told(sorted(purpose for purpose in purposes if _is_regulated(policy, purpose)))
    yield "waiver", _told(sorted(set(waived)))
    yield f"proof_{proof}", FACTS[f"proof_{proof}"] if journeys else ""


def _contents(journey: Journey) -> set[str]:
    return {step.content for step in journey.steps if isinstance(step, Send)}


def _by_model(step: Decide) -> bool:
    """Whether a model's score or chance has a say in what is chosen."""
    return step.by in ("score", "weights") or step.explore > 0


def _many(policy: ReviewPolicy, journeys: Iterable[Journey], people: Mapping[str, int]) -> str:
    """Who is reached at once: those in an audience whose time comes, or those under way."""
    crowds = [f"{each.name} takes in an audience by the clock" for each in journeys if each.enter.schedule is not msgspec.UNSET]
    under_way = sum(people.get(name, 0) for name in {each.name for each in journeys})
    return _told([*crowds, *([f"{under_way} people are under way"] if under_way >= policy.many else [])])


def _is_regulated(policy: ReviewPolicy, purpose: str) -> bool:
    return any(purpose == each or purpose.startswith(f"{each}.") for each in policy.regulated)


def _told(names: Iterable[str]) -> str:
    return ", ".join(names)
