"""What became of an action, as an event of its subject: the dispatcher's answer to the journey that sent it."""

from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.runner.outbox import ActionRow, Status

SOURCE = "pilotage"
_KEPT = frozenset({Status.FAILED, Status.UNKNOWN})
_FATES = {Status.CANCELLED: Status.REFUSED}
"""What a journey is told of fates it has no word for: a cancelled message was refused, and frees its place in the budgets."""


def receipt_event(row: ActionRow, now_us: int) -> Event:
    """The receipt of a finished row. Its id is made of the effect key and the fate, so that submitting it again after a
    crash is recognised as a repeat."""
    action = row.action
    identity = f"receipt:{action.effect.hex()}:{row.status}"
    data: dict[str, Any] = {"effect": action.effect.hex()}
    if action.kind == "call":
        answered = row.status is Status.SENT
        data["body" if answered else "reason"] = row.body.decode() if answered else _why(row)
        return _event(identity, "call.answered" if answered else "call.failed", data, now_us)
    if action.kind == "task":
        opened = row.status is Status.SENT
        return _event(identity, "task.opened" if opened else "task.failed", data if opened else {**data, "reason": _why(row)}, now_us)
    data |= {"channel": action.target, "purpose": action.purpose, "journey": action.journey}
    data |= {"reason": row.reason, "provider_id": row.provider_id}
    return _event(identity, f"message.{_FATES.get(row.status, row.status)}", data, now_us)


def _why(row: ActionRow) -> str:
    return row.reason if row.status is Status.CANCELLED else f"{row.status}: {row.reason}"


def _event(identity: str, kind: str, data: dict[str, Any], now_us: int) -> Event:
    raw = msgspec.json.encode({name: value for name, value in data.items() if value})
    return Event(id=identity, source=SOURCE, type=kind, occurred_us=now_us, data=raw, identifiers={})


def is_kept(row: ActionRow) -> bool:
    """Whether a finished row stays listed after its receipt: dead letters, unknown fates, and what left although it was
    cancelled."""
    return row.status in _KEPT or (row.late and row.status is not Status.CANCELLED)
