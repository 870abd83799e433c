"""Migration: what is proved of a map never happens to anybody, planted faults are found, and look-alikes are proved to be none."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.app.proving_moves import shown_move
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.proof.enactment import enact
from pilotage.proof.migration import Moves, migration_proofs
from pilotage.proof.moved import came_true
from pilotage.proof.outcome import Bounds, Fate, Happening, Scenario, Verdict
from tests.journey.scenario import MINUTE, START, ZONES
from tests.proof.moving import EVENTS, NAME, TEXTS, Judge, document, documents, versions
from tests.proof.planted import policy
from tests.proof.worlds import MARKETING, plan_of

HOUR_M, DAY_M = 60, 1_440


def life(rng: random.Random, plan: Plan) -> Scenario:
    """Somebody who is in the journey, sees this and that happen, and is met by the new version at some moment."""
    known = {"email": "a@example.test", "tier": rng.choice(("gold", "silver")), "country": rng.choice(("DE", "FR"))}
    attributes = {
        **{key: value for key, value in known.items() if rng.random() < 0.8},
        **({"spent": 150_000_000} if rng.random() < 0.5 else {}),
    }
    at_us, events = START, [Happening(START, "cart.added", {"price": rng.choice((1, 9))} if rng.random() < 0.8 else {})]
    for _ in range(rng.randrange(8)):
        at_us += rng.choice((10, HOUR_M, 7 * HOUR_M, DAY_M, 2 * DAY_M)) * MINUTE
        events.append(Happening(at_us, rng.choice(EVENTS), {}))
    fates = {}
    for step in plan.journeys[0].steps:
        fate = rng.choice(("", "", "failed", "none", "late"))
        if fate == "late":
            late = {"send": Fate("sent", after_us=DAY_M * MINUTE), "call": Fate("answered", body='{"n": 9}', after_us=DAY_M * MINUTE)}
            fates[f"{NAME}/{step.id}"] = late.get(type(step).__name__.lower(), Fate("completed", "yes", after_us=HOUR_M * MINUTE))
        elif fate:
            fates[f"{NAME}/{step.id}"] = Fate(fate)
    consents = (f"{MARKETING}|email",) if rng.random() < 0.5 else ()
    takeover_us = START + rng.choice((1, 30, 90, 6 * HOUR_M, DAY_M + 1, 2 * DAY_M, 3 * DAY_M + 5, 5 * DAY_M)) * MINUTE + rng.randrange(3)
    return Scenario((NAME,), START, START + 40 * DAY_M * MINUTE, attributes, consents, tuple(events), fates, rng.randrange(400),
                    takeover_us=takeover_us)  # fmt: skip


@settings(max_examples=settings.default.max_examples // 3)
@given(st.integers(0, 1 << 40))
def test_what_is_proved_of_a_map_never_happens(seed: int) -> None:
    """Whatever is proved of a map between two versions drawn at random, nobody whom the new version meets anywhere breaks it, judged from
    the documents; and every witness comes about again under both versions loaded alone."""
    rng = random.Random(seed)
    old, new = versions(rng)
    moves = Moves(old, new, ZONES)
    proofs = list(moves.proofs())
    proved = {proof.kind for proof in proofs if proof.verdict is Verdict.PROVED}
    for proof in proofs:
        if proof.witness is not None:
            found = moves.doubt(proof)
            assert found is not None
            before, after = load(old, ZONES, "again"), load(new, ZONES, "again", [old])
            enacted = enact(before, proof.witness.scenario, after=after)
            assert came_true(enacted, proof.witness.scenario, found[1], found[0], after) == proof.witness.collision
            broken = Judge(old.journeys[0], new.journeys[0]).broken(enacted, proof.witness.scenario.takeover_us)
            assert proof.kind in broken, (proof, broken)
    before, after, judge = load(old, ZONES, "test"), load(new, ZONES, "test", [old]), Judge(old.journeys[0], new.journeys[0])
    for _ in range(12):
        scenario = life(rng, rng.choice((old, new)))
        enacted = enact(before, scenario, after=after)
        if enacted.crossed is not None and not enacted.problem:
            broken = judge.broken(enacted, scenario.takeover_us)
            assert not broken & proved, (broken & proved, scenario)


HOLD, DONE = {"id": "hold", "wait": {"for": "2d"}}, {"id": "done", "wait": {"for": "5d"}}
SAY = {"id": "say", "send": "email", "content": "text0", "expires": "1d", "on_blocked": "end"}
CALL = {"id": "ask", "call": "desk", "data": {"n": "trigger.price"}}
PUT = {"id": "put", "set": {"variables": {"n": "spent"}}}
READ = {"id": "read", "branch": [{"when": "journey.n > 5", "goto": "done"}], "next": "end"}
TOLD = {"id": "ordered", "wait": {"until": "order.placed", "timeout": "3d"}}
GOAL = {"goal": {"when": "trigger.type = 'app.opened'", "within": "30d"}}
APPROVE = {"id": "ok", "approve": "Right?", "team": "care", "sla": "1d", "on_reject": "end", "on_timeout": "end"}


def vip(when: str) -> dict[str, Any]:
    """A branch to `done` for some, and the end for all others."""
    return {"id": "may", "branch": [{"when": when, "goto": "done"}], "next": "end"}


def fork(salt: str) -> dict[str, Any]:
    """A split into `hold` and `done`."""
    return {"id": "fork", "split": {"a": {"share": "40%", "goto": "hold"}, "b": {"share": "60%", "goto": "done"}}, "salt": salt}


def thrice(*inner: dict[str, Any]) -> dict[str, Any]:
    """A repeat of steps."""
    return {"id": "thrice", "repeat": {"times": 3, "steps": list(inner)}}


Version = tuple[list[dict[str, Any]], dict[str, Any]]
PLANTED: dict[str, tuple[Version, Version, dict[str, str], dict[str, str]]] = {
    # the version before, the one after, a map that breaks the guarantee, one that keeps it
    "place": (([HOLD, DONE], {}), ([DONE], {}), {}, {"hold": "done"}),
    "gate": (([HOLD, DONE], {}), ([HOLD, vip("consent('marketing.cart', 'email')"), DONE], {}), {"hold": "done", "done": "exit"},
             {"hold": "may", "done": "exit"}),
    "gate of approvals": (([HOLD, DONE], {}), ([HOLD, APPROVE, DONE], {}), {"hold": "done", "done": "exit"}, {"hold": "ok", "done": "ok"}),
    "branch": (([HOLD, DONE], {}), ([HOLD, vip("tier = 'gold'"), DONE], {}), {"hold": "done", "done": "exit"},
               {"hold": "may", "done": "hold"}),
    "branch that was passed": (([vip("tier = 'gold' and spent > 10"), DONE], {}), ([vip("spent > 20"), DONE], {}), {},
                               {"done": "may"}),
    "arm": (([HOLD, DONE], {}), ([fork("one"), HOLD, {**DONE, "next": "end"}], {}), {"hold": "hold"}, {"hold": "fork", "done": "fork"}),
    "holdout": (([HOLD], {"holdout": "5%", **GOAL}), ([HOLD], {"holdout": "10%", **GOAL}), {}, {"hold": "exit"}),
    "deadline": (([HOLD], {}), ([TOLD, {"id": "rest", "wait": {"for": "9d"}}], {}), {"hold": "ordered"}, {"hold": "rest"}),
    "twice": (([SAY, HOLD], {}), ([thrice(SAY, HOLD), DONE], {}), {"hold": "thrice"}, {"hold": "thrice/hold"}),
    "again": (([CALL, DONE], {}), ([HOLD, CALL, DONE], {}), {"done": "hold"}, {"done": "done"}),
    "past": (([TOLD, DONE], {}), ([HOLD, TOLD, DONE], {}), {"done": "hold"}, {"done": "done"}),
    "unset": (([HOLD, DONE], {}), ([PUT, HOLD, READ, DONE], {}), {"hold": "hold", "done": "exit"}, {"hold": "put", "done": "done"}),
}  # fmt: skip


def both(case: str, planted: bool) -> tuple[Plan, Plan]:
    """The plans of a planted fault, or of what looks like it."""
    (before, head), (after, new_head), broken, kept = PLANTED[case]
    steps = broken if planted else kept
    migrate = {"migrate": {"from": "any", **({"steps": steps} if steps else {})}}
    return documents(document(before, **head)), documents(document(after, in_flight=migrate, **new_head))


@pytest.mark.parametrize("case", PLANTED)
def test_planted_faults_of_maps_are_shown(case: str) -> None:
    """A map that breaks a guarantee is shown by somebody whom the kernel has enacted with the journeys loaded alone, made small, and told
    as a story; a change of the map is suggested of which it is proved that it breaks nothing at that step."""
    old, new = both(case, planted=True)
    found = [proof for proof in migration_proofs([old], new, ZONES, Bounds()) if proof.verdict is not Verdict.PROVED]
    kind = case.partition(" ")[0]
    assert kind in {proof.kind for proof in found}
    for proof in found:
        assert proof.witness is not None, proof
        told, change = shown_move([old], new, ZONES, Bounds(), proof)
        assert "a new version takes over" in " ".join(told.story.timeline)
        assert any(line.endswith("←") for line in told.story.timeline) or proof.kind in ("place", "holdout"), told.story
        assert change is not None


@pytest.mark.parametrize("case", PLANTED)
def test_look_alikes_of_maps_are_proved(case: str) -> None:
    """A map that looks like a faulty one and keeps the guarantee is proved to keep it: nobody is invented, and nothing of that kind stays
    unknown."""
    old, new = both(case, planted=False)
    kind = case.partition(" ")[0]
    found = [proof for proof in migration_proofs([old], new, ZONES, Bounds()) if proof.kind == kind]
    assert found and all(proof.verdict is Verdict.PROVED for proof in found), found


def test_a_longer_budget_than_is_remembered_is_shown() -> None:
    """A budget that looks back further than the version before has remembered messages is shown by somebody who gets one too many; one
    that does not is proved to be kept."""
    say, more = ({**SAY, "id": name, "content": content} for name, content in (("first", "text0"), ("then", "text1")))
    migrate = {"migrate": {"from": "any"}}
    old = plan_of(policy(), *TEXTS, document([say, HOLD, more]))
    for window, verdict in (("30d", Verdict.WITNESS), ("0", Verdict.PROVED)):
        budgets = [{"name": "month", "limit": 2, "window": window}] if window != "0" else []
        new = plan_of(policy(budgets=budgets), *TEXTS, document([say, HOLD, more], in_flight=migrate))
        assert [verdict] == [proof.verdict for proof in migration_proofs([old], new, ZONES, Bounds()) if proof.kind == "budget"]


def test_entries_told_apart_otherwise_have_no_place() -> None:
    """Where what tells entries apart has changed, nobody migrates, and that is shown of each step."""
    old = documents(document([HOLD]))
    enter = {"on": "cart.added", "reentry": "always", "key": "trigger.product"}
    new = documents(document([HOLD], in_flight={"migrate": {}}, enter=enter))
    assert [("place", "hold", Verdict.WITNESS)] == [
        (proof.kind, proof.about, proof.verdict) for proof in migration_proofs([old], new, ZONES, Bounds()) if proof.kind == "place"
    ]


def test_nothing_is_asked_where_nobody_migrates() -> None:
    """A version that lets those under way finish or exit, and one that differs in nothing, is asked nothing."""
    old = documents(document([HOLD]))
    for policy_of_those in ("finish", "exit"):
        assert [] == list(migration_proofs([old], documents(document([DONE], in_flight=policy_of_those)), ZONES, Bounds()))
    assert [] == list(migration_proofs([old], old, ZONES, Bounds()))
