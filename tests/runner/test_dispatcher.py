"""The dispatcher: once, in time, allowed, and never without a receipt."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.ratelimit import RateLimit
from pilotage.decision.eligibility import ALLOWED, Later, Refused, Verdict
from pilotage.event.digest import key128
from pilotage.event.time import HOUR_US, SECOND_US
from pilotage.journey.outcome import Action
from pilotage.runner import outbox
from pilotage.runner.allow import AllowList
from pilotage.runner.dispatcher import DispatchLimits
from pilotage.runner.outbox import CANCEL, Status, decode_row, split_key
from pilotage.source.sink import Overloaded
from tests.runner.dispatch_world import START_US, Scripted, World, make, run


def test_a_message_is_claimed_then_sent_then_told() -> None:
    """The claim is on disk when the provider is called; the receipt names the effect; then the row is let go."""

    async def story() -> None:
        world = World(Scripted())
        world.channel.gate.clear()
        world.decide(make())
        await world.channel.called.wait()
        assert ["claimed"] == world.statuses()
        world.channel.gate.set()
        await world.until(lambda: len(world.receipts) == 1)
        await world.settled()
        assert {} == world.disk
        event = world.receipts[f"receipt:{make().effect.hex()}:sent"]
        expected = {"effect": make().effect.hex(), "channel": "mail", "provider_id": "p1"}
        expected |= {"purpose": "marketing.cart", "journey": "growth.cart"}
        assert ("message.sent", "pilotage", expected) == (event.type, event.source, json.loads(event.data))

    run(story())


def test_many_claims_share_a_commit() -> None:
    """A thousand due messages need a few commits, not thousands, and each leaves once."""

    async def story() -> None:
        world = World(Scripted())
        world.rates = {"mail": RateLimit(concurrency=250)}
        world.dispatcher = world._make()
        claims: list[int] = []
        world.decide(*(make(number) for number in range(1_000)))
        await world.until(lambda: len(world.receipts) == 1_000)
        claims.append(world.commits)
        await world.settled()
        assert 1_000 == len({message.idempotency_key for message in world.channel.sent}) == len(world.channel.sent)
        assert world.channel.most_at_once <= 250
        assert {} == world.disk

    run(story())


@pytest.mark.parametrize(
    ("changes", "verdict", "fate", "reason"),
    [
        ({"expires_us": START_US + 1, "not_before_us": START_US - 1}, ALLOWED, "", ""),
        ({"expires_us": START_US, "not_before_us": START_US - 1}, ALLOWED, "message.expired", "expired before it could leave"),
        ({}, Refused("consent", "consent revoked"), "message.refused", "consent revoked"),
        ({"recipient": "someone@else.example"}, ALLOWED, "message.refused", "not on the allow list of a non-production environment"),
        ({"target": "sms"}, ALLOWED, "message.failed", "channel 'sms' is not bound in this environment; bound are: mail, webhook"),
        ({"kind": "call", "target": "desk"}, ALLOWED, "call.failed", "refused: not on the allow list of a non-production environment"),
    ],
)
def test_every_check_is_repeated_before_leaving(changes: dict[str, object], verdict: Verdict, fate: str, reason: str) -> None:
    """Expiry, consent, the allow list outside production and the channel are checked at the moment of leaving; a refusal is a receipt."""

    async def story() -> None:
        patterns = ("*@test.example", "sms:*")
        world = World(Scripted(), recheck=lambda action, now_us: verdict, allow=AllowList(patterns=patterns))
        world.decide(msgspec.structs.replace(make(), **changes))
        await world.until(lambda: bool(world.receipts))
        await world.settled()
        event = next(iter(world.receipts.values()))
        assert (fate or "message.sent") == event.type
        assert (1 if not fate else 0) == len(world.channel.sent)
        assert not fate or reason == json.loads(event.data)["reason"]

    run(story())


def test_quiet_hours_hold_a_message_until_they_end() -> None:
    """A message that may not leave now leaves when it may, and not before; nobody polls in between."""

    async def story() -> None:
        until_us = START_US + HOUR_US
        looks: list[int] = []

        def recheck(action: Action, now_us: int) -> Verdict:
            looks.append(now_us)
            return ALLOWED if now_us >= until_us else Later(until_us, "quiet_hours:night", "quiet hours night")

        world = World(Scripted(), recheck=recheck)
        world.decide(make())
        await world.until(lambda: world.commits == 1)
        assert (["pending"], []) == (world.statuses(), world.channel.sent)
        world.clock.set(until_us)
        await world.until(lambda: bool(world.receipts))
        assert [START_US, until_us] == looks
        await world.settled()

    run(story())


def test_a_kill_switch_holds_and_lets_go() -> None:
    """While a switch is on nothing of the channel leaves; lifted, everything does; what expires meanwhile says so."""

    async def story() -> None:
        paused = {"growth.cart"}
        world = World(Scripted(), paused=lambda action: "journey paused" if action.journey in paused else "")
        world.decide(make(1), make(2, expires_us=START_US + HOUR_US), make(3, journey="service.x"))
        await world.until(lambda: world.fates() == ["message.sent"])
        world.clock.advance(HOUR_US)
        await world.until(lambda: world.fates() == ["message.expired", "message.sent"])
        paused.clear()
        world.dispatcher.switches_changed()
        await world.until(lambda: world.fates() == ["message.expired", "message.sent", "message.sent"])
        await world.settled()

    run(story())


def test_retries_back_off_and_end_as_dead_letters() -> None:
    """A provider that says later is asked again after that, at most so often; then the message is listed, to be re-driven."""

    async def story() -> None:
        busy = Receipt(Fate.RETRY, reason="HTTP 429 for p0@test.example", retry_after_s=30)
        world = World(Scripted(busy, busy, busy))
        world.decide(make())
        for attempt in (1, 2):
            await world.until(lambda n=attempt: world.attempted(n))  # type: ignore[misc]  # the attempt is bound now
            next_us = decode_row(next(iter(world.disk.values()))).next_us
            assert 30 <= (next_us - world.clock.now_us()) / SECOND_US <= 30 + 2 * 2 ** (attempt - 1)
            world.clock.set(next_us)
        await world.until(lambda: world.fates() == ["message.failed"])
        assert [1, 2, 3] == [message.attempt for message in world.channel.sent]
        reason = json.loads(next(iter(world.receipts.values())).data)["reason"]
        assert "HTTP 429 for the recipient, after 3 attempts" == reason
        await world.until(lambda: all(decode_row(value).receipted for value in world.disk.values()))
        dead = await world.dispatcher.rows(frozenset({Status.FAILED}))
        assert 1 == await world.dispatcher.redrive(dead)
        await world.until(lambda: world.fates() == ["message.failed", "message.sent"])
        assert 1 == len({message.idempotency_key for message in world.channel.sent})
        await world.settled()
        assert {} == world.disk

    run(story())


@pytest.mark.parametrize(
    ("action", "fates", "calls", "kept"),
    [
        (make(), ["message.unknown"], 1, ["unknown"]),
        (make(purpose="service.payment"), ["message.sent"], 2, []),
        (make(kind="call", target="desk", purpose=""), ["call.failed"], 1, ["unknown"]),
    ],
)
@pytest.mark.parametrize("how", ["crash", "lost"])
def test_an_unknown_fate_is_repeated_only_for_service(action: Action, fates: list[str], calls: int, kept: list[str], how: str) -> None:
    """When nobody knows whether it left, a marketing message is not repeated but listed; a service message is, with its key."""

    async def story() -> None:
        world = World(Scripted(Receipt(Fate.UNKNOWN, reason="lost")) if how == "lost" else Scripted())
        if how == "crash":
            world.channel.gate.clear()
        world.decide(action)
        await world.channel.called.wait()
        if how == "crash":
            await world.restart()
            world.channel.gate.set()
        await world.until(lambda: bool(world.receipts) or "pending" in world.statuses())
        world.clock.advance(HOUR_US)
        await world.until(lambda: world.fates() == fates)
        await world.settled()
        assert calls == len(world.channel.sent)
        assert 1 == len({message.idempotency_key for message in world.channel.sent})
        assert kept == world.statuses()

    run(story())


def test_a_crash_after_the_outcome_repeats_the_receipt_and_not_the_message() -> None:
    """A receipt that was not stored is submitted again after a restart, with the same id; the message is not."""

    async def story() -> None:
        world = World(Scripted())
        world.refusals = [ConnectionError("engine gone")]
        world.decide(make())
        await world.dispatcher.stopped.wait()
        assert isinstance(world.dispatcher.fault, ConnectionError)
        assert ["sent"] == world.statuses()
        await world.restart()
        await world.until(lambda: world.fates() == ["message.sent"])
        await world.settled()
        assert (1, {}) == (len(world.channel.sent), world.disk)

    run(story())


def test_an_overloaded_engine_delays_receipts_and_loses_none() -> None:
    """A receipt that the intake refuses for the moment is submitted until it is taken."""

    async def story() -> None:
        world = World(Scripted())
        world.refusals = [Overloaded(0.001), Overloaded(0.001)]
        world.decide(make())
        await world.until(lambda: world.fates() == ["message.sent"])
        await world.settled()

    run(story())


def test_a_slow_claim_is_made_anew() -> None:
    """A claim whose commit took longer than half a second is committed again before the call."""

    async def story() -> None:
        world = World(Scripted())
        world.limits = DispatchLimits(claim_to_call_s=0.0)
        world.dispatcher = world._make()
        world.decide(make())
        await world.until(lambda: bool(world.receipts))
        await world.settled()
        assert 1 == world.meter.counts["reclaimed", "mail"]

    run(story())


def test_a_fault_of_a_channel_is_that_messages_fate() -> None:
    """A channel that breaks does not stop the dispatcher: the message's fate is unknown, the next one leaves."""

    async def story() -> None:
        world = World(Scripted(ZeroDivisionError("bug")))
        world.decide(make(1))
        await world.until(lambda: world.fates() == ["message.unknown"])
        world.decide(make(2))
        await world.until(lambda: world.fates() == ["message.sent", "message.unknown"])
        await world.settled()

    run(story())


