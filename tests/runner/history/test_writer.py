"""The writer: history equals the log, each position once, whatever fails between two steps and whenever it is opened again."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.event.time import DAY_US
from pilotage.runner.cursor import Cursor, history_bound, read_cursor
from pilotage.runner.history.parquet import Parquet
from pilotage.runner.history.parts import DECISIONS, EVENTS, TABLES, HistoryBroken, Parts, Rules
from pilotage.runner.history.rows import PastDecision, PastEvent
from pilotage.runner.history.writer import ShardWriter
from pilotage.runner.log import LogBroken, trim_log
from pilotage.runner.memory import MemoryStore
from pilotage.runner.store import Store
from tests.runner.history.past import START_US, TODAY, Fault, Logger, TrappedDisk, TrappedStore, plainly, told

SMALL = Rules(records_max=90, fan=3, sparse_records=60, span_days=4)


@cache
def parquet() -> Parquet:
    """One connection for all tests; making one takes longer than most of them."""
    return Parquet()


@pytest.fixture(autouse=True, scope="module")
def closing() -> Iterator[None]:
    """Close the connection after the last test."""
    yield
    parquet().close()
    parquet.cache_clear()


def writer_of(data: Path, store: Store, disk: TrappedDisk | None = None) -> ShardWriter:
    """An opened writer of shard 3."""
    writer = ShardWriter(3, store, Parts(data, disk), parquet(), SMALL)
    writer.open()
    return writer


def compact(writer: ShardWriter, until: int, today: int = TODAY) -> None:
    """File and join everything."""
    while writer.write(until, today):
        pass
    while writer.join(today, 0.0):
        pass


def test_history_is_the_log(seed: int, tmp_path: Path) -> None:
    """Files and tail together are the log's events and decisions, each once, in order, at every stage of filing and joining."""
    store = MemoryStore()
    logger = Logger(store, seed)
    logger.append(20)
    expected = plainly(logger.segments)
    assert expected == told(tmp_path, store)
    writer = writer_of(tmp_path, store)
    while writer.write(logger.position, TODAY):
        assert expected == told(tmp_path, store)
    logger.append(10)
    expected = plainly(logger.segments)
    assert expected == told(tmp_path, store)
    while writer.join(TODAY, 0.0):
        assert expected == told(tmp_path, store)
    compact(writer, logger.position)
    writer.remove_superseded(0.0)
    assert expected == told(tmp_path, store)
    assert Cursor(0, logger.position) == writer.cursor == read_cursor(store)


def logged(disk: TrappedDisk) -> Logger:
    """A small log in a store of the disk's."""
    logger = Logger(TrappedStore(disk), 7, day_records=80)
    logger.append(12)
    return logger


