"""The accepted log of a data folder, replayed without interruption, and what is stored, to be compared byte for byte."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pilotage.app.programs import Programs
from pilotage.journey.advance import advance
from pilotage.profile.state import encode_state
from pilotage.runner.arrival import Arrival
from pilotage.runner.digests import digests_of
from pilotage.runner.folder import read_environment
from pilotage.runner.log import segments_from
from pilotage.runner.memory import MemoryStore
from pilotage.runner.rocks import RocksStore
from pilotage.runner.saver import save_whole
from pilotage.runner.shard import Shard
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS

Found = tuple[dict[bytes, bytes], str]
"""The bytes of each subject's state, and the digest of all decisions in each subject's order."""


def stored_and_replayed(folder: Path) -> tuple[Found, Found]:
    """What the stores of a stopped system hold, and what an uninterrupted run over the accepted events comes to."""
    programs, environment = Programs(folder), read_environment(folder)
    plan = environment.plans[-1]
    stored: tuple[dict[bytes, bytes], list[str]] = ({}, [])
    again: tuple[dict[bytes, bytes], list[str]] = ({}, [])
    for number in range(SHARDS):
        with _opened(folder / "shards" / str(number)) as store:
            old = Shard(number, store, programs(plan), environment.name, advance=advance, plan=plan, programs=programs)
            old.recover()
            new = Shard(number, MemoryStore(), programs(plan), environment.name, advance=advance, plan=plan, programs=programs)
            new.recover()
            _feed(new, store)
            for shard, (states, digests) in ((old, stored), (new, again)):
                states.update({subject: encode_state(known[0]) for subject in shard.subjects() if (known := shard.read(subject))})
                digests.append(digests_of(shard).decisions)
    return (stored[0], " ".join(stored[1])), (again[0], " ".join(again[1]))


def _feed(shard: Shard, log: Store) -> None:
    """Apply the events of a log, without its wake-ups; what is due afterwards is settled at the end."""
    last_us = 0
    for segment in segments_from(log, 1):
        for record in segment.records:
            last_us = record.received_us
            if record.event is not None:
                [result] = shard.apply([Arrival(record.subject, record.event, record.received_us)], record.received_us)
                assert result.error is None
                assert not result.duplicate, "the log holds an event twice"
    shard.wake(last_us, 1_000_000)
    save_whole(shard)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Store]:
    store = RocksStore(path)
    try:
        yield store
    finally:
        store.close()
