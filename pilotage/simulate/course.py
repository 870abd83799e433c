"""The course of a few subjects on a clock of their own: the production `advance`, fed event by event, with everything that it
leads to.

Wake-ups come at their own instants, messages are looked at once more when they are handed over, as the dispatcher does, and what
becomes of them comes back as receipts. Subjects that hand events over to each other (a person and its accounts) run together; all
others run alone, one after the other, so that a state stays where it was used last. Nothing is logged and nothing is written.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pilotage.decision.eligibility import Later, Refused
from pilotage.event.envelope import Event, wake_event
from pilotage.event.time import SECOND_US
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Action, Decision, Handed, Outcome
from pilotage.journey.program import Program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import account_subject
from pilotage.profile.state import State
from pilotage.runner.delivery import expires, within_expiry
from pilotage.runner.outbox import CANCELLED_REASON, ActionRow, Status, cancelled, claimed, finished, first_row
from pilotage.runner.receipt import receipt_event

NEVER_US = 2**63

Reaction = tuple[int, Event]
"""Something that an action leads to: when, and the event."""


class Watching(Protocol):
    """Whoever takes note of what a course comes to."""

    def decided(self, subject: bytes, decisions: list[Decision]) -> None:
        """What one `advance` decided."""

    def left(self, action: Action, at_us: int) -> None:
        """An action was handed over."""

    def stayed(self, action: Action, rule: str, reason: str) -> None:
        """An action could not be handed over."""

    def refused(self, event: Event, fault: Exception) -> None:
        """The kernel did not take an event."""


Reacts = Callable[[Action, int], Iterable[Reaction]]
"""`reacts(action, at_us)`: what comes of an action that was handed over; each event is about the action's subject."""


