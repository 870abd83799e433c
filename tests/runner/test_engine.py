"""The engine: group commit, acknowledgement after sync, timers without polling, backpressure, a clear stop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pilotage.event.time import HOUR_US
from pilotage.runner.clock import VirtualClock
from pilotage.runner.engine import Engine
from pilotage.runner.memory import MemoryStore
from pilotage.runner.outbox import ActionRow, decode_row, pending_row
from pilotage.runner.pace import EngineLimits
from pilotage.runner.rocks import RocksStore
from pilotage.runner.store import Batch, Store, StoreFull
from pilotage.source.sink import Overloaded, Unavailable
from tests.runner.rig import arrivals, digests, memory_stores, open_shards, results_of, routed, small_limits
from tests.runner.toy_kernel import START_US, add, subject_id


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in a loop of its own; half a minute is far more than any needs."""
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


class SlowStore(MemoryStore):
    """A store whose durable writes wait until they are let through, and can be told to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()
        self.full = False

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Wait, fail, or write."""
        if durable:
            self.open.wait(10)
            if self.full:
                raise StoreFull("no space left on the disk")
        super().write(batch, durable=durable)


def test_an_acknowledged_event_is_in_the_log_of_its_store() -> None:
    """When a submission resolves, every event of it is found by opening the stores anew after a crash."""

    async def scenario() -> None:
        stores = memory_stores()
        engine = Engine(open_shards(stores), VirtualClock(START_US))
        engine.start()
        answers = await engine.submit(routed(arrivals(range(500))))
        assert 500 == results_of(answers)
        crashed = open_shards([store.crash() for store in stores])
        assert 500 == sum(shard.position for shard in crashed)
        await engine.stop()

    run(scenario)


def test_nothing_is_acknowledged_before_the_disk_says_so() -> None:
    """While a durable write is held up, the submission stays open, and what comes meanwhile goes into the next group."""

    async def scenario() -> None:
        stores = [SlowStore() for _ in range(8)]
        engine = Engine(open_shards(stores), VirtualClock(START_US))
        engine.start()
        for store in stores:
            store.open.clear()
        first = engine.submit(routed(arrivals(range(100))))
        await asyncio.sleep(0.02)
        second = engine.submit(routed(arrivals(range(100, 200))))
        await asyncio.sleep(0.02)
        assert (False, False) == (first.done(), second.done())
        for store in stores:
            store.open.set()
        assert (100, 100) == (results_of(await first), results_of(await second))
        await engine.stop()

    run(scenario)


def test_a_duplicate_is_acknowledged_no_earlier_than_its_original() -> None:
    """A repeated event that arrives while its original is being written waits for the same disk."""

    async def scenario() -> None:
        stores = [SlowStore() for _ in range(8)]
        engine = Engine(open_shards(stores), VirtualClock(START_US))
        engine.start()
        for store in stores:
            store.open.clear()
        original = engine.submit(routed(arrivals([1])))
        await asyncio.sleep(0.02)
        repeat = engine.submit(routed(arrivals([1])))
        await asyncio.sleep(0.02)
        assert not repeat.done()
        for store in stores:
            store.open.set()
        [[result]] = (await repeat).values()
        assert result.duplicate
        assert original.done()
        await engine.stop()

    run(scenario)


def test_a_full_disk_stops_the_engine_and_loses_nothing_acknowledged() -> None:
    """After `StoreFull` every open and later submission is `Unavailable`, and the stores hold all that was acknowledged."""

    async def scenario() -> None:
        stores = [SlowStore() for _ in range(8)]
        engine = Engine(open_shards(stores), VirtualClock(START_US))
        engine.start()
        await engine.submit(routed(arrivals(range(100))))
        stores[3].full = True
        with pytest.raises(Unavailable, match="no space left"):
            await engine.submit(routed(arrivals(range(100, 200))))
        await engine.closed
        assert isinstance(engine.failure, StoreFull)
        with pytest.raises(Unavailable):
            await engine.submit(routed(arrivals(range(200, 210))))
        with pytest.raises(Unavailable):
            await engine.commit_rows([(b"\0\0key", b"value")])
        await engine.stop()
        again = open_shards([store.crash() for store in stores])
        known = {told.record.event.id for shard in again for s in shard.subjects() for told in shard.story(s) if told.record.event}
        assert {f"e{number}" for number in range(100)} <= known

    run(scenario)


