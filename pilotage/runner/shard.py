"""One shard: the subjects of 128 virtual partitions, advanced event by event over one store.

A shard is a plain state machine: no tasks, no clock, no chance. The engine hands it arrivals and the time, seals what was
done into one durable batch, writes that batch in another thread while the shard goes on, and tells the shard when it is
on disk. States, dedupe keys and timers follow later, a little at a time; the log rebuilds them after a crash.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pilotage.event.envelope import Event, wake_event
from pilotage.journey.outcome import Action, Decision, Handed
from pilotage.profile.state import State
from pilotage.runner.arrival import Advance, Arrival, Limits, NotSettled, OutOfOrder, Result, Sealed, Stuck, Told
from pilotage.runner.cursor import history_bound
from pilotage.runner.layout import state_key, state_range
from pilotage.runner.log import LogBroken, LogReader, Record, Segment, encode_segment, last_segment, segments_from, trim_log
from pilotage.runner.outbox import ActionRow, cancel_row, decode_row, pending_row, rows_of
from pilotage.runner.parcels import Heard, put_parcel, sequence_of
from pilotage.runner.pasts import Pasts
from pilotage.runner.recovery import (
    Diverged,
    KernelDiverged,
    Marker,
    Owner,
    PlanMissing,
    Reign,
    check_decisions,
    claim_store,
    put_marker,
    put_reign,
    read_marker,
    read_reign,
)
from pilotage.runner.seen import Seen, event_hash
from pilotage.runner.states import States
from pilotage.runner.store import Batch, Store
from pilotage.runner.timers import Timers

__all__ = ["Advance", "Arrival", "Limits", "NotSettled", "OutOfOrder", "Result", "Sealed", "Shard", "Stuck", "Told"]


class Shard:
    """The durable state machine of one shard. Not thread-safe: all calls come from one thread; `Store.write` of a sealed batch and
    `Store.flush` may run in another. After a failed write the shard is ahead of its disk: drop it and recover a new one."""

    def __init__(
        self,
        number: int,
        store: Store,
        program: Any,
        environment: str,
        *,
        advance: Advance,
        plan: str = "",
        programs: Callable[[str], Any] | None = None,
        limits: Limits = Limits(),
    ) -> None:
        """`plan` is the digest of the plan `program` executes; `programs` finds that of an earlier plan in the log. First `recover`."""
        self.number = number
        self.store = store
        self.limits = limits
        self.durable = 0
        """The last position that is on disk."""
        self.position = 0
        """The last position given."""
        self.stuck: dict[bytes, Stuck] = {}
        self._program = program
        self.plan = plan
        """The digest of the plan in force."""
        self._programs = programs
        self._advance = advance
        self._owner = Owner(number, environment)
        self.stamp_us = 0
        """The received time of the newest record."""
        self._marker = Marker()
        self._reign = Reign()
        self._target: Marker | None = None
        self._flushing = False
        self._moved: Marker | None = None
        self._states = States(store, packed_bytes_max=limits.packed_bytes_max, decoded_max=limits.decoded_max)
        self._seen = Seen(store)
        self._timers = Timers(store, self._states.wake_of_dirty)
        self.pasts = Pasts(store)
        self._reader = LogReader(store)
        self._heard = Heard(store)
        self._in_flight: list[Segment] = []
        self._open()

    # Applying

    def apply(self, arrivals: Sequence[Arrival], clock_us: int) -> list[Result]:
        """Advance each arrival's subject, in order; one result each. An event that was applied before is a duplicate; one
        that `advance` refuses leaves its subject as it was."""
        hashes = [event_hash(arrival.event) for arrival in arrivals]
        if arrivals:
            self._seen.turn_to(max(arrivals[0].received_us or clock_us, self.stamp_us))
        known = self._seen.known(hashes)
        self._heard.turn_to(arrivals)
        self._load([arrival.subject for arrival in arrivals])
        take = self._take
        results = [
            Result(0, True) if seen else take(arrival, hashed, clock_us)
            for arrival, hashed, seen in zip(arrivals, hashes, known, strict=True)
        ]
        self._states.trim()
        return results

    def wake(self, now_us: int, limit: int) -> int:
        """Let up to `limit` subjects whose wake-up is due at or before `now_us` settle; returns how many were looked at
        (less than `limit`: none is left). A subject whose wake-up fails is listed in `stuck`."""
        now_us = max(now_us, self.stamp_us)
        due = self._timers.pop_due(now_us, limit)
        cold = {subject for _, subject in due if not self._states.holds(subject)}
        self._load([subject for _, subject in due])
        self._seen.turn_to(now_us)
        for due_us, subject in due:
            if self._states.get(subject).wake_us == due_us:
                self._settle(subject, due_us, now_us)
            elif subject in cold:
                self._states.drop_timer(due_us, subject)
        self._states.trim()
        return len(due)

    def next_due_us(self) -> int:
        """The earliest instant at which `wake` may have something to do, 0 when nobody waits."""
        return self._timers.next_due_us()

    def adopt(self, program: Any, plan: str) -> None:
        """Go on under another program. Seal first: one segment has one plan."""
        if self._records:
            raise OutOfOrder("records are open under the previous plan; seal them before adopting another")
        self._program, self.plan = program, plan

    def touch(self, subjects: Sequence[bytes], now_us: int, outdated: Callable[[State], bool]) -> int:
        """Let those of some known subjects settle whose state is outdated or for whom a past waits, due or not; returns how many
        did."""
        now_us = max(now_us, self.stamp_us)
        self._load(subjects)
        self._seen.turn_to(now_us)
        waits, state_of = self.pasts.waits, self._states.get
        chosen = [each for each in subjects if each not in self.stuck and (waits(each) or outdated(state_of(each).state))]
        for subject in chosen:
            self._settle(subject, now_us, now_us)
        self._states.trim()
        return len(chosen)

    def _take(self, arrival: Arrival, hashed: bytes, clock_us: int) -> Result:
        earlier = self._seen.fresh_position(hashed)
        if earlier:
            return Result(earlier, True)
        if arrival.probe or (arrival.sequence and self._heard.knows(arrival)):
            return Result(0, not arrival.probe)
        now_us = arrival.received_us or clock_us
        now_us = self.stamp_us if now_us < self.stamp_us else now_us
        try:
            self.pasts.tell(arrival.subject, now_us, self._step)
            self._step(arrival.subject, arrival.event, now_us)
        except Exception as error:  # noqa: BLE001  # whatever the kernel cannot take is refused with its reason, never half applied
            if arrival.sequence:
                self._heard.refuse(arrival)
            return Result(0, False, error)
        if now_us >= self._seen.day_ends_us:
            self._seen.turn_to(now_us)
        self._seen.add(hashed, self.position)
        if arrival.sequence:
            self._heard.note(arrival)
        return Result(self.position)

    def _settle(self, subject: bytes, due_us: int, now_us: int) -> None:
        try:
            if not self.pasts.tell(subject, now_us, self._step):  # being told settles what was due
                self._step(subject, None, now_us)
        except Exception as error:  # noqa: BLE001  # one subject that cannot be woken must not stop the others
            self.stuck[subject] = Stuck(subject, due_us, error)

    def _load(self, subjects: Sequence[bytes]) -> None:
        self._states.load(subjects)
        self.pasts.load(subjects)

    def _step(self, subject: bytes, event: Event | None, now_us: int) -> list[Decision]:
        """Advance one loaded subject and add it to the open segment; nothing is changed if `advance` raises."""
        states = self._states
        entry = states.dirty.get(subject)
        clean = entry is None
        if entry is None:
            entry = states.clean[subject]
        outcome = self._advance(self._program, entry.state, wake_event(now_us) if event is None else event, now_us)
        wake_us = outcome.wake_at_us
        if wake_us and wake_us <= now_us:
            if event is None:
                raise NotSettled(f"after a wake-up at {now_us} the subject asks to be woken at {wake_us}")
            wake_us = now_us + 1
        previous = entry.position
        if clean:
            states.soil(entry)
        else:
            if self.durable < previous < self._first:
                entry.keep(self.durable)
            elif previous < self._first:  # by far the most frequent
                entry.versions = ((previous, entry.wake_us, entry.raw or entry.state),)
            entry.raw = b""
        self._records.append(Record(subject, now_us, previous, event))
        self._decisions.append(outcome.decisions)
        self._actions += outcome.actions
        if outcome.cancelled:
            self._cancelled.extend((subject, effect) for effect in outcome.cancelled)
        self.stamp_us = now_us
        self.position = entry.position = self.position + 1
        if outcome.handed:
            self._handed.extend((sequence_of(self.position, place), each) for place, each in enumerate(outcome.handed))
        entry.state = outcome.state
        if wake_us != entry.wake_us or subject in self.stuck:
            self.stuck.pop(subject, None)
            entry.wake_us = wake_us
            if wake_us:
                self._timers.push(wake_us, subject)
        return outcome.decisions

    @property
    def before_plan(self) -> int:
        """The last position made before the plan in force; everything after it is, or will be, made under it."""
        return self._reign.first - 1 if self._reign.plan == self.plan else self._first - 1

    # Committing

    def seal(self) -> Sealed | None:
        """Everything since the last seal as one durable batch, or None when there is nothing to write. Several sealed
        batches may be under way; write and commit them in order."""
        moved, self._moved = self._moved, None
        if not self._records and moved is None and not self.pasts.changed:
            return None
        batch = Batch()
        self.pasts.seal(batch)
        segment = Segment(self._first, self.plan, self._records, self._decisions)
        if self._records:
            batch.put("log", *encode_segment(segment))
            self._in_flight.append(segment)
            if self._reign.plan != self.plan:
                self._reign = Reign(self.plan, self._first)
                put_reign(batch, self._reign)
        for action in self._actions:
            batch.put("action", *pending_row(action))
        for subject, effect in self._cancelled:
            batch.put("action", *cancel_row(subject, effect))
        for sequence, handed in self._handed:
            put_parcel(batch, sequence, handed)
        self._heard.put(batch)
        if moved is not None:
            put_marker(batch, moved)
        sealed = Sealed(batch, segment, self._actions, self._cancelled, moved, len(self._handed))
        self._open()
        return sealed

    def committed(self, sealed: Sealed) -> None:
        """A sealed batch is on disk: its positions are durable."""
        self.pasts.committed()
        if sealed.segment.records:
            if sealed.segment.first != self.durable + 1:
                raise OutOfOrder(f"positions from {sealed.segment.first} were committed, but {self.durable + 1} comes next")
            self.durable = sealed.segment.last
            del self._in_flight[0]
        if sealed.marker is not None:
            self._marker = sealed.marker

    def _open(self) -> None:
        """Begin a new segment."""
        self._first = self.position + 1
        self._records: list[Record] = []
        self._decisions: list[list[Decision]] = []
        self._actions: list[Action] = []
        self._cancelled: list[tuple[bytes, bytes]] = []
        self._handed: list[tuple[int, Handed]] = []

    def made(self) -> tuple[list[Action], list[tuple[bytes, bytes]], list[tuple[int, Handed]]]:
        """What was made since the last seal; for replay, which hands it over as it arises, and takes the parcels out, unwritten."""
        return self._actions, self._cancelled, self._handed

    # Saving

    @property
    def lag(self) -> int:
        """How many records a crash now would have to advance again."""
        return self.durable - self._marker.position

    @property
    def unsaved(self) -> int:
        """How many rows the current saving cycle still has to write; 0 between cycles."""
        return self._states.unsaved + self._seen.unsaved

    def quota(self, applied: int) -> int:
        """How many rows to save after `applied` events, so that a cycle begun at half of `lag_max` ends before it."""
        if self._target is None:
            return applied if self.lag * 2 >= self.limits.lag_max and not self.needs_flush else 0
        left = max(1, self.limits.lag_max * 9 // 10 - self.lag)
        return -(-self.unsaved * applied // left) if left > applied else self.unsaved

    def save(self, limit: int) -> int:
        """Write up to `limit` rows that the log could rebuild; returns how many were written. When a cycle is complete
        `needs_flush` turns true; nothing is saved until `flushed`."""
        if self.needs_flush or (self._target is None and not self._begin()):
            return 0
        batch = Batch()
        done = self._states.save(batch, limit, self.durable)
        hashes = self._seen.save(batch, limit - len(done))
        if batch.operations:
            self.store.write(batch, durable=False)
        self._states.saved(done)
        self._states.trim()
        if self.unsaved == 0:
            self._seen.end()
            self._flushing = True
        return len(done) + hashes

    @property
    def needs_flush(self) -> bool:
        """Whether a saving cycle is complete: call `store.flush()`, in another thread if you like, then `flushed`."""
        return self._flushing

    def flushed(self) -> None:
        """What the last cycle saved is on disk: the next sealed batch moves the marker."""
        if self._flushing:
            self._moved, self._target, self._flushing = self._target, None, False

    def forget(self, before_us: int) -> int:
        """Remove log segments received before an instant; returns how many records went. Stories end there then. What history
        has not taken stays. May run in another thread."""
        return trim_log(self.store, min(self._marker.position, history_bound(self.store)), before_us)

    def _begin(self) -> bool:
        """Begin a saving cycle, unless everything durable is saved."""
        if self.durable == (self._moved or self._marker).position:
            return False
        self._target = Marker(self.durable, self.stamp_us)
        self._states.begin(self.durable)
        self._seen.begin(self.durable)
        return True

    # Recovering

    def recover(self, diverged: Diverged | None = None) -> int:
        """Bring the shard to the end of its log; returns how many records were advanced again. `KernelDiverged` if one
        does not come out as logged, unless `diverged` takes it as a warning; `ForeignStore`, `LogBroken`, `PlanMissing`,
        `UnreadableValue` as they say."""
        claim_store(self.store, self._owner)
        self._marker, self._reign = read_marker(self.store), read_reign(self.store)
        self.position = self.durable = self._marker.position
        self.stamp_us = self._marker.stamp_us
        if self.stamp_us:
            self._seen.turn_to(self.stamp_us)
        again = 0
        for segment in segments_from(self.store, self._marker.position + 1):
            again += self._again(segment, diverged)
        last = last_segment(self.store)
        if (last.last if last is not None else 0) != self.position:
            raise LogBroken(self.position + 1, last.last + 1 if last is not None else 1)
        self._open()
        return again

    def _again(self, segment: Segment, diverged: Diverged | None) -> int:
        """Advance one logged segment again; returns how many records that took."""
        present, self._program = self._program, self._program_of(segment)
        self._states.load([record.subject for record in segment.records])
        again = 0
        for position, (record, logged) in enumerate(zip(segment.records, segment.decisions, strict=True), segment.first):
            if position <= self.durable:
                continue
            self._seen.turn_to(record.received_us)
            again += self._advance_again(position, record, logged, diverged)
            if record.event is not None:
                self._seen.add(event_hash(record.event), position)
        self._states.trim()
        self._program = present
        self.durable = self.position
        self._open()
        return again

    def _advance_again(self, position: int, record: Record, logged: list[Decision], diverged: Diverged | None) -> int:
        """Advance one record again unless its subject's stored state reflects it already; then only its timer, which may
        have been lost apart from the state, is set again."""
        entry = self._states.get(record.subject)
        if entry.position >= position:
            self._states.soil(entry)
            entry.saved_wake_us = 0
            if entry.wake_us:
                self._timers.push(entry.wake_us, record.subject)
            self.position, self.stamp_us = position, record.received_us
            return 0
        try:
            check_decisions(position, record.subject, logged, self._step(record.subject, record.event, record.received_us))
        except KernelDiverged as error:
            if diverged is None:
                raise
            diverged(error)
        return 1

    def _program_of(self, segment: Segment) -> Any:
        if segment.plan == self.plan:
            return self._program
        program = self._programs(segment.plan) if self._programs is not None else None
        if program is None:
            raise PlanMissing(segment.plan, segment.first)
        return program

    # Reading

    def read(self, subject: bytes) -> tuple[State, int] | None:
        """A subject's state, with the past that waits for it, and the position it is at; None for an unknown subject."""
        state, position = self._states.peek(subject)
        return (self.pasts.known(subject, state, self.stamp_us), position) if position else None

    def story(self, subject: bytes) -> Iterator[Told]:
        """A subject's records with what was decided, newest first, as far back as the log is kept."""
        _, position = self._states.peek(subject)
        while position:
            segment = self._segment_at(position)
            if segment is None:
                return
            number = position - segment.first
            record = segment.records[number]
            yield Told(position, record, segment.decisions[number], segment.plan)
            position = record.previous

    def subjects(self, first: int = 0, last: int = 1023, after: bytes | None = None) -> Iterator[bytes]:
        """All known subjects of the partitions first to last, in order of (partition, subject), those after `after`."""
        start, stop = state_range(first, last)
        if after is not None:
            start = max(start, state_key(after) + b"\0")
        return self._states.known(start, stop)

    def ahead(self, after: bytes, limit: int) -> list[bytes]:
        """The next known subjects in order of (partition, subject), those after `after` (empty: from the first on), with their states
        read into memory, which costs much less than one by one; fewer than `limit` at the end."""
        return self._states.ahead(state_key(after) + b"\0" if after else b"", limit)

    def actions(self, subject: bytes) -> Iterator[ActionRow]:
        """The committed actions of a subject and what has become of them."""
        return (decode_row(value) for _, value in self.store.scan("action", *rows_of(subject)))

    def sizes(self) -> dict[str, int]:
        """What is in memory, for metrics: states dirty, clean and packed, hashes and timers."""
        return {**self._states.sizes(), "seen": len(self._seen), "timers": len(self._timers)}

    def _segment_at(self, position: int) -> Segment | None:
        if position >= self._first:
            return Segment(self._first, self.plan, self._records, self._decisions)
        for segment in self._in_flight:
            if segment.first <= position <= segment.last:
                return segment
        return self._reader.segment_at(position)
