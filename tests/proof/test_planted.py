"""Planted conflicts of all kinds are found, and look-alikes are proved to be none."""

from collections.abc import Callable

import pytest

from pilotage.app.asking import Question
from pilotage.app.proving import CONFLICT, evidence_of, shown
from pilotage.proof.outcome import Bounds, Verdict
from tests.journey.scenario import ZONES
from tests.proof.planted import FAMILIES, World

QUESTION = Question(workers=1)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_planted_conflicts_are_found(family: Callable[[int, bool], World], seed: int, record_property: Callable[[str, int], None]) -> None:
    """A conflict that is planted is found as one of its kind, and its story is enacted once more before it is told."""
    plan, kind = family(seed, True)
    evidence, _ = evidence_of(plan, ZONES, QUESTION, (CONFLICT,))
    found = [proof for proof in evidence.witnesses if proof.kind == kind]
    assert found, [(proof.kind, proof.verdict, proof.reason) for proof in evidence.proofs]
    assert shown(plan, ZONES, Bounds(), found[0]).story.timeline
    record_property("planted conflicts found", 1)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_look_alikes_are_proved_to_be_none(
    family: Callable[[int, bool], World], seed: int, record_property: Callable[[str, int], None]
) -> None:
    """What looks like the planted conflict and is none is proved: nobody is invented, and nothing of the kind stays unknown."""
    plan, kind = family(seed, False)
    evidence, _ = evidence_of(plan, ZONES, QUESTION, (CONFLICT,))
    asked = [proof for proof in evidence.proofs if proof.kind == kind]
    assert all(proof.verdict is Verdict.PROVED for proof in asked), [(proof.verdict, proof.reason) for proof in asked]
    record_property("look-alikes proved to be none", 1)
