"""The command `replay`: a file of history through the very path that live events take, on its own clock.

Nothing leaves: actions are handed over to nobody, at the very instant they are due. With a data folder everything is kept
there, `why` can explain it, and a replay that was interrupted goes on where it stopped.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pilotage.app.control import ledger_of
from pilotage.app.exits import INTERRUPTED, NO_INPUT, OK, USAGE, Trouble
from pilotage.app.observe import set_up_logs
from pilotage.app.options import AsJson, WorkspaceFolder
from pilotage.app.planning import unplanned
from pilotage.app.programs import Programs
from pilotage.app.records import SUBJECT_BYTES
from pilotage.app.releasing import put_in_force, released_at_rest
from pilotage.app.terminal import console, error_console, number, print_json, table
from pilotage.app.views import instant
from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.event.time import BadDuration, duration_us, parse_instant_us
from pilotage.journey.advance import advance
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import DataFolder, open_folder
from pilotage.runner.memory import MemoryStore
from pilotage.runner.quarantine import Quarantine
from pilotage.runner.replay import Replay, Replayed
from pilotage.runner.rocks import RocksStore
from pilotage.runner.shard import Shard
from pilotage.runner.station import open_stores
from pilotage.runner.store import Batch, Store
from pilotage.runner.ticket import SHARDS
from pilotage.source.file import History, read_history
from pilotage.source.intake import Intake
from pilotage.source.mapping import read_mapping
from pilotage.source.quarantine import Quarantined
from pilotage.source.zones import packaged_zones

PROGRESS_PREFIX = b"replay "
REFUSED_SHOWN = 5


class Rehearsing(msgspec.Struct):
    """Where a replay runs: its shards, the front's store (links, quarantine, how far it got) and the environment's secret."""

    shards: list[Shard]
    front: Store
    secret: bytes
    program: Any


def replay_command(
    file: Path,
    *,
    mapping: Annotated[Path, Parameter(name=["--mapping", "-m"])],
    workspace: WorkspaceFolder = Path("."),
    data: Annotated[Path | None, Parameter(name=["--data", "-d"])] = None,
    until: str = "",
    json: AsJson = False,
) -> int:
    """Replay a file of history (CSV, JSON lines or Parquet) through the workspace's journeys, on its own clock.

    Nothing is sent. In memory unless --data names a folder; then Ctrl-C stops it, and the same command goes on from there.

    Example: pilotage replay events.csv --mapping mapping.yaml --workspace shop

    Parameters
    ----------
    file
        The history; gzip is understood.
    mapping
        The document that says how rows become events.
    data
        A data folder to keep everything in.
    until
        How far to move the clock after the last event: an instant, or a duration such as +60d.
    """
    set_up_logs("warning")
    read_workspace = load(workspace, {})
    compiled = compile_workspace(read_workspace, packaged_zones())
    if compiled.plan is None:
        raise unplanned(compiled)
    for path in (file, mapping):
        if not path.is_file():
            raise Trouble(f"there is no file {path}", NO_INPUT)
    written = mapping.read_text(encoding="utf-8")
    name = PROGRESS_PREFIX + key128(file.read_bytes(), written)
    intake = Intake(compiled.contracts, compiled.segment_names, read_workspace.intake)
    with Bar() as bar:
        history = read_history(file, read_mapping(written, str(mapping)), intake, bar.rows)
        with _rehearsing(data, read_workspace, compiled) as rehearsing:
            run = _Run(rehearsing, name, bar, len(history))
            outcome, stopped = run.through(history, until)
    if json:
        print_json(_document(history, outcome, run, stopped))
    else:
        _print(history, outcome, run, stopped)
    return INTERRUPTED if stopped else OK


class Bar:
    """Progress on standard error, where that is a terminal."""

    def __init__(self) -> None:
        out = error_console()
        texts = (TextColumn("{task.description}"), TextColumn("{task.fields[at]}"))
        columns = (texts[0], BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), texts[1])
        self._progress = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
        self._reading = self._progress.add_task("reading", total=None, at="")
        self._feeding: Any = None

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._progress.stop()

    def rows(self, rows: int) -> None:
        """So many rows were read."""
        self._progress.update(self._reading, completed=rows)

    def fed(self, done: int, total: int, now_us: int) -> None:
        """So many of all events were fed, and the clock stands there."""
        if self._feeding is None:
            self._progress.update(self._reading, visible=False)
            self._feeding = self._progress.add_task("replaying", total=total, at="")
        self._progress.update(self._feeding, completed=done, at=instant(now_us)[:10])


class _Run:
    """One replay under way: what it has done is written beside the events after each group."""

    def __init__(self, where: Rehearsing, name: bytes, bar: Bar, total: int) -> None:
        self.where = where
        self.name = name
        self.bar = bar
        self.total = total
        self.skipped = int.from_bytes(where.front.get("meta", name) or b"", "big")
        self.refused: list[Quarantined] = []
        self.handed_over = 0
        self._links = {key: value[:SUBJECT_BYTES] for key, value in where.front.scan("link")}
        self._links_written = len(self._links)
        self._quarantine = Quarantine(where.front)
        self._rows = Batch()
        self._stop = False

    def through(self, history: History, until: str) -> tuple[Replayed, bool]:
        """Feed what has not been fed yet; the outcome, and whether it was interrupted."""
        replay = Replay(
            self.where.shards,
            self.where.secret,
            partial(recheck_action, self.where.program),
            links=self._links,
            on_refused=self._refuse,
            on_handed_over=self._hand_over,
            on_progress=lambda read, now_us: self._keep(max(0, read - 1), now_us),
        )
        last_us = max((item.occurred_us or 0 for item in history), default=0)
        until_us = _until_us(until, last_us)
        with _interrupted(self._interrupt):
            replay.feed(self._items(history, until_us if until else 0))
            outcome = replay.finish(0 if self._stop else until_us)
        self._keep(replay.read, replay.now_us)
        return outcome, self._stop

    def _items(self, history: History, until_us: int) -> Iterator[Event | Quarantined]:
        for item in islice(history.items, self.skipped, None):
            if self._stop or (until_us and (item.occurred_us or 0) > until_us):
                return
            yield item

    def _interrupt(self) -> None:
        self._stop = True

    def _refuse(self, refused: Quarantined) -> None:
        self._quarantine.add(self._rows, [refused])
        if len(self.refused) < REFUSED_SHOWN:
            self.refused.append(refused)

    def _hand_over(self, action: object, at_us: int) -> None:
        self.handed_over += 1

    def _keep(self, read: int, now_us: int) -> None:
        """Write the links and refusals since the last time, and how far the file was read; one event less than read, since
        the one at hand may not be applied yet."""
        for key, subject in islice(self._links.items(), self._links_written, None):
            self._rows.put("link", key, subject + now_us.to_bytes(8, "big"))
        self._links_written = len(self._links)
        self._rows.put("meta", self.name, (self.skipped + read).to_bytes(8, "big"))
        self.where.front.write(self._rows, durable=True)
        self._quarantine.written()
        self._rows = Batch()
        self.bar.fed(self.skipped + read, self.total, now_us)


def _until_us(until: str, last_us: int) -> int:
    if not until:
        return last_us
    try:
        return last_us + duration_us(until[1:]) if until.startswith("+") else parse_instant_us(until)
    except (BadDuration, ValueError) as fault:
        cure = "write an instant such as 2024-07-01T00:00:00Z, or a duration such as +60d"
        raise Trouble(f"--until {until}: {fault}", USAGE, cure) from fault


@contextlib.contextmanager
def _interrupted(then: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for an orderly stop; a second one ends the process as usual."""

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        then()

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def _rehearsing(data: Path | None, workspace: Workspace, compiled: Compiled) -> Iterator[Rehearsing]:
    """Recovered shards in memory, or in a data folder that is this process's own for the time."""
    assert compiled.plan is not None
    environment = workspace.environment
    if data is None:
        program = load_program(compiled.plan, packaged_zones(), environment.name)
        shards = [Shard(n, MemoryStore(), program, environment.name, advance=advance, plan=compiled.plan.digest) for n in range(SHARDS)]
        yield _recovered(shards, MemoryStore(), b"a replay in memory", program)
        return
    folder = open_folder(data, environment.name, production=environment.production)
    try:
        with ledger_of(data) as ledger:
            folder.witness = ledger.append
            put_in_force(folder, compiled.plan, packaged_zones(), SystemClock().now_us())
            if folder.environment.recording is not None:
                asyncio.run(released_at_rest(folder, compiled.plan, packaged_zones()))
        with _stores(folder) as (front, stores):
            programs, plan = Programs(data), folder.environment.plans[-1]
            program = programs(plan)
            shards = [Shard(n, stores[n], program, environment.name, advance=advance, plan=plan, programs=programs) for n in range(SHARDS)]
            yield _recovered(shards, front, folder.secret, program)
    finally:
        folder.close()


