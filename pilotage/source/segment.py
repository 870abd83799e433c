"""The Segment spec's HTTP tracking API, version 1: identify, track, page, screen, group, alias, and batches of them.

A message becomes an event: its properties or traits are the data, its user and anonymous ids the identifiers, its message
id the event's id. Decoding is typed and leaves properties and traits as the bytes that were sent. The time a message
happened is corrected for the sender's clock: received − (sentAt − timestamp).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from pilotage.contract.builtin import CUSTOMER_ALIASED, CUSTOMER_GROUPED, CUSTOMER_IDENTIFIED, PAGE_VIEWED, SCREEN_VIEWED
from pilotage.contract.validate import DECODE_ERRORS, broken
from pilotage.event.envelope import Event
from pilotage.event.time import instant_us
from pilotage.source.body import BodyBroken, body_fault
from pilotage.source.quarantine import minted_id

KINDS = ("identify", "track", "page", "screen", "group", "alias")
"""The kinds of message; each is also the name of an endpoint, beside `batch`."""

_NONE = msgspec.Raw(b"")
_QUOTED = {name: f'"{name}"'.encode() for name in ("category", "name", "group_id")}
"""Members that data get from beside them, as JSON text names them."""


class Message(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One message, as the spec names its parts; properties, traits and context stay JSON text."""

    type: str = ""
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    message_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: msgspec.Raw = _NONE
    traits: msgspec.Raw = _NONE
    context: msgspec.Raw = _NONE
    group_id: str | int | None = None
    previous_id: str | int | None = None
    timestamp: datetime | None = None
    original_timestamp: datetime | None = None
    sent_at: datetime | None = None


