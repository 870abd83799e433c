"""History from files: formats, mappings, order, and rows that are wrong."""

import gzip
import itertools
import json
from pathlib import Path

import duckdb
import pytest

from pilotage.contract.document import DocumentBroken
from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.envelope import Event
from pilotage.event.time import instant_text, parse_instant_us
from pilotage.source.file import History, read_history
from pilotage.source.intake import Intake
from pilotage.source.mapping import read_mapping
from pilotage.source.quarantine import ROW, Quarantined
from pilotage.source.rows import FileBroken

ORDER = Contract("order.placed", "1", (FieldSpec("total", "number"), FieldSpec("items", "integer"), FieldSpec("gift", "boolean")))
VIEW = Contract("product.viewed", "1", (FieldSpec("platform", "string"),))
INTAKE = Intake([ORDER, VIEW, Contract("customer.identified", "1", (FieldSpec("email", "string"), FieldSpec("n", "integer")))])
HEAD = "schema: 1\nkind: mapping\nsource: shop\nidentifiers: {user_id: user}\n"
ORDERS = HEAD + "type: {value: order.placed}\ntime: {column: at, zone: Europe/Berlin}\ndata:\n  total: {column: total, type: number}\n"


def history(tmp_path: Path, content: str | bytes, mapping: str, name: str = "rows.csv") -> History:
    """The history of a file with this content."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_history(path, read_mapping(mapping, "mapping.yaml"), INTAKE)


def told(items: History) -> list[tuple[str, str, str]]:
    """Id, time and data of each event, or id, path and reason of each refusal."""
    return [
        (item.id, instant_text(item.occurred_us), item.data.decode()) if isinstance(item, Event) else (item.id, item.path, item.reason)
        for item in items
    ]


def test_rows_become_events_in_the_order_of_time(tmp_path: Path) -> None:
    """Rows are sorted by time, then by place in the file; wall times are read in the mapping's zone, numbers exactly."""
    rows = "user,at,total\nu1,2024-07-01 12:00:00,1.10\nu2,2024-01-01 12:00:00,2\nu3,2024-07-01 12:00:00,\n"
    found = history(tmp_path, rows, ORDERS)
    assert [
        ("row:2", "2024-01-01T11:00:00Z", '{"total":2}'),
        ("row:1", "2024-07-01T10:00:00Z", '{"total":1.10}'),
        ("row:3", "2024-07-01T10:00:00Z", "{}"),
    ] == told(found)
    assert (3, 0, 0) == (found.rows, found.skipped, found.extras)
    assert [{"user_id": "u2"}, {"user_id": "u1"}, {"user_id": "u3"}] == [item.identifiers for item in found if isinstance(item, Event)]


def test_every_format_gives_the_same_events(tmp_path: Path) -> None:
    """The same rows as CSV, gzipped CSV, text in columns, JSON Lines and Parquet are the same events."""
    plain = "user,at,total\nu1,2024-07-01T12:00:00,1.25\nu2,2024-07-01T13:00:00,3\n"
    lines = '{"user":"u1","at":"2024-07-01T12:00:00","total":1.25}\n\n{"user":"u2","at":"2024-07-01T13:00:00","total":3}\n'
    parquet = tmp_path / "made.parquet"
    values = "('u1', timestamp '2024-07-01 12:00:00', 1.25), ('u2', timestamp '2024-07-01 13:00:00', 3)"
    query = f'select * from (values {values}) rows("user", "at", total)'
    duckdb.sql(f"copy ({query}) to '{parquet}' (format parquet)")
    expected = told(history(tmp_path, plain, ORDERS))
    assert expected == told(history(tmp_path, gzip.compress(plain.encode()), ORDERS, "rows.csv.gz"))
    assert expected == told(history(tmp_path, plain.replace(",", "  "), ORDERS + "file: {delimiter: whitespace}\n", "rows.txt"))
    assert expected == told(history(tmp_path, lines, ORDERS, "rows.jsonl"))
    assert expected == told(history(tmp_path, gzip.compress(lines.encode()), ORDERS + "file: {format: jsonl}\n", "rows.gz"))
    found = [(name, at, json.loads(data)) for name, at, data in told(history(tmp_path, parquet.read_bytes(), ORDERS, "rows.parquet"))]
    assert [(name, at, json.loads(data)) for name, at, data in expected] == found


