"""Consent along the ways of journeys: marketing without being asked, and waiting for what was blocked."""

from typing import Any

import pytest

from pilotage.app.asking import Question
from pilotage.app.proving import CONSENT, evidence_of, shown
from pilotage.proof.outcome import Bounds, Verdict
from tests.journey.scenario import ZONES
from tests.proof.planted import NAMES, journey, policy, send, world
from tests.proof.worlds import MARKETING

OTHERS = journey(NAMES[2], [send("ping"), send("high"), send()], on="app.opened")
OPENED: dict[str, Any] = {"wait": {"until": "message.opened", "timeout": "2d"}}


def answers(rules: str, *steps: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What is answered about the first journey, by what it is about: kind and verdict."""
    plan = world(journey(NAMES[0], list(steps), MARKETING), OTHERS, rules=rules)
    evidence, _ = evidence_of(plan, ZONES, Question(NAMES[0], workers=1), (CONSENT,))
    for proof in evidence.witnesses:
        assert shown(plan, ZONES, Bounds(), proof).story.timeline
    return {f"{proof.kind} {proof.about}": (proof.verdict.value, proof.reason) for proof in evidence.proofs}


def test_a_blocked_customer_who_is_waited_for_is_shown() -> None:
    """A blocked message that leads to waiting for its opening is shown by a customer without consent; leading elsewhere is proved."""
    found = answers(policy(), {**send(), "on_blocked": "s1"}, OPENED)
    assert Verdict.WITNESS == found["presumed s0 → s1"][0]
    assert (Verdict.PROVED, f"it leaves only with consent to {MARKETING}") == found["unasked s0"]
    found = answers(policy(), send(), OPENED)
    assert {"unasked s0"} == set(found)
    found = answers(policy(), {**send(), "on_blocked": "s2"}, OPENED, {"exit": "done"})
    assert (Verdict.PROVED, "no way of the blocked leads to a step that presumes contact") == found["presumed s0"]


@pytest.mark.parametrize(
    ("basis", "verdict"), [("consent", Verdict.PROVED), ("contract", Verdict.WITNESS), ("legitimate_interest", Verdict.WITNESS)]
)
def test_marketing_that_nobody_was_asked_about_is_shown(basis: str, verdict: Verdict) -> None:
    """A marketing message whose basis asks for nothing reaches somebody who has agreed to nothing."""
    rules = policy().replace('"class": "marketing", "basis": "consent"', f'"class": "marketing", "basis": "{basis}"')
    assert verdict == answers(rules, send())["unasked s0"][0]
