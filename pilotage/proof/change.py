"""The smallest change that removes a conflict: each kind of change is tried on the plan, and only one after which the same proof holds is
suggested.

A change of one value comes first (a longer wait), then one condition more (not shortly after the other), then a rule of policy for the
two journeys alone.
"""

from collections.abc import Iterator

import msgspec

from pilotage.audience.model import conjunction
from pilotage.consent.policy import Budget
from pilotage.event.time import HOUR_US, duration_text
from pilotage.event.zone import Zones
from pilotage.journey.plan import Journey, Plan, Wait
from pilotage.predicate.ir import Call, Entered, Predicate, Type
from pilotage.proof.conflict import CHANNEL, CLAIMS, Conflicts
from pilotage.proof.outcome import Bounds, Change, Proof, Verdict

LONGER = (1, 2, 3, 6, 12, 24)
"""By how many hours a wait is made longer, the fewest first."""


def smallest(plan: Plan, zones: Zones, bounds: Bounds, proof: Proof) -> Change | None:
    """The first change, of those tried, that is proved to remove a pair's conflict; the second journey named is the one to change."""
    if proof.kind not in (CHANNEL, CLAIMS) or len(proof.journeys) != 2:
        return None
    for where, text, changed in _changes(plan, bounds, proof):
        again = list(_asked(Conflicts(changed, zones, bounds), proof))
        if again and all(each.verdict is Verdict.PROVED for each in again):
            return Change(where, text, "; ".join(dict.fromkeys(each.reason for each in again)))
    return None


def _asked(conflicts: Conflicts, proof: Proof) -> Iterator[Proof]:
    """The same question about a changed plan, as far as rules answer it: nobody is looked for."""
    found = conflicts.by_rule(proof.kind, proof.about, *proof.journeys)
    if found is not None:
        yield found


def _changes(plan: Plan, bounds: Bounds, proof: Proof) -> Iterator[tuple[str, str, Plan]]:
    one, other = proof.journeys
    journeys = {journey.name: journey for journey in plan.journeys}
    within_us = bounds.within_us if proof.kind == CHANNEL else bounds.claims_us
    for name in (other, one):
        yield from _longer(plan, journeys[name])
    for name, avoided in ((other, one), (one, other)):
        yield from _kept_apart(plan, journeys[name], avoided, within_us)
    yield from _budgeted(plan, proof, within_us)


def _longer(plan: Plan, journey: Journey) -> Iterator[tuple[str, str, Plan]]:
    for place, step in enumerate(journey.steps):
        if not isinstance(step, Wait) or not step.for_us:
            continue
        for hours in LONGER:
            wait = msgspec.structs.replace(step, for_us=step.for_us + hours * HOUR_US)
            steps = (*journey.steps[:place], wait, *journey.steps[place + 1 :])
            text = f"let step '{step.id}' of {journey.name} wait for {duration_text(wait.for_us)} instead of {duration_text(step.for_us)}"
            yield journey.name, text, _with(plan, msgspec.structs.replace(journey, steps=steps))


def _kept_apart(plan: Plan, journey: Journey, avoided: str, within_us: int) -> Iterator[tuple[str, str, Plan]]:
    for window_us in (within_us, 24 * HOUR_US, 7 * 24 * HOUR_US, 30 * 24 * HOUR_US):
        said = f"not entered('{avoided}', '{duration_text(window_us)}')"
        guard = Predicate(said, Call(Type.BOOLEAN, "not", (Entered(avoided, window_us),)), journeys=(avoided,), timed=True)
        where = journey.enter.where
        both = conjunction((where, guard)) if where is not None else guard
        entrance = msgspec.structs.replace(journey.enter, where=both)
        text = f'let {journey.name} begin only where "{said}"'
        yield journey.name, text, _with(plan, msgspec.structs.replace(journey, enter=entrance))


def _budgeted(plan: Plan, proof: Proof, within_us: int) -> Iterator[tuple[str, str, Plan]]:
    channels = (proof.about,) if proof.kind == CHANNEL else ()
    budget = Budget("apart", 1, within_us, channels=channels, journeys=proof.journeys)
    policy = msgspec.structs.replace(plan.policy, budgets=(*plan.policy.budgets, budget))
    on = f"channels: [{proof.about}], " if channels else ""
    written = f"{{name: apart, limit: 1, window: {duration_text(within_us)}, {on}journeys: [{', '.join(proof.journeys)}]}}"
    yield "policy", f"add the budget {written} to the policy", msgspec.structs.replace(plan, policy=policy)


def _with(plan: Plan, journey: Journey) -> Plan:
    return msgspec.structs.replace(plan, journeys=tuple(journey if each.name == journey.name else each for each in plan.journeys))
