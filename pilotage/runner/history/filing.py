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
"""How many records are made into buffers at once, 10 to 20 ms of work in steps of a millisecond; fewer at once cost more, since
each buffer has its price."""

Pause = Callable[[], None]


class Written(msgspec.Struct, frozen=True):
    """A part that was written, and how many rows it has."""

    part: Part
    rows: int


class Filed:
    """What goes into the next parts: rows of both tables, the positions and the days they are from."""

    def __init__(self, after: int, today: int, rules: Rules) -> None:
        self.last = after
        self.rows = (Rows(EVENTS), Rows(DECISIONS))
        self._after = after
        self._today = today
        self._rules = rules
        self._days: tuple[int, int] | None = None
        self._waiting: list[Taken] = []

    @property
    def records(self) -> int:
        """How many records are in it."""
        return self.last - self._after

    def take(self, taken: Sequence[Taken], pause: Pause) -> bool:
        """Take records; false when the parts end before the last of them, or after it."""
        for day, records in groupby(taken, key=lambda each: each.record.received_us // DAY_US):
            if not self._goes_on(day):
                return False
            self._days = (self._days[0] if self._days else day, day)
            self._waiting.extend(records)
            self.last = self._waiting[-1].position
        if len(self._waiting) >= SLICE_RECORDS:
            self.settle(pause)
        return self.records < self._rules.records_max

    def settle(self, pause: Pause) -> None:
        """Turn what was taken into rows."""
        waiting, self._waiting = self._waiting, []
        for rows in self.rows:
            rows.add(waiting)
            pause()

    def part(self, table: str, shard: int) -> Part:
        """The part of a table."""
        assert self._days is not None
        return Part(table, shard, self._after + 1, self.last, *self._days)

    def _goes_on(self, day: int) -> bool:
        """Whether records of a day may follow those taken: of the same day, or of a later day as long as all of it is past,
        little was taken, and the month is the same."""
        if self._days is None or self._days[1] == day:
            return True
        if day >= self._today or self.records >= self._rules.sparse_records or day - self._days[0] >= self._rules.span_days:
            return False
        return Part(EVENTS, 0, 0, 0, day, day).month == Part(EVENTS, 0, 0, 0, self._days[0], day).month


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
