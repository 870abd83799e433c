"""The list of tasks: what people have to do, where a journey's task lies until they have done it.

What a journey tells about a task (that there is one, that it waits, that it went over to another team) is kept in one row each,
durably, and passed on to the endpoint `tasks` where the environment binds one. Whether the task is still open, and who has taken
it on, is in the state of its subject; the row only says where to look.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from pilotage.channel.channel import Channel, Fate, Message, Receipt
from pilotage.channel.services import Put, Scan
from pilotage.event.digest import partition_of

TASKS = "tasks"
"""The name of this channel, and of the endpoint that hears of tasks."""

_KEY = struct.Struct(">H16s16s")
_HEADER = struct.Struct(">BHI")
_FORMAT = (1, 1, 0)


class TaskRow(msgspec.Struct, frozen=True):
    """One task as it was told last. `id` is the effect key of its opening in hex, `told` what was told (opened, reminder,
    escalated), with each effect key and the instant in microseconds UTC."""

    id: str
    subject: str
    journey: str
    step: str
    title: str
    team: str
    person: str
    due: str
    outcomes: tuple[str, ...]
    data: dict[str, Any]
    told: tuple[tuple[str, str, int], ...] = ()


class UnreadableTask(ValueError):
    """A row of the tasks has a format this release does not read. Start the release that wrote it, or a newer one."""


class _Told(msgspec.Struct, frozen=True):
    task: str
    told: str
    title: str
    team: str
    person: str
    due: str
    outcomes: tuple[str, ...]
    data: dict[str, Any]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(TaskRow)
_told = msgspec.json.Decoder(_Told)


def task_key(subject: bytes, effect: bytes) -> bytes:
    """`partition u16 | subject 16 B | effect 16 B`."""
    return _KEY.pack(partition_of(subject), subject, effect)


def encode_task(row: TaskRow) -> bytes:
    """A row's value, with the header `format u8 | schema u16 | key id u32`."""
    return _HEADER.pack(*_FORMAT) + _encoder.encode(row)


def decode_task(value: bytes) -> TaskRow:
    """The task of a row's value."""
    if len(value) < _HEADER.size or _HEADER.unpack_from(value) != _FORMAT:
        raise UnreadableTask("a row of the tasks is of another release; start the one that wrote it")
    return _decoder.decode(memoryview(value)[_HEADER.size :])


class Tasks:
    """The channel over the runner's table; `onward`, where there is one, is the channel through which `tasks` hears of it too."""

    name = TASKS
    idempotent = True
    parts_required = frozenset({"body"})
    parts_allowed = frozenset({"body"})

    def __init__(self, put: Put, scan: Scan, now_us: Callable[[], int], onward: Channel | None = None) -> None:
        self._put = put
        self._scan = scan
        self._now_us = now_us
        self._onward = onward

    async def send(self, message: Message) -> Receipt:
        """Keep what is told about a task, once for each idempotency key, and pass it on."""
        told = _told.decode(message.parts.get("body", ""))
        key = task_key(bytes.fromhex(message.subject), bytes.fromhex(told.task))
        known = self._row(key)
        before = known.told if known is not None else ()
        if all(effect != message.idempotency_key for _, effect, _ in before):
            await self._put([(key, encode_task(_row(message, told, before, self._now_us())))])
        if self._onward is None:
            return Receipt(Fate.SENT, provider_id=told.task)
        return await self._onward.send(msgspec.structs.replace(message, target=TASKS))

    def _row(self, key: bytes) -> TaskRow | None:
        rows: Iterator[tuple[bytes, bytes]] = self._scan(key, key + b"\0")
        return next((decode_task(value) for _, value in rows), None)

    async def close(self) -> None:
        """Nothing to release; the store belongs to the runner, the endpoint's channel to the environment."""


def _row(message: Message, told: _Told, before: Sequence[tuple[str, str, int]], now_us: int) -> TaskRow:
    return TaskRow(
        id=told.task,
        subject=message.subject,
        journey=message.journey,
        step=message.step,
        title=told.title,
        team=told.team,
        person=told.person,
        due=told.due,
        outcomes=told.outcomes,
        data=told.data,
        told=(*before, (told.told, message.idempotency_key, now_us)),
    )
