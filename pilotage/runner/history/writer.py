"""The writer of one shard's history: it files what the log has beyond the cursor, joins files, and removes old ones.

Exactly once, whatever happens between two lines: files are written under another name, synced, renamed, and their folder synced
before the cursor moves; what a crash leaves beyond the cursor does not count, and is removed before anything is written again. A
joined file supersedes its parts by what its name says, so that there is no moment at which both count or neither.
"""

import contextlib
from collections.abc import Iterator

from pilotage.runner.cursor import Cursor, begin_cursor, move_cursor
from pilotage.runner.history.filing import Pause, Written, file_next
from pilotage.runner.history.parquet import Parquet
from pilotage.runner.history.parts import TABLES, Part, Parts, Rules, joined, to_join
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import segments_from
from pilotage.runner.store import Store


class ShardWriter:
    """Not thread-safe; `state` may be read from any thread. Call `open` first, and again after a call that failed."""

    def __init__(self, shard: int, store: Store, parts: Parts, parquet: Parquet, rules: Rules = Rules()) -> None:
        self.shard = shard
        self.cursor = Cursor(0, 0)
        self.state = ShardHistory(shard, 0, 0, 0)
        self.opened = False
        self._store = store
        self._parts = parts
        self._parquet = parquet
        self._rules = rules
        self._counted: dict[str, list[Part]] = {}
        self._sizes: dict[Part, int] = {}
        self._superseded: list[tuple[float, Part]] = []

    def open(self) -> None:
        """Take up what is there, and remove what a crash has left."""
        self.opened = False
        self.cursor = begin_cursor(self._store)
        self._parts.sweep(self.shard, self.cursor)
        self._counted = {table: self._parts.counted(table, self.shard, self.cursor) for table in TABLES}
        self._sizes = {part: self._parts.size_bytes([part]) for parts in self._counted.values() for part in parts}
        self._superseded = []
        self.opened = True
        self._tell()

    def write(self, until: int, today: int, pause: Pause = lambda: None) -> list[Written]:
        """File the next records up to the position `until`, which must be durable, as one part of each table; empty when all
        are filed. Raises `HistoryUnwritable`, `StoreFull`, `LogBroken`."""
        after = self.cursor.upto
        if until <= after:
            return []
        segments = segments_from(self._store, after + 1)
        with self._attempt():
            written = file_next(self.shard, segments, after, until, today, self._parts, self._parquet, self._rules, pause)
            if written:
                self._move(Cursor(self.cursor.after, written[0].part.last))
        for each in written:
            self._counted[each.part.table].append(each.part)
            self._sizes[each.part] = self._parts.size_bytes([each.part])
        self._tell()
        return written

    def join(self, today: int, now_s: float) -> Part | None:
        """Make one file of the next neighbours that should be one; None when there are none. The old files stay until
        `remove_superseded`, for readers that have listed them."""
        for table in TABLES:
            neighbours = to_join(self._counted[table], today, self._rules)
            if neighbours:
                return self._join(neighbours, now_s)
        return None

    def remove_superseded(self, before_s: float) -> None:
        """Remove the files that were joined into others before an instant of the clock that `join` was told."""
        gone = [part for at_s, part in self._superseded if at_s <= before_s]
        if gone:
            with self._attempt():
                self._parts.remove(gone)
                self._superseded = [(at_s, part) for at_s, part in self._superseded if at_s > before_s]

    def forget(self, before_day: int) -> list[Part]:
        """Remove files whose records are all of days before one; which. What history begins with is said first, so that no crash
        brings one of them back."""
        ends = ({part.last for part in parts if part.last_day < before_day} for parts in self._counted.values())
        after = max(set.intersection(*ends), default=0)
        if not after:
            return []
        old = [part for parts in self._counted.values() for part in parts if part.last <= after]
        with self._attempt():
            self._move(Cursor(after, self.cursor.upto))
            self._parts.remove(part for table in TABLES for part in self._parts.all(table, self.shard) if part.last <= after)
        self._counted = {table: [part for part in parts if part.last > after] for table, parts in self._counted.items()}
        self._superseded = [(at_s, part) for at_s, part in self._superseded if part.last > after]
        self._tell()
        return old

    def _move(self, cursor: Cursor) -> None:
        move_cursor(self._store, cursor)
        self.cursor = cursor

    def _join(self, neighbours: list[Part], now_s: float) -> Part:
        whole = joined(neighbours)
        with self._attempt():
            paths = [self._parts.path(part) for part in neighbours]
            self._parts.publish(whole, lambda path: self._parquet.join(whole.table, paths, path))
        parts = self._counted[whole.table]
        first = parts.index(neighbours[0])
        parts[first : first + len(neighbours)] = [whole]
        self._sizes[whole] = self._parts.size_bytes([whole])
        self._superseded += [(now_s, part) for part in neighbours]
        self._tell()
        return whole

    @contextlib.contextmanager
    def _attempt(self) -> Iterator[None]:
        """Something that may fail half done; then `open` has to look at what is there."""
        self.opened = False
        yield
        self.opened = True

    def _tell(self) -> None:
        parts = [part for found in self._counted.values() for part in found]
        self._sizes = {part: self._sizes[part] for part in parts}
        self.state = ShardHistory(
            shard=self.shard,
            after=self.cursor.after,
            cursor=self.cursor.upto,
            durable=self.cursor.upto,
            files=len(parts),
            size_bytes=sum(self._sizes.values()),
            first_day=min((part.first_day for part in parts), default=0),
            last_day=max((part.last_day for part in parts), default=0),
        )
