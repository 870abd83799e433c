"""Reading history: what is in files and what the log alone has yet, as one, at one moment, without a gap or an overlap.

The moment is given by extents: for each shard, how far its files reach and how far its log is durable. The files up to the
cursor are listed; what lies between is read from the log and filed in a folder of the reader's own, so that both are read
alike. Events come in (received time, position, shard) order, a day or few at a time, and reading goes on from any place.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from pilotage.event.digest import partition_of
from pilotage.event.time import DAY_US
from pilotage.runner.cursor import Cursor
from pilotage.runner.history.filing import file_next
from pilotage.runner.history.parquet import Answer, Parquet, scan
from pilotage.runner.history.parts import DECISIONS, EVENTS, TABLES, Disk, HistoryBroken, Part, Parts, Rules, counted
from pilotage.runner.history.rows import (
    DECISION_FIELDS,
    EVENT_FIELDS,
    NAMES_ACCOUNT,
    PastDecision,
    PastEvent,
    account_named_in,
    past_decisions,
    past_events,
)
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import Segment

ROWS_AT_ONCE = 5_000
_LATER = 2**31
"""A day after all others: how the tail is cut into files matters to nobody."""

SPILL_PREFIX = "pilotage-history-"

Tail = Callable[[int, int], Iterable[Segment]]
"""`tail(shard, after)`: the segments of a shard's log that hold the positions above one, in order."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Where reading stands: the event read last. Kept, it lets a later reader go on after it."""

    received_us: int = 0
    position: int = 0
    shard: int = 0


Life = tuple[bytes, int, int, int, str | None]
"""One event of a subject's life: subject, occurred and received instant, the place of its type in the selection's names, data."""


class Page(msgspec.Struct, frozen=True):
    """Some events in order, and the place of the last of them."""

    events: list[PastEvent]
    place: Place


class Selection(msgspec.Struct, frozen=True):
    """Which part of history: received at or after `from_us` and before `until_us` (0: without end), of some event types or
    journeys (empty: all), of the partitions `first_partition` to `last_partition`, of one subject (empty: all), and of each shard
    named in `upto` only what lies at or before a position."""

    from_us: int = 0
    until_us: int = 0
    names: tuple[str, ...] = ()
    first_partition: int = 0
    last_partition: int = 1023
    subject: bytes = b""
    upto: dict[int, int] = {}


class _Scratch(Disk):
    """A disk for files that nobody needs after a crash."""

    def sync(self, path: Path) -> None:
        """Nothing to bring to disk."""


