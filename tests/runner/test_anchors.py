"""Anchors: whatever is done to a log that was anchored is found, and the first altered segment named."""

from collections.abc import Callable
from hashlib import blake2b

import pytest

from pilotage.runner.anchors import BLOCKS_MAX, NOTHING, Anchor, anchor_of, check_log
from pilotage.runner.layout import position_key, position_of
from pilotage.runner.log import Record, Segment, encode_segment, trim_log
from pilotage.runner.memory import MemoryStore
from pilotage.runner.store import Batch

RECORDS = 3
DAY = 1_000


def logged(segments: int, store: MemoryStore | None = None, start: int = 0) -> MemoryStore:
    """A store with so many segments of three records each, one a day, after `start` earlier ones."""
    store = store or MemoryStore()
    batch = Batch()
    for number in range(start, start + segments):
        first = number * RECORDS + 1
        records = [Record(b"s" * 16, number * DAY + each, 0, None) for each in range(RECORDS)]
        batch.put("log", *encode_segment(Segment(first, "plan", records, [[], [], []])))
    store.write(batch, durable=True)
    return store


def anchored(store: MemoryStore, *lengths: int) -> list[Anchor]:
    """Anchors over so many segments each, one after the other."""
    anchors: list[Anchor] = []
    end = 0
    for length in lengths:
        end += length * RECORDS
        made = anchor_of(store, 0, end, anchors[-1] if anchors else None)
        assert made is not None
        anchors.append(made)
    return anchors


def change(store: MemoryStore, *operations: tuple[bytes, bytes | None]) -> None:
    """Put or remove rows of the log."""
    batch = Batch()
    for key, value in operations:
        if value is None:
            batch.delete("log", key)
        else:
            batch.put("log", key, value)
    store.write(batch, durable=True)


def test_anchors_follow_each_other_and_hold() -> None:
    """Each anchor covers what came since the one before, says when it was received, and the log holds against all of them."""
    store = logged(30)
    anchors = anchored(store, 4, 20)
    assert [(1, 12, 4), (13, 72, 20)] == [(each.first, each.last, each.segments) for each in anchors]
    assert (NOTHING, anchors[0].digest) == (anchors[0].previous, anchors[1].previous)
    assert (0, 3 * DAY + 2) == (anchors[0].first_us, anchors[0].last_us)
    assert [4, BLOCKS_MAX] == [len(each.blocks) for each in anchors]
    verdict = check_log(store, 0, 90, anchors, 0)
    assert (2, 24, 0, 18, ()) == (verdict.verified, verdict.segments, verdict.forgotten, verdict.open, verdict.faults)
    assert anchor_of(store, 0, 72, anchors[-1]) is None
    assert anchor_of(MemoryStore(), 0, 0, None) is None


def test_long_logs_are_anchored_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An anchor covers a bounded number of segments; what is left gets the next one."""
    monkeypatch.setattr("pilotage.runner.anchors.SEGMENTS_MAX", 8)
    store, anchors = logged(20), []
    while made := anchor_of(store, 0, 60, anchors[-1] if anchors else None):
        anchors.append(made)
    assert [(1, 24), (25, 48), (49, 60)] == [(each.first, each.last) for each in anchors]
    assert () == check_log(store, 0, 60, anchors, 0).faults


def mutated(store: MemoryStore, kind: str, at: int, other: int) -> int:
    """Do something to the segments of a log; the position of the first that is altered by it."""
    rows = list(store.scan("log"))
    key, value = rows[at]
    if kind == "change":
        change(store, (key, value[:-1] + bytes([value[-1] ^ 1])))
    elif kind == "cut":
        change(store, (key, value[:-1]))
    elif kind == "delete":
        change(store, (key, None))
    elif kind == "insert":
        change(store, (position_key(position_of(key) + 1), value))
    elif kind == "reorder":
        change(store, (key, rows[other][1]), (rows[other][0], value))
        at = min(at, other)
    else:
        change(store, *((each, None) for each, _ in rows[at:]))
    return position_of(rows[at][0])


KINDS = ("change", "cut", "delete", "insert", "reorder", "truncate")


def test_whatever_is_done_to_a_log_is_found(seed: int, record_property: Callable[[str, object], None]) -> None:
    """A segment changed, cut, removed, put in or swapped, and an end cut off, is found; the fault spans the first altered segment, and
    only that where an anchor has few."""
    draw = lambda what, below: int.from_bytes(blake2b(f"{seed} {what}".encode(), digest_size=8).digest(), "big") % below  # noqa: E731
    lengths = [1 + draw(f"length {each}", 40) for each in range(1 + draw("anchors", 3))]
    total = sum(lengths)
    for number in range(12):
        store = logged(total)
        anchors = anchored(store, *lengths)
        at, other = draw(f"at {number}", total), draw(f"other {number}", total)
        kind = KINDS[number % len(KINDS)]
        if kind == "reorder" and at == other:
            continue
        first = mutated(store, kind, at, other)
        rows = list(store.scan("log"))
        durable = position_of(rows[-1][0]) + RECORDS - 1 if rows else 0
        fault = check_log(store, 0, durable, anchors, 0).faults[0]
        assert fault.first <= first <= fault.last, (kind, lengths, at, other)
        anchor = next(each for each in anchors if each.first <= first <= each.last)
        if anchor.segments <= BLOCKS_MAX and kind != "reorder":
            assert fault.first == first, (kind, lengths, at, other)
        record_property("mutations of logs found", 1)


@pytest.mark.parametrize("swap", [lambda anchors: anchors[::-1], lambda anchors: [anchors[0], anchors[2]], lambda anchors: anchors[1:] * 2])
def test_anchors_that_do_not_follow_each_other_are_found(swap: Callable[[list[Anchor]], list[Anchor]]) -> None:
    """Anchors in another order, with one left out or told twice, do not hold."""
    store = logged(12)
    assert check_log(store, 0, 36, swap(anchored(store, 4, 4, 4)), 0).faults


def test_what_retention_takes_is_no_fault() -> None:
    """Segments that left the log by its retention are no fault; the same segments gone before their time are."""
    store = logged(30)
    anchors = anchored(store, 10, 10, 10)
    assert 36 == trim_log(store, 90, 12 * DAY)
    kept = check_log(store, 0, 90, anchors, 12 * DAY)
    assert (1, 2, ()) == (kept.verified, kept.forgotten, kept.faults)
    early = check_log(store, 0, 90, anchors, 5 * DAY)
    assert [(31, 33)] == [(fault.first, fault.last) for fault in early.faults]
    assert 1 == check_log(store, 0, 90, anchors, 0).faults[0].first
    whole = logged(10, store, 30)
    made = anchor_of(whole, 0, 120, anchors[-1])
    assert made is not None
    assert () == check_log(whole, 0, 120, [*anchors, made], 12 * DAY).faults
