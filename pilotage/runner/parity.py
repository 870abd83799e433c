"""Parity: what a log says was decided, decided again by the kernel at hand, and compared byte for byte.

Each record whose subject's whole story is in the log is advanced once more, under the plan that its segment names, from the state that
the records before it led to. Its decisions must be those logged; the actions, parcels and states that are still stored must be
those it makes. A subject whose story begins before the log does is passed over and counted: from what it went on is not known.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from pilotage.event.digest import canonical, partition_of
from pilotage.event.envelope import wake_event
from pilotage.journey.outcome import Outcome
from pilotage.profile.state import State, decode_state, encode_state
from pilotage.runner.arrival import Advance
from pilotage.runner.layout import body_of, position_of, state_range, subject_of, unpack_state
from pilotage.runner.log import Record, Segment, last_segment, segments_from
from pilotage.runner.outbox import ACTION, decode_row, partition_range, split_key
from pilotage.runner.parcels import sequence_of
from pilotage.runner.store import Store
from pilotage.runner.unlike import Unlike, first_difference

SUBJECTS_AT_ONCE = 100_000
"""How many subjects' states are held at most; of a shard with more the log is gone through several times."""

FAULTS_KEPT = 10
PARTITIONS_OF_SHARD = 128


class Fault(msgspec.Struct, frozen=True):
    """A record that does not come out as it did: where it is, whose, what it was about, and the first field that differs."""

    shard: int
    position: int
    subject: str
    received_us: int
    event: str
    plan: str
    field: str
    expected: str
    found: str


class ShardParity(msgspec.Struct):
    """What one shard's log came to. `identical` of the `records` came out byte for byte, `different` did not; `after` follow one of
    these in its subject's story and were not tried; `before` are of subjects whose story begins before the log. `decisions`,
    `actions`, `parcels` and `states` are how many were compared. `faults` are the first few, in order."""

    shard: int
    records: int = 0
    identical: int = 0
    different: int = 0
    after: int = 0
    before: int = 0
    subjects: int = 0
    subjects_before: int = 0
    decisions: int = 0
    actions: int = 0
    parcels: int = 0
    states: int = 0
    faults: list[Fault] = []


class Known(msgspec.Struct):
    """A subject on its way through the log: the position it is at, its state and its wake-up."""

    position: int
    state: State
    wake_us: int = 0


class Stored(msgspec.Struct, frozen=True):
    """What a shard's tables still have of some partitions: states by subject, and what actions and parcels were made."""

    states: dict[bytes, tuple[int, int, bytes]]
    actions: dict[bytes, bytes]
    parcels: dict[int, bytes]


def records_of(store: Store) -> int:
    """How many records a log has, for showing progress."""
    first = next((position_of(key) for key, _ in store.scan("log")), 0)
    last = last_segment(store)
    return last.last - first + 1 if last is not None else 0


