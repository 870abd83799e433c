"""The conformance suite of channels: what the dispatcher relies on, tried on any implementation.

`await check_channel(make_channel, …)` raises `AssertionError` naming the promise that is broken. It hands over real
messages, so point the channel at a server of your own.
"""

import inspect
import re
from collections.abc import Callable, Sequence

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.event.digest import key128

MakeChannel = Callable[[], Channel]
"""Makes a fresh channel over the same provider; called more than once."""


def example_message(channel: Channel, recipient: str, number: int = 0, target: str = "", attempt: int = 1) -> Message:
    """A message with every part the channel requires; the same number has the same idempotency key."""
    parts = {name: '{"text":"check"}' if name == "body" else f"check {number}" for name in channel.parts_required or {"text"}}
    return Message(
        idempotency_key=key128("check_channel", channel.name, number).hex(),
        recipient=recipient,
        parts=parts,
        headers={},
        attempt=attempt,
        subject=key128("check_channel", "subject").hex(),
        journey="check.channel.conformance",
        step="hand_over",
        purpose="service.check",
        target=target,
    )


async def check_channel(
    make_channel: MakeChannel,
    *,
    recipient: str,
    refused: Sequence[Message] = (),
    delivered: Callable[[], int] | None = None,
    target: str = "",
) -> None:
    """Try every promise of `Channel`; returns when all hold.

    `recipient` (and for calls `target`) is somebody the provider accepts. `refused` are messages it refuses: their fate
    must be a receipt with a reason, never an exception. `delivered` counts the distinct messages the provider holds;
    with it a channel that calls itself idempotent is held to it."""
    _describes_itself(make_channel())
    await _hands_over(make_channel(), recipient, target)
    for message in refused:
        await _refuses_by_receipt(make_channel(), message)
    if delivered is not None:
        await _counts_once(make_channel(), recipient, target, delivered)
    await _closes_twice(make_channel(), recipient, target)


def _describes_itself(channel: Channel) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", channel.name), f"name {channel.name!r} is not lower case letters, digits, - and _"
    assert isinstance(channel.idempotent, bool), "idempotent is not a bool"
    assert isinstance(channel.parts_required, frozenset) and isinstance(channel.parts_allowed, frozenset), "parts are not frozensets"
    outside = channel.parts_required - channel.parts_allowed
    assert not outside or not channel.parts_allowed, f"required parts are not allowed: {sorted(outside)}"
    assert inspect.iscoroutinefunction(channel.send), "send is not a coroutine function"
    assert inspect.iscoroutinefunction(channel.close), "close is not a coroutine function"


async def _hands_over(channel: Channel, recipient: str, target: str) -> None:
    for number in (1, 2):  # the second one goes over a kept connection
        receipt = await channel.send(example_message(channel, recipient, number, target))
        assert isinstance(receipt, Receipt), f"send returned {type(receipt).__name__}, not a Receipt"
        assert receipt.fate is Fate.SENT, f"an acceptable message became {receipt.fate}: {receipt.reason}"
    await channel.close()


async def _refuses_by_receipt(channel: Channel, message: Message) -> None:
    receipt = await channel.send(message)
    assert receipt.fate is not Fate.SENT, "a message that the provider refuses is said to be sent"
    assert receipt.reason, f"fate {receipt.fate} has no reason"
    assert receipt.retry_after_s >= 0, "retry_after_s is negative"
    await channel.close()


async def _counts_once(channel: Channel, recipient: str, target: str, delivered: Callable[[], int]) -> None:
    before = delivered()
    for attempt in (1, 2):
        await channel.send(example_message(channel, recipient, 3, target, attempt))
    added = delivered() - before
    if channel.idempotent:
        assert added == 1, f"the channel says it is idempotent, but one key was delivered {added} times"
    else:
        assert added >= 1, "an accepted message was not delivered"
    await channel.close()


async def _closes_twice(channel: Channel, recipient: str, target: str) -> None:
    await channel.send(example_message(channel, recipient, 4, target))
    await channel.close()
    await channel.close()
