"""The SQL of conditions: one query that answers them all for every subject, as of an instant.

`select` prints it for DuckDB, PostgreSQL and Spark from the typed form; `transpile` turns DuckDB's text into that of a warehouse
that this project does not run.
"""

from collections.abc import Mapping

import sqlglot

from pilotage.predicate.ir import Predicate
from pilotage.predicate.sql.batch import Batch, features_of
from pilotage.predicate.sql.dialects import Dialect
from pilotage.predicate.sql.postgres import Postgres
from pilotage.predicate.sql.spark import Spark
from pilotage.predicate.sql.tables import Tables

DIALECTS: dict[str, Dialect] = {"duckdb": Dialect(), "postgres": Postgres(), "spark": Spark()}
"""The engines that conditions are printed for."""

TRANSPILED = ("bigquery", "snowflake")
"""The warehouses whose SQL is made from DuckDB's and checked for its syntax only."""


class UnknownDialect(LookupError):
    """There is no such dialect. Write one of duckdb, postgres, spark, bigquery, snowflake."""


def select(predicates: Mapping[str, Predicate], now_us: int, dialect: str = "duckdb", tables: Tables = Tables()) -> str:
    """A query with one row for each subject and one column for each condition (or value), by name, after `subject`.

    A condition is true, false or NULL as of the instant `now_us`, in microseconds UTC: only events received by then count, and
    attributes are what the table of subjects says. The tables are those of `sql.tables`. Raises `NotInBatch` for a condition
    over the event at hand or a journey's variables, and `UnknownDialect`.
    """
    if dialect in TRANSPILED:
        return transpile(select(predicates, now_us, "duckdb", tables), dialect)
    if dialect not in DIALECTS:
        raise UnknownDialect(f"there is no dialect {dialect!r}; write one of {', '.join((*DIALECTS, *TRANSPILED))}")
    batch = Batch(now_us, DIALECTS[dialect], tables, features_of(predicates))
    return batch.query({name: batch.printer.value(predicate.expr) for name, predicate in predicates.items()})


def transpile(query: str, dialect: str) -> str:
    """DuckDB's SQL as that of another dialect of sqlglot's, parsed again to see that it is well-formed."""
    found = sqlglot.transpile(query, read="duckdb", write=dialect)[0]
    sqlglot.parse_one(found, read=dialect)
    return found
