"""Local time from pinned zone tables: the tables are an input, never the machine's own.

`Zones` is built from the TZif bytes of each IANA zone, so the same plan decides the same on any machine. A wall time
that a clock change skips is read as RFC 5545 reads it (with the offset before the change: 02:30 becomes 03:30); one that
happens twice is the first of the two.
"""

import hashlib
import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from pilotage.event.time import instant_us, moment


class UnknownZone(LookupError):
    """The name is not an IANA zone of the pinned tables. Write a name such as Europe/Berlin."""


SHIFTS_UNTIL_YEAR = 2100
"""The clock changes of a zone are listed up to the beginning of this year; after it the last offset stays."""


class Shifts(msgspec.Struct, frozen=True):
    """The clock changes of one zone. From `starts[i]` on, in µs UTC, the wall clock is `offsets[i]` µs ahead of UTC; the first
    start is before all time. `walls[i]` is the first wall time, in µs as if it were UTC, that the change `i` cannot have come
    after: one that it skips is read with the offset before, one that it repeats is the first of the two."""

    starts: list[int]
    offsets: list[int]
    walls: list[int]


class Zones:
    """Time-zone tables. `digest` names them; a plan carries the digest it was compiled against."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.digest = hashlib.sha256(packed).hexdigest()
        self._tables = msgspec.msgpack.decode(packed, type=dict[str, bytes])
        self._zone = lru_cache(maxsize=1024)(self._load)
        self.shifts = lru_cache(maxsize=1024)(self._shifts)

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    @property
    def names(self) -> frozenset[str]:
        """The IANA names the tables hold."""
        return frozenset(self._tables)

    def _load(self, name: str) -> ZoneInfo:
        raw = self._tables.get(name)
        if raw is None:
            raise UnknownZone(f"{name!r} is not an IANA zone; write a name such as Europe/Berlin")
        return ZoneInfo.from_file(io.BytesIO(raw), key=name)

    def local(self, us: int, zone: str) -> datetime:
        """The wall time of an instant in a zone."""
        return moment(us).astimezone(self._zone(zone))

    def wall_us(self, us: int, zone: str) -> int:
        """The wall time of an instant, in microseconds as if it were UTC."""
        shifts = self.shifts(zone)
        return us + shifts.offsets[bisect_right(shifts.starts, us) - 1]

    def instant_of(self, wall_us: int, zone: str) -> int:
        """The instant of a wall time: one that a clock change skips as RFC 5545 reads it, the first of two."""
        shifts = self.shifts(zone)
        return wall_us - shifts.offsets[bisect_right(shifts.walls, wall_us) - 1]

    def next_shift(self, us: int, zone: str) -> int:
        """The next instant at which the zone's clock is changed; 0 if there is none."""
        starts = self.shifts(zone).starts
        at = bisect_right(starts, us)
        return starts[at] if at < len(starts) else 0

    def _shifts(self, name: str) -> Shifts:
        """The clock changes of a zone: those its table lists, then those by the rule at its end, if that has any."""
        table = self._zone(name)
        known = [at for at in _changes(self._tables[name]) if _FIRST_US < at < _LAST_US]
        begun = known[-1] if known else _FIRST_US
        later = _scanned(table, max(begun, 0)) if b"," in self._tables[name].rsplit(b"\n", 2)[-2] else ()
        starts, offsets, walls = [-(2**63)], [_offset_us(table, _FIRST_US)], [-(2**63)]
        for at in sorted({*known, *later}):
            before, after = offsets[-1], _offset_us(table, at)
            if before != after:
                starts.append(at)
                offsets.append(after)
                walls.append(at + max(before, after))
        return Shifts(starts, offsets, walls)

    def minute_of_day(self, us: int, zone: str) -> int:
        """Minutes since local midnight, 0 to 1,439, by the wall clock."""
        wall = self.local(us, zone)
        return wall.hour * 60 + wall.minute

    def next_at(self, us: int, zone: str, minute: int) -> int:
        """The first instant after `us` at which the wall clock in the zone reads this minute of the day, or, on a day
        whose clock change skips it, the instant that RFC 5545 gives it."""
        day = self.local(us, zone).date()
        while True:
            first, second = self._instants(day, minute, zone)
            if first > us:
                return first
            if second > us:
                return second
            day += timedelta(days=1)

    def next_reached(self, us: int, zone: str, minute: int) -> int:
        """Like `next_at`, but where a clock change skips the minute, the instant of the change: what ends at 02:30 has
        ended when the clock jumps from 02:00 to 03:00."""
        found = self.next_at(us, zone, minute)
        if self.minute_of_day(found, zone) == minute:
            return found
        table = self._zone(zone)
        after = moment(found).astimezone(table).utcoffset()
        if moment(us).astimezone(table).utcoffset() == after:  # the clock has jumped over it already: not before tomorrow
            return self.next_reached(found, zone, minute)
        low, high = max(us, found - 86_400_000_000), found
        while high - low > 1:
            middle = (low + high) // 2
            if moment(middle).astimezone(table).utcoffset() == after:
                high = middle
            else:
                low = middle
        return high

    def _instants(self, day: date, minute: int, zone: str) -> tuple[int, int]:
        """The instants of a wall time on a day: twice the same but where the clock is set back between them."""
        wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self._zone(zone))
        first, second = instant_us(wall), instant_us(wall.replace(fold=1))
        return first, max(first, second)


def pack(tables: dict[str, bytes]) -> bytes:
    """The stored form of TZif tables by zone name; equal tables have equal bytes."""
    return msgspec.msgpack.encode(tables, order="deterministic")


_FIRST_US = instant_us(datetime(1800, 1, 1))
_LAST_US = instant_us(datetime(SHIFTS_UNTIL_YEAR, 1, 1))
_SECOND_US = 1_000_000
_STEP_US = 14 * 86_400_000_000


def _offset_us(table: ZoneInfo, us: int) -> int:
    offset = moment(us).astimezone(table).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)


def _changes(raw: bytes) -> list[int]:
    """The instants of the changes that a TZif file lists, by its second, 64-bit block (RFC 8536, section 3)."""
    counts = struct.unpack(">6l", raw[20:44])  # isutc, isstd, leap, times, types, characters
    skipped = 44 + counts[3] * 5 + counts[4] * 6 + counts[5] + counts[2] * 8 + counts[1] + counts[0]
    if raw[4:5] < b"2":
        return [at * _SECOND_US for at in struct.unpack(f">{counts[3]}l", raw[44 : 44 + counts[3] * 4])]
    times = struct.unpack(">6l", raw[skipped + 20 : skipped + 44])[3]
    return [at * _SECOND_US for at in struct.unpack(f">{times}q", raw[skipped + 44 : skipped + 44 + times * 8])]


def _scanned(table: ZoneInfo, from_us: int) -> Iterator[int]:
    """The changes after an instant by a rule, which has two a year: found by looking every two weeks, then halving."""
    at, offset = from_us, _offset_us(table, from_us)
    while at + _STEP_US < _LAST_US:
        after = _offset_us(table, at + _STEP_US)
        if after != offset:
            low, high = at // _SECOND_US, (at + _STEP_US) // _SECOND_US
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset_us(table, middle * _SECOND_US) == offset else (low, middle)
            yield high * _SECOND_US
        at, offset = at + _STEP_US, after
