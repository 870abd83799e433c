"""What is past is kept as long as it says, and nothing that recovery or a recent story needs ever goes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pilotage.channel.channel import Fate, Receipt
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.profile.state import encode_state
from pilotage.runner.clock import VirtualClock
from pilotage.runner.engine import Engine
from pilotage.runner.memory import MemoryStore
from pilotage.runner.outbox import Status
from pilotage.runner.pace import EngineLimits
from pilotage.runner.retention import Retention
from pilotage.runner.shard import Shard
from tests.runner.dispatch_world import Scripted, World, make
from tests.runner.rig import arrivals, memory_stores, open_shards, routed, small_limits
from tests.runner.toy_kernel import START_US, subject_id

KEEPING = EngineLimits(retention_days=30, forget_every_s=0.0)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in a loop of its own."""
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


async def months(stores: Sequence[MemoryStore], limits: EngineLimits) -> list[Shard]:
    """The shards after 60 days with a hundred events each, ten subjects. Events come in ten parts a day, so that what is
    begun on one day, such as looking for old log, ends on that day or soon after."""
    clock = VirtualClock(START_US)
    shards = open_shards(stores, limits=small_limits())
    engine = Engine(shards, clock, limits)
    engine.start()
    for day in range(60):
        for first in range(day * 100, day * 100 + 100, 10):
            await engine.submit(routed(arrivals(range(first, first + 10), 10)))
        clock.set(START_US + (day + 1) * DAY_US)
    await engine.stop()
    return shards


def story_days(shards: Sequence[Shard]) -> set[int]:
    """The days on which there are records of any of the ten subjects, counted from the first."""
    told = (each for number in range(10) for shard in shards for each in shard.story(subject_id(number)))
    return {(each.record.received_us - START_US) // DAY_US for each in told}


def test_the_log_of_the_last_days_is_whole_and_what_is_older_goes() -> None:
    """After sixty days each subject's story has the last thirty, and not the first twenty-five."""

    async def scenario() -> None:
        days = story_days(await months(memory_stores(), KEEPING))
        assert set(range(30, 60)) <= days
        assert set() == days & set(range(25))

    run(scenario)


def test_a_log_cut_short_recovers_to_the_same_states() -> None:
    """A crash after old log went loses nothing: every state is as where all of it was kept."""

    async def scenario() -> None:
        cut, whole = memory_stores(), memory_stores()
        await months(cut, KEEPING)
        await months(whole, EngineLimits(retention_days=0, forget_every_s=0.0))
        states = []
        for stores in (cut, whole):
            shards = open_shards([store.crash() for store in stores], limits=small_limits())
            known = [shard.read(subject) for shard in shards for subject in shard.subjects()]
            states.append([encode_state(each[0]) for each in known if each is not None])
        assert states[1] == states[0]
        kept = [sum(len(list(store.scan("log"))) for store in stores) for stores in (cut, whole)]
        assert 0 < kept[0] < kept[1]

    run(scenario)


def test_dedupe_keys_of_days_past_go() -> None:
    """What is kept to recognise duplicates is that of today and of the day before."""

    async def scenario() -> None:
        stores = memory_stores()
        await months(stores, KEEPING)
        last = (START_US + 59 * DAY_US) // DAY_US
        days = {int.from_bytes(key[:2], "big") for store in stores for key, _ in store.scan("seen")}
        assert {last - 1, last} >= days > set()

    run(scenario)


def test_looking_for_old_log_waits_its_interval() -> None:
    """The first look is an interval after the start, each further one an interval after the one before; 0 days is never."""
    retention = Retention([], 30, 60.0)
    assert [False, False, True, False, True] == [retention.due(now_s) for now_s in (1.0, 60.0, 61.0, 62.0, 121.0)]
    assert not Retention([], 0, 0.0).due(1e9)


def test_a_dead_letter_is_listed_ninety_days() -> None:
    """Until somebody puts it back a dead letter stays listed, but not for ever."""

    async def scenario() -> None:
        world = World(Scripted(Receipt(Fate.FAILED, reason="no such mailbox")))
        world.decide(make(1))
        await world.until(lambda: len(world.receipts) == 1)
        listed = []
        for number, days in enumerate((1, 88, 2), start=2):
            world.clock.advance(days * DAY_US)
            now_us = world.clock.now_us()
            world.decide(make(number, not_before_us=now_us, expires_us=now_us + HOUR_US))
            await world.until(lambda number=number: len(world.receipts) == number)  # type: ignore[misc]  # bound now
            await asyncio.sleep(0.15)
            listed.append(len(await world.dispatcher.rows(frozenset({Status.FAILED}))))
        await world.settled()
        assert [1, 1, 0] == listed

    run(scenario)
