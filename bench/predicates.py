"""Conditions: generated Python against functions written by hand, and printed SQL against SQL written by hand, in one run.

The references say exactly the same: same NULLs, same windows, same answers, which are compared before anything is timed.
"""

import statistics
import time
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from bench.figure import Figure
from pilotage.predicate.ir import Type
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.parse import Scope, parse
from pilotage.predicate.python import compile_functions
from pilotage.predicate.sql.select import select
from pilotage.predicate.sql.tables import zone_rows
from pilotage.profile.state import Grant, State
from pilotage.source.zones import packaged_zones

DAY_US = 86_400_000_000
NOW_US = 1_770_000_000_000_000
ZONES = packaged_zones()
SCOPE = Scope(
    attributes={"tier": Type.STRING, "country": Type.STRING, "age": Type.INTEGER, "born": Type.DATE, "timezone": Type.STRING},
    events={"order.placed": {"total": Type.NUMBER, "items": Type.INTEGER}, "app.opened": {}, "complaint.opened": {}},
    purposes={"marketing": ("email",)},
    zone="Europe/Berlin",
    zone_attribute="timezone",
)

Ask = Callable[[Any, Any, Any, int, str], bool]


def _segment(s: Any, e: Any, v: Any, now: int, t: str) -> bool:
    a = s.attributes
    age = a.get("age")
    return a.get("tier") == "gold" and a.get("country") in ("DE", "FR", "AT") and age is not None and 18 <= age <= 64


def _active(s: Any, e: Any, v: Any, now: int, t: str) -> bool:
    orders = s.features.get("order.placed")
    if not orders or bisect_right(orders, now) - bisect_right(orders, now - 30 * DAY_US) <= 2:
        return False
    complaints = s.features.get("complaint.opened")
    return not complaints or bisect_right(complaints, now) <= bisect_right(complaints, now - 14 * DAY_US)


def _asleep(s: Any, e: Any, v: Any, now: int, t: str) -> bool:
    opened = s.features.get("app.opened")
    if not opened:
        return False
    at = bisect_right(opened, now)
    if not at or now - opened[at - 1] <= 7 * DAY_US:
        return False
    own, general = s.consents.get("marketing|email"), s.consents.get("marketing|*")
    if own is None or general is None:
        word = own or general
        return word is not None and word.granted
    if own.at_us == general.at_us:
        return own.granted and general.granted
    return (own if own.at_us > general.at_us else general).granted


def _spent(key: str) -> Ask:
    def spent(s: Any, e: Any, v: Any, now: int, t: str) -> bool:
        kept = s.features.get(key)
        if not kept:
            return False
        instants, values = kept
        return sum(values[bisect_right(instants, now - 90 * DAY_US) : bisect_right(instants, now)]) >= 100_000_000

    return spent


SPENT = parse("sum('order.placed', 'total', '90d') >= 100", SCOPE)
CONDITIONS: dict[str, tuple[str, Ask]] = {
    "attributes": ("tier = 'gold' and country in ('DE', 'FR', 'AT') and age between 18 and 64", _segment),
    "windows": ("count('order.placed', '30d') > 2 and not performed('complaint.opened', '14d')", _active),
    "silence and consent": ("since_last('app.opened') > '7d' and consent('marketing', 'email')", _asleep),
    "a sum": (SPENT.text, _spent(SPENT.features[0].key)),
}


def _states(random: Random, size: int) -> list[State]:
    """Subjects of all sorts: some without what is asked for, some with much of it."""
    made = []
    for number in range(size):
        instants = {
            event: sorted(NOW_US - random.randrange(120 * DAY_US) for _ in range(random.choice((0, 2, 5, 20))))
            for event in ("order.placed", "app.opened", "complaint.opened")
        }
        orders = instants["order.placed"]
        features: dict[str, list[Any]] = {event: found for event, found in instants.items() if found}
        if orders:
            features[SPENT.features[0].key] = [orders, [random.randrange(50_000_000) for _ in orders]]
        attributes: dict[str, Any] = {"tier": random.choice(("gold", "silver")), "country": random.choice(("DE", "FR", "US"))}
        if number % 5:
            attributes["age"] = random.randrange(90)
        consents = {"marketing|email": Grant(random.random() < 0.7, NOW_US - DAY_US)} if number % 3 else {}
        made.append(State(subject=number.to_bytes(16, "big"), attributes=attributes, features=features, consents=consents))
    return made


