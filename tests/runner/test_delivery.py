"""What a receipt makes of an action."""

import pytest

from pilotage.channel.channel import Fate, Receipt
from pilotage.channel.kinds import Endpoint
from pilotage.channel.webhook import Webhook
from pilotage.runner import outbox
from pilotage.runner.delivery import Ports, settle
from pilotage.runner.outbox import Status
from tests.runner.dispatch_world import START_US, Scripted, World, make, run


async def ports_of(idempotent: bool = True) -> Ports:
    world = World(Scripted())
    webhook = Webhook({"desk": Endpoint("http://desk.example", idempotent=idempotent)}, lambda: START_US)
    return Ports(**{**{f: getattr(world.dispatcher.ports, f) for f in Ports.__struct_fields__}, "channels": {"webhook": webhook}})


@pytest.mark.parametrize(
    ("fate", "late", "attempts", "expected"),
    [
        (Fate.SENT, True, 1, Status.SENT),
        (Fate.RETRY, False, 1, Status.PENDING),
        (Fate.RETRY, False, 3, Status.FAILED),
        (Fate.RETRY, True, 1, Status.CANCELLED),
        (Fate.UNKNOWN, False, 1, Status.PENDING),
        (Fate.UNKNOWN, False, 3, Status.UNKNOWN),
        (Fate.UNKNOWN, True, 1, Status.UNKNOWN),
        (Fate.FAILED, True, 1, Status.FAILED),
    ],
)
def test_what_was_cancelled_late_is_never_tried_again(fate: Fate, late: bool, attempts: int, expected: Status) -> None:
    """A service message is tried again while it has attempts left, unless it was cancelled after its claim."""

    async def story() -> None:
        row = outbox.first_row(make(purpose="service.payment"))
        for _ in range(attempts):
            row = outbox.claimed(row, START_US)
        row = outbox.cancelled_late(row) if late else row
        assert expected is settle(await ports_of(), row, Receipt(fate, reason="r"), START_US).status

    run(story())


@pytest.mark.parametrize(("idempotent", "expected"), [(True, Status.PENDING), (False, Status.UNKNOWN)])
def test_a_call_is_repeated_only_where_repeats_are_dropped(idempotent: bool, expected: Status) -> None:
    """A call of unknown fate is made again where the endpoint drops repeats, and else ends as unknown."""

    async def story() -> None:
        row = outbox.claimed(outbox.first_row(make(kind="call", target="desk", purpose="")), START_US)
        assert expected is settle(await ports_of(idempotent), row, Receipt(Fate.UNKNOWN, reason="lost"), START_US).status

    run(story())


def test_a_retry_never_outlives_the_expiry() -> None:
    """A provider that asks for more patience than the message has is not waited for: the message expires on time."""

    async def story() -> None:
        row = outbox.claimed(outbox.first_row(make(expires_us=START_US + 5)), START_US)
        settled = settle(await ports_of(), row, Receipt(Fate.RETRY, retry_after_s=60), START_US)
        assert (Status.PENDING, START_US + 5) == (settled.status, settled.next_us)

    run(story())
