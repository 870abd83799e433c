"""A store on disk: one RocksDB database per shard, a column family per table.

Durable batches go through the write-ahead log and are synced; derived ones skip it and are on disk after the next flush.
All databases of a process share one block cache and one write-buffer budget, so memory does not grow with their number.
This is the only file that knows RocksDB.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from pilotage.runner.memory import ClosedStore, check_tables
from pilotage.runner.store import DERIVED, TABLES, Batch, StoreFull

MEBIBYTE = 1 << 20
_POINT_READ = frozenset({"state", "seen", "link", "action", "quarantine", "past"})
"""Tables that are asked for single keys, which are often absent: they get bloom filters, the derived ones in memory too."""
_ONE_BY_ONE = 16
"""Up to so many keys are read one by one. A batched read lets go of the interpreter and has to get it back: beside two
threads that write, 12 keys took 59 µs so and 39 one by one, 16 took 74 and 57; beside a thread that never waits, 12 took 650 and 100."""
_LARGE_BLOBS = frozenset({"log"})


class StoreLocked(RuntimeError):
    """Another process holds the store open. Stop it, or point this one at another data folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is held open by another process; stop that one, or use another data folder")
        self.path = path


class StoreDamaged(RuntimeError):
    """The files of a store cannot be read. Restore the folder from a backup."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read ({reason}); restore the folder from a backup")
        self.path = path


class Memory:
    """What all stores of one process share: `cache_bytes` of read blocks and `buffer_bytes` of unflushed writes."""

    def __init__(self, cache_bytes: int = 160 * MEBIBYTE, buffer_bytes: int = 128 * MEBIBYTE) -> None:
        self.cache = Cache(cache_bytes)
        self.buffers = WriteBufferManager(buffer_bytes, False)


class RocksStore:
    """A `Store` in a folder, which is made when it is missing. `StoreLocked` when another process has it open,
    `StoreDamaged` when its files cannot be read, `StoreFull` when the disk takes no writes."""

    def __init__(self, path: Path, memory: Memory | None = None) -> None:
        self.path = path
        self._memory = memory or Memory()
        self._closed = False
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._database = Rdict(
                str(path), options=self._database_options(), column_families={name: self._table_options(name) for name in TABLES}
            )
        except OSError as error:
            raise StoreFull(f"{path} cannot be written: {error}; free space or make the folder writable, then start again") from error
        except Exception as error:
            raise _opening(path, error) from error
        self._tables = {name: self._database.get_column_family(name) for name in TABLES}
        self._handles = {name: self._database.get_column_family_handle(name) for name in TABLES}
        self._durable = WriteOptions()
        self._derived = WriteOptions()
        self._derived.disable_wal = True  # type: ignore[method-assign, assignment]  # a property, though the stub says method

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return cast(bytes | None, self._table(table).get(key))

    def get_many(self, table: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, in their order: by one batched read, or one by one if they are few."""
        if len(keys) <= _ONE_BY_ONE:
            read = self._table(table).get
            return [cast(bytes | None, read(key)) for key in keys]
        return cast(list[bytes | None], self._table(table).get(list(keys)))

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply a batch atomically: synced to disk, or (derived tables only) in memory until the next flush."""
        self._table("meta")
        check_tables(batch, durable)
        rows = WriteBatch(raw_mode=True)
        handles = self._handles
        put, delete = rows.put, rows.delete
        for table, key, value in batch.operations:
            if value is None:
                delete(key, handles[table])
            else:
                put(key, value, handles[table])
        self._attempt(self._database.write, rows, self._durable if durable else self._derived)
        if durable:
            self._sync()

    def scan(self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with start ≤ key < stop in key order (or from the last backwards), as of the call."""
        rows = self._table(table)
        if reverse:
            return self._backwards(rows, start, stop)
        if stop is None:
            return rows.items(from_key=start or None)  # type: ignore[return-value]  # raw mode: keys are bytes
        options = ReadOptions()
        options.set_iterate_upper_bound(stop)
        return self._bounded(rows.items(from_key=start or None, read_opt=options), stop)

    def delete_range(self, table: str, start: bytes, stop: bytes) -> None:
        """Remove all keys with start ≤ key < stop, durably."""
        self._attempt(self._table(table).delete_range, start, stop, self._durable)
        self._sync()

    def flush(self) -> None:
        """Write what is in memory of the derived tables to disk."""
        for name in sorted(DERIVED):
            self._attempt(self._table(name).flush, True)

    def compact(self) -> None:
        """Merge the files of every table into as few as can be, in this thread; for after a large import, when it would
        otherwise be done beside the first live events."""
        for table in self._tables.values():
            self._attempt(table.compact_range, None, None)

    def size_bytes(self) -> int:
        """The bytes of the files in the folder."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())

    def close(self) -> None:
        """Flush and let go of the files; a second call does nothing."""
        if self._closed:
            return
        try:
            self.flush()
        finally:
            self._closed = True
            self._tables.clear()
            self._handles.clear()
            self._attempt(self._database.close)

    def _sync(self) -> None:
        """Bring the write-ahead log to disk. A write that syncs itself keeps the interpreter until the disk has answered (measured: 75 %
        of a thread's time gone beside one that writes); this lets go of it."""
        self._attempt(self._database.flush_wal, True)

    @staticmethod
    def _bounded(pairs: Any, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The pairs, and with them the object that is their bound: RocksDB goes on reading the very bytes it was given, so a bound that
        nobody else holds would be overwritten, and rows would be missing or too many."""
        yield from pairs
        del stop

    @staticmethod
    def _backwards(rows: Rdict, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        pairs: Iterator[tuple[bytes, bytes]] = rows.items(backwards=True, from_key=stop)  # type: ignore[assignment]
        return takewhile(lambda pair: pair[0] >= start, (pair for pair in pairs if pair[0] != stop))

    def _table(self, name: str) -> Rdict:
        if self._closed:
            raise ClosedStore
        return self._tables[name]

    def _attempt(self, call: Any, *arguments: Any) -> None:
        """Call a write of RocksDB; every refusal of the disk becomes `StoreFull`."""
        try:
            call(*arguments)
        except Exception as error:
            raise StoreFull(
                f"{self.path} takes no writes: {error}; free space or make the folder writable, then start again: "
                "nothing acknowledged is lost"
            ) from error

    def _database_options(self) -> Options:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.create_missing_column_families(True)
        options.set_write_buffer_manager(self._memory.buffers)
        options.set_max_background_jobs(2)
        options.set_max_total_wal_size(64 * MEBIBYTE)
        options.set_wal_bytes_per_sync(MEBIBYTE)
        options.set_bytes_per_sync(MEBIBYTE)
        options.set_keep_log_file_num(2)
        options.set_max_open_files(256)
        options.set_stats_dump_period_sec(0)
        return options

    def _table_options(self, name: str) -> Options:
        options = Options(raw_mode=True)
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._memory.cache)
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
        blocks.set_format_version(5)
        if name in _POINT_READ:
            blocks.set_bloom_filter(10, False)
            if name in DERIVED:
                options.set_memtable_prefix_bloom_ratio(0.02)
                options.set_memtable_whole_key_filtering(True)
        options.set_block_based_table_factory(blocks)
        options.set_write_buffer_size(16 * MEBIBYTE)
        options.set_arena_block_size(MEBIBYTE // 4)
        options.set_max_write_buffer_number(6)
        options.set_level_zero_slowdown_writes_trigger(24)
        options.set_level_zero_stop_writes_trigger(48)
        options.set_compression_type(DBCompressionType.lz4() if name in _LARGE_BLOBS else DBCompressionType.none())
        return options


def _opening(path: Path, error: Exception) -> Exception:
    """The error of the field behind RocksDB's refusal to open a folder."""
    text = str(error)
    if "lock" in text.lower():
        return StoreLocked(path)
    if "No space left" in text or "Read-only file system" in text or "Permission denied" in text:
        return StoreFull(f"{path} cannot be written: {text}; free space or make the folder writable, then start again")
    return StoreDamaged(path, text)