def passes_of(store: Store, shard: int, at_once: int = SUBJECTS_AT_ONCE) -> list[range]:
    """The partitions to go through together, so that no more than so many subjects are held."""
    known = sum(1 for _ in store.scan("state"))
    groups = min(PARTITIONS_OF_SHARD, max(1, -(-known // at_once)))
    each = -(-PARTITIONS_OF_SHARD // groups)
    first = shard * PARTITIONS_OF_SHARD
    return [range(begin, min(begin + each, first + PARTITIONS_OF_SHARD)) for begin in range(first, first + PARTITIONS_OF_SHARD, each)]


class Verifier:
    """Goes through one shard's log. `programs` finds the program of the plan of a name; `on_records` hears how many records were gone
    through since the last time."""

    def __init__(
        self,
        shard: int,
        store: Store,
        programs: Callable[[str], Any],
        advance: Advance,
        on_records: Callable[[int], None] = lambda records: None,
        at_once: int = SUBJECTS_AT_ONCE,
    ) -> None:
        self.found = ShardParity(shard)
        self._store = store
        self._programs = programs
        self._advance = advance
        self._on_records = on_records
        self._at_once = at_once
        self._first = 0
        self._stamp_us = 0
        self._known: dict[bytes, Known | None] = {}
        self._lost: set[bytes] = set()
        self._stored = Stored({}, {}, {})

    def run(self) -> ShardParity:
        """Go through the log, and say what it came to. Raises `LogBroken`, `UnreadableValue`, `PlanMissing` as they say."""
        passes = passes_of(self._store, self.found.shard, self._at_once)
        for partitions in passes:
            self._known, self._lost, self._first, self._stamp_us = {}, set(), 0, 0
            self._stored = _stored(self._store, partitions)
            whole = len(passes) == 1
            for segment in segments_from(self._store, 1, trimmed=True):
                self._first = self._first or segment.first
                self._segment(segment, None if whole else partitions)
                self._on_records(len(segment.records))
            self._leftover()
            self.found.subjects += len(self._known)
        return self.found

    def _segment(self, segment: Segment, partitions: range | None) -> None:
        program = self._programs(segment.plan)
        rows = zip(range(segment.first, segment.last + 1), segment.records, segment.decisions, strict=True)
        for position, record, logged in rows:
            if partitions is not None and partition_of(record.subject) not in partitions:
                continue
            self.found.records += 1
            unlike = self._again(program, position, record, logged)
            self._stamp_us = max(self._stamp_us, record.received_us)
            if unlike is not None:
                self._note(position, record, segment.plan, unlike)

    def _again(self, program: Any, position: int, record: Record, logged: list[Any]) -> Unlike | None:
        """Advance one record once more; the first thing about it that is not as it was."""
        subject, found = record.subject, self.found
        if subject in self._lost:
            found.after += 1
            return None
        if subject not in self._known:
            begins_before = 0 < record.previous < self._first
            found.subjects_before += begins_before
            self._known[subject] = None if begins_before else Known(0, State(subject))
        known = self._known[subject]
        if known is None:
            found.before += 1
            return None
        if record.previous != known.position:
            return Unlike("order: the subject's previous position", str(record.previous), str(known.position))
        if record.received_us < self._stamp_us:
            return Unlike("order: received", f"not before {self._stamp_us}", str(record.received_us))
        event = wake_event(record.received_us) if record.event is None else record.event
        try:
            outcome = self._advance(program, known.state, event, record.received_us)
        except Exception as refusal:  # noqa: BLE001  # whatever the kernel makes of it now: it took the record once
            return Unlike("refused", "taken", f"{type(refusal).__name__}: {refusal}")
        found.decisions += len(logged)
        unlike = first_difference("decisions", logged, outcome.decisions) or self._made(position, outcome)
        if unlike is not None:
            return unlike
        known.position, known.state, known.wake_us = position, outcome.state, outcome.wake_at_us
        if 0 < known.wake_us <= record.received_us:
            known.wake_us = record.received_us + 1
        unlike = self._as_stored(subject, known)
        found.identical += unlike is None
        return unlike

    def _made(self, position: int, outcome: Outcome) -> Unlike | None:
        """Compare the actions and parcels of a record with those that are still stored."""
        for action in outcome.actions:
            raw = self._stored.actions.pop(action.effect, None)
            if raw is not None:
                self.found.actions += 1
                if raw != canonical(action):
                    before = msgspec.msgpack.decode(raw, type=type(action))
                    return first_difference(f"action {action.effect.hex()}", before, action) or Unlike("action", "its bytes", "others")
        for place, handed in enumerate(outcome.handed or ()):
            raw = self._stored.parcels.pop(sequence_of(position, place), None)
            if raw is not None:
                self.found.parcels += 1
                if raw != canonical(handed):
                    return Unlike(f"parcel {place}", repr(msgspec.msgpack.decode(raw)), repr(msgspec.to_builtins(handed)))
        return None

    def _as_stored(self, subject: bytes, known: Known) -> Unlike | None:
        stored = self._stored.states.get(subject)
        if stored is None or stored[0] != known.position:
            return None
        self.found.states += 1
        _, wake_us, raw = self._stored.states.pop(subject)
        if wake_us != known.wake_us:
            return Unlike("state: wake-up", str(wake_us), str(known.wake_us))
        if raw == encode_state(known.state):
            return None
        return first_difference("state", decode_state(raw), known.state) or Unlike("state", "its bytes", "others")

    def _leftover(self) -> None:
        """States of subjects that the log tells whole, at a position that no record of theirs has."""
        for subject, (position, _, _) in self._stored.states.items():
            known = self._known.get(subject)
            if known is not None and subject not in self._lost:
                unlike = Unlike("state: position", str(position), str(known.position))
                self._note(position, Record(subject, 0, 0, None), "", unlike)

    def _note(self, position: int, record: Record, plan: str, unlike: Unlike) -> None:
        self._lost.add(record.subject)
        self.found.different += 1
        event = record.event
        told = "wake-up" if event is None else f"{event.type} {event.source}/{event.id}"
        self.found.faults.append(
            Fault(
                shard=self.found.shard,
                position=position,
                subject=record.subject.hex(),
                received_us=record.received_us,
                event=told,
                plan=plan,
                field=unlike.field,
                expected=unlike.expected,
                found=unlike.found,
            )
        )
        self.found.faults.sort(key=lambda fault: fault.position)
        del self.found.faults[FAULTS_KEPT:]


def _stored(store: Store, partitions: range) -> Stored:
    first, last = partitions[0], partitions[-1]
    states = {}
    for key, value in store.scan("state", *state_range(first, last)):
        position, wake_us, raw = unpack_state(value)
        states[subject_of(key)] = (position, wake_us, bytes(raw))
    actions = {}
    for key, value in store.scan("action", partition_range(first)[0], partition_range(last)[1]):
        if split_key(key)[0] == ACTION:
            row = decode_row(value)
            actions[row.action.effect] = canonical(row.action)
    return Stored(states, actions, dict(_parcels(store)))


def _parcels(store: Store) -> Iterator[tuple[int, bytes]]:
    for key, value in store.scan("parcel"):
        yield position_of(key), canonical(msgspec.msgpack.decode(body_of("parcel", value)))