def test_a_full_disk_stops_the_dispatcher_before_anything_leaves() -> None:
    """A claim that cannot be made durable is not acted upon; the dispatcher stops and names the cause."""

    async def story() -> None:
        world = World(Scripted())

        async def full() -> None:
            raise OSError("no space left")

        world.before_commit = full
        world.decide(make())
        await world.dispatcher.stopped.wait()
        assert isinstance(world.dispatcher.fault, OSError)
        assert ([], ["pending"]) == (world.channel.sent, world.statuses())

    run(story())


def test_what_is_added_while_resuming_is_not_taken_for_an_orphan() -> None:
    """An action that is decided while the disk is still being read leaves once, when it has been read."""

    async def story() -> None:
        may_read = asyncio.Event()

        async def slow_page(after: bytes, limit: int) -> Sequence[tuple[bytes, bytes]]:
            await may_read.wait()
            return await world.page(after, limit)

        world = World(Scripted(), page=slow_page)
        world.channel.gate.clear()
        resuming = asyncio.ensure_future(world.dispatcher.resume())
        for _ in range(20):
            await asyncio.sleep(0)
        world.decide(make())
        for _ in range(20):
            await asyncio.sleep(0)
        may_read.set()
        await resuming
        world.channel.gate.set()
        await world.until(lambda: bool(world.receipts))
        await world.settled()
        assert (["message.sent"], 1) == (world.fates(), len(world.channel.sent))

    run(story())


