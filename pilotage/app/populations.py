"""Whom a rehearsal is about: the recorded history of a data folder, a file of history, or the demo world, cut into parts.

Persons and the accounts that they belong to run together; who belongs to whom is read from the events before anything runs. Of a
history nothing is copied: every process reads the Parquet files where they lie.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from pilotage.app.exits import NO_INPUT, USAGE, Trouble
from pilotage.app.past import keeper_of
from pilotage.contract.builtin import ACCOUNT_JOINED, CUSTOMER_GROUPED
from pilotage.event.digest import PARTITIONS, digest, partition_of
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.profile.identity import Unidentified, account_of, account_subject, resolve
from pilotage.runner.folder import read_secret
from pilotage.runner.history.parts import EVENTS
from pilotage.runner.history.reader import History, Selection
from pilotage.runner.seen import event_hash
from pilotage.simulate.reactions import Counts, Habits, TaskHabit, measured
from pilotage.simulate.rehearsal import Group, HistoryPart, Part, SpoolPart, WorldPart, spool
from pilotage.simulate.residents import Residents
from pilotage.source.file import read_history
from pilotage.source.intake import Intake
from pilotage.source.mapping import read_mapping

EVENTS_IN_PART = 40_000
CUSTOMERS_IN_PART = 200
CUSTOMERS = 500
WORLD_DAYS = 28
START_US = parse_instant_us("2026-03-02T00:00:00Z")
"""When the demo world begins."""

SECRET = b"a rehearsal"
"""What subject ids are made with where there is no data folder."""

SAMPLE_ALL = 1 << 32


class Population(msgspec.Struct):
    """Parts, and what they rest on. `events` says in words whom it is about, and names it: equal words, equal events. `files` are those of
    history by shard, `spool` is where parts lie that were put into files. `begins_us` and `until_us` are what it spans, `total` how many
    events, or customers of the world, it has. `assumptions` are what is to be known of it."""

    parts: tuple[Part, ...]
    events: str
    begins_us: int
    until_us: int
    total: int
    secret: bytes = SECRET
    habits: Habits = Habits()
    files: dict[int, list[Path]] = {}
    assumptions: list[str] = []
    spool: Path | None = None
    sample: int = SAMPLE_ALL


REACTING = (
    "what is recorded of opening, clicking and complaining is left out, and drawn anew by the rates stated, by a hash of seed and message",
    "what customers bought, visited and agreed to is as it is recorded, whatever they are sent; withdrawals made by a link stay",
    "conversions are clicks followed by the goal at the rate stated; they are counted, and nothing follows from them",
)
USUAL = (
    "every version is taken to have been in force since the events begin",
    "calls are answered at once and without fields; tasks are done as they were so far, else within 40 hours, each outcome as likely, "
    "and one in ten never",
)

LACKING = ("the oldest history is not kept any more: what was known of customers before it begins is left out",)


def world_population(seed: int, customers: int, until_us: int) -> Population:
    """Customers of the demo world of a seed, up to an instant (0: for four weeks)."""
    if customers < 1:
        raise Trouble(f"--subjects {customers}: a world has at least one customer", USAGE)
    step = CUSTOMERS_IN_PART // Residents.BLOCK * Residents.BLOCK
    firsts = range(0, customers, step)
    parts = tuple(WorldPart(seed, first, min(first + step, customers) - 1, START_US) for first in firsts)
    return Population(
        parts,
        f"demo world {seed}, {customers} customers",
        START_US,
        until_us or START_US + WORLD_DAYS * DAY_US,
        customers,
        assumptions=["customers react by themselves, each version in a world of its own; all of it is synthetic", *USUAL],
    )


@contextlib.contextmanager
def history_population(folder: Path, until_us: int, subjects: int, share: float, *, accounts: bool) -> Iterator[Population]:
    """What a data folder's history holds up to an instant (0: all of it), or a share of its subjects, or about so many (0: all).
    `Trouble` where there is none. The folder is not held once it is listed."""
    secret = read_secret(folder) if (folder / "environment.json").exists() else b""
    with keeper_of(folder) as keeper:
        history = History(folder, keeper.extents(), keeper.tail)
    with history:
        least, most, total, people = history.ask(
            "select min(received_us), max(received_us), count(*), count(distinct subject) from events"
        ).rows[0]
        if not total:
            raise Trouble(f"there are no events in {folder}", NO_INPUT, "name a folder with a history, a file of events, or --world")
        until_us = until_us or int(most)
        groups = _households(_members(history, until_us), secret) if accounts else ()
        chosen = min(1.0, subjects / people) if subjects else share
        reach = ",".join(f"{extent.after}-{extent.durable}" for extent in history.extents)
        yield Population(
            _history_parts(int(total), groups),
            f"history of {people} subjects, {total} events, extent {digest(reach)[:8]}",
            int(least),
            until_us,
            int(total),
            secret,
            _habits(history),
            history.by_shard(EVENTS),
            [*REACTING, *USUAL, *(LACKING if any(extent.after for extent in history.extents) else ())],
            sample=max(1, min(SAMPLE_ALL, int(chosen * SAMPLE_ALL))),
        )


def file_population(file: Path, mapping: Path, intake: Intake, until_us: int, folder: Path) -> Population:
    """The events of a file, read by a mapping as `replay` does and put into `folder` part by part."""
    for path in (file, mapping):
        if not path.is_file():
            raise Trouble(f"there is no file {path}", NO_INPUT)
    events = [
        each for each in read_history(file, read_mapping(mapping.read_text("utf-8"), str(mapping)), intake) if isinstance(each, Event)
    ]
    events = [each for each in events if not until_us or each.occurred_us <= until_us]
    if not events:
        raise Trouble(f"no event of {file} can be read", NO_INPUT, "'pilotage replay' says what is wrong with each row")
    passages, joined = _resolved(events)
    home: dict[bytes, int] = {}
    groups: list[tuple[bytes, ...]] = list(_households(joined, SECRET))
    for number, group in enumerate(groups):
        home.update(dict.fromkeys(group, number))
    lives: dict[int, list[tuple[int, bytes, Event]]] = {}
    for passage in passages:
        if passage[1] not in home:
            home[passage[1]] = len(groups)
            groups.append((passage[1],))
        lives.setdefault(home[passage[1]], []).append(passage)
    folder.mkdir(parents=True, exist_ok=True)
    ordered = [(groups[number], lives[number]) for number in sorted(lives, key=lambda number: (partition_of(min(groups[number])), number))]
    parts = tuple(_spooled(ordered, folder))
    told = f"{file.name}: {len(lives)} groups of subjects, {len(events)} events"
    last_us = until_us or events[-1].occurred_us
    assumptions = [*REACTING, *USUAL]
    return Population(parts, told, events[0].occurred_us, last_us, len(events), assumptions=assumptions, spool=folder)


def _spooled(groups: list[Group], folder: Path) -> Iterator[SpoolPart]:
    batch: list[Group] = []
    for place, group in enumerate(groups):
        batch.append(group)
        if sum(len(passages) for _, passages in batch) >= EVENTS_IN_PART or place == len(groups) - 1:
            yield spool(folder / f"events-{place}.msgpack", batch)
            batch = []


def _resolved(events: Iterable[Event]) -> tuple[list[tuple[int, bytes, Event]], list[tuple[bytes, str]]]:
    """Events with their subjects, each once, and who belongs to which account."""
    links: dict[bytes, bytes] = {}
    seen: set[bytes] = set()
    passages, joined = [], []
    for event in events:
        hashed = event_hash(event)
        if hashed in seen:
            continue
        seen.add(hashed)
        try:
            resolution = resolve(SECRET, event, links.get)
        except Unidentified:
            continue
        links.update(resolution.links)
        passages.append((event.occurred_us, resolution.subject, event))
        account = _joins(event)
        if account:
            joined.append((resolution.subject, account))
    return passages, joined


def _members(history: History, until_us: int) -> Iterator[tuple[bytes, str]]:
    for past in history.events(Selection(until_us=until_us + 1, names=(ACCOUNT_JOINED, CUSTOMER_GROUPED))):
        account = _joins(past.event)
        if account:
            yield past.subject, account


def _joins(event: Event) -> str:
    """The account that an event has a person join, or nothing."""
    if event.type not in (ACCOUNT_JOINED, CUSTOMER_GROUPED) or account_of(event):
        return ""
    said = msgspec.json.decode(event.data)
    return str(said.get("account" if event.type == ACCOUNT_JOINED else "group_id") or "")


def _households(joined: Iterable[tuple[bytes, str]], secret: bytes) -> Iterator[tuple[bytes, ...]]:
    """Persons and accounts in groups that nothing connects, each sorted, in order of their first member."""
    above: dict[bytes, bytes] = {}

    def top(subject: bytes) -> bytes:
        while above.setdefault(subject, subject) != subject:
            above[subject] = above[above[subject]]
            subject = above[subject]
        return subject

    for person, account in joined:
        one, other = top(person), top(account_subject(secret, account))
        above[max(one, other)] = min(one, other)
    groups: dict[bytes, list[bytes]] = {}
    for subject in above:
        groups.setdefault(top(subject), []).append(subject)
    yield from sorted(tuple(sorted(group)) for group in groups.values())


def _history_parts(total: int, groups: Iterable[tuple[bytes, ...]]) -> tuple[Part, ...]:
    """Equal ranges of partitions, and beside each the groups whose first member lies there."""
    count = 8
    while count < PARTITIONS and total / count > EVENTS_IN_PART:
        count *= 2
    step = PARTITIONS // count
    homes: dict[int, list[tuple[bytes, ...]]] = {}
    apart: dict[int, list[bytes]] = {}
    for group in groups:
        homes.setdefault(partition_of(group[0]) // step, []).append(group)
        for subject in group:
            apart.setdefault(partition_of(subject) // step, []).append(subject)
    alone = [HistoryPart(first, first + step - 1, tuple(sorted(apart.get(first // step, ())))) for first in range(0, PARTITIONS, step)]
    together = [HistoryPart(home * step, home * step + step - 1, (), tuple(found)) for home, found in sorted(homes.items())]
    return (*alone, *together)


_SENT = "select effect, entry, journey || '/' || step as step, reason as channel, received_us from decisions where verb = 'sent'"
_FATES = (
    "select json_extract_string(data, '$.effect') as effect, type, min(received_us) as at from events "
    "where type like 'message.%' group by all"
)
_RATES = f"""
with sent as ({_SENT}), fates as ({_FATES}),
goals as (select entry, min(received_us) as at from decisions where verb = 'goal' group by entry),
wide as (
  select s.channel, s.step, s.effect,
    bool_or(f.type = 'message.sent') as handed, bool_or(f.type = 'message.delivered' or f.type = 'message.opened') as delivered,
    bool_or(f.type = 'message.bounced') as bounced, bool_or(f.type = 'message.opened') as opened,
    bool_or(f.type = 'message.clicked') as clicked, bool_or(f.type = 'message.complained') as complained,
    bool_or(f.type = 'message.clicked' and g.at >= f.at) as converted
  from sent s join fates f on lower(hex(s.effect)) = f.effect left join goals g on s.entry = g.entry group by all
)
select channel, step, count(*) filter (handed), count(*) filter (delivered), count(*) filter (opened), count(*) filter (clicked),
  count(*) filter (complained), count(*) filter (converted), count(*) filter (bounced)
