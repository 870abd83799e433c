"""Wake-ups without polling: the next instant at which any subject of a shard needs attention.

Wake-ups set since the last save are in a heap; all others lie in the store, sorted by instant, and are read from a
cursor in small pages, so a million waiting subjects cost disk only and a million due at once are never loaded at once.
A wake-up that was superseded stays where it is and is dropped when it comes up: it no longer matches its subject.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import islice

from pilotage.runner.layout import timer_key, timer_of
from pilotage.runner.store import Store

NEVER_US = 1 << 63
PAGE = 4_096
"""How many stored wake-ups are read at a time."""
HEAP_MAX = 16_384
"""Above this many near wake-ups, the farther ones are left to the store again."""

Pending = Callable[[bytes], int | None]
"""Answers for a subject whose state is not saved: its wake-up (0: none). None for all other subjects."""


class Timers:
    """The wake-ups of one shard. All with (due, subject) ≤ the cursor are in the heap, and all that are not saved yet; the
    rest are in the store only, the earliest of them due at or after `_beyond_us`."""

    def __init__(self, store: Store, pending: Pending) -> None:
        self._store = store
        self._pending = pending
        self._heap: list[tuple[int, bytes]] = []
        self._cursor: tuple[int, bytes] = (0, b"")
        self._beyond_us = 0
        self._compact_at = PAGE

    def push(self, due_us: int, subject: bytes) -> None:
        """A subject's new wake-up."""
        heap = self._heap
        heappush(heap, (due_us, subject))
        if len(heap) > self._compact_at:
            self._compact()

    def next_due_us(self) -> int:
        """The earliest instant at which a subject may need attention, 0 if none waits. It may be too early by one that
        was superseded, never too late."""
        while True:
            self._drop_superseded()
            top_us = self._heap[0][0] if self._heap else NEVER_US
            if self._beyond_us >= top_us:
                return 0 if top_us == NEVER_US else top_us
            self._read_page()

    def pop_due(self, now_us: int, limit: int) -> list[tuple[int, bytes]]:
        """Take up to `limit` wake-ups due at or before `now_us`, earliest first; the caller checks each against the
        subject's state before it acts on it."""
        due: list[tuple[int, bytes]] = []
        while len(due) < limit:
            next_us = self.next_due_us()
            if next_us == 0 or next_us > now_us:
                break
            due.append(heappop(self._heap))
        return due

    def __len__(self) -> int:
        """How many wake-ups are in memory."""
        return len(self._heap)

    def _drop_superseded(self) -> None:
        heap = self._heap
        while heap:
            wake_us = self._pending(heap[0][1])
            if wake_us is None or wake_us == heap[0][0]:
                return
            heappop(heap)

    def _read_page(self) -> None:
        """Read the next page of stored wake-ups behind the cursor."""
        start = timer_key(*self._cursor) + b"\0"
        page = [timer_of(key) for key, _ in islice(self._store.scan("timer", start), PAGE)]
        for due_us, subject in page:
            if self._pending(subject) in (None, due_us):
                heappush(self._heap, (due_us, subject))
        if page:
            self._cursor = page[-1]
        self._beyond_us = page[-1][0] if len(page) == PAGE else NEVER_US

    def _compact(self) -> None:
        """Drop what was superseded and what the store holds behind the cursor; draw the cursor back when the heap is
        still large. Takes a few milliseconds, as often as the heap has doubled."""
        heap = self._without_stored()
        if len(heap) > HEAP_MAX:
            heap.sort()
            self._cursor = min(self._cursor, heap[HEAP_MAX // 2])
            self._heap = heap
            heap = self._without_stored()
        heapify(heap)
        self._heap = heap
        self._compact_at = max(PAGE, 2 * len(heap))

    def _without_stored(self) -> list[tuple[int, bytes]]:
        """The heap without what was superseded or is stored behind the cursor, in no order."""
        pending, cursor, beyond_us = self._pending, self._cursor, self._beyond_us
        kept: list[tuple[int, bytes]] = []
        for item in set(self._heap):
            wake_us = pending(item[1])
            if wake_us == item[0] or (wake_us is None and item <= cursor):
                kept.append(item)
            elif wake_us is None and item[0] < beyond_us:
                beyond_us = item[0]
        self._beyond_us = beyond_us
        return kept
