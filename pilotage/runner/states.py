"""The states of one shard's subjects: in memory while they are changed and used, on disk in between.

A changed state is *dirty* until the saver has written it; a saved one stays decoded for a while (*clean*), then encoded
(*packed*), then only in the store. All three are bounded, first in, first out; a subject that is used again starts anew. Who comes from
the store is encoded again at the end of the round, while its objects are still in the processor's caches; who is met again stays
decoded. Most subjects that are read from disk are not met again soon, and a hundred objects each that nobody uses cost more to make,
keep and free than a kilobyte in one place. A state may be saved only when the log records it reflects are durable, so a dirty one keeps
the versions it had at the ends of the group commits that are still being written.
"""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

import msgspec

from pilotage.profile.state import State, decode_state, encode_state
from pilotage.runner.layout import pack_state, state_key, subject_of, timer_key, unpack_state
from pilotage.runner.store import Batch, Store

Version = tuple[int, int, State | bytes]
"""What a subject was at a position: the position, the wake-up, the state or the value to store of it."""


class Entry(msgspec.Struct, gc=False):
    """One subject in memory: its state at `position` (0: nothing applied yet) and its wake-up. `saved_wake_us` is the
    wake-up its stored timer has. `state` is None where it is encoded only, `raw` the value to store while it equals the state.
    `versions` are earlier ones, each the last of a group commit, oldest first."""

    subject: bytes
    key: bytes
    position: int
    wake_us: int
    saved_wake_us: int
    raw: bytes
    state: Any = None
    versions: tuple[Version, ...] = ()

    def newest(self, durable: int) -> Version | None:
        """The newest version whose records are all durable, or None."""
        if self.position <= durable:
            return self.position, self.wake_us, self.raw or self.state
        for version in reversed(self.versions):
            if version[0] <= durable:
                return version
        return None

    def keep(self, durable: int) -> None:
        """Before the first change in a new group commit: keep the state at the end of the one before, which can be
        saved when that commit is durable. Versions older than the newest durable one are dropped."""
        present = (self.position, self.wake_us, self.raw or self.state)
        if self.position <= durable:
            self.versions = (present,)
        else:
            durable_ones = [number for number, (position, _, _) in enumerate(self.versions) if position <= durable]
            self.versions = (*self.versions[durable_ones[-1] if durable_ones else 0 :], present)


Saved = tuple[Entry, int, int, bytes]
"""A saved entry: the position and the wake-up it was saved with, and the value written."""

_by_key = attrgetter("key")
_AHEAD_MAX = 4_096
"""How many values that were read ahead may lie about."""
_EVICTED = 256
"""How many entries leave memory at a time: taking them one by one would scan the dictionary's gaps again and again."""


