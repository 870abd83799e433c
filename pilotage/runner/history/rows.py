"""The rows of history, and how log records become columns of them.

An event's row is the record it came in; a wake-up has none. Each decision has a row of its own. `key_id` names the key that
personal fields are encrypted with: 0, the only one until there are keys, is plaintext. Columns rather than rows are made, since
they are what is written, and since a loop per column costs a fraction of one per row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from pilotage.event.digest import partition_of
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Decision
from pilotage.profile.identity import ACCOUNT_ID, PERSONS, account_named
from pilotage.runner.history.parts import DECISIONS, EVENTS
from pilotage.runner.log import Record, Segment

Kind = Literal["bytes", "text", "utf8", "texts", "u8", "u16", "u32", "i64"]
"""What a column holds: `text` comes as str, `utf8` as bytes of text, `texts` as a list of str."""

COLUMNS: Mapping[str, tuple[tuple[str, Kind], ...]] = {
    EVENTS: (
        ("subject", "bytes"),
        ("partition", "u16"),
        ("position", "i64"),
        ("received_us", "i64"),
        ("occurred_us", "i64"),
        ("type", "text"),
        ("source", "text"),
        ("id", "text"),
        ("data", "utf8"),
        ("identifiers", "utf8"),
        ("traceparent", "text"),
        ("plan", "text"),
        ("key_id", "u32"),
    ),
    DECISIONS: (
        ("subject", "bytes"),
        ("partition", "u16"),
        ("position", "i64"),
        ("number", "u16"),
        ("received_us", "i64"),
        ("at_us", "i64"),
        ("journey", "text"),
        ("version", "text"),
        ("entry", "bytes"),
        ("step", "text"),
        ("verb", "text"),
        ("reason", "text"),
        ("rule", "text"),
        ("inputs", "utf8"),
        ("lost", "texts"),
        ("effect", "bytes"),
        ("plan", "text"),
        ("key_id", "u32"),
    ),
}
"""The columns of each table in order. A name or kind is never changed; a new column is added at the end."""


class Taken(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record as the log has it, with its subject's partition, its position and the plan it was advanced under."""

    partition: int
    position: int
    record: Record
    decisions: list[Decision]
    plan: str


class PastEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event of history: whose it is, where it stands in its shard's log, and when it was received."""

    subject: bytes
    partition: int
    position: int
    received_us: int
    event: Event


class PastDecision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A decision of history: the `number`-th of the record at a position. `inputs` is JSON text."""

    subject: bytes
    partition: int
    position: int
    number: int
    received_us: int
    at_us: int
    journey: str
    version: str
    entry: bytes
    step: str
    verb: str
    reason: str
    rule: str
    inputs: str
    lost: list[str]
    effect: bytes
    plan: str


_json = msgspec.json.Encoder(enc_hook=repr, decimal_format="string")
_identifiers = msgspec.json.Decoder(dict[str, str])
NAMES_ACCOUNT = " and ".join(
    (
        f'identifiers like \'%"{ACCOUNT_ID}":"%\' and identifiers not like \'%"{ACCOUNT_ID}":""%\'',
        *(f'(identifiers not like \'%"{kind}":%\' or identifiers like \'%"{kind}":""%\')' for kind in PERSONS),
    )
)
"""Whether an event's identifiers name an account and no person, as SQL over the text in which they are stored."""


class Taker:
    """Takes records out of segments. Of the subjects it has met the partitions are known; hashing costs as much as ten columns."""

    def __init__(self) -> None:
        self._partitions: dict[bytes, int] = {}

    def taken(self, segment: Segment, after: int = 0, until: int = 2**63) -> list[Taken]:
        """The records of a segment at positions above `after`, up to `until`."""
        known = self._partitions
        for record in segment.records:
            if record.subject not in known:
                known[record.subject] = partition_of(record.subject)
        rows = zip(range(segment.first, segment.last + 1), segment.records, segment.decisions, strict=True)
        plan = segment.plan
        return [
            Taken(known[record.subject], position, record, decisions, plan)
            for position, record, decisions in rows
            if after < position <= until
        ]


def columns_of(table: str, taken: Sequence[Taken]) -> Iterator[Sequence[Any]]:
    """The columns of a table's rows for some records, one by one as `COLUMNS` lists them."""
    return _COLUMNS_OF[table](taken)


def _event_columns(taken: Sequence[Taken]) -> Iterator[Sequence[Any]]:
    rows = [(each, each.record.event) for each in taken if each.record.event is not None]
    events = [event for _, event in rows]
    yield [each.record.subject for each, _ in rows]
    yield [each.partition for each, _ in rows]
    yield [each.position for each, _ in rows]
    yield [each.record.received_us for each, _ in rows]
    yield [event.occurred_us for event in events]
    yield [event.type for event in events]
    yield [event.source for event in events]
    yield [event.id for event in events]
    yield [event.data for event in events]
    yield [_json.encode(event.identifiers) for event in events]
    yield [event.traceparent for event in events]
    yield [each.plan for each, _ in rows]
    yield [0] * len(rows)


def _decision_columns(taken: Sequence[Taken]) -> Iterator[Sequence[Any]]:
    rows = [(each, number, decision) for each in taken for number, decision in enumerate(each.decisions)]
    decisions = [decision for _, _, decision in rows]
    yield [each.record.subject for each, _, _ in rows]
    yield [each.partition for each, _, _ in rows]
    yield [each.position for each, _, _ in rows]
    yield [number for _, number, _ in rows]
    yield [each.record.received_us for each, _, _ in rows]
    yield [decision.at_us for decision in decisions]
    yield [decision.journey for decision in decisions]
    yield [decision.version for decision in decisions]
    yield [decision.entry for decision in decisions]
    yield [decision.step for decision in decisions]
    yield [decision.verb for decision in decisions]
    yield [decision.reason for decision in decisions]
    yield [decision.rule for decision in decisions]
    yield [_json.encode(decision.inputs) for decision in decisions]
    yield [decision.lost for decision in decisions]
    yield [decision.effect for decision in decisions]
    yield [each.plan for each, _, _ in rows]
    yield [0] * len(rows)


_COLUMNS_OF: Mapping[str, Callable[[Sequence[Taken]], Iterator[Sequence[Any]]]] = {EVENTS: _event_columns, DECISIONS: _decision_columns}

EVENT_FIELDS = (
    "subject, partition, position, received_us, id, source, type, occurred_us, data, identifiers, traceparent"  # as `past_events` reads
)
DECISION_FIELDS = ", ".join(PastDecision.__struct_fields__)


def account_named_in(identifiers: str) -> str:
    """The account that identifiers name, as they are stored."""
    return account_named(_identifiers.decode(identifiers))


def past_events(rows: Sequence[tuple[Any, ...]]) -> list[PastEvent]:
    """The events of rows with the columns `EVENT_FIELDS`."""
    decode = _identifiers.decode
    return [
        PastEvent(subject, partition, position, received, Event(name, source, kind, occurred, data.encode(), decode(identifiers), trace))
        for subject, partition, position, received, name, source, kind, occurred, data, identifiers, trace in rows
    ]


def past_decisions(rows: Sequence[tuple[Any, ...]]) -> list[PastDecision]:
    """The decisions of rows with the columns `DECISION_FIELDS`."""
    return [PastDecision(*row) for row in rows]
