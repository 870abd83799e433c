"""The files of history: what their names say, which of them count, which to join, and how a new one takes its place.

A file (a part) holds one table's rows of one shard from a first to a last log position, and its name says so. Two rules over
names decide what counts, so that nothing has to be written down twice: a part counts if its positions are among those that the
shard's cursor says history has; and a part that lies within a longer one is superseded by it. What counts must be without holes.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import msgspec

from pilotage.event.time import DAY_US, instant_us, moment
from pilotage.runner.cursor import Cursor

FORMAT = 1
"""The format of the files this release writes and the newest it reads; the folder below `history` is named after it."""

EVENTS = "events"
DECISIONS = "decisions"
TABLES = (EVENTS, DECISIONS)

_NAME = re.compile(r"(\d)-(\d{20})-(\d{20})-(\d{8})-(\d{8})\.parquet")
_FORMAT = re.compile(r"v(\d+)")
_UNFINISHED = ".new"


class HistoryBroken(RuntimeError):
    """Files of the history are missing, or overlap: the folder was changed by hand or mixed from two. Restore it from a
    backup."""

    def __init__(self, expected: int, found: str) -> None:
        super().__init__(f"history should go on at position {expected}, but {found}; restore the data folder from a backup")
        self.expected = expected


class HistoryNewer(RuntimeError):
    """The history was written by a newer release. Start that release or a newer one; nothing was changed."""


class Part(msgspec.Struct, frozen=True, order=True):
    """One file: the rows of `table` whose positions in a shard's log are `first` to `last`, received on the days `first_day`
    to `last_day` (days since 1970-01-01). A part never reaches into another month."""

    table: str
    shard: int
    first: int
    last: int
    first_day: int
    last_day: int

    @property
    def records(self) -> int:
        """How many log records it was made of; not each has a row in each table."""
        return self.last - self.first + 1

    @property
    def month(self) -> str:
        """The month its days are in, such as 2026-11."""
        return _month(self.first_day)

    @property
    def name(self) -> str:
        """Its file's name."""
        days = (f"{moment(day * DAY_US):%Y%m%d}" for day in (self.first_day, self.last_day))
        return f"{self.shard}-{self.first:020}-{self.last:020}-{'-'.join(days)}.parquet"


class Rules(msgspec.Struct, frozen=True):
    """How rows are laid out in files.

    One write takes at most `records_max` records. Of `fan` neighbours of like size one is made. A day that is over becomes one
    file; days of together no more than `sparse_records` share one, over at most `span_days` and never over a month's end. A file
    of `large_records` is not rewritten any more, so that no join takes long.
    """

    records_max: int = 65_536
    fan: int = 16
    sparse_records: int = 8_192
    span_days: int = 31
    large_records: int = 1_000_000

    def may_share(self, first_day: int, last_day: int) -> bool:
        """Whether days may be in one file, if they are sparse."""
        return last_day - first_day < self.span_days and _month(first_day) == _month(last_day)

    def of_one_day(self, one: Part, next_one: Part) -> bool:
        """Whether two neighbours are of one day and not large yet."""
        return one.first_day == next_one.last_day and max(one.records, next_one.records) < self.large_records

    def few(self, one: Part, next_one: Part) -> bool:
        """Whether two neighbours of days past are so small that they share a file."""
        return next_one.last - one.first < self.sparse_records and self.may_share(one.first_day, next_one.last_day)


class Disk:
    """What is done to files, each call one step that a crash may come before or after."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, so that they stay."""
        missing = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for each in reversed(missing):
            self.sync(each.parent)

    def sync(self, path: Path) -> None:
        """Bring a file's content, or a folder's names, to disk."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        """Put a file in its place, replacing what is there."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone is no error."""
        path.unlink(missing_ok=True)