def test_a_full_queue_refuses_with_a_time_to_wait() -> None:
    """Beyond its bounds the queue answers `Overloaded` with a positive wait; the system's own events are still taken."""

    async def scenario() -> None:
        stores = [SlowStore() for _ in range(8)]
        limits = EngineLimits(queue_events=100, chunk_events=10, commit_events=10)
        engine = Engine(open_shards(stores), VirtualClock(START_US), limits)
        engine.start()
        for store in stores:
            store.open.clear()
        taken = [engine.submit(routed(arrivals(range(100))))]
        with pytest.raises(Overloaded) as refused:
            engine.submit(routed(arrivals([100])))
        assert 0 < refused.value.retry_after_s <= 30
        own = asyncio.ensure_future(engine.submit_told([(subject_id(1), add(101))]))
        for store in stores:
            store.open.set()
        assert 100 == results_of(await taken[0])
        assert [False] == [result.duplicate for result in await own]
        await engine.stop()

    run(scenario)


@pytest.mark.parametrize(("most", "groups"), [(5_000, 1), (250, 4), (1, 10)])
def test_a_backlog_is_written_in_groups_as_large_as_the_bound(most: int, groups: int) -> None:
    """What waits to be advanced goes into the group at hand until it has as many events as a group may have; all of it is answered,
    also where another program takes over meanwhile."""

    async def scenario() -> None:
        limits = EngineLimits(chunk_least=100, chunk_events=100, commit_events=most, group_target_s=60.0)
        engine = Engine(open_shards(memory_stores()), VirtualClock(START_US), limits)
        sizes: list[int] = []
        engine.on_commit = lambda events, took_s: sizes.append(events)
        waiting = [engine.submit(routed(arrivals(range(first, first + 100)))) for first in range(0, 1_000, 100)]
        engine.start()
        assert 1_000 == sum([results_of(await each) for each in waiting])
        assert (groups, 1_000) == (len(sizes), sum(sizes))
        waiting = [engine.submit(routed(arrivals(range(first, first + 100)))) for first in range(1_000, 2_000, 100)]
        await engine.adopt("another", "another")
        assert 1_000 == sum([results_of(await each) for each in waiting])
        await engine.stop()

    run(scenario)


def test_due_subjects_are_settled_when_the_clock_reaches_them() -> None:
    """Moving the clock to the due instant wakes every waiting subject without any event, and their actions are handed out."""

    async def scenario() -> None:
        clock = VirtualClock(START_US)
        engine = Engine(open_shards(memory_stores()), clock)
        woken = asyncio.Event()
        sent: list[bytes] = []

        def listen(_: int, sealed: Any) -> None:
            sent.extend(action.subject for action in sealed.actions)
            if len(sent) == 300:
                woken.set()

        engine.listen(listen)
        engine.start()
        await engine.submit(routed(arrivals(range(300), subjects=300)))
        clock.advance(HOUR_US - 1)
        await asyncio.sleep(0)
        assert [] == sent
        clock.advance(1)
        await woken.wait()
        assert {subject_id(number) for number in range(300)} == set(sent)
        await engine.stop()

    run(scenario)


