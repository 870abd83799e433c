"""The history of a data folder that nobody runs on: how far it is, its tail, and bringing it up to date."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pilotage.runner.cursor import Cursor, first_position, read_cursor
from pilotage.runner.history.parquet import Parquet
from pilotage.runner.history.parts import TABLES, Parts, Rules
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.history.writer import ShardWriter
from pilotage.runner.log import Segment, last_segment, segments_from
from pilotage.runner.store import Store


def states_of(data: Path, stores: Mapping[int, Store]) -> list[ShardHistory]:
    """How the history of each shard is; nothing is changed. `HistoryBroken` where files are missing."""
    parts = Parts(data)
    states = []
    for shard, store in sorted(stores.items()):
        cursor = _cursor_of(store)
        counted = [part for table in TABLES for part in parts.counted(table, shard, cursor)]
        states.append(
            ShardHistory(
                shard=shard,
                after=cursor.after,
                cursor=cursor.upto,
                durable=_durable_of(store, cursor),
                files=len(counted),
                size_bytes=parts.size_bytes(counted),
                first_day=min((part.first_day for part in counted), default=0),
                last_day=max((part.last_day for part in counted), default=0),
            )
        )
    return states


def tail_of(stores: Mapping[int, Store]) -> Callable[[int, int], Iterable[Segment]]:
    """Reads the logs of some shards."""
    return lambda shard, after: segments_from(stores[shard], after + 1)


def compact_at_rest(data: Path, stores: Mapping[int, Store], today: int, told: Callable[[int], None] = lambda records: None) -> None:
    """File everything the logs have, and join what is to be joined; `told` hears how many records were filed each time. Raises
    `HistoryUnwritable`, `StoreFull`, `LogBroken`, `HistoryBroken`."""
    parquet = Parquet(Parts(data).root / "spill")
    try:
        for shard, store in sorted(stores.items()):
            writer = ShardWriter(shard, store, Parts(data), parquet, Rules())
            writer.open()
            until = _durable_of(store, writer.cursor)
            while written := writer.write(until, today):
                told(written[0].part.records)
            while writer.join(today, 0.0):
                writer.remove_superseded(0.0)
    finally:
        parquet.close()


def _cursor_of(store: Store) -> Cursor:
    before = first_position(store) - 1
    return read_cursor(store) or Cursor(before, before)


def _durable_of(store: Store, cursor: Cursor) -> int:
    last = last_segment(store)
    return last.last if last is not None else cursor.upto
