"""What storage costs an event: the shard around a kernel that does next to nothing, hot and cold, on disk and in memory.

The kernel alone is timed over the same events and taken off, so the figures are deduplication, logging, state cache,
timers, group commits and saving, in microseconds of CPU of the whole process, background threads included. Run
`python -m bench.shard`; `--subjects` and `--events` set the size.
"""

import argparse
import gc
import shutil
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from random import Random

from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US
from pilotage.journey.outcome import Decision, Outcome
from pilotage.profile.state import State, encode_state
from pilotage.runner.arrival import Arrival
from pilotage.runner.layout import pack_state, state_key, timer_key
from pilotage.runner.memory import MemoryStore
from pilotage.runner.rocks import Memory, RocksStore
from pilotage.runner.shard import Shard
from pilotage.runner.store import Batch, Store

SHARDS = 8
GROUP = 1_000
START_US = 1_700_000_000_000_000
_DATA = b'{"product":"p-48151623","price":"49.90","currency":"EUR","page":"/shoes/running/trail/48151623","referrer":"mail"}'


def subject_id(number: int) -> bytes:
    """The subject of a number; its first byte names its shard."""
    return bytes([number % SHARDS]) + blake2b(number.to_bytes(8, "big"), digest_size=15).digest()


def first_state(subject: bytes) -> State:
    """A state of about 750 bytes."""
    attributes = {f"attribute_{n}": f"value-{subject.hex()[:12]}-{n}" for n in range(14)}
    return State(subject=subject, attributes=attributes, features={f"event_{n}": [START_US + n * 7] * 6 for n in range(5)})


def advance(program: None, state: State, event: Event, now_us: int) -> Outcome:
    """Note the event's time in a feature and wait an hour; every tenth event is a decision."""
    past = state.features.get("seen", [])
    features = {**state.features, "seen": [*past[-5:], now_us]}
    changed = State(state.subject, state.attributes, state.consents, features, state.entries, state.visits, state.budget)
    decisions = [Decision(now_us, "toy", "1", b"", "wait", "waited")] if now_us % 10 == 0 else []
    return Outcome(changed, [], decisions, now_us + HOUR_US, [])


def populate(stores: list[Store], subjects: int) -> None:
    """Write every subject's state and timer, as a saver would have."""
    for first in range(0, subjects, 20_000):
        batches = [Batch() for _ in stores]
        for number in range(first, min(first + 20_000, subjects)):
            subject = subject_id(number)
            batch = batches[subject[0]]
            batch.put("state", state_key(subject), pack_state(0, START_US + HOUR_US, encode_state(first_state(subject))))
            batch.put("timer", timer_key(START_US + HOUR_US, subject), b"")
        for store, batch in zip(stores, batches, strict=True):
            batch.operations.sort(key=lambda operation: operation[1])
            store.write(batch, durable=False)
    for store in stores:
        store.flush()
    settle()


def settle() -> None:
    """Wait until the process is at rest: compaction of what was populated is not a cost of the events that follow."""
    before = -1.0
    while time.process_time() - before > 0.02:
        before = time.process_time()
        time.sleep(0.3)


def picks(name: str, events: int, subjects: int) -> list[int]:
    """Whom the events are about: `hot` is 95 % on 5 % of the subjects, `cold` uniform."""
    random = Random(7)
    hot = subjects // 20
    if name == "cold":
        return [random.randrange(subjects) for _ in range(events)]
    return [random.randrange(hot) if random.random() < 0.95 else random.randrange(subjects) for _ in range(events)]


def arrivals_of(numbers: list[int], first: int) -> list[list[Arrival]]:
    """Groups of arrivals per shard."""
    groups: list[list[Arrival]] = [[] for _ in range(SHARDS)]
    for at, number in enumerate(numbers, first):
        subject = subject_id(number)
        event = Event(f"evt-{at:032d}", "web-shop", "product.viewed", START_US + at, _DATA, {"user_id": f"u{number}"})
        groups[subject[0]].append(Arrival(subject, event))
    return groups


def feed(shards: list[Shard], numbers: list[int], first: int) -> tuple[float, float]:
    """Apply, commit and save; returns CPU and wall seconds, without the making of the events."""
    cpu_s = wall_s = 0.0
    for at in range(0, len(numbers), GROUP * SHARDS):
        groups = arrivals_of(numbers[at : at + GROUP * SHARDS], first + at)
        cpu, wall = time.process_time(), time.perf_counter()
        for shard, group in zip(shards, groups, strict=True):
            shard.apply(group, START_US + first + at)
            sealed = shard.seal()
            if sealed is not None:
                shard.store.write(sealed.batch, durable=True)
                shard.committed(sealed)
            shard.save(shard.quota(len(group)))
            if shard.needs_flush:
                shard.store.flush()
                shard.flushed()
        cpu_s += time.process_time() - cpu
        wall_s += time.perf_counter() - wall
    return cpu_s, wall_s


def kernel_us(numbers: list[int]) -> float:
    """CPU per event of the kernel alone, over as many states as a cache holds, taken as the events come."""
    subjects = [subject_id(number) for number in numbers[:100_000]]
    states = {subject: first_state(subject) for subject in subjects}
    event = arrivals_of(numbers[:1], 0)[numbers[0] % SHARDS][0].event
    begun = time.process_time()
    for at, subject in enumerate(subjects):
        states[subject] = advance(None, states[subject], event, START_US + at).state
    return (time.process_time() - begun) / len(subjects) * 1e6


def measure(name: str, make_store: Callable[[int], Store], subjects: int, events: int) -> None:
    """One row per load: first half warms up, second half counts."""
    stores = [make_store(number) for number in range(SHARDS)]
    populate(stores, subjects)
    for load in ("hot", "cold"):
        shards = [Shard(number, store, None, f"bench {load}", advance=advance) for number, store in enumerate(stores)]
        for shard in shards:
            batch = Batch()
            batch.delete("meta", b"owner")
            shard.store.write(batch, durable=True)
            shard.recover()
        numbers = picks(load, events, subjects)
        first = sum(shard.position for shard in shards)
        feed(shards, numbers[: events // 2], first)
        gc.collect()
        cpu_s, wall_s = feed(shards, numbers[events // 2 :], first + events // 2)
        counted = events - events // 2
        kernel = kernel_us(numbers)
        us = cpu_s / counted * 1e6
        lag = sum(shard.lag for shard in shards)
        print(f"{name:8} {load:6} {us:10.1f} {kernel:8.1f} {us - kernel:10.1f} {counted / cpu_s:10,.0f} {counted / wall_s:10,.0f} {lag:9,}")
    for store in stores:
        store.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--stores", default="rocks,memory")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    state_bytes = len(encode_state(first_state(subject_id(1))))
    print(f"{options.subjects:,} subjects of {state_bytes} bytes, {options.events:,} events in groups of {GROUP}; µs of CPU per event")
    print(f"{'store':8} {'load':6} {'µs/event':>10} {'kernel':>8} {'storage':>10} {'events/CPU s':>10} {'events/s':>10} {'lag':>9}")
    folder = Path(tempfile.mkdtemp(prefix="bench-shard-"))
    try:
        memory = Memory()
        if "rocks" in options.stores:
            measure("rocks", lambda number: RocksStore(folder / str(number), memory), options.subjects, options.events)
        if "memory" in options.stores:
            measure("memory", lambda number: MemoryStore(), min(options.subjects, 200_000), options.events)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
