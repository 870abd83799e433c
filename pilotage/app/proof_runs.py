"""Questions about the plan in force, asked of a running system: each is answered in a process of its own, one at a time, while the system
goes on.

A question is named by the digest of plan, question and bounds, so that asking again finds what was found. Its answers are a file of the
data folder, written whole or not at all; whoever stops the system stops what is being asked, and nothing half done is left.
"""

import os
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock

import msgspec

from pilotage.app.asking import PROVER, Answers, Question
from pilotage.event.digest import digest
from pilotage.journey.plan import Plan, encode_plan
from pilotage.proof.outcome import Bounds
from pilotage.proof.takeovers import MIGRATION

FOLDER, REMEMBERED = "proofs", "remembered"
RUNNING, DONE, FAILED = "running", "done", "failed"
WORK = "pilotage.app.proof_work"
"""What answers, by name: loading it loads the solver, and only the process does."""
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


def run_of(plan: str, questions: tuple[str, ...], asked: Question, stories: int, earlier: tuple[str, ...] = ()) -> Run:
    """A question by its name. Of migration the `earlier` plans belong to it."""
    before = earlier if MIGRATION in questions else ()
    name = digest((PROVER, plan, questions, asked.journey, asked.classes, asked.bounds, stories, before))[:32]
    return Run(name, plan, questions, asked.journey, asked.classes, asked.bounds, stories)


class ProofRuns:
    """The questions asked of one data folder. `begin` starts a process; the others only look."""

    def __init__(self) -> None:
        self.running: tuple[Run, BaseProcess] | None = None
        self.beginning = Lock()

    def begin(self, data: Path, plan: Plan, run: Run, now_us: int) -> Run:
        """Have a question answered, if it has not been; `RunBusy` while another one is."""
        with self.beginning:
            return self._begin(data, plan, run, now_us)

    def _begin(self, data: Path, plan: Plan, run: Run, now_us: int) -> Run:
        known = self.known(data, run.id)
        if known is not None and known.asked.state != FAILED:
            return known.asked
        if self.running is not None and path_of(data, self.running[0].id).is_file():
            self.running[1].join(ENDING_S)
        if self._under_way() is not None:
            raise RunBusy("another question is being answered; ask again when it is done")
        run = msgspec.structs.replace(run, since_us=now_us)
        (data / FOLDER).mkdir(exist_ok=True)
        path_of(data, run.id).unlink(missing_ok=True)
        process = get_context("spawn").Process(target=_work, args=(str(data), encode_plan(plan), msgspec.json.encode(run)), daemon=True)
        process.start()
        self.running = run, process
        return run

    def known(self, data: Path, name: str) -> Kept | None:
        """A question with its answers, once they are there; None where it was never asked."""
        under_way = self._under_way()  # before the file is looked for: who ends in between has left it
        try:
            return msgspec.json.decode(path_of(data, name).read_bytes(), type=Kept)
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


def path_of(data: Path, name: str) -> Path:
    """Where the answers to a question are kept."""
    return data / FOLDER / f"{name}.json"


def _work(data: str, raw_plan: bytes, raw_run: bytes) -> None:
    """What the process does, behind the system: only there is loaded what proves."""
    os.nice(NICENESS)
    import_module(WORK).answer(data, raw_plan, raw_run)
