"""The list of tasks as a channel: each told once, kept until it is done, and passed on where somebody listens."""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from pilotage.channel.channel import Fate, Message, Receipt
from pilotage.channel.tasks import Tasks, UnreadableTask, decode_task, task_key

SUBJECT, TASK = "11" * 16, "22" * 16
BODY = {
    "task": TASK,
    "told": "opened",
    "title": "Ring",
    "team": "a",
    "person": "",
    "due": "2026-03-03T12:00:00Z",
    "outcomes": ["x"],
    "data": {"n": 1},
}


class Table(dict[bytes, bytes]):
    """Rows in memory."""

    async def write(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        self.update(rows)

    def scan(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter([(key, value) for key, value in sorted(self.items()) if start <= key < stop])


class Listener:
    """A channel that keeps what it is sent."""

    name = "webhook"
    idempotent = True
    parts_required = parts_allowed = frozenset({"body"})

    def __init__(self, fate: Fate) -> None:
        self.fate, self.heard = fate, list[Message]()

    async def send(self, message: Message) -> Receipt:
        self.heard.append(message)
        return Receipt(self.fate, reason="as told")

    async def close(self) -> None:
        """Nothing to release."""


def message(key: str, **told: object) -> Message:
    """What an action of a task becomes."""
    body = msgspec.json.encode({**BODY, **told}).decode()
    return Message(
        idempotency_key=key, recipient="", parts={"body": body}, headers={}, attempt=1, subject=SUBJECT, journey="j", step="s", purpose=""
    )


def test_a_task_is_one_row_that_remembers_what_was_told() -> None:
    """A repeated message changes nothing; a reminder and an escalation are added to the same task."""
    table = Table()
    tasks = Tasks(table.write, table.scan, lambda: 7)
    keys = ("01", "01", "02", "03")
    told = ({}, {}, {"told": "reminder"}, {"told": "escalated", "team": "b"})
    receipts = [asyncio.run(tasks.send(message(key, **said))) for key, said in zip(keys, told, strict=True)]
    assert [Fate.SENT] * 4 == [receipt.fate for receipt in receipts]
    assert [task_key(bytes.fromhex(SUBJECT), bytes.fromhex(TASK))] == list(table)
    (row,) = map(decode_task, table.values())
    assert (("opened", "01", 7), ("reminder", "02", 7), ("escalated", "03", 7)) == row.told
    assert ("Ring", "b", {"n": 1}, "j", "s") == (row.title, row.team, row.data, row.journey, row.step)


def test_whoever_listens_hears_of_it_and_may_refuse() -> None:
    """Where an endpoint hears of tasks too, its answer is the receipt; the task is on the list all the same."""
    table, listener = Table(), Listener(Fate.FAILED)
    receipt = asyncio.run(Tasks(table.write, table.scan, lambda: 7, listener).send(message("01")))
    assert (Fate.FAILED, ["tasks"], 1) == (receipt.fate, [each.target for each in listener.heard], len(table))


def test_a_row_of_another_release_is_not_guessed() -> None:
    """A row with an unknown format is refused with the cure."""
    try:
        decode_task(b"\x09\x00\x01\x00\x00\x00\x00rest")
    except UnreadableTask as refused:
        assert "start the one that wrote it" in str(refused)
    else:
        raise AssertionError("it was read")