from wide group by channel, step order by channel, step
"""
_DONE = """
with done as (select json_extract_string(data, '$.effect') as effect, json_extract_string(data, '$.outcome') as outcome, received_us
  from events where type = 'task.completed')
select d.journey || '/' || d.step as step, e.outcome, count(*), avg(e.received_us - d.received_us) / 3.6e9
from decisions d join done e on lower(hex(d.effect)) = e.effect where d.verb = 'opened' group by all order by all
"""


def _habits(history: History) -> Habits:
    """The rates that a history's receipts show. A channel of which no receipt tells whether messages arrive is taken to deliver what it
    takes."""
    counts: dict[tuple[str, str], Counts] = {}
    rows = history.ask(_RATES).rows
    reporting = {row[0] for row in rows if row[3] or row[8]}
    for channel, step, handed, delivered, opened, clicked, complained, converted, _ in rows:
        arrived = delivered if channel in reporting else handed
        counts[channel, step] = (handed, max(arrived, opened), max(opened, clicked), clicked, complained, converted)
    outcomes: dict[str, dict[str, int]] = {}
    hours: dict[str, float] = {}
    for step, outcome, count, took in history.ask(_DONE).rows:
        before = sum(outcomes.get(step, {}).values())
        outcomes.setdefault(step, {})[outcome] = count
        hours[step] = round((hours.get(step, 0.0) * before + took * count) / (before + count), 6)
    return measured(counts, _task_habits(outcomes, hours))


def _task_habits(outcomes: Mapping[str, dict[str, int]], hours: Mapping[str, float]) -> dict[str, TaskHabit]:
    return {step: TaskHabit(found, hours[step]) for step, found in outcomes.items()}