def _seconds(ask: Ask, states: list[State]) -> float:
    begun = time.perf_counter()
    for state in states:
        ask(state, None, {}, NOW_US, "")
    return time.perf_counter() - begun


def python(size: int = 20_000, rounds: int = 15) -> list[Figure]:
    """Generated functions against functions written by hand, in turns; and what a next flip costs."""
    states = _states(Random(3), size)
    parsed = {name: parse(text, SCOPE) for name, (text, _) in CONDITIONS.items()}
    made = compile_functions({name: p.expr for name, p in parsed.items()}, conditions=True, zones=ZONES)
    ratios, times_us = {}, {}
    for name, (_, hand) in CONDITIONS.items():
        answers = [made[name](state, None, {}, NOW_US, "") for state in states]
        if answers != [hand(state, None, {}, NOW_US, "") for state in states] or len(set(answers)) < 2:
            raise AssertionError(f"the reference of {name!r} does not say the same")
        pairs = [(_seconds(made[name], states), _seconds(hand, states)) for _ in range(rounds)]
        ratios[name] = statistics.median(ours / theirs for ours, theirs in pairs)
        times_us[name] = min(ours for ours, _ in pairs) / size * 1e6
    worst = max(ratios, key=lambda name: ratios[name])
    listed = ", ".join(f"{name} {ratio:.2f} ({times_us[name]:.2f} µs)" for name, ratio in ratios.items())
    flips = compile_flips({name: p.expr for name, p in parsed.items() if p.timed}, zones=ZONES)
    flip_us = statistics.mean(_flip_seconds(flip, states) for flip in flips.values()) / size * 1e6
    return [
        Figure("condition in Python against by hand", ratios[worst], "times", 2, True, f"worst of: {listed}"),
        Figure("next flip of a condition", flip_us, "µs", bound="mean over those conditions that time changes"),
    ]


def _flip_seconds(flip: Callable[..., int], states: list[State]) -> float:
    begun = time.perf_counter()
    for state in states:
        flip(state, None, {}, NOW_US)
    return time.perf_counter() - begun


BATCH = (
    "tier = 'gold' and count('order.placed', '30d') > 1 and sum('order.placed', 'total', '90d') >= 100",
    "since_last('app.opened') > '14d' and not performed('complaint.opened', '30d') and consent('marketing', 'email')",
    "sequence('app.opened', 'order.placed', '1d', '30d')",
    "last('order.placed', 'items') >= 3 and years_between(born, today()) >= 18 and hour(now()) between 8 and 20",
)
"""The conditions that are asked of all subjects; each is timed against the query below at its place."""

_SEEN = f"received_us <= {NOW_US} and occurred_us <= {NOW_US}"
BY_HAND = (
    f"""
with orders as (
  select subject, count(*) filter (where occurred_us > {NOW_US - 30 * DAY_US}) as n,
    sum(cast(data ->> '$.total' as decimal(19, 6))) as total
  from events where type = 'order.placed' and {_SEEN} and occurred_us > {NOW_US - 90 * DAY_US} group by subject
)
select s.subject, tier = 'gold' and coalesce(n, 0) > 1 and total >= 100 from subjects s left join orders o on o.subject = s.subject""",
    f"""
with opened as (select subject, max(occurred_us) as last_us from events where type = 'app.opened' and {_SEEN} group by subject),
complaints as (
  select subject, count(*) as n from events
  where type = 'complaint.opened' and {_SEEN} and occurred_us > {NOW_US - 30 * DAY_US} group by subject
),
words as (
  select subject,
    arg_max(granted, row(at_us, position)) filter (where channel = 'email') as own, max(at_us) filter (where channel = 'email') as own_at,
    arg_max(granted, row(at_us, position)) filter (where channel = '*') as every, max(at_us) filter (where channel = '*') as every_at
  from consents where purpose = 'marketing' and at_us <= {NOW_US} group by subject
)
select s.subject, {NOW_US} - last_us > {14 * DAY_US} and coalesce(n, 0) = 0 and case
    when own_at is null then coalesce(every, false) when every_at is null then own
    when own_at > every_at then own when own_at < every_at then every else own and every end
from subjects s left join opened o on o.subject = s.subject left join complaints c on c.subject = s.subject
left join words w on w.subject = s.subject""",
    f"""
with pairs as (
  select subject, type = 'order.placed' as ordered, occurred_us - max(case when type = 'app.opened' then occurred_us end)
    over (partition by subject order by occurred_us range between unbounded preceding and 1 preceding) as apart
  from events where type in ('app.opened', 'order.placed') and {_SEEN} and occurred_us > {NOW_US - 30 * DAY_US}
),
hits as (select subject, bool_or(ordered and apart <= {DAY_US}) as hit from pairs group by subject)
select s.subject, coalesce(hit, false) from subjects s left join hits h on h.subject = s.subject""",
    f"""
with orders as (
  select subject,
    arg_max(cast(data ->> '$.items' as bigint), row(occurred_us, position)) filter (where data ->> '$.items' is not null) as items
  from events where type = 'order.placed' and {_SEEN} group by subject
),
wall as (select zone, {NOW_US} + offsets[len(list_filter(starts, lambda us: us <= {NOW_US}))] as us from zones),
local as (
  select subject, tier, born, make_timestamp(coalesce(w.us, (select us from wall where zone = 'Europe/Berlin'))) as clock
  from subjects s left join wall w on w.zone = s.timezone
)
select l.subject, items >= 3
  and year(clock) - year(born) - cast(month(clock) * 100 + day(clock) < month(born) * 100 + day(born) as integer) >= 18
  and hour(clock) between 8 and 20
from local l left join orders o on o.subject = l.subject""",
)


