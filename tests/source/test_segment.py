"""The Segment tracking API: messages, batches, names and times."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.envelope import Event
from pilotage.event.time import SECOND_US, parse_instant_us
from pilotage.source.body import BodyBroken, BodyMalformed
from pilotage.source.segment import (
    MessageRefused,
    default_type,
    may_hold_larger,
    occurred_us,
    read_batch,
    read_message,
    read_raw_batch,
    read_single,
    to_event,
)

NOW = parse_instant_us("2024-01-31T12:00:00Z")


def message(**parts: Any) -> bytes:
    """A message of user u1 as JSON."""
    return json.dumps({"userId": "u1", "messageId": "m1", **parts}).encode()


def event(names: dict[str, str] | None = None, **parts: Any) -> Event:
    """The event of a message of user u1."""
    return to_event(read_message(message(**parts)), "web", names or {}, NOW)


def refusal(**parts: Any) -> tuple[str, str]:
    """Path and reason with which a message of user u1 is refused."""
    with pytest.raises(MessageRefused) as caught:
        event(**parts)
    return caught.value.path, caught.value.reason


def test_track_becomes_an_event() -> None:
    """A track message is an event of the mapped type with its properties as data, byte for byte."""
    raw = b'{"type":"track","userId":7,"anonymousId":"a1","messageId":"m1","event":"Done","properties":{"total": 1.50},"integrations":{}}'
    expected = Event("m1", "web", "order.placed", NOW, b'{"total": 1.50}', {"user_id": "7", "anonymous_id": "a1"}, "00-1-2-01")
    assert expected == to_event(read_message(raw), "web", {"Done": "order.placed"}, NOW, "00-1-2-01")


@pytest.mark.parametrize(
    ("parts", "event_type", "data"),
    [
        ({"type": "track", "event": "Order Completed"}, "order_completed", {}),
        ({"type": "track", "event": "cart.added", "properties": None}, "cart.added", {}),
        ({"type": "identify", "traits": {"email": "x"}}, "customer.identified", {"email": "x"}),
        ({"type": "identify", "context": {"traits": {"email": "x"}}}, "customer.identified", {"email": "x"}),
        ({"type": "track", "event": "a.b", "context": {"traits": {"email": "x"}}}, "a.b", {}),
        ({"type": "page", "name": "Home", "properties": {"url": "/"}}, "page.viewed", {"name": "Home", "url": "/"}),
        ({"type": "page", "name": "Home", "properties": {"name": "Start"}}, "page.viewed", {"name": "Start"}),
        ({"type": "screen", "name": "Cart", "category": "shop"}, "screen.viewed", {"name": "Cart", "category": "shop"}),
        ({"type": "group", "groupId": 5, "traits": {"plan": "pro"}}, "customer.grouped", {"group_id": "5", "plan": "pro"}),
        ({"type": "alias", "previousId": "a1"}, "customer.aliased", {"previous_id": "a1"}),
    ],
)
def test_each_kind_of_message_has_its_event_type(parts: dict[str, Any], event_type: str, data: dict[str, Any]) -> None:
    """Every kind of message becomes its event type, with traits, names and groups in the data."""
    found = event(**parts)
    assert (event_type, data) == (found.type, json.loads(found.data))


def test_an_alias_identifies_by_both_ids() -> None:
    """An alias carries the user id and the previous id, so that identity can link them."""
    assert {"user_id": "u1", "previous_id": "a1"} == event(type="alias", previousId="a1").identifiers


@pytest.mark.parametrize(
    ("parts", "path", "reason"),
    [
        ({"type": "foo"}, "$.type", "'foo' is no type of message"),
        ({}, "$.type", "the message has no type"),
        ({"type": "track"}, "$.event", "the track message has no event name"),
        ({"type": "track", "event": "a.b", "properties": [1]}, "$.properties", "expected an object"),
        ({"type": "track", "event": 7}, "$.event", "expected string, got integer"),
        ({"type": "track", "event": "a.b", "timestamp": "noon"}, "$.timestamp", "invalid RFC3339 encoded datetime"),
        ({"type": "track", "event": "a.b", "userId": None}, "$.userId", "the message has neither a userId nor an anonymousId"),
        ({"type": "identify", "traits": "x"}, "$.traits", "expected an object"),
        ({"type": "group"}, "$.groupId", "the group message names no group"),
        ({"type": "alias"}, "$.previousId", "the alias message has no previous id"),
        ({"type": "alias", "previousId": "a", "userId": None, "anonymousId": "b"}, "$.userId", "the alias message has no user id"),
    ],
)
def test_a_message_against_the_spec_is_refused(parts: dict[str, Any], path: str, reason: str) -> None:
    """A message that lacks what the spec asks for, or has it in another type, is refused with the path."""
    assert (path, reason) == refusal(**parts)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, "2024-01-31T12:00:00Z"),
        ({"timestamp": "2024-01-31T11:00:00Z"}, "2024-01-31T11:00:00Z"),
        ({"timestamp": "2024-01-31T11:00:00"}, "2024-01-31T11:00:00Z"),
        ({"timestamp": "2024-01-31T15:00:00Z", "sentAt": "2024-01-31T15:00:10Z"}, "2024-01-31T11:59:50Z"),
        (
            {"originalTimestamp": "2024-01-31T15:00:00Z", "timestamp": "2001-01-01T00:00:00Z", "sentAt": "2024-01-31T15:00:10Z"},
            "2024-01-31T11:59:50Z",
        ),
        ({"sentAt": "2024-01-31T15:00:10Z"}, "2024-01-31T12:00:00Z"),
    ],
)
def test_the_senders_clock_is_corrected(times: dict[str, str], expected: str) -> None:
    """A message happened as long before it was received as its timestamp lies before its sending, whatever the sender's clock."""
    assert parse_instant_us(expected) == occurred_us(read_message(message(type="track", event="a.b", **times)), None, NOW)


