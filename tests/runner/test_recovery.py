"""Recovery: whatever a crash leaves behind, a shard comes back to what its log says, byte for byte.

Faults are scripted as data: a run is a list of steps, some of which crash; the same events without any fault give the
expected digests. Steps are drawn from seeds, so a failing one replays.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pilotage.event.time import HOUR_US, MINUTE_US
from pilotage.runner.arrival import Arrival, Result
from pilotage.runner.digests import Digests, digests_of
from pilotage.runner.log import LogBroken
from pilotage.runner.memory import MemoryStore
from pilotage.runner.recovery import KernelDiverged, PlanMissing
from pilotage.runner.rocks import Memory, RocksStore
from pilotage.runner.shard import Shard
from pilotage.runner.store import Batch, Store, StoreFull
from tests.runner.toy_kernel import START_US, add, advance, subject_id

EVENTS = 400
SUBJECTS = 25
RUNS_PER_SEED = 10


def history() -> list[Arrival]:
    """Events of a few subjects over many hours, so that waits end between them."""
    random = Random(7)
    kinds = ["toy.add"] * 6 + ["toy.stop"]
    return [
        Arrival(subject_id(random.randrange(SUBJECTS)), add(n, random.choice(kinds)), START_US + n * 7 * MINUTE_US) for n in range(EVENTS)
    ]


def open_shard(store: Store, **options: Any) -> Shard:
    shard = Shard(0, store, "program", "test", **{"advance": advance, **options})
    shard.recover()
    return shard


class Crash(Exception):
    """The process dies here."""


class Run:
    """One life after another of a shard over a disk: feeds the history, crashes where told, and feeds again what was not
    acknowledged."""

    def __init__(self, open_store: Callable[[], Store], crash_store: Callable[[Store, Random], None], seed: int) -> None:
        self.open_store = open_store
        self.crash_store = crash_store
        self.random = Random(seed)
        self.acknowledged = 0
        self.crashes = 0

    def to_the_end(self) -> Digests:
        """Live and die until the whole history is acknowledged; the digests of what is then found."""
        while True:
            store = self.open_store()
            try:
                shard = open_shard(store)
                self.live(shard)
                last = history()[-1].received_us
                while shard.wake(last, 1_000):
                    pass
                self.commit(shard)
                self.check_indices(shard)
                return digests_of(shard)
            except Crash:
                self.crashes += 1
                self.crash_store(store, self.random)
            finally:
                store.close()

    def live(self, shard: Shard) -> None:
        """Apply, commit and save in some order until the end or a crash."""
        arrivals = history()
        while self.acknowledged < EVENTS:
            batch = arrivals[self.acknowledged : self.acknowledged + self.random.randint(1, 40)]
            results = shard.apply(batch, 0)
            assert all(result.error is None for result in results)
            if self.random.random() < 0.5:
                shard.wake(batch[-1].received_us, self.random.randint(1, 10))
            self.commit(shard)
            self.acknowledge(shard, results)
            for _ in range(self.random.randint(0, 3)):
                shard.save(self.random.randint(1, 30))
                self.die(0.04)
            if shard.needs_flush and self.random.random() < 0.7:
                shard.store.flush()
                self.die(0.1)
                shard.flushed()

    def commit(self, shard: Shard) -> None:
        sealed = shard.seal()
        self.die(0.05)
        if sealed is not None:
            shard.store.write(sealed.batch, durable=True)
            self.die(0.05)
            shard.committed(sealed)

    def acknowledge(self, shard: Shard, results: list[Result]) -> None:
        assert all(result.position <= shard.durable for result in results)
        self.acknowledged += len(results)

    def die(self, chance: float) -> None:
        if self.random.random() < chance:
            raise Crash

    def check_indices(self, shard: Shard) -> None:
        """Every waiting subject is in the timers, every event is known as seen."""
        states = [known[0] for subject in shard.subjects() if (known := shard.read(subject))]
        waiting = [state.attributes["due"] for state in states if state.attributes.get("due")]
        assert shard.next_due_us() <= min(waiting) if waiting else shard.next_due_us() == 0
        assert all(result.duplicate for result in shard.apply(history()[-150:], 0))


def uninterrupted() -> Digests:
    """The digests of a run without faults."""
    run = Run(MemoryStore, lambda store, random: None, 0)
    run.die = lambda chance: None  # type: ignore[method-assign]
    digests = run.to_the_end()
    assert digests.counts[1] > 30
    return digests


EXPECTED = uninterrupted()


def test_memory_recovers_from_any_crash(seed: int) -> None:
    """In memory: after any crashes, with any prefix of the derived writes surviving per table, everything is as without them."""
    store = MemoryStore()

    def crash(dead: Store, random: Random) -> None:
        store.crash({table: random.choice([0, 0, 1, 2, 5, 1000]) for table in ("state", "seen", "timer")})

    run = Run(store.reopen, crash, seed)
    assert run.to_the_end() == EXPECTED


@pytest.fixture(scope="module")
def rocks_memory() -> Iterator[Memory]:
    yield Memory()


def _copied(folder: Path, to: Path) -> bool:
    """Copy the files of one moment: not if a background thread removed one meanwhile, for no crash leaves such a mixture."""
    try:
        shutil.copytree(folder, to, ignore=shutil.ignore_patterns("LOCK"))
    except shutil.Error:
        return False
    return True


def test_rocks_recovers_from_any_crash(seed: int, tmp_path: Path, rocks_memory: Memory) -> None:
    """On disk: the files as they are at any moment of death hold all that was acknowledged, and recover to the same."""
    place = [tmp_path / "0"]

    def crash(dead: Store, random: Random) -> None:
        found = tmp_path / str(len(place))
        while not _copied(place[-1], found):
            shutil.rmtree(found)
        place.append(found)

    run = Run(lambda: RocksStore(place[-1], rocks_memory), crash, seed)
    assert run.to_the_end() == EXPECTED


def test_timer_lost_apart_from_its_state_is_set_again() -> None:
    """A state that survived a crash whose timer did not is still woken, also after a further restart."""
    for lives in (0, 1, 2):
        store = MemoryStore()
        shard = open_shard(store)
        shard.apply([Arrival(subject_id(1), add(1), START_US)], 0)
        Run(store.reopen, lambda dead, random: None, 0).commit(shard)
        assert 2 == shard.save(10)
        store.crash({"state": 1})
        for _ in range(lives):
            shard = open_shard(store.reopen())
            while shard.save(10):
                pass
            store.flush()
            shard.flushed()
            sealed = shard.seal()
            if sealed is not None:
                store.write(sealed.batch, durable=True)
            store.crash()
        shard = open_shard(store)
        assert START_US + HOUR_US == shard.next_due_us()
        assert 1 == shard.wake(START_US + HOUR_US, 10)
        assert 2 == shard.position


def test_stored_wake_is_kept_by_an_event_that_leaves_it() -> None:
    """After a restart, an event that does not move a subject's wake-up does not make it forgotten."""
    store = MemoryStore()
    shard = open_shard(store)
    run = Run(store.reopen, lambda dead, random: None, 0)
    shard.apply([Arrival(subject_id(1), add(1), START_US)], 0)
    run.commit(shard)
    shard.save(10)
    store.flush()
    shard.flushed()
    run.commit(shard)
    shard = open_shard(store.crash())
    shard.apply([Arrival(subject_id(1), add(2, "toy.look"), START_US + 1)], 0)
    assert START_US + HOUR_US == shard.next_due_us()