def life(data: Path, logger: Logger, disk: TrappedDisk) -> None:
    """A history from the first record to the removal of what was joined, and of the first day."""
    writer, first_day = writer_of(data, logger.store, disk), START_US // DAY_US
    writer.write(logger.position // 3, first_day)
    compact(writer, logger.position, first_day + 1)
    compact(writer, logger.position)
    writer.remove_superseded(0.0)
    writer.forget(first_day + 1)


def expected(logger: Logger) -> tuple[list[PastEvent], list[PastDecision]]:
    """What history must say, from where it says it begins."""
    cursor = read_cursor(logger.store)
    return plainly(logger.segments, cursor.after if cursor is not None else 0)


def test_a_fault_at_any_step_neither_loses_nor_repeats(tmp_path: Path) -> None:
    """After whichever step of the disk the work ends (before a step nothing else is on disk than after the one before it), history at
    that moment is the log; and so it is when the work is taken up again."""
    counting = TrappedDisk()
    life(tmp_path / "counted", whole := logged(counting), counting)
    assert 0 < expected(whole)[0][0].position - 1 < whole.position
    assert counting.steps > 40
    for left in range(counting.steps):
        disk = TrappedDisk()
        logger = logged(disk)
        data, store = tmp_path / str(left), logger.store
        disk.left, disk.after = max(1, left), left > 0
        with pytest.raises(Fault):
            life(data, logger, disk)
        assert expected(logger) == told(data, store), f"after a fault at step {left} of {counting.steps}"
        life(data, logger, disk)
        assert expected(logger) == told(data, store), f"taken up again after a fault at step {left} of {counting.steps}"
        names = sorted(path.name for path in (data / "history").rglob("*") if path.is_file())
        assert sorted(part.name for table in TABLES for part in Parts(data).counted(table, 3, writer_of(data, store).cursor)) == names


Step = st.sampled_from(("append", "write", "write", "join", "crash", "fault", "trim", "drop"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.lists(st.tuples(Step, st.integers(1, 12), st.booleans()), max_size=25))
def test_any_interleaving_has_each_position_once(
    seed: int, steps: list[tuple[str, int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However filing, joining, crashes, faults and trimming the log follow each other, history has each position exactly once."""
    data = tmp_path_factory.mktemp("life")
    disk = TrappedDisk()
    store = TrappedStore(disk)
    logger = Logger(store, seed, day_records=60)
    logger.append(3)
    writer = writer_of(data, store, disk)
    for step, number, after in steps:
        disk.left, disk.after = (number if step == "fault" else 0), after
        try:
            if step == "append":
                logger.append(number % 4 + 1)
            elif step in ("write", "fault"):
                writer.write(max(1, logger.position * number // 12), TODAY)
                while step == "fault" and writer.join(TODAY, 0.0):
                    pass
            elif step == "join":
                writer.join(TODAY, 0.0)
            elif step == "trim":
                trim_log(store, min(logger.position, history_bound(store)), 2**62)
            elif step == "drop":
                writer.remove_superseded(0.0)
        except Fault:
            pass
        disk.left = 0
        if step == "crash" or not writer.opened:
            writer = writer_of(data, store, disk)
    assert plainly(logger.segments) == told(data, store)


def test_the_log_keeps_what_history_has_not(tmp_path: Path) -> None:
    """However old the log is, what is not in files stays in it; where no history is kept nothing holds it."""
    store = MemoryStore()
    logger = Logger(store, 1)
    logger.append(20)
    assert history_bound(store) > logger.position
    writer = writer_of(tmp_path, store)
    assert 0 == history_bound(store)
    assert 0 == trim_log(store, min(logger.position, history_bound(store)), 2**62)
    writer.write(logger.position, TODAY)
    trimmed = trim_log(store, min(logger.position, history_bound(store)), 2**62)
    assert 0 < trimmed <= writer.cursor.upto
    compact(writer, logger.position)
    assert plainly(logger.segments) == told(tmp_path, store)


def test_history_of_a_log_cut_short_begins_where_the_log_does(tmp_path: Path) -> None:
    """A folder that kept no history so far begins with the oldest record its log still has."""
    store = MemoryStore()
    logger = Logger(store, 2)
    logger.append(20)
    trim_log(store, logger.position, 2**62)
    kept = logger.segments[-1]
    writer = writer_of(tmp_path, store)
    assert Cursor(kept.first - 1, kept.first - 1) == writer.cursor
    compact(writer, logger.position)
    assert plainly([kept]) == told(tmp_path, store)


def test_a_hole_in_the_log_stops_filing(tmp_path: Path) -> None:
    """A log from which records are missing that are not in files is an error, never a silent gap."""
    store = MemoryStore()
    logger = Logger(store, 3)
    logger.append(10)
    writer = writer_of(tmp_path, store)
    trim_log(store, logger.position, 2**62)
    with pytest.raises(LogBroken):
        writer.write(logger.position, TODAY)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    """A file that was taken away is an error, in the middle and at the end."""
    store = MemoryStore()
    logger = Logger(store, 4)
    logger.append(30)
    writer = writer_of(tmp_path, store)
    while writer.write(logger.position, TODAY):
        pass
    parts = Parts(tmp_path)
    for missing in (1, -1):
        gone = parts.path(parts.all(EVENTS)[missing])
        content = gone.read_bytes()
        gone.unlink()
        with pytest.raises(HistoryBroken, match="restore the data folder"):
            told(tmp_path, store)
        gone.write_bytes(content)
    assert plainly(logger.segments) == told(tmp_path, store)


def test_days_past_become_few_files(tmp_path: Path) -> None:
    """A day that is over is one file; days with few records share one; today's are joined only by size."""
    for day_records, least, most in ((20, 5, 8), (400, 13, 14)):
        store = MemoryStore()
        logger = Logger(store, 5, day_records)
        while logger.now_us < START_US + 12 * DAY_US:
            logger.append()
        writer = writer_of(data := tmp_path / str(day_records), store)
        compact(writer, logger.position)
        found = Parts(data).counted(DECISIONS, 3, writer.cursor)
        assert least <= len(found) <= most
        assert all(part.last_day - part.first_day < SMALL.span_days for part in found)
        assert all(part.records <= SMALL.sparse_records for part in found if part.first_day != part.last_day)
        days = [day for part in found for day in range(part.first_day, part.last_day + 1)]
        assert sorted(set(days)) == days


def test_old_days_go_by_whole_files(tmp_path: Path) -> None:
    """What is of days before the retention goes, and what is younger stays, whole."""
    store = MemoryStore()
    logger = Logger(store, 6, 60)
    while logger.now_us < START_US + 40 * DAY_US:
        logger.append()
    writer = writer_of(tmp_path, store)
    compact(writer, logger.position)
    before_day = START_US // DAY_US + 20
    gone = writer.forget(before_day)
    assert gone and all(part.last_day < before_day for part in gone)
    events, _ = told(tmp_path, store)
    expected, _ = plainly(logger.segments)
    assert expected[-len(events) :] == events
    assert before_day - SMALL.span_days <= events[0].received_us // DAY_US <= before_day
    writer_of(tmp_path, store)
    assert events == told(tmp_path, store)[0]


def test_what_a_kill_leaves_unfinished_goes(tmp_path: Path) -> None:
    """A file half written is never read, and is removed when the shard is opened again; that of another shard is not touched."""
    store = MemoryStore()
    logger = Logger(store, 8)
    logger.append(10)
    writer = writer_of(tmp_path, store)
    compact(writer, logger.position)
    folder = next((tmp_path / "history").rglob("*.parquet")).parent
    mine, others = (folder / f".{shard}-{1:020}-{2:020}-20260101-20260101.parquet.new" for shard in (3, 4))
    for path in (mine, others):
        path.write_bytes(b"PAR1 half")
    assert plainly(logger.segments) == told(tmp_path, store)
    writer_of(tmp_path, store)
    assert [False, True] == [mine.exists(), others.exists()]
    assert plainly(logger.segments) == told(tmp_path, store)
