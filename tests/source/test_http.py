"""The HTTP intake, asked directly and over a real server by Segment's own client."""

import asyncio
import base64
import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from segment.analytics.client import Client

from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.envelope import Event
from pilotage.event.time import parse_instant_us
from pilotage.source.http import Ingest
from pilotage.source.intake import Intake, IntakePolicy
from pilotage.source.quarantine import Quarantined
from pilotage.source.sink import Overloaded, Submitted, Unavailable

NOW = parse_instant_us("2024-01-31T12:00:00Z")
ORDER = Contract("order.placed", "1", (FieldSpec("order_id", "string", required=True), FieldSpec("total", "number")), open=False)
INTAKE = Intake([ORDER], {"Order Completed": "order.placed"})
KEYS = {"key-web": "web", "key-app": "app"}
TRACK = {"type": "track", "userId": "u1", "messageId": "m1", "event": "Order Completed", "properties": {"order_id": "o1"}}
CLOUDEVENT = {"specversion": "1.0", "id": "e1", "source": "/x", "type": "order.placed", "subject": "u1", "data": {"order_id": "o1"}}


class Kept:
    """A sink in memory that recognises what it has already, and can be told to fail."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], Event] = {}
        self.refused: list[Quarantined] = []
        self.failure: Exception | None = None

    async def submit(self, accepted: Sequence[Event], refused: Sequence[Quarantined]) -> Submitted:
        """Keep everything, or raise the failure."""
        if self.failure:
            raise self.failure
        known = sum((event.source, event.id) in self.events for event in accepted)
        self.events.update({(event.source, event.id): event for event in accepted})
        self.refused.extend(refused)
        return Submitted(accepted=len(accepted), quarantined=len(refused), duplicates=known)


def ask(
    path: str,
    body: Any = b"",
    *,
    sink: Kept | None = None,
    method: str = "POST",
    key: str | None = "key-web",
    intake: Intake = INTAKE,
    origins: tuple[str, ...] = ("*",),
    **headers: str,
) -> httpx.Response:
    """The answer of a fresh intake to one request; JSON values are encoded, header names take `_` for `-`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key is not None:
        sent.setdefault("authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
    app = Ingest(intake, KEYS, sink or Kept(), lambda: NOW, origins)

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pilotage") as client:
            return await client.request(method, path, content=content, headers=sent)

    return asyncio.run(request())


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem of a response, with what every problem has checked."""
    assert status == response.status_code, response.text
    assert "application/problem+json" == response.headers["content-type"]
    said: dict[str, Any] = response.json()
    assert (f"urn:pilotage:problem:{name}", status, name) == (said["type"], said["status"], said["code"])
    assert said["title"]
    assert said["detail"]
    return said


def test_a_batch_is_stored_and_counted() -> None:
    """A batch is answered with success and counts, and its events come from the write key's source."""
    sink = Kept()
    body = {"batch": [TRACK, {**TRACK, "messageId": "m2"}], "sentAt": "2024-01-31T12:00:00Z"}
    first = ask("/v1/batch", body, sink=sink)
    assert (200, {"success": True, "accepted": 2, "duplicates": 0, "quarantined": 0, "dropped": 0}) == (first.status_code, first.json())
    assert [("web", "m1"), ("web", "m2")] == list(sink.events)
    again = ask("/v1/batch", body, sink=sink).json()
    assert (0, 2) == (again["accepted"], again["duplicates"])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("identify", {"traits": {"email": "x@example.com"}}),
        ("track", {"event": "Order Completed", "properties": {"order_id": "o1"}}),
        ("page", {"name": "Home"}),
        ("screen", {"name": "Home"}),
        ("group", {"groupId": "g1"}),
        ("alias", {"previousId": "a1"}),
    ],
)
def test_each_endpoint_takes_its_kind(kind: str, body: dict[str, Any]) -> None:
    """Each of the six single endpoints takes a message of its kind without its type being said."""
    sink = Kept()
    response = ask(
        f"/v1/{kind}", {"userId": "u1", "messageId": "m1", **body}, sink=sink, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    )
    assert (200, True) == (response.status_code, response.json()["success"])
    assert ["00-" + "a" * 32 + "-" + "b" * 16 + "-01"] == [event.traceparent for event in sink.events.values()]


def test_bad_events_of_a_batch_are_listed() -> None:
    """A batch with a bad event succeeds for the others and lists what is wrong with it."""
    sink = Kept()
    said = ask("/v1/batch", {"batch": [TRACK, {**TRACK, "messageId": "m2", "properties": {"order_id": 5}}]}, sink=sink).json()
    assert (True, 1, 1) == (said["success"], said["accepted"], said["quarantined"])
    assert [("m2", "$.order_id", "expected string, got integer")] == [(e["id"], e["path"], e["reason"]) for e in said["errors"]]
    assert ["m2"] == [item.id for item in sink.refused]