def test_the_batch_says_when_it_was_sent() -> None:
    """The time of sending of a batch counts for its messages that name none."""
    body = b'{"batch":[%s],"sentAt":"2024-01-31T15:00:10Z"}' % message(type="track", event="a.b", timestamp="2024-01-31T15:00:00Z")
    (found,), sent_us = read_batch(body)
    assert not isinstance(found, MessageRefused)
    assert NOW - 10 * SECOND_US == occurred_us(found, sent_us, NOW)


def test_one_bad_message_does_not_spoil_a_batch() -> None:
    """In a batch with a message that cannot be read the others are read, and each keeps its bytes."""
    good, bad = message(type="track", event="a.b"), b'{"type": "track", "event": 7}'
    found, _ = read_batch(b'{"batch":[%s, %s]}' % (good, bad))
    assert [False, True] == [isinstance(each, MessageRefused) for each in found]
    assert [good, bad] == read_raw_batch(b'{"batch":[%s, %s]}' % (good, bad))[0]


def test_a_message_without_id_gets_one_from_its_content() -> None:
    """Without a message id the id is minted from the content: the same for a retry, another for another message."""
    one, again, other = (
        event(type="track", event="a.b", messageId=None, properties={"n": n}, timestamp="2024-01-31T11:00:00Z").id for n in (1, 1, 2)
    )
    assert one == again != other


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Order Completed", "order_completed"), ("Sign-Up  Done", "sign_up_done"), ("Order.Placed", "Order.Placed"), ("x", "x")],
)
def test_unmapped_names_become_types(name: str, expected: str) -> None:
    """A name no contract maps is put in lower case with underscores, unless it has a dot."""
    assert expected == default_type(name)


@pytest.mark.parametrize(
    ("body", "line", "column", "offset"),
    [(b"{", 1, 2, 1), (b'{"batch":\n [1,}', 2, 5, 14), (b"", 1, 1, 0)],
)
def test_malformed_json_is_located(body: bytes, line: int, column: int, offset: int) -> None:
    """A body that is no JSON is refused with line, column and byte."""
    with pytest.raises(BodyMalformed) as caught:
        read_batch(body)
    assert (line, column, offset) == (caught.value.line, caught.value.column, caught.value.offset)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"batch":1}', b'{"batch":[],"sentAt":7}', b'{"batch":' + b"[" * 100_000])
def test_a_body_that_is_no_batch_is_refused(body: bytes) -> None:
    """JSON that is no batch is refused as a whole."""
    with pytest.raises(BodyBroken):
        read_batch(body)


def test_a_single_message_takes_its_type_from_the_endpoint() -> None:
    """A message sent to /v1/track is a track message without saying so, and what is no object is refused as a whole."""
    found = read_single(message(event="a.b"), "track")
    assert not isinstance(found, MessageRefused)
    assert "track" == found.type
    with pytest.raises(BodyBroken):
        read_single(b"[]", "track")


objects = st.dictionaries(st.text(max_size=3), st.text(max_size=40) | st.integers(), max_size=4)
odd = st.just({"properties": "x" * 30, "userId": ["no id"]})


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(("properties", "traits", "context", "more"), objects)) | odd), st.data())
def test_no_large_message_goes_unseen(parts: list[Any], data: st.DataObject) -> None:
    """A body in which no message is said to be larger than a limit has none that is; one of many alike is not said to have any."""
    body = json.dumps({"batch": parts}).encode()
    sizes = [len(raw) for raw in read_raw_batch(body)[0]]
    limit = data.draw(st.integers(0, max(sizes, default=0)))
    larger = any(size > limit for size in sizes)
    assert may_hold_larger(limit, len(body), read_batch(body)[0]) or not larger


def test_a_body_of_many_alike_need_not_be_cut() -> None:
    """A hundred messages with contexts as browsers send them are known to be small without a look at each."""
    body = json.dumps({"batch": [{"userId": f"u{n}", "messageId": f"m{n}", "context": {"agent": "x" * 400}} for n in range(100)]}).encode()
    assert not may_hold_larger(32 * 1024, len(body), read_batch(body)[0])
    assert len(body) > 32 * 1024
