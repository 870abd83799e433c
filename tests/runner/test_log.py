"""The log: segments are read back from any position, holes are noticed, and what is old can be removed."""

import pytest

from pilotage.runner.layout import HEADER, UnreadableValue
from pilotage.runner.log import LogBroken, LogReader, Record, Segment, decode_segment, encode_segment, last_segment, segments_from, trim_log
from pilotage.runner.memory import MemoryStore
from pilotage.runner.store import Batch
from tests.runner.toy_kernel import add


def segment(first: int, count: int = 10) -> Segment:
    """A segment of events received at their positions."""
    records = [Record(b"s" * 16, position, position - 1, add(position)) for position in range(first, first + count)]
    return Segment(first, "plan", records, [[] for _ in records])


def store_of(*segments: Segment) -> MemoryStore:
    store = MemoryStore()
    batch = Batch()
    for one in segments:
        batch.put("log", *encode_segment(one))
    store.write(batch, durable=True)
    return store


def test_segment_comes_back_as_it_was() -> None:
    """What is stored of a segment, wakes included, is what was put."""
    one = Segment(7, "plan", [Record(b"s", 1, 0, add(1)), Record(b"s", 2, 7, None)], [[], []])
    assert decode_segment(encode_segment(one)[1]) == one
    assert one.last == 8


def test_other_format_is_refused() -> None:
    """A value of another format is refused, with the cure, and not read as something else."""
    value = encode_segment(segment(1))[1]
    assert value.startswith(HEADER)
    with pytest.raises(UnreadableValue, match="or a newer one"):
        decode_segment(b"\x09" + value[1:])


def test_reading_begins_inside_a_segment() -> None:
    """Reading from any position begins with the segment that holds it."""
    store = store_of(segment(1), segment(11), segment(21))
    for position, expected in ((1, [1, 11, 21]), (10, [1, 11, 21]), (11, [11, 21]), (30, [21]), (31, [])):
        assert [found.first for found in segments_from(store, position)] == expected
    last = last_segment(store)
    assert last is not None and last.last == 30


def test_holes_are_noticed() -> None:
    """A hole in the log is an error wherever it is, unless it is a beginning that was trimmed."""
    store = store_of(segment(11), segment(31))
    with pytest.raises(LogBroken, match="goes on at 11"):
        list(segments_from(store, 1))
    for start in (1, 11):
        with pytest.raises(LogBroken, match="goes on at 31"):
            list(segments_from(store, start, trimmed=True))


def test_reader_finds_any_position() -> None:
    """The reader finds the segment of a position, also when it keeps only few, and none for a position that is not there."""
    store = store_of(*(segment(first) for first in range(1, 200, 10)), segment(221))
    reader = LogReader(store, kept=2)
    for position in (1, 200, 55, 60, 61, 1, 225):
        found = reader.segment_at(position)
        assert found is not None and found.records[position - found.first].received_us == position
    assert [reader.segment_at(position) for position in (205, 0, 999)] == [None] * 3


def test_old_segments_are_removed() -> None:
    """Segments older than an instant go, but never what is not saved yet, nor the newest."""
    for saved, before_us, left in ((40, 25, [21, 31]), (15, 1_000, [11, 21, 31]), (40, 1_000, [31]), (40, 1, [1, 11, 21, 31])):
        store = store_of(segment(1), segment(11), segment(21), segment(31))
        assert trim_log(store, saved, before_us) == left[0] - 1
        assert [found.first for found in segments_from(store, 1, trimmed=True)] == left