def test_a_request_of_bad_events_only_is_a_problem() -> None:
    """If every event of a request is refused the answer is 422 with an error for each, and all are kept."""
    sink = Kept()
    said = problem(ask("/v1/track", {**TRACK, "properties": {}}, sink=sink), 422, "events-quarantined")
    assert ["$.order_id"] == [error["path"] for error in said["errors"]]
    assert (0, 1, 1) == (said["accepted"], said["quarantined"], len(sink.refused))


def test_gzip_is_read() -> None:
    """A gzipped body is read like a plain one, also in several members."""
    body = json.dumps({"batch": [TRACK]}).encode()
    assert 200 == ask("/v1/batch", gzip.compress(body), content_encoding="gzip").status_code
    assert 200 == ask("/v1/batch", gzip.compress(body[:9]) + gzip.compress(body[9:]), content_encoding="gzip").status_code


def test_a_compression_bomb_is_defused() -> None:
    """A small body that would decompress to 50 MB is refused as too large, not decompressed."""
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 500 * 1024
    tracemalloc.start()
    try:
        said = problem(ask("/v1/batch", bomb, content_encoding="gzip"), 413, "too-large")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 512_000 == said["limit"]
    assert peak_bytes < 5_000_000


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b'{"batch":[]}')[:-4], gzip.compress(b"{}") + b"rest"],
    ids=["no gzip", "cut off", "more behind it"],
)
def test_broken_gzip_is_refused(body: bytes) -> None:
    """A body that is not the gzip it claims to be is refused."""
    problem(ask("/v1/batch", body, content_encoding="gzip"), 400, "malformed-gzip")


@pytest.mark.parametrize(("path", "size"), [("/v1/batch", 512_001), ("/v1/track", 32_769), ("/events", 32_769)])
def test_large_bodies_are_refused(path: str, size: int) -> None:
    """A batch of more than 500 KB and an event of more than 32 KB are refused, told or untold length."""
    problem(
        ask(path, b" " * size, content_type="application/cloudevents+json" if path == "/events" else "application/json"), 413, "too-large"
    )


def test_malformed_json_is_located() -> None:
    """A body that is no JSON is answered with line, column and byte, and nothing is stored."""
    sink = Kept()
    said = problem(ask("/v1/batch", b'{"batch":\n [1,}', sink=sink), 400, "malformed-json")
    assert (2, 5, 14) == (said["line"], said["column"], said["offset"])
    assert {} == sink.events


@pytest.mark.parametrize("body", [b"[]", b'{"batch": 5}', b"{}"])
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    """JSON that is no batch is answered with the path of what is wrong."""
    assert problem(ask("/v1/batch", body), 400, "wrong-body")["errors"][0]["path"].startswith("$")


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"wrong:").decode(), "Bearer wrong", "Digest key-web"]
)
@pytest.mark.parametrize("path", ["/v1/track", "/events"])
def test_a_write_key_is_needed(path: str, header: str | None) -> None:
    """Without a known write key the answer is 401 with a challenge."""
    response = ask(path, TRACK, key=None, **({} if header is None else {"authorization": header}))
    problem(response, 401, "write-key")
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_a_write_key_may_be_a_bearer_token() -> None:
    """A write key is accepted as Bearer token too, and names its source."""
    sink = Kept()
    assert 200 == ask("/v1/track", TRACK, sink=sink, authorization="Bearer key-app").status_code
    assert [("app", "m1")] == list(sink.events)


def test_methods_paths_and_types_are_checked() -> None:
    """Another method is 405 with Allow, an unknown path 404, an unreadable type or encoding 415."""
    wrong = ask("/v1/track", method="GET")
    problem(wrong, 405, "method")
    assert "POST, OPTIONS" == wrong.headers["allow"]
    problem(ask("/v1/unknown", TRACK), 404, "not-found")
    problem(ask("/v1/track", TRACK, content_type="application/xml"), 415, "content-type")
    problem(ask("/v1/track", TRACK, content_type="application/json; charset=utf-16"), 415, "content-type")
    problem(ask("/v1/track", TRACK, content_encoding="br"), 415, "content-type")
    problem(ask("/events", CLOUDEVENT), 415, "content-type")
    problem(ask("/events", CLOUDEVENT, content_type="application/cloudevents+avro"), 415, "content-type")
    assert b"" == ask("/v1/track", method="HEAD").content


def test_an_overloaded_sink_asks_for_patience() -> None:
    """When the sink is overloaded the answer is 429 with whole seconds in Retry-After; when it cannot store, 503."""
    sink = Kept()
    sink.failure = Overloaded(1.2)
    response = ask("/v1/track", TRACK, sink=sink)
    problem(response, 429, "overloaded")
    assert "2" == response.headers["retry-after"]
    sink.failure = Unavailable("the disk is full")
    assert "the disk is full" in problem(ask("/v1/track", TRACK, sink=sink), 503, "unavailable")["detail"]


