"""Ways to steps: the easiest first, then those that take another turn; and conflicts of customers who come another way than the usual."""

from typing import Any

import pytest

from pilotage.app.proving import CONFLICT, Question, evidence_of, shown
from pilotage.proof.conflict import Conflicts
from pilotage.proof.outcome import Bounds, Verdict
from pilotage.proof.recipes import recipes
from tests.journey.scenario import ZONES
from tests.proof.planted import MARKETING, NAMES, journey, policy, send, wait, world

DAY = policy(budgets=[{"name": "day", "classes": ["marketing"], "limit": 2, "window": "1d"}])
ASKED: list[dict[str, Any]] = [
    {"wait": {"when": "tier is not null", "timeout": "2d"}, "next": "end", "on_timeout": "s1"},
    {**send("ping"), "on_blocked": "s2"},
    {"wait": {"when": "tier is not null", "timeout": "30m"}, "next": "end", "on_timeout": "s3"},
    send(),
]
"""A message, and half an hour later another one; whoever cannot get the first gets the second all the same."""


def test_the_second_way_takes_another_turn_anywhere() -> None:
    """Where the last turn leads nowhere else, the second way leaves the first one earlier: past a message that is withheld."""
    conflicts = Conflicts(world(journey(NAMES[0], ASKED, MARKETING), rules=DAY), ZONES)
    easy, other = recipes(conflicts.footprint(NAMES[0]).passages, "s3")
    assert (frozenset(), frozenset({f"{MARKETING}|push"})) == (easy.withheld, other.withheld)


@pytest.mark.parametrize("first", [True, False])
def test_somebody_who_cannot_get_the_first_message_is_found(first: bool) -> None:
    """Two messages of one journey fill the day for all who get both: another journey's message comes near the second one for those alone
    who cannot get the first, and they are found."""
    names = NAMES[:2] if first else NAMES[1::-1]
    other = journey(names[1], [wait("1h"), send("high")], MARKETING, on="product.viewed")
    plan = world(*sorted((journey(names[0], ASKED, MARKETING), other)), rules=DAY)
    evidence, _ = evidence_of(plan, ZONES, Question(workers=1), (CONFLICT,))
    [proof] = [each for each in evidence.proofs if each.kind == "channel" and each.about == "email"]
    assert Verdict.WITNESS is proof.verdict, proof.reason
    assert proof.witness is not None and f"{MARKETING}|push" not in proof.witness.scenario.consents
    told = shown(plan, ZONES, Bounds(), proof)
    assert told.story.timeline
