"""Bringing its past to each subject of some shards: history read and tallied in a thread, told in small errands between live
events.

A shard is gone through subject by subject. How far it is moves in the commit that tells the subjects, so that after a crash at any
point nobody is told twice and nobody is left out. A fault of history (a file that has just been joined into another, a full
disk) is told and tried again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from pilotage.event.digest import partition_of
from pilotage.event.envelope import Event
from pilotage.runner.arrival import Arrival
from pilotage.runner.cursor import first_position, read_cursor
from pilotage.runner.engine import Engine
from pilotage.runner.history.parts import EVENTS
from pilotage.runner.history.progress import Filled, ShardBackfill, filled_row, read_filled
from pilotage.runner.history.reader import History, Life, Selection
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import segments_from
from pilotage.runner.shard import Shard

SUBJECTS_AT_ONCE = 96
"""How many subjects one errand tells: about 5 ms of the loop."""

IN_FLIGHT = 8
"""How many errands may be under way: while the disk takes one group, the next is told, as with live events."""

PARTITIONS_AT_ONCE = 16
"""How many partitions one query reads, which bounds what it sorts at once."""

RETRY_S = 2.0

log = structlog.get_logger("pilotage.backfill")


class Tally(Protocol):
    """What tallies the past of one subject after another (see `journey.backfill.Tally`)."""

    types: tuple[str, ...]
    read: tuple[str, ...]
    unfit: int

    def add(self, event: str, occurred_us: int, received_us: int, data: str | None) -> None:
        """Take the subject's next event."""

    def end(self) -> bytes:
        """What is to be told to the subject, and begin with the next one."""


class Filler(msgspec.Struct, frozen=True):
    """What is filled in: `tally` makes a fresh tally, `told` the event that brings its past to a subject, under the recording
    plan of a digest. `data` is the folder whose history is read."""

    plan: str
    data: Path
    tally: Callable[[], Tally]
    told: Callable[[str, bytes, int, bytes], Event]


class _Slice(msgspec.Struct):
    """Some subjects' pasts, and how far the shard is once they are told."""

    pasts: list[tuple[bytes, bytes]]
    filled: Filled


