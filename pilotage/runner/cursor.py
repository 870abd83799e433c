"""How far a shard's log is in history already: one row beside the log, and the bound it sets for trimming.

Everything up to the cursor is in synced history files; everything after it is in the log alone. The cursor moves by a durable
write after the files are on disk, so a crash in between repeats the files and loses nothing.
"""

from pilotage.runner.layout import HEADER, body_of, position_of
from pilotage.runner.store import Batch, Store

_CURSOR = b"history"
_NO_HISTORY = 2**63 - 1


def read_cursor(store: Store) -> int | None:
    """The last position that is in history, or None where no history is kept."""
    value = store.get("meta", _CURSOR)
    return None if value is None else int.from_bytes(body_of("meta", value), "big")


def move_cursor(store: Store, position: int) -> None:
    """Everything up to a position is in synced files: say so, durably."""
    batch = Batch()
    batch.put("meta", _CURSOR, HEADER + position.to_bytes(8, "big"))
    store.write(batch, durable=True)


def begin_cursor(store: Store) -> int:
    """The cursor; where no history was kept it begins before the oldest record that the log still has, and from then on the
    log keeps what history has not."""
    found = read_cursor(store)
    if found is None:
        found = next((position_of(key) for key, _ in store.scan("log")), 1) - 1
        move_cursor(store, found)
    return found


def history_bound(store: Store) -> int:
    """The last position that history can spare from the log."""
    found = read_cursor(store)
    return _NO_HISTORY if found is None else found
