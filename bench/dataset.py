"""A data folder with a past: a million subjects (or more) with their states, wake-ups and linked browsers.

States and wake-ups are written straight into the shards' stores, as a saver would have left them after a week of running,
several shards at a time. A figure that writes works on a copy, whose large files are links.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench import workload
from pilotage.event.digest import partition_of
from pilotage.event.time import DAY_US
from pilotage.journey.advance import wake_at
from pilotage.journey.plan import Plan
from pilotage.profile.state import State, encode_state
from pilotage.runner.folder import open_folder, read_secret
from pilotage.runner.layout import STATE, pack_state, timer_key
from pilotage.runner.links import LinkTable
from pilotage.runner.log import Record, Segment, encode_segment
from pilotage.runner.recovery import Marker, Owner, claim_store, put_marker
from pilotage.runner.rocks import Memory, RocksStore
from pilotage.runner.store import Batch
from pilotage.runner.ticket import SHARDS
from pilotage.source.zones import packaged_zones

CHUNK = 10_000
FIRST = 1
"""The position that every subject's state is at; the log holds one wake-up there."""

Shape = Callable[[State, bytes, int, int], State]
"""Makes the state of a subject from a history, its id, its number and how much later it lives."""


def build(path: Path, subjects: int, now_us: int, plan: Plan | None = None, due_us: int = 0) -> None:
    """Make a data folder with so many subjects, whose pasts end at most ten minutes before `now_us`. With `due_us`, each
    has just been reminded of a cart and is due then."""
    folder = open_folder(path, workload.ENVIRONMENT)
    folder.activate(plan or workload.plan(), packaged_zones())
    folder.close()
    shards = list(range(SHARDS))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        work = [pool.submit(_fill, path, number, subjects, now_us, due_us) for number in shards]
        work.append(pool.submit(_link, path, subjects, now_us - 8 * DAY_US))
        for each in work:
            each.result()


def copy(path: Path, target: Path) -> Path:
    """A copy to write in; the immutable table files are linked."""

    def link(source: str, to: str) -> str:
        if source.endswith(".sst"):
            os.link(source, to)
            return to
        return str(shutil.copy2(source, to))

    shutil.copytree(path, target, copy_function=link)
    return target


def _fill(path: Path, number: int, subjects: int, now_us: int, due_us: int) -> None:
    """Write one shard's subjects, in key order within each chunk."""
    program = workload.program()
    pasts = workload.histories(program, now_us - workload.SPREAD_US)
    secret = read_secret(path)
    store = RocksStore(path / "shards" / str(number), Memory())
    claim_store(store, Owner(number, workload.ENVIRONMENT))
    rows: list[tuple[bytes, bytes, int, bytes]] = []
    for at in range(subjects):
        subject = workload.subject_of(secret, at)
        partition = partition_of(subject)
        if partition * SHARDS // 1024 != number:
            continue
        state = workload.subject_like(pasts[at % len(pasts)], subject, at, at * 7_919 % workload.SPREAD_US)
        if due_us:
            state = workload.with_due_entry(program, state, due_us)
        wake_us = wake_at(state)
        key = partition.to_bytes(2, "big") + bytes([STATE]) + subject
        rows.append((key, subject, wake_us, pack_state(FIRST, wake_us, encode_state(state))))
        if len(rows) == CHUNK:
            _write(store, rows)
            rows = []
    _write(store, rows)
    store.flush()
    begun = Batch()
    dummy = Record(bytes(16), now_us, 0, None)
    begun.put("log", *encode_segment(Segment(FIRST, program.digest, [dummy], [[]])))
    put_marker(begun, Marker(FIRST, now_us))
    store.write(begun, durable=True)
    store.compact()
    store.close()


def _write(store: RocksStore, rows: Sequence[tuple[bytes, bytes, int, bytes]]) -> None:
    batch = Batch()
    for key, _, _, value in sorted(rows):
        batch.put("state", key, value)
    for key in sorted(timer_key(wake_us, subject) for _, subject, wake_us, _ in rows if wake_us):
        batch.put("timer", key, b"")
    store.write(batch, durable=False)


def _link(path: Path, subjects: int, made_us: int) -> None:
    """Link every subject's browser."""
    secret = read_secret(path)
    store = RocksStore(path / "front", Memory())
    links = LinkTable(store)
    for first in range(0, subjects, CHUNK):
        batch = Batch()
        for at in range(first, min(first + CHUNK, subjects)):
            links.add(batch, workload.link_of(secret, at), workload.subject_of(secret, at), made_us)
        store.write(batch, durable=True)
        links.trim()
    store.close()