class Backfill:
    """Fills in the past of an engine's shards. `start` it; `states` says how far it is."""

    def __init__(self, engine: Engine, filler: Filler) -> None:
        self.plan = filler.plan
        self._engine = engine
        self._filler = filler
        plan, shards = filler.plan, engine.shards.items()
        self._states = {number: ShardBackfill(number, read_filled(shard.store, number, plan)) for number, shard in shards}
        self._refused = 0
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
        for number in sorted(self._states):
            while not self._states[number].filled.done:
                try:
                    await self._fill(number)
                except Exception as fault:  # noqa: BLE001 - the release waits, live events go on
                    await self._told(number, fault)

    async def _told(self, number: int, fault: Exception) -> None:
        said = f"{type(fault).__name__}: {fault}"
        if said != self._states[number].fault:
            log.error("backfill interrupted", shard=number, fault=said)
        self._states[number] = msgspec.structs.replace(self._states[number], fault=said)
        await asyncio.sleep(RETRY_S)

    async def _fill(self, number: int) -> None:
        shard = self._engine.shards[number]
        self._refused = self._states[number].filled.refused
        slices = self._slices(shard, self._states[number].filled)
        flying: deque[asyncio.Future[None]] = deque()
        try:
            ready = await self._on_thread(slices)
            while ready is not None:
                flying.append(asyncio.ensure_future(self._tell(shard, ready)))
                if len(flying) >= IN_FLIGHT:
                    await flying.popleft()
                ready = await self._on_thread(slices)
            while flying:
                await flying.popleft()
        finally:
            await asyncio.gather(*flying, return_exceptions=True)
            await asyncio.get_running_loop().run_in_executor(self._thread, slices.close)

    async def _on_thread(self, slices: Iterator[_Slice]) -> _Slice | None:
        return await asyncio.get_running_loop().run_in_executor(self._thread, next, slices, None)

    async def _tell(self, shard: Shard, ready: _Slice) -> None:
        def errand(now_us: int) -> int:
            told, now_us = self._filler.told, max(now_us, shard.stamp_us)
            arrivals = [Arrival(subject, told(self.plan, subject, now_us, past)) for subject, past in ready.pasts]
            results = shard.apply(arrivals, now_us)
            faults = [(each.subject, result.error) for each, result in zip(arrivals, results, strict=True) if result.error]
            for subject, fault in faults:
                log.error("the kernel refused a past", subject=subject.hex(), fault=str(fault))
            self._refused += len(faults)
            ready.filled = msgspec.structs.replace(ready.filled, refused=self._refused)
            self._engine.note(shard.number, filled_row(ready.filled))
            return len(ready.pasts)

        await self._engine.errand(errand)
        known = self._states[shard.number]
        self._states[shard.number] = ShardBackfill(shard.number, ready.filled, known.total)

    # On the thread

    def _slices(self, shard: Shard, filled: Filled) -> Generator[_Slice, None, None]:
        """What is left of a shard, slice by slice."""
        tally = self._filler.tally()
        upto = shard.before_plan
        cursor = read_cursor(shard.store)
        after = cursor.after if cursor is not None else first_position(shard.store) - 1
        extent = ShardHistory(shard.number, after, cursor.upto if cursor is not None else after, max(upto, after))
        with History(self._filler.data, [extent], lambda _, above: segments_from(shard.store, above + 1)) as history:
            chosen = Selection(
                names=tally.types, first_partition=shard.number * 128, last_partition=shard.number * 128 + 127, upto={shard.number: upto}
            )
            known = self._states[shard.number]
            self._states[shard.number] = ShardBackfill(shard.number, known.filled, history.count(EVENTS, chosen) if tally.types else 0)
            yield from _sliced(history, chosen, tally, filled)


def _sliced(history: History, chosen: Selection, tally: Tally, filled: Filled) -> Iterator[_Slice]:
    """Tally the subjects after those that were told, in slices, the last of which says that all is done."""
    types, add = tally.types, tally.add
    first, last = max(chosen.first_partition, filled.partition), chosen.last_partition
    events, subjects, unfit = filled.events, filled.subjects, filled.unfit - tally.unfit
    pasts: list[tuple[bytes, bytes]] = []
    at: tuple[int, bytes] = (filled.partition, filled.subject)

    def progress(done: bool = False) -> Filled:
        return Filled(filled.plan, *at, subjects, events, unfit + tally.unfit, done=done)

    for partition in range(first, last + 1, PARTITIONS_AT_ONCE):
        until = min(last, partition + PARTITIONS_AT_ONCE - 1)
        selection = msgspec.structs.replace(chosen, first_partition=partition, last_partition=until)
        for life in _lives(history.lives(selection, tally.read), at):
            for _, occurred_us, received_us, kind, data in life:
                add(types[kind], occurred_us, received_us, data)
            at = partition_of(life[0][0]), life[0][0]
            events, subjects = events + len(life), subjects + 1
            past = tally.end()
            if past:
                pasts.append((at[1], past))
            if len(pasts) >= SUBJECTS_AT_ONCE:
                yield _Slice(pasts, progress())
                pasts = []
    yield _Slice(pasts, progress(done=True))


def _lives(pages: Iterable[list[Life]], after: tuple[int, bytes]) -> Iterator[list[Life]]:
    """The events of one subject after another, of those that come after one."""
    life: list[Life] = []
    whose: bytes = b""
    for page in pages:
        for row in page:
            if row[0] != whose:
                if life:
                    yield life
                life, whose = [], row[0]
                if (partition_of(whose), whose) <= after:
                    whose = b""
                    continue
            life.append(row)
    if life:
        yield life
