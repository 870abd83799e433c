"""The HTTP intake: a raw ASGI application for the Segment tracking API and CloudEvents.

It reads a request with bounded memory, lets `Intake` decide about each event, hands both kinds to the sink, and answers
only when the sink says that all of it is durable. A request that is wrong as a whole gets a problem that says where and
what to do; events that are wrong are kept in quarantine and listed in the answer.
"""

import base64
import binascii
import hmac
import re
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any

from pilotage.source import cloudevents, problem, segment
from pilotage.source.body import BodyBroken, BodyMalformed
from pilotage.source.intake import Admitted, Intake
from pilotage.source.problem import Reply
from pilotage.source.quarantine import Quarantined
from pilotage.source.sink import Overloaded, Sink, Submitted, Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SEGMENT_PATHS = {f"/v1/{kind}": kind for kind in (*segment.KINDS, "batch")}
_CLOUDEVENTS_PATH = "/events"
_SEGMENT_TYPES = ("", "application/json", "text/plain")
_HEADER_LIST = re.compile(r"[A-Za-z0-9\-, ]*")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class _Refuse(Exception):
    """Leave the handling of a request with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class _Disconnected(Exception):
    """The client went away before its request was complete; nothing of it was taken in."""


class WriteKeys:
    """The write keys of the sources. Looked up by digest, then compared in constant time."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._by_digest = {_digest(key.encode()): (key.encode(), source) for key, source in sources.items() if key}

    def source(self, authorization: bytes) -> str | None:
        """The source whose key the header carries, as Basic user name or Bearer token; None if it carries no valid one."""
        key = _presented_key(authorization)
        known = self._by_digest.get(_digest(key))
        return known[1] if known and hmac.compare_digest(known[0], key) else None


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=32).digest()


def _presented_key(authorization: bytes) -> bytes:
    scheme, _, credentials = authorization.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip()
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return b""


