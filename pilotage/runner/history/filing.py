"""Filing: the next records of a shard's log as one part of each table, cut where days, months and sizes say.

What is filed is read from segments in order, a bounded number of records at a time, so memory does not grow with what waits.
Between slices of work `pause` is called; whoever files beside live events lets others go first there.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from pilotage.event.time import DAY_US
from pilotage.runner.history.parquet import Parquet, Rows
from pilotage.runner.history.parts import DECISIONS, EVENTS, Part, Parts, Rules
from pilotage.runner.history.rows import Taken, Taker
from pilotage.runner.log import Segment

SLICE_RECORDS = 2_048
"""How many records are made into buffers at once, a column in about a millisecond; fewer at once cost more, since each buffer has
its price."""

Pause = Callable[[], None]


class Written(msgspec.Struct, frozen=True):
    """A part that was written, and how many rows it has."""

    part: Part
    rows: int


class Filed:
    """What goes into the next parts: rows of both tables, the positions and the days they are from.

    A part of one day ends with the day. Only past days with together no more than `sparse_records` share a part, and what of them
    was taken is kept as it is until that is known."""

    def __init__(self, after: int, today: int, rules: Rules) -> None:
        self.rows = (Rows(EVENTS), Rows(DECISIONS))
        self._after = after
        self._today = today
        self._rules = rules
        self._first_day = self._last_day = -1
        self._made = 0
        self._waiting: list[Taken] = []
        self._day_began = 0
        self._day_before = -1

    @property
    def records(self) -> int:
        """How many records are in it."""
        return self._made + len(self._waiting)

    def take(self, taken: Sequence[Taken], pause: Pause) -> bool:
        """Take the records that follow; false when the parts are complete, perhaps without the last of these."""
        for day, records in groupby(taken, key=lambda each: each.record.received_us // DAY_US):
            if day != self._last_day and not self._begin_day(day):
                return False
            self._waiting.extend(records)
            if self._first_day != self._last_day and self.records > self._rules.sparse_records:
                del self._waiting[self._day_began :]
                self._last_day = self._day_before
                return False
        if self.records > self._rules.sparse_records:
            self.settle(pause)
        return self.records < self._rules.records_max

    def settle(self, pause: Pause) -> None:
        """Turn what was taken into rows, a slice at a time."""
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), SLICE_RECORDS):
            for rows in self.rows:
                rows.add(waiting[first : first + SLICE_RECORDS], pause)
        self._made += len(waiting)

    def part(self, table: str, shard: int) -> Part:
        """The part of a table."""
        return Part(table, shard, self._after + 1, self._after + self.records, self._first_day, self._last_day)

    def _begin_day(self, day: int) -> bool:
        """Whether records of a later day may follow those taken."""
        if self._first_day < 0:
            self._first_day = day
        elif day >= self._today or self.records > self._rules.sparse_records or not self._rules.may_share(self._first_day, day):
            return False
        self._day_before, self._last_day, self._day_began = self._last_day, day, len(self._waiting)
        return True


def file_next(
    shard: int,
    segments: Iterable[Segment],
    after: int,
    until: int,
    today: int,
    parts: Parts,
    parquet: Parquet,
    rules: Rules,
    pause: Pause = lambda: None,
) -> list[Written]:
    """Write the next part of each table from the records at positions above `after`, up to `until`, in order; empty when there
    are none. `HistoryUnwritable` if the disk does not take them, and what `segments` raises."""
    filed, taker = Filed(after, today, rules), Taker()
    for segment in segments:
        taken = taker.taken(segment, after, until)
        pause()
        if taken and not filed.take(taken, pause):
            break
        if segment.last >= until:
            break
    if not filed.records:
        return []
    filed.settle(pause)
    written = []
    for rows in filed.rows:
        part = filed.part(rows.table, shard)
        parts.publish(part, lambda path, rows=rows: parquet.write(rows, path))  # type: ignore[misc]  # bound now
        written.append(Written(part, rows.count))
        pause()
    return written
