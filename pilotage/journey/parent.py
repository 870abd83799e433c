"""Telling the entry that awaits another one what came of it: an event of the system's own, taken after what is happening now."""

import msgspec

from pilotage.contract.builtin import JOURNEY_ENDED
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.work import Derived, Work

_encode = msgspec.json.Encoder().encode


def tell_parent(work: Work, parent: bytes, journey: str, reason: str, entered: bool = True) -> None:
    """Queue the end of an entry that a step of another awaits, or that it was not `entered`; the reason says more."""
    handler = work.program.handlers[JOURNEY_ENDED]
    data = _encode({"effect": parent.hex(), "journey": journey, "reason": reason, "entered": entered})
    event = Event(key128(parent, "ended").hex(), f"journey/{journey}", JOURNEY_ENDED, work.now, data, {})
    work.derive(Derived(handler.signals, event, handler.validator.decode(data)), f"the end of {journey}")