class Ingest:
    """The ASGI application.

    `write_keys` maps each key to the name of its source; `now_us` is the clock that stamps requests; `origins` are the web
    origins browsers may send from (`*`: any). `intake` and `keys` may be replaced while it runs, when contracts or keys
    change. `answered` counts answers by endpoint and status.
    """

    def __init__(
        self, intake: Intake, write_keys: Mapping[str, str], sink: Sink, now_us: Callable[[], int], origins: Iterable[str] = ("*",)
    ) -> None:
        self.intake = intake
        self.keys = WriteKeys(write_keys)
        self.answered: Counter[tuple[str, int]] = Counter()
        self._sink = sink
        self._now_us = now_us
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1000})
        headers = _headers(scope["headers"])
        try:
            reply = await self._answer(scope, headers, receive)
        except _Refuse as refused:
            reply = refused.reply
        except _Disconnected:
            return None
        known = scope["path"] in _SEGMENT_PATHS or scope["path"] == _CLOUDEVENTS_PATH
        self.answered[scope["path"] if known else "unknown", reply.status] += 1
        await _respond(send, reply, self._cors(headers), scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        path, method = scope["path"], scope["method"]
        kind = _SEGMENT_PATHS.get(path)
        if kind is None and path != _CLOUDEVENTS_PATH:
            return problem.not_found(path)
        if method == "OPTIONS":
            return _preflight(headers)
        if method != "POST":
            return problem.wrong_method(method)
        source = self.keys.source(headers.get(b"authorization", b""))
        if source is None:
            return problem.unauthorized()
        try:
            if kind is None:
                return await self._cloudevents(scope["headers"], headers, receive)
            return await self._segment(kind, source, headers, receive)
        except (BodyMalformed, BodyBroken) as error:
            return problem.body_problem(error)
        except Overloaded as error:
            return problem.overloaded(error.retry_after_s)
        except Unavailable as error:
            return problem.unavailable(error.reason)

    async def _segment(self, kind: str, source: str, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        media_type, charset = _media_type(headers)
        if media_type not in _SEGMENT_TYPES or charset not in ("", "utf-8"):
            return problem.wrong_type(media_type, "application/json in UTF-8")
        policy = self.intake.policy
        limit, what = (policy.batch_bytes_max, "A batch") if kind == "batch" else (policy.event_bytes_max, "An event")
        body = await _body(headers, receive, limit, what)
        admitted = self.intake.segment(kind, body, source, self._now_us(), _traceparent(headers))
        submitted = await self._sink.submit(admitted.accepted, admitted.refused)
        return _reply(admitted, submitted, _segment_reply)

    async def _cloudevents(self, pairs: Iterable[tuple[bytes, bytes]], headers: dict[bytes, bytes], receive: Receive) -> Reply:
        media_type, charset = _media_type(headers)
        policy = self.intake.policy
        batched = media_type == cloudevents.BATCHED
        binary = not media_type.startswith("application/cloudevents")
        if (binary and b"ce-specversion" not in headers) or not (binary or batched or media_type == cloudevents.STRUCTURED):
            return problem.wrong_type(media_type, f"{cloudevents.STRUCTURED}, {cloudevents.BATCHED}, or JSON with ce- headers")
        if charset not in ("", "utf-8"):
            return problem.wrong_type(f"{media_type} in {charset}", "UTF-8")
        limit, what = (policy.batch_bytes_max, "A batch") if batched else (policy.event_bytes_max, "An event")
        body = await _body(headers, receive, limit, what)
        if batched:
            raws = cloudevents.read_batched(body)
        else:
            raws = [cloudevents.read_binary(pairs, body) if binary else cloudevents.read_structured(body)]
        admitted = self.intake.cloudevents(raws, self._now_us())
        submitted = await self._sink.submit(admitted.accepted, admitted.refused)
        return _reply(admitted, submitted, _cloudevents_reply)

    def _cors(self, headers: dict[bytes, bytes]) -> problem.Headers:
        """What lets a browser read the answer, where the request comes from an allowed origin."""
        origin = headers.get(b"origin", b"")
        if not origin:
            return []
        if "*" in self._origins:
            return [(b"access-control-allow-origin", b"*")]
        if origin.decode("latin-1") in self._origins:
            return [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        return [(b"vary", b"Origin")]


def _reply(admitted: Admitted, submitted: Submitted, taken: Callable[[dict[str, Any], list[Quarantined]], Reply]) -> Reply:
    """The answer about a request that was taken: a problem if every event of it was refused."""
    refused = [*admitted.refused, *submitted.refused]
    if submitted.quarantined and not (submitted.accepted or admitted.dropped):
        return problem.all_refused(refused, submitted.quarantined)
    counts = {
        "accepted": submitted.accepted - submitted.duplicates,
        "duplicates": submitted.duplicates,
        "quarantined": submitted.quarantined,
        "dropped": admitted.dropped,
    }
    return taken(counts, refused)


def _segment_reply(counts: dict[str, Any], refused: list[Quarantined]) -> Reply:
    errors = {"errors": problem.refused_errors(refused)} if refused else {}
    return problem.json_reply(200, {"success": True, **counts, **errors})


def _cloudevents_reply(counts: dict[str, Any], refused: list[Quarantined]) -> Reply:
    if not counts["quarantined"] and not counts["dropped"]:
        return Reply(204, [])
    return problem.json_reply(202, {**counts, "errors": problem.refused_errors(refused)})


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in pairs}


def _media_type(headers: dict[bytes, bytes]) -> tuple[str, str]:
    """The content type without parameters, and its charset, both in lower case."""
    media_type, _, parameters = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters)
    return media_type.strip(), charset[1] if charset else ""


def _traceparent(headers: dict[bytes, bytes]) -> str:
    text = headers.get(b"traceparent", b"").decode("latin-1")
    return text if _TRACEPARENT.fullmatch(text) else ""


async def _body(headers: dict[bytes, bytes], receive: Receive, limit: int, what: str) -> bytes:
    """The request's body, decompressed, of at most `limit` bytes before and after."""
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise _Refuse(problem.wrong_type(f"content encoding {encoding}", "the body as it is or with gzip"))
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise _Refuse(problem.too_large(limit, what))
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise _Refuse(problem.too_large(limit, what))
        chunks.append(chunk)
    body = b"".join(chunks)
    return _gunzip(body, limit, what) if encoding == "gzip" else body


def _gunzip(body: bytes, limit: int, what: str) -> bytes:
    """Decompress all members of a gzip body without ever holding more than `limit` bytes of the result."""
    plain = b""
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            plain += member.decompress(body, limit + 1 - len(plain))
        except zlib.error as error:
            raise _Refuse(_bad_gzip(str(error))) from error
        if len(plain) > limit:
            raise _Refuse(problem.too_large(limit, what))
        if not member.eof:
            raise _Refuse(_bad_gzip("the data end too early"))
        body = member.unused_data
    return plain


def _bad_gzip(reason: str) -> Reply:
    detail = f"The body is not gzip as its content encoding says: {reason}. Nothing was taken in."
    return problem.problem(400, "malformed-gzip", "The body cannot be decompressed", detail)


def _preflight(headers: dict[bytes, bytes]) -> Reply:
    """The answer to a browser that asks what it may send."""
    asked = headers.get(b"access-control-request-headers", b"").decode("latin-1")
    allowed = asked if asked and _HEADER_LIST.fullmatch(asked) else "authorization, content-type, content-encoding, traceparent"
    return Reply(
        204,
        [
            (b"allow", b"POST, OPTIONS"),
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", allowed.encode()),
            (b"access-control-max-age", b"86400"),
        ],
    )


async def _respond(send: Send, reply: Reply, more: problem.Headers, head: bool) -> None:
    headers = [*reply.headers, *more]
    if reply.status != 204:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Nothing to start or stop here: the sink belongs to who made it."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
