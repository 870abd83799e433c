"""Bringing its past to each subject of some shards: history read and tallied in a thread, put aside in small errands between live
events, for each subject to take in before it is looked at next (see `runner.pasts`).

A shard is gone through subject by subject. How far it is moves in the commit that puts the pasts aside, so that after a crash at
any point nobody is told twice and nobody is left out. A fault of history (a file that has just been joined into another, a full
disk) is told and tried again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from pilotage.event.digest import partition_of
from pilotage.runner.cursor import first_position, read_cursor
from pilotage.runner.engine import Engine
from pilotage.runner.history.parts import EVENTS
from pilotage.runner.history.progress import Filled, ShardBackfill, filled_row, read_filled
from pilotage.runner.history.reader import History, Life, Selection
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import segments_from
from pilotage.runner.pasts import Found
from pilotage.runner.shard import Shard

SUBJECTS_AT_ONCE = 512
"""How many pasts one errand puts aside: about 5 ms of the loop."""

IN_FLIGHT = 8
"""How many errands may be under way: while the disk takes one group, the next is tallied, as with live events."""

EVENTS_AT_ONCE = 200_000
"""About how many events one query sorts: it reads as many partitions as hold so many."""

RETRY_S = 2.0

log = structlog.get_logger("pilotage.backfill")


class Tally(Protocol):
    """What tallies the past of one subject after another (see `journey.backfill.Tally`)."""

    types: tuple[str, ...]
    read: tuple[str, ...]
    unfit: int
    on_accounts: bool

    def begin(self, account: bool) -> None:
        """The next subject is an account, or a person."""

    def add(self, event: str, occurred_us: int, received_us: int, data: str | None) -> None:
        """Take the subject's next event."""

    def end(self) -> bytes:
        """What is to be brought to the subject (empty: nothing), and begin with the next one."""


class Filler(msgspec.Struct, frozen=True):
    """What is filled in under the recording plan of a digest: `tally` makes a fresh tally, `data` is the folder whose history is
    read."""

    plan: str
    data: Path
    tally: Callable[[], Tally]


class _Slice(msgspec.Struct):
    """Some subjects' pasts, and how far their shard is once they are put aside."""

    pasts: list[Found]
    filled: Filled
    shard: int = 0


