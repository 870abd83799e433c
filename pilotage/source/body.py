"""Request bodies that are not what they should be as a whole: no JSON, or JSON of the wrong shape.

Nothing of such a body is taken in, so the sender is told at once and exactly where the fault is, and keeps the events.
"""

import re

import msgspec

from pilotage.contract.validate import broken

_BYTE = re.compile(r"\(byte (\d+)\)")


class BodyMalformed(ValueError):
    """The body is not JSON in UTF-8. `offset` is the byte where reading stopped (from 0), `line` and `column` the same place
    counted from 1, the column in bytes. Correct the serialisation and send the request again."""

    def __init__(self, reason: str, body: bytes, offset: int) -> None:
        before = body[:offset]
        self.reason = reason
        self.offset = offset
        self.line = before.count(b"\n") + 1
        self.column = offset - (before.rfind(b"\n") + 1) + 1
        super().__init__(f"malformed JSON at line {self.line}, column {self.column} (byte {offset}): {reason}")


class BodyBroken(ValueError):
    """The body is JSON, but not the object the endpoint takes. `path` leads to the fault. Correct the request."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def body_fault(body: bytes, error: Exception) -> BodyMalformed | BodyBroken:
    """What a decoder's error says about a whole body."""
    if isinstance(error, RecursionError):
        return BodyBroken("$", "the JSON is nested too deeply")
    if isinstance(error, msgspec.ValidationError):
        fault = broken("request", error)
        return BodyBroken(fault.path, fault.reason)
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as undecodable:
        return BodyMalformed(f"not UTF-8: {undecodable.reason}", body, undecodable.start)
    place = _BYTE.search(str(error))
    reason = _BYTE.sub("", str(error)).removeprefix("JSON is malformed: ").strip()
    return BodyMalformed(reason, body, int(place[1]) if place else len(body))


def check_text(body: bytes) -> None:
    """Refuse a body that is not UTF-8: JSON that is kept undecoded is skipped over without this check."""
    if not body.isascii():
        try:
            str(body, "utf-8")
        except UnicodeDecodeError as error:
            raise BodyMalformed(f"not UTF-8: {error.reason}", body, error.start) from error
