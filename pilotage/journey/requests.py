"""Requests: entering a journey from elsewhere, from a step of another journey or over the API.

A request names the journey and brings what stands for its trigger, data of the event type that it is entered on. It is no such
event: nothing else counts it, waits for it or is entered by it.
"""

from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.journey.entry import enter
from pilotage.journey.outcome import Decision
from pilotage.journey.parent import tell_parent
from pilotage.journey.work import Work


def request(work: Work, event: Event, payload: Any) -> None:
    """Take a request: have the subject enter the journey it names, if its rules allow that. `ContractBroken` where its data are
    not those of the journey's trigger."""
    parent = bytes.fromhex(payload.effect or "")
    journey = work.program.entered.get(payload.journey)
    if journey is None:
        reason = "there is no such journey"
        work.decisions.append(Decision(work.now, payload.journey, "", b"", "", "refused", reason, "entry"))
        if parent:
            tell_parent(work, parent, payload.journey, reason, entered=False)
        return
    kind = journey.journey.enter.event
    raw = (payload.data or "{}").encode()
    trigger = msgspec.structs.replace(event, type=kind, data=raw)
    inside = {entry.journey for entry in work.state.entries}
    enter(work, journey, trigger, work.program.handlers[kind].validator.decode(raw), inside, parent)