class Course:
    """Subjects that run together. `secret` names accounts, `watch` takes note, `reacts` says what comes of what is handed over. With
    `recorded` this is one subject's course once more: what became of the actions named there is known and comes as it came, and what
    the subject hands over to others goes nowhere, since their answers are among its events."""

    __slots__ = (
        "_carried", "_horizon_us", "_number", "_open", "_pending", "_program", "_reacts", "_recorded", "_secret", "_wakes", "_watch",
        "states",
    )  # fmt: skip

    def __init__(
        self,
        program: Program,
        secret: bytes,
        watch: Watching,
        reacts: Reacts,
        recorded: Mapping[bytes, Sequence[Reaction]] | None = None,
    ) -> None:
        self.states: dict[bytes, State] = {}
        self._program = program
        self._secret = secret
        self._watch = watch
        self._reacts = reacts
        self._wakes: dict[bytes, int] = {}
        self._pending: list[tuple[int, int, Action | None, bytes, Event | None]] = []
        self._open: dict[bytes, Action] = {}
        self._carried: list[Handed] = []
        self._recorded = recorded
        self._number = 0
        self._horizon_us = NEVER_US

    def feed(self, events: Iterable[tuple[int, bytes, Event]]) -> None:
        """Take events in, each at its instant with the subject it is about, in order of time."""
        for at_us, subject, event in events:
            if at_us >= self._horizon_us:
                self.settle(at_us)
            self._apply(subject, event, at_us)
            if self._carried:
                self._deliver(at_us)
            if at_us >= self._horizon_us:
                self.settle(at_us)

    @property
    def next_us(self) -> int:
        """The first instant at which anything is due; `NEVER_US` if nothing is."""
        return self._horizon_us

    def settle(self, until_us: int) -> None:
        """Let everything happen that is due up to an instant, each at its own."""
        while self._horizon_us <= until_us:
            at_us = self._horizon_us
            woken = [subject for subject, wake_us in self._wakes.items() if wake_us <= at_us]
            for subject in woken:
                self._apply(subject, None, at_us)
            self._deliver(at_us)
            if not woken:
                self._happen(*heapq.heappop(self._pending))
                self._deliver(at_us)
            self._look_ahead()

    def _apply(self, subject: bytes, event: Event | None, at_us: int) -> None:
        state = self.states.get(subject)
        if state is None:
            state = self.states[subject] = State(subject)
        try:
            outcome = advance(self._program, state, wake_event(at_us) if event is None else event, at_us)
        except Exception as fault:  # noqa: BLE001  # what the kernel does not take is quarantined live, and counted here
            self._watch.refused(wake_event(at_us) if event is None else event, fault)
            if event is None:
                self._wakes.pop(subject, None)  # as a subject that is stuck
                self._look_ahead()
            return
        self.states[subject] = outcome.state
        wake_us = outcome.wake_at_us
        if wake_us <= at_us and wake_us:
            wake_us = at_us + 1
        if wake_us != self._wakes.get(subject, 0):
            if wake_us:
                self._wakes[subject] = wake_us
            else:
                del self._wakes[subject]
            self._look_ahead()
        if outcome.decisions:
            self._watch.decided(subject, outcome.decisions)
        if outcome.actions or outcome.cancelled or outcome.handed:
            self._take(outcome, at_us)

    def _take(self, outcome: Outcome, at_us: int) -> None:
        for action in outcome.actions:
            if self._recorded is not None and action.effect in self._recorded:
                for then_us, event in self._recorded[action.effect]:
                    self._later(max(then_us, at_us), None, action.subject, event)
                continue
            self._open[action.effect] = action
            self._later(max(action.not_before_us, at_us), action, action.subject, None)
        for effect in outcome.cancelled:
            gone = self._open.pop(effect, None)
            if gone is not None:
                self._watch.stayed(gone, "cancelled", CANCELLED_REASON)
                self._told(cancelled(first_row(gone)), at_us)
        if outcome.handed and self._recorded is None:
            self._carried += outcome.handed
        self._look_ahead()

    def _later(self, at_us: int, action: Action | None, subject: bytes, event: Event | None) -> None:
        self._number += 1
        heapq.heappush(self._pending, (at_us, self._number, action, subject, event))

    def _look_ahead(self) -> None:
        wakes, pending = self._wakes, self._pending
        due_us = min(wakes.values()) if wakes else NEVER_US
        self._horizon_us = min(due_us, pending[0][0]) if pending else due_us

    def _deliver(self, at_us: int) -> None:
        """Bring what was handed over to whoever it is for, at the very instant, in an order that depends on nothing else."""
        while self._carried:
            carried, self._carried = sorted(self._carried, key=_parcel_order), []
            for handed in carried:
                subject = account_subject(self._secret, handed.account) if handed.account else handed.subject
                self._apply(subject, handed.event, at_us)

    def _happen(self, at_us: int, _: int, action: Action | None, subject: bytes, event: Event | None) -> None:
        if action is not None:
            self._hand_over(at_us, action)
        elif event is not None:
            self._apply(subject, event, at_us)

    def _hand_over(self, at_us: int, action: Action) -> None:
        """Play the dispatcher for one action: the last checks, then the receipt at the same instant, and what comes of it later."""
        if self._open.get(action.effect) is not action:
            return
        verdict = recheck_action(self._program, self.states.get(action.subject), action, at_us)
        late = expires(action, at_us)
        if isinstance(verdict, Later) and not late:
            self._later(within_expiry(action, max(verdict.at_us, at_us + SECOND_US)), action, action.subject, None)
            return
        del self._open[action.effect]
        row = first_row(action)
        if late:
            reason = f"expired: {verdict.reason}" if isinstance(verdict, Later) else "expired before it could leave"
            self._watch.stayed(action, "expired", reason)
            self._told(finished(row, Status.EXPIRED, reason), at_us)
        elif isinstance(verdict, Refused):
            self._watch.stayed(action, verdict.rule, verdict.reason)
            self._told(finished(row, Status.REFUSED, verdict.reason), at_us)
        else:
            self._watch.left(action, at_us)
            for then_us, event in self._reacts(action, at_us):
                self._later(then_us, None, action.subject, event)
            self._told(finished(claimed(row, at_us), Status.SENT, ""), at_us)

    def _told(self, row: ActionRow, at_us: int) -> None:
        self._apply(row.action.subject, receipt_event(row, at_us), at_us)


def no_reactions(action: Action, at_us: int) -> Sequence[Reaction]:
    """Nothing comes of a message but that it was handed over."""
    return ()


def _parcel_order(handed: Handed) -> tuple[Any, ...]:
    """By who handed it over; what one subject did stays in its order."""
    identifiers = handed.event.identifiers
    return tuple(f"{kind}={identifiers[kind]}" for kind in sorted(identifiers, reverse=True))