class FullAt(MemoryStore):
    """A disk that is full at the k-th durable write of each life in which `full_at` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.full_at = 0

    def write(self, batch: Batch, *, durable: bool) -> None:
        if durable and self.full_at:
            self.full_at -= 1
            if self.full_at == 0:
                raise StoreFull("no space left")
        super().write(batch, durable=durable)


@pytest.mark.parametrize("write", range(2, 12))
def test_full_disk_loses_nothing(write: int) -> None:
    """When a write finds the disk full, what was acknowledged before is there after a restart, and the rest can be sent again."""
    store = FullAt()
    run = Run(store.reopen, lambda dead, random: None, write)
    run.die = lambda chance: None  # type: ignore[method-assign]
    store.full_at = write
    with pytest.raises(StoreFull):
        run.to_the_end()
    assert run.acknowledged < EVENTS
    store.crash()
    known = sum(1 for result in open_shard(store.reopen()).apply(history(), 0) if result.duplicate)
    assert run.acknowledged == known
    store.crash()
    assert run.to_the_end() == EXPECTED


def logged(store: MemoryStore, program: str = "program", plan: str = "") -> None:
    """A store with ten logged and unsaved events."""
    shard = Shard(0, store, program, "test", advance=advance, plan=plan)
    shard.recover()
    shard.apply(history()[:10], 0)
    sealed = shard.seal()
    assert sealed is not None
    store.write(sealed.batch, durable=True)
    shard.committed(sealed)


def test_diverging_kernel_is_refused() -> None:
    """A kernel that decides otherwise than the log is refused, naming the record; as a warning it is accepted."""
    store = MemoryStore()
    logged(store)
    other = Shard(0, store, "another program", "test", advance=advance)
    with pytest.raises(KernelDiverged, match="start the release that wrote the log") as error:
        other.recover()
    assert (1, history()[0].subject) == (error.value.position, error.value.subject)
    warnings: list[KernelDiverged] = []
    assert Shard(0, store, "another program", "test", advance=advance).recover(warnings.append) == 10
    assert len(warnings) == 10


def test_log_is_advanced_under_the_plan_it_was_written_under() -> None:
    """After a change of plan the old records are advanced again under the old program, and a missing one is named."""
    store = MemoryStore()
    logged(store, "old program", "old")
    with pytest.raises(PlanMissing, match="'old'"):
        Shard(0, store, "new program", "test", advance=advance, plan="new").recover()
    shard = Shard(0, store, "new program", "test", advance=advance, plan="new", programs={"old": "old program"}.get)
    assert shard.recover() == 10
    shard.apply(history()[10:20], 0)
    sealed = shard.seal()
    assert sealed is not None
    assert ("new", {"new program"}) == (sealed.segment.plan, {d.version for ds in sealed.segment.decisions for d in ds})


def test_missing_log_is_noticed() -> None:
    """A log with a hole, or one that ends before the saved states, is refused."""
    store = MemoryStore()
    for _ in range(3):
        shard = open_shard(store)
        shard.apply(history()[shard.position : shard.position + 10], 0)
        sealed = shard.seal()
        assert sealed is not None
        store.write(sealed.batch, durable=True)
    middle = [key for key, _ in store.scan("log")][1]
    batch = Batch()
    batch.delete("log", middle)
    store.write(batch, durable=True)
    with pytest.raises(LogBroken, match="position 11"):
        open_shard(store)
