"""The in-app inbox."""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from pilotage.channel.channel import Message
from pilotage.channel.inbox import Inbox, InboxMessage, UnreadableInbox, decode_message
from pilotage.testing.channel import check_channel, example_message

SUBJECT = bytes.fromhex(example_message(Inbox(None, None, lambda: 0), "").subject)  # type: ignore[arg-type]  # nothing is sent


class Table:
    """An inbox table in memory, and a clock that ticks at each look."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.now_us = 0

    async def put(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        self.rows.update(rows)

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter([(key, self.rows[key]) for key in sorted(self.rows, reverse=True) if start <= key < stop])

    def tick(self) -> int:
        self.now_us += 1
        return self.now_us

    def inbox(self) -> Inbox:
        return Inbox(self.put, self.scan, self.tick)


def message(number: int, subject: bytes = SUBJECT) -> Message:
    return msgspec.structs.replace(example_message(Table().inbox(), "", number), subject=subject.hex())


def test_messages_are_found_newest_first() -> None:
    """A customer finds only the own messages, the newest first, page by page."""

    async def story() -> None:
        inbox = Table().inbox()
        for number in range(5):
            await inbox.send(message(number))
        await inbox.send(message(9, b"x" * 16))
        first = inbox.messages(SUBJECT, limit=2)
        rest = inbox.messages(SUBJECT, limit=9, before_us=first[-1].at_us)
        assert ["check 4", "check 3", "check 2", "check 1", "check 0"] == [found.title for found in first + rest]

    asyncio.run(story())


def test_reading_marks_once() -> None:
    """A message that was read stays read, and marking it again changes nothing."""

    async def story() -> None:
        table = Table()
        inbox = table.inbox()
        await inbox.send(message(1))
        await inbox.send(message(2))
        wanted = [message(1).idempotency_key]
        assert 1 == len(await inbox.mark_read(SUBJECT, wanted))
        assert [] == await inbox.mark_read(SUBJECT, wanted)
        assert [message(2).idempotency_key] == [found.id for found in table.inbox().messages(SUBJECT, unread_only=True)]

    asyncio.run(story())


def test_listeners_hear_what_is_sent_while_they_listen() -> None:
    """Whoever listens hears the subject's new messages; who has left, or listens for another, does not."""

    async def story() -> None:
        inbox = Table().inbox()
        async with inbox.listen(SUBJECT) as mine, inbox.listen(b"x" * 16) as other:
            await inbox.send(message(1))
            await inbox.send(message(2, b"x" * 16))
            assert message(1).idempotency_key == (await anext(mine)).id
            assert message(2).idempotency_key == (await anext(other)).id
        assert {} == inbox._listeners
        await inbox.send(message(3))

    asyncio.run(story())


def test_a_listener_that_does_not_read_loses_the_oldest_only() -> None:
    """A listener that sleeps does not fill memory: it misses the oldest, which are still in the inbox."""

    async def story() -> None:
        inbox = Table().inbox()
        async with inbox.listen(SUBJECT) as sleeper:
            for number in range(103):
                await inbox.send(message(number))
            assert message(3).idempotency_key == (await anext(sleeper)).id
        assert 103 == len(inbox.messages(SUBJECT, limit=200))

    asyncio.run(story())


def test_a_row_of_another_release_is_refused() -> None:
    """A row with an unknown header is refused, not guessed at."""
    with pytest.raises(UnreadableInbox, match="another release"):
        decode_message(b"\x09" * 20)
    assert InboxMessage.__struct_fields__[-1] == "read_us"


def test_the_channel_keeps_its_promises() -> None:
    """The inbox passes the conformance suite of channels: a repeated key is one message."""
    table = Table()
    asyncio.run(check_channel(table.inbox, recipient="", delivered=lambda: len(table.rows)))
