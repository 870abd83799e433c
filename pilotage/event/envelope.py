"""The event envelope: what every source is turned into before anything else looks at it.

It carries the CloudEvents context attributes that matter here (id, source, type, time), the identifiers that say whom
the event is about, and the data as the JSON text that was received. The text is kept, not a decoded form of it, so that
the log holds what the sender said and a contract can be applied to it again at any time.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened to one subject.

    `id` is unique within `source`; the pair is what intake deduplicates on. `occurred_us` is when it happened, after
    clock-skew correction, in microseconds UTC. `data` is JSON text (an object). `identifiers` maps an identifier kind
    (`user_id`, `anonymous_id`, `email`, …) to its value. `traceparent` is the W3C trace context, or empty.
    """

    id: str
    source: str
    type: str
    occurred_us: int
    data: bytes
    identifiers: dict[str, str]
    traceparent: str = ""


WAKE = "pilotage.wake"
"""The type of the event that says only that a subject's `wake_at` has come."""


def wake_event(at_us: int) -> Event:
    """A wake-up: no data, no identifiers; `advance` settles what is due and takes nothing else."""
    return Event(id="", source="", type=WAKE, occurred_us=at_us, data=b"", identifiers={})
