"""Where an event's CPU goes: each stage of the pipeline alone, over the same events, in microseconds per event.

The stages are called as the pipeline calls them. What the pipeline takes beyond their sum is group commits, queues,
futures and RocksDB's background work.
"""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from bench import workload
from bench.pipeline import bodies_of
from pilotage.event.envelope import Event
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Decision
from pilotage.profile.identity import resolve
from pilotage.profile.state import State, decode_state, encode_state
from pilotage.runner.folder import read_secret
from pilotage.runner.layout import pack_state, state_key, unpack_state
from pilotage.runner.links import read_link
from pilotage.runner.log import Record, Segment, encode_segment
from pilotage.runner.rocks import Memory, RocksStore
from pilotage.runner.seen import Seen, event_hash
from pilotage.runner.store import Batch
from pilotage.runner.ticket import SHARDS, shard_of
from pilotage.source import segment

GROUP = 1_000
"""Events in one group commit of one shard."""

Group = tuple[RocksStore, list[int]]
"""A shard's store, and which events one group commit of it holds."""


def measure(folder: Path, subjects: int, events: int) -> dict[str, float]:
    """Microseconds of CPU per event by stage, for events that each concern another subject."""
    stages = _Stages(folder, subjects, events)
    try:
        return stages.all()
    finally:
        stages.close()


class _Stages:
    """The stages and what one hands to the next."""

    def __init__(self, folder: Path, subjects: int, events: int) -> None:
        self.numbers = Random(21).sample(range(subjects), events)
        self.events_wanted = events
        self.secret = read_secret(folder)
        memory = Memory()
        self.stores = {number: RocksStore(folder / "shards" / str(number), memory) for number in range(SHARDS)}
        self.front = RocksStore(folder / "front", memory)
        self.intake, self.program = workload.intake(), workload.program()
        self.spent: dict[str, float] = {}

    def close(self) -> None:
        for store in (*self.stores.values(), self.front):
            store.close()

    def flush(self) -> None:
        """Bring saved states to disk."""
        for store in self.stores.values():
            store.flush()

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        """Do one stage for all events."""
        gc.collect()
        gc.disable()
        begun = time.process_time()
        made = work()
        self.spent[name] = (time.process_time() - begun) / self.events_wanted * 1e6
        gc.enable()
        return made

    def all(self) -> dict[str, float]:
        """Every stage in turn."""
        bodies = bodies_of(self.numbers, "stages")
        now_us = time.time_ns() // 1_000
        self.timed("parse only", lambda: [segment.read_batch(body) for body in bodies])
        events: list[Event] = self.timed(
            "parse, contract, envelope",
            lambda: [event for body in bodies for event in self.intake.segment("batch", body, workload.SOURCE, now_us).accepted],
        )
        subjects = self.timed("identity", lambda: [resolve(self.secret, event, self.linked).subject for event in events])
        self.timed("routing", lambda: [shard_of(subject) for subject in subjects])
        hashes = self.timed("dedupe hash", lambda: [event_hash(event) for event in events])
        groups: list[Group] = self._groups(subjects)
        self.timed("dedupe look-up", lambda: [self._seen(store).known([hashes[at] for at in group]) for store, group in groups])
        raws: list[Any] = [None] * len(events)
        self.timed("state read", lambda: [self._read(store, group, subjects, raws) for store, group in groups])
        states: list[State] = self.timed("state decode", lambda: [decode_state(unpack_state(raw)[2]) for raw in raws])  # type: ignore[arg-type]
        outcomes = self.timed("advance", lambda: [advance(self.program, s, e, now_us) for s, e in zip(states, events, strict=True)])
        validators = [self.program.handlers[event.type].validator for event in events]
        self.timed("· payload decode", lambda: [each.decode(event.data) for each, event in zip(validators, events, strict=True)])
        records = self.timed("log record", lambda: [Record(s, now_us, 1, e) for s, e in zip(subjects, events, strict=True)])
        decisions: list[list[Decision]] = [outcome.decisions for outcome in outcomes]
        segments = [([records[at] for at in group], [decisions[at] for at in group]) for _, group in groups]
        logged = self.timed("log encode", lambda: [encode_segment(Segment(1, "", *each)) for each in segments])
        self.timed("log write, synced", lambda: _write("log", groups, [[row] for row in logged], True))
        encoded = self.timed("state encode", lambda: [pack_state(1, o.wake_at_us, encode_state(o.state)) for o in outcomes])
        rows = [sorted((state_key(subjects[at]), encoded[at]) for at in group) for _, group in groups]
        self.timed("state write", lambda: _write("state", groups, rows, False))
        self.timed("flush", self.flush)
        self.spent["log bytes per event"] = sum(len(value) for _, value in logged) / len(events)
        self.spent["state bytes"] = sum(map(len, encoded)) / len(events)
        self.spent["decisions per event"] = sum(map(len, decisions)) / len(events)
        return self.spent

    def linked(self, key: bytes) -> bytes | None:
        """Whom a browser belongs to."""
        value = self.front.get("link", key)
        return None if value is None else read_link(value)[0]

    def _groups(self, subjects: list[bytes]) -> list[Group]:
        by_shard: dict[int, list[int]] = {}
        for at, subject in enumerate(subjects):
            by_shard.setdefault(shard_of(subject), []).append(at)
        return [(self.stores[n], ats[first : first + GROUP]) for n, ats in by_shard.items() for first in range(0, len(ats), GROUP)]

    @staticmethod
    def _seen(store: RocksStore) -> Seen:
        seen = Seen(store)
        seen.turn_to(time.time_ns() // 1_000)
        return seen

    @staticmethod
    def _read(store: RocksStore, group: list[int], subjects: list[bytes], raws: list[Any]) -> None:
        found = store.get_many("state", [state_key(subjects[at]) for at in group])
        for at, raw in zip(group, found, strict=True):
            raws[at] = raw


def _write(table: str, groups: list[Group], rows: list[list[tuple[bytes, bytes]]], durable: bool) -> None:
    for (store, _), each in zip(groups, rows, strict=True):
        batch = Batch()
        for key, value in each:
            batch.put(table, key, value)
        store.write(batch, durable=durable)
