"""Events per second of CPU through the whole pipeline in one process: from the bytes of Segment batches to decisions on disk.

Contracts, identity, deduplication, the log, the kernel, states and group commits are the product's own, as `pilotage run`
wires them; only HTTP and the dispatcher are left out. CPU is that of the whole process, RocksDB's background threads
included. The reference runs the same intake, identity and kernel over states in a dictionary and keeps nothing on disk.
"""

import asyncio
import gc
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import msgspec
import uvloop

from bench import workload
from pilotage.journey.advance import advance
from pilotage.journey.program import Program
from pilotage.profile.identity import resolve
from pilotage.profile.state import State, decode_state
from pilotage.runner.arrival import Limits
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import read_secret
from pilotage.runner.front import Front
from pilotage.runner.interpreter import COLLECT_AFTER
from pilotage.runner.layout import unpack_state
from pilotage.runner.rocks import Memory, RocksStore
from pilotage.runner.seen import event_hash
from pilotage.runner.station import Equipment, Station, open_station
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS
from pilotage.source.intake import Admitted

CACHED_BYTES = 900
"""What a state takes in a cache that is to hold 95 % of them."""

IN_FLIGHT = 24
"""How many batches are on their way at a time."""


class Rate(msgspec.Struct, frozen=True):
    """What one run came to. `cached` is the share of state reads that memory served."""

    events: int
    cpu_s: float
    wall_s: float
    cached: float

    @property
    def per_cpu_s(self) -> float:
        """Events per second of CPU."""
        return self.events / self.cpu_s

    @property
    def per_s(self) -> float:
        """Events per second of real time."""
        return self.events / self.wall_s


class CountingStore(RocksStore):
    """A store that counts the states it is asked for."""

    reads = 0

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys."""
        if table == "state":
            self.reads += len(keys)
        return super().get_many(table, keys)


class Installation:
    """The pipeline on a data folder: front and shards of one process."""

    def __init__(self, folder: Path, program: Program | None = None, limits: Limits | None = None) -> None:
        self.folder = folder
        self.intake = workload.intake()
        self.clock = SystemClock()
        self.program = program or workload.program()
        memory = Memory()
        self.stores = {number: CountingStore(folder / "shards" / str(number), memory) for number in range(SHARDS)}
        self.front_store = RocksStore(folder / "front", memory)
        self._limits = limits or Limits()

    async def open(self) -> None:
        """Recover and begin."""
        program = self.program
        equipped = Equipment(workload.ENVIRONMENT, program.digest, lambda _: program, advance, self.clock, shard_limits=self._limits)
        stores: dict[int, Store] = dict(self.stores)
        self.station: Station = await open_station(stores, equipped)
        await self.station.start()
        self.front = Front(self.front_store, read_secret(self.folder), [self.station], self.clock, lambda _: Admitted([], []))

    async def close(self) -> None:
        """Finish, save and close."""
        await self.front.close()
        await self.station.stop()
        self.front_store.close()

    async def feed(self, bodies: Iterable[bytes]) -> int:
        """Take batches in, several at a time; returns how many events were accepted."""
        left = iter(bodies)
        accepted = 0

        async def sender() -> None:
            nonlocal accepted
            for body in left:
                admitted = self.intake.segment("batch", body, workload.SOURCE, self.clock.now_us())
                done = await self.front.submit(admitted.accepted, admitted.refused)
                accepted += done.accepted - done.duplicates

        await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
        return accepted

    @property
    def reads(self) -> int:
        """How many states the stores were asked for."""
        return sum(store.reads for store in self.stores.values())


def bodies_of(numbers: Sequence[int], tag: str) -> list[bytes]:
    """Batches about subjects, made now."""
    return list(workload.batches(numbers, time.time_ns() // 1_000, Random(len(numbers)), tag))


async def _run(installation: Installation, warm: Iterable[bytes], counted: Sequence[bytes]) -> Rate:
    await installation.open()
    await installation.feed(warm)
    gc.collect()
    gc.freeze()
    reads, cpu, wall = installation.reads, time.process_time(), time.perf_counter()
    accepted = await installation.feed(counted)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    reads = installation.reads - reads
    await installation.close()
    if accepted < len(counted) * workload.BATCH_EVENTS:
        raise RuntimeError(f"only {accepted} events of {len(counted)} batches were accepted")
    return Rate(accepted, cpu, wall, 1 - reads / accepted)


def run(folder: Path, numbers: Sequence[int], tag: str, warm: int, program: Program | None = None, limits: Limits | None = None) -> Rate:
    """Send events about subjects through a pipeline on a folder; the first `warm` of them are not counted."""
    before = workload.batches(numbers[:warm], time.time_ns() // 1_000, Random(warm), f"{tag}-warm")
    return uvloop.run(_run(Installation(folder, program, limits), before, bodies_of(numbers[warm:], tag)))


def hot(folder: Path, subjects: int, warm: int, counted: int, program: Program | None = None, tag: str = "hot") -> Rate:
    """95 % of the events from a twentieth of the subjects, whose states therefore stay in memory."""
    return run(folder, workload.hot_numbers(warm + counted, subjects, Random(11)), tag, warm, program)


def cold(folder: Path, subjects: int, warm: int, counted: int) -> Rate:
    """Every event from another subject, drawn from all: no state is ever in memory."""
    numbers = list(range(subjects))
    Random(12).shuffle(numbers)
    return run(folder, (numbers * ((warm + counted) // subjects + 1))[: warm + counted], "cold", warm)


def uniform(folder: Path, subjects: int, counted: int) -> Rate:
    """Every subject equally likely, with a cache that holds 95 % of the states, all of them used once before."""
    random = Random(13)
    numbers = list(range(subjects))
    random.shuffle(numbers)
    numbers += [random.randrange(subjects) for _ in range(counted)]
    return run(folder, numbers, "uniform", subjects, limits=Limits(packed_bytes_max=subjects * CACHED_BYTES // SHARDS))


def reference(folder: Path, numbers: Sequence[int], tag: str) -> Rate:
    """The same intake, identity and kernel with states in a dictionary: no disk, no log, no group commits."""
    bodies = bodies_of(numbers, tag)
    secret = read_secret(folder)
    states = _states(folder, {workload.subject_of(secret, number) for number in numbers})
    links = {workload.link_of(secret, number): workload.subject_of(secret, number) for number in set(numbers)}
    intake, program, seen = workload.intake(), workload.program(), set[bytes]()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    events = 0
    cpu, wall = time.process_time(), time.perf_counter()
    for body in bodies:
        now_us = time.time_ns() // 1_000
        for event in intake.segment("batch", body, workload.SOURCE, now_us).accepted:
            subject = resolve(secret, event, links.get).subject
            hashed = event_hash(event)
            if hashed not in seen:
                seen.add(hashed)
                states[subject] = advance(program, states[subject], event, now_us).state
                events += 1
    return Rate(events, time.process_time() - cpu, time.perf_counter() - wall, 1.0)


def _states(folder: Path, subjects: set[bytes]) -> dict[bytes, State]:
    """Subjects' states, decoded."""
    states = {}
    memory = Memory()
    for number in range(SHARDS):
        store = RocksStore(folder / "shards" / str(number), memory)
        for key, value in store.scan("state"):
            if key[3:] in subjects:
                states[key[3:]] = decode_state(bytes(unpack_state(value)[2]))
        store.close()
    return states
