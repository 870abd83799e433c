"""Logs for trying history: seeded, on several days, with wake-ups, odd values and decisions; and what history must say of them.

A reference reads the log record by record, in the plainest way; tests compare it with what comes out of the files and the tail.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pilotage.event.digest import key128, partition_of
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.outcome import Decision
from pilotage.runner.cursor import Cursor, read_cursor
from pilotage.runner.history.parts import Disk
from pilotage.runner.history.reader import History, Selection
from pilotage.runner.history.rows import PastDecision, PastEvent
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import Record, Segment, encode_segment, last_segment, segments_from
from pilotage.runner.memory import MemoryStore
from pilotage.runner.store import Batch, Store

START_US = 19_700 * DAY_US
TODAY = 20_000


class Fault(OSError):
    """What a test lets go wrong."""


class TrappedDisk(Disk):
    """A disk that fails at the `left`-th step from now on, before or after it is done; with 0 at none."""

    def __init__(self, left: int = 0, after: bool = False) -> None:
        self.left = left
        self.after = after
        self.steps = 0

    def spring(self, step: Callable[[], None]) -> None:
        """Do a step, and fail if it is the one."""
        self.steps += 1
        self.left -= 1
        chosen = self.left == 0
        if chosen and not self.after:
            raise Fault("before the step")
        step()
        if chosen:
            raise Fault("after the step")

    def make_folder(self, path: Path) -> None:
        """See `Disk`."""
        self.spring(lambda: super(TrappedDisk, self).make_folder(path))

    def sync(self, path: Path) -> None:
        """See `Disk`."""
        self.spring(lambda: super(TrappedDisk, self).sync(path))

    def rename(self, old: Path, new: Path) -> None:
        """See `Disk`."""
        self.spring(lambda: super(TrappedDisk, self).rename(old, new))

    def remove(self, path: Path) -> None:
        """See `Disk`."""
        self.spring(lambda: super(TrappedDisk, self).remove(path))


class TrappedStore(MemoryStore):
    """A store in memory whose durable writes are steps of a trapped disk."""

    def __init__(self, disk: TrappedDisk) -> None:
        super().__init__()
        self.disk = disk

    def write(self, batch: Batch, *, durable: bool) -> None:
        """See `Store`."""
        if durable and any(table == "meta" for table, _, _ in batch.operations):
            self.disk.spring(lambda: super(TrappedStore, self).write(batch, durable=durable))
        else:
            super().write(batch, durable=durable)


class Logger:
    """Appends seeded segments to one shard's log. `day_records` is about how many records a day has."""

    def __init__(self, store: Store, seed: int, day_records: int = 200, shard: int = 3) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.segments: list[Segment] = []
        self.position = 0
        self.now_us = START_US
        self._step_us = 2 * DAY_US // day_records
        self._subjects = [subject for number in range(4_000) if partition_of(subject := key128(number)) // 128 == shard][:40]

    def append(self, segments: int = 1) -> None:
        """So many group commits more, of 1 to 30 records."""
        for _ in range(segments):
            count = self.chance.randint(1, 30)
            records = [self._record() for _ in range(count)]
            decisions = [[self._decision() for _ in range(self.chance.choice((0, 0, 1, 3)))] for _ in records]
            segment = Segment(self.position + 1, f"plan{self.now_us % 2}", records, decisions)
            batch = Batch()
            batch.put("log", *encode_segment(segment))
            self.store.write(batch, durable=True)
            self.segments.append(segment)
            self.position += count

    def _record(self) -> Record:
        self.now_us += self.chance.choice((0, 0, self.chance.randrange(2 * self._step_us)))
        event = None if self.chance.random() < 0.2 else self._event()
        return Record(self.chance.choice(self._subjects), self.now_us, self.chance.randrange(100), event)

    def _event(self) -> Event:
        data = self.chance.choice((b"{}", '{"café":"naïve 🦉"}'.encode(), b'{"total":9007199254740993.10,"x":[1,null]}'))
        who = self.chance.choice(({}, {"user_id": "ü1"}, {"user_id": "2", "anonymous_id": 'a"b'}))
        name = self.chance.choice(("", "e\u0301", f"e{self.chance.randrange(10**9)}"))
        trace = self.chance.choice(("", "", f"00-{self.chance.randrange(10**9):032x}-00f067aa0ba902b7-01"))
        occurred_us = self.now_us - self.chance.randrange(DAY_US)
        return Event(name, self.chance.choice(("shop", "crm")), self.chance.choice(("a.b", "c.d")), occurred_us, data, who, trace)

    def _decision(self) -> Decision:
        inputs = self.chance.choice(({}, {"n": 2**60, "t": None, "f": 0.1, "é": ["x", {"y": True}]}))
        lost = self.chance.choice(((), ("a: too late",), ("", "ü", "x")))
        entry = self.chance.choice((b"", key128("entry", self.chance.randrange(9))))
        return Decision(self.now_us, "j.k", "v1", entry, "step", "sent", "", "rule ✓", inputs, lost, entry)


def plainly(segments: Sequence[Segment], after: int = 0) -> tuple[list[PastEvent], list[PastDecision]]:
    """What history must say of some segments beyond a position, in its order."""
    events, decisions = [], []
    for segment in segments:
        for position, (record, decided) in enumerate(zip(segment.records, segment.decisions, strict=True), segment.first):
            if position <= after:
                continue
            where = (record.subject, partition_of(record.subject), position)
            if record.event is not None:
                events.append(PastEvent(*where, record.received_us, record.event))
            for number, each in enumerate(decided):
                inputs, lost = msgspec.json.encode(each.inputs).decode(), list(each.lost)
                middle = (each.journey, each.version, each.entry, each.step, each.verb, each.reason, each.rule)
                decisions.append(
                    PastDecision(*where, number, record.received_us, each.at_us, *middle, inputs, lost, each.effect, segment.plan)
                )
    events.sort(key=lambda each: (each.received_us, each.position, each.partition // 128))
    decisions.sort(key=lambda each: (each.received_us, each.position, each.partition // 128, each.number))
    return events, decisions


def extent_of(store: Store, shard: int = 3) -> ShardHistory:
    """How far a shard's files and log reach."""
    last = last_segment(store)
    cursor = read_cursor(store) or Cursor(0, 0)
    return ShardHistory(shard, cursor.after, cursor.upto, last.last if last is not None else 0)


def opened(data: Path, stores: dict[int, Store]) -> History:
    """All of the history of some shards at rest."""
    extents = [extent_of(store, shard) for shard, store in stores.items()]
    return History(data, extents, lambda shard, after: segments_from(stores[shard], after + 1))


def told(data: Path, store: Store, **selection: Any) -> tuple[list[PastEvent], list[PastDecision]]:
    """What history says of one shard."""
    with opened(data, {3: store}) as history:
        return list(history.events(Selection(**selection))), list(history.decisions(Selection(**selection)))
