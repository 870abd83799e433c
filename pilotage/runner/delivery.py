"""One action's way out: the checks before it leaves, and what its receipt makes of its row.

Everything here is a plain function of the row, the answer and the time; the dispatcher does the waiting, the writing and
the calling.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.channel.coupons import COUPONS, PREFIX
from pilotage.channel.render import RenderFailed
from pilotage.channel.tasks import TASKS
from pilotage.decision.eligibility import Later, Refused, Verdict
from pilotage.event.envelope import Event
from pilotage.event.time import SECOND_US
from pilotage.journey.outcome import Action
from pilotage.runner import outbox
from pilotage.runner.allow import NOT_ALLOWED, AllowList
from pilotage.runner.backoff import RetryPolicy, retry_at_us
from pilotage.runner.compose import WEBHOOK, UnknownContent
from pilotage.runner.outbox import ActionRow, Status

Rows = Sequence[tuple[bytes, bytes | None]]
"""Keys and values of the action table; None removes a key."""


class Ports(msgspec.Struct, frozen=True):
    """What the dispatcher asks of the engine and the environment.

    `commit_rows(rows)` returns when rows of the action table are durable. `submit(told)` returns when events, each told to
    its subject, are. `page(after, limit)` gives the table's next rows in key order. `recheck(action, now_us)` repeats the
    decision's checks. `compose(action, attempt, now_us)` makes the message. `contact_class(purpose)` is the class of a
    purpose. `paused(action)` says why a kill switch holds an action back, or nothing.
    """

    commit_rows: Callable[[Rows], Awaitable[None]]
    submit: Callable[[Sequence[tuple[bytes, Event]]], Awaitable[object]]
    page: Callable[[bytes, int], Awaitable[Sequence[tuple[bytes, bytes]]]]
    recheck: Callable[[Action, int], Verdict]
    compose: Callable[[Action, int, int], Message]
    contact_class: Callable[[str], str]
    paused: Callable[[Action], str]
    channels: Mapping[str, Channel]
    allow: AllowList
    retry: RetryPolicy = RetryPolicy()


class Ready(msgspec.Struct, frozen=True):
    """The action may leave now, as this message."""

    message: Message


def channel_name(action: Action) -> str:
    """The channel an action goes through: a send's target, the webhook channel for calls, the list of tasks, the book of coupons."""
    if action.kind == "call":
        return COUPONS if asks_for_coupon(action) else WEBHOOK
    return TASKS if action.kind == "task" else action.target


def asks_for_coupon(action: Action) -> bool:
    """Whether the call asks for a code of a coupon pool, and goes to no other system."""
    return action.kind == "call" and action.target.startswith(PREFIX)


def queue_name(action: Action) -> str:
    """Whose queue an action waits in: its channel's, or for a call its endpoint's."""
    return f"call:{action.target}" if action.kind == "call" else channel_name(action)


def expires(action: Action, now_us: int) -> bool:
    """Whether the action may not leave any more. An expiry that is not after `not_before` is none."""
    return action.not_before_us < action.expires_us <= now_us


def look(ports: Ports, row: ActionRow, now_us: int) -> ActionRow | Ready:
    """Every check once more, in order: expiry, kill switches, consent and quiet hours, the allow list, the channel, the
    content. The message if it may leave, else the row as it is now: at an end, held, or due later."""
    action = row.action
    if expires(action, now_us):
        return outbox.finished(row, Status.EXPIRED, f"expired: {row.reason}" if row.reason else "expired before it could leave")
    switch = ports.paused(action)
    if switch:
        return outbox.held(row, switch)
    verdict = ports.recheck(action, now_us)
    if isinstance(verdict, Refused):
        return outbox.finished(row, Status.REFUSED, verdict.reason)
    if isinstance(verdict, Later):
        return outbox.deferred(row, within_expiry(action, max(verdict.at_us, now_us + SECOND_US)), verdict.reason)
    if not ports.allow.allows(action):
        return outbox.finished(row, Status.REFUSED, NOT_ALLOWED)
    return _composed(ports, row, now_us)


def _composed(ports: Ports, row: ActionRow, now_us: int) -> ActionRow | Ready:
    name = channel_name(row.action)
    if name not in ports.channels:
        known = ", ".join(sorted(ports.channels)) or "none"
        return outbox.finished(row, Status.FAILED, f"channel {name!r} is not bound in this environment; bound are: {known}")
    try:
        return Ready(ports.compose(row.action, row.attempts + 1, now_us))
    except (RenderFailed, UnknownContent) as fault:
        return outbox.finished(row, Status.FAILED, str(fault))


def within_expiry(action: Action, at_us: int) -> int:
    """No later than the expiry, so that an action expires when it says."""
    return min(at_us, action.expires_us) if action.expires_us > action.not_before_us else at_us


def settle(ports: Ports, row: ActionRow, receipt: Receipt, now_us: int) -> ActionRow:
    """What a receipt makes of a claimed row: at an end, or due again."""
    reason = _without_address(receipt.reason, row.action.recipient)
    if receipt.fate is Fate.SENT:
        body = msgspec.json.encode(receipt.body) if receipt.body else b""
        return outbox.finished(row, Status.SENT, reason, receipt.provider_id, body)
    if receipt.fate is Fate.FAILED:
        return outbox.finished(row, Status.FAILED, reason)
    if receipt.fate is Fate.UNKNOWN:
        return unknown(ports, row, reason, now_us)
    if row.late:
        return outbox.finished(row, Status.CANCELLED, f"{outbox.CANCELLED_REASON}: {reason}")
    if row.attempts >= ports.retry.attempts_max:
        return outbox.finished(row, Status.FAILED, f"{reason}, after {row.attempts} attempts")
    return _again(ports, row, reason, now_us, receipt.retry_after_s)


def unknown(ports: Ports, row: ActionRow, reason: str, now_us: int) -> ActionRow:
    """A claimed row of which nobody will say whether it left: tried again with its key if it may be, else at an end."""
    if row.late or row.attempts >= ports.retry.attempts_max or not may_repeat(ports, row.action):
        return outbox.finished(row, Status.UNKNOWN, reason)
    return _again(ports, row, reason, now_us, 0.0)


def may_repeat(ports: Ports, action: Action) -> bool:
    """Whether an action that may have left is handed over again: never a marketing message; a service or transactional one always,
    since missing it is worse than seeing it twice; a call where the receiver drops repeats; a task, which is listed once; a coupon,
    which stays the one of its key."""
    if action.kind == "task" or asks_for_coupon(action):
        return True
    if action.kind == "send":
        return ports.contact_class(action.purpose) != "marketing"
    channel = ports.channels.get(WEBHOOK)
    endpoint = getattr(channel, "endpoints", {}).get(action.target)
    return bool(getattr(endpoint or channel, "idempotent", False))


def _again(ports: Ports, row: ActionRow, reason: str, now_us: int, retry_after_s: float) -> ActionRow:
    at_us = retry_at_us(ports.retry, row.action.effect, row.attempts, now_us, retry_after_s)
    return outbox.deferred(row, within_expiry(row.action, at_us), reason)


def _without_address(reason: str, recipient: str) -> str:
    """Providers repeat addresses in their refusals; reasons are shown to people who may not see them."""
    return reason.replace(recipient, "the recipient") if recipient else reason
