"""Replay: history fed through the very path that live events take, on its own clock.

Every event is received when it occurred, in (time, source position) order; between events the clock moves from one due
instant to the next, so each wake-up is settled at its own instant. Actions are handed over by a virtual dispatcher: the
last checks are made, nothing leaves, and the receipt comes back at the very instant. The same history gives the same
digests with any store, any number of shards and any group size.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pilotage.decision.eligibility import Later, Refused, Verdict
from pilotage.event.envelope import Event
from pilotage.event.time import SECOND_US
from pilotage.journey.outcome import Action, Handed
from pilotage.profile.identity import Unidentified, account_subject, resolve
from pilotage.profile.state import State
from pilotage.runner.arrival import Arrival, Result, Sealed
from pilotage.runner.delivery import expires, within_expiry
from pilotage.runner.digests import Digests, digests_of, unite
from pilotage.runner.links import may_be_older
from pilotage.runner.outbox import ActionRow, Status, cancel_key, cancelled, claimed, encode_row, finished, first_row, receipted
from pilotage.runner.receipt import receipt_event
from pilotage.runner.saver import save_whole
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import Row, shard_of, with_rows
from pilotage.source.quarantine import Quarantined, quarantined_event

Recheck = Callable[[State | None, Action, int], Verdict]
"""The checks repeated when an action is about to leave: (state, action, now) → verdict."""

GROUP_EVENTS = 1_000
"""How many events make up one group commit."""

WAKES_AT_ONCE = 1_000_000
NEVER_US = 2**63


class HistoryUnsorted(ValueError):
    """An event of the history lies before the one fed last. Sort the history by time and feed it again."""

    def __init__(self, event: Event, after_us: int) -> None:
        super().__init__(
            f"event {event.id!r} of {event.source!r} occurred at {event.occurred_us}, before the event fed last ({after_us}); "
            "sort the history by time"
        )
        self.event = event
        self.after_us = after_us


class Replayed(msgspec.Struct, frozen=True):
    """What a replay came to: read = accepted + quarantined; `duplicates` of the accepted changed nothing.

    `decisions` counts by (journey, step, verb), `receipts` by receipt type. `from_us` and `until_us` bound the replay's
    clock. `stuck` subjects could not be woken. `digests` are over all decisions, actions and states of the shards.
    """

    read: int
    accepted: int
    quarantined: int
    duplicates: int
    decisions: dict[tuple[str, str, str], int]
    receipts: dict[str, int]
    from_us: int
    until_us: int
    stuck: int
    digests: Digests


class Replay:
    """Feeds events to recovered shards, all eight or as many as there are, and plays the dispatcher.

    `links` are the weak identifiers' links, changed in place. `on_refused` gets what is quarantined, `on_handed_over`
    each action that would have left and when, `on_progress` the number of events read and the clock after each group.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        secret: bytes,
        recheck: Recheck,
        *,
        links: dict[bytes, bytes] | None = None,
        group_events: int = GROUP_EVENTS,
        on_refused: Callable[[Quarantined], None] = lambda refused: None,
        on_handed_over: Callable[[Action, int], None] = lambda action, at_us: None,
        on_progress: Callable[[int, int], None] = lambda read, now_us: None,
    ) -> None:
        self.now_us = 0
        self.read = 0
        self.accepted = 0
        self.quarantined = 0
        self.duplicates = 0
        self.decisions: Counter[tuple[str, str, str]] = Counter()
        self.receipts: Counter[str] = Counter()
        self._shards = {shard.number: shard for shard in shards}
        self._secret = secret
        self._recheck = recheck
        self._links = {} if links is None else links
        self._linked_us: dict[bytes, int] = {}
        self._group_events = group_events
        self._on_refused = on_refused
        self._on_handed_over = on_handed_over
        self._on_progress = on_progress
        self._from_us = 0
        self._ungrouped = 0
        self._due = {number: _due_us(shard) for number, shard in self._shards.items()}
        self._taken = dict.fromkeys(self._shards, (0, 0))
        self._rows: dict[int, list[Row]] = {number: [] for number in self._shards}
        self._order = itertools.count()
        self._carried: list[Handed] = []
        self._pending: list[tuple[int, int, Action]] = []
        self._open: dict[bytes, Action] = {}
        self._horizon_us = min(self._due.values(), default=NEVER_US)

    def feed(self, history: Iterable[Event | Quarantined]) -> None:
        """Take events in, in the order of their time; what comes quarantined is counted and handed on.

        Raises `HistoryUnsorted`, and whatever the shards and stores raise."""
        for item in history:
            self.read += 1
            if isinstance(item, Quarantined):
                self._refuse(item)
                continue
            try:
                resolution = resolve(self._secret, item, self._links.get)
            except Unidentified as fault:
                self._refuse(quarantined_event(item, item.occurred_us, "identity", fault.reason, fault.path, fault.cure))
                continue
            for key, subject in resolution.links:
                self._links[key] = subject
                self._linked_us[key] = item.occurred_us
            self._take(resolution.subject, item, resolution.own)

    def at(self, subject: bytes, event: Event) -> None:
        """Take in one event whose subject is known, at its time (a reaction of the demo's customers, for example)."""
        self.read += 1
        self._take(subject, event)

    def settle(self, until_us: int) -> None:
        """Move the clock: wake-ups and hand-overs due at or before an instant happen, each at its own."""
        while self._horizon_us <= until_us:
            at_us = self._horizon_us
            self.now_us = max(self.now_us, at_us)
            woken = [number for number, due_us in self._due.items() if due_us <= at_us]
            for number in woken:
                self._wake(number, at_us)
            self._deliver(at_us)
            if not woken:
                self._hand_over(*heapq.heappop(self._pending))
            self._look_ahead()
        self.now_us = max(self.now_us, until_us)

    def finish(self, until_us: int = 0) -> Replayed:
        """Settle everything due up to an instant (0: what is due by the last event), commit, save, and sum up."""
        self.settle(max(until_us, self.now_us))
        self.commit()
        for shard in self._shards.values():
            save_whole(shard)
        return Replayed(
            read=self.read,
            accepted=self.accepted,
            quarantined=self.quarantined,
            duplicates=self.duplicates,
            decisions=dict(sorted(self.decisions.items())),
            receipts=dict(sorted(self.receipts.items())),
            from_us=self._from_us,
            until_us=self.now_us,
            stuck=sum(len(shard.stuck) for shard in self._shards.values()),
            digests=unite(*(digests_of(shard) for shard in self._shards.values())),
        )

    def commit(self) -> None:
        """Write what was decided since the last group, and save as much as the shards owe."""
        for number, shard in self._shards.items():
            sealed = shard.seal()
            rows = self._rows[number]
            if sealed is not None or rows:
                shard.store.write(with_rows(sealed, rows), durable=True)
            self._rows[number] = []
            self._taken[number] = (0, 0)
            if sealed is not None:
                shard.committed(sealed)
                self._count(sealed)
                _save_some(shard, shard.quota(len(sealed.segment.records)))
        self._ungrouped = 0
        self._on_progress(self.read, self.now_us)

    def _take(self, subject: bytes, event: Event, own: bytes = b"") -> None:
        now_us = event.occurred_us
        if now_us < self.now_us:
            raise HistoryUnsorted(event, self.now_us)
        if now_us >= self._horizon_us:
            self.settle(now_us)
        self.now_us = now_us
        self._from_us = self._from_us or now_us
        known = own and self._had(own, event, now_us)
        result = Result(0, True) if known else self._apply(subject, event, now_us)
        if result.error is not None:
            self._refuse(quarantined_event(event, now_us, "kernel", str(result.error)))
        else:
            self.accepted += 1
            self.duplicates += result.duplicate
        if now_us >= self._horizon_us:
            self.settle(now_us)

    def _had(self, own: bytes, event: Event, now_us: int) -> bool:
        """Whether an anonymous id's own subject had an event before the id was linked to another."""
        linked_us = self._linked_us.get(own, now_us)
        if not may_be_older(event, linked_us, now_us):
            return False
        shard = self._shards[shard_of(own)]
        return shard.apply((Arrival(own, event, now_us, probe=True),), now_us)[0].duplicate

    def _apply(self, subject: bytes, event: Event, now_us: int) -> Result:
        number = shard_of(subject)
        shard = self._shards[number]
        result = shard.apply((Arrival(subject, event, now_us),), now_us)[0]
        self._gather(number, shard)
        self._ungrouped += 1
        if self._ungrouped >= self._group_events:
            self.commit()
        self._deliver(now_us)
        return result

    def _deliver(self, at_us: int) -> None:
        """Bring what was handed over to whoever it is for, at the very instant; in an order that does not depend on whose shard
        came first."""
        while self._carried:
            carried, self._carried = sorted(self._carried, key=_parcel_order), []
            for handed in carried:
                subject = account_subject(self._secret, handed.account) if handed.account else handed.subject
                result = self._apply(subject, handed.event, at_us)
                if result.error is not None:
                    self._refuse(quarantined_event(handed.event, at_us, "kernel", str(result.error)))

    def _gather(self, number: int, shard: Shard) -> None:
        """Take note of what a shard decided just now, and of when it wants to be woken."""
        actions, dropped_now, handed = shard.made()
        taken, dropped = self._taken[number]
        if len(actions) > taken or len(dropped_now) > dropped:
            self._taken[number] = (len(actions), len(dropped_now))
            for action in actions[taken:]:
                self._await(max(action.not_before_us, self.now_us), action)
            for subject, effect in dropped_now[dropped:]:
                self._cancel(number, subject, effect)
        if handed:
            self._carried += (each for _, each in handed)
            handed.clear()
        self._due[number] = _due_us(shard)
        self._look_ahead()

    def _look_ahead(self) -> None:
        due_us = min(self._due.values())
        self._horizon_us = min(due_us, self._pending[0][0]) if self._pending else due_us

    def _await(self, at_us: int, action: Action) -> None:
        self._open[action.effect] = action
        heapq.heappush(self._pending, (at_us, next(self._order), action))

    def _cancel(self, number: int, subject: bytes, effect: bytes) -> None:
        action = self._open.pop(effect, None)
        self._rows[number].append(("action", cancel_key(subject, effect), None))
        if action is not None:
            self._told(cancelled(first_row(action)), self.now_us)

    def _wake(self, number: int, at_us: int) -> None:
        """Let everybody due at an instant settle; each may be due again at the same instant only by a new decision."""
        shard = self._shards[number]
        before = shard.position
        shard.wake(at_us, WAKES_AT_ONCE)
        self._ungrouped += shard.position - before
        self._gather(number, shard)
        if self._ungrouped >= self._group_events:
            self.commit()

    def _hand_over(self, at_us: int, _: int, action: Action) -> None:
        """Play the dispatcher for one action: the last checks, then the receipt at the same instant."""
        if self._open.get(action.effect) is not action:
            return
        number = shard_of(action.subject)
        known = self._shards[number].read(action.subject)
        verdict = self._recheck(known[0] if known is not None else None, action, at_us)
        if isinstance(verdict, Later) and not expires(action, at_us):
            self._await(within_expiry(action, max(verdict.at_us, at_us + SECOND_US)), action)
            return
        del self._open[action.effect]
        status, reason = _fate(verdict, action, at_us)
        if status is Status.SENT:
            self._on_handed_over(action, at_us)
        row = first_row(action)
        row = finished(claimed(row, at_us) if status is Status.SENT else row, status, reason)
        self._told(row, at_us)

    def _told(self, row: ActionRow, at_us: int) -> None:
        """Keep the row at its end, and let its subject know at the same instant."""
        subject = row.action.subject
        receipt = receipt_event(row, at_us)
        self._rows[shard_of(subject)].append(("action", *encode_row(receipted(row))))
        self.receipts[receipt.type] += 1
        self._apply(subject, receipt, at_us)

    def _refuse(self, refused: Quarantined) -> None:
        self.quarantined += 1
        self._on_refused(refused)

    def _count(self, sealed: Sealed) -> None:
        for decisions in sealed.segment.decisions:
            for decision in decisions:
                self.decisions[decision.journey, decision.step, decision.verb] += 1


def _fate(verdict: Verdict, action: Action, at_us: int) -> tuple[Status, str]:
    if expires(action, at_us):
        return Status.EXPIRED, f"expired: {verdict.reason}" if isinstance(verdict, Later) else "expired before it could leave"
    if isinstance(verdict, Refused):
        return Status.REFUSED, verdict.reason
    return Status.SENT, ""


def _parcel_order(handed: Handed) -> tuple[str, ...]:
    """By who handed it over; what one subject did stays in its order."""
    identifiers = handed.event.identifiers
    return tuple(f"{kind}={identifiers[kind]}" for kind in sorted(identifiers, reverse=True))


def _due_us(shard: Shard) -> int:
    return shard.next_due_us() or NEVER_US


def _save_some(shard: Shard, rows: int) -> None:
    if rows:
        shard.save(rows)
    if shard.needs_flush:
        shard.store.flush()
        shard.flushed()
