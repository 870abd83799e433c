"""Parquet, written and read by DuckDB: the one file of the runner that knows either.

Columns reach DuckDB as Arrow buffers that are put together here from the columns themselves, by joining and summing lengths, so
that no value is touched twice. DuckDB sorts, compresses and reads with the interpreter let go; a connection belongs to one
thread at a time, but for `interrupt`.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import nanoarrow
from nanoarrow.c_array_stream import CArrayStream

from pilotage.runner.history.parts import DECISIONS, EVENTS, FORMAT
from pilotage.runner.history.rows import COLUMNS, Kind, Taken, columns_of

ROW_GROUP_ROWS = 20_480
"""Rows in one row group, the unit that a reader skips by its least and greatest subject."""

MEMORY_BYTES = 256 * 1024 * 1024
"""How much memory one connection sorts in before it turns to disk."""

ORDER = {EVENTS: "partition, subject, position", DECISIONS: "partition, subject, position, number"}
"""How the rows of a file are sorted, so that a partition or a subject is found by statistics."""

_TYPES = {
    "bytes": nanoarrow.binary(),
    "text": nanoarrow.string(),
    "utf8": nanoarrow.string(),
    "texts": nanoarrow.list_(nanoarrow.string()),
    "u8": nanoarrow.uint8(),
    "u16": nanoarrow.uint16(),
    "u32": nanoarrow.uint32(),
    "i64": nanoarrow.int64(),
}
_CODES = {"u8": "B", "u16": "H", "u32": "I", "i64": "q"}
_SCHEMAS = {
    table: nanoarrow.c_schema(nanoarrow.struct({name: _TYPES[kind] for name, kind in columns})) for table, columns in COLUMNS.items()
}


class HistoryUnwritable(OSError):
    """The disk takes no history files. Free space or make the folder writable; what is missing follows by itself, and until
    then the log keeps it."""


class QueryRefused(ValueError):
    """The query cannot be run: its text is wrong, or it is not one that only reads."""


class Answer(msgspec.Struct, frozen=True):
    """What a query gave: the names of its columns, their types, and its rows."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


class Rows:
    """Rows of one table on their way to a file, as Arrow buffers: `add` what was taken, then hand it to `Parquet.write`."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.count = 0
        self._chunks: list[Any] = []

    def add(self, taken: Sequence[Taken], pause: Callable[[], None] = lambda: None) -> None:
        """Turn some records into buffers, with a pause after each column."""
        children, count = [], 0
        for (_, kind), values in zip(COLUMNS[self.table], columns_of(self.table, taken), strict=True):
            count = len(values)
            children.append(_column(kind, values))
            pause()
        if count:
            self._chunks.append(nanoarrow.c_array_from_buffers(_SCHEMAS[self.table], count, [None], children=children))
            self.count += count

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as an Arrow stream, as often as it is asked for."""
        return CArrayStream.from_c_arrays(self._chunks, _SCHEMAS[self.table]).__arrow_c_stream__(requested_schema)


