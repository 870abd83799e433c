"""Rows of the `action` table: every action that `advance` decided, from its commit until its receipt is in the log.

A shard writes an action's first row (`pending_row`) in the very batch that commits the decision; the dispatcher moves
the row on with the transitions below and writes it through the same group commit. A cancellation is a row of its own
(`cancel_row`), so that a shard can write one without reading what has become of the action. Rows of one virtual
partition lie together.
"""

import struct
from enum import StrEnum

import msgspec

from pilotage.event.digest import partition_of
from pilotage.journey.outcome import Action

ACTION = 1
"""The kind byte of an action's row."""
CANCEL = 2
"""The kind byte of a cancellation."""
FORMAT = 1
SCHEMA = 1
CANCELLED_REASON = "cancelled before it left"
"""What the receipt of an action says that was cancelled in time."""

_KEY = struct.Struct(">HB16s16s")
_HEADER = struct.Struct(">BHI")
_PLAIN = _HEADER.pack(FORMAT, SCHEMA, 0)


class Status(StrEnum):
    """Where an action is. `claimed` may have left; `unknown` may have left and nobody will say; the dead letters are
    `failed`. All but `pending` and `claimed` are ends."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class ActionRow(msgspec.Struct, frozen=True, array_like=True):
    """One action and what has become of it. Times are microseconds UTC.

    `attempts` counts provider calls begun. `next_us` is when the action is next looked at. `claimed_us` is the last
    claim's time. `reason` is for people. `receipted` says that the receipt event is durable in the shard's log; until
    then it is submitted again after a restart. `held` says that a kill switch holds it back. `late` says that it was
    cancelled only after it had been claimed. `body` is a call's answer as JSON text, kept only until the receipt is.
    """

    action: Action
    status: Status = Status.PENDING
    attempts: int = 0
    next_us: int = 0
    claimed_us: int = 0
    reason: str = ""
    provider_id: str = ""
    receipted: bool = False
    held: bool = False
    late: bool = False
    body: bytes = b""

    @property
    def key(self) -> bytes:
        return action_key(self.action.subject, self.action.effect)

    @property
    def finished(self) -> bool:
        return self.status not in (Status.PENDING, Status.CLAIMED)


class UnreadableRow(ValueError):
    """A row of the action table has a format, schema or key this release does not read. Start the release that wrote the
    data folder, or a newer one."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ActionRow)


def action_key(subject: bytes, effect: bytes) -> bytes:
    """The key of an action's row: `partition u16 | kind u8 | subject 16 B | effect 16 B`."""
    return _KEY.pack(partition_of(subject), ACTION, subject, effect)


def rows_of(subject: bytes) -> tuple[bytes, bytes]:
    """The keys [start, stop) under which a subject's actions lie."""
    return action_key(subject, bytes(16)), action_key(subject, b"\xff" * 16) + b"\0"


def partition_range(partition: int) -> tuple[bytes, bytes]:
    """The keys [start, stop) under which a virtual partition's rows lie; for a range of them take the first's start and
    the last's stop."""
    return partition.to_bytes(2, "big"), (partition + 1).to_bytes(2, "big")


def encode_row(row: ActionRow) -> tuple[bytes, bytes]:
    """A row's key and value; the value begins `format u8 | schema u16 | key id u32` (0: plaintext)."""
    return row.key, _PLAIN + _encoder.encode(row)


def decode_row(value: bytes) -> ActionRow:
    """The row of a stored value; `UnreadableRow` when its header is not one this release reads."""
    header = _HEADER.unpack_from(value) if len(value) >= _HEADER.size else value
    if header != (FORMAT, SCHEMA, 0):
        raise UnreadableRow(
            f"a row begins with {value[: _HEADER.size].hex()}, which this release cannot read; start the release that wrote it"
        )
    return _decoder.decode(memoryview(value)[_HEADER.size :])


def pending_row(action: Action) -> tuple[bytes, bytes]:
    """The first row of an action, as the shard commits it together with the decision."""
    return encode_row(first_row(action))


def first_row(action: Action) -> ActionRow:
    """An action that nobody has looked at yet; due at its `not_before`."""
    return ActionRow(action=action, next_us=action.not_before_us)


def cancel_row(subject: bytes, effect: bytes) -> tuple[bytes, bytes]:
    """The row that says an action must not leave any more; committed with the decision that says so, and removed by the
    dispatcher when it has acted on it."""
    return cancel_key(subject, effect), _PLAIN


def cancel_key(subject: bytes, effect: bytes) -> bytes:
    """The key of a cancellation."""
    return _KEY.pack(partition_of(subject), CANCEL, subject, effect)


def split_key(key: bytes) -> tuple[int, bytes, bytes]:
    """The kind (`ACTION` or `CANCEL`), subject and effect of a row's key."""
    _, kind, subject, effect = _KEY.unpack(key)
    return kind, subject, effect


def claimed(row: ActionRow, now_us: int) -> ActionRow:
    """About to be handed over: from here on a crash leaves its fate unknown."""
    return msgspec.structs.replace(row, status=Status.CLAIMED, attempts=row.attempts + 1, claimed_us=now_us, held=False, reason="")


def reclaimed(row: ActionRow, now_us: int) -> ActionRow:
    """The same attempt claimed anew, because committing the claim took too long."""
    return msgspec.structs.replace(row, claimed_us=now_us)


def deferred(row: ActionRow, at_us: int, reason: str) -> ActionRow:
    """Looked at again at an instant; nothing was handed over (a policy said later, or a provider asked for patience)."""
    return msgspec.structs.replace(row, status=Status.PENDING, next_us=at_us, reason=reason, held=False)


def held(row: ActionRow, reason: str) -> ActionRow:
    """Held back by a kill switch until it is lifted or the action expires."""
    return msgspec.structs.replace(row, status=Status.PENDING, next_us=row.action.expires_us or NEVER_US, reason=reason, held=True)


def withdrawn(row: ActionRow, reason: str) -> ActionRow:
    """A claim given back before the provider was called: pending as if it had never been claimed."""
    return msgspec.structs.replace(row, status=Status.PENDING, attempts=row.attempts - 1, claimed_us=0, reason=reason)


def finished(row: ActionRow, status: Status, reason: str = "", provider_id: str = "", body: bytes = b"") -> ActionRow:
    """At an end, its receipt not yet in the log."""
    return msgspec.structs.replace(row, status=status, reason=reason, provider_id=provider_id, body=body, receipted=False, held=False)


def receipted(row: ActionRow) -> ActionRow:
    """At an end, its receipt durable in the log."""
    return msgspec.structs.replace(row, receipted=True, body=b"")


def cancelled(row: ActionRow) -> ActionRow:
    """Cancelled, and it has not left; its receipt is not yet in the log."""
    return finished(row, Status.CANCELLED, CANCELLED_REASON)


def cancelled_late(row: ActionRow) -> ActionRow:
    """Cancelled after its claim: whatever becomes of it, it stays listed."""
    return msgspec.structs.replace(row, late=True)


def listed_since(row: ActionRow, before_us: int) -> bool:
    """Whether an action is at its end, told, and last moved before an instant."""
    return row.finished and row.receipted and max(row.claimed_us, row.next_us, row.action.not_before_us) < before_us


def redriven(row: ActionRow, now_us: int) -> ActionRow:
    """A dead letter (or one of unknown fate) put back for all its attempts, with the same effect key."""
    return msgspec.structs.replace(
        row, status=Status.PENDING, attempts=0, next_us=now_us, claimed_us=0, reason="", receipted=False, late=False
    )


NEVER_US = 2**62
"""An instant that does not come (the year 148,000)."""
