"""One subject played against a script: events, wake-ups early, late and repeated, hand-overs and their receipts.

`Play` drives the real `advance` and the real last checks, and keeps a book of its own beside them: what the subject said
about consent, what was promised and what left, in plain Python, by which the properties judge. Every call also checks that
`advance` leaves the state it was given as it was, and that a state survives its bytes.
"""

from typing import Any

import msgspec
from hypothesis import strategies as st

from pilotage.decision.eligibility import Allowed
from pilotage.event.envelope import Event, wake_event
from pilotage.journey.advance import advance, wake_at
from pilotage.journey.outcome import Action, Decision, Outcome
from pilotage.journey.program import Program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.state import State, decode_state, encode_state
from tests.journey.scenario import DAY, HOUR, MINUTE, START
from tests.properties.plans import EVENTS, MARKETING, SERVICE

GAPS = (0, 0, 1, MINUTE, 30 * MINUTE, HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY, 7 * DAY + 1)
RECEIPTS = ("message.sent", "message.sent", "message.unknown", "message.failed", "message.expired", "message.refused")

_gap = st.sampled_from(GAPS)
_place = st.integers(0, 7)
_consent = st.tuples(st.sampled_from((MARKETING, MARKETING, SERVICE)), st.sampled_from(("email", "*")), st.booleans())
_steps = st.one_of(
    st.tuples(st.just("event"), _gap, st.sampled_from(EVENTS)),
    st.tuples(st.just("event"), _gap, st.sampled_from(("cart.added", "product.viewed", "order.placed"))),
    st.tuples(st.just("consent"), _gap, _consent),
    st.tuples(st.just("wake"), _gap, st.none()),
    st.tuples(st.just("settle"), st.just(0), st.none()),
    st.tuples(st.just("settle"), st.just(0), st.none()),
    st.tuples(st.just("hand_over"), _gap, _place),
    st.tuples(st.just("receipt"), _gap, st.tuples(_place, st.sampled_from(RECEIPTS))),
)
scripts = st.lists(_steps, min_size=5, max_size=40)
"""What happens to the subject, in order: (what, microseconds after the step before, details)."""


class Sent(msgspec.Struct):
    """A message in the book: when it was decided, when it left, and when its fate was known (0: not yet)."""

    action: Action
    decided_us: int
    left_us: int = 0
    known_us: int = 0
    fate: str = ""


class Play:
    """A subject, the clock of its script, and the book. `log` is every event it took, with the instant."""

    def __init__(self, program: Program, zone: str = "UTC", start_us: int = START) -> None:
        self.program = program
        self.now = start_us
        self.state = State(b"\x07" * 16)
        self.log: list[tuple[Event, int]] = []
        self.book: list[Sent] = []
        self.said: dict[tuple[str, str], tuple[int, bool]] = {}
        self.decisions: list[Decision] = []
        self.actions: list[Action] = []
        self.cancelled: list[bytes] = []
        self.event("customer.signed_up", email="a@example.test", country="DE", timezone=zone)

    def run(self, script: list[tuple[str, int, Any]]) -> "Play":
        """Play a script to its end."""
        for what, gap_us, details in script:
            self.now += gap_us
            if what == "event":
                self.event(details)
            elif what == "consent":
                self.consent(*details)
            elif what == "wake":
                self.take(wake_event(self.now))
            elif what == "settle":
                self.settle_next()
            elif what == "hand_over":
                self.hand_over(details)
            else:
                self.receipt(*details)
        return self

    def event(self, kind: str, **data: Any) -> None:
        """The subject does something now."""
        event = Event(f"e{len(self.log)}", "test", kind, self.now, msgspec.json.encode(data), {"user_id": "1"})
        self.log.append((event, self.now))
        self.take(event)

    def consent(self, purpose: str, channel: str, granted: bool) -> None:
        """The subject says yes or no; the book notes it, and of two words said at one instant about one thing the later."""
        self.said[purpose, channel] = (self.now, granted)
        self.event("consent.changed", purpose=purpose, channel=channel, granted=granted)

    def settle_next(self) -> None:
        """A timely wake-up: at the very instant the state asks for."""
        due_us = wake_at(self.state)
        if due_us:
            self.now = max(self.now, due_us)
            self.take(wake_event(self.now))

    def hand_over(self, place: int) -> None:
        """The dispatcher picks a message that has not left, repeats the checks, and hands it over."""
        waiting = [sent for sent in self.book if not sent.left_us and not sent.fate and sent.action.effect not in self.cancelled]
        if not waiting:
            return
        sent = waiting[place % len(waiting)]
        if self.now > sent.action.expires_us:
            return
        if isinstance(recheck_action(self.program, self.state, sent.action, self.now), Allowed):
            sent.left_us = self.now
            self.on_left(sent)

    def receipt(self, place: int, fate: str) -> None:
        """What became of a message: one that left was sent, is unknown or failed; one that did not is refused or expired."""
        left = fate in ("message.sent", "message.unknown", "message.failed")
        open_ones = [sent for sent in self.book if not sent.fate and bool(sent.left_us) is left]
        if not open_ones:
            return
        sent = open_ones[place % len(open_ones)]
        sent.fate, sent.known_us = fate, self.now
        self.event(fate, effect=sent.action.effect.hex())

    def take(self, event: Event) -> Outcome:
        """One `advance`, with what must hold of each."""
        before = encode_state(self.state)
        outcome = advance(self.program, self.state, event, self.now)
        assert encode_state(self.state) == before, "advance changed the state it was given"
        raw = encode_state(outcome.state)
        assert decode_state(raw) == outcome.state
        self.state = decode_state(raw)
        assert encode_state(self.state) == raw
        assert outcome.wake_at_us == wake_at(self.state)
        assert not 0 < outcome.wake_at_us <= self.now, "something due was left unsettled"
        self.on_advanced(outcome)
        self.decisions += outcome.decisions
        self.actions += outcome.actions
        self.cancelled += outcome.cancelled
        decided = {decision.effect: decision.at_us for decision in outcome.decisions if decision.verb == "sent"}
        for action in outcome.actions:
            if action.kind == "send":
                self.book.append(Sent(action, decided[action.effect]))
        return outcome

    def on_advanced(self, outcome: Outcome) -> None:
        """For a property to look at each outcome, before it is taken into the book."""

    def on_left(self, sent: Sent) -> None:
        """For a property to look at each message as it leaves."""


def final(play: Play) -> tuple[bytes, list[Decision], list[Action], list[bytes]]:
    """What a play came to: state, decisions, actions and cancellations, to be compared."""
    return encode_state(play.state), play.decisions, play.actions, play.cancelled
