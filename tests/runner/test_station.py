"""A station: engine and dispatcher together, from an event to a receipt in the subject's story, across restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.decision.eligibility import ALLOWED
from pilotage.event.time import HOUR_US
from pilotage.runner.allow import AllowList
from pilotage.runner.clock import VirtualClock
from pilotage.runner.delivery import Ports
from pilotage.runner.dispatcher import Dispatcher
from pilotage.runner.memory import MemoryStore
from pilotage.runner.outbox import Status
from pilotage.runner.question import ListActions, PutRows, ReadActions, ReadRows, ReadStory, ReadTelemetry, Redrive, SwitchesChanged
from pilotage.runner.station import Equipment, Station, open_station
from pilotage.runner.switches import Switch, Switches
from pilotage.runner.telemetry import samples
from pilotage.runner.ticket import shares
from tests.runner.rig import arrivals, memory_stores, routed, small_limits
from tests.runner.toy_kernel import START_US, advance, subject_id


class Pad:
    """A channel that writes down what it is given, and answers as it is told to."""

    name = "console"
    idempotent = False
    parts_required: frozenset[str] = frozenset()
    parts_allowed: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.fate = Fate.SENT

    async def send(self, message: Message) -> Receipt:
        """Write it down."""
        self.sent.append(message)
        return Receipt(self.fate, reason="" if self.fate is Fate.SENT else "told so")

    async def close(self) -> None:
        """Nothing to let go of."""


class Site:
    """A station over stores, a channel and a clock."""

    def __init__(self, stores: Sequence[MemoryStore] | None = None, now_us: int = START_US, pad: Pad | None = None) -> None:
        self.stores = list(stores or memory_stores())
        self.clock = VirtualClock(now_us)
        self.pad = pad or Pad()

    async def open(self) -> Station:
        """Recover and start."""
        equipment = Equipment("test", "", lambda plan: "program", advance, self.clock, self._dispatcher, shard_limits=small_limits())
        self.station = await open_station(dict(enumerate(self.stores)), equipment)
        await self.station.start()
        return self.station

    def _dispatcher(self, station: Station) -> Dispatcher:
        ports = Ports(
            commit_rows=station.commit_rows,
            submit=station.submit_told,
            page=station.page,
            recheck=lambda action, now_us: ALLOWED,
            compose=lambda action, attempt, now_us: Message(action.effect.hex(), "", {}, {}, attempt, "", "toy", "write", "service.toy"),
            contact_class=lambda purpose: "service",
            paused=station.paused,
            channels={"console": self.pad},
            allow=AllowList(production=True),
        )
        return Dispatcher(ports, self.clock, meter=station.telemetry)


async def until(true: Callable[[], bool]) -> None:
    """Return as soon as something has come true; the scenario's time limit bounds the wait."""
    while not true():
        await asyncio.sleep(0.001)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in a loop of its own."""
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


def story(station: Station, number: int) -> list[str]:
    """The types of the events in a subject's story, oldest first; `wake` for wake-ups."""
    told = [told for shard in station.engine.shards.values() for told in shard.story(subject_id(number))]
    return [each.record.event.type if each.record.event else "wake" for each in reversed(told)]


def test_from_an_event_to_a_receipt_in_the_story() -> None:
    """An hour after its event each subject is written to once, and the receipt is the next thing in its story."""

    async def scenario() -> None:
        site = Site()
        station = await site.open()
        await station.submit(routed(arrivals(range(200), subjects=200)))
        site.clock.advance(HOUR_US)
        await until(lambda: all(len(story(station, number)) == 3 for number in range(200)))
        assert ["toy.add", "wake", "message.sent"] == story(station, 7)
        assert 200 == len({message.idempotency_key for message in site.pad.sent}) == len(site.pad.sent)
        counts = (await station.ask(ReadTelemetry())).counts
        assert {("toy", "write", "waited"): 200, ("toy", "write", "sent"): 200} == dict(samples(counts["decisions"]))
        assert {("console",): 200} == dict(samples(counts["dispatch_sent"]))
        await station.stop()

    run(scenario)