@contextlib.contextmanager
def _stores(folder: DataFolder) -> Iterator[tuple[Store, dict[int, Store]]]:
    front = RocksStore(folder.front)
    stores: dict[int, Store] = {}
    try:
        stores = open_stores(folder.path, range(SHARDS))
        yield front, stores
    finally:
        for store in (*stores.values(), front):
            store.close()


def _recovered(shards: list[Shard], front: Store, secret: bytes, program: Any) -> Rehearsing:
    for shard in shards:
        shard.recover()
    return Rehearsing(shards, front, secret, program)


def _steps(outcome: Replayed) -> dict[str, dict[str, dict[str, int]]]:
    """Decisions by journey, step and verb."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (journey, step, verb), count in outcome.decisions.items():
        found.setdefault(journey, {}).setdefault(step, {})[verb] = count
    return found


def _document(history: History, outcome: Replayed, run: _Run, stopped: bool) -> dict[str, Any]:
    return {
        "rows": history.rows,
        "skipped_rows": history.skipped,
        "made": history.extras,
        "events": len(history),
        "read_before": run.skipped,
        "read": outcome.read,
        "accepted": outcome.accepted,
        "quarantined": outcome.quarantined,
        "duplicates": outcome.duplicates,
        "handed_over": run.handed_over,
        "journeys": _steps(outcome),
        "receipts": outcome.receipts,
        "from": instant(outcome.from_us),
        "until": instant(outcome.until_us),
        "interrupted": stopped,
        "digests": outcome.digests,
    }


def _print(history: History, outcome: Replayed, run: _Run, stopped: bool) -> None:
    out = console()
    rows = table("journey", "step", "decisions")
    for journey, steps in _steps(outcome).items():
        for place, (step, verbs) in enumerate(steps.items()):
            said = ", ".join(f"{verb} {number(count)}" for verb, count in _by_count(verbs))
            rows.add_row(journey if place == 0 else "", step or "(entry)", said)
    if outcome.decisions:
        out.print(rows)
    made = f" and {number(history.extras)} made" if history.extras else ""
    out.print(f"\n{number(history.rows)} rows{made}, {number(history.skipped)} left out by the mapping: {number(len(history))} events")
    if run.skipped:
        out.print(f"{number(run.skipped)} of them were fed before")
    out.print(
        f"{number(outcome.read)} read = {number(outcome.accepted)} accepted ({number(outcome.duplicates)} of them duplicates)"
        f" + {number(outcome.quarantined)} quarantined"
    )
    for refused in run.refused:
        out.print(f"  refused {refused.id}: {refused.path}: {refused.reason}", markup=False)
    out.print(f"{number(run.handed_over)} messages and calls would have left, {instant(outcome.from_us)} to {instant(outcome.until_us)}")
    out.print(f"decisions {outcome.digests.decisions[:16]}  actions {outcome.digests.actions[:16]}  states {outcome.digests.states[:16]}")
    if stopped:
        out.print("interrupted; the same command goes on from here", style="yellow")


def _by_count(verbs: dict[str, int]) -> Iterable[tuple[str, int]]:
    return sorted(verbs.items(), key=lambda item: -item[1])