def test_live_events_are_not_starved_by_many_due_at_once() -> None:
    """While ten thousand subjects are due, a live event is acknowledged long before the last of them is settled."""

    async def scenario() -> None:
        clock = VirtualClock(START_US)
        engine = Engine(open_shards(memory_stores()), clock)
        settled = 0

        def listen(_: int, sealed: Any) -> None:
            nonlocal settled
            settled += len(sealed.actions)

        engine.listen(listen)
        engine.start()
        await engine.submit(routed(arrivals(range(10_000), subjects=10_000)))
        clock.advance(HOUR_US)
        await engine.submit(routed(arrivals([20_001])))
        assert settled < 5_000
        await engine.stop()

    run(scenario)


def test_rows_are_written_with_the_next_group_and_are_durable_then() -> None:
    """`commit_rows` returns when the row is in the store of the shard that its partition names."""

    async def scenario() -> None:
        stores = memory_stores()
        clock = VirtualClock(START_US)
        engine = Engine(open_shards(stores), clock)
        sealed_actions: list[Any] = []
        engine.listen(lambda _, sealed: sealed_actions.extend(sealed.actions))
        engine.start()
        await engine.submit(routed(arrivals([1])))
        clock.advance(HOUR_US)
        while not sealed_actions:
            await asyncio.sleep(0)
        [action] = sealed_actions
        key, value = pending_row(action)
        await engine.commit_rows([(key, None)])
        assert [] == [row for store in stores for row in store.scan("action")]
        await engine.commit_rows([(key, value)])
        assert [ActionRow(action=action, next_us=action.not_before_us)] == [decode_row(v) for s in stores for _, v in s.scan("action")]
        await engine.stop()

    run(scenario)


def outcome(stores: list[Store], group: int, **options: Any) -> Any:
    """The digests after eight hundred events submitted in groups of a size, and the wake-ups after them."""

    async def scenario() -> Any:
        clock = VirtualClock(START_US)
        shards = open_shards(stores, limits=small_limits(), **options)
        engine = Engine(shards, clock)
        engine.start()
        everything = arrivals(range(800), subjects=120, kind=lambda number: "toy.stop" if number % 7 == 0 else "toy.add")
        for first in range(0, len(everything), group):
            await engine.submit(routed(everything[first : first + group]))
        clock.advance(HOUR_US)
        await engine.submit(routed(arrivals([9_999])))
        while any(0 < shard.next_due_us() <= clock.now_us() for shard in shards):
            await asyncio.sleep(0)
        await engine.stop()
        return digests(shards)

    return asyncio.run(scenario())


@pytest.mark.parametrize("group", [1, 7, 5_000])
def test_any_group_size_and_store_comes_out_the_same(group: int, tmp_path: Path) -> None:
    """Groups of 1, 7 and 5,000 events, in memory and on disk, give one and the same digests."""
    rocks: list[Store] = [RocksStore(tmp_path / str(number)) for number in range(8)]
    reference = outcome(list(memory_stores()), 100)
    assert reference == outcome(list(memory_stores()), group)
    assert reference == outcome(rocks, group)


def test_a_clean_stop_leaves_nothing_to_advance_again() -> None:
    """After `stop`, opening the stores anew advances no record."""

    async def scenario() -> None:
        stores = memory_stores()
        engine = Engine(open_shards(stores), VirtualClock(START_US))
        engine.start()
        await engine.submit(routed(arrivals(range(1_000))))
        await engine.stop()
        again = [shard.lag for shard in open_shards([store.crash() for store in stores])]
        assert [0] * 8 == again

    run(scenario)


def test_another_program_takes_over_between_two_groups() -> None:
    """After `adopt`, new decisions name the new program, and the log says which plan each segment was decided under."""

    async def scenario() -> None:
        shards = open_shards(memory_stores(), plan="one")
        engine = Engine(shards, VirtualClock(START_US))
        engine.start()
        await engine.submit(routed(arrivals([1])))
        await engine.adopt("another", "two")
        await engine.submit(routed(arrivals([51])))
        told = [told for shard in shards for told in shard.story(subject_id(1))]
        assert ["another", "program"] == [each.decisions[0].version for each in told]
        await engine.stop()

    run(scenario)