def test_what_was_decided_before_a_crash_is_sent_after_it_once() -> None:
    """Actions whose channel was switched off when the process died leave after the restart, each once."""

    async def scenario() -> None:
        site = Site()
        station = await site.open()
        await station.ask(SwitchesChanged(Switches((Switch("channel", "console"),))))
        await station.submit(routed(arrivals(range(50))))
        site.clock.advance(HOUR_US)
        await until(lambda: all(len(story(station, number)) == 2 for number in range(50)))
        assert [] == site.pad.sent
        again = Site([store.crash() for store in site.stores], START_US + HOUR_US, site.pad)
        restarted = await again.open()
        await until(lambda: all(len(story(restarted, number)) == 3 for number in range(50)))
        assert 50 == len({message.idempotency_key for message in site.pad.sent}) == len(site.pad.sent)
        await restarted.stop()
        await station.dispatcher.stop(0)  # type: ignore[union-attr]

    run(scenario)


def test_a_lifted_switch_lets_go_what_it_held() -> None:
    """While a journey is switched off nothing of it leaves; lifting the switch sends it."""

    async def scenario() -> None:
        site = Site()
        station = await site.open()
        assert 1 == await station.ask(SwitchesChanged(Switches((Switch("journey", "toy"),))))
        await station.submit(routed(arrivals([1])))
        site.clock.advance(HOUR_US)
        await until(lambda: story(station, 1) == ["toy.add", "wake"])
        await asyncio.sleep(0.01)
        assert [] == site.pad.sent
        await station.ask(SwitchesChanged())
        await until(lambda: story(station, 1) == ["toy.add", "wake", "message.sent"])
        await station.stop()

    run(scenario)


def test_dead_letters_are_listed_and_driven_again() -> None:
    """A message that failed for good is listed with its reason; re-driven with the channel mended it leaves."""

    async def scenario() -> None:
        site = Site()
        site.pad.fate = Fate.FAILED
        station = await site.open()
        await station.submit(routed(arrivals([1])))
        site.clock.advance(HOUR_US)
        await until(lambda: "message.failed" in story(station, 1))
        rows = []
        while not rows or not rows[0].receipted:
            rows = await station.ask(ListActions((Status.FAILED,)))
            await asyncio.sleep(0.001)
        assert ["told so"] == [row.reason for row in rows]
        assert rows == await station.ask(ReadActions(subject_id(1)))
        site.pad.fate = Fate.SENT
        assert 1 == await station.ask(Redrive(tuple(rows)))
        await until(lambda: "message.sent" in story(station, 1))
        assert 1 == len({message.idempotency_key for message in site.pad.sent})
        await station.stop()

    run(scenario)


def test_rows_put_are_read_back_in_key_order_over_all_shards() -> None:
    """Rows of the in-app inbox go to the shard of their partition and are read in order, forwards and backwards."""

    async def scenario() -> None:
        station = await Site().open()
        rows = tuple((number.to_bytes(2, "big") + b"key", b"value") for number in range(0, 1024, 100))
        assert 11 == await station.ask(PutRows("inbox", rows))
        assert list(rows) == await station.ask(ReadRows("inbox", b"", b"\xff"))
        assert list(rows[::-1][:3]) == await station.ask(ReadRows("inbox", b"", b"\xff", limit=3, reverse=True))
        assert [] == await station.ask(ReadStory(subject_id(1)))
        await station.stop()

    run(scenario)


def test_shards_are_shared_out_evenly() -> None:
    """Any number of workers owns all eight shards, each shard once, and no worker more than one more than another."""
    for workers in range(1, 12):
        parts = shares(workers)
        assert list(range(8)) == sorted(number for part in parts for number in part)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
