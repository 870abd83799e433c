"""A small installation for trying the runner: eight shards over stores in memory or on disk, under the toy kernel.

What is on its disks can be opened again as after a crash, so tests can compare what was acknowledged with what is there.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pilotage.runner.arrival import Arrival, Limits
from pilotage.runner.clock import VirtualClock
from pilotage.runner.digests import Digests, digests_of, unite
from pilotage.runner.memory import MemoryStore
from pilotage.runner.shard import Shard
from pilotage.runner.station import Equipment
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS, Answers, routed, shares
from pilotage.runner.wire import Assignment
from tests.runner.toy_kernel import START_US, add, advance, subject_id

EVERY_POSITION = 1 << 40
"""More than any shard of a test comes to."""


def open_shards(stores: Sequence[Store], **options: Any) -> list[Shard]:
    """Recovered shards over stores."""
    shards = [Shard(number, store, "program", "test", **{"advance": advance, **options}) for number, store in enumerate(stores)]
    for shard in shards:
        shard.recover()
    return shards


def memory_stores() -> list[MemoryStore]:
    """Eight empty stores in memory."""
    return [MemoryStore() for _ in range(SHARDS)]


def arrivals(numbers: Sequence[int], subjects: int = 50, kind: Callable[[int], str] = lambda number: "toy.add") -> list[Arrival]:
    """One toy event per number, spread over so many subjects."""
    return [Arrival(subject_id(number % subjects), add(number, kind(number))) for number in numbers]


def digests(shards: Sequence[Shard]) -> Digests:
    """The digests of all shards together."""
    return unite(*(digests_of(shard) for shard in shards))


def results_of(answers: Answers) -> int:
    """How many results there are."""
    return sum(len(results) for results in answers.values())


def equip(assignment: Assignment) -> Equipment:
    """What a worker process of the tests is equipped with: the toy kernel, and a clock that stands still."""
    return Equipment("test", "", lambda plan: "program", advance, VirtualClock(START_US), shard_limits=small_limits())


def assignments(folder: Path, workers: int) -> list[Assignment]:
    """The assignments of so many workers on one data folder."""
    return [Assignment(str(folder), numbers, "tests.runner.rig:equip") for numbers in shares(workers)]


def small_limits() -> Limits:
    """Limits that make saving cycles happen within a test."""
    return Limits(decoded_max=64, packed_bytes_max=20_000, lag_max=200)


__all__ = ["arrivals", "assignments", "digests", "equip", "memory_stores", "open_shards", "results_of", "routed", "small_limits"]
