"""The tables of `predicate.sql.tables` in DuckDB, filled with histories, and what a query over them answers in kernel form."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from pilotage.predicate.ir import Predicate, Type
from pilotage.predicate.sql.select import select
from pilotage.predicate.sql.tables import zone_rows
from tests.predicate.histories import ATTRIBUTES, SCOPE, ZONE_NAMES, ZONES, History

SQL_TYPES = {
    Type.BOOLEAN: "boolean",
    Type.INTEGER: "bigint",
    Type.NUMBER: "decimal(19, 6)",
    Type.STRING: "varchar",
    Type.TIMESTAMP: "bigint",
    Type.DATE: "date",
    Type.LIST: "varchar[]",
    Type.MAP: "map(varchar, varchar)",
}
COLUMNS = {
    "events": {
        "subject": "integer",
        "type": "varchar",
        "occurred_us": "bigint",
        "received_us": "bigint",
        "position": "bigint",
        "data": "varchar",
    },
    "consents": {
        "subject": "integer",
        "purpose": "varchar",
        "channel": "varchar",
        "granted": "boolean",
        "at_us": "bigint",
        "position": "bigint",
    },
    "entries": {"subject": "integer", "journey": "varchar", "entered_us": "bigint", "left_us": "bigint", "held_out": "boolean"},
    "memberships": {"subject": "integer", "audience": "varchar", "entered_us": "bigint", "left_us": "bigint"},
}
EPOCH = date(1970, 1, 1).toordinal()


def database() -> duckdb.DuckDBPyConnection:
    """A DuckDB with empty tables, and the zones."""
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    attributes = ", ".join(f'"{name}" {SQL_TYPES[kind]}' for name, kind in ATTRIBUTES.items())
    connection.execute(f"create table subjects (subject integer, {attributes})")
    for table, columns in COLUMNS.items():
        connection.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    connection.execute("create table zones (zone varchar, starts bigint[], offsets bigint[], walls bigint[])")
    connection.executemany("insert into zones values (?, ?, ?, ?)", zone_rows(ZONES, (*ZONE_NAMES, SCOPE.zone)))
    return connection


def fill(connection: duckdb.DuckDBPyConnection, histories: Sequence[History]) -> None:
    """Put these histories, and no others, into the tables; a subject is its place among them."""
    for table in ("subjects", *COLUMNS):
        connection.execute(f"delete from {table}")
    rows = [
        (at, *(_column(kind, history.attributes.get(name)) for name, kind in ATTRIBUTES.items())) for at, history in enumerate(histories)
    ]
    kinds = ["integer", *(SQL_TYPES[kind] for kind in ATTRIBUTES.values())]
    _insert(connection, "subjects", kinds, rows)
    for table, columns in COLUMNS.items():
        rows = [(at, *row) for at, history in enumerate(histories) for row in getattr(history, table)]
        _insert(connection, table, list(columns.values()), rows)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, kinds: list[str], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        selected = ", ".join(_unnested(kind) for kind in kinds)
        connection.execute(f"insert into {table} select {selected}", columns)


def _unnested(kind: str) -> str:
    """A column of a list of values; lists and maps come as JSON text."""
    inner = kind in (SQL_TYPES[Type.LIST], SQL_TYPES[Type.MAP])
    return f"cast(cast(unnest(cast(? as varchar[])) as json) as {kind})" if inner else f"unnest(cast(? as {kind}[]))"


def _column(kind: Type, value: Any) -> Any:
    if value is not None and kind in (Type.LIST, Type.MAP):
        return json.dumps(value)
    if value is None or kind not in (Type.NUMBER, Type.DATE):
        return value
    return Decimal(value).scaleb(-6) if kind == Type.NUMBER else date.fromordinal(value + EPOCH)


def answers(connection: duckdb.DuckDBPyConnection, predicates: Mapping[str, Predicate], now: int) -> dict[str, list[Any]]:
    """The value of each condition for every subject in order, in kernel form."""
    query = f"select * from ({select(predicates, now)}) as answered order by subject"
    columns = list(zip(*connection.execute(query).fetchall(), strict=True))[1:]
    return {
        name: [_kernel(predicate.expr.type, value) for value in column]
        for (name, predicate), column in zip(predicates.items(), columns, strict=True)
    }


def _kernel(kind: Type, value: Any) -> Any:
    if isinstance(value, Decimal) and kind == Type.NUMBER:
        return int(value.scaleb(6))
    if isinstance(value, date):
        return value.toordinal() - EPOCH
    return value
