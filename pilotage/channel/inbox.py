"""The in-app inbox: messages that a customer finds in the company's own app or web site.

A message is stored durably through a callable and told to whoever listens at that moment (server-sent events). Keys
order by time within a subject, so a page of the newest messages is one short scan.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pilotage.channel import kinds
from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.channel.services import ChannelMisconfigured, Put, Scan, Services
from pilotage.event.digest import partition_of

INBOX = 1
LISTENER_MESSAGES_MAX = 100
_KEY = struct.Struct(">HB16sQ16s")
_PREFIX = struct.Struct(">HB16s")
_HEADER = struct.Struct(">BHI")
_FORMAT = (1, 1, 0)


class InboxMessage(msgspec.Struct, frozen=True):
    """One message in a customer's inbox. `id` is the effect key in hex. Times are microseconds UTC; `read_us` 0: unread."""

    id: str
    title: str
    body: str
    link: str
    journey: str
    purpose: str
    at_us: int
    read_us: int = 0


class UnreadableInbox(ValueError):
    """A row of the inbox has a format this release does not read. Start the release that wrote it, or a newer one."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(InboxMessage)


def inbox_key(subject: bytes, message: InboxMessage) -> bytes:
    """`partition u16 | kind u8 | subject 16 B | time u64 | effect 16 B`."""
    return _KEY.pack(partition_of(subject), INBOX, subject, message.at_us, bytes.fromhex(message.id))


def inbox_range(subject: bytes) -> tuple[bytes, bytes]:
    """The keys [start, stop) of one subject's inbox."""
    start = _PREFIX.pack(partition_of(subject), INBOX, subject)
    return start, start + b"\xff" * 25


def encode_message(message: InboxMessage) -> bytes:
    """A row's value, with the header `format u8 | schema u16 | key id u32`."""
    return _HEADER.pack(*_FORMAT) + _encoder.encode(message)


def decode_message(value: bytes) -> InboxMessage:
    """The message of a row's value."""
    if len(value) < _HEADER.size or _HEADER.unpack_from(value) != _FORMAT:
        raise UnreadableInbox("a row of the inbox is of another release; start the one that wrote it")
    return _decoder.decode(memoryview(value)[_HEADER.size :])


def build(settings: Mapping[str, Any], services: Services) -> Channel:
    """The inbox over the runner's table; it has no settings."""
    if settings:
        raise ChannelMisconfigured("inbox", f"it has no setting {sorted(settings)[0]!r}")
    if services.inbox_put is None or services.inbox_scan is None:
        raise ChannelMisconfigured("inbox", "this runner has no inbox table")
    return Inbox(services.inbox_put, services.inbox_scan, services.now_us)


class Inbox:
    """The channel, and what the app asks of it: `messages`, `mark_read`, `listen`."""

    name = "inbox"
    idempotent = True
    parts_required = kinds.INBOX.parts_required
    parts_allowed = kinds.INBOX.parts_allowed

    def __init__(self, put: Put, scan: Scan, now_us: Callable[[], int]) -> None:
        self._put = put
        self._scan = scan
        self._now_us = now_us
        self._listeners: dict[bytes, set[asyncio.Queue[InboxMessage]]] = {}

    async def send(self, message: Message) -> Receipt:
        """Store the message and tell whoever listens. A repeated idempotency key changes nothing."""
        subject = bytes.fromhex(message.subject)
        if any(known.id == message.idempotency_key for known in self._all(subject)):
            return Receipt(Fate.SENT, provider_id=message.idempotency_key)
        stored = InboxMessage(
            id=message.idempotency_key,
            title=message.parts.get("title", ""),
            body=message.parts.get("body", ""),
            link=message.parts.get("link", ""),
            journey=message.journey,
            purpose=message.purpose,
            at_us=self._now_us(),
        )
        await self._put([(inbox_key(subject, stored), encode_message(stored))])
        self._tell(subject, stored)
        return Receipt(Fate.SENT, provider_id=stored.id)

    def _all(self, subject: bytes) -> Iterator[InboxMessage]:
        return (decode_message(value) for _, value in self._scan(*inbox_range(subject)))

    def _tell(self, subject: bytes, message: InboxMessage) -> None:
        for queue in self._listeners.get(subject, ()):
            if queue.full():  # a listener that does not read loses the oldest; everything stays in the store
                queue.get_nowait()
            queue.put_nowait(message)

    def messages(self, subject: bytes, limit: int = 50, before_us: int | None = None, unread_only: bool = False) -> list[InboxMessage]:
        """A page of the inbox, newest first: at most `limit` messages from before an instant."""
        page: list[InboxMessage] = []
        for message in self._all(subject):
            if len(page) == limit:
                break
            if (before_us is None or message.at_us < before_us) and not (unread_only and message.read_us):
                page.append(message)
        return page

    async def mark_read(self, subject: bytes, ids: Sequence[str]) -> list[InboxMessage]:
        """Mark messages as read, durably; returns those that were unread."""
        wanted = set(ids)
        now_us = self._now_us()
        unread = [message for message in self._all(subject) if message.id in wanted and not message.read_us]
        read = [msgspec.structs.replace(message, read_us=now_us) for message in unread]
        if read:
            await self._put([(inbox_key(subject, message), encode_message(message)) for message in read])
        return read

    def listen(self, subject: bytes) -> "Listening":
        """What is sent to the subject from now on: an asynchronous context and iterator; leaving it stops listening."""
        return Listening(self._listeners, subject)

    async def close(self) -> None:
        """Nothing to release; the store belongs to the runner."""


class Listening:
    """One listener of one subject's inbox."""

    def __init__(self, listeners: dict[bytes, set[asyncio.Queue[InboxMessage]]], subject: bytes) -> None:
        self._listeners = listeners
        self._subject = subject
        self._queue: asyncio.Queue[InboxMessage] = asyncio.Queue(LISTENER_MESSAGES_MAX)

    async def __aenter__(self) -> "Listening":
        self._listeners.setdefault(self._subject, set()).add(self._queue)
        return self

    async def __aexit__(self, *fault: object) -> None:
        queues = self._listeners[self._subject]
        queues.discard(self._queue)
        if not queues:
            del self._listeners[self._subject]

    def __aiter__(self) -> "Listening":
        return self

    async def __anext__(self) -> InboxMessage:
        return await self._queue.get()
