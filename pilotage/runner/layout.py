"""How a shard's keys and values are laid out on disk.

Keys sort as bytes. A subject's state lies under its virtual partition (`partition u16 | kind u8 | subject`), so that a
partition can be read, moved or dropped as one range; the log is keyed by position, timers by instant, dedupe keys by
day. Every value begins with the header `format u8 | schema u16 | key id u32` (key 0: plaintext).
"""

import struct

from pilotage.event.digest import partition_of

FORMAT = 1
SCHEMA = 1
STATE = 1
"""The kind byte of a subject's state."""

STATE_SCHEMA = 2
"""The schema of the states this release writes; it reads those before it as well. 2: a state holds its audiences."""

_HEADER = struct.Struct(">BHI")
_STATE = struct.Struct(">BHIQQ")
_PREFIX = struct.Struct(">HB")
_POSITION = struct.Struct(">Q")

HEADER = _HEADER.pack(FORMAT, SCHEMA, 0)
"""What every plaintext value written by this release begins with."""
HEADER_BYTES = _HEADER.size
STATE_BYTES = _STATE.size
_STATE_HEADERS = frozenset(_HEADER.pack(FORMAT, schema, 0) for schema in range(1, STATE_SCHEMA + 1))


class UnreadableValue(ValueError):
    """A stored value has a format, schema or key this release does not read. Start the release that wrote the data
    folder, or a newer one."""

    def __init__(self, table: str, value: bytes) -> None:
        super().__init__(
            f"a value of table {table!r} begins with {value[:HEADER_BYTES].hex()}, which this release cannot read; "
            "start the release that wrote the data folder, or a newer one"
        )
        self.table = table


def position_key(position: int) -> bytes:
    """The key of the log segment that begins at a position."""
    return _POSITION.pack(position)


def position_of(key: bytes) -> int:
    """The first position of the log segment under a key."""
    return int.from_bytes(key, "big")


def state_key(subject: bytes) -> bytes:
    """The key of a subject's state."""
    return _PREFIX.pack(partition_of(subject), STATE) + subject


def state_range(first: int, last: int) -> tuple[bytes, bytes]:
    """The keys [start, stop) of the states of partitions first to last, both included."""
    return _PREFIX.pack(first, STATE), _PREFIX.pack(last + 1, STATE)


def subject_of(key: bytes) -> bytes:
    """The subject whose state lies under a key."""
    return key[_PREFIX.size :]


def timer_key(due_us: int, subject: bytes) -> bytes:
    """The key of a stored wake-up: `due u64 | subject`."""
    return _POSITION.pack(due_us) + subject


def timer_of(key: bytes) -> tuple[int, bytes]:
    """The due instant and the subject of a stored wake-up's key."""
    return int.from_bytes(key[:8], "big"), key[8:]


def pack_state(position: int, wake_us: int, state: bytes) -> bytes:
    """A stored state: header, the log position it is at, its wake-up (0: none), its canonical bytes."""
    return _STATE.pack(FORMAT, STATE_SCHEMA, 0, position, wake_us) + state


def unpack_state(value: bytes) -> tuple[int, int, memoryview]:
    """Position, wake-up and canonical bytes of a stored state; `UnreadableValue` for an unknown header."""
    if bytes(value[:HEADER_BYTES]) not in _STATE_HEADERS:
        raise UnreadableValue("state", value)
    _, _, _, position, wake_us = _STATE.unpack_from(value)
    return position, wake_us, memoryview(value)[STATE_BYTES:]


def body_of(table: str, value: bytes) -> memoryview:
    """What follows the header of a value; `UnreadableValue` for an unknown header."""
    if value[:HEADER_BYTES] != HEADER:
        raise UnreadableValue(table, value)
    return memoryview(value)[HEADER_BYTES:]