class Moody(Scripted):
    """Answers by a hash of key and attempt: sent, busy, refused or lost; `handed` keeps what may have left, by key."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: Counter[str] = Counter()

    async def send(self, message: Message) -> Receipt:
        mood = key128(message.idempotency_key, message.attempt)[0] % 8
        await asyncio.sleep(0)
        if mood < 2:
            return Receipt(Fate.RETRY, reason="busy")
        self.handed[message.idempotency_key] += 1
        for _ in range(mood):
            await asyncio.sleep(0)
        return Receipt((Fate.UNKNOWN, Fate.FAILED)[mood - 2] if mood < 4 else Fate.SENT, reason="moody")


class Ledger:
    """What the kernel keeps of reservations: each is pending until a receipt says what became of its action."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self.pending = {action.effect.hex() for action in actions}

    def take(self, world: World) -> "Ledger":
        for event in world.receipts.values():
            self.pending.discard(json.loads(event.data)["effect"])
        return self


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.sets(st.integers(0, 29), max_size=8), st.booleans()), max_size=8),
    st.integers(3, 40),
)
def test_no_cancellation_leaves_a_reservation_behind(turns: list[tuple[int, set[int], bool]], rows_in_memory: int) -> None:
    """However cancellations, claims and crashes interleave, every action gets one fate, and one that was cancelled before
    its claim never leaves."""

    async def story() -> None:
        world = World(Moody())
        assert isinstance(world.channel, Moody)
        world.limits = DispatchLimits(rows_in_memory=rows_in_memory, page_rows=5)
        world.rates = {"mail": RateLimit(concurrency=4)}
        world.dispatcher = world._make()
        actions = [make(number, not_before_us=START_US + (number % 5) * SECOND_US) for number in range(30)]
        ledger = Ledger(actions)
        world.decide(*actions)
        unclaimed: set[str] = set()
        for steps, revoked, crash in turns:
            for _ in range(steps):
                await asyncio.sleep(0)
            rows = {index: world.disk.get(outbox.action_key(actions[index].subject, actions[index].effect)) for index in revoked}
            unclaimed |= {actions[index].effect.hex() for index, row in rows.items() if row and decode_row(row).attempts == 0}
            world.revoke(*(actions[index] for index in sorted(revoked)))
            if crash:
                await world.restart()
            world.clock.advance(SECOND_US)
        for _ in range(12):
            for _ in range(200):
                await asyncio.sleep(0)
            world.clock.advance(HOUR_US)
        await world.until(lambda: not ledger.take(world).pending)
        await world.settled()
        assert len(actions) == len(world.receipts)
        assert set() == unclaimed & set(world.channel.handed)
        assert set() == {split_key(key)[2] for key in world.disk if split_key(key)[0] == CANCEL}
        assert {"failed", "unknown", "sent"} >= set(world.statuses())

    run(story())


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=8), st.sets(st.integers(0, 29)), st.integers(3, 40))
def test_no_crash_loses_an_action_or_repeats_marketing(crashes: list[int], revoked: set[int], rows_in_memory: int) -> None:
    """Killed at any moments, each action ends with one fate told, and no marketing message is handed over twice."""

    async def story() -> None:
        world = World(Moody())
        assert isinstance(world.channel, Moody)
        world.limits = DispatchLimits(rows_in_memory=rows_in_memory, page_rows=5)
        world.rates = {"mail": RateLimit(concurrency=4)}
        world.dispatcher = world._make()
        purposes = ("marketing.cart", "service.payment")
        actions = [make(number, purpose=purposes[number % 2], not_before_us=START_US - number) for number in range(30)]
        world.decide(*actions)
        for number, steps in enumerate(crashes):
            if number == 1:
                world.revoke(*(actions[index] for index in revoked))
            for _ in range(steps):
                await asyncio.sleep(0)
            await world.restart()
            world.clock.advance(SECOND_US)

        def told() -> set[str]:
            return {json.loads(event.data)["effect"] for event in world.receipts.values()}

        for _ in range(12):
            for _ in range(200):
                await asyncio.sleep(0)
            world.clock.advance(HOUR_US)
        await world.until(lambda: {action.effect.hex() for action in actions} <= told())
        await world.settled()
        assert len(told()) == len(world.receipts)
        marketing = {action.effect.hex() for action in actions if action.purpose == "marketing.cart"}
        assert {} == {key: times for key, times in world.channel.handed.items() if key in marketing and times > 1}
        assert {"failed", "unknown", "sent"} >= set(world.statuses())
        assert all(decode_row(value).receipted for key, value in world.disk.items() if split_key(key)[0] != CANCEL)

    run(story())
