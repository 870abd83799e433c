"""What became of an action, as an event of its subject: the dispatcher's answer to the journey that sent it."""

import msgspec

from pilotage.event.envelope import Event
from pilotage.runner.outbox import ActionRow, Status

SOURCE = "pilotage"
_KEPT = frozenset({Status.FAILED, Status.UNKNOWN})
_FATES = {Status.CANCELLED: Status.REFUSED}
"""What a journey is told of fates it has no word for: a cancelled message was refused, and frees its place in the budgets."""


class _Data(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receipt says, as JSON; what is empty is left out."""

    effect: str
    channel: str = ""
    purpose: str = ""
    journey: str = ""
    body: str = ""
    reason: str = ""
    provider_id: str = ""


_encoder = msgspec.json.Encoder()


def receipt_event(row: ActionRow, now_us: int) -> Event:
    """The receipt of a finished row. Its id is made of the effect key and the fate, so that submitting it again after a
    crash is recognised as a repeat."""
    kind, data = _told(row, row.action.effect.hex())
    identity = f"receipt:{data.effect}:{row.status}"
    return Event(id=identity, source=SOURCE, type=kind, occurred_us=now_us, data=_encoder.encode(data), identifiers={})


def _told(row: ActionRow, effect: str) -> tuple[str, _Data]:
    """The event's type and what it says."""
    action = row.action
    if action.kind == "send":
        data = _Data(effect, action.target, action.purpose, action.journey, reason=row.reason, provider_id=row.provider_id)
        return f"message.{_FATES.get(row.status, row.status)}", data
    answered = row.status is Status.SENT
    if action.kind == "task":
        return ("task.opened", _Data(effect)) if answered else ("task.failed", _Data(effect, reason=_why(row)))
    return ("call.answered", _Data(effect, body=row.body.decode())) if answered else ("call.failed", _Data(effect, reason=_why(row)))


def _why(row: ActionRow) -> str:
    return row.reason if row.status is Status.CANCELLED else f"{row.status}: {row.reason}"


def is_kept(row: ActionRow) -> bool:
    """Whether a finished row stays listed after its receipt: dead letters, unknown fates, and what left although it was
    cancelled."""
    return row.status in _KEPT or (row.late and row.status is not Status.CANCELLED)