class History:
    """All of history at one moment. Use it in a `with` block: it holds a folder of its own with what the log alone has."""

    def __init__(self, data: Path, extents: Sequence[ShardHistory], tail: Tail) -> None:
        """`extents` say how far each shard's files and log reach; `tail` reads the logs beyond the files. Raises
        `HistoryBroken`, `HistoryNewer`, `LogBroken`, `HistoryUnwritable`."""
        self.extents = list(extents)
        self._scratch = Path(tempfile.mkdtemp(prefix=SPILL_PREFIX))
        self._parquet = Parquet(self._scratch / "spill", threads=2)
        self._asking: Parquet | None = None
        try:
            cold = Parts(data)
            self._files = {table: _located(cold, table, extents) for table in TABLES}
            hot = Parts(self._scratch, _Scratch())
            for extent in extents:
                for part in _file_tail(extent, tail, hot, self._parquet):
                    self._files[part.table].append((part, hot.path(part)))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "History":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        for database in (self._parquet, self._asking):
            if database is not None:
                database.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def paths(self, table: str) -> list[Path]:
        """The files that hold a table's rows, each row once, for an engine of one's own."""
        return [path for _, path in self._files[table]]

    def by_shard(self, table: str) -> dict[int, list[Path]]:
        """The same, by the shard whose rows they hold."""
        found: dict[int, list[Path]] = {}
        for part, path in self._files[table]:
            found.setdefault(part.shard, []).append(path)
        return found

    def ask(self, query: str) -> Answer:
        """The answer of one SQL query over the views `events` and `decisions`; `QueryRefused` if it is wrong or would do more
        than read."""
        if self._asking is None:
            self._asking = Parquet(self._scratch / "asked", threads=2)
            self._asking.views({table: self.paths(table) for table in TABLES})
        return self._asking.ask(query)

    def pages(self, selection: Selection = Selection(), after: Place = Place(), rows_at_once: int = ROWS_AT_ONCE) -> Iterator[Page]:
        """The events of a selection after a place, in (received time, position, shard) order, some at a time."""
        for rows in self._rows(EVENTS, EVENT_FIELDS, selection, after, rows_at_once):
            events = past_events(rows)
            last = events[-1]
            yield Page(events, Place(last.received_us, last.position, last.partition // 128))

    def events(self, selection: Selection = Selection(), after: Place = Place()) -> Iterator[PastEvent]:
        """The events of a selection, one by one, in order."""
        for page in self.pages(selection, after):
            yield from page.events

    def decisions(self, selection: Selection = Selection(), after: Place = Place()) -> Iterator[PastDecision]:
        """The decisions of a selection, one by one, in order; those of one record in the order they were made."""
        for rows in self._rows(DECISIONS, DECISION_FIELDS, selection, after, ROWS_AT_ONCE):
            yield from past_decisions(rows)

    def lives(self, selection: Selection, read: Sequence[str] = (), rows_at_once: int = ROWS_AT_ONCE) -> Iterator[list[Life]]:
        """The events of a selection subject by subject, in (partition, subject, position) order, with no more of each than
        tallying needs. The data come with events of the types in `read`, None with others."""
        fields = f"subject, occurred_us, received_us, {_index_of(selection.names)}, {_data_of(read)}"
        shards = range(selection.first_partition // 128, selection.last_partition // 128 + 1)
        paths = [path for part, path in self._files[EVENTS] if part.shard in shards]
        if paths and selection.names:
            query = self._query(EVENTS, fields, paths, selection, Place())
            yield from self._parquet.stream(f"{query} order by partition, subject, position", rows_at_once)

    def accounts(self, selection: Selection) -> dict[bytes, str]:
        """The accounts among the subjects of some partitions, by subject, with their names."""
        shards = range(selection.first_partition // 128, selection.last_partition // 128 + 1)
        paths = [path for part, path in self._files[EVENTS] if part.shard in shards]
        if not paths:
            return {}
        within = Selection(first_partition=selection.first_partition, last_partition=selection.last_partition)
        query = self._query(EVENTS, "subject, any_value(identifiers)", paths, within, Place())
        pages = self._parquet.stream(f"{query} and {NAMES_ACCOUNT} group by subject", ROWS_AT_ONCE)
        return {subject: account_named_in(identifiers) for rows in pages for subject, identifiers in rows}

    def count(self, table: str, selection: Selection = Selection(), after: Place = Place()) -> int:
        """How many rows a selection has after a place, for showing progress."""
        found = (self._query(table, "count(*)", parts, selection, after) for parts in self._windows(table, selection, after))
        return sum(int(rows[0][0]) for query in found for rows in self._parquet.stream(query, 1))

    def _rows(self, table: str, fields: str, selection: Selection, after: Place, at_once: int) -> Iterator[list[tuple[Any, ...]]]:
        order = "received_us, position, partition // 128" + (", number" if table == DECISIONS else "")
        for paths in self._windows(table, selection, after):
            yield from self._parquet.stream(f"{self._query(table, fields, paths, selection, after)} order by {order}", at_once)

    def _windows(self, table: str, selection: Selection, after: Place) -> Iterator[list[Path]]:
        """The files with anything of a selection after a place, in groups that follow each other in time."""
        first_day = max(selection.from_us, after.received_us) // DAY_US
        last_day = (selection.until_us - 1) // DAY_US if selection.until_us else _LATER
        shards = range(selection.first_partition // 128, selection.last_partition // 128 + 1)
        group: list[Path] = []
        until_day = -1
        for part, path in sorted(self._files[table], key=lambda each: each[0].first_day):
            if part.shard not in shards or part.last_day < first_day or part.first_day > last_day:
                continue
            if group and part.first_day > until_day:
                yield group
                group = []
            group.append(path)
            until_day = max(until_day, part.last_day)
        if group:
            yield group

    def _query(self, table: str, fields: str, paths: Sequence[Path], selection: Selection, after: Place) -> str:
        return f"select {fields} from {scan(paths)} where {' and '.join(_conditions(table, selection, after))}"


def _conditions(table: str, selection: Selection, after: Place) -> Iterator[str]:
    """A selection after a place, as SQL over the columns of a file."""
    yield f"received_us >= {max(selection.from_us, after.received_us)}"
    if selection.until_us:
        yield f"received_us < {selection.until_us}"
    if after != Place():
        yield f"(received_us, position, partition // 128) > ({after.received_us}, {after.position}, {after.shard})"
    if selection.names:
        yield f"{'type' if table == EVENTS else 'journey'} in ({', '.join(map(_literal, selection.names))})"
    if (selection.first_partition, selection.last_partition) != (0, 1023):
        yield f"partition between {selection.first_partition} and {selection.last_partition}"
    if selection.subject:
        yield f"partition = {partition_of(selection.subject)} and subject = from_hex('{selection.subject.hex()}')"
    for shard, position in sorted(selection.upto.items()):
        yield f"(partition // 128 != {shard} or position <= {position})"


def _data_of(types: Sequence[str]) -> str:
    return f"case when type in ({', '.join(map(_literal, types))}) then data end" if types else "null"


def _index_of(types: Sequence[str]) -> str:
    """The place of an event's type among some: a small number is made once, a text for each row."""
    return f"case type {' '.join(f'when {_literal(name)} then {place}' for place, name in enumerate(types))} end"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _located(parts: Parts, table: str, extents: Iterable[ShardHistory]) -> list[tuple[Part, Path]]:
    """Every file of a table that counts, with its place."""
    found = parts.all(table)
    of_shard: dict[int, list[Part]] = {}
    for part in found:
        of_shard.setdefault(part.shard, []).append(part)
    chosen = (part for extent in extents for part in counted(of_shard.get(extent.shard, ()), Cursor(extent.after, extent.cursor)))
    return [(part, parts.path(part)) for part in chosen]


def _file_tail(extent: ShardHistory, tail: Tail, parts: Parts, parquet: Parquet) -> Iterator[Part]:
    """File what a shard's log alone has, beside the reader."""
    after = extent.cursor
    while after < extent.durable:
        written = file_next(extent.shard, tail(extent.shard, after), after, extent.durable, _LATER, parts, parquet, Rules())
        if not written:
            raise HistoryBroken(after + 1, f"the log of shard {extent.shard} has no such record")
        yield from (each.part for each in written)
        after = written[0].part.last
