"""What history costs and how fast it is read: filing a log, live events beside it, reading it back, finding one subject.

The log is made by the pipeline from the same batches as everything else here. Filing is measured on the whole log at rest; beside
live events the historian is made to file all the time, which at 5,000 events a second it otherwise does a third of the time.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec
import uvloop

from bench import workload
from bench.pipeline import Installation, bodies_of
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import read_secret
from pilotage.runner.front import Front
from pilotage.runner.history.historian import HistoryLimits
from pilotage.runner.history.parts import DECISIONS, EVENTS, Rules
from pilotage.runner.history.reader import History, Selection
from pilotage.runner.history.rest import compact_at_rest, states_of, tail_of
from pilotage.runner.station import Equipment, open_station, open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS
from pilotage.source.intake import Admitted

OFFERED_PER_S = 5_000
ALWAYS = HistoryLimits(rules=Rules(records_max=2_000), every_s=1.0)
"""Limits under which something is being filed all the time."""

Done = TypeVar("Done")


class Filed(msgspec.Struct, frozen=True):
    """A log filed and read: microseconds of CPU for filing an event with its decisions, events filed per second on one thread,
    bytes on disk, events read per second of real time and of CPU, and how long one subject's events take."""

    events: int
    decisions: int
    filing_us: float
    filing_per_s: float
    bytes_per_event: float
    log_bytes_per_event: float
    read_per_s: float
    read_per_cpu_s: float
    subject_s: float


class Latency(msgspec.Struct, frozen=True):
    """How long batches waited for their acknowledgement, in milliseconds."""

    p50_ms: float
    p99_ms: float
    most_ms: float


class _Keeping(Installation):
    """The pipeline with its history kept."""

    keeping: HistoryLimits | None = None

    async def open(self) -> None:
        """Recover and begin."""
        program = self.program
        equipped = Equipment(workload.ENVIRONMENT, program.digest, lambda _: program, advance, self.clock)
        if self.keeping is not None:
            equipped.history, equipped.history_limits = self.folder, self.keeping
        stores: dict[int, Store] = dict(self.stores)
        self.station = await open_station(stores, equipped)
        await self.station.start()
        self.front = Front(self.front_store, read_secret(self.folder), [self.station], self.clock, lambda _: Admitted([], []))


def filed(folder: Path, subjects: int, events: int) -> Filed:
    """Make a log of so many events, file all of it, and read it."""
    uvloop.run(_feed(folder, subjects, events))
    stores = open_stores(folder, range(SHARDS))
    log_bytes = sum(len(value) for store in stores.values() for _, value in store.scan("log"))
    gc.collect()
    gc.freeze()
    today = SystemClock().now_us() // DAY_US
    cpu_s, wall_s, _ = _timed(lambda: compact_at_rest(folder, stores, today))
    states = states_of(folder, stores)
    with History(folder, states, tail_of(stores)) as history:
        counted, decided = history.count(EVENTS), history.count(DECISIONS)
        read_cpu_s, read_s, found = _timed(lambda: sum(len(page.events) for page in history.pages()))
        assert counted == found
        subject = next(history.events()).subject
        _, subject_s, _ = _timed(lambda: list(history.events(Selection(subject=subject))))
    for store in stores.values():
        store.close()
    return Filed(
        events=counted,
        decisions=decided,
        filing_us=cpu_s / counted * 1e6,
        filing_per_s=counted / wall_s,
        bytes_per_event=sum(state.size_bytes for state in states) / counted,
        log_bytes_per_event=log_bytes / counted,
        read_per_s=counted / read_s,
        read_per_cpu_s=counted / read_cpu_s,
        subject_s=subject_s,
    )


def beside(folder: Path, subjects: int, seconds: int, keeping: bool) -> tuple[Latency, int]:
    """Acknowledgements at 5,000 events a second in one process, with history being filed all the time or with none; and how many
    records were filed meanwhile."""
    return uvloop.run(_offer(folder, subjects, seconds, ALWAYS if keeping else None))


async def _feed(folder: Path, subjects: int, events: int) -> None:
    installation = Installation(folder)
    await installation.open()
    await installation.feed(bodies_of(workload.hot_numbers(events, subjects, Random(31)), "history"))
    await installation.close()


async def _offer(folder: Path, subjects: int, seconds: int, keeping: HistoryLimits | None) -> tuple[Latency, int]:
    installation = _Keeping(folder)
    installation.keeping = keeping
    await installation.open()
    numbers = workload.hot_numbers(OFFERED_PER_S * seconds, subjects, Random(32))
    bodies = bodies_of(numbers, f"beside-{keeping is not None}-{time.time_ns()}")
    begun_s, waited_s, tasks = time.perf_counter(), [], []
    per_body = len(numbers) / len(bodies)

    async def send(body: bytes, due_s: float) -> None:
        admitted = installation.intake.segment("batch", body, workload.SOURCE, installation.clock.now_us())
        await installation.front.submit(admitted.accepted, admitted.refused)
        waited_s.append(time.perf_counter() - due_s)

    for number, body in enumerate(bodies):
        due_s = begun_s + number * per_body / OFFERED_PER_S
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        tasks.append(asyncio.create_task(send(body, due_s)))
    await asyncio.gather(*tasks)
    historian = installation.station.historian
    cursors = sum(state.cursor - state.after for state in historian.states()) if historian is not None else 0
    await installation.close()
    ordered = sorted(waited_s)
    return Latency(*(ordered[int(len(ordered) * share)] * 1e3 for share in (0.5, 0.99)), ordered[-1] * 1e3), cursors


def _timed(work: Callable[[], Done]) -> tuple[float, float, Done]:
    """Seconds of CPU and of real time that something took, and what it gave."""
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    done = work()
    return time.process_time() - cpu_s, time.perf_counter() - wall_s, done
