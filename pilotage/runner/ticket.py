"""Submissions on their way through an engine: who owns whom, what came in, and what one group commit writes.

Arrivals travel grouped by the shard that owns their subject, so that an engine makes one call per shard for any number of
submissions. A ticket stands for one submission until everything it brought is durable.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from functools import lru_cache
from typing import Any

import msgspec

from pilotage.event.digest import PARTITIONS, partition_of
from pilotage.runner.arrival import Arrival, Result, Sealed
from pilotage.runner.shard import Shard
from pilotage.runner.store import Batch

SHARDS = 8
"""How many shards a data folder has, fixed when it is made."""

EVENT_BYTES = 256
"""What an event is reckoned to cost in memory beyond its data, for the bound on the queue."""

REMEMBERED = 65_536
"""How many subjects' shards are remembered: who has just been seen is seen again soon."""

Row = tuple[str, bytes, bytes | None]
"""One durable write: table, key, and the value or None to delete."""

Work = dict[int, list[Arrival]]
"""Arrivals by the number of the shard that owns their subject."""

Answers = dict[int, list[Result]]
"""Results by shard number, each list in the order of the arrivals."""


class Ticket:
    """One submission on its way: what it brings, and the future that is resolved when all of it is durable."""

    __slots__ = ("answers", "count", "future", "size_bytes", "work")

    def __init__(self, work: Work, future: "asyncio.Future[Answers]") -> None:
        self.work = work
        self.future = future
        self.answers: Answers = {}
        self.count = sum(len(arrivals) for arrivals in work.values())
        self.size_bytes = size_bytes_of(work)


def size_bytes_of(work: Work) -> int:
    """About how much memory arrivals take."""
    return sum([len(arrival.event.data) + EVENT_BYTES for arrivals in work.values() for arrival in arrivals])


class Commit(msgspec.Struct):
    """What one group commit writes, and whom it answers. `lanes` are the writes under way since `begun_s`."""

    parts: list[tuple[Shard, Batch, Sealed | None]]
    tickets: list[Ticket]
    row_futures: "list[asyncio.Future[None]]"
    events: int
    lanes: list[Future[None]] = msgspec.field(default_factory=list)
    begun_s: float = 0.0

    @property
    def written(self) -> bool:
        """Whether all writes have ended, well or not."""
        return all(lane.done() for lane in self.lanes)

    def fault(self) -> BaseException | None:
        """Why a write failed, or None; only when `written`."""
        return next((fault for lane in self.lanes if (fault := lane.exception()) is not None), None)

    def answer(self) -> None:
        """Tell all who wait that the group is durable."""
        for ticket in self.tickets:
            if not ticket.future.done():
                ticket.future.set_result(ticket.answers)
        for future in self.row_futures:
            if not future.done():
                future.set_result(None)


def shard_of_key(key: bytes) -> int:
    """The number of the shard that a row's key belongs to, by the partition it begins with."""
    return int.from_bytes(key[:2], "big") * SHARDS // PARTITIONS


@lru_cache(REMEMBERED)
def shard_of(subject: bytes) -> int:
    """The number of the shard that owns a subject."""
    return partition_of(subject) * SHARDS // PARTITIONS


def shares(workers: int) -> list[tuple[int, ...]]:
    """Which shards each of so many worker processes owns: all of them, as evenly as can be."""
    return [tuple(range(SHARDS))[worker::workers] for worker in range(min(workers, SHARDS))]


def routed(arrivals: Sequence[Arrival]) -> Work:
    """Arrivals by owning shard, each shard's in their order."""
    work: Work = {}
    for arrival in arrivals:
        work.setdefault(shard_of(arrival.subject), []).append(arrival)
    return work


def apply_tickets(tickets: Sequence[Ticket], shards: dict[int, Shard], clock_us: int) -> None:
    """Apply the arrivals of several tickets with one call per shard, and give each ticket its results."""
    lanes: Work = {}
    for ticket in tickets:
        for number, arrivals in ticket.work.items():
            lanes.setdefault(number, []).extend(arrivals)
    results = {number: shards[number].apply(arrivals, clock_us) for number, arrivals in lanes.items()}
    taken = dict.fromkeys(lanes, 0)
    for ticket in tickets:
        for number, arrivals in ticket.work.items():
            first = taken[number]
            taken[number] = first + len(arrivals)
            ticket.answers[number] = results[number][first : taken[number]]


def with_rows(sealed: Sealed | None, rows: Sequence[Row] | None) -> Batch:
    """A sealed batch with further rows in it, or a batch of the rows alone."""
    batch = sealed.batch if sealed is not None else Batch()
    for table, key, value in rows or ():
        if value is None:
            batch.delete(table, key)
        else:
            batch.put(table, key, value)
    return batch


def write_parts(parts: Sequence[tuple[Shard, Batch, Sealed | None]]) -> None:
    """Write each shard's batch durably, one after the other; for a disk thread."""
    for shard, batch, _ in parts:
        shard.store.write(batch, durable=True)


def refuse(future: "asyncio.Future[Any]", refusal: BaseException) -> None:
    """Fail a future that nobody may be waiting for any more."""
    if not future.done():
        future.set_exception(refusal)
        future.exception()  # a caller that has gone away is no fault of the engine
