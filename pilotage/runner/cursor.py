"""How far a shard's log is in history already: one row beside the log, and the bound it sets for trimming.

Everything up to the cursor is in synced history files, from where history begins; everything after it is in the log alone. The
cursor moves by a durable write after the files are on disk, so a crash in between repeats the files and loses nothing; and where
history begins moves before old files are removed, so that none of them comes back.
"""

import msgspec

from pilotage.runner.layout import HEADER, body_of, position_of
from pilotage.runner.store import Batch, Store

_CURSOR = b"history"
_NO_HISTORY = 2**63 - 1


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """History has the positions above `after`, up to `upto`, and no others."""

    after: int
    upto: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Cursor)


def read_cursor(store: Store) -> Cursor | None:
    """Which positions are in history, or None where no history is kept."""
    value = store.get("meta", _CURSOR)
    return None if value is None else _decoder.decode(body_of("meta", value))


def move_cursor(store: Store, cursor: Cursor) -> None:
    """Say durably which positions are in history; their files must be synced."""
    batch = Batch()
    batch.put("meta", _CURSOR, HEADER + _encoder.encode(cursor))
    store.write(batch, durable=True)


def begin_cursor(store: Store) -> Cursor:
    """The cursor; where no history was kept it begins before the oldest record that the log still has, and from then on the
    log keeps what history has not."""
    found = read_cursor(store)
    if found is None:
        before = first_position(store) - 1
        found = Cursor(before, before)
        move_cursor(store, found)
    return found


def first_position(store: Store) -> int:
    """The oldest position that the log still has; 1 for an empty log."""
    return next((position_of(key) for key, _ in store.scan("log")), 1)


def history_bound(store: Store) -> int:
    """The last position that history can spare from the log."""
    found = read_cursor(store)
    return _NO_HISTORY if found is None else found.upto