class Parts:
    """The files of the history in a data folder. The folder is made with the first file."""

    def __init__(self, data: Path, disk: Disk | None = None) -> None:
        self.root = data / "history"
        self.folder = self.root / f"v{FORMAT}"
        self._disk = disk or Disk()

    def path(self, part: Part) -> Path:
        """Where a part's file lies."""
        return self.folder / part.table / part.month / part.name

    def all(self, table: str, shard: int | None = None) -> list[Part]:
        """Every finished file, in order, whether it counts or not; `HistoryNewer` where a newer release has written."""
        self._check_format()
        found = (_part_of(table, path.name) for path in self._files(table))
        return sorted(part for part in found if part is not None and shard in (None, part.shard))

    def counted(self, table: str, shard: int, cursor: Cursor) -> list[Part]:
        """The parts that count, in order and without holes; `HistoryBroken` otherwise."""
        return counted(self.all(table, shard), cursor)

    def publish(self, part: Part, write: Callable[[Path], None]) -> None:
        """Let `write` make a part's file under another name, sync it, and put it in its place. Repeated, it replaces itself."""
        path = self.path(part)
        unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
        self._disk.make_folder(path.parent)
        try:
            write(unfinished)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        self._disk.sync(unfinished)
        self._disk.rename(unfinished, path)
        self._disk.sync(path.parent)

    def remove(self, parts: Iterable[Part]) -> None:
        """Remove files, so that they do not come back."""
        self._remove(self.path(part) for part in parts)

    def sweep(self, shard: int, cursor: Cursor) -> None:
        """Remove what a crash may have left of a shard: unfinished files, those beyond the cursor or before the beginning,
        superseded ones."""
        for table in TABLES:
            self._remove(path for path in self._files(table) if path.name.startswith(f".{shard}-"))
            found = self.all(table, shard)
            self.remove(sorted(set(found) - set(counted(found, cursor))))

    def size_bytes(self, parts: Iterable[Part]) -> int:
        """How much disk some parts take; one that has just been joined into another takes none."""
        return sum(path.stat().st_size for path in map(self.path, parts) if path.exists())

    def _remove(self, paths: Iterable[Path]) -> None:
        folders = set()
        for path in list(paths):
            self._disk.remove(path)
            folders.add(path.parent)
        for folder in sorted(folders):
            self._disk.sync(folder)

    def _files(self, table: str) -> Iterator[Path]:
        for month in sorted((self.folder / table).glob("*-*")):
            yield from sorted(month.iterdir())

    def _check_format(self) -> None:
        versions = [int(found[1]) for path in self.root.glob("v*") if (found := _FORMAT.fullmatch(path.name))]
        if max(versions, default=0) > FORMAT:
            raise HistoryNewer(f"{self.root} has format {max(versions)}, this release reads up to {FORMAT}; start a newer release")


def _part_of(table: str, name: str) -> Part | None:
    """The part that a file's name tells of; None for a file that is none of ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Part(table, int(found[1]), int(found[2]), int(found[3]), _day(found[4]), _day(found[5]))


def _day(text: str) -> int:
    return instant_us(datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=UTC)) // DAY_US


def counted(parts: Iterable[Part], cursor: Cursor) -> list[Part]:
    """Of one table's and one shard's parts those that count: within the cursor's positions, and not within a longer one. They
    must have all those positions, or else `HistoryBroken`."""
    chosen: list[Part] = []
    reached = cursor.after
    within = (part for part in parts if cursor.after < part.first and part.last <= cursor.upto)
    for part in sorted(within, key=lambda part: (part.first, -part.last)):
        if part.last <= reached:
            continue
        if part.first != reached + 1:
            raise HistoryBroken(reached + 1, f"{part.table} of shard {part.shard} go on at {part.first}")
        chosen.append(part)
        reached = part.last
    if reached != cursor.upto:
        raise HistoryBroken(reached + 1, f"there is no file of it, nor of what follows up to {cursor.upto}")
    return chosen


def joined(parts: Sequence[Part]) -> Part:
    """The part that neighbours become."""
    return msgspec.structs.replace(parts[0], last=parts[-1].last, last_day=parts[-1].last_day)


def to_join(parts: Sequence[Part], today: int, rules: Rules) -> list[Part]:
    """The next neighbours of what counts that should be one file, or none: those of one past day, of past days with few records,
    of today with like size. `today` is the day of now."""
    past = [part for part in parts if part.last_day < today]
    for belong in (rules.of_one_day, rules.few):
        for neighbours in _neighbours(past, belong):
            if len(neighbours) > 1:
                return neighbours
    for _, of_day in groupby(parts[len(past) :], key=lambda part: (part.first_day, part.last_day)):
        found = _of_like_size(list(of_day), rules)
        if found:
            return found
    return []


def _neighbours(parts: Sequence[Part], belong: Callable[[Part, Part], bool]) -> Iterator[list[Part]]:
    """Runs of parts of which each belongs to what those before it become."""
    group: list[Part] = []
    for part in parts:
        if group and not belong(joined(group), part):
            yield group
            group = []
        group.append(part)
    yield group


def _month(day: int) -> str:
    return f"{moment(day * DAY_US):%Y-%m}"


def _of_like_size(parts: Sequence[Part], rules: Rules) -> list[Part]:
    """So many neighbours none of which is larger than `fan` to some power, the smallest such power first."""
    limit = rules.fan
    while limit < rules.large_records * rules.fan:
        bound = min(limit, rules.large_records - 1)
        for small, run in groupby(parts, key=lambda part, bound=bound: part.records <= bound):  # type: ignore[misc]  # bound now
            found = list(run)
            if small and len(found) >= rules.fan:
                return found
        limit *= rules.fan
    return []
