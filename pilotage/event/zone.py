"""Local time from pinned zone tables: the tables are an input, never the machine's own.

`Zones` is built from the TZif bytes of each IANA zone, so the same plan decides the same on any machine. A wall time
that a clock change skips is read as RFC 5545 reads it (with the offset before the change: 02:30 becomes 03:30); one that
happens twice is the first of the two.
"""

import hashlib
import io
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from pilotage.event.time import instant_us, moment


class UnknownZone(LookupError):
    """The name is not an IANA zone of the pinned tables. Write a name such as Europe/Berlin."""


class Zones:
    """Time-zone tables. `digest` names them; a plan carries the digest it was compiled against."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.digest = hashlib.sha256(packed).hexdigest()
        self._tables = msgspec.msgpack.decode(packed, type=dict[str, bytes])
        self._zone = lru_cache(maxsize=1024)(self._load)

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
