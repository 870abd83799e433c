"""A company of persons and accounts: several subjects on one clock, and what one hands over brought to the other at once."""

from collections import deque
from typing import Any

import msgspec

from pilotage.event.envelope import Event, wake_event
from pilotage.journey.advance import advance, wake_at
from pilotage.journey.outcome import Action, Decision, Handed
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, load
from pilotage.profile.identity import account_of, account_subject, resolve
from pilotage.profile.state import State, decode_state, encode_state
from tests.journey.scenario import PROFILE, START, ZONES, compile_documents

SECRET = b"a secret of these tests"
ROLES = ("admin", "billing")
ACCOUNTS = """
accounts:
  roles: [admin, billing]
  attributes:
    plan: {type: string, from: [account.updated.plan]}
    seats: {type: integer, from: [account.updated.seats]}
    country: {type: string, from: [customer.signed_up.country]}
"""


def plan_of(*documents: str) -> Plan:
    """The plan of documents, with accounts."""
    return compile_documents(*documents, profile=PROFILE + ACCOUNTS, roles=ROLES)


class Company:
    """Persons by user id and accounts by name. Every state is passed through its bytes, as a store would."""

    def __init__(self, *documents: str, program: Program | None = None) -> None:
        self.program = program or load(plan_of(*documents), ZONES, "test")
        self.now = START
        self.states: dict[bytes, State] = {}
        self.actions: list[Action] = []
        self.cancelled: list[bytes] = []
        self.decisions: dict[bytes, list[Decision]] = {}
        self.handed: list[Handed] = []
        self.count = 0

    def event(self, who: str, kind: str, after: int = 0, **data: Any) -> "Company":
        """An event about a person, or about an account where `who` begins with `@`, `after` microseconds from the last."""
        self.now += after
        self.count += 1
        identifiers = {"account_id": who[1:]} if who.startswith("@") else {"user_id": who}
        event = Event(f"e{self.count}", "test", kind, self.now, msgspec.json.encode(data), identifiers)
        return self.take(resolve(SECRET, event, lambda key: None).subject, event)

    def join(self, who: str, account: str, role: str = "", after: int = 0) -> "Company":
        """A person belongs to an account from now on, in a role or without."""
        return self.event(who, "account.joined", after, account=account, **({"role": role} if role else {}))

    def take(self, subject: bytes, event: Event) -> "Company":
        """Advance one subject, and whoever it hands anything over to."""
        ahead = deque([(subject, event)])
        while ahead:
            who, what = ahead.popleft()
            for each in self._advance(who, what):
                target = account_subject(SECRET, each.account) if each.account else each.subject
                assert bool(each.account) == bool(account_of(each.event))
                self.handed.append(each)
                ahead.append((target, each.event))
        return self

    def wake(self, after: int = 0) -> "Company":
        """Let time pass, everybody waking at the instants they asked for."""
        until = self.now + after
        while True:
            due = [(wake_at(state), subject) for subject, state in self.states.items() if 0 < wake_at(state) <= until]
            if not due:
                break
            self.now, subject = min(due)
            self.take(subject, wake_event(self.now))
        self.now = until
        return self

    def receipt(self, kind: str = "message.sent", action: int = -1, **data: Any) -> "Company":
        """What became of an action."""
        self.count += 1
        said = msgspec.json.encode({"effect": self.actions[action].effect.hex(), **data})
        return self.take(self.actions[action].subject, Event(f"r{self.count}", "pilotage", kind, self.now, said, {}))

    def subject(self, who: str) -> bytes:
        """The subject id of a person, or of an account where it begins with `@`."""
        identifiers = {"account_id": who[1:]} if who.startswith("@") else {"user_id": who}
        return resolve(SECRET, Event("", "", "", 0, b"{}", identifiers), lambda key: None).subject

    def state(self, who: str) -> State:
        """The state of a person or an account."""
        return self.states[self.subject(who)]

    def verbs(self, who: str) -> list[str]:
        """What was decided about somebody, in order, as `verb step`."""
        found = self.decisions.get(self.subject(who), [])
        return [f"{each.verb} {each.step}".strip() for each in found if each.verb != "refused"]

    def _advance(self, subject: bytes, event: Event) -> list[Handed]:
        state = self.states.get(subject, State(subject))
        before = encode_state(state)
        outcome = advance(self.program, state, event, self.now)
        assert encode_state(state) == before, "advance changed the state it was given"
        self.states[subject] = decode_state(encode_state(outcome.state))
        self.actions += outcome.actions
        self.cancelled += outcome.cancelled
        self.decisions.setdefault(subject, []).extend(outcome.decisions)
        return outcome.handed or []
