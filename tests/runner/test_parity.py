"""Parity: what is in the log is decided again byte for byte, and whatever was altered is found where it is."""

from collections.abc import Callable
from functools import cache, partial
from random import Random
from typing import Any

import msgspec
import pytest

from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Outcome
from pilotage.journey.plan import Wait
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.state import State, decode_state, encode_state
from pilotage.runner.layout import pack_state, unpack_state
from pilotage.runner.log import Segment, encode_segment, segments_from, trim_log
from pilotage.runner.memory import MemoryStore
from pilotage.runner.outbox import decode_row, encode_row
from pilotage.runner.parity import ShardParity, Verifier
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.store import Batch
from pilotage.runner.ticket import SHARDS
from pilotage.simulate.sources import Faults
from pilotage.simulate.world import World
from pilotage.source.zones import packaged_zones
from tests.determinism.histories import SECRET, START_US, demo_plan, demo_program

DAYS = 14
SHARD = 3


@cache
def _lived() -> bytes:
    """One shard's tables after two weeks of the demo's customers, packed."""
    program = demo_program()
    stores = [MemoryStore() for _ in range(SHARDS)]
    shards = [Shard(n, store, program, "demo", advance=advance, plan="demo") for n, store in enumerate(stores)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, SECRET, partial(recheck_action, program), group_events=200)
    for raw in World(5, 120, START_US, faults=Faults(broken=0)).events(START_US + DAYS * DAY_US):
        replay.feed([Event(raw.id, raw.source, raw.type, raw.arrives_us, msgspec.json.encode(raw.data), raw.identifiers)])
    replay.finish()
    return msgspec.msgpack.encode({table: list(stores[SHARD].scan(table)) for table in ("log", "state", "action")})


@pytest.fixture
def store() -> MemoryStore:
    """A copy of that shard, to alter."""
    made = MemoryStore()
    for table, rows in msgspec.msgpack.decode(_lived()).items():
        batch = Batch()
        for key, value in rows:
            batch.put(table, key, value)
        made.write(batch, durable=table not in ("state",))
    return made


def again(store: MemoryStore, kernel: Any = advance, program: Any = None, at_once: int = 100_000) -> ShardParity:
    return Verifier(SHARD, store, lambda plan: program or demo_program(), kernel, at_once=at_once).run()


def segments(store: MemoryStore) -> list[Segment]:
    return list(segments_from(store, 1, trimmed=True))


def rewrite(store: MemoryStore, segment: Segment) -> None:
    batch = Batch()
    batch.put("log", *encode_segment(segment))
    store.write(batch, durable=True)


def altered(store: MemoryStore, wanted: Callable[[Event], bool], change: Callable[[Event], Event]) -> int:
    """Change the first event of a log that is wanted; its position."""
    for segment in segments(store):
        for place, record in enumerate(segment.records):
            if record.event is not None and wanted(record.event):
                records = [*segment.records]
                records[place] = msgspec.structs.replace(record, event=change(record.event))
                rewrite(store, msgspec.structs.replace(segment, records=records))
                return segment.first + place
    raise LookupError("there is no such event")


def test_what_was_decided_is_decided_again(store: MemoryStore) -> None:
    """Every record of a log comes out as it did, and so do the actions and states that are stored."""
    found = again(store)
    assert (found.records, 0, []) == (found.identical, found.different, found.faults)
    assert found.records > 200 and found.decisions > 150
    assert (len(list(store.scan("action"))), len(list(store.scan("state")))) == (found.actions, found.states)
    assert found.subjects == found.states


def test_memory_is_bounded_by_going_through_the_log_again(store: MemoryStore) -> None:
    """A shard with more subjects than are held at once is gone through several times, with the same result."""
    assert again(store) == again(store, at_once=4)


def test_another_kernel_is_found(store: MemoryStore) -> None:
    """A kernel that decides one thing otherwise is found at the first record where it does."""

    def other(program: Any, state: State, event: Event, now_us: int) -> Outcome:
        outcome = advance(program, state, event, now_us)
        outcome.decisions = [each for each in outcome.decisions if each.verb != "waited"]
        return outcome

    places = (
        position
        for segment in segments(store)
        for position, decisions in enumerate(segment.decisions, segment.first)
        if any(each.verb == "waited" for each in decisions)
    )
    found = again(store, other)
    fault = found.faults[0]
    assert next(places) == fault.position
    assert fault.field.startswith("decisions[")


def test_another_plan_is_found(store: MemoryStore) -> None:
    """A plan in which a wait is longer than that under which the log was written is found, with what was expected."""

    def longer(step: Any) -> Any:
        return msgspec.structs.replace(step, for_us=step.for_us + 1) if isinstance(step, Wait) and step.for_us else step

    plan = demo_plan()
    journeys = tuple(msgspec.structs.replace(each, steps=tuple(map(longer, each.steps))) for each in plan.journeys)
    program = load_program(msgspec.structs.replace(plan, journeys=journeys), packaged_zones(), "demo")
    found = again(store, program=program)
    assert found.different and found.faults[0].expected != found.faults[0].found
    assert found.records == found.identical + found.different + found.after


def test_an_altered_event_is_found(store: MemoryStore) -> None:
    """An event that has become another in the log is found at its very record, with its name."""

    def other(event: Event) -> Event:
        return msgspec.structs.replace(event, type="page.viewed", data=b'{"path": "/"}')

    position = altered(store, lambda event: event.type == "order.placed", other)
    fault = again(store).faults[0]
    assert (SHARD, position) == (fault.shard, fault.position)
    assert fault.event.startswith("page.viewed shop/")


