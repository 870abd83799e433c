"""Tests of conditions as SQL: the divergences of DuckDB that are wrapped, the contract of the tables, and all dialects' syntax."""

import sys
from typing import Any

import msgspec
import pytest
import sqlglot

from pilotage.predicate.ir import Type
from pilotage.predicate.parse import parse, parse_expression
from pilotage.predicate.sql.batch import NotInBatch
from pilotage.predicate.sql.select import DIALECTS, TRANSPILED, UnknownDialect, select
from pilotage.predicate.sql.tables import Tables, zone_rows
from pilotage.predicate.texts import lower, upper
from tests.predicate.histories import DAY, SCOPE, ZONES, History
from tests.predicate.tables import answers, database, fill
from tests.predicate.test_reference import EXAMPLES
from tests.predicate.test_reference import SCOPE as REFERENCE

NOW = 1_767_225_600_000_000


@pytest.fixture(scope="module")
def tables() -> Any:
    """A DuckDB connection of its own, with the tables of conditions."""
    with database() as connection:
        yield connection


def _value(tables: Any, text: str, history: History | None = None, now: int = NOW) -> Any:
    fill(tables, [history or History()])
    return answers(tables, {"it": parse_expression(text, SCOPE)}, now)["it"][0]


@pytest.mark.parametrize(
    ("text", "attributes", "value"),
    [
        ("i1 / 0", {"i1": 1}, None),
        ("i1 % 0", {"i1": 1}, None),
        ("i1 / i2", {"i1": 1, "i2": 3}, 333_333),
        ("i1 / i2", {"i1": -1, "i2": 3}, -333_333),
        ("n1 * 0.5", {"n1": 1}, 0),
        ("n1 * 0.5", {"n1": 3}, 2),
        ("-7 % 3", {}, -1),
        ("i1 % i2", {"i1": -(2**63), "i2": -1}, 0),
        ("i1 + 1", {"i1": 2**63 - 1}, None),
        ("-i1", {"i1": -(2**63)}, None),
        ("abs(i1)", {"i1": -(2**63)}, None),
        ("n1 * n1", {"n1": 2**62}, None),
        ("'x' in l1", {"l1": ["a", None]}, False),
        ("'x' in l1", {}, None),
        ("l1[2]", {"l1": ["a", None]}, None),
        ("l1[0]", {"l1": ["a"]}, None),
        ("l1[-1]", {"l1": ["a"]}, None),
        ("length(l1)", {"l1": ["a", None]}, 2),
        ("s1 like 'a\\%'", {"s1": "a\\b"}, True),
        ("s1 like 'a!_' escape '!'", {"s1": "ab"}, False),
        ("s1 like '_'", {"s1": "😀"}, True),
        ("length(s1)", {"s1": "e\u0301😀"}, 3),
        ("left(s1, 1)", {"s1": "e\u0301"}, "e"),
        ("left(s1, -1)", {"s1": "abc"}, ""),
        ("right(s1, 9223372036854775807)", {"s1": "abc"}, "abc"),
        ("substring(s1, -1, 3)", {"s1": "abc"}, "a"),
        ("substring(s1, 2)", {"s1": "abc"}, "bc"),
        ("split_part(s1, '', 1)", {"s1": "abc"}, "abc"),
        ("split_part(s1, 'b', -1)", {"s1": "abc"}, ""),
        ("replace(s1, '', 'x')", {"s1": "abc"}, "abc"),
        ("trim(s1)", {"s1": "\t a "}, "\t a"),
        ("upper(s1)", {"s1": "straße ᾳ"}, "STRAẞE ᾼ"),
        ("lower(s1)", {"s1": "ΑΣ İ"}, "ας i".replace("ς", "σ")),
        ("concat(s1, null)", {"s1": "a"}, "a"),
        ("s1 || null", {"s1": "a"}, None),
        ("number(s1)", {"s1": "1e3"}, None),
        ("number(s1)", {"s1": "-0.5"}, -500_000),
        ("integer(s1)", {"s1": " 5"}, None),
        ("text(n1)", {"n1": 10_000_000}, "10"),
        ("round(n1)", {"n1": -2_500_000}, -3),
        ("floor(n1)", {"n1": -2_500_000}, -3),
        ("date(t1)", {"t1": -1}, 0),
        ("hour(t1)", {"t1": -1, "timezone": "UTC"}, 23),
        ("date(t1)", {"t1": 2**63 - 1}, None),
        ("d1 + 9000000000000", {"d1": 0}, None),
        ("date_trunc('week', d1 + 200000000)", {"d1": 0}, None),
        ("date_trunc('week', d1 - 2000000000)", {"d1": 0}, None),
        ("timestamp(d1 + 2000000000)", {"d1": 0}, None),
        ("date_trunc('month', timestamp(d1 + 200000000))", {"d1": 0}, None),
        ("add_months(d1, 2000000000)", {"d1": 0}, None),
        ("day(d1 + 2147000000)", {"d1": 1_000_000}, None),
        ("week(d1 - 2147483647)", {"d1": 0}, None),
        ("days(t1 - t2)", {"t1": 0, "t2": DAY + 1}, -1),
        ("least(n1, null, 2)", {"n1": 3_000_000}, 2_000_000),
    ],
)
def test_where_duckdb_means_something_else_its_sql_is_wrapped(tables: Any, text: str, attributes: dict[str, Any], value: Any) -> None:
    """Each known divergence of DuckDB, from 1/0 to letters, is wrapped in what is printed, so that the language's meaning holds; a
    number that does not fit is NULL and stops no batch."""
    assert value == _value(tables, text, History(attributes=attributes))


