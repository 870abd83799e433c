"""Batch evaluation of audiences: the conditions of all of them, for all subjects, asked in SQL of what happened.

It is independent of what is kept live: events come from history (or from any relation of the same columns), and only what no
event says (attributes, journeys under way) from the subjects' states. For a subject whose state is at a log position, events
up to that position count, so that a running system is compared with itself at one moment.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any

import duckdb
import msgspec

from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Predicate, Type, Zone
from pilotage.predicate.sql.select import select
from pilotage.predicate.sql.tables import Tables, zone_rows
from pilotage.predicate.text import name_text
from pilotage.profile.state import State
from pilotage.source.zones import packaged_zones

SQL_TYPES = {
    Type.BOOLEAN: "boolean",
    Type.INTEGER: "bigint",
    Type.NUMBER: "decimal(19, 6)",
    Type.STRING: "varchar",
    Type.TIMESTAMP: "bigint",
    Type.DATE: "date",
    Type.INTERVAL: "bigint",
    Type.LIST: "varchar[]",
    Type.MAP: "map(varchar, varchar)",
}
EVENT_COLUMNS = {
    "subject": "blob",
    "type": "varchar",
    "occurred_us": "bigint",
    "received_us": "bigint",
    "position": "bigint",
    "data": "varchar",
}
ENTRY_COLUMNS = {"subject": "blob", "journey": "varchar", "entered_us": "bigint", "left_us": "bigint", "held_out": "boolean"}
MEMBER_COLUMNS = {"subject": "blob", "audience": "varchar", "entered_us": "bigint"}
ROWS_AT_ONCE = 50_000
_EPOCH = date(1970, 1, 1)
_CONSENTS = """
create view consents as
select subject, data::json->>'purpose' as purpose, data::json->>'channel' as channel,
  (data::json->>'granted')::boolean as granted, received_us as at_us, position
