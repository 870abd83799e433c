"""Bad input at a running process: each kind gets its own 4xx problem, nothing crashes, and the counts add up."""

import base64
import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crash.world import Running, World, open_world

KEY = {"authorization": "Basic " + base64.b64encode(b"key-of-the-shop:").decode(), "content-type": "application/json"}
GOOD = {"type": "track", "userId": "u1", "messageId": "good", "event": "cart.added", "properties": {"sku": "s1"}}
CLOUD = {"specversion": "1.0", "id": "c1", "source": "/shop", "type": "cart.added", "subject": "u1", "data": {"sku": "s1"}}
BATCHED = {**KEY, "content-type": "application/cloudevents-batch+json"}
STRUCTURED = {**KEY, "content-type": "application/cloudevents+json"}
DEEP = "[" * 100_000


def track(**changes: Any) -> bytes:
    """The good event with something changed."""
    return json.dumps({**GOOD, **changes}).encode()


def zipped(raw: bytes) -> tuple[bytes, dict[str, str]]:
    """A body in gzip, and its headers."""
    return gzip.compress(raw), {**KEY, "content-encoding": "gzip"}


BAD: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "malformed JSON": ("/v1/track", b'{"type": "track", ', KEY, 400, "malformed-json"),
    "nothing at all": ("/v1/track", b"", KEY, 400, "malformed-json"),
    "only white space": ("/v1/track", b" \r\n\t", KEY, 400, "malformed-json"),
    "two documents": ("/v1/track", b"{}{}", KEY, 400, "malformed-json"),
    "not UTF-8": ("/v1/track", b'{"type":"track","userId":"\xff\xfe","event":"cart.added"}', KEY, 400, "malformed-json"),
    "not UTF-8 deep inside": ("/v1/track", track().replace(b'"s1"', b'"\xc3\x28"'), KEY, 400, "malformed-json"),
    "a raw NUL": ("/v1/track", b'{"type":"track",\x00"userId":"u"}', KEY, 400, "malformed-json"),
    "a list": ("/v1/track", b"[]", KEY, 400, "wrong-body"),
    "a number": ("/v1/track", b"17", KEY, 400, "wrong-body"),
    "null": ("/v1/batch", b"null", KEY, 400, "wrong-body"),
    "a batch that is no list": ("/v1/batch", b'{"batch": {}}', KEY, 400, "wrong-body"),
    "a batch without its list": ("/v1/batch", b"{}", KEY, 400, "wrong-body"),
    "a batch of numbers": ("/v1/batch", b'{"batch": [1, 2]}', KEY, 422, "events-quarantined"),
    "nested too deeply": ("/v1/track", track().replace(b'"s1"', (DEEP + "]" * 100_000).encode()), KEY, 413, "too-large"),
    "nested deeply within the size": ("/v1/track", track().replace(b'"s1"', b"[" * 5_000 + b"]" * 5_000), KEY, 400, ""),
    "an event of a megabyte": ("/v1/track", track(properties={"sku": "x" * 1_000_000}), KEY, 413, "too-large"),
    "a batch of a megabyte": ("/v1/batch", b'{"batch": [' + b" " * 1_000_000 + b"]}", KEY, 413, "too-large"),
    "one event too large in a batch": (
        "/v1/batch",
        b'{"batch": [' + track(properties={"sku": "x" * 40_000}) + b"]}",
        KEY,
        422,
        "events-quarantined",
    ),
    "a gzip bomb": ("/v1/batch", *zipped(b" " * 300_000_000), 413, "too-large"),
    "no gzip": ("/v1/track", b"this is no gzip", {**KEY, "content-encoding": "gzip"}, 400, "malformed-gzip"),
    "half a gzip": ("/v1/track", zipped(track())[0][:-9], {**KEY, "content-encoding": "gzip"}, 400, "malformed-gzip"),
    "another encoding": ("/v1/track", track(), {**KEY, "content-encoding": "br"}, 415, "content-type"),
    "no write key": ("/v1/track", track(), {"content-type": "application/json"}, 401, "write-key"),
    "a wrong write key": (
        "/v1/track",
        track(),
        {**KEY, "authorization": "Basic " + base64.b64encode(b"nobody:").decode()},
        401,
        "write-key",
    ),
    "a write key that is no base64": ("/v1/track", track(), {**KEY, "authorization": "Basic ~~~~"}, 401, "write-key"),
    "another scheme": ("/v1/track", track(), {**KEY, "authorization": "Digest username=key-of-the-shop"}, 401, "write-key"),
    "a wrong type": ("/v1/track", track(properties={"sku": 17}), KEY, 422, "events-quarantined"),
    "a missing field": ("/v1/track", track(properties={}), KEY, 422, "events-quarantined"),
    "an unknown event": ("/v1/track", track(event="unheard.of"), KEY, 422, "events-quarantined"),
    "no name": ("/v1/track", track(event=None), KEY, 422, "events-quarantined"),
    "nobody": ("/v1/track", track(userId=None), KEY, 422, "events-quarantined"),
    "properties that are no object": ("/v1/track", track(properties=[1]), KEY, 422, "events-quarantined"),
    "from the future": ("/v1/track", track(timestamp="2099-01-01T00:00:00Z"), KEY, 422, "events-quarantined"),
    "from the middle ages": ("/v1/track", track(timestamp="1066-10-14T09:00:00Z"), KEY, 422, "events-quarantined"),
    "no time": ("/v1/track", track(timestamp="yesterday"), KEY, 422, "events-quarantined"),
    "a month thirteen": ("/v1/track", track(timestamp="2026-13-01T00:00:00Z"), KEY, 422, "events-quarantined"),
    "a time that is a list": ("/v1/track", track(timestamp=[2026]), KEY, 422, "events-quarantined"),
    "no endpoint": ("/v1/nowhere", track(), KEY, 404, "not-found"),
    "a CloudEvent of version 0.3": ("/events", json.dumps({**CLOUD, "specversion": "0.3"}).encode(), STRUCTURED, 422, "events-quarantined"),
    "a CloudEvent without id": ("/events", json.dumps({**CLOUD, "id": ""}).encode(), STRUCTURED, 422, "events-quarantined"),
    "a CloudEvent batch that is none": ("/events", json.dumps(CLOUD).encode(), BATCHED, 400, "wrong-body"),
    "a CloudEvent without its headers": ("/events", b"{}", KEY, 415, "content-type"),
    "a CloudEvent in XML": ("/events", b"<event/>", {**KEY, "content-type": "application/cloudevents+xml"}, 415, "content-type"),
}
"""Name → path, body, headers, the status, and the name of the problem (empty: any)."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running process that all of the bad input goes to."""
    with open_world(tmp_path_factory.mktemp("bad")) as world:
        world.running.start()
        world.running.wait_ready()
        yield world
        assert 0 == world.running.stop(), world.running.words()[-3000:]


