"""What a rehearsal costs: events of history through `advance` with everything they lead to, against the live runner.

History is made as Parquet files, as the historian would leave them: each subject is identified, agrees to be written to, and then does
what the mix of the other figures says over two weeks. Reading the files, deciding, waking, handing over, reacting and counting
are all part of what is measured; events are those of history, not those that come of them.
"""

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import msgspec

from bench import workload
from pilotage.app import rehearsing
from pilotage.event.digest import PARTITIONS, partition_of
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.plan import encode_plan
from pilotage.runner.history.parquet import Parquet, Rows
from pilotage.runner.history.parts import EVENTS
from pilotage.runner.history.rows import Taken
from pilotage.runner.log import Record
from pilotage.runner.ticket import SHARDS
from pilotage.simulate.reactions import Habits
from pilotage.simulate.rehearsal import AMONG, Company, HistoryPart, Rehearsal
from pilotage.source.zones import packaged_zones

START_US = parse_instant_us("2026-03-02T00:00:00Z")
DAYS = 14
EVENTS_EACH = 10
ROWS_IN_FILE = 20_000
SECRET = b"a rehearsal that is measured"
EVENTS_IN_PART = 40_000
WARM = 1
ARITHMETIC = 10_000_000


class Rehearsed(msgspec.Struct, frozen=True):
    """What a run came to: events of history, decisions, messages handed over, CPU seconds in one process, and real time with one and two
    processes, the median of turns in which they take each other's place; how many times as fast two processes are that do nothing but
    arithmetic, likewise; the most memory that any of them took."""

    events: int
    decisions: int
    messages: int
    cpu_s: float
    one_s: float
    two_s: float
    bare: float
    peak_bytes: int

    @property
    def per_cpu_s(self) -> float:
        """Events per second of CPU."""
        return self.events / self.cpu_s

    @property
    def two_against_one(self) -> float:
        """How many times as fast two processes are."""
        return self.one_s / self.two_s


def past_of(number: int, random: Random) -> list[Event]:
    """One subject's events over two weeks."""
    kinds = random.choices([kind for _, kind in workload.MIX], [share for share, _ in workload.MIX], k=EVENTS_EACH - 2)
    instants = sorted(random.randrange(DAYS * DAY_US) for _ in range(EVENTS_EACH))
    traits = (
        f'{{"email":"customer-{number:08d}@example.test","language":"{"de" if number % 3 else "fr"}",'
        f'"country":"{workload.COUNTRIES[number % 6]}","birth_year":{1950 + number % 55}}}'
    )
    consent = '{"purpose":"marketing.offers","channel":"email","granted":true,"basis":"sign-up"}'
    said = [("customer.identified", traits), ("consent.changed", consent), *((kind, workload.data_of(kind, random)) for kind in kinds)]
    who = {"user_id": workload.user(number)}
    return [
        Event(f"{number}-{place}", workload.SOURCE, kind, START_US + at_us, data.encode(), who)
        for place, (at_us, (kind, data)) in enumerate(zip(instants, said, strict=True))
    ]


def make_history(folder: Path, subjects: int) -> dict[int, list[Path]]:
    """Files of history about so many subjects, by shard."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[int, list[Path]] = {number: [] for number in range(SHARDS)}
    waiting: dict[int, list[Taken]] = {number: [] for number in range(SHARDS)}
    parquet, random = Parquet(folder), Random(21)

    def file(shard: int) -> None:
        rows = Rows(EVENTS)
        rows.add(waiting[shard])
        path = folder / f"{shard}-{len(files[shard])}.parquet"
        parquet.write(rows, path)
        files[shard].append(path)
        waiting[shard] = []

    for number in range(subjects):
        subject = workload.subject_of(SECRET, number)
        partition = partition_of(subject)
        shard = partition * SHARDS // PARTITIONS
        for place, event in enumerate(past_of(number, random)):
            record = Record(subject, event.occurred_us, 0, event)
            waiting[shard].append(Taken(partition, place + 1, record, [], "bench"))
        if len(waiting[shard]) >= ROWS_IN_FILE:
            file(shard)
    for shard in range(SHARDS):
        file(shard)
    parquet.close()
    return files


def rehearsal_of(events: int) -> Rehearsal:
    """A rehearsal of the workspace's plan over all of it."""
    count = 8
    while count < PARTITIONS and events / count > EVENTS_IN_PART:
        count *= 2
    step = PARTITIONS // count
    parts = tuple(HistoryPart(first, first + step - 1) for first in range(0, PARTITIONS, step))
    until_us = START_US + DAYS * DAY_US
    plans = {AMONG: workload.plan().digest}
    return Rehearsal(plans, (), START_US, until_us, 1, workload.ENVIRONMENT, SECRET, Habits(), parts, "measured")


def rehearsed(folder: Path, subjects: int, rounds: int = 1) -> Rehearsed:
    """Rehearse over so many subjects: in this process, then in one and in two of their own."""
    files = make_history(folder / "history", subjects)
    plan = workload.plan()
    (folder / plan.digest).write_bytes(encode_plan(plan))
    rehearsal = rehearsal_of(subjects * EVENTS_EACH)
    company = Company(rehearsal, folder, packaged_zones(), files)
    company.run(rehearsal.parts[0])
    events = decisions = messages = 0
    cpu_s = time.process_time()
    for part in rehearsal.parts[WARM:]:
        tally = company.run(part).tallies[AMONG]
        events += tally.events
        decisions += sum(sum(verbs.values()) for verbs in tally.verbs.values())
        messages += sum(count * people for count, people in tally.messages.get("all", {}).items())
    cpu_s = time.process_time() - cpu_s
    outfit = {
        "plans": str(folder),
        "spool": str(folder),
        "workspace": "",
        "files": {n: list(map(str, paths)) for n, paths in files.items()},
    }
    turns = [(_apart(rehearsal, outfit, 1), _apart(rehearsal, outfit, 2), _bare()) for _ in range(rounds)]
    one_s, two_s, bare = (median(column) for column in zip(*turns, strict=True))
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Rehearsed(events, decisions, messages, cpu_s, one_s, two_s, bare, max(peaks) * 1024)


def _apart(rehearsal: Rehearsal, outfit: dict[str, Any], workers: int) -> float:
    """Real time of all parts in processes that have begun."""
    raw = msgspec.msgpack.encode(rehearsal)
    with ProcessPoolExecutor(workers, get_context("spawn"), rehearsing.begin, (raw, outfit)) as pool:
        list(pool.map(rehearsing.run_part, [0] * (4 * workers)))
        begun_s = time.perf_counter()
        for _ in pool.map(rehearsing.run_part, _counted(rehearsal)):
            pass
        return time.perf_counter() - begun_s


def _bare() -> float:
    """How many times as fast two processes are on this machine now that do nothing but arithmetic."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_arithmetic, [1_000] * 8))
        begun_s = time.perf_counter()
        next(pool.map(_arithmetic, [ARITHMETIC]))
        between_s = time.perf_counter()
        list(pool.map(_arithmetic, [ARITHMETIC] * 2))
        return 2 * (between_s - begun_s) / (time.perf_counter() - between_s)


def _arithmetic(count: int) -> int:
    total = 0
    for number in range(count):
        total += number * number & 7
    return total


def _counted(rehearsal: Rehearsal) -> Iterator[int]:
    return iter(range(WARM, len(rehearsal.parts)))
