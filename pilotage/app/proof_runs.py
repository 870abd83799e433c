"""Questions about the plan in force, asked of a running system: each is answered in a process of its own, one at a time, while the system
goes on.

A question is named by the digest of plan, question and bounds, so that asking again finds what was found. Its answers are a file of the
data folder, written whole or not at all; whoever stops the system stops what is being asked, and nothing half done is left.
"""

import os
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec

from pilotage.app.answers import Answers, answered, keep_for_review
from pilotage.app.proven import FOLDER as EVIDENCE
from pilotage.app.proving import PROVER, NotReproduced, Question, Remembered
from pilotage.event.digest import digest
from pilotage.event.time import instant_us, moment
from pilotage.journey.plan import Plan, decode_plan, encode_plan
from pilotage.proof.outcome import Bounds
from pilotage.runner.folder import write_file
from pilotage.source.zones import packaged_zones

FOLDER, REMEMBERED = "proofs", "remembered"
KEPT = 50
"""How many answers are kept: the oldest go."""
RUNNING, DONE, FAILED = "running", "done", "failed"
ENDING_S = 10
"""How long a process may take to end once its answers are there."""
NICENESS = 10
"""How much the system itself goes before."""


class Run(msgspec.Struct, frozen=True):
    """A question that was asked: its name, the plan's digest, what is asked of which journey and classes within which bounds, how many
    stories are told, whether it is running, done or failed (with the reason), and since when (µs UTC)."""

    id: str
    plan: str
    questions: tuple[str, ...]
    journey: str
    classes: tuple[str, ...]
    bounds: Bounds
    stories: int
    state: str = RUNNING
    reason: str = ""
    since_us: int = 0


class Kept(msgspec.Struct, frozen=True):
    """A question with its answers, as a file; without answers it is running or has failed."""

    asked: Run
    answers: Answers | None = None


class RunBusy(RuntimeError):
    """Another question is being answered. Ask again when that is done."""


class RunUnknown(LookupError):
    """No question of this name was asked. GET /api/v1/proofs lists those that were."""


def run_of(plan: str, questions: tuple[str, ...], asked: Question, stories: int) -> Run:
    """A question by its name."""
    name = digest((PROVER, plan, questions, asked.journey, asked.classes, asked.bounds, stories))[:32]
    return Run(name, plan, questions, asked.journey, asked.classes, asked.bounds, stories)


class ProofRuns:
    """The questions asked of one data folder. `begin` starts a process; the others only look."""

    def __init__(self) -> None:
        self.running: tuple[Run, BaseProcess] | None = None

    def begin(self, data: Path, plan: Plan, run: Run, now_us: int) -> Run:
        """Have a question answered, if it has not been; `RunBusy` while another one is."""
        known = self.known(data, run.id)
        if known is not None and known.asked.state != FAILED:
            return known.asked
        if self.running is not None and _path(data, self.running[0].id).is_file():
            self.running[1].join(ENDING_S)
        if self._under_way() is not None:
            raise RunBusy("another question is being answered; ask again when it is done")
        run = msgspec.structs.replace(run, since_us=now_us)
        (data / FOLDER).mkdir(exist_ok=True)
        _path(data, run.id).unlink(missing_ok=True)
        process = get_context("spawn").Process(target=_work, args=(str(data), encode_plan(plan), msgspec.json.encode(run)), daemon=True)
        process.start()
        self.running = run, process
        return run

    def known(self, data: Path, name: str) -> Kept | None:
        """A question with its answers, once they are there; None where it was never asked."""
        under_way = self._under_way()  # before the file is looked for: who ends in between has left it
        try:
            return msgspec.json.decode(_path(data, name).read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            pass  # not answered yet, or to be asked anew
        if self.running is None or self.running[0].id != name:
            return None
        run, process = self.running
        if under_way is not None:
            return Kept(run)
        reason = f"its process ended with {process.exitcode}; the system's output says why"
        return Kept(msgspec.structs.replace(run, state=FAILED, reason=reason))

    def wait(self, name: str, timeout_s: float) -> None:
        """Wait for the answers to a question that is being answered, so long at most."""
        if self.running is not None and self.running[0].id == name:
            self.running[1].join(timeout_s)

    def all(self, data: Path) -> list[Run]:
        """The questions that were asked, the newest last."""
        names = {path.stem for path in (data / FOLDER).glob("*.json") if path.stem != REMEMBERED}
        names |= {self.running[0].id} if self.running is not None else set()
        found = [kept.asked for name in names if (kept := self.known(data, name)) is not None]
        return sorted(found, key=lambda each: (each.since_us, each.id))

    def _under_way(self) -> Run | None:
        return self.running[0] if self.running is not None and self.running[1].is_alive() else None


def _path(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}.json"


def _work(data: str, raw_plan: bytes, raw_run: bytes) -> None:
    """What the process does, behind the system."""
    os.nice(NICENESS)
    answer(data, raw_plan, raw_run)


def answer(data: str, raw_plan: bytes, raw_run: bytes) -> None:
    """Answer a question and keep what came of it."""
    folder, run = Path(data), msgspec.json.decode(raw_run, type=Run)
    kept = _answered(folder, decode_plan(raw_plan), run)
    write_file(_path(folder, run.id), msgspec.json.encode(kept))
    _forget(folder / FOLDER)


def _answered(folder: Path, plan: Plan, run: Run) -> Kept:
    asked = Question(run.journey, run.bounds, workers=1, classes=run.classes)
    path = _path(folder, REMEMBERED)
    zones, questions = packaged_zones(), run.questions
    try:
        found = answered(plan, zones, asked, questions, run.stories, _remembered(path))
    except NotReproduced:  # what is remembered is of another release
        found = answered(plan, zones, asked, questions, run.stories)
    if found.remembered is not None:
        write_file(path, found.remembered.encoded())
    keep_for_review(folder / EVIDENCE, asked, questions, found.evidence)
    return Kept(msgspec.structs.replace(run, state=DONE), found.answers)


def _remembered(path: Path) -> Remembered | None:
    try:
        return Remembered.decoded(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _forget(folder: Path) -> None:
    """Keep the newest answers only."""
    paths = [path for path in folder.glob("*.json") if path.stem != REMEMBERED]
    since = {path: instant_us(moment(path.stat().st_mtime_ns // 1000)) for path in paths}
    for path in sorted(paths, key=lambda each: since[each])[:-KEPT]:
        path.unlink(missing_ok=True)