class Parquet:
    """One DuckDB connection. `folder` is where it may put what does not fit into memory."""

    def __init__(self, folder: Path | None = None, *, threads: int = 1) -> None:
        self._database = duckdb.connect(":memory:")
        self._database.execute(f"set threads = {threads}")
        self._database.execute(f"set memory_limit = '{MEMORY_BYTES}B'")
        self._database.execute("set preserve_insertion_order = false")
        self._database.execute("set enable_progress_bar = false")  # a long query would draw on standard output
        self._database.execute(f"set temp_directory = {_text(str(folder or ''))}")

    def write(self, rows: Rows, path: Path) -> None:
        """Make a file of rows, sorted; `HistoryUnwritable` if the disk does not take it."""
        self._database.register("taken", rows)
        try:
            self._copy(rows.table, "taken", path)
        finally:
            self._database.unregister("taken")

    def join(self, table: str, paths: Sequence[Path], path: Path) -> None:
        """Make one file of several, sorted; `HistoryUnwritable` if the disk does not take it."""
        self._copy(table, scan(paths), path)

    def stream(self, query: str, rows_at_once: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in lists of so many."""
        found = self._database.execute(query)
        while rows := found.fetchmany(rows_at_once):
            yield rows

    def views(self, paths: dict[str, list[Path]]) -> None:
        """Make `events` and `decisions` views of some files, and let nothing else be reached from here."""
        for table, found in paths.items():
            shard = "cast(partition // 128 as utinyint) as shard"
            source = scan(found) if found else _nothing(table)
            self._database.execute(f"create view {table} as select *, {shard}, make_timestamp(received_us) as received from {source}")
        folders = sorted({str(path.parent) for found in paths.values() for path in found})
        self._database.execute(f"set allowed_directories = [{', '.join(map(_text, folders))}]")
        self._database.execute("set enable_external_access = false")
        self._database.execute("set lock_configuration = true")

    def ask(self, query: str) -> Answer:
        """The answer of one query that only reads; `QueryRefused` otherwise."""
        try:
            statements = self._database.extract_statements(query)
            if len(statements) != 1 or statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
                raise QueryRefused("history is only read: write one SELECT over the views events and decisions")
            found = self._database.execute(query)
            described = found.description or ()
            return Answer([column[0] for column in described], [str(column[1]) for column in described], found.fetchall())
        except duckdb.IOException:
            raise  # a file went while it was asked for: the caller looks again
        except duckdb.Error as fault:
            raise QueryRefused(str(fault)) from fault

    def interrupt(self) -> None:
        """End what is under way in another thread; that one raises."""
        self._database.interrupt()

    def close(self) -> None:
        """Let go of everything."""
        self._database.close()

    def _copy(self, table: str, source: str, path: Path) -> None:
        names = ", ".join(name for name, _ in COLUMNS[table])
        options = f"format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS}, use_tmp_file false"
        marked = f"kv_metadata {{pilotage_history: '{FORMAT}', pilotage_table: '{table}'}}"
        try:
            self._database.execute(
                f"copy (select {names} from {source} order by {ORDER[table]}) to {_text(str(path))} ({options}, {marked})"
            )
        except (duckdb.IOException, duckdb.PermissionException, duckdb.OutOfMemoryException) as fault:
            raise HistoryUnwritable(f"{path.parent} takes no history: {fault}") from fault


FileGone = duckdb.IOException
"""A file that was listed is not there any more: it has been joined into another. List the files again."""

Interrupted = duckdb.InterruptException
"""What `interrupt` makes the other thread raise."""


def _column(kind: Kind, values: Sequence[Any]) -> Any:
    """An Arrow array of a column."""
    if kind in _CODES:
        return nanoarrow.c_array_from_buffers(_TYPES[kind], len(values), [None, array(_CODES[kind], values)])
    if kind == "texts":
        texts = _column("text", [text for each in values for text in each])
        return nanoarrow.c_array_from_buffers(_TYPES[kind], len(values), [None, _ends(values)], children=[texts])
    if kind == "text":
        return _text_column(values)
    joined = b"".join(values)
    if kind == "utf8" and not joined.isascii():
        # the log takes any bytes as an event's data; a table must not stop at some that are no text
        values = [value.decode("utf-8", "backslashreplace").encode() for value in values]
        joined = b"".join(values)
    return nanoarrow.c_array_from_buffers(_TYPES[kind], len(values), [None, _ends(values), joined])


def _text_column(values: Sequence[str]) -> Any:
    count = len(values)
    if count and values.count(values[0]) == count:  # a plan, a source, no trace: often all are the same
        one = values[0].encode()
        ends = array("i", range(0, len(one) * count + 1, len(one))) if one else array("i", bytes(4 * (count + 1)))
        return nanoarrow.c_array_from_buffers(_TYPES["text"], count, [None, ends, one * count])
    joined = "".join(values)
    if joined.isascii():
        return nanoarrow.c_array_from_buffers(_TYPES["text"], count, [None, _ends(values), joined.encode()])
    encoded = [value.encode() for value in values]
    return nanoarrow.c_array_from_buffers(_TYPES["text"], count, [None, _ends(encoded), b"".join(encoded)])


def _ends(values: Sequence[Any]) -> "array[int]":
    """Where each value begins among all, and where the last one ends."""
    return array("i", accumulate(map(len, values), initial=0))


def scan(paths: Sequence[Path]) -> str:
    """SQL for the rows of some files."""
    return f"read_parquet([{', '.join(_text(str(path)) for path in paths)}], union_by_name = true)"


def _nothing(table: str) -> str:
    """A relation with the columns of a table and no rows."""
    types = {"bytes": "blob", "texts": "varchar[]", "u8": "utinyint", "u16": "usmallint", "u32": "uinteger", "i64": "bigint"}
    columns = ", ".join(f"null::{types.get(kind, 'varchar')} as {name}" for name, kind in COLUMNS[table])
    return f"(select {columns} where false)"


def _text(value: str) -> str:
    """A SQL literal."""
    return "'" + value.replace("'", "''") + "'"
