"""Rehearsing a workspace's plan: which versions, over whom, on how many processes; what was done stays when it is interrupted.

Each part's outcome is a file of its own until all are there, so the same command goes on where it stopped. What parts come to can
be added up in any order, so the report is the same however many processes made it.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from decimal import Decimal
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from pilotage.app.apart import end_with_parent
from pilotage.app.exits import USAGE, Trouble
from pilotage.app.planning import unplanned
from pilotage.app.populations import Population
from pilotage.app.versions import ACTIVE, version
from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.event.zone import Zones
from pilotage.journey.document import Fields, Scalar
from pilotage.journey.findings import suggestion
from pilotage.journey.plan import Enter, Plan, encode_plan
from pilotage.journey.scalars import count_or
from pilotage.runner.folder import write_file
from pilotage.simulate.rehearsal import ALONE, AMONG, BEFORE, Company, Outcome, Part, Rehearsal, Stopped, WorldPart
from pilotage.simulate.report import Report, Terms, report_of
from pilotage.source.intake import Intake
from pilotage.source.zones import packaged_zones

PARTS_AHEAD = 2
"""How many parts are handed to the processes beyond those they are at."""


class Candidate(msgspec.Struct, frozen=True):
    """What is to be tried: the workspace it comes from, its versions' plans, and the journeys that are new or changed."""

    workspace: str
    environment: str
    plans: dict[str, Plan]
    changed: tuple[str, ...]
    terms: Terms


class Interrupted(Exception):
    """The rehearsal was stopped before its end; `done` of `parts` are kept."""

    def __init__(self, done: int, parts: int) -> None:
        super().__init__(f"{done} of {parts} parts are done and kept; the same command goes on from there")
        self.done = done
        self.parts = parts


def candidate_of(folder: Path, data: Path, journeys: tuple[str, ...], against: str) -> tuple[Candidate, Workspace, Compiled]:
    """The versions of a workspace's plan that are compared. Without `against` the plan before is the active one of the data folder or,
    where there is none or it is the same, the plan without the candidate journeys. Without `journeys` the candidates are those that
    differ."""
    workspace = load(folder, os.environ)
    compiled = compile_workspace(workspace, packaged_zones())
    plan = compiled.plan
    if plan is None:
        raise unplanned(compiled)
    named = [journey.name for journey in plan.journeys]
    for name in journeys:
        if name not in named:
            raise Trouble(f"unknown journey {name!r}", USAGE, suggestion(name, named, "journeys"))
    held = (data / "environment.json").is_file()
    before = version(against or ACTIVE, folder, data).plan if against or held else None
    changed = journeys or _changed(plan, before)
    if (before is None or (before.digest == plan.digest and not against)) and 0 < len(changed) < len(named):
        before = _only(plan, set(named) - set(changed))
    plans = {AMONG: plan}
    if 0 < len(changed) < len(named):
        plans = {ALONE: _only(plan, _with_entered(plan, changed)), **plans}
    if before is not None and before.digest != plan.digest:
        plans[BEFORE] = before
    return Candidate(str(folder), workspace.environment.name, plans, tuple(changed), terms_of(workspace)), workspace, compiled


def _changed(plan: Plan, before: Plan | None) -> tuple[str, ...]:
    known = {journey.name: journey.digest for journey in before.journeys} if before is not None else {}
    return tuple(journey.name for journey in plan.journeys if known.get(journey.name) != journey.digest)


def _only(plan: Plan, names: set[str]) -> Plan:
    return msgspec.structs.replace(plan, journeys=tuple(journey for journey in plan.journeys if journey.name in names))


def _with_entered(plan: Plan, names: tuple[str, ...]) -> set[str]:
    """Journeys, and those that they have a customer enter."""
    steps = {journey.name: journey.steps for journey in plan.journeys}
    found, ahead = set[str](), list(names)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [step.journey for step in steps[name] if isinstance(step, Enter)]
    return found


def terms_of(workspace: Workspace) -> Terms:
    """What pilotage.yaml says under `rehearsal`."""
    written = workspace.settings.root.map("rehearsal")
    prices = dict(_scalars(written.map("prices"))) if written is not None else {}
    capacity = dict(_scalars(written.map("capacity"))) if written is not None else {}
    return Terms(
        {channel: format(Decimal(scalar.text), "f") for channel, scalar in prices.items()},
        {team: count_or(scalar, 0) for team, scalar in capacity.items()},
    )


def _scalars(fields: Fields | None) -> Iterator[tuple[str, Scalar]]:
    for key, value in fields.fields if fields else ():
        if isinstance(value, Scalar):
            yield key.text, value


def rehearsal_of(candidate: Candidate, population: Population, from_us: int, seed: int) -> Rehearsal:
    """Everything that decides what the rehearsal comes to."""
    if population.until_us <= (from_us or population.begins_us):
        raise Trouble("--to lies before the events, or before --from", USAGE, "name a later instant")
    return Rehearsal(
        plans={version: plan.digest for version, plan in candidate.plans.items()},
        changed=candidate.changed,
        from_us=max(from_us, population.begins_us) or population.begins_us,
        until_us=population.until_us,
        seed=seed,
        environment=candidate.environment,
        secret=population.secret,
        habits=population.habits,
        parts=population.parts,
        events=population.events,
        sample=population.sample,
    )


