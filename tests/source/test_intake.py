"""The gate: what passes, what is quarantined and why, and how it is read again after a fix."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, MINUTE_US, instant_text, parse_instant_us
from pilotage.source.body import BodyBroken, BodyMalformed
from pilotage.source.intake import Admitted, Intake, IntakePolicy
from pilotage.source.quarantine import Quarantined, decode_event, encode_event, quarantined_event

NOW = parse_instant_us("2024-01-31T12:00:00Z")
ORDER = Contract("order.placed", "1", (FieldSpec("order_id", "string", required=True), FieldSpec("total", "number")))
INTAKE = Intake([ORDER], {"Order Completed": "order.placed"})


def track(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A good track message."""
    good = {"type": "track", "userId": "u1", "messageId": f"m{number}", "event": "Order Completed", "properties": {"order_id": "o1"}}
    return {**good, **changes}


def batch(*messages: dict[str, Any], intake: Intake = INTAKE) -> Admitted:
    """What comes of a batch of messages."""
    return intake.segment("batch", json.dumps({"batch": messages}).encode(), "web", NOW)


def refused(message: dict[str, Any], intake: Intake = INTAKE) -> Quarantined:
    """The one refusal that comes of a message; its raw bytes are the whole message."""
    admitted = batch(message, intake=intake)
    assert [] == admitted.accepted
    (found,) = admitted.refused
    assert message == json.loads(found.raw)
    assert ("web", NOW) == (found.source, found.received_us)
    assert found.cure
    return found


@pytest.mark.parametrize(
    ("changes", "stage", "path", "event_type"),
    [
        ({"type": "foo"}, "parse", "$.type", "segment.foo"),
        ({"timestamp": "noon"}, "parse", "$.timestamp", "segment.track"),
        ({"properties": {"order_id": 5}}, "contract", "$.order_id", "order.placed"),
        ({"properties": {"order_id": "o1", "colour": "red"}}, "contract", "$.colour", "order.placed"),
        ({"event": "Never Heard"}, "undeclared", "$", "never_heard"),
        ({"timestamp": "2024-01-31T12:05:01Z"}, "time", "$.timestamp", "order.placed"),
        ({"timestamp": "2013-01-31T12:00:00Z"}, "time", "$.timestamp", "order.placed"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "time", "$.timestamp", "order.placed"),
        ({"properties": {"order_id": "x" * 40_000}}, "parse", "$", "segment.track"),
    ],
)
def test_what_does_not_pass_is_kept_whole(changes: dict[str, Any], stage: str, path: str, event_type: str) -> None:
    """A refused event is kept with its bytes, its id, where it was refused, the path of the fault and a cure."""
    found = refused(track(**changes))
    assert (stage, path, event_type, "m1") == (found.stage, found.path, found.type, found.id)


def test_good_events_pass_beside_bad_ones() -> None:
    """A bad event in a batch is quarantined and the others are accepted, in their order."""
    admitted = batch(track(1), track(2, properties={}), track(3))
    assert ["m1", "m3"] == [event.id for event in admitted.accepted]
    assert ["m2"] == [item.id for item in admitted.refused]


@pytest.mark.parametrize(("ahead_us", "expected_us"), [(-DAY_US, -DAY_US), (0, 0), (1, 0), (5 * MINUTE_US, 0)])
def test_a_little_ahead_is_taken_as_now(ahead_us: int, expected_us: int) -> None:
    """An event at most five minutes ahead of its receipt happened when it was received; the past is kept as it is."""
    (event,) = batch(track(timestamp=instant_text(NOW + ahead_us))).accepted
    assert NOW + expected_us == event.occurred_us