class Batch(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The body of a batch request, all its messages well formed."""

    batch: list[Message]
    sent_at: datetime | None = None


class _LooseBatch(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The same body with its messages unread."""

    batch: list[msgspec.Raw]
    sent_at: datetime | None = None


class _Context(msgspec.Struct, frozen=True):
    traits: msgspec.Raw = _NONE


class _Name(msgspec.Struct, frozen=True, rename="camel"):
    message_id: Any = None
    type: Any = None


class MessageRefused(ValueError):
    """A message that does not follow the spec. `path` leads to the fault, `cure` says what to send instead."""

    def __init__(self, path: str, reason: str, cure: str) -> None:
        super().__init__(f"{path}: {reason}; {cure}")
        self.path = path
        self.reason = reason
        self.cure = cure


_decode_message = msgspec.json.Decoder(Message).decode
_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_loose = msgspec.json.Decoder(_LooseBatch).decode
_decode_context = msgspec.json.Decoder(_Context).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


def read_message(raw: bytes, kind: str = "") -> Message:
    """One message; `kind` is the endpoint's, which counts where the message names no type. `MessageRefused` if it is not one."""
    try:
        message = _decode_message(raw)
    except msgspec.ValidationError as error:
        fault = broken("message", error)
        raise MessageRefused(fault.path, fault.reason, "correct the value") from error
    return message if message.type or not kind else msgspec.structs.replace(message, type=kind)


def read_batch(body: bytes) -> tuple[list[Message | MessageRefused], int | None]:
    """The messages of a batch body and when it was sent, in microseconds by the sender's clock. A message that is not one
    stands as its refusal; `BodyMalformed` or `BodyBroken` if the whole body is wrong."""
    try:
        batch = _decode_batch(body)
        return list(batch.batch), _us(batch.sent_at)
    except DECODE_ERRORS:
        raws, sent_us = read_raw_batch(body)
        return [_message_or_refusal(raw) for raw in raws], sent_us


def read_raw_batch(body: bytes) -> tuple[list[bytes], int | None]:
    """The messages of a batch body as the bytes that were sent."""
    try:
        loose = _decode_loose(body)
    except DECODE_ERRORS as error:
        raise body_fault(body, error) from error
    return [bytes(raw) for raw in loose.batch], _us(loose.sent_at)


def may_hold_larger(limit: int, size: int, messages: Sequence[Message | MessageRefused]) -> bool:
    """Whether one of the messages of a body of `size` bytes may have more bytes than the limit. It has at most what the body has
    beyond the known parts of all others, so a body of many messages of one kind need not be cut up to find out."""
    if size <= limit:
        return False
    try:
        known = [len(each.properties) + len(each.context) + len(each.traits) for each in messages]  # type: ignore[union-attr]
    except AttributeError:  # one was refused, and how long that one is nobody knows
        return True
    return bool(known) and size - (sum(known) - max(known)) > limit


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else instant_us(moment)


def read_single(body: bytes, kind: str) -> Message | MessageRefused:
    """The message of a single-message body; `BodyMalformed` or `BodyBroken` if it is no JSON object."""
    try:
        return read_message(body, kind)
    except MessageRefused as refused:
        if refused.path == "$":
            raise BodyBroken("$", refused.reason) from refused
        return refused
    except DECODE_ERRORS as error:
        raise body_fault(body, error) from error


def name_of(raw: bytes) -> tuple[str, str]:
    """The message id and the type of a message that may be wrong otherwise; empty where they are no texts."""
    try:
        named = msgspec.json.decode(raw, type=_Name)
    except DECODE_ERRORS:
        return "", ""
    return (
        named.message_id if isinstance(named.message_id, str) else "",
        named.type if isinstance(named.type, str) else "",
    )


def _message_or_refusal(raw: bytes) -> Message | MessageRefused:
    try:
        return read_message(raw)
    except MessageRefused as refused:
        return refused
    except DECODE_ERRORS as error:
        fault = broken("message", error)
        return MessageRefused(fault.path, fault.reason, fault.cure)


def occurred_us(message: Message, sent_us: int | None, received_us: int) -> int:
    """When a message happened: its timestamp moved by how far the sender's clock, read at sending, was off from ours.

    Without a timestamp it happened when it was received; without a `sentAt`, its own or its batch's (`sent_us`), its
    timestamp is believed."""
    stamped = message.original_timestamp or message.timestamp
    if stamped is None:
        return received_us
    if message.sent_at is not None:
        sent_us = instant_us(message.sent_at)
    at_us = instant_us(stamped)
    return at_us if sent_us is None else received_us - sent_us + at_us


def to_event(message: Message, source: str, names: Mapping[str, str], at_us: int, traceparent: str = "") -> Event:
    """The event of a message that happened at `at_us`; `MessageRefused` if something the spec asks for is missing.

    `names` maps Segment event names to event types; other names follow `default_type`."""
    identifiers: dict[str, str] = {}
    user, anonymous = message.user_id, message.anonymous_id
    if user is not None and user != "":
        identifiers["user_id"] = str(user)
    if anonymous is not None and anonymous != "":
        identifiers["anonymous_id"] = str(anonymous)
    if not identifiers:
        raise MessageRefused("$.userId", "the message has neither a userId nor an anonymousId", "send at least one of them")
    if message.type == "track":
        name = message.event
        if not name:
            raise MessageRefused("$.event", "the track message has no event name", "send the name of what happened")
        event_type = names.get(name) or default_type(name)
        data = _object(message.properties, "$.properties")
    else:
        event_type, data = _other(message, identifiers)
    return Event(message.message_id or _minted(message), source, event_type, at_us, data, identifiers, traceparent)


def _other(message: Message, identifiers: dict[str, str]) -> tuple[str, bytes]:
    """Event type and data of a message that is not a track; an alias adds its previous id to the identifiers."""
    match message.type:
        case "identify":
            return CUSTOMER_IDENTIFIED, _object(_traits(message), "$.traits")
        case "page" | "screen":
            event_type = PAGE_VIEWED if message.type == "page" else SCREEN_VIEWED
            return event_type, _with(_object(message.properties, "$.properties"), category=message.category, name=message.name)
        case "group":
            group = _needed(message.group_id, "$.groupId", "the group message names no group")
            return CUSTOMER_GROUPED, _with(_object(message.traits, "$.traits"), group_id=group)
        case "alias":
            previous = _needed(message.previous_id, "$.previousId", "the alias message has no previous id")
            _needed(message.user_id, "$.userId", "the alias message has no user id")
            identifiers["previous_id"] = previous
            return CUSTOMER_ALIASED, _encode({"previous_id": previous})
        case "":
            raise MessageRefused("$.type", "the message has no type", f"send one of {', '.join(KINDS)}")
        case unknown:
            raise MessageRefused("$.type", f"{unknown!r} is no type of message", f"send one of {', '.join(KINDS)}")


def _needed(value: str | int | None, path: str, reason: str) -> str:
    if value is None or value == "":
        raise MessageRefused(path, reason, "send it")
    return str(value)


def _traits(message: Message) -> msgspec.Raw:
    """An identify message's traits; senders that keep them in the context only are understood too."""
    if bytes(message.traits) not in (b"", b"null"):
        return message.traits
    try:
        return _decode_context(message.context).traits if message.context else _NONE
    except DECODE_ERRORS:
        return _NONE


def _object(raw: msgspec.Raw, path: str) -> bytes:
    """The JSON text of an object; absent and null are the empty one."""
    text = bytes(raw)
    if text[:1] == b"{":
        return text
    if text in (b"", b"null"):
        return b"{}"
    raise MessageRefused(path, "expected an object", "send a JSON object, or leave it out")


def _with(text: bytes, **more: str | None) -> bytes:
    """An object's text with further members where they have a value; its own members of the same name win."""
    added = {name: value for name, value in more.items() if value}
    if not added:
        return text
    plain = text[1:2] == b'"'
    for name in added:
        plain = plain and _QUOTED[name] not in text
    return _encode(added)[:-1] + b"," + text[1:] if plain else _encode({**added, **_decode_object(text)})


def _minted(message: Message) -> str:
    """An id from all that tells this message from others."""
    stamped = message.original_timestamp or message.timestamp
    times = [str(instant_us(at)) if at else "" for at in (stamped, message.sent_at)]
    who = [str(value) for value in (message.user_id, message.anonymous_id, message.group_id, message.previous_id)]
    what = [message.type, message.event or "", message.name or "", message.category or ""]
    return minted_id(*what, *who, *times, bytes(message.properties), bytes(message.traits))


@lru_cache(4096)
def default_type(name: str) -> str:
    """The event type of a Segment event name that no contract maps: a name with a dot is one already, others are put in lower
    case with `_` for spaces and dashes (`Order Completed` → `order_completed`)."""
    return name if "." in name else re.sub(r"[\s-]+", "_", name.strip()).lower()