class Backfill:
    """Fills in the past of an engine's shards. `start` it; `states` says how far it is."""

    def __init__(self, engine: Engine, filler: Filler) -> None:
        self.plan = filler.plan
        self._engine = engine
        self._filler = filler
        plan, shards = filler.plan, engine.shards.items()
        self._states = {number: ShardBackfill(number, read_filled(shard.store, number, plan)) for number, shard in shards}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backfill")
        self._task: asyncio.Task[None] | None = None

    @property
    def states(self) -> list[ShardBackfill]:
        """How far each shard is."""
        return [self._states[number] for number in sorted(self._states)]

    def start(self) -> None:
        """Begin, or go on where it was."""
        self._task = asyncio.create_task(self._run(), name="backfill")

    async def stop(self) -> None:
        """End after the slice at hand; a later start goes on from there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def _run(self) -> None:
        while self._left():
            try:
                await self._fill()
            except Exception as fault:  # noqa: BLE001 - the release waits, live events go on
                await self._told(self._left()[0], fault)

    def _left(self) -> list[int]:
        return [number for number in sorted(self._states) if not self._states[number].filled.done]

    async def _told(self, number: int, fault: Exception) -> None:
        said = f"{type(fault).__name__}: {fault}"
        if said != self._states[number].fault:
            log.error("backfill interrupted", shard=number, fault=said)
        self._states[number] = msgspec.structs.replace(self._states[number], fault=said)
        await asyncio.sleep(RETRY_S)

    async def _fill(self) -> None:
        slices = self._slices([self._engine.shards[number] for number in self._left()])
        flying: deque[asyncio.Future[None]] = deque()
        try:
            while (ready := await self._on_thread(slices)) is not None:
                flying.append(asyncio.ensure_future(self._bring(ready)))
                if len(flying) >= IN_FLIGHT:
                    await flying.popleft()
            while flying:
                await flying.popleft()
        finally:
            await asyncio.gather(*flying, return_exceptions=True)
            await asyncio.get_running_loop().run_in_executor(self._thread, slices.close)

    async def _on_thread(self, slices: Iterator[_Slice]) -> _Slice | None:
        return await asyncio.get_running_loop().run_in_executor(self._thread, next, slices, None)

    async def _bring(self, ready: _Slice) -> None:
        shard = self._engine.shards[ready.shard]

        def errand(now_us: int) -> int:
            shard.pasts.bring(self.plan, ready.pasts)
            self._engine.note(shard.number, filled_row(ready.filled))
            return len(ready.pasts)

        await self._engine.errand(errand)
        known = self._states[shard.number]
        self._states[shard.number] = ShardBackfill(shard.number, ready.filled, known.total)

    # On the thread

    def _slices(self, shards: Sequence[Shard]) -> Generator[_Slice, None, None]:
        """What is left of some shards, slice by slice."""
        tally = self._filler.tally()
        stores = {shard.number: shard.store for shard in shards}
        extents = [_extent(shard) for shard in shards]
        with History(self._filler.data, extents, lambda number, above: segments_from(stores[number], above + 1)) as history:
            for shard in shards:
                first = shard.number * 128
                chosen = Selection(
                    names=tally.types, first_partition=first, last_partition=first + 127, upto={shard.number: shard.before_plan}
                )
                total = history.count(EVENTS, chosen) if tally.types else 0
                filled = self._states[shard.number].filled
                self._states[shard.number] = ShardBackfill(shard.number, filled, total)
                for each in _sliced(history, chosen, tally, filled, max(1, 128 * EVENTS_AT_ONCE // max(total, 1))):
                    each.shard = shard.number
                    yield each


def _extent(shard: Shard) -> ShardHistory:
    """The past of a shard: its files, and of its log what lies before the plan in force."""
    cursor = read_cursor(shard.store)
    after = cursor.after if cursor is not None else first_position(shard.store) - 1
    return ShardHistory(shard.number, after, cursor.upto if cursor is not None else after, max(shard.before_plan, after))


def _sliced(history: History, chosen: Selection, tally: Tally, filled: Filled, partitions_at_once: int) -> Iterator[_Slice]:
    """Tally the subjects after those whose past was brought, in slices, the last of which says that all is done."""
    types, add = tally.types, tally.add
    first, last = max(chosen.first_partition, filled.partition), chosen.last_partition
    events, subjects, unfit = filled.events, filled.subjects, filled.unfit - tally.unfit
    pasts: list[Found] = []
    accounts = history.accounts(chosen) if tally.on_accounts else {}
    subject, account = b"", ""

    def progress(done: bool = False) -> Filled:
        partition, latest = (partition_of(subject), subject) if subject else (filled.partition, filled.subject)
        return Filled(filled.plan, partition, latest, subjects, events, unfit + tally.unfit, done=done)

    for partition in range(first, last + 1, partitions_at_once):
        until = min(last, partition + partitions_at_once - 1)
        selection = msgspec.structs.replace(chosen, first_partition=partition, last_partition=until)
        for life in _lives(history.lives(selection, tally.read), (filled.partition, filled.subject)):
            subject = life[0][0]
            if tally.on_accounts:
                account = accounts.get(subject, "")
                tally.begin(bool(account))
            for _, occurred_us, received_us, kind, data in life:
                add(types[kind], occurred_us, received_us, data)
            events, subjects = events + len(life), subjects + 1
            past = tally.end()
            if past:
                pasts.append((subject, past, account))
            if len(pasts) >= SUBJECTS_AT_ONCE:
                yield _Slice(pasts, progress())
                pasts = []
    yield _Slice(pasts, progress(done=True))


def _lives(pages: Iterable[list[Life]], after: tuple[int, bytes]) -> Iterator[list[Life]]:
    """The events of one subject after another, of those that come after one."""
    life: list[Life] = []
    whose: bytes = b""
    behind = False
    for page in pages:
        for row in page:
            if row[0] != whose:
                if life:
                    yield life
                life, whose = [], row[0]
                behind = behind or (partition_of(whose), whose) > after  # they come in order
                if not behind:
                    whose = b""
                    continue
            life.append(row)
    if life:
        yield life