@pytest.mark.parametrize("most", [2**63 - 1, -(2**63)])
@pytest.mark.parametrize(
    "texts",
    [
        ("local_time(t1)", "date_trunc('year', t1)"),
        ("hour(t1)", "date(t1)"),
        ("date_trunc('hour', t1)", "date_trunc('day', t1)", "minute(t1)"),
        ("(i1 + i2) * 2", "(i1 + i2) * 3"),
        ("(i1 - i2) / 3", "-(i1 - i2)"),
        ("t1 + '1d' > t2", "hour(t1 + '1d')"),
    ],
)
def test_what_calculations_share_fails_no_batch(tables: Any, texts: tuple[str, ...], most: int) -> None:
    """DuckDB calculates once what several values have in common, outside of what catches an overflow; each part is caught by itself."""
    history = History(attributes={"t1": most, "i1": most, "i2": most // 2, "timezone": "Europe/Berlin"})
    fill(tables, [history, History()])
    found = answers(tables, {text: parse_expression(text, SCOPE) for text in texts}, NOW)
    assert dict.fromkeys(texts, 2) == {text: len(values) for text, values in found.items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sum('b', 'n')", 2_000_003),
        ("max('b', 'n')", 2_000_000),
        ("first('b', 't')", 1_774_747_800_000_000),
        ("last('b', 't')", 1_774_747_800_123_456),
        ("last('b', event.l[1])", "1"),
        ("count('b', event.m['y'] is null)", 3),
        ("count('b', '1d', 'x' in event.m)", 1),
    ],
)
def test_fields_in_json_are_read_as_the_kernel_reads_them(tables: Any, text: str, value: Any) -> None:
    """A decimal of many places is rounded half to even, a timestamp without a zone is UTC, items that are no texts are texts."""
    data = (
        '{"n": 0.0000025, "t": "2026-03-29T03:30:00+02:00", "l": [1, null], "m": {"x": 5, "y": null}}',
        '{"n": 2.0000005, "t": "2026-03-29T01:30:00.123456Z"}',
        '{"n": 1e-6}',
    )
    rows = [("b", NOW - 3 + at, NOW - 3 + at, at, text) for at, text in enumerate(data)]
    assert value == _value(tables, text, History(events=rows))


def test_an_event_counts_from_when_it_was_received(tables: Any) -> None:
    """A late event counts only once it has arrived, a future-dated one from its instant on, and the first edge of a window does
    not count: for batches as for live decisions."""
    rows = [("a", NOW - DAY, NOW - DAY, 0, "{}"), ("a", NOW - DAY + 1, NOW, 1, "{}"), ("a", NOW + 5, NOW, 2, "{}")]
    history = History(events=rows)
    counts = {now: _value(tables, "count('a', '1d')", history, now) for now in (NOW - 1, NOW, NOW + 1, NOW + 5)}
    assert {NOW - 1: 1, NOW: 1, NOW + 1: 0, NOW + 5: 1} == counts


def test_equal_windows_are_calculated_once_and_each_type_is_scanned_once() -> None:
    """Many conditions over one event type share one scan of it, and equal aggregates one column."""
    texts = [f"count('a', '{days}d', event.i > 1) > {at}" for at, days in enumerate((1, 1, 7, 7, 30))] + ["sum('a', 'n', '7d') > 5"]
    query = select({f"p{at}": parse(text, SCOPE) for at, text in enumerate(texts)}, NOW)
    assert 1 == query.count("from events")
    assert 3 == query.count("count(*)")
    assert f"occurred_us > {NOW - 30 * DAY}" in query


@pytest.mark.parametrize("dialect", [*DIALECTS, *TRANSPILED])
def test_every_function_is_printed_for_every_dialect(dialect: str) -> None:
    """Whatever the reference shows becomes one well-formed query of each dialect."""
    scope = msgspec.structs.replace(REFERENCE, any_trigger=False)
    for at, text in enumerate(EXAMPLES):
        if "trigger" in text or "journey." in text:
            continue
        query = select({f"p{at}": parse_expression(text, scope)}, NOW, dialect)
        assert sqlglot.parse_one(query, read=dialect) is not None


def test_what_subjects_do_not_have_is_refused() -> None:
    """The event at hand and a journey's variables are not known of subjects as a whole, and an unknown dialect is named."""
    scope = msgspec.structs.replace(SCOPE, trigger=("a",), variables={"n": Type.INTEGER})
    for text, name in (("trigger.i > 1", "trigger.i"), ("journey.n = 1", "journey.n")):
        with pytest.raises(NotInBatch, match=f"{name} is not known of a subject as a whole"):
            select({"it": parse(text, scope)}, NOW)
    with pytest.raises(UnknownDialect, match="there is no dialect 'oracle'"):
        select({"it": parse("b1", SCOPE)}, NOW, "oracle")


def test_tables_have_the_names_they_are_given() -> None:
    """A table may be a view, or anything that SQL reads from."""
    query = select({"it": parse("performed('a')", SCOPE)}, NOW, tables=Tables(subjects="crm.people", events="read_parquet('*.parquet')"))
    assert "from crm.people as s" in query and "from read_parquet('*.parquet') where" in query


def test_zones_that_do_not_exist_are_left_out() -> None:
    """The table of zones holds those that exist, each once, with as many offsets as starts."""
    rows = zone_rows(ZONES, ("UTC", "Nowhere/Here", "Europe/Berlin", "UTC"))
    assert ["Europe/Berlin", "UTC"] == [row[0] for row in rows]
    assert all(len(starts) == len(offsets) == len(walls) for _, starts, offsets, walls in rows)


def test_every_letter_changes_case_as_in_duckdb(tables: Any) -> None:
    """All letters of Unicode have the same small and capital form in Python and in DuckDB."""
    letters = [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    rows = tables.execute("select letter, lower(letter), upper(letter) from (select unnest(?) as letter)", [letters]).fetchall()
    assert [] == [letter for letter, small, capital in rows if (small, capital) != (lower(letter), upper(letter))]
