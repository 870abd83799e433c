"""CloudEvents 1.0.2: what the specification requires of events, in JSON and over HTTP."""

import base64
import json
from typing import Any

import pytest

from pilotage.event.envelope import Event
from pilotage.event.time import parse_instant_us
from pilotage.source.body import BodyBroken, BodyMalformed
from pilotage.source.cloudevents import CloudEventRefused, read_batched, read_binary, read_structured, to_event

GOOD: dict[str, Any] = {"specversion": "1.0", "id": "e1", "source": "/billing", "type": "order.placed"}


def read(**changes: Any) -> Event:
    """The event of a good CloudEvent with changes; None removes nothing but is sent as null."""
    return to_event(json.dumps({**GOOD, **changes}).encode(), 7)


def test_all_attributes_are_taken() -> None:
    """Time, data, identifiers and trace context are read from a structured event."""
    found = read(
        time="2024-01-31T12:00:00.5+01:00", data={"total": 1}, userid="u1", anonymousid="a1", traceparent="00-a-b-01", partitionkey="x"
    )
    occurred = parse_instant_us("2024-01-31T11:00:00.5Z")
    assert Event("e1", "/billing", "order.placed", occurred, b'{"total": 1}', {"user_id": "u1", "anonymous_id": "a1"}, "00-a-b-01") == found


def test_the_subject_is_a_user_id_unless_one_is_given() -> None:
    """`subject` identifies the user where there is no `userid`; without a time the event happened when it was received."""
    assert {"user_id": "u9"} == read(subject="u9").identifiers
    assert {"user_id": "u1"} == read(subject="u9", userid="u1").identifiers
    assert {"user_id": "7"} == read(userid=7).identifiers
    assert {} == read().identifiers
    assert 7 == read().occurred_us


def test_null_attributes_are_absent() -> None:
    """Attributes that are null count as absent, as the JSON format says."""
    assert read() == read(time=None, subject=None, dataschema=None, datacontenttype=None, data=None)


def test_base64_data_are_json_too() -> None:
    """Data in Base64 whose content type is JSON are decoded."""
    encoded = base64.b64encode(b'{"total": 1}').decode()
    assert b'{"total": 1}' == read(data_base64=encoded, datacontenttype="application/vnd.shop+json; charset=utf-8").data


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": ""}, "$.id"),
        ({"id": None}, "$.id"),
        ({"id": 5}, "$.id"),
        ({"source": ""}, "$.source"),
        ({"source": "has space"}, "$.source"),
        ({"source": "%zz"}, "$.source"),
        ({"specversion": "0.3"}, "$.specversion"),
        ({"specversion": 1.0}, "$.specversion"),
        ({"type": ""}, "$.type"),
        ({"type": "a\u0000b"}, "$.type"),
        ({"type": "a\ufffe"}, "$.type"),
        ({"time": "2024-01-31"}, "$.time"),
        ({"time": "2024-01-31T12:00:00"}, "$.time"),
        ({"time": "2024-02-30T12:00:00Z"}, "$.time"),
        ({"time": 5}, "$.time"),
        ({"subject": ""}, "$.subject"),
        ({"dataschema": ""}, "$.dataschema"),
        ({"dataschema": "no-scheme"}, "$.dataschema"),
        ({"datacontenttype": "json"}, "$.datacontenttype"),
        ({"datacontenttype": "text/plain", "data": "x"}, "$.datacontenttype"),
        ({"data": {}, "data_base64": "e30="}, "$.data_base64"),
        ({"data_base64": "e30"}, "$.data_base64"),
        ({"data_base64": "e3*0="}, "$.data_base64"),
        ({"data_base64": 5}, "$.data_base64"),
        ({"data_base64": "W10="}, "$.data_base64"),
        ({"data": [1]}, "$.data"),
        ({"data": "x"}, "$.data"),
        ({"userId": "u1"}, "$.userId"),
        ({"user_id": "u1"}, "$.user_id"),
        ({"extension": {"a": 1}}, "$.extension"),
        ({"extension": [1]}, "$.extension"),
        ({"extension": 1.5}, "$.extension"),
        ({"extension": 2**31}, "$.extension"),
    ],
)
def test_what_breaks_the_specification_is_refused(changes: dict[str, Any], path: str) -> None:
    """Every rule a consumer can check is checked, and the refusal names the attribute."""
    with pytest.raises(CloudEventRefused) as caught:
        read(**changes)
    assert path == caught.value.path
    assert caught.value.cure


@pytest.mark.parametrize("name", GOOD)
def test_required_attributes_are_required(name: str) -> None:
    """An event without one of the four required attributes is refused."""
    with pytest.raises(CloudEventRefused) as caught:
        to_event(json.dumps({key: value for key, value in GOOD.items() if key != name}).encode(), 7)
    assert f"$.{name}" == caught.value.path


def test_binary_mode_is_the_same_event() -> None:
    """The same event in binary mode, with percent-encoded and quoted headers, is the same as in structured mode."""
    headers = [
        (b"content-type", b"application/json"),
        (b"ce-specversion", b"1.0"),
        (b"ce-id", b'"e1"'),
        (b"ce-source", b"/billing"),
        (b"ce-type", b"order.placed"),
        (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80"),
        (b"user-agent", b"x"),
    ]
    raw = read_binary(headers, b'{"total": 1}')
    assert read(subject="Euro € \U0001f600", data={"total": 1}, datacontenttype="application/json") == to_event(raw, 7)


def test_binary_headers_that_cannot_be_read_are_refused() -> None:
    """A header that is not UTF-8 once decoded, or given twice, refuses the request; data that are no JSON are located."""
    with pytest.raises(BodyBroken):
        read_binary([(b"ce-subject", b"%ff")], b"")
    with pytest.raises(BodyBroken):
        read_binary([(b"ce-id", b"1"), (b"ce-id", b"2")], b"")
    with pytest.raises(BodyMalformed):
        read_binary([(b"content-type", b"application/json")], b"{")


def test_binary_data_of_another_type_are_kept_and_refused() -> None:
    """Binary data that are no JSON are kept in the event, which is then refused for its content type."""
    raw = read_binary(
        [(b"content-type", b"image/png"), *((f"ce-{name}".encode(), value.encode()) for name, value in GOOD.items())], b"\x89P"
    )
    assert base64.b64encode(b"\x89P").decode() == json.loads(raw)["data_base64"]
    with pytest.raises(CloudEventRefused):
        to_event(raw, 7)


def test_batches_are_taken_apart() -> None:
    """A batched body is a JSON array, of which each event keeps its own bytes."""
    assert [b'{"a": 1}', b"2"] == read_batched(b'[{"a": 1}, 2]')
    with pytest.raises(BodyBroken):
        read_batched(b"{}")
    with pytest.raises(BodyMalformed):
        read_batched(b"[")
    with pytest.raises(BodyBroken):
        read_structured(b"[]")