def batch(folder: Path, subjects: int, rounds: int = 5) -> list[Figure]:
    """Printed SQL against the same by hand, over subjects with four events each, in turns."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        _fill(connection, subjects)
        ratios, seconds = [], []
        for text, hand in zip(BATCH, BY_HAND, strict=True):
            printed = select({"it": parse(text, SCOPE)}, NOW_US)
            count = f"select it, count(*) from ({printed}) group by 1 order by 1"
            answers = connection.execute(count).fetchall()
            by_hand = f"select it, count(*) from ({hand}) as t(subject, it) group by 1 order by 1"
            if answers != connection.execute(by_hand).fetchall() or len(answers) < 2:
                raise AssertionError(f"the reference of {text!r} does not say the same")
            pairs = [(_query_s(connection, count), _query_s(connection, by_hand)) for _ in range(rounds)]
            ratios.append(statistics.median(ours / theirs for ours, theirs in pairs))
            seconds.append(min(ours for ours, _ in pairs))
    listed = ", ".join(f"{ratio:.2f} ({took:.2f} s)" for ratio, took in zip(ratios, seconds, strict=True))
    bound = f"worst of {len(BATCH)} conditions about {subjects:,} subjects in DuckDB: {listed}"
    return [Figure("condition in SQL against by hand", max(ratios), "times", 1.5, True, bound)]


def _query_s(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    begun = time.perf_counter()
    connection.execute(query).fetchall()
    return time.perf_counter() - begun


def _fill(connection: duckdb.DuckDBPyConnection, subjects: int) -> None:
    """Tables of subjects with four events each, made by DuckDB itself."""
    connection.execute(
        f"""create table subjects as select cast(range as varchar) as subject,
        case when range % 3 = 0 then 'gold' else 'silver' end as tier, 'DE' as country, range % 90 as age,
        date '1950-01-01' + cast(hash(range) % 25000 as integer) as born,
        case range % 4 when 0 then 'America/New_York' when 1 then 'Asia/Tokyo' end as timezone from range({subjects})"""
    )
    connection.execute(
        f"""create table events as select cast(hash(range) % {subjects} as varchar) as subject,
        case range % 4 when 0 then 'order.placed' when 3 then 'complaint.opened' else 'app.opened' end as type,
        {NOW_US} - cast(hash(range + 1) % (100 * {DAY_US}) as bigint) as occurred_us,
        {NOW_US} - cast(hash(range + 1) % (100 * {DAY_US}) as bigint) as received_us, range as position,
        '{{"total": ' || (range % 300) || '.25, "items": ' || (range % 7) || '}}' as data from range({4 * subjects})"""
    )
    connection.execute(
        f"""create table consents as select cast(range as varchar) as subject, 'marketing' as purpose,
        case range % 3 when 0 then '*' else 'email' end as channel, range % 5 > 0 as granted,
        {NOW_US - DAY_US} as at_us, range as position from range({subjects})"""
    )
    connection.execute("create table zones (zone varchar, starts bigint[], offsets bigint[], walls bigint[])")
    names = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
    connection.executemany("insert into zones values (?, ?, ?, ?)", zone_rows(ZONES, names))
