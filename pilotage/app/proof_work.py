"""Answering a question that a running system was asked: the work of a process of its own."""

from pathlib import Path

import msgspec

from pilotage.app.answers import answered, keep_for_review
from pilotage.app.asking import Question
from pilotage.app.proof_runs import DONE, FOLDER, REMEMBERED, Kept, Run, path_of
from pilotage.app.proven import FOLDER as EVIDENCE
from pilotage.app.proving import NotReproduced, Remembered
from pilotage.app.proving_moves import plans_before
from pilotage.journey.plan import Plan, decode_plan
from pilotage.runner.folder import write_file
from pilotage.source.zones import packaged_zones

KEPT = 50
"""How many answers are kept: the oldest go."""


def answer(data: str, raw_plan: bytes, raw_run: bytes) -> None:
    """Answer a question and keep what came of it."""
    folder, run = Path(data), msgspec.json.decode(raw_run, type=Run)
    kept = _answered(folder, decode_plan(raw_plan), run)
    write_file(path_of(folder, run.id), msgspec.json.encode(kept))
    _forget(folder / FOLDER)


def _answered(folder: Path, plan: Plan, run: Run) -> Kept:
    asked = Question(run.journey, run.bounds, workers=1, classes=run.classes)
    path = path_of(folder, REMEMBERED)
    zones, questions, earlier = packaged_zones(), run.questions, plans_before("", folder, folder)
    try:
        found = answered(plan, zones, asked, questions, run.stories, _remembered(path), earlier=earlier)
    except NotReproduced:  # what is remembered is of another release
        found = answered(plan, zones, asked, questions, run.stories, earlier=earlier)
    if found.remembered is not None:
        write_file(path, found.remembered.encoded())
    keep_for_review(folder / EVIDENCE, asked, questions, found.evidence, earlier)
    return Kept(msgspec.structs.replace(run, state=DONE), found.answers)


def _remembered(path: Path) -> Remembered | None:
    try:
        return Remembered.decoded(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _forget(folder: Path) -> None:
    """Keep the newest answers only."""
    paths = [path for path in folder.glob("*.json") if path.stem != REMEMBERED]
    for path in sorted(paths, key=lambda each: each.stat().st_mtime_ns)[:-KEPT]:
        path.unlink(missing_ok=True)
