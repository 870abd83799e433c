"""Reach and subsumption: parts of journeys that happen to nobody, and entrances and audiences that others contain."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.app.asking import Question
from pilotage.app.proving import REACH, SUBSUMPTION, evidence_of
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.proof.enactment import enact
from pilotage.proof.outcome import Proof, Verdict
from tests.journey.scenario import ZONES
from tests.proof.planted import NAMES, journey, send, wait, world
from tests.proof.test_soundness import lived
from tests.proof.worlds import customers, scripts, worlds

ASKED = Question(workers=1)
OTHERS = journey(NAMES[2], [send("ping"), send("high"), send()], on="app.opened")


def answers(plan: Plan, kind: str) -> tuple[Proof, ...]:
    """The answers to one kind of question."""
    return evidence_of(plan, ZONES, ASKED, (kind,))[0].proofs


def test_what_happens_to_nobody_is_named() -> None:
    """A step behind conditions that exclude each other, an exit and an entrance that are never true are proved to be for nobody."""
    branch = {"branch": [{"when": "tier = 'silver' or country = 'US'", "goto": "s2"}], "next": "end"}
    steps: list[dict[str, Any]] = [wait("1h"), branch, send()]
    dead = journey(NAMES[0], steps, where="tier = 'gold' and country = 'DE'")
    never = journey(NAMES[1], [send("high")], where="spent > 10 and spent < 5")
    found = [(proof.journeys, proof.kind, proof.verdict, proof.about) for proof in answers(world(dead, never, OTHERS), REACH)]
    assert ((NAMES[0],), "step", Verdict.NEVER, "s2") in found
    assert ((NAMES[0],), "step", Verdict.PROVED, "2 steps") in found
    assert ((NAMES[1],), "entrance", Verdict.NEVER, "its entrance") in found
    assert ((NAMES[2],), "step", Verdict.PROVED, "3 steps") in found


@settings(max_examples=settings.default.max_examples // 4)
@given(worlds(), st.lists(st.tuples(customers, scripts), min_size=3, max_size=6))
def test_nobody_comes_to_what_is_for_nobody(plan: Plan, lives: list[Any]) -> None:
    """No customer drawn at random comes to a step, or enters a journey, of which it is proved that nobody does."""
    never = [proof for proof in answers(plan, REACH) if proof.verdict is Verdict.NEVER]
    program = load(plan, ZONES, "test") if never else None
    for attributes, script in lives if program is not None else ():
        assert program is not None
        decisions = enact(program, lived(attributes, script, set())).decisions
        for proof in never:
            steps = {each.step for each in decisions if each.journey == proof.journeys[0] and each.entry}
            assert proof.about not in steps
            assert proof.kind != "entrance" or not steps


def test_contained_and_equal_entrances_are_named() -> None:
    """Of journeys that begin with one event it is told which lets in only whom another lets in, and which let in the same."""
    first = journey(NAMES[0], [send()], where="spent > 10 and tier = 'gold'")
    second = journey(NAMES[1], [send("high")], where="tier = 'gold'")
    [found] = answers(world(first, second, OTHERS), SUBSUMPTION)
    assert (Verdict.NEVER, f"nobody is in {NAMES[0]} and not in {NAMES[1]}") == (found.verdict, found.reason)
    same = journey(NAMES[1], [send("high")], where="not (tier <> 'gold' or tier is null) and 10 < spent")
    [found] = answers(world(first, same, OTHERS), SUBSUMPTION)
    assert "the two are true for the same customers" == found.reason
    apart = journey(NAMES[1], [send("high")], where="tier = 'silver'")
    [found] = answers(world(first, apart, OTHERS), SUBSUMPTION)
    assert Verdict.PROVED == found.verdict
