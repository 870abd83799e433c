"""A store in memory: for tests, rehearsals and replays that need no disk.

It keeps the promises of a store on disk, including the weak one: `crash` loses derived writes that were not flushed, so
recovery can be tried without a disk. What a batch holds is applied at once, under one lock.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from weakref import WeakSet

from pilotage.runner.store import DERIVED, TABLES, Batch


class ClosedStore(RuntimeError):
    """The store was closed before this call. Open it anew."""

    def __init__(self) -> None:
        super().__init__("the store was closed before this call; open it anew")


class MemoryStore:
    """A `Store` whose disk is a dictionary. Keep the object to open it again after `close` or `crash`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = True
        self._tables = {name: _Table() for name in TABLES}
        self._unflushed: list[list[tuple[str, bytes, bytes | None]]] = []

    def reopen(self) -> "MemoryStore":
        """The same data as a store newly opened."""
        self._open = True
        return self

    def crash(self, survive: Mapping[str, int] | None = None) -> "MemoryStore":
        """Lose the derived writes since the last flush, but for each table the batches named in `survive` (how many of
        the oldest), as a crash may; returns the store as it is found afterwards."""
        kept = survive or {}
        with self._lock:
            for number in range(len(self._unflushed) - 1, -1, -1):
                for table, key, old in reversed(self._unflushed[number]):
                    if number >= kept.get(table, 0):
                        self._tables[table].put(key, old)
            self._unflushed = []
        return self.reopen()

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        self._check_open()
        return self._tables[table].rows.get(key)

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, in their order."""
        self._check_open()
        return list(map(self._tables[table].rows.get, keys))

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply a batch at once. A durable one survives `crash`."""
        self._check_open()
        check_tables(batch, durable)
        with self._lock:
            undo: list[tuple[str, bytes, bytes | None]] = []
            for table, key, value in batch.operations:
                undo.append((table, key, self._tables[table].put(key, value)))
            if not durable:
                self._unflushed.append(undo)

    def scan(self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with start ≤ key < stop in key order (or from the last backwards), as of the call."""
        self._check_open()
        with self._lock:
            return _Scan(self._tables[table], start, stop, reverse)

    def delete_range(self, table: str, start: bytes, stop: bytes) -> None:
        """Remove all keys with start ≤ key < stop, durably."""
        self._check_open()
        with self._lock:
            rows = self._tables[table]
            for key in [k for k in rows.in_order() if start <= k < stop]:
                rows.put(key, None)
            self._unflushed = [[o for o in batch if o[0] != table or not start <= o[1] < stop] for batch in self._unflushed]

    def flush(self) -> None:
        """Make all derived writes survive a crash."""
        self._check_open()
        with self._lock:
            self._unflushed = []

    def size_bytes(self) -> int:
        """The bytes of all keys and values."""
        with self._lock:
            return sum(len(key) + len(value) for table in self._tables.values() for key, value in table.rows.items())

    def close(self) -> None:
        """Flush; every later call is refused until `reopen`."""
        if self._open:
            self.flush()
        self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise ClosedStore


class _Table:
    """One sorted table: a dictionary, and its keys in order as of the last scan, with what changed since.

    `ordered` is replaced, never changed, so that a scan under way keeps its own; live scans are told of old values.
    """

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.scans: WeakSet[_Scan] = WeakSet()
        self._ordered: list[bytes] = []
        self._added: set[bytes] = set()
        self._removed: set[bytes] = set()

    def put(self, key: bytes, value: bytes | None) -> bytes | None:
        """Put, or delete with None; returns the old value."""
        old = self.rows.get(key)
        for scan in self.scans:
            scan.overlay.setdefault(key, old)
        if value is not None:
            self.rows[key] = value
            if old is None:
                self._note(key, self._removed, self._added)
        elif old is not None:
            del self.rows[key]
            self._note(key, self._added, self._removed)
        return old

    def in_order(self) -> list[bytes]:
        """All keys in order, and perhaps some that were deleted."""
        if self._added or len(self._removed) > len(self.rows):
            merged = [key for key in self._ordered if key in self.rows] if self._removed else list(self._ordered)
            merged.extend(sorted(self._added))
            merged.sort()
            self._ordered, self._added, self._removed = merged, set(), set()
        return self._ordered

    @staticmethod
    def _note(key: bytes, undone: set[bytes], done: set[bytes]) -> None:
        if key in undone:
            undone.discard(key)
        else:
            done.add(key)


class _Scan:
    """One scan under way: the keys as they were, and the old values of what was changed since."""

    def __init__(self, table: _Table, start: bytes, stop: bytes | None, reverse: bool) -> None:
        self.overlay: dict[bytes, bytes | None] = {}
        self._rows = table.rows
        self._keys = table.in_order()
        first = bisect_left(self._keys, start)
        last = len(self._keys) if stop is None else bisect_left(self._keys, stop)
        self._numbers = iter(range(last - 1, first - 1, -1) if reverse else range(first, last))
        table.scans.add(self)

    def __iter__(self) -> "_Scan":
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        for number in self._numbers:
            key = self._keys[number]
            value = self.overlay[key] if key in self.overlay else self._rows.get(key)
            if value is not None:
                return key, value
        raise StopIteration


def check_tables(batch: Batch, durable: bool) -> None:
    """Refuse a derived batch that touches a table which nothing could rebuild."""
    if durable:
        return
    for table in sorted({operation[0] for operation in batch.operations} - DERIVED):
        raise ValueError(f"table {table!r} must be written durably; derived writes are for {', '.join(sorted(DERIVED))}")
