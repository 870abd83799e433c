"""What waits: bounded in memory, each channel for itself, the cancelled never."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.channel.ratelimit import RateLimit
from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US, SECOND_US
from pilotage.runner.dispatcher import DispatchLimits
from pilotage.runner.outbox import Status, cancel_row, decode_row, pending_row
from tests.journey.scenario import MINUTE, Subject
from tests.runner.dispatch_world import START_US, Scripted, World, make, run


def test_a_cancelled_message_never_leaves() -> None:
    """What was cancelled before its claim does not leave, also after a crash; what was already claimed is listed."""

    async def story() -> None:
        world = World(Scripted())
        world.channel.gate.clear()
        world.decide(make(1), make(2, not_before_us=START_US + HOUR_US))
        await world.channel.called.wait()
        world.revoke(make(1), make(2))
        assert [make(1).effect] == [row.action.effect for row in world.dispatcher.late]
        await world.crash()  # before anything was let go: rows and cancellations are still on disk
        world.channel.gate.set()
        world.disk.update([pending_row(make(3)), cancel_row(make(3).subject, make(3).effect)])
        await world.restart()
        world.clock.advance(2 * HOUR_US)
        await world.until(lambda: world.fates() == ["message.refused", "message.refused", "message.unknown"])
        await world.settled()
        assert [make(1).effect.hex()] == [message.idempotency_key for message in world.channel.sent]
        rows = [decode_row(value) for value in world.disk.values()]
        assert [(Status.UNKNOWN, True)] == [(row.status, row.late) for row in rows]

    run(story())


def test_a_cancellation_during_the_claim_is_in_time() -> None:
    """A message cancelled while its claim is being committed is not handed over."""

    async def story() -> None:
        world = World(Scripted())

        async def cancel_now() -> None:
            world.before_commit = None
            world.revoke(make())

        world.before_commit = cancel_now
        world.decide(make())
        await world.until(lambda: world.disk == {})
        await world.settled()
        assert ([], ["message.refused"]) == (world.channel.sent, world.fates())

    run(story())


@pytest.mark.parametrize(("changes", "fate"), [({}, "message.refused"), ({"kind": "call", "target": "desk", "purpose": ""}, "call.failed")])
def test_a_cancelled_action_is_told_before_its_row_goes(changes: dict[str, object], fate: str) -> None:
    """Whoever cancelled learns at once that it has not left; until that is durable, row and cancellation stay on disk."""

    async def story() -> None:
        world = World(Scripted())
        action = make(1, not_before_us=START_US + HOUR_US, **changes)
        world.refusals = [ConnectionError("engine gone")]
        world.decide(action)
        world.revoke(action)
        await world.dispatcher.stopped.wait()
        assert ({}, 2) == (world.receipts, len(world.disk))
        await world.restart()
        await world.until(lambda: world.disk == {})
        await world.settled()
        assert [(f"receipt:{action.effect.hex()}:cancelled", fate)] == [(event.id, event.type) for event in world.receipts.values()]
        assert "cancelled before it left" == json.loads(next(iter(world.receipts.values())).data)["reason"]

    run(story())


REMINDER = """
schema: 1
kind: journey
name: growth.recovery.cart
owner: {responsible: shop-team, accountable: head-of-crm}
purpose: marketing.cart
stage: growth
enter: {on: cart.added, reentry: always}
steps:
  - {id: remind, send: email, content: plain, recipient: email, expires: 2d, on_blocked: end, on_failure: end}