class States:
    """The memory in front of the table `state` of one shard."""

    def __init__(self, store: Store, *, decoded_max: int, packed_bytes_max: int) -> None:
        self._store = store
        self._decoded_max = decoded_max
        self._packed_bytes_max = packed_bytes_max
        self.dirty: dict[bytes, Entry] = {}
        self.clean: dict[bytes, Entry] = {}
        self._read: list[Entry] = []
        """Those that came from the store in this round."""
        self._packed: dict[bytes, bytes] = {}
        self._packed_bytes = 0
        self._ahead: dict[bytes, bytes] = {}
        """Stored values read ahead of time, of subjects that are not in memory."""
        self._unsaved: list[Entry] = []
        self._stale_timers: list[bytes] = []

    def load(self, subjects: Iterable[bytes]) -> None:
        """Decode subjects, with one read of the store for all that are not in memory. An unknown subject gets an
        empty state at position 0. What is loaded stays decoded at least until the next `trim`."""
        dirty, clean = self.dirty, self.clean
        missing: list[bytes] = []
        for subject in subjects:
            entry = dirty.get(subject)
            if entry is not None:
                if entry.state is None:
                    entry.state = decode_state(unpack_state(entry.raw)[2])  # type: ignore[arg-type]  # msgspec reads any buffer
            elif subject not in clean:
                raw = self._packed.pop(subject, None)
                if raw is None:
                    missing.append(subject)
                    continue
                self._packed_bytes -= len(raw)
                clean[subject] = _entry(subject, state_key(subject), raw)
        if missing:
            self._load_stored(missing)

    def _load_stored(self, missing: list[bytes]) -> None:
        """Bring subjects into memory that may be in the store."""
        read, ahead = self._read, self._ahead
        unread: list[tuple[bytes, bytes]] = []
        for subject in set(missing):
            if (raw := ahead.pop(subject, None)) is None:
                unread.append((state_key(subject), subject))
            else:
                self.clean[subject] = entry = _entry(subject, state_key(subject), raw)
                read.append(entry)
        unread.sort()
        for (key, subject), raw in zip(unread, self._store.get_many("state", [key for key, _ in unread]), strict=True):
            self.clean[subject] = entry = _entry(subject, key, raw)
            read.append(entry)

    def get(self, subject: bytes) -> Entry:
        """A subject's entry; it must have been loaded."""
        entry = self.dirty.get(subject)
        return self.clean[subject] if entry is None else entry

    def holds(self, subject: bytes) -> bool:
        """Whether a subject is decoded in memory, or has changes that are not saved."""
        return subject in self.dirty or subject in self.clean

    def soil(self, entry: Entry) -> None:
        """Make a clean entry dirty, because it is about to change."""
        self.clean.pop(entry.subject, None)
        self.dirty[entry.subject] = entry
        entry.raw = b""

    def peek(self, subject: bytes) -> tuple[State, int]:
        """A subject's state and its position, without moving anything; position 0 for an unknown subject."""
        entry = self.dirty.get(subject) or self.clean.get(subject)
        if entry is None:
            raw = self._packed.get(subject) or self._store.get("state", state_key(subject))
            entry = _entry(subject, b"", raw)
        elif entry.state is None:
            entry = _entry(subject, b"", entry.raw)
        return entry.state, entry.position

    def wake_of_dirty(self, subject: bytes) -> int | None:
        """The wake-up of a subject whose state is not saved (0: none), None for all others."""
        entry = self.dirty.get(subject)
        return None if entry is None else entry.wake_us

    def drop_timer(self, due_us: int, subject: bytes) -> None:
        """Forget a stored wake-up that does not match its subject's state (a crash may leave one behind)."""
        self._stale_timers.append(timer_key(due_us, subject))

    @property
    def unsaved(self) -> int:
        """How many states of the current saving cycle are still to be saved."""
        return len(self._unsaved)

    def begin(self, durable: int) -> None:
        """Start saving, in key order, every dirty state that has a version at or before `durable`."""
        self._unsaved = sorted((e for e in self.dirty.values() if e.newest(durable) is not None), key=_by_key, reverse=True)

    def save(self, batch: Batch, limit: int, durable: int) -> list[Saved]:
        """Add up to `limit` states of the cycle, and their timers, to a derived batch; returns what `saved` wants."""
        done: list[Saved] = []
        while self._unsaved and len(done) < limit:
            entry = self._unsaved.pop()
            version = entry.newest(durable)
            if version is None:
                raise AssertionError("a state in a saving cycle has a durable version: durable positions only grow")
            position, wake_us, known = version
            raw = known if isinstance(known, bytes) else pack_state(position, wake_us, encode_state(known))
            batch.put("state", entry.key, raw)
            if wake_us != entry.saved_wake_us:
                _put_timer(batch, entry, wake_us)
            done.append((entry, position, wake_us, raw))
        for key in self._stale_timers:
            batch.delete("timer", key)
        self._stale_timers = []
        return done

    def saved(self, done: list[Saved]) -> None:
        """The batch is written: what was saved as it is now is dirty no more."""
        for entry, position, wake_us, raw in done:
            entry.saved_wake_us = wake_us
            if position == entry.position:
                entry.raw = raw
                entry.versions = ()
                self.dirty.pop(entry.subject, None)
                if entry.state is None:
                    self._pack(entry.subject, raw)
                else:
                    self.clean[entry.subject] = entry

    def trim(self) -> None:
        """End a round: encode who came from the store in it, and bring memory back within its bounds. Dirty states are never dropped."""
        clean = self.clean
        for entry in self._read:
            if clean.pop(entry.subject, None) is not None:
                self._pack(entry.subject, entry.raw)
            else:
                entry.raw = pack_state(entry.position, entry.wake_us, encode_state(entry.state))
                entry.state = None
        self._read.clear()
        over = len(self.dirty) + len(clean) - self._decoded_max
        if over > 0 and clean:
            for subject in list(islice(clean, max(over, _EVICTED))):
                self._pack(subject, clean.pop(subject).raw)
        while self._packed_bytes > self._packed_bytes_max:
            for subject in list(islice(self._packed, _EVICTED)):
                self._packed_bytes -= len(self._packed.pop(subject))

    def known(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """All subjects with start ≤ key < stop, saved or not, in key order."""
        stored = (key for key, _ in self._store.scan("state", start, stop))
        for key, _ in groupby(merge(self._unsaved_from(start, stop), stored)):
            yield subject_of(key)

    def ahead(self, start: bytes, limit: int) -> list[bytes]:
        """The next subjects from a key on, saved or not, in key order; those that are not in memory are read, for `load` to find."""
        if len(self._ahead) > _AHEAD_MAX:
            self._ahead.clear()  # whoever asked for them has stopped
        stored = list(islice(self._store.scan("state", start), limit))
        stop = stored[-1][0] + b"\0" if len(stored) == limit else None
        for key, raw in stored:
            subject = subject_of(key)
            if not self.holds(subject) and subject not in self._packed:
                self._ahead[subject] = raw
        keys = merge(self._unsaved_from(start, stop), (key for key, _ in stored))
        return [subject_of(key) for key, _ in islice(groupby(keys), limit)]

    def _unsaved_from(self, start: bytes, stop: bytes | None) -> list[bytes]:
        """The keys of all unsaved subjects with start ≤ key < stop (None: to the end), sorted."""
        return sorted(entry.key for entry in self.dirty.values() if start <= entry.key and (stop is None or entry.key < stop))

    def sizes(self) -> dict[str, int]:
        """How many states are dirty, clean and packed, and the bytes of the packed."""
        return {"dirty": len(self.dirty), "clean": len(self.clean), "packed": len(self._packed), "packed_bytes": self._packed_bytes}

    def _pack(self, subject: bytes, raw: bytes) -> None:
        if raw:
            self._packed[subject] = raw
            self._packed_bytes += len(raw)


def _entry(subject: bytes, key: bytes, raw: Any) -> Entry:
    """The entry of a stored value, or of a subject that has none."""
    if raw is None:
        return Entry(subject, key, 0, 0, 0, b"", State(subject=subject))
    position, wake_us, body = unpack_state(raw)
    return Entry(subject, key, position, wake_us, wake_us, raw, decode_state(body))  # type: ignore[arg-type]  # msgspec reads any buffer


def _put_timer(batch: Batch, entry: Entry, wake_us: int) -> None:
    """Move a subject's stored timer to its present wake-up."""
    if entry.saved_wake_us:
        batch.delete("timer", timer_key(entry.saved_wake_us, entry.subject))
    if wake_us:
        batch.put("timer", timer_key(wake_us, entry.subject), b"")