def post(running: Running, path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> tuple[int, str, dict[str, Any]]:
    """Status, content type and JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        raw = answer.read()
        return answer.status, answer.headers.get_content_type(), json.loads(raw) if raw else {}
    finally:
        connection.close()


@pytest.mark.parametrize("name", sorted(BAD))
def test_each_kind_of_bad_input_has_its_own_problem(world: World, name: str) -> None:
    """Bad input is answered with a 4xx problem that names the fault and says what to do; the next good event is taken."""
    path, body, headers, status, code = BAD[name]
    kept = len(quarantined(world.running))
    found, media_type, said = post(world.running, path, body, headers)
    assert (status, "application/problem+json") == (found, media_type), said
    assert status == said["status"]
    assert said["type"].startswith("urn:pilotage:problem:")
    assert not code or said["type"] == f"urn:pilotage:problem:{code}"
    assert len(said["title"]) > 10
    assert len(said["detail"]) > 20
    now = len(quarantined(world.running))
    assert said.get("quarantined", 0) == now - kept
    assert (status == 422) is (now > kept)
    if status == 422:
        assert all(each["reason"] and each["cure"] and each["path"].startswith("$") for each in said["errors"]), said
    taken, _, counts = post(world.running, "/v1/track", track(messageId=f"after {name}"), KEY)
    assert (200, 1, 0) == (taken, counts["accepted"], counts["quarantined"])


def quarantined(running: Running) -> list[dict[str, Any]]:
    """The rows of the quarantine."""
    rows: list[dict[str, Any]] = running.get("/api/v1/quarantine?limit=1000")["rows"]
    return rows


def test_the_good_events_of_a_batch_are_taken(world: World) -> None:
    """In a batch with bad events the good ones are accepted, the bad ones kept with reasons, and the counts add up."""
    batch = [json.loads(track(messageId=f"mixed {n}", properties={"sku": n if n % 3 == 0 else str(n)})) for n in range(30)]
    status, _, said = post(world.running, "/v1/batch", json.dumps({"batch": batch}).encode(), KEY)
    assert (200, 20, 0, 10) == (status, said["accepted"], said["duplicates"], said["quarantined"])
    assert {f"mixed {n}" for n in range(0, 30, 3)} == {each["id"] for each in said["errors"]}
    status, _, said = post(world.running, "/v1/batch", json.dumps({"batch": batch}).encode(), KEY)
    assert (200, 0, 20) == (status, said["accepted"], said["duplicates"])


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\u202e", "\U0001f600", "x" * 20_000, "'; drop table subjects; --", "{{ trigger.sku }}", "../../etc"]
)
def test_strange_text_is_text(world: World, text: str) -> None:
    """NUL, right-to-left marks, templates and long names in values and identifiers are either taken as they are or refused."""
    for changes in ({"properties": {"sku": text}}, {"userId": text}, {"messageId": text}):
        status, _, said = post(world.running, "/v1/track", track(**{"messageId": f"strange {text[:9]} {list(changes)}", **changes}), KEY)
        assert status in (200, 422), said
    assert 200 == world.running.status("/readyz")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(world: World, method: str) -> None:
    """Events are sent with POST; anything else is answered with 405."""
    assert 405 == post(world.running, "/v1/track", b"", KEY, method)[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0" * 5_000,
    ],
)
def test_what_is_no_http_does_no_harm(world: World, raw: bytes) -> None:
    """Bytes that are no HTTP, and a sender that goes away in the middle, leave the process taking events."""
    with socket.create_connection(("127.0.0.1", world.running.port), timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
    status, _, _ = post(world.running, "/v1/track", track(messageId=f"after {raw[:20]!r}"), KEY)
    assert 200 == status


def test_what_was_said_and_what_is_counted_agree(world: World) -> None:
    """After all that, what the metrics count as quarantined is what the quarantine holds, and no fault was logged."""
    rows = quarantined(world.running)
    kinds = world.running.get("/api/v1/quarantine?limit=1")["kinds"]
    assert len(rows) == sum(kind["refused"] for kind in kinds)
    assert "Traceback" not in world.running.words()
