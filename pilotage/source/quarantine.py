"""Events that were refused, kept whole.

A quarantined event carries the bytes that were received and all that is needed to read them again, so that it can be
resubmitted after the sender, the mapping or the contract was corrected.
"""

import msgspec

from pilotage.event.digest import key128
from pilotage.event.envelope import Event

SEGMENT = "segment:"
CLOUDEVENT = "cloudevent"
EVENT = "event"
ROW = "row"


class Quarantined(msgspec.Struct, frozen=True, gc=False):
    """One refused event.

    `id`, `source` and `type` are what is known of them (the id is minted from the content where the event has none, so that
    a repeated delivery is recognised). `path` leads to the fault in the event, `reason` says what is wrong, `cure` what to
    do. `raw` is the whole event as received. `format` says how to read it: `segment:track` (one message of the Segment spec
    as JSON, and the endpoint that took it), `cloudevent` (structured JSON), `event` (our own envelope as JSON, for events
    refused after they were read) or `row` (a row of a file, JSON by column, read again by importing the file again).
    `stage` is where it was refused: parse, undeclared, contract, time, identity or kernel. `occurred_us` is the time it
    happened, corrected for clock skew, where that was known.
    """

    id: str
    source: str
    type: str
    received_us: int
    reason: str
    path: str
    cure: str
    raw: bytes
    stage: str
    format: str = EVENT
    occurred_us: int | None = None


def quarantined_event(event: Event, received_us: int, stage: str, reason: str, path: str = "$", cure: str = "") -> Quarantined:
    """Refuse an event that was read already; its envelope and data are kept as JSON."""
    return Quarantined(
        id=event.id,
        source=event.source,
        type=event.type,
        received_us=received_us,
        reason=reason,
        path=path,
        cure=cure or "correct what the reason names and resubmit the event",
        raw=encode_event(event),
        stage=stage,
        format=EVENT,
        occurred_us=event.occurred_us,
    )


class _Envelope(msgspec.Struct, frozen=True):
    """The JSON form of an event, with its data as JSON inside."""

    id: str
    source: str
    type: str
    occurred_us: int
    data: msgspec.Raw
    identifiers: dict[str, str]
    traceparent: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Envelope)


def encode_event(event: Event) -> bytes:
    """An event as a JSON object, its data embedded as they are."""
    data = msgspec.Raw(event.data)
    return _encoder.encode(_Envelope(event.id, event.source, event.type, event.occurred_us, data, event.identifiers, event.traceparent))


def decode_event(raw: bytes) -> Event:
    """The event of `encode_event`; `msgspec.DecodeError` if it is not one."""
    read = _decoder.decode(raw)
    return Event(read.id, read.source, read.type, read.occurred_us, bytes(read.data), read.identifiers, read.traceparent)


def minted_id(*parts: str | bytes | int) -> str:
    """An id for an event that came without one, from its content, so that a retry of the same bytes has the same id."""
    return "content:" + key128(*parts).hex()