def test_browsers_may_send() -> None:
    """A preflight is answered without a write key, and answers can be read by the origins that are allowed."""
    preflight = ask(
        "/v1/track", method="OPTIONS", key=None, origin="https://shop.example", access_control_request_headers="authorization,content-type"
    )
    assert (204, "*") == (preflight.status_code, preflight.headers["access-control-allow-origin"])
    assert "authorization,content-type" == preflight.headers["access-control-allow-headers"]
    allowed = ask("/v1/track", TRACK, origin="https://shop.example", origins=("https://shop.example",))
    assert ("https://shop.example", "Origin") == (allowed.headers["access-control-allow-origin"], allowed.headers["vary"])
    assert (
        "access-control-allow-origin"
        not in ask("/v1/track", TRACK, origin="https://evil.example", origins=("https://shop.example",)).headers
    )


def test_cloudevents_are_taken_in_all_three_modes() -> None:
    """The same CloudEvent is taken in structured, binary and batched mode, and answered with 204."""
    sink = Kept()
    attributes = {f"ce_{name}": value for name, value in CLOUDEVENT.items() if isinstance(value, str)}
    assert 204 == ask("/events", CLOUDEVENT, sink=sink, content_type="application/cloudevents+json; charset=UTF-8").status_code
    assert 204 == ask("/events", CLOUDEVENT["data"], sink=sink, **{**attributes, "ce_id": "e2"}).status_code
    batched = [CLOUDEVENT, {**CLOUDEVENT, "id": "e3"}]
    assert 204 == ask("/events", batched, sink=sink, content_type="application/cloudevents-batch+json").status_code
    assert [("/x", "e1"), ("/x", "e2"), ("/x", "e3")] == list(sink.events)
    assert 1 == len({(event.type, json.dumps(json.loads(event.data)), event.identifiers["user_id"]) for event in sink.events.values()})


def test_bad_cloudevents_are_told() -> None:
    """A bad CloudEvent alone is 422; beside good ones the answer is 202 with the errors."""
    bad = {**CLOUDEVENT, "id": "e2", "specversion": "0.3"}
    problem(ask("/events", bad, content_type="application/cloudevents+json"), 422, "events-quarantined")
    some = ask("/events", [CLOUDEVENT, bad], content_type="application/cloudevents-batch+json")
    assert (202, 1, "$.specversion") == (some.status_code, some.json()["accepted"], some.json()["errors"][0]["path"])


def test_a_client_that_goes_away_changes_nothing() -> None:
    """A request whose client disconnects before it is complete stores nothing and is not answered."""
    sink = Kept()
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b'{"userId":', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    key = base64.b64encode(b"key-web:")
    scope = {"type": "http", "method": "POST", "path": "/v1/track", "headers": [(b"authorization", b"Basic " + key)]}
    asyncio.run(Ingest(INTAKE, KEYS, sink, lambda: NOW)(scope, receive, send))
    assert ([], {}, []) == (sent, sink.events, sink.refused)


@contextmanager
def serving(app: Ingest) -> Iterator[str]:
    """A real server on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("zipped", [False, True])
def test_segments_own_client_is_understood(zipped: bool) -> None:
    """Every call of the unmodified Segment client for Python arrives, plain and gzipped, with its own message id."""
    sink = Kept()
    errors: list[Any] = []
    contracts = [Contract(event, "1", (), open=True) for event in ("order.placed", "customer.identified", "customer.grouped")]
    app = Ingest(Intake(contracts, INTAKE.segment_names), KEYS, sink, lambda: time.time_ns() // 1000)
    with serving(app) as url:
        client = Client(
            "key-app", host=url, gzip=zipped, upload_interval=0.01, on_error=lambda error, _: errors.append(error), max_retries=0
        )
        client.identify("u1", {"email": "ann@example.com"})
        for number in range(250):
            client.track("u1", "Order Completed", {"order_id": f"o{number}", "total": 12.5})
        client.page("u1", "shop", "Home", {"url": "/"})
        client.screen("u1", "shop", "Cart")
        client.group("u1", "g1", {"plan": "pro"})
        client.alias("a1", "u1")
        client.shutdown()
    assert [] == errors
    assert [] == sink.refused
    types = [event.type for event in sink.events.values()]
    assert 250 == types.count("order.placed")
    assert {"customer.identified", "customer.grouped", "customer.aliased", "page.viewed", "screen.viewed", "order.placed"} == set(types)
    assert {"app"} == {source for source, _ in sink.events}
    aliased = next(event for event in sink.events.values() if event.type == "customer.aliased")
    assert {"user_id": "u1", "previous_id": "a1"} == aliased.identifiers


def test_segments_own_client_is_told_what_is_wrong() -> None:
    """The unmodified Segment client hands an application the reason why its event was quarantined."""
    errors: list[Any] = []
    with serving(Ingest(Intake([ORDER], {}, IntakePolicy()), KEYS, Kept(), lambda: time.time_ns() // 1000)) as url:
        client = Client("key-app", host=url, on_error=lambda error, _: errors.append(str(error)), max_retries=0, sync_mode=False)
        client.track("u1", "order.placed", {"order_id": 5})
        client.shutdown()
    assert "$.order_id: expected string, got integer" in errors[0]
