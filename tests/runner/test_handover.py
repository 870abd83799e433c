"""Handing over: beside each other where providers are slow, one after the other where they are quick, never for ever."""

import asyncio
from collections.abc import Callable, Coroutine

from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.ratelimit import RateLimit
from pilotage.runner.channel_queue import ChannelQueue
from pilotage.runner.handover import HandOver, HandOvers
from pilotage.runner.outbox import first_row
from tests.runner.dispatch_world import make, run

HANG = -1
QUICK = 0


class Provider:
    """A channel whose calls take as many turns of the event loop as told by the recipient's number."""

    name = "mail"
    idempotent = False
    parts_required: frozenset[str] = frozenset()
    parts_allowed: frozenset[str] = frozenset()

    def __init__(self, turns: list[int]) -> None:
        self.turns = turns
        self.tasks: set[asyncio.Task[object] | None] = set()
        self.given_up: list[str] = []

    async def send(self, message: Message) -> Receipt:
        self.tasks.add(asyncio.current_task())
        turns = self.turns[int(message.recipient)]
        try:
            if turns == HANG:
                await asyncio.Event().wait()
            for _ in range(turns):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.given_up.append(message.recipient)
            raise
        return Receipt(Fate.SENT, provider_id=message.recipient)

    async def close(self) -> None:
        pass


class Calls:
    """Hand-overs to a provider, and what they came to."""

    def __init__(self, provider: Provider, timeout_s: float) -> None:
        self.receipts: dict[bytes, Receipt] = {}
        self.seconds: dict[bytes, float] = {}
        self.group: set[asyncio.Task[None]] = set()
        self.spawned = 0
        self.queue = ChannelQueue("mail", RateLimit(), 10)
        self.hands = HandOvers({"mail": provider}, timeout_s, self.spawn, self.ended)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.group.add(task)
        self.spawned += 1
        task.add_done_callback(self.group.discard)

    def ended(self, call: HandOver, receipt: Receipt, seconds: float) -> None:
        assert call.effect not in self.hands
        assert call.effect not in self.receipts
        self.receipts[call.effect] = receipt
        self.seconds[call.effect] = seconds

    def begin(self, number: int) -> None:
        row = first_row(make(number))
        self.hands.begin(self.queue, row, Message(row.action.effect.hex(), str(number), {}, {}, 1, "", "", "", ""))
        assert row.action.effect in self.hands

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0)

    def fates(self, count: int) -> list[Fate]:
        return [self.receipts[make(number).effect].fate for number in range(count)]


def test_quick_messages_share_a_task() -> None:
    """A channel that answers at once costs two tasks for a hundred messages and not a hundred."""

    async def story() -> None:
        provider = Provider([QUICK] * 100)
        calls = Calls(provider, 60.0)
        for number in range(100):
            calls.begin(number)
        await calls.until(lambda: not calls.group)
        assert [Fate.SENT] * 100 == calls.fates(100)
        assert (1, 2) == (len(provider.tasks), calls.spawned)

    run(story())


def test_slow_messages_run_beside_each_other() -> None:
    """A message that waits for its provider holds up no other: all are with the provider at once."""

    async def story() -> None:
        provider = Provider([HANG] * 20)
        calls = Calls(provider, 60.0)
        for number in range(20):
            calls.begin(number)
        await calls.until(lambda: len(provider.tasks) == 20)
        for task in calls.group:
            task.cancel()
        await calls.until(lambda: not calls.group)
        assert {} == calls.receipts

    run(story())


def test_each_call_that_hangs_is_given_up_at_its_own_time() -> None:
    """A provider that never answers makes a fate unknown when the time is over, counted from that call's beginning."""

    async def story() -> None:
        timeout_s = 0.08
        provider = Provider([HANG, QUICK, HANG])
        calls = Calls(provider, timeout_s)
        calls.begin(0)
        calls.begin(1)
        await asyncio.sleep(timeout_s / 2)
        calls.begin(2)
        assert {make(1).effect} == set(calls.receipts)
        await calls.until(lambda: not calls.group)
        assert [Fate.UNKNOWN, Fate.SENT, Fate.UNKNOWN] == calls.fates(3)
        assert "no answer within 0.08 s" == calls.receipts[make(0).effect].reason
        assert ["0", "2"] == provider.given_up
        assert all(timeout_s * 0.9 <= calls.seconds[make(number).effect] for number in (0, 2))

    run(story())


def test_a_call_after_a_given_up_one_is_bounded_too() -> None:
    """When the last timer has gone off and nothing was left to watch, the next call is watched again."""

    async def story() -> None:
        calls = Calls(Provider([HANG, HANG]), 0.01)
        for number in range(2):
            calls.begin(number)
            await calls.until(lambda: not calls.group)
        assert [Fate.UNKNOWN, Fate.UNKNOWN] == calls.fates(2)

    run(story())


class Stubborn(Provider):
    """A provider whose client does not let itself be interrupted."""

    async def send(self, message: Message) -> Receipt:
        try:
            return await super().send(message)
        except asyncio.CancelledError:
            return Receipt(Fate.SENT, provider_id="after all")


def test_an_answer_that_comes_after_all_counts() -> None:
    """A client that answers when it is interrupted is believed, and its task goes on to the next message unharmed."""

    async def story() -> None:
        calls = Calls(Stubborn([HANG, 3]), 0.01)
        calls.begin(0)
        await calls.until(lambda: bool(calls.receipts))
        calls.begin(1)
        await calls.until(lambda: not calls.group)
        assert [Fate.SENT, Fate.SENT] == calls.fates(2)

    run(story())


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([QUICK, 1, 2, 5]), max_size=6), max_size=8))
def test_every_message_gets_one_receipt(bursts: list[list[int]]) -> None:
    """However quick and slow messages come, each is handed over once and its own receipt told."""

    async def story() -> None:
        provider = Provider([turns for burst in bursts for turns in burst])
        calls = Calls(provider, 60.0)
        begun = 0
        for burst in bursts:
            for _ in burst:
                calls.begin(begun)
                begun += 1
            await asyncio.sleep(0)
        await calls.until(lambda: not calls.group)
        assert [str(number) for number in range(begun)] == [calls.receipts[make(number).effect].provider_id for number in range(begun)]

    run(story())
