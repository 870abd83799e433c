"""What a channel is: a small object, found by entry point, that hands one rendered message to a provider.

A channel never decides anything: consent, quiet hours, budgets and expiry were checked before, twice. It says what
became of the message, and whether trying again could help.
"""

from enum import StrEnum
from typing import Any, Protocol

import msgspec


class Fate(StrEnum):
    """What became of a message at hand-over."""

    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Message(msgspec.Struct, frozen=True):
    """A message ready to leave. `parts` are the rendered templates by name. `idempotency_key` is the effect key in hex
    and never changes between attempts. `attempt` counts from 1. `headers` are extra headers (unsubscribe, trace).
    `sender` is whom it comes from, where that is not what the channel's settings say."""

    idempotency_key: str
    recipient: str
    parts: dict[str, str]
    headers: dict[str, str]
    attempt: int
    subject: str
    journey: str
    step: str
    purpose: str
    target: str = ""
    sender: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """What became of it: the provider's message id where it gives one, a reason for people, `retry_after_s` where the
    provider said so, and for calls the answer's `body`."""

    fate: Fate
    provider_id: str = ""
    reason: str = ""
    retry_after_s: float = 0.0
    body: dict[str, Any] = {}


class Channel(Protocol):
    """One way to reach people or systems.

    `name` is what documents call it. `idempotent` says whether the provider drops a repeated idempotency key, which
    decides whether an unknown fate may be retried for service messages. `parts` are the template names a content of
    this channel must have and may have.
    """

    name: str
    idempotent: bool
    parts_required: frozenset[str]
    parts_allowed: frozenset[str]

    async def send(self, message: Message) -> Receipt:
        """Hand the message over once. Never raises for a provider's refusal; raises only for a fault of its own."""

    async def close(self) -> None:
        """Release connections."""
