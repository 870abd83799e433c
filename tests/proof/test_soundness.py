"""Soundness: what is proved never happens to anybody, and whatever is shown happens again."""

from collections.abc import Container, Iterable
from itertools import combinations
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.proof.conflict import ATTRIBUTE, CHANNEL, Conflicts
from pilotage.proof.enactment import enact
from pilotage.proof.outcome import Bounds, Fate, Happening, Proof, Scenario, Verdict
from pilotage.proof.pressure import PRESSURE, Pressures, unruled
from tests.journey.scenario import MINUTE, START, ZONES
from tests.proof.worlds import MARKETING, NAMES, customers, scripts, worlds

BOUNDS = Bounds(pressure=2)


def contacts(plan: Plan, decisions: Iterable[Decision], failing: Container[str] = ()) -> list[tuple[int, str, str, str]]:
    """The messages that were decided and did not fail: instant, journey, channel and content, read off the plan's documents."""
    steps = {(journey.name, step.id): step for journey in plan.journeys for step in journey.steps}
    return [
        (each.at_us, each.journey, each.reason, steps[each.journey, each.step].content)
        for each in decisions
        if each.verb == "sent" and each.step not in failing
    ]


def collided(plan: Plan, proof: Proof, decisions: list[Decision], failing: Container[str] = ()) -> bool:
    """Whether a conflict came about, judged from the decisions alone."""
    one, other = proof.journeys
    if proof.kind == ATTRIBUTE:
        told = [(each.at_us, each.journey, each.inputs["mood"]) for each in decisions if each.verb == "set" and "mood" in each.inputs]
        pairs = [(a, b) for a in told for b in told if (a[1], b[1]) == (one, other) and a[2] != b[2]]
        return any(abs(a[0] - b[0]) < BOUNDS.rivals_us for a, b in pairs)
    sent = contacts(plan, decisions, failing)
    pairs = [(a, b) for a in sent for b in sent if (a[1], b[1]) == (one, other)]
    if proof.kind == CHANNEL:
        return any(a[2] == b[2] == (proof.about or a[2]) and abs(a[0] - b[0]) < BOUNDS.within_us for a, b in pairs)
    said = {content.name: (set(content.claims or ()), set(content.excludes or ())) for content in plan.contents}
    against = [(a, b) for a, b in pairs if said[a[3]][0] & said[b[3]][1] or said[b[3]][0] & said[a[3]][1]]
    return any(abs(a[0] - b[0]) < BOUNDS.claims_us for a, b in against)


def lived(attributes: dict[str, Any], script: list[tuple[int, str]], failing: set[str]) -> Scenario:
    """A customer's life as a scenario: agreed to everything, with messages of some steps that fail."""
    at_us, events = START, []
    for gap, event in script:
        at_us += gap * MINUTE
        events.append(Happening(at_us, event, {}))
    known = {"email": "a@example.test", **attributes}
    fates = {f"{name}/{step}": Fate("failed") for name in NAMES for step in failing}
    return Scenario(NAMES, START, at_us + 30 * 1_440 * MINUTE, known, (f"{MARKETING}|email", f"{MARKETING}|push"), tuple(events), fates)


@settings(max_examples=settings.default.max_examples // 2)
@given(worlds(), st.lists(st.tuples(customers, scripts, st.sets(st.sampled_from(("s0", "s1", "s2")))), min_size=6, max_size=12), st.data())
def test_what_is_proved_never_happens(plan: Plan, lives: list[Any], data: st.DataObject) -> None:
    """Whatever two journeys are proved never to do to one customer, no customer drawn at random meets it, whoever else is there; and
    every witness collides again among the journeys it names, loaded alone."""
    program = load(plan, ZONES, "test")
    conflicts = Conflicts(plan, ZONES, BOUNDS)
    proofs = [proof for pair in combinations(sorted(conflicts.journeys), 2) for proof in conflicts.pair(*pair)]
    assume(any(proof.verdict is not Verdict.UNKNOWN for proof in proofs))
    for attributes, script, failing in lives:
        spent = data.draw(st.sampled_from((None, 50_000_000, 100_000_000, 150_000_001)))
        known = {**attributes, **({"spent": spent} if spent is not None else {})}
        decisions = enact(program, lived(known, script, failing)).decisions
        for proof in proofs:
            if proof.verdict is Verdict.PROVED:
                assert not collided(plan, proof, decisions, failing), (proof, known, script)
    for proof in proofs:
        if proof.witness is not None:
            alone = tuple(journey for journey in plan.journeys if journey.name in proof.journeys)
            again = enact(load(type(plan)(**{**_fields(plan), "journeys": alone}), ZONES, "test"), proof.witness.scenario)
            assert collided(plan, proof, again.decisions), proof


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__struct_fields__}


@settings(max_examples=settings.default.max_examples // 3)
@given(worlds(), st.lists(st.tuples(customers, scripts), min_size=4, max_size=8))
def test_pressure_stays_below_what_is_proved(plan: Plan, lives: list[Any]) -> None:
    """Where the pressure of one or two journeys is proved, nobody has more candidates for messages in any window."""
    pressures = Pressures(Conflicts(plan, ZONES, BOUNDS))
    names = sorted(pressures.conflicts.journeys)
    proofs = [proof for name in names for proof in pressures.alone(name)]
    proofs += [proof for pair in combinations(names, 2) for proof in pressures.pair(*pair)]
    free = load(unruled(plan), ZONES, "test")
    classes = {(j.name, s.id) for j in plan.journeys for s in j.steps if getattr(s, "purpose", "") == MARKETING}
    for attributes, script in lives:
        decisions = enact(free, lived(attributes, script, set())).decisions
        for proof in proofs:
            assert proof.kind == PRESSURE
            if proof.verdict is Verdict.PROVED:
                wanted = [d.at_us for d in decisions if d.verb == "sent" and d.journey in proof.journeys and (d.journey, d.step) in classes]
                assert all(wanted[at + 2] - wanted[at] >= BOUNDS.pressure_us for at in range(len(wanted) - 2)), (proof, script)