def test_policy_decides_about_undeclared_types() -> None:
    """Undeclared event types are quarantined by default, or accepted or dropped if the policy says so."""
    unknown = track(event="Never Heard")
    assert "undeclared" == refused(unknown).stage
    accepting = Intake([ORDER], {}, IntakePolicy(undeclared="accept"))
    assert ["never_heard"] == [event.type for event in batch(unknown, intake=accepting).accepted]
    dropping = Intake([ORDER], {"Order Completed": "order.placed"}, IntakePolicy(undeclared="drop"))
    dropped = batch(unknown, track(2), intake=dropping)
    assert (1, 1, 0) == (dropped.dropped, len(dropped.accepted), len(dropped.refused))


def test_cloudevents_pass_the_same_gate() -> None:
    """CloudEvents are checked against contracts too, and refused ones keep their structured form."""
    good = {"specversion": "1.0", "id": "e1", "source": "/x", "type": "order.placed", "data": {"order_id": "o1"}, "subject": "u1"}
    bad = {**good, "id": "e2", "data": {}}
    admitted = INTAKE.cloudevents([json.dumps(each).encode() for each in (good, bad, {**good, "time": "soon"}, 7)], NOW)
    assert ["e1"] == [event.id for event in admitted.accepted]
    future = INTAKE.cloudevents([json.dumps({**good, "time": "2033-01-01T00:00:00Z"}).encode()], NOW).refused[0]
    assert ("time", "$.time") == (future.stage, future.path)
    assert [("contract", "$.order_id"), ("parse", "$.time"), ("parse", "$")] == [(item.stage, item.path) for item in admitted.refused]
    assert bad == json.loads(admitted.refused[0].raw)
    again = Intake([msgspec.structs.replace(ORDER, fields=())]).reread(admitted.refused[0])
    assert isinstance(again, Event)
    assert "e2" == again.id


def test_a_quarantined_event_passes_after_the_contract_is_corrected() -> None:
    """A refused event read again under a corrected contract is the event it would have been when it was received."""
    body = {"batch": [track(timestamp="2024-01-31T15:00:00Z", properties={"colour": "red"})], "sentAt": "2024-01-31T15:00:10Z"}
    (item,) = INTAKE.segment("batch", json.dumps(body).encode(), "web", NOW).refused
    assert isinstance(INTAKE.reread(item), Quarantined)
    fixed = Intake([Contract("order.placed", "2", (), open=True)], {"Order Completed": "order.placed"})
    event = fixed.reread(item)
    assert Event("m1", "web", "order.placed", NOW - 10_000_000, b'{"colour": "red"}', {"user_id": "u1"}) == event


def test_a_quarantined_event_passes_after_its_name_is_mapped() -> None:
    """A message of an unmapped name, sent to the endpoint of its kind, passes once the name is mapped."""
    body = json.dumps({key: value for key, value in track(event="Bought").items() if key != "type"}).encode()
    (item,) = INTAKE.segment("track", body, "web", NOW).refused
    assert ("undeclared", "bought") == (item.stage, item.type)
    admitted = Intake([ORDER], {"Bought": "order.placed"}).resubmit([item])
    assert ["order.placed"] == [event.type for event in admitted.accepted]
    assert [item] == INTAKE.resubmit([item]).refused


def test_what_still_fails_says_so() -> None:
    """An event that is read again in vain comes back with its id and the reason of now."""
    item = refused(track(event="Never Heard"))
    again = Intake([Contract("never_heard", "1", ())]).reread(item)
    assert isinstance(again, Quarantined)
    assert (item.id, item.raw, "contract", "$.order_id") == (again.id, again.raw, again.stage, again.path)


def test_an_event_refused_later_keeps_its_envelope() -> None:
    """An event that the kernel refuses is kept as its whole envelope, and is the same event when read again."""
    event = Event("e1", "web", "order.placed", NOW, b'{"order_id": "o1", "total": 1.50}', {"user_id": "u1"}, "00-a-b-01")
    assert event == decode_event(encode_event(event))
    item = quarantined_event(event, NOW, "kernel", "the number is too large")
    assert event == INTAKE.reread(item)


