"""Traces: the sender's trace is followed to the actions it led to, also to those decided later."""

import msgspec

from pilotage.event.time import HOUR_US
from pilotage.runner.arrival import Arrival, Sealed
from pilotage.runner.memory import MemoryStore
from pilotage.runner.shard import Shard
from pilotage.runner.tracing import Traces
from tests.runner.toy_kernel import START_US, add, advance, subject_id

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sealed(shard: Shard) -> Sealed:
    """What the shard decided, committed."""
    found = shard.seal()
    assert found is not None
    shard.store.write(found.batch, durable=True)
    shard.committed(found)
    return found


def test_an_action_decided_an_hour_later_belongs_to_its_events_trace() -> None:
    """The action of a subject whose event brought a traceparent has it; another subject's has none."""
    shard = Shard(0, MemoryStore(), "program", "test", advance=advance)
    shard.recover()
    traces = Traces()
    shard.apply([Arrival(subject_id(1), msgspec.structs.replace(add(1), traceparent=PARENT)), Arrival(subject_id(2), add(2))], START_US)
    traces.committed(0, sealed(shard), START_US)
    shard.wake(START_US + HOUR_US, 10)
    later = sealed(shard)
    traces.committed(0, later, START_US + HOUR_US)
    expected = {subject_id(1): PARENT, subject_id(2): ""}
    assert expected == {action.subject: traces.of(action.effect) for action in later.actions}


def test_only_so_many_traces_are_remembered() -> None:
    """Memory is bounded: the oldest subject is forgotten first."""
    shard = Shard(0, MemoryStore(), "program", "test", advance=advance)
    shard.recover()
    traces = Traces(remembered=2)
    shard.apply([Arrival(subject_id(n), msgspec.structs.replace(add(n), traceparent=PARENT)) for n in range(3)], START_US)
    traces.committed(0, sealed(shard), START_US)
    shard.wake(START_US + HOUR_US, 10)
    later = sealed(shard)
    traces.committed(0, later, START_US + HOUR_US)
    assert {subject_id(0): "", subject_id(1): PARENT, subject_id(2): PARENT} == {a.subject: traces.of(a.effect) for a in later.actions}


def test_a_delivery_goes_on_without_any_tracing_set_up() -> None:
    """With the API alone a span is a no-op, and what runs inside it runs."""
    ran = []
    with Traces().delivery(b"effect", "email", "growth.cart") as span:
        ran.append(span.is_recording())
    assert [False] == ran
