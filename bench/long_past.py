"""A data folder with a long past: millions of events over two weeks, filed by day as the historian leaves them.

Every subject is identified, agrees to be written to, and then does what the mix of the other figures says. A third of them got a message,
which is decided, handed over, and perhaps opened and clicked. No live system decided any of it: the figures are about reading
and rehearsing, and what was decided once is read for rates alone.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from random import Random

import msgspec

from bench import workload
from bench.rehearsal import past_of
from pilotage.event.digest import PARTITIONS, partition_of
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, MINUTE_US, SECOND_US
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Send
from pilotage.runner.cursor import Cursor, move_cursor
from pilotage.runner.folder import open_folder, read_secret
from pilotage.runner.history.parquet import Parquet, Rows
from pilotage.runner.history.parts import TABLES, Part, Parts
from pilotage.runner.history.rows import Taken
from pilotage.runner.log import Record
from pilotage.runner.recovery import Owner, claim_store
from pilotage.runner.rocks import RocksStore
from pilotage.runner.ticket import SHARDS
from pilotage.source.zones import packaged_zones

WRITTEN_TO = 3
"""One of so many subjects got a message."""
FATES = (("sent", 1.0, SECOND_US), ("delivered", 0.98, MINUTE_US), ("opened", 0.35, DAY_US), ("clicked", 0.12, DAY_US))
"""What becomes of a message, one after the other: with which share, and how much later at most."""
ROWS_AT_ONCE = 2_048


def build(path: Path, subjects: int) -> None:
    """Make the folder, on two processes."""
    folder = open_folder(path, workload.ENVIRONMENT)
    folder.activate(workload.plan(), packaged_zones())
    folder.close()
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        for each in [pool.submit(_file, path, shard, subjects) for shard in range(SHARDS)]:
            each.result()


def _file(path: Path, shard: int, subjects: int) -> None:
    """Make the history of one shard: its days in order, each a file of both tables, and how far it reaches."""
    secret, plan = read_secret(path), workload.plan()
    name = plan.digest
    sends = [(journey.name, journey.digest, step.id) for journey in plan.journeys for step in journey.steps if isinstance(step, Send)]
    told: list[tuple[int, int, Record, list[Decision]]] = []
    for number in range(subjects):
        subject = workload.subject_of(secret, number)
        partition = partition_of(subject)
        if partition * SHARDS // PARTITIONS == shard:
            random = Random(number)
            events, decided = past_of(number, random), list[Decision]()
            if number % WRITTEN_TO == 0:
                journey, version, step = sends[number // WRITTEN_TO % len(sends)]
                decided, receipts = _message(subject, events[2].occurred_us, journey, version, step, random)
                events += receipts
            for place, event in enumerate(events):
                record = Record(subject, event.occurred_us, 0, event)
                told.append((event.occurred_us, partition, record, decided if place == 2 else []))
    told.sort(key=lambda each: each[0])
    parts, parquet, after = Parts(path), Parquet(), 0
    for day, rows in groupby(told, key=lambda each: each[0] // DAY_US):
        taken = [Taken(partition, after + place, record, made, name) for place, (_, partition, record, made) in enumerate(rows, 1)]
        _write(parts, parquet, Part("", shard, after + 1, after + len(taken), day, day), taken)
        after += len(taken)
    parquet.close()
    store = RocksStore(path / "shards" / str(shard))
    claim_store(store, Owner(shard, workload.ENVIRONMENT))
    move_cursor(store, Cursor(0, after))
    store.close()


def _write(parts: Parts, parquet: Parquet, day: Part, taken: list[Taken]) -> None:
    for table in TABLES:
        rows = Rows(table)
        for first in range(0, len(taken), ROWS_AT_ONCE):
            rows.add(taken[first : first + ROWS_AT_ONCE])
        part = msgspec.structs.replace(day, table=table)
        parts.publish(part, lambda path, rows=rows: parquet.write(rows, path))  # type: ignore[misc]  # bound now


def _message(subject: bytes, at_us: int, journey: str, version: str, step: str, random: Random) -> tuple[list[Decision], list[Event]]:
    """A message that was decided, and the receipts of it."""
    effect = blake2b(subject, digest_size=16, person=b"effect").digest()
    entry = blake2b(subject, digest_size=16, person=b"entry").digest()
    return [Decision(at_us, journey, version, entry, step, "sent", "email", effect=effect)], list(_receipts(effect, at_us, random))


def _receipts(effect: bytes, at_us: int, random: Random) -> Iterator[Event]:
    """Handed over, mostly delivered, and then perhaps opened and clicked."""
    data = f'{{"effect":"{effect.hex()}","channel":"email"}}'.encode()
    for kind, share, later_us in FATES:
        if random.random() >= share:
            return
        at_us += random.randrange(later_us)
        yield Event(f"{kind}:{effect.hex()}", "pilotage", f"message.{kind}", at_us, data, {})