def test_a_repeated_delivery_of_a_refused_event_has_the_same_id() -> None:
    """A refused event without any id gets one from its bytes, the same at every delivery."""
    one, again = (INTAKE.segment("batch", b'{"batch":[{"type":5}]}', "web", NOW).refused[0].id for _ in range(2))
    assert one == again
    assert one.startswith("content:")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
PARTS = ["type", "userId", "anonymousId", "messageId", "event", "properties", "traits", "timestamp", "sentAt", "context", "groupId"]
WORDS = st.sampled_from(["track", "identify", "page", "group", "alias", "Order Completed", "2024-01-31T12:00:00Z", "u1"])


@given(st.lists(st.dictionaries(st.sampled_from(PARTS), JSON | WORDS) | JSON, max_size=4))
def test_every_message_is_accounted_for(messages: list[Any]) -> None:
    """Whatever messages a batch holds, each is accepted or quarantined, and a quarantined one keeps its bytes."""
    admitted = INTAKE.segment("batch", json.dumps({"batch": messages}).encode(), "web", NOW)
    assert len(messages) == len(admitted.accepted) + len(admitted.refused)
    assert all(json.loads(item.raw) in messages and item.reason and item.id for item in admitted.refused)
    assert [item.raw for item in admitted.refused] == [item.raw for item in INTAKE.resubmit(admitted.refused).refused]


ATTRIBUTES = st.sampled_from(["id", "source", "type", "specversion", "time", "data", "subject", "x"])


@given(st.lists(st.dictionaries(ATTRIBUTES, JSON | WORDS) | JSON))
def test_every_cloudevent_is_accounted_for(events: list[Any]) -> None:
    """Whatever a batch of CloudEvents holds, each is accepted or quarantined."""
    admitted = INTAKE.cloudevents([json.dumps(event).encode() for event in events], NOW)
    assert len(events) == len(admitted.accepted) + len(admitted.refused)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["batch", "track", "identify"]))
def test_no_body_is_fatal(body: bytes, kind: str) -> None:
    """Any bytes are taken in, or refused as a whole with the place or path of the fault."""
    try:
        INTAKE.segment(kind, body, "web", NOW)
    except BodyMalformed as error:
        assert 0 <= error.offset <= len(body)
    except BodyBroken as error:
        assert error.path.startswith("$")


@pytest.mark.parametrize("number", ["1e999999999999999999999", "9" * 5000, "-1e-999999999999999999999"])
def test_numbers_nobody_can_hold_are_refused(number: str) -> None:
    """A number with an absurd exponent or thousands of digits is refused like any other fault, wherever it stands."""
    placed = [f'"properties":{{"order_id":"o1","total":{number}}}', f'"userId":{number}', f'"messageId":{number}', f'"event":{number}']
    for part in placed:
        (item,) = INTAKE.segment("track", f'{{"event":"Order Completed","userId":"u1",{part}}}'.encode(), "web", NOW).refused
        assert item.reason
    raw = f'{{"specversion":"1.0","id":"1","source":"x","type":"order.placed","extension":{number}}}'
    assert 1 == len(INTAKE.cloudevents([raw.encode()], NOW).refused)


def test_half_a_character_is_refused() -> None:
    """An escape of half a surrogate pair is no text: the body is malformed there, even in a field that no contract reads."""
    for properties in (r'{"\ud800": 1}', r'{"x": "\ud800"}'):
        body = f'{{"userId":"u1","name":"Home","properties":{properties}}}'.encode()
        with pytest.raises(BodyMalformed) as caught:
            INTAKE.segment("page", body, "web", NOW)
        assert body.index(b"ud800") <= caught.value.offset <= len(body)


def test_invalid_text_is_not_smuggled_in() -> None:
    """Bytes that are not UTF-8 are refused even in a field that no contract reads."""
    body = b'{"event":"a.b",\n"userId":"u","properties":{"x":"\xff"}}'
    with pytest.raises(BodyMalformed, match=r"line 2, column 33 .*not UTF-8"):
        Intake([], {}, IntakePolicy(undeclared="accept")).segment("track", body, "web", NOW)