"""


def test_a_cancelled_message_gives_its_place_in_the_budgets_back() -> None:
    """After a consent is revoked and given again, messages that never left do not stand in the way of new ones."""

    async def story() -> None:
        subject = Subject(REMINDER).sign_up()

        async def submit(told: Sequence[tuple[bytes, Event]]) -> None:
            for _, event in told:
                subject.take(event)

        world = World(Scripted(), submit=submit)
        for number in range(5):  # the budget is two in seven days
            subject.event("cart.added", after=MINUTE, price=1)
            assert number + 1 == len(subject.actions)
            world.decide(subject.actions[-1])
            subject.consent(granted=False)
            world.revoke(subject.actions[-1])
            await world.until(lambda: world.disk == {})
            assert [] == subject.state.budget
            subject.consent()
        await world.settled()
        assert [action.effect for action in subject.actions] == subject.cancelled

    run(story())


def test_a_cancelled_row_that_is_only_on_disk_is_told_at_once() -> None:
    """A cancellation does not wait for the memory to have room: the row is looked up where it lies."""

    async def story() -> None:
        world = World(Scripted())
        world.limits = DispatchLimits(rows_in_memory=2, page_rows=5)
        world.dispatcher = world._make()
        actions = [make(number, not_before_us=START_US + HOUR_US + number) for number in range(9)]
        world.decide(*actions)
        world.revoke(actions[8])
        await world.until(lambda: len(world.disk) == 8)
        assert ["message.refused"] == world.fates()
        world.clock.advance(2 * HOUR_US)
        await world.until(lambda: world.disk == {})
        await world.settled()
        assert {action.effect.hex() for action in actions[:8]} == {message.idempotency_key for message in world.channel.sent}

    run(story())


def test_a_crash_while_a_claim_is_taken_back_leaves_one_fate() -> None:
    """A message cancelled during its claim is told as not having left, and as nothing else, also when told after a crash."""

    async def story() -> None:
        world = World(Scripted())
        commits = 0

        async def cancel_now() -> None:
            nonlocal commits
            commits += 1
            if commits == 1:
                world.revoke(make())
            elif commits == 2:
                world.refusals = [ConnectionError("engine gone")]

        world.before_commit = cancel_now
        world.decide(make())
        await world.dispatcher.stopped.wait()
        assert ["cancelled"] == world.statuses()
        await world.restart()
        await world.until(lambda: world.disk == {})
        await world.settled()
        assert ([], ["message.refused"]) == (world.channel.sent, world.fates())

    run(story())


def test_a_slow_channel_slows_only_its_own_queue() -> None:
    """A channel that does not answer fills its own slots; others go on, and its limit on calls at once holds."""

    async def story() -> None:
        slow, quick = Scripted(), Scripted()
        slow.gate.clear()
        world = World(quick, channels={"mail": quick, "slow": slow})
        world.rates = {"slow": RateLimit(concurrency=2)}
        world.dispatcher = world._make()
        world.decide(*(make(number, target="slow") for number in range(20)), *(make(100 + number) for number in range(20)))
        await world.until(lambda: len(world.receipts) == 20)
        assert 2 == len(slow.sent)
        slow.gate.set()
        await world.until(lambda: len(world.receipts) == 40)
        assert 2 == slow.most_at_once
        await world.settled()

    run(story())


def test_a_rate_limit_holds_per_second() -> None:
    """Ten a second means ten at once and then one each tenth of a second, without polling."""

    async def story() -> None:
        world = World(Scripted())
        world.rates = {"mail": RateLimit(per_s=10)}
        world.dispatcher = world._make()
        world.decide(*(make(number) for number in range(25)))
        await world.until(lambda: len(world.receipts) == 10)
        world.clock.advance(SECOND_US // 2 + 10)
        await world.until(lambda: len(world.receipts) == 15)
        world.clock.advance(SECOND_US + 10)
        await world.until(lambda: len(world.receipts) == 25)
        await world.settled()

    run(story())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.sets(st.integers(0, 59)), st.integers(2, 9))
def test_memory_is_bounded_and_nothing_is_forgotten(delays: list[int], revoked: set[int], rows_in_memory: int) -> None:
    """However many wait and whatever fits in memory, each leaves once, none before its time, the cancelled never."""

    async def story() -> None:
        world = World(Scripted())
        world.limits = DispatchLimits(rows_in_memory=rows_in_memory, page_rows=5)
        world.dispatcher = world._make()
        actions = [make(number, not_before_us=START_US + 1 + delay * SECOND_US) for number, delay in enumerate(delays)]
        world.decide(*actions)
        gone = [action for number, action in enumerate(actions) if number in revoked]
        world.revoke(*gone)
        for second in range(52):
            world.clock.set(START_US + 1 + second * SECOND_US)
            due = {action.effect for action in actions if action.not_before_us <= world.clock.now_us()} - {action.effect for action in gone}
            await world.until(lambda due=due: len(world.receipts) >= len(due) + len(gone))  # type: ignore[misc]  # bound now
            assert {effect.hex() for effect in due} == {message.idempotency_key for message in world.channel.sent}
            assert all(waiting <= rows_in_memory for waiting, _, _ in world.dispatcher.depth().values())
        assert len(actions) - len(gone) == len(world.channel.sent)
        await world.settled()
        await world.restart()
        await world.settled()
        assert ({}, 0) == (world.disk, world.repeats)
        assert Counter({"message.sent": len(actions) - len(gone), "message.refused": len(gone)}) == Counter(world.fates())

    run(story())


def test_a_long_backlog_is_read_once() -> None:
    """Draining many times what fits in memory reads each row from disk a few times, not once per filling."""

    async def story() -> None:
        read = 0

        async def counted(after: bytes, limit: int) -> Sequence[tuple[bytes, bytes]]:
            nonlocal read
            page = await world.page(after, limit)
            read += len(page)
            return page

        world = World(Scripted(), page=counted)
        world.limits = DispatchLimits(rows_in_memory=10, page_rows=5)
        world.dispatcher = world._make()
        world.decide(*(make(number) for number in range(400)))
        await world.until(lambda: len(world.receipts) == 400)
        await world.settled()
        assert 400 == len({message.idempotency_key for message in world.channel.sent}) == len(world.channel.sent)
        assert read < 4 * 400

    run(story())
