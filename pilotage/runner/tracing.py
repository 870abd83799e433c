"""Traces: from the sender's `traceparent` to the decision, and on to the delivery, through the OpenTelemetry API alone.

Without an SDK in the process every call here does nothing. A span names event types, journeys and shards, never a customer.
Which trace an action belongs to is remembered for a while: for actions decided later by a waiting subject too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pilotage.runner.arrival import Sealed

REMEMBERED = 50_000
"""For how many subjects and actions, each, the trace is remembered."""

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("pilotage")


class Traces:
    """The traces of one process's subjects and actions, the latest of each; bounded, the oldest forgotten first."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._subjects: dict[bytes, str] = {}
        self._actions: dict[bytes, str] = {}

    def committed(self, shard: int, sealed: Sealed, now_us: int) -> None:
        """Learn from a committed batch, and record a span for each decision whose event brought a trace."""
        for record, decisions in zip(sealed.segment.records, sealed.segment.decisions, strict=True):
            event = record.event
            if event is None or not event.traceparent:
                continue
            self._keep(self._subjects, record.subject, event.traceparent)
            span = _tracer.start_span(
                "pilotage.decide",
                context=_propagator.extract({"traceparent": event.traceparent}),
                kind=SpanKind.CONSUMER,
                start_time=record.received_us * 1_000,
                attributes={
                    "pilotage.event.type": event.type,
                    "pilotage.shard": shard,
                    "pilotage.journeys": tuple(sorted({decision.journey for decision in decisions})),
                },
            )
            span.end(max(record.received_us, now_us) * 1_000)
        if self._subjects:
            for action in sealed.actions:
                traceparent = self._subjects.get(action.subject)
                if traceparent is not None:
                    self._keep(self._actions, action.effect, traceparent)

    def of(self, effect: bytes) -> str:
        """The traceparent an action belongs to, or empty: put it into the message's headers."""
        return self._actions.get(effect, "")

    @contextmanager
    def delivery(self, effect: bytes, channel: str, journey: str) -> Iterator[Span]:
        """A span around handing an action over, in the trace of the event that led to it."""
        traceparent = self.of(effect)
        context = _propagator.extract({"traceparent": traceparent}) if traceparent else None
        attributes = {"pilotage.channel": channel, "pilotage.journey": journey}
        with _tracer.start_as_current_span("pilotage.deliver", context=context, kind=SpanKind.PRODUCER, attributes=attributes) as span:
            yield span

    def _keep(self, memory: dict[bytes, str], key: bytes, traceparent: str) -> None:
        memory.pop(key, None)
        memory[key] = traceparent
        if len(memory) > self._remembered:
            del memory[next(iter(memory))]