def test_wrong_rows_are_quarantined_with_their_number(tmp_path: Path) -> None:
    """A row that cannot be read, or breaks its contract, is quarantined with its number, and the others are taken in."""
    rows = b"user,at,total\nu1,noon,1\nu2,2024-07-01,x\nu3,2024-07-01\nu4,2024-07-01,1e30\nu5,2024-07-01,1\n\xff,2024-07-01,1\n"
    found = history(tmp_path, rows, ORDERS)
    assert [
        ("row:1", "row 1, column at", "'noon' is no time"),
        ("row:2", "row 2, column total", "'x' is no number"),
        ("row:3", "row 3", "the row has 2 columns, the header 3"),
        ("row:6", "row 6", "the row is not UTF-8"),
        ("row:4", "$.total", "the number is outside what can be kept exactly, ±9223372036854.775807"),
        ("row:5", "2024-06-30T22:00:00Z", '{"total":1}'),
    ] == told(found)
    first = found.items[0]
    assert isinstance(first, Quarantined)
    assert (ROW, {"user": "u1", "at": "noon", "total": "1"}) == (first.format, json.loads(first.raw))
    assert first == INTAKE.reread(first)


def test_types_are_mapped_by_value(tmp_path: Path) -> None:
    """Values of a column give event types: mapped, left out, kept as they are, or quarantined, as the mapping says."""
    rows = "user,at,what\nu1,2024-07-01,buy\nu1,2024-07-02,look\nu1,2024-07-03,product.viewed\n"
    head = HEAD + "time: {column: at}\ntype: {column: what, values: {buy: order.placed, look: ''}"
    kept = history(tmp_path, rows, head + ", others: keep}\n")
    assert (["order.placed", "product.viewed"], 1) == ([item.type for item in kept], kept.skipped)
    skipped = history(tmp_path, rows, head + ", others: skip}\n")
    assert (["order.placed"], 2) == ([item.type for item in skipped], skipped.skipped)
    strict = history(tmp_path, rows, head + "}\n")
    assert ["the mapping gives 'product.viewed' no event type"] == [item.reason for item in strict if isinstance(item, Quarantined)]


def test_further_events_come_before_the_first_of_each_subject(tmp_path: Path) -> None:
    """`first_seen` makes its events once per subject, at the instant of the first row by time and just before it."""
    rows = "user,at,total\nu1,2024-07-03,1\nu2,2024-07-02,2\nu1,2024-07-01,3\n"
    extra = 'first_seen:\n  - {type: customer.identified, data: {email: {text: "{user}@example.test"}}}\n'
    found = history(tmp_path, rows, ORDERS + extra)
    assert ["first:0:u1", "row:3", "first:0:u2", "row:2", "row:1"] == [item.id for item in found]
    assert ("first:0:u1", "2024-06-30T22:00:00Z", '{"email":"u1@example.test"}') == told(found)[0]
    assert (3, 2, 5) == (found.rows, found.extras, len(found))


