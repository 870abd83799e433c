"""What a store is: sorted tables of bytes with atomic batches, the one thing under a shard that touches the disk.

There are two kinds of write. A *durable* batch is on disk when the call returns; who reads meanwhile may see it a little before, so
what must not be taken back is bounded by what the shard knows to be durable. A *derived* batch holds what the log can rebuild
(states, dedupe keys, timers); it may be lost in a crash, but never out of order within a table and never in part, and `flush` makes
all of it durable. Every implementation passes `pilotage.testing.check_store`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

TABLES = ("log", "action", "meta", "state", "seen", "timer", "link", "quarantine", "inbox", "task", "parcel", "past")
"""The tables of a store. `state`, `seen` and `timer` are derived from the log; all others are written durably."""

DERIVED = frozenset({"state", "seen", "timer"})


class StoreFull(OSError):
    """The disk refused a write (full, read-only or failing). Nobody was told that it was done; free space or make the
    folder writable, then start again: everything acknowledged is still there."""


class Batch:
    """Puts and deletes that are applied together or not at all, in the order they were added."""

    __slots__ = ("operations",)

    def __init__(self) -> None:
        self.operations: list[tuple[str, bytes, bytes | None]] = []

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Set a key."""
        self.operations.append((table, key, value))

    def delete(self, table: str, key: bytes) -> None:
        """Remove a key; one that is absent is no error."""
        self.operations.append((table, key, None))


class Store(Protocol):
    """Sorted tables of bytes. Keys order as bytes do. Only one process may hold a store open."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key, or None."""

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, in their order; one call costs far less than as many `get`s."""

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply a batch. Durable: it is on disk when this returns, or `StoreFull` is raised, and what the disk then holds of it shows
        when the store is opened anew. Derived (`durable=False`, derived tables only): see the module. May be called from another
        thread."""

    def scan(self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with start ≤ key < stop in key order (or from the last backwards), as of the call."""

    def delete_range(self, table: str, start: bytes, stop: bytes) -> None:
        """Remove all keys with start ≤ key < stop, durably."""

    def flush(self) -> None:
        """Make all derived writes durable. May be called from another thread."""

    def size_bytes(self) -> int:
        """About how much disk the store takes."""

    def close(self) -> None:
        """Flush and let go of the files."""
