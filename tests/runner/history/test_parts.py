"""The names of history files, which of them count, and which are joined."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.runner.cursor import Cursor
from pilotage.runner.history.parts import EVENTS, HistoryBroken, Part, Parts, Rules, counted, joined, to_join


def part(first: int, last: int, first_day: int = 20_000, last_day: int = 0) -> Part:
    """A part of shard 3."""
    return Part(EVENTS, 3, first, last, first_day, last_day or first_day)


def test_a_name_says_what_is_in_the_file() -> None:
    """Shard, positions and days are read back from the name; the folder is the month."""
    one = part(1, 20, 20_783)
    assert "3-00000000000000000001-00000000000000000020-20261126-20261126.parquet" == one.name
    assert "2026-11" == one.month


def test_names_are_read_back(tmp_path: Path) -> None:
    """Every file that was published is listed with what its name was made of; others are not looked at."""
    parts = Parts(tmp_path)
    written = [part(1, 20, 20_783), part(21, 2**40, 20_784, 20_787)]
    for each in written:
        parts.publish(each, lambda path: path.write_bytes(b"rows"))
    (parts.path(written[0]).parent / "notes.parquet").touch()
    assert written == parts.all(EVENTS, 3)
    assert [] == parts.all(EVENTS, 4)
    assert 8 == parts.size_bytes(written)


def test_what_counts_follows_from_names() -> None:
    """Files within longer ones, beyond the cursor or before the beginning do not count; holes and overlaps are errors."""
    whole, halves, beyond = part(1, 20), [part(1, 10), part(11, 20)], part(21, 30)
    assert [whole] == counted([*halves, whole, beyond], Cursor(0, 20))
    assert halves == counted([*halves, beyond], Cursor(0, 20))
    assert [*halves, beyond] == counted([beyond, *halves], Cursor(0, 30))
    assert [halves[1]] == counted(halves, Cursor(10, 20))
    assert [] == counted([], Cursor(7, 7))
    for parts, cursor in (([halves[1]], Cursor(0, 20)), ([halves[0], beyond], Cursor(0, 30)), (halves, Cursor(0, 21)), ([], Cursor(0, 1))):
        with pytest.raises(HistoryBroken):
            counted(parts, cursor)
    with pytest.raises(HistoryBroken):
        counted([part(1, 12), part(11, 20)], Cursor(0, 20))


Sizes = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3)), min_size=1, max_size=60)


@given(sizes=Sizes, open_days=st.integers(0, 3))
def test_joining_ends_with_few_files(sizes: list[tuple[int, int]], open_days: int) -> None:
    """Joined as long as there is something to join, files still cover the same positions, each past day that is not sparse is one
    file, no file leaves its month, and an open day never has `fan` neighbours of like size."""
    rules = Rules(fan=4, sparse_records=200, span_days=10)
    parts, position, day = [], 0, 20_780
    for records, days_on in sizes:
        day += days_on
        parts.append(part(position + 1, position + records, day))
        position += records
    today = day - open_days + 1
    steps = 0
    while neighbours := to_join(parts, today, rules):
        at = parts.index(neighbours[0])
        assert neighbours == parts[at : at + len(neighbours)]
        parts[at : at + len(neighbours)] = [joined(neighbours)]
        steps += 1
        assert steps <= len(sizes)
    assert parts == counted(parts, Cursor(0, position))
    assert all(Part(EVENTS, 3, 1, 1, each.last_day, each.last_day).month == each.month for each in parts)
    past = [each for each in parts if each.last_day < today]
    assert len({each.last_day for each in past}) == len(past)
    assert all(each.records <= rules.sparse_records for each in past if each.first_day != each.last_day)
    for one, two in itertools.pairwise(past):
        small = one.records + two.records <= rules.sparse_records
        assert not (small and rules.may_share(one.first_day, two.last_day))


def test_large_files_are_not_rewritten() -> None:
    """However many records a day has, a file that has grown large stays as it is: here none is joined more than three times."""
    rules = Rules(records_max=10, fan=4, sparse_records=5, large_records=100)
    parts: list[Part] = []
    written = dict.fromkeys(range(1, 4_001), 0)

    def join(today: int) -> None:
        while neighbours := to_join(parts, today, rules):
            at = parts.index(neighbours[0])
            parts[at : at + len(neighbours)] = [joined(neighbours)]
            for position in range(neighbours[0].first, neighbours[-1].last + 1):
                written[position] += 1

    for first in range(1, 4_001, 10):
        parts.append(part(first, first + 9))
        join(20_000)
    join(20_001)
    assert parts == counted(parts, Cursor(0, 4_000))
    assert len(parts) <= 41
    assert max(written.values()) <= 3
