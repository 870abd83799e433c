"""The raw files in DuckDB, and what sixty audiences come to by SQL alone: who is in at an instant, and every stay.

Nothing of what is kept live is used. When a condition changes is found by asking it at every instant at which it could: each
event it reads, and each of its durations after one. A question at many instants becomes a question at one: the events that a
subject had by then are moved so far that the instant falls on a fixed one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Aggregate, Count, Literal, Performed, Predicate, Type
from pilotage.predicate.ir import Sequence as Followed
from pilotage.predicate.sql.select import select
from pilotage.predicate.sql.tables import Tables, zone_rows
from tests.audience.sixty import ZONES

FIXED_US = 4_000_000_000_000_000
"""The instant that every question is moved to."""

FOREVER_US = 36_500 * 86_400_000_000
Stay = tuple[str, str, int, int | None]
"""A subject, an audience, when it was entered and left (None: not)."""

_ECOM = """
create table events as
select user_id as subject, event as type, at_us as occurred_us, at_us as received_us, row as position, platform, channel, lifecycle,
  json_object('session', session_id, 'platform', platform, 'channel', channel, 'lifecycle', lifecycle)::varchar as data
from (select *, epoch_us(timestamp) as at_us, acquisition_channel as channel, user_lifecycle as lifecycle, row_number() over () as row
  from read_csv('{path}', header = true)) where hash(user_id) % {of} = 0
"""
_CDNOW = """
create table events as
select words[1] as subject, 'order.placed' as type, at_us as occurred_us, at_us as received_us, row as position,
  json_object('items', words[3]::bigint, 'total', words[4]::decimal(12, 2))::varchar as data
from (select words, row, epoch_us(strptime(words[2], '%Y%m%d')) as at_us
  from (select string_split_regex(trim(line), '\\s+') as words, row_number() over () as row
    from read_csv('{path}', header = true, columns = {{'line': 'varchar'}}, delim = '\\t', quote = '')))
where hash(words[1]) % {of} = 0
"""


class Raw:
    """One raw file, or one of so many customers of it, as the tables that conditions read."""

    def __init__(self, path: Path, attributes: Sequence[str], of: int) -> None:
        self.attributes = list(attributes)
        self.database = duckdb.connect(config={"threads": 1, "preserve_insertion_order": True})
        self.database.execute((_ECOM if attributes else _CDNOW).format(path=path, of=of))
        latest = "".join(f", arg_max({name}, position) as {name}" for name in attributes)
        self.database.execute(f"create table known as select subject, occurred_us{latest} from events group by all")
        self.database.execute("create table zones (zone varchar, starts bigint[], offsets bigint[], walls bigint[])")
        self.database.executemany("insert into zones values (?, ?, ?, ?)", zone_rows(ZONES, ("UTC",)))
        self.first_us, self.last_us = self.database.execute("select min(occurred_us), max(occurred_us) from events").fetchall()[0]

    def histories(self) -> list[tuple[str, str, int, int, str]]:
        """Every event as (subject, type, instant, row, data as JSON text), in order of time and then of rows."""
        query = "select subject, type, occurred_us, position, data from events order by occurred_us, position"
        return self.database.execute(query).fetchall()

    def members(self, conditions: Mapping[str, Predicate], now_us: int) -> set[tuple[str, str]]:
        """Who is in which audience at an instant."""
        latest = "".join(f", arg_max({name}, occurred_us) as {name}" for name in self.attributes)
        subjects = f"(select subject{latest} from known where occurred_us <= {now_us} group by subject)"
        rows = self.database.execute(select(conditions, now_us, tables=Tables(subjects=subjects))).fetchall()
        return {(row[0], name) for row in rows for name, truth in zip(conditions, row[1:], strict=True) if truth}

    def stays(self, name: str, condition: Predicate, until_us: int) -> list[Stay]:
        """Every stay in an audience whose condition does not read the clock, up to an instant."""
        types = ", ".join(f"'{event}'" for event in condition.events)
        chosen = "true" if condition.attributes else f"type in ({types})" if types else "false"
        offsets = ", ".join(f"({offset})" for offset in sorted(_offsets(condition)))
        known = "".join(f", {name}" for name in self.attributes)
        self.database.execute(
            "create or replace temp table questions as select row_number() over () as number, * from ("
            f"select distinct subject, occurred_us + offset_us as at_us from (select * from events where {chosen}) "
            f"cross join (values {offsets}) as offsets(offset_us) union select subject, min(occurred_us) from events group by subject) "
            f"where at_us <= {until_us}"
        )
        self.database.execute(
            f"create or replace temp view asked as select number as subject{known} from questions "
            "asof left join known on questions.subject = known.subject and questions.at_us >= known.occurred_us"
        )
        moved = f"occurred_us - at_us + {FIXED_US}"
        self.database.execute(
            f"create or replace temp view moved as select number as subject, type, {moved} as occurred_us, {moved} as received_us, "
            "position, data from questions join events using (subject) where occurred_us <= at_us"
        )
        answered = select({"it": condition}, FIXED_US, tables=Tables(subjects="asked", events="moved"))
        self.database.execute(f"create or replace temp table answered as {answered}")
        rows = self.database.execute(
            "select subject, at_us, inside from (select questions.subject as subject, at_us, coalesce(it, false) as inside, "
            "lag(coalesce(it, false), 1, false) over (partition by questions.subject order by at_us) as before "
            "from answered join questions on answered.subject = number) where inside <> before order by subject, at_us"
        ).fetchall()
        return _paired(name, rows)


def _paired(name: str, changes: list[tuple[str, int, bool]]) -> list[Stay]:
    """Stays of changes in order: an entry, and the exit that follows it."""
    found: list[Stay] = []
    for subject, at_us, inside in changes:
        if inside:
            found.append((subject, name, at_us, None))
        else:
            entered = found.pop()
            assert entered[0] == subject
            found.append((subject, name, entered[2], at_us))
    return found


def _offsets(condition: Predicate) -> set[int]:
    """How long after an event the condition can change by time alone: when the event leaves a window, and when a silence is as
    long as it is compared with, or just longer."""
    found = {0}
    for part in walk(condition.expr):
        if isinstance(part, Count | Performed | Aggregate | Followed) and 0 < part.window_us < FOREVER_US:
            found.add(part.window_us)
        elif isinstance(part, Literal) and part.type is Type.INTERVAL and isinstance(part.value, int):
            found |= {part.value, part.value + 1}
    return found