def test_an_altered_consent_is_found(store: MemoryStore) -> None:
    """A consent that is turned round in the log is found in its subject's story, where it first makes a difference."""

    def turn(event: Event) -> Event:
        data = msgspec.json.decode(event.data)
        return msgspec.structs.replace(event, data=msgspec.json.encode(data | {"granted": not data["granted"]}))

    position = altered(store, lambda event: event.type == "consent.changed", turn)
    [fault] = again(store).faults
    [subject] = [each.records[position - each.first].subject for each in segments(store) if each.first <= position <= each.last]
    assert subject.hex() == fault.subject and position <= fault.position


def test_a_changed_order_is_found(seed: int, store: MemoryStore) -> None:
    """Two records of a log that have changed places are found at one of the two, whosever they are."""
    random = Random(seed)
    segment = random.choice([each for each in segments(store) if len(each.records) > 1])
    place = random.randrange(len(segment.records) - 1)
    for rows in (segment.records, segment.decisions):
        rows[place], rows[place + 1] = rows[place + 1], rows[place]  # type: ignore[index,assignment] # lists of one kind each
    rewrite(store, segment)
    subjects = {record.subject.hex() for record in segment.records[place : place + 2]}
    found = again(store)
    assert found.different and {fault.subject for fault in found.faults} <= subjects


def test_a_missing_record_is_found(store: MemoryStore) -> None:
    """A record that is not in the log any more is found at its subject's next one, or in its state."""
    segment = segments(store)[0]
    other = segment.records[1]
    records = [segment.records[0], *segment.records[2:], other]
    decisions = [segment.decisions[0], *segment.decisions[2:], segment.decisions[1]]
    rewrite(store, msgspec.structs.replace(segment, records=records, decisions=decisions))
    assert again(store).different > 0


def _drop(segment: Segment, place: int) -> Segment:
    decisions = [*segment.decisions]
    decisions[place] = decisions[place][1:]
    return msgspec.structs.replace(segment, decisions=decisions)


def _reword(segment: Segment, place: int) -> Segment:
    decisions = [*segment.decisions]
    first, *others = decisions[place]
    decisions[place] = [msgspec.structs.replace(first, reason=f"{first.reason}, or so"), *others]
    return msgspec.structs.replace(segment, decisions=decisions)


def _follow_another(segment: Segment, place: int) -> Segment:
    records = [*segment.records]
    records[place] = msgspec.structs.replace(records[place], previous=records[place].previous + 1)
    return msgspec.structs.replace(segment, records=records)


def _come_earlier(segment: Segment, place: int) -> Segment:
    records = [*segment.records]
    records[place] = msgspec.structs.replace(records[place], received_us=START_US - DAY_US)
    return msgspec.structs.replace(segment, records=records)


@pytest.mark.parametrize("alter", [_drop, _reword, _follow_another, _come_earlier])
def test_whatever_is_altered_in_a_record_is_found_there(seed: int, store: MemoryStore, alter: Callable[[Segment, int], Segment]) -> None:
    """Whichever record of a log loses a decision, tells another reason, follows another record or comes before its time, it is found at
    its position, and nothing but it is blamed."""
    deciding = [(each, place) for each in segments(store) for place, made in enumerate(each.decisions) if made and each.first + place > 1]
    segment, place = Random(seed).choice(deciding)
    rewrite(store, alter(segment, place))
    found = again(store)
    [fault] = found.faults
    assert (segment.first + place, segment.records[place].subject.hex()) == (fault.position, fault.subject)
    assert 1 == found.different


def test_an_altered_state_is_found(store: MemoryStore) -> None:
    """A state that is not what the log leads to is found, with the section that differs."""
    key, value = next(iter(store.scan("state")))
    position, wake_us, raw = unpack_state(value)
    state = decode_state(bytes(raw))
    changed = msgspec.structs.replace(state, attributes={**state.attributes, "language": "xx"})
    batch = Batch()
    batch.put("state", key, pack_state(position, wake_us, encode_state(changed)))
    store.write(batch, durable=False)
    [fault] = again(store).faults
    assert (position, "state.attributes.language", "xx") == (fault.position, fault.field, fault.expected)


def test_an_altered_action_is_found(store: MemoryStore) -> None:
    """An action that is stored with another recipient than was decided is found."""
    row = decode_row(next(value for _, value in store.scan("action") if decode_row(value).action.kind == "send"))
    batch = Batch()
    batch.put(
        "action", *encode_row(msgspec.structs.replace(row, action=msgspec.structs.replace(row.action, recipient="other@example.test")))
    )
    store.write(batch, durable=True)
    [fault] = again(store).faults
    assert (f"action {row.action.effect.hex()}.recipient", "other@example.test") == (fault.field, fault.expected)


def test_a_story_that_begins_before_the_log_is_passed_over(store: MemoryStore) -> None:
    """Of a log whose beginning was removed those subjects are decided again whose story is whole, and the others counted."""
    whole = again(store)
    gone = trim_log(store, 2**62, segments(store)[2].records[0].received_us)
    found = again(store)
    assert gone > 0
    assert (0, whole.records - gone) == (found.different, found.identical + found.before)
    assert found.before and found.subjects_before
