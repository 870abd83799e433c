"""CloudEvents 1.0.2 in its JSON format and over HTTP in binary, structured and batched mode, read strictly.

Every rule of the specification that a consumer can check is checked: required attributes, names, types, characters,
RFC 3339 times, and that data come once. A binary request is turned into the structured form first, so that one form is
validated, kept in quarantine and read again.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from pilotage.contract.validate import DECODE_ERRORS
from pilotage.event.envelope import Event
from pilotage.event.time import instant_us
from pilotage.source.body import BodyBroken, BodyMalformed, body_fault, check_text

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

IDENTIFIER_ATTRIBUTES = {"userid": "user_id", "anonymousid": "anonymous_id", "email": "email", "phone": "phone", "accountid": "account_id"}
"""Extension attributes that identify whom an event is about, and the identifier each becomes."""

_NAME = re.compile(r"[a-z0-9]+")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.+")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;.*)?", re.ASCII)
_JSON_TYPE = re.compile(r"[^/]+/(?:json|[^/;\s]+\+json)\s*(?:;.*)?", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_REQUIRED = ("specversion", "id", "source", "type")
_INT32 = range(-(2**31), 2**31)

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode


class CloudEventRefused(ValueError):
    """An event that breaks the CloudEvents specification, or one whose data are not JSON. `path` names the attribute."""

    def __init__(self, path: str, reason: str, cure: str) -> None:
        super().__init__(f"{path}: {reason}; {cure}")
        self.path = path
        self.reason = reason
        self.cure = cure


def read_structured(body: bytes) -> bytes:
    """Check that a structured body is a JSON object, and give it back; `BodyMalformed` or `BodyBroken` if not."""
    check_text(body)
    try:
        _decode_object(body)
    except DECODE_ERRORS as error:
        raise body_fault(body, error) from error
    return body


def read_batched(body: bytes) -> list[bytes]:
    """The events of a batched body, each as its JSON text; `BodyMalformed` or `BodyBroken` if it is no JSON array."""
    check_text(body)
    try:
        return [bytes(raw) for raw in _decode_list(body)]
    except DECODE_ERRORS as error:
        raise body_fault(body, error) from error


def read_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The structured JSON form of a binary request: `ce-` headers are the attributes, percent-decoded, the content type is
    the data's. `BodyBroken` for a header that cannot be read, `BodyMalformed` for JSON data that are none."""
    members: dict[str, Any] = {}
    content_type = ""
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1").strip()
        elif name.startswith(b"ce-"):
            attribute = name[3:].decode("latin-1")
            if attribute in members or attribute in ("datacontenttype", "data"):
                raise BodyBroken(f"ce-{attribute}", "the header is given twice, or is not one of an event's")
            members[attribute] = _header_text(attribute, value)
    if content_type:
        members["datacontenttype"] = content_type
    if body and (not content_type or _JSON_TYPE.fullmatch(content_type)):
        members["data"] = msgspec.Raw(_json_text(body))
    elif body:
        members["data_base64"] = base64.b64encode(body).decode()
    return msgspec.json.encode(members)


def _json_text(body: bytes) -> bytes:
    check_text(body)
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        _decode_any(body)
    except DECODE_ERRORS as error:
        raise body_fault(body, error) from error
    return body


def _header_text(attribute: str, value: bytes) -> str:
    """A header's value as the HTTP binding decodes it (section 3.1.3.2): quoted text unquoted, percent-encoded UTF-8 decoded."""
    text = value.decode("latin-1").strip()
    if quoted := _QUOTED.fullmatch(text):
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyBroken(f"ce-{attribute}", "the header's percent-encoding is not UTF-8") from error


def to_event(raw: bytes, received_us: int) -> Event:
    """The event of a CloudEvent in structured JSON form; `CloudEventRefused` names the attribute that breaks the rules.

    Without a `time` it happened when it was received. `userid` and `anonymousid` identify the subject; where no user id is
    given, `subject` is one."""
    try:
        members = _decode_object(raw)
    except DECODE_ERRORS as error:
        raise CloudEventRefused("$", f"not a JSON object: {error}", "send one JSON object for an event") from error
    data = members.pop("data", None)
    encoded = members.pop("data_base64", None)
    attributes = {name: value for name, value in ((name, _attribute(name, raw)) for name, raw in members.items()) if value is not None}
    for name in _REQUIRED:
        if not attributes.get(name):
            raise CloudEventRefused(f"$.{name}", "the required attribute is missing or empty", "send a text of at least one character")
    _check(attributes)
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        occurred_us=_time_us(attributes["time"]) if "time" in attributes else received_us,
        data=_data(attributes.get("datacontenttype"), data, encoded),
        identifiers=_identifiers(attributes),
        traceparent=attributes.get("traceparent", ""),
    )


