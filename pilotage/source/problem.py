"""What the intake endpoints answer: successes with counts, and RFC 9457 problems that say what to do.

A problem's `type` is a stable URN; `errors` lists what is wrong with each event that was refused.
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from pilotage.source.body import BodyBroken, BodyMalformed
from pilotage.source.quarantine import Quarantined

Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")


class Reply(msgspec.Struct, frozen=True):
    """A whole HTTP response."""

    status: int
    headers: Headers
    body: bytes = b""


def json_reply(status: int, value: Any) -> Reply:
    """A JSON response."""
    return Reply(status, [_JSON], msgspec.json.encode(value))


def problem(
    status: int,
    name: str,
    title: str,
    detail: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Reply:
    """A problem; `more` are extension members."""
    said = {"code": name, "message": detail}  # what Segment's client libraries read from an error and show
    body = {"type": f"urn:pilotage:problem:{name}", "title": title, "status": status, "detail": detail, **said, **more}
    return Reply(status, [_PROBLEM, *headers], msgspec.json.encode(body))


def refused_errors(refused: Iterable[Quarantined]) -> list[dict[str, str]]:
    """What is wrong with each refused event."""
    return [
        {"id": each.id, "type": each.type, "stage": each.stage, "path": each.path, "reason": each.reason, "cure": each.cure}
        for each in refused
    ]


def all_refused(refused: list[Quarantined], count: int) -> Reply:
    """No event of the request was taken in; all `count` are kept in quarantine."""
    kept = f"{count} event{'s are' if count > 1 else ' is'} kept in quarantine: do not send the same again unchanged."
    first = f"{refused[0].path}: {refused[0].reason}; {refused[0].cure}. " if refused else ""
    more = {"errors": refused_errors(refused), "accepted": 0, "duplicates": 0, "quarantined": count}
    return problem(422, "events-quarantined", "The events were quarantined", first + kept, more=more)


def body_problem(error: BodyMalformed | BodyBroken) -> Reply:
    """The body is wrong as a whole; nothing of it was taken in."""
    if isinstance(error, BodyMalformed):
        place = {"line": error.line, "column": error.column, "offset": error.offset}
        detail = f"{error}. Nothing was taken in; correct the JSON and send the request again."
        return problem(400, "malformed-json", "The body is not JSON", detail, more=place)
    fault = [{"path": error.path, "reason": error.reason}]
    detail = f"{error}. Nothing was taken in; correct the body and send the request again."
    return problem(400, "wrong-body", "The body is not what this endpoint takes", detail, more={"errors": fault})


def unauthorized() -> Reply:
    """No write key, or an unknown one."""
    challenge = (b"www-authenticate", b'Basic realm="pilotage write key", charset="UTF-8"')
    detail = "Send the source's write key as the user name of HTTP Basic authentication, with an empty password."
    return problem(401, "write-key", "The write key is missing or unknown", detail, [challenge])


def not_found(path: str) -> Reply:
    """There is nothing under this path."""
    known = "/v1/identify, /v1/track, /v1/page, /v1/screen, /v1/group, /v1/alias, /v1/batch or /events"
    return problem(404, "not-found", "There is no such endpoint", f"{path} is none; events are sent to {known}.")


def wrong_method(method: str) -> Reply:
    """The endpoint takes POST only."""
    detail = f"{method} is not allowed here; send events with POST."
    return problem(405, "method", "The method is not allowed", detail, [(b"allow", b"POST, OPTIONS")])


def too_large(limit: int, what: str) -> Reply:
    """The body is larger than the policy allows, as sent or once decompressed."""
    detail = f"{what} may have {limit} bytes; send fewer or smaller events."
    return problem(413, "too-large", "The body is too large", detail, more={"limit": limit})


def wrong_type(found: str, expected: str) -> Reply:
    """The content type or encoding is none that is read here."""
    detail = f"{found or 'No content type'} cannot be read here; send {expected}."
    return problem(415, "content-type", "The content type cannot be read", detail, [(b"accept-encoding", b"gzip, identity")])


def overloaded(retry_after_s: float) -> Reply:
    """Taking in more now would only make everything slower."""
    seconds = max(1, math.ceil(retry_after_s))
    detail = f"Nothing was taken in; send the request again after {seconds} s."
    return problem(429, "overloaded", "Too many events at once", detail, [(b"retry-after", str(seconds).encode())])


def unavailable(reason: str) -> Reply:
    """Events cannot be stored now; nothing was acknowledged."""
    detail = f"{reason or 'Events cannot be stored now'}. Nothing was acknowledged; send the request again later."
    return problem(503, "unavailable", "Events cannot be taken in", detail, [(b"retry-after", b"5")])
