"""Reading history: in order, from any place, any part of it, and by SQL that can do nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.event.digest import partition_of
from pilotage.event.time import DAY_US
from pilotage.runner.history.parquet import QueryRefused
from pilotage.runner.history.parts import DECISIONS, EVENTS, FORMAT, HistoryNewer
from pilotage.runner.history.reader import History, Place, Selection
from pilotage.runner.history.rest import compact_at_rest
from pilotage.runner.history.rows import PastDecision, PastEvent
from pilotage.runner.memory import MemoryStore
from pilotage.runner.store import Store
from tests.runner.history.past import START_US, TODAY, Logger, opened, plainly


class Past:
    """Two shards' history: one filed and then some, one with a tail alone."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.loggers = [Logger(MemoryStore(), seed, 300, shard) for seed, shard in ((1, 0), (2, 7))]
        for logger in self.loggers:
            logger.append(40)
        self.stores: dict[int, Store] = {0: self.loggers[0].store, 7: self.loggers[1].store}
        compact_at_rest(data, {0: self.stores[0]}, TODAY)
        self.loggers[0].append(10)
        told = [plainly(logger.segments) for logger in self.loggers]
        self.events = sorted((each for events, _ in told for each in events), key=place_of)
        self.decisions = sorted((each for _, decisions in told for each in decisions), key=lambda each: (*place_of(each), each.number))


def place_of(row: PastEvent | PastDecision) -> tuple[int, int, int]:
    """Where a row stands."""
    return row.received_us, row.position, row.partition // 128


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return Past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def history(past: Past) -> Iterator[History]:
    with opened(past.data, past.stores) as history:
        yield history


def test_events_and_decisions_come_in_order(past: Past, history: History) -> None:
    """Those of all shards come as one, by received time, position and shard."""
    assert past.events == list(history.events())
    assert past.decisions == list(history.decisions())
    assert [len(past.events), len(past.decisions)] == [history.count(EVENTS), history.count(DECISIONS)]


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_reading_goes_on_from_any_place(past: Past, history: History, at_once: int) -> None:
    """A reader that begins after a place reads exactly what another read after it, whatever the size of its pages."""
    for number in (0, 1, len(past.events) // 2, len(past.events) - 1, len(past.events)):
        after = Place(*place_of(past.events[number - 1])) if number else Place()
        pages = list(history.pages(after=after, rows_at_once=at_once))[: 40 if at_once == 1 else None]
        found = [event for page in pages for event in page.events]
        assert past.events[number : number + len(found)] == found
        assert at_once == 1 or len(found) == len(past.events) - number
        assert all(Place(*place_of(page.events[-1])) == page.place for page in pages)
        assert history.count(EVENTS, after=after) == len(past.events) - number


def test_a_part_of_history_is_read(past: Past, history: History) -> None:
    """Time, names, partitions, a subject and positions choose the rows that a plain look chooses."""
    middle = START_US + DAY_US
    someone = past.events[5].subject
    partition = partition_of(someone)
    chosen = [
        (Selection(from_us=middle), [each for each in past.events if each.received_us >= middle]),
        (Selection(until_us=middle), [each for each in past.events if each.received_us < middle]),
        (Selection(names=("a.b", "x'y")), [each for each in past.events if each.event.type == "a.b"]),
        (Selection(first_partition=128), [each for each in past.events if each.partition >= 128]),
        (Selection(first_partition=partition, last_partition=partition), [each for each in past.events if each.partition == partition]),
        (Selection(subject=someone), [each for each in past.events if each.subject == someone]),
    ]
    for selection, expected in chosen:
        assert expected == list(history.events(selection))
        assert len(expected) == history.count(EVENTS, selection)
    upto = {0: 100, 7: 50}
    expected = [each for each in past.events if each.position <= upto[each.partition // 128]]
    assert expected == list(history.events(Selection(upto=upto)))
    assert [] == list(history.decisions(Selection(names=("nobody",))))
    assert past.decisions == list(history.decisions(Selection(names=("j.k",))))


def test_sql_asks_over_both_views(past: Past, history: History) -> None:
    """The views have every row once, with its shard and its instant, and JSON that SQL reaches into."""
    answer = history.ask("select count(*), count(distinct (shard, position)), min(received_us) from events")
    assert [(len(past.events), len(past.events), past.events[0].received_us)] == answer.rows
    answer = history.ask("select shard, count(*) as n from decisions group by shard order by shard")
    assert ["shard", "n"] == answer.columns
    assert [(shard, sum(each.partition // 128 == shard for each in past.decisions)) for shard in (0, 7)] == answer.rows
    answer = history.ask("select distinct identifiers->>'user_id' as who from events order by who nulls last")
    assert [("2",), ("ü1",), (None,)] == answer.rows
    answer = history.ask("select max(inputs->>'n'), max(len(lost)) from decisions")
    assert [(str(2**60), 3)] == answer.rows


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to 'stolen'",
        "select * from read_text('/etc/hosts')",
        "select 1; select 2",
        "create table mine as select 1",
        "set enable_external_access = true",
        "attach 'other.db'",
        "install httpfs",
        "drop view events",
        "selec type from events",
        "select nothing from events",
        "",
    ],
)
def test_a_query_only_reads(history: History, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would write, reach another file, change settings, or is no query, is refused with words."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryRefused):
        history.ask(query)
    assert [] == list(tmp_path.iterdir())
    assert 1 == len(history.ask("select count(*) from events").rows)


def test_an_empty_history_has_its_columns(tmp_path: Path) -> None:
    """Where nothing has happened yet the views are there, empty."""
    with opened(tmp_path, {0: MemoryStore()}) as history:
        assert [] == list(history.events())
        assert [(0,)] == history.ask("select count(*) from decisions where inputs->>'x' = 'y' and received > now()::timestamp").rows


def test_a_newer_history_is_refused(tmp_path: Path) -> None:
    """Files of a newer format are left as they are, and the reader says which release to start."""
    (tmp_path / "history" / f"v{FORMAT + 1}").mkdir(parents=True)
    with pytest.raises(HistoryNewer, match="start a newer release"):
        opened(tmp_path, {0: MemoryStore()})


def test_files_of_a_reader_are_its_own(past: Past) -> None:
    """What a reader has filed of the tail goes with it, and the history's own files stay."""
    before = sorted(path.name for path in (past.data / "history").rglob("*"))
    with opened(past.data, past.stores) as history:
        own = [path for path in history.paths(EVENTS) if not path.is_relative_to(past.data)]
        assert own and all(path.exists() for path in own)
    assert not any(path.exists() for path in own)
    assert before == sorted(path.name for path in (past.data / "history").rglob("*"))