def test_times_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Unix seconds and milliseconds, patterns and offsets are read; a time the clocks skip has the offset before the change."""
    for text, form, expected in (
        ("1719828000", "format: unix_s", "2024-07-01T10:00:00Z"),
        ("1719828000123", "format: unix_ms", "2024-07-01T10:00:00.123000Z"),
        ("20240701", 'format: "%Y%m%d", zone: America/New_York', "2024-07-01T04:00:00Z"),
        ("2024-07-01T12:00:00+05:30", "zone: Europe/Berlin", "2024-07-01T06:30:00Z"),
        ("2024-03-31 02:30:00", "zone: Europe/Berlin", "2024-03-31T01:30:00Z"),
        ("2024-10-27 02:30:00", "zone: Europe/Berlin", "2024-10-27T00:30:00Z"),
    ):
        mapping = HEAD + f"type: {{value: order.placed}}\ntime: {{column: at, {form}}}\n"
        (item,) = history(tmp_path, f"user,at\nu1,{text}\n", mapping)
        assert isinstance(item, Event)
        assert parse_instant_us(expected) == item.occurred_us


def test_values_are_read_as_their_type(tmp_path: Path) -> None:
    """Integers, booleans, constants and data of one event type only are read; ids may come from columns."""
    data = "{items: {column: n, type: integer}, gift: {column: g, type: boolean}}"
    mapping = ORDERS + f"id: {{columns: [user, at]}}\nevents: {{order.placed: {{data: {data}}}}}\n"
    rows = "user,at,total,n,g\nu1,2024-07-01,1,3,yes\nu1,2024-07-02,1,3.5,no\nu1,2024-07-03,1,3,maybe\n"
    found = history(tmp_path, rows, mapping)
    assert ("u1:2024-07-01", "2024-06-30T22:00:00Z", '{"total":1,"items":3,"gift":true}') == told(found)[-1]
    assert ["row 2, column n", "row 3, column g"] == [item.path for item in found if isinstance(item, Quarantined)]


@pytest.mark.parametrize(
    ("content", "name"), [("", "rows.csv"), ("user,total\nu1,1\n", "rows.csv"), ("x", "rows.parquet"), ("x", "rows.xlsx")]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str, name: str) -> None:
    """A file without a header, without a column the mapping names, or of another format is refused with the reason."""
    with pytest.raises(FileBroken, match=r"header|no column at|rows\.(parquet|xlsx)"):
        history(tmp_path, content, ORDERS, name)


def test_mistakes_in_a_mapping_are_reported_together() -> None:
    """Every mistake in a mapping is reported with file, line, column and a cure."""
    text = (
        "schema: 1\nkind: mapping\nsource: x\ntype: {column: a, value: b}\ntime: {column: t, zone: Mars, format: '%Q'}\n"
        "identifers: {}\ndata: {y: {column: a, type: numbr}}\n"
    )
    with pytest.raises(DocumentBroken) as caught:
        read_mapping(text, "m.yaml")
    assert [
        "m.yaml:1:1: no identifier is mapped; add `identifiers: {user_id: <column>}`",
        "m.yaml:4:7: a type needs either a column or a value; give one of them",
        "m.yaml:5:25: 'Mars' is no IANA zone; write a name such as Europe/Berlin",
        "m.yaml:5:39: '%Q' is no format of times; write a strptime pattern such as %Y-%m-%d, or one of unix_s, unix_ms, unix_us",
        "m.yaml:6:1: unknown key 'identifers'; did you mean 'identifiers'?",
        "m.yaml:7:29: 'numbr' is not known here; did you mean 'number'?",
    ] == [str(fault) for fault in caught.value.faults]


def test_the_click_log_is_accounted_for(data_folder: Path) -> None:
    """All 31,106 rows of the real click log are read, and accepted and quarantined together are all of them."""
    mapping = HEAD.replace("user_id: user", "user_id: user_id") + (
        "type: {column: event, values: {purchase: order.placed, product_view: product.viewed}, others: keep}\n"
        "time: {column: timestamp, zone: Europe/Berlin}\n"
        "events: {product.viewed: {data: {platform: platform}}}\n"
    )
    found = read_history(data_folder / "ecom.csv.gz", read_mapping(mapping, "m.yaml"), INTAKE)
    accepted = [item for item in found if isinstance(item, Event)]
    assert (31_106, 31_106) == (found.rows, len(found))
    assert (470, 6_851) == tuple(sum(item.type == kind for item in accepted) for kind in ("order.placed", "product.viewed"))
    assert 31_106 - 470 - 6_851 == sum(isinstance(item, Quarantined) and item.stage == "undeclared" for item in found)
    assert all(before.occurred_us <= after.occurred_us for before, after in itertools.pairwise(accepted))


def test_the_cdnow_purchases_are_read(data_folder: Path) -> None:
    """All 69,659 purchases of 23,570 customers are read from columns separated by blanks, to the cent."""
    mapping = HEAD.replace("user_id: user", "user_id: customer_id") + (
        'file: {delimiter: whitespace}\ntype: {value: order.placed}\ntime: {column: date, format: "%Y%m%d", zone: America/New_York}\n'
        "data: {items: {column: number_of_cds, type: integer}, total: {column: dollar_value, type: number}}\n"
    )
    found = read_history(data_folder / "cdnow_master.txt", read_mapping(mapping, "m.yaml"), INTAKE)
    accepted = [item for item in found if isinstance(item, Event)]
    assert (69_659, 69_659) == (found.rows, len(accepted))
    assert 23_570 == len({item.identifiers["user_id"] for item in accepted})
    assert "1997-01-01T05:00:00Z" == instant_text(accepted[0].occurred_us)
