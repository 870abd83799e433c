"""Which events a shard has already applied: 128-bit hashes of (source, id), kept at least 24 hours.

Hashes are stored under the day they were received (`day u16 | hash`), so that old ones go by range: a look-up asks for
today and yesterday. New ones stay in memory until the saver has written them; the log rebuilds them after a crash.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice

from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.runner.store import Batch, Store

_DAY_BITS = 16


def event_hash(event: Event) -> bytes:
    """The 16-byte name of an event for duplicate detection; the source's length keeps (source, id) pairs apart."""
    source = event.source
    return blake2b(f"{len(source)}:{source}{event.id}".encode(), digest_size=16).digest()


class Seen:
    """The hashes of one shard. `known` answers for those saved; `fresh_position` for those still in memory. The current day
    lasts until `day_ends_us`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh: dict[bytes, int] = {}
        self._saving: dict[bytes, int] = {}
        self._cycle: Iterator[tuple[bytes, int]] = iter(())
        self.unsaved = 0
        self._day = 0
        self.day_ends_us = 0
        self._today = b""
        self._yesterday = b""
        self._two_days = False

    def __len__(self) -> int:
        """How many hashes are in memory."""
        return len(self._fresh) + len(self._saving)

    def turn_to(self, received_us: int) -> None:
        """Make the day of an instant the current one, unless it is before that; hashes older than the day before it are dropped."""
        if received_us < self.day_ends_us:
            return
        day = received_us // DAY_US
        self._day, self.day_ends_us = day, (day + 1) * DAY_US
        self._today = _day_key(day)
        self._yesterday = _day_key(day - 1) if day else self._today
        self._store.delete_range("seen", b"", self._yesterday)
        self._two_days = any(True for _ in self._store.scan("seen", self._yesterday, self._today)) or len(self) > 0

    def fresh_position(self, hashed: bytes) -> int:
        """The position of an event applied lately, whose hash is not saved yet; 0 if it is not one."""
        marked = self._fresh.get(hashed) or self._saving.get(hashed, 0)
        return marked >> _DAY_BITS

    def known(self, hashes: Sequence[bytes]) -> list[bool]:
        """Which hashes are saved as seen today or yesterday. Their events are durable already."""
        today = self._today
        found = [value is not None for value in self._store.get_many("seen", [today + h for h in hashes])]
        if self._two_days:
            yesterday = self._yesterday
            before = self._store.get_many("seen", [yesterday + h for h in hashes])
            found = [now or then is not None for now, then in zip(found, before, strict=True)]
        return found

    def add(self, hashed: bytes, position: int) -> None:
        """Remember that the event with this hash was applied at a position, today."""
        self._fresh[hashed] = position << _DAY_BITS | self._day

    def begin(self, durable: int) -> None:
        """Start saving all hashes of positions ≤ `durable`."""
        later: list[tuple[bytes, int]] = []
        while self._fresh:
            pair = self._fresh.popitem()
            if pair[1] >> _DAY_BITS <= durable:
                self._fresh[pair[0]] = pair[1]
                break
            later.append(pair)
        self._saving, self._fresh = self._fresh, dict(reversed(later))
        self._cycle = iter(self._saving.items())
        self.unsaved = len(self._saving)

    def save(self, batch: Batch, limit: int) -> int:
        """Add up to `limit` hashes of the cycle to a derived batch; returns how many. Those of days past are done with."""
        day, today = self._day, self._today
        pairs = islice(self._cycle, limit)
        keys = [(today if (marked & 0xFFFF) == day else _day_key(marked & 0xFFFF)) + hashed for hashed, marked in pairs]
        keys.sort()
        for key in keys[bisect_left(keys, self._yesterday) :]:
            batch.put("seen", key, b"")
        self.unsaved -= len(keys)
        return len(keys)

    def end(self) -> None:
        """The cycle's last batch is written: forget in memory what it saved."""
        self._saving = {}
        self._cycle = iter(())


def _day_key(day: int) -> bytes:
    return day.to_bytes(2, "big")
