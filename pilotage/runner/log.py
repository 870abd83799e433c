"""The log: what was applied to which subject and when, and what was decided then, in segments of one group commit.

It is the truth a shard is rebuilt from. Positions count from 1 without gaps; a segment is stored under its first one. A
record names its subject's previous position, so one subject's story is read by walking back, not by scanning.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from pilotage.event.envelope import Event
from pilotage.journey.outcome import Decision
from pilotage.runner.layout import HEADER, body_of, position_key, position_of
from pilotage.runner.store import Store


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event applied to one subject at `received_us`, the `now` it was advanced with. `previous` is the subject's
    previous position (0: none). `event` None is a wake-up at `received_us`."""

    subject: bytes
    received_us: int
    previous: int
    event: Event | None


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """The records of one group commit, the first of them at position `first`, and each one's decisions. `plan` is the
    digest of the plan they were advanced under."""

    first: int
    plan: str
    records: list[Record]
    decisions: list[list[Decision]]

    @property
    def last(self) -> int:
        """The position of the last record."""
        return self.first + len(self.records) - 1


class LogBroken(RuntimeError):
    """Positions are missing from the log: the data folder is damaged or was mixed from two. Restore it from a backup."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"the log should go on at position {expected}, but goes on at {found}; restore the data folder from a backup")
        self.expected = expected
        self.found = found


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Segment)


def encode_segment(segment: Segment) -> tuple[bytes, bytes]:
    """Key and value of a segment in the table `log`."""
    return position_key(segment.first), HEADER + _encoder.encode(segment)


def decode_segment(value: bytes) -> Segment:
    """The segment of a stored value; `UnreadableValue` if this release does not read its format."""
    return _decoder.decode(body_of("log", value))


def segments_from(store: Store, position: int, *, trimmed: bool = False) -> Iterator[Segment]:
    """The stored segments that hold `position` and all later ones, in order; `LogBroken` where positions are missing,
    also at the beginning unless that may have been `trimmed`."""
    start = position_key(position)
    for key, _ in store.scan("log", stop=position_key(position + 1), reverse=True):
        start = key
        break
    expected = 0
    for key, value in store.scan("log", start):
        first = position_of(key)
        if first != expected and (expected or (first > position and not trimmed)):
            raise LogBroken(expected or position, first)
        segment = decode_segment(value)
        expected = segment.last + 1
        if segment.last >= position:
            yield segment


def last_segment(store: Store) -> Segment | None:
    """The newest stored segment, or None for an empty log."""
    for _, value in store.scan("log", reverse=True):
        return decode_segment(value)
    return None


def trim_log(store: Store, saved: int, before_us: int) -> int:
    """Remove the oldest segments whose last record was received before an instant, durably; returns how many records went.
    What lies behind the position `saved` (the marker) stays, since recovery needs it, and so does the newest segment, which
    says where positions go on. Of a long log only a few segments are read."""
    oldest = next((position_of(key) for key, _ in store.scan("log")), 0)
    newest = next((position_of(key) for key, _ in store.scan("log", reverse=True)), 0)
    reader = LogReader(store, kept=2)

    def stays(position: int) -> bool:
        segment = reader.segment_at(position)
        return segment is None or segment.last > saved or segment.records[-1].received_us >= before_us

    first = oldest + bisect_left(range(oldest, newest), True, key=stays)
    keep = reader.segment_at(first)
    if keep is None or keep.first == oldest:
        return 0
    store.delete_range("log", b"", position_key(keep.first))
    return keep.first - oldest


class LogReader:
    """Finds the record at a position, keeping the few segments read last."""

    def __init__(self, store: Store, kept: int = 16) -> None:
        self._store = store
        self._kept = kept
        self._segments: OrderedDict[int, Segment] = OrderedDict()

    def segment_at(self, position: int) -> Segment | None:
        """The stored segment that holds a position, or None when it is not stored (any more)."""
        for first, segment in self._segments.items():
            if first <= position <= segment.last:
                self._segments.move_to_end(first)
                return segment
        for _, value in self._store.scan("log", stop=position_key(position + 1), reverse=True):
            segment = decode_segment(value)
            if position > segment.last:
                return None
            self._segments[segment.first] = segment
            if len(self._segments) > self._kept:
                self._segments.popitem(last=False)
            return segment
        return None