from events where type = 'consent.changed'
"""


class Difference(msgspec.Struct, frozen=True):
    """One subject and audience of which the live membership and the batch evaluation say different things."""

    subject: bytes
    audience: str
    live: bool
    batch: bool


class Evaluation:
    """A database in memory with the tables that conditions read. Use it in a `with` block; fill it with `add_states` and
    `read_events`, then `evaluate`."""

    def __init__(self, attributes: Mapping[str, Type], zone: str, memory: str = "1GB") -> None:
        """`attributes` types the profile; `zone` is that of subjects without one of their own."""
        self._attributes = dict(attributes)
        self._zone = zone
        self._database = duckdb.connect(config={"memory_limit": memory, "threads": 2})
        columns = "".join(f", {name_text(name)} {SQL_TYPES[kind]}" for name, kind in self._attributes.items())
        self._database.execute(f"create table subjects (subject blob, at_position bigint{columns})")
        self._make("past", EVENT_COLUMNS)
        self._make("entries", ENTRY_COLUMNS)
        self._make("live", MEMBER_COLUMNS)
        self._database.execute("create table zones (zone varchar, starts bigint[], offsets bigint[], walls bigint[])")
        self._database.execute("create table members (subject blob, audience varchar)")

    def __enter__(self) -> "Evaluation":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def _make(self, table: str, columns: Mapping[str, str]) -> None:
        self._database.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")

    def add_states(self, states: Iterable[tuple[State, int]]) -> None:
        """Take subjects with their states and the log positions these are at."""
        for page in _pages(states):
            self._insert("subjects", ["blob", "bigint", *map(SQL_TYPES.__getitem__, self._attributes.values())], map(self._subject, page))
            self._insert("entries", list(ENTRY_COLUMNS.values()), (row for state, _ in page for row in _entries(state)))
            members = ((state.subject, name, at_us) for state, _ in page for name, at_us in state.audiences.items())
            self._insert("live", list(MEMBER_COLUMNS.values()), members)

    def add_events(self, events: Iterable[tuple[Any, ...]]) -> None:
        """Take events as rows of `EVENT_COLUMNS`, where there are no files of them."""
        for page in _pages(events):
            self._insert("past", list(EVENT_COLUMNS.values()), page)
        self.read_events("past")

    def read_events(self, relation: str) -> None:
        """Read events from a relation with the columns of `EVENT_COLUMNS`, named in SQL as it stands, such as
        `read_parquet([…])`. Of each subject those up to the position of its state count."""
        self._database.execute("drop view if exists consents")
        chosen = ", ".join(f"past.{name}" for name in EVENT_COLUMNS)
        self._database.execute(
            f"create or replace view events as select {chosen} from {relation} as past join subjects using (subject) "
            "where past.position <= subjects.at_position"
        )
        self._database.execute(_CONSENTS)

    def evaluate(self, conditions: Mapping[str, Predicate], now_us: int) -> None:
        """Ask every subject about every condition as of an instant; the answers are what the other methods speak of."""
        self._database.execute("delete from members")
        self._set_clocks(conditions.values())
        names = list(conditions)
        numbered = {f"c{at}": conditions[name] for at, name in enumerate(names)}
        if numbered:
            query = select(numbered, now_us, "duckdb", Tables())
            self._database.execute(f"create or replace temp table answers as {query}")
            for at, name in enumerate(names):
                self._database.execute(f"insert into members select subject, ? from answers where c{at}", [name])

    def _set_clocks(self, conditions: Iterable[Predicate]) -> None:
        """Have the clock changes of the zones that these conditions read; an answer takes longer with those of all zones."""
        read = {part for each in conditions for part in walk(each.expr) if isinstance(part, Zone)}
        if read:
            names = {self._zone, *(zone.default for zone in read)}
            for attribute in {zone.attribute for zone in read if zone.attribute}:
                names |= {name for (name,) in self._rows(f"select distinct {name_text(attribute)} from subjects") if name}
            self._database.execute("delete from zones")
            self._database.executemany("insert into zones values (?, ?, ?, ?)", zone_rows(packaged_zones(), names))

    def subjects(self) -> int:
        """How many subjects there are."""
        return int(self._one("select count(*) from subjects"))

    def sizes(self, table: str = "members") -> dict[str, int]:
        """How many subjects are in each audience that has any, by the batch evaluation; with `live`, by the states."""
        return dict(self._rows(f"select audience, count(*) from {table} group by audience order by audience"))

    def examples(self, audience: str, limit: int) -> list[bytes]:
        """Some members of an audience, the first by id."""
        rows = self._rows("select subject from members where audience = ? order by subject limit ?", [audience, limit])
        return [bytes(subject) for (subject,) in rows]

    def overlap(self) -> dict[tuple[str, str], int]:
        """How many subjects are in both of two audiences, for each pair that has any, the first before the second by name."""
        query = (
            "select a.audience, b.audience, count(*) from members a join members b using (subject) where a.audience < b.audience "
            "group by all order by all"
        )
        return {(one, other): count for one, other, count in self._rows(query)}

    def differences(self, audiences: Sequence[str], limit: int) -> tuple[int, list[Difference]]:
        """How many times the live membership and the batch evaluation differ in these audiences, and the first cases."""
        query = (
            "select subject, audience, live.subject is not null as is_live, members.subject is not null as in_batch "
            "from live full join members using (subject, audience) where (live.subject is null or members.subject is null) "
            f"and audience in ({', '.join('?' * len(audiences)) or 'null'})"
        )
        found = self._rows(f"select * from ({query}) order by audience, subject limit ?", [*audiences, limit])
        total = int(self._database.execute(f"select count(*) from ({query})", list(audiences)).fetchall()[0][0])
        return total, [Difference(bytes(subject), audience, live, batch) for subject, audience, live, batch in found]

    def members(self) -> set[tuple[bytes, str]]:
        """Every subject and audience it is in, by the batch evaluation."""
        return {(bytes(subject), audience) for subject, audience in self._rows("select subject, audience from members")}

    def _subject(self, known: tuple[State, int]) -> tuple[Any, ...]:
        state, position = known
        values = (_column(kind, state.attributes.get(name)) for name, kind in self._attributes.items())
        return (state.subject, position, *values)

    def _insert(self, table: str, kinds: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            selected = ", ".join(_unnested(kind) for kind in kinds)
            self._database.execute(f"insert into {table} select {selected}", columns)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.execute(query, list(values)).fetchall()

    def _one(self, query: str) -> Any:
        return self._rows(query)[0][0]


def parquet_relation(paths: Iterable[str]) -> str:
    """The events in Parquet files as a relation; an empty one where there are no files."""
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{quoted}])" if quoted else "past"


def _pages(rows: Iterable[Any]) -> Iterator[list[Any]]:
    page: list[Any] = []
    for row in rows:
        page.append(row)
        if len(page) == ROWS_AT_ONCE:
            yield page
            page = []
    if page:
        yield page


def _entries(state: State) -> Iterator[tuple[Any, ...]]:
    """A subject's passages: those under way, and of those that are over the last one of each journey."""
    under_way = {entry.journey for entry in state.entries}
    for entry in state.entries:
        yield state.subject, entry.journey, entry.entered_us, None, not entry.step
    for journey, visit in state.visits.items():
        if journey not in under_way:
            yield state.subject, journey, visit.entered_us, visit.left_us or visit.entered_us, False


def _unnested(kind: str) -> str:
    """A column of a list of values; lists and maps come as JSON text."""
    inner = kind in (SQL_TYPES[Type.LIST], SQL_TYPES[Type.MAP])
    return f"cast(cast(unnest(cast(? as varchar[])) as json) as {kind})" if inner else f"unnest(cast(? as {kind}[]))"


def _column(kind: Type, value: Any) -> Any:
    """A kernel value as its column holds it."""
    if value is None:
        return None
    if kind in (Type.LIST, Type.MAP):
        return msgspec.json.encode(value).decode()
    if kind is Type.DATE:
        return _EPOCH + timedelta(days=value)
    return Decimal(value).scaleb(-6) if kind is Type.NUMBER else value