class Stage:
    """Where a rehearsal's parts run and what they came to is kept meanwhile: a folder below that of evidence."""

    def __init__(self, candidate: Candidate, population: Population, rehearsal: Rehearsal, evidence: Path, workers: int) -> None:
        self._candidate = candidate
        self._population = population
        self._rehearsal = rehearsal
        self._workers = workers
        self._folder = evidence / f"partial-{rehearsal.digest[:16]}"
        self._stop = False

    def run(self, progress: Callable[[int, int], None]) -> Report:
        """Run what has not been run yet, and report. `Interrupted` where it was stopped before its end, by Ctrl-C or SIGTERM."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for plan in self._candidate.plans.values():
            (self._folder / plan.digest).write_bytes(encode_plan(plan))
        parts = self._rehearsal.parts
        missing = [number for number in range(len(parts)) if not self._kept(number).is_file()]
        progress(len(parts) - len(missing), len(parts))
        with _stopping(self._ask_to_stop):
            run = self._run_here if self._workers == 1 else self._run_apart
            for done, (number, outcome) in enumerate(run(missing), len(parts) - len(missing) + 1):
                write_file(self._kept(number), outcome)
                progress(done, len(parts))
        left = sum(not self._kept(number).is_file() for number in range(len(parts)))
        if left:
            raise Interrupted(len(parts) - left, len(parts))
        return self._report(len(parts))

    def _report(self, parts: int) -> Report:
        outcome = Outcome()
        for number in range(parts):
            outcome.plus(msgspec.msgpack.decode(self._kept(number).read_bytes(), type=Outcome))
        shutil.rmtree(self._folder)
        candidate = self._candidate
        return report_of(self._rehearsal, outcome, candidate.plans, candidate.terms, self._population.assumptions)

    def _kept(self, number: int) -> Path:
        return self._folder / f"{number}.part"

    def _ask_to_stop(self) -> None:
        self._stop = True

    def _outfit(self) -> dict[str, Any]:
        files = {shard: [str(path) for path in paths] for shard, paths in self._population.files.items()}
        spool = str(self._population.spool or self._folder)
        return {"plans": str(self._folder), "files": files, "spool": spool, "workspace": self._candidate.workspace}

    def _run_here(self, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
        company = made_company(self._rehearsal, self._outfit(), packaged_zones(), lambda: self._stop)
        for number in numbers:
            try:
                outcome = company.run(self._rehearsal.parts[number])
            except Stopped:
                return
            yield number, msgspec.msgpack.encode(outcome)

    def _run_apart(self, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
        """Run parts in processes of their own; no more are handed out than keep them busy."""
        raw = msgspec.msgpack.encode(self._rehearsal)
        with ProcessPoolExecutor(self._workers, get_context("spawn"), begin, (raw, self._outfit())) as pool:
            left = iter(numbers)
            flying: dict[Future[bytes], int] = {}
            while True:
                room = 0 if self._stop else self._workers + PARTS_AHEAD - len(flying)
                flying |= {pool.submit(run_part, number): number for number in islice(left, room)}
                if not flying:
                    return
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    yield flying.pop(future), future.result()


def made_company(rehearsal: Rehearsal, outfit: Mapping[str, Any], zones: Zones, stopping: Callable[[], bool] = lambda: False) -> Company:
    """What runs the parts of a rehearsal in one process; the demo world needs the intake of its workspace."""
    intake = None
    if any(isinstance(part, WorldPart) for part in rehearsal.parts):
        compiled = compile_workspace(load(Path(outfit["workspace"]), os.environ), zones)
        intake = Intake(compiled.contracts, compiled.segment_names)
    files = {shard: [Path(path) for path in paths] for shard, paths in outfit["files"].items()}
    return Company(rehearsal, Path(outfit["plans"]), zones, files, intake, Path(outfit["spool"]), stopping)


_mine: list[tuple[Company, tuple[Part, ...]]] = []
"""What this process runs parts with, once it has begun."""


def begin(raw: bytes, outfit: Mapping[str, Any]) -> None:
    """Begin a process that runs parts of an encoded rehearsal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that handed out the work decides when it ends
    end_with_parent()
    rehearsal = msgspec.msgpack.decode(raw, type=Rehearsal)
    _mine.append((made_company(rehearsal, outfit, packaged_zones()), rehearsal.parts))


def run_part(number: int) -> bytes:
    """The encoded outcome of a part, in a process that has begun."""
    company, parts = _mine[0]
    return msgspec.msgpack.encode(company.run(parts[number]))


class _stopping:
    """The first Ctrl-C or SIGTERM asks for a stop between two groups of subjects; a second one ends the process as usual."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def __enter__(self) -> None:
        self._before = {each: signal.signal(each, self._handle) for each in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *fault: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _handle(self, number: int, frame: object) -> None:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        self._then()
