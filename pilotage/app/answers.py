"""Answers to questions about a plan, as the command and the API give them: the proofs, the stories of some witnesses, and the smallest
changes that remove conflicts.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from pilotage.app.asking import QUESTIONS, Answers, Question
from pilotage.app.proved_text import various
from pilotage.app.proven import Asked, keep_proven
from pilotage.app.proving import Evidence, Progress, Remembered, Shown, evidence_of, shown
from pilotage.app.proving_moves import shown_move
from pilotage.event.zone import Zones
from pilotage.journey.plan import Plan
from pilotage.proof.change import smallest
from pilotage.proof.outcome import Bounds, Change, Proof
from pilotage.proof.takeovers import MIGRATION


class Answered(msgspec.Struct, frozen=True):
    """The answers, the witnesses told as found (`chosen`) and as shown, and what is to be remembered."""

    answers: Answers
    evidence: Evidence
    chosen: tuple[Proof, ...]
    told: tuple[Shown, ...]
    remembered: Remembered | None


def answered(
    plan: Plan,
    zones: Zones,
    asked: Question,
    questions: Sequence[str],
    stories: int,
    remembered: Remembered | None = None,
    progress: Progress | None = None,
    earlier: Sequence[Plan] = (),
) -> Answered:
    """Ask, and tell of at most so many witnesses. `earlier` are the plans that this one may take over from."""
    evidence, known = evidence_of(plan, zones, asked, questions, remembered, progress, earlier)
    chosen = tuple(various(evidence.witnesses)[: max(stories, 0)])
    both = [_shown(plan, zones, asked, proof, earlier) for proof in chosen]
    told, changes = tuple(each for each, _ in both), tuple(change for _, change in both)
    stories_told = tuple(each.story for each in told)
    answers = Answers(evidence.plan, evidence.bounds, evidence.proofs, evidence.plain, stories_told, changes)
    return Answered(answers, evidence, chosen, told, known)


def _shown(plan: Plan, zones: Zones, asked: Question, proof: Proof, earlier: Sequence[Plan]) -> tuple[Shown, Change | None]:
    """A witness as it may be told, and the smallest change that removes it."""
    if proof.question == MIGRATION:
        return shown_move(earlier, plan, zones, asked.bounds, proof)
    told = shown(plan, zones, asked.bounds, proof, asked.classes)
    return told, smallest(plan, zones, asked.bounds, told.proof)


def keep_for_review(folder: Path, asked: Question, questions: tuple[str, ...], evidence: Evidence, earlier: Sequence[Plan] = ()) -> None:
    """Put on file how questions ended, where a review may be told: what was asked for less is no evidence."""
    if not (asked.journey or asked.classes) and asked.bounds == Bounds():
        names = tuple(each.digest for each in earlier) if MIGRATION in questions else ()
        keep_proven(folder, Asked(evidence.plan, evidence.bounds, questions, evidence.proofs, evidence.plain, names), QUESTIONS)
