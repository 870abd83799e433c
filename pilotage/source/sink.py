"""Where intake hands events, and the two ways that can fail without anything being lost."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pilotage.event.envelope import Event
from pilotage.source.quarantine import Quarantined


class Submitted(msgspec.Struct, frozen=True):
    """What a sink made durable, in events: `accepted` are applied (`duplicates` of them had been before, and changed nothing
    now), `quarantined` are kept in quarantine. `refused` are those that the sink itself refused, for the sender to read."""

    accepted: int
    quarantined: int = 0
    duplicates: int = 0
    refused: tuple[Quarantined, ...] = ()


class Overloaded(Exception):
    """More events are waiting than can be taken in soon; none of these was. Send them again after `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many events are waiting; try again in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class Unavailable(Exception):
    """Events cannot be made durable now, and none of these was acknowledged. `reason` says why; send them again later:
    those that were stored already are recognised."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "events cannot be stored now")
        self.reason = reason


class Sink(Protocol):
    """Where the intake hands its events."""

    async def submit(self, accepted: Sequence[Event], refused: Sequence[Quarantined]) -> Submitted:
        """Store events and refusals; return when all are durable, raise `Overloaded` or `Unavailable` otherwise."""
        ...