def _attribute(name: str, raw: msgspec.Raw) -> str | None:
    """One context attribute as text: strings as they are, Boolean and Integer in their canonical string form, null is absent."""
    if not _NAME.fullmatch(name):
        raise CloudEventRefused(f"$.{name}", "an attribute's name has lower-case letters and digits only", "rename the attribute")
    try:
        value = _decode_any(raw)
    except DECODE_ERRORS as error:
        raise CloudEventRefused(
            f"$.{name}", f"the value cannot be read: {error}", "send a string, a boolean or a 32-bit integer"
        ) from error
    if isinstance(value, str):
        if _FORBIDDEN.search(value):
            raise CloudEventRefused(f"$.{name}", "the text has a control character or a code point that is none", "remove it")
        return value
    if value is None or name in _TEXTS:
        if value is None:
            return None
        raise CloudEventRefused(f"$.{name}", f"expected a text, got {_kind(value)}", "send a JSON string")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value in _INT32:
        return str(value)
    raise CloudEventRefused(f"$.{name}", f"{_kind(value)} is no type of an attribute", "send a string, a boolean or a 32-bit integer")


_TEXTS = frozenset((*_REQUIRED, "datacontenttype", "dataschema", "subject", "time"))


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), "null")


def _check(attributes: dict[str, str]) -> None:
    """The rules for the values of the attributes the specification defines."""
    if attributes["specversion"] != "1.0":
        raise CloudEventRefused("$.specversion", f"version {attributes['specversion']!r} is not known", 'send "1.0"')
    if not _URI_REFERENCE.fullmatch(attributes["source"]):
        raise CloudEventRefused("$.source", "not a URI reference", "percent-encode spaces and other characters")
    for name in ("subject", "datacontenttype", "dataschema", "time"):
        if attributes.get(name) == "":
            raise CloudEventRefused(f"$.{name}", "an optional attribute that is present must not be empty", "leave it out")
    schema = attributes.get("dataschema")
    if schema is not None and not (_URI_REFERENCE.fullmatch(schema) and _ABSOLUTE_URI.fullmatch(schema)):
        raise CloudEventRefused("$.dataschema", "not an absolute URI", "send a URI with its scheme")
    content_type = attributes.get("datacontenttype")
    if content_type is not None and not _MEDIA_TYPE.fullmatch(content_type):
        raise CloudEventRefused("$.datacontenttype", "not a media type", "send application/json")


def _time_us(text: str) -> int:
    if _RFC3339.fullmatch(text):
        try:
            return instant_us(datetime.fromisoformat(text.upper()))
        except (ValueError, OverflowError):
            pass  # 31 February and the like: said below, as for any other text
    raise CloudEventRefused("$.time", f"{text!r} is not an RFC 3339 time", "send for example 2024-01-31T09:00:00Z")


def _identifiers(attributes: dict[str, str]) -> dict[str, str]:
    found = {kind: attributes[name] for name, kind in IDENTIFIER_ATTRIBUTES.items() if attributes.get(name)}
    subject = attributes.get("subject")
    return {"user_id": subject, **found} if subject and "user_id" not in found else found


def _data(content_type: str | None, data: msgspec.Raw | None, encoded: msgspec.Raw | None) -> bytes:
    """The event's data as the text of a JSON object; no data is the empty object."""
    if data is not None and encoded is not None:
        raise CloudEventRefused("$.data_base64", "both data and data_base64 are present", "send one of them")
    if content_type is not None and not _JSON_TYPE.fullmatch(content_type):
        raise CloudEventRefused("$.datacontenttype", f"data of type {content_type!r} cannot be read", "send JSON")
    text, path = (bytes(data), "$.data") if data is not None else (_decoded(encoded), "$.data_base64") if encoded else (b"", "$.data")
    if text.strip() in (b"", b"null"):
        return b"{}"
    try:
        check_text(text)
        _decode_object(text)
    except (*DECODE_ERRORS, BodyMalformed) as error:
        raise CloudEventRefused(path, "the data are not a JSON object", "send one JSON object as the data") from error
    return text


def _decoded(encoded: msgspec.Raw) -> bytes:
    try:
        value = _decode_any(encoded)
        return base64.b64decode(value, validate=True) if value is not None else b""
    except (*DECODE_ERRORS, binascii.Error, TypeError, ValueError) as error:
        raise CloudEventRefused("$.data_base64", "not a Base64 text (RFC 4648)", "send standard Base64 with padding") from error
