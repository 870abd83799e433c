"""The ways to run a history: one shard after another in memory or on disk, in one process, or in worker processes.

As a program (`python -m tests.determinism.ways SEED WAY GROUP FOLDER`) it runs one of them in a process of its own, so that
the hash seed of that process can be chosen, and writes what the history and the way came to into `digests.json`.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pilotage.journey.advance import advance
from pilotage.runner.arrival import Arrival, Limits
from pilotage.runner.clock import VirtualClock
from pilotage.runner.digests import Digests, digests_of, unite
from pilotage.runner.memory import MemoryStore
from pilotage.runner.question import ReadDigests
from pilotage.runner.rocks import RocksStore
from pilotage.runner.saver import save_whole
from pilotage.runner.shard import Shard
from pilotage.runner.station import Equipment, open_station, open_stores
from pilotage.runner.store import Store
from pilotage.runner.supervisor import Supervisor
from pilotage.runner.ticket import SHARDS, routed, shares
from pilotage.runner.wire import Assignment
from tests.determinism.histories import START_US, demo_plan, demo_program, lived

LIMITS = Limits(decoded_max=5, packed_bytes_max=3_000, lag_max=300)
"""So small that states go to disk and come back while a history runs."""


def in_memory(arrivals: Sequence[Arrival], group: int, folder: Path) -> Digests:
    """Run over stores in memory, committing after each group."""
    return by_shards([MemoryStore() for _ in range(SHARDS)], arrivals, group)


def on_disk(arrivals: Sequence[Arrival], group: int, folder: Path) -> Digests:
    """Run over RocksDB, committing after each group."""
    stores = [RocksStore(folder / str(number)) for number in range(SHARDS)]
    found = by_shards(stores, arrivals, group)
    for store in stores:
        store.close()
    return found


def in_one_process(arrivals: Sequence[Arrival], group: int, folder: Path) -> Digests:
    """Run through the engine of a single process, on RocksDB."""
    return asyncio.run(_by_station(arrivals, group, folder))


def in_two_workers(arrivals: Sequence[Arrival], group: int, folder: Path) -> Digests:
    """Run through two worker processes that own four shards each, on RocksDB."""
    return asyncio.run(_by_workers(arrivals, group, folder))


WAYS: dict[str, Callable[[Sequence[Arrival], int, Path], Digests]] = {
    "memory": in_memory,
    "disk": on_disk,
    "process": in_one_process,
    "workers": in_two_workers,
}


def by_shards(stores: Sequence[Store], arrivals: Sequence[Arrival], group: int) -> Digests:
    """Recover shards over stores, run, and save everything."""
    plan, program = demo_plan().digest, demo_program()
    shards = [Shard(n, store, program, "demo", advance=advance, plan=plan, limits=LIMITS) for n, store in enumerate(stores)]
    for shard in shards:
        shard.recover()
    for first in range(0, len(arrivals), group):
        for number, part in routed(arrivals[first : first + group]).items():
            _apply(shards[number], part)
    for shard in shards:
        save_whole(shard)
    return unite(*(digests_of(shard) for shard in shards))


def _apply(shard: Shard, arrivals: Sequence[Arrival]) -> None:
    for result in shard.apply(arrivals, START_US):
        if result.error is not None:
            raise result.error
    sealed = shard.seal()
    if sealed is not None:
        shard.store.write(sealed.batch, durable=True)
        shard.committed(sealed)
    shard.save(shard.quota(len(arrivals)))
    if shard.needs_flush:
        shard.store.flush()
        shard.flushed()


async def _by_station(arrivals: Sequence[Arrival], group: int, folder: Path) -> Digests:
    station = await open_station(open_stores(folder, range(SHARDS)), equip(Assignment(str(folder), tuple(range(SHARDS)), "")))
    await station.start()
    for first in range(0, len(arrivals), group):
        await station.submit(routed(arrivals[first : first + group]))
    found: Digests = await station.ask(ReadDigests())
    await station.stop()
    return found


async def _by_workers(arrivals: Sequence[Arrival], group: int, folder: Path) -> Digests:
    assignments = [Assignment(str(folder), numbers, "tests.determinism.ways:equip") for numbers in shares(2)]
    supervisor = Supervisor(assignments, _give_up)
    await supervisor.start()
    for first in range(0, len(arrivals), group):
        work = routed(arrivals[first : first + group])
        parts = [{n: work[n] for n in work if n in remote.numbers} for remote in supervisor.remotes]
        await asyncio.gather(*(remote.submit(part) for remote, part in zip(supervisor.remotes, parts, strict=True) if part))
    found = unite(*[await remote.ask(ReadDigests()) for remote in supervisor.remotes])
    await supervisor.stop()
    return found


def equip(assignment: Assignment) -> Equipment:
    """What each process runs with: the demo's program, and a clock that stands still, so that only events pass time."""
    digest = demo_plan().digest
    return Equipment("demo", digest, _program, advance, VirtualClock(START_US), shard_limits=LIMITS)


def _program(plan: str) -> Any:
    assert plan == demo_plan().digest
    return demo_program()


def _give_up(fault: BaseException) -> None:
    raise fault


def main(seed: str, way: str, group: str, folder: str) -> None:
    """Live through the history of a seed, run it once more in a way, and write down what both came to."""
    history = lived(int(seed))
    again = WAYS[way](history.arrivals, int(group), Path(folder))
    (Path(folder) / "digests.json").write_bytes(msgspec.json.encode({"replay": history.digests, "again": again}))


if __name__ == "__main__":
    main(*sys.argv[1:])
