"""Persons and accounts: who belongs to whom, and what one hands over to the other.

No decision reads two subjects. A person knows its accounts and hands over to each the events that something on accounts takes; an
account knows who has which role in it. Both learn it from events, each of its own, and everything that one tells the other is
an event too, which the runner brings to the other subject once.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from pilotage.contract.builtin import ACCOUNT_JOINED, ACCOUNT_LEFT, CUSTOMER_GROUPED, MEMBER_JOINED, MEMBER_LEFT
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Handed
from pilotage.journey.program import Program
from pilotage.journey.work import Work
from pilotage.profile.identity import ACCOUNT_ID, account_of
from pilotage.profile.state import State, Ties

PERSON = "person"
"""The identifier under which a handed over event names the person it came from."""
SOURCE = "pilotage/person"
"""The source of the events that persons hand over."""

_encode = msgspec.json.Encoder().encode


def program_of(program: Program, accounts: Program, state: State, event: Event) -> Program:
    """The program of a subject, whatever it is: a person's or an account's. A subject of which nothing is known is what its first
    event says."""
    account = state.ties.account if state.ties is not None else account_of(event)
    return accounts if account else program


def name_account(work: Work, event: Event) -> None:
    """Have an account's state say whose it is."""
    if work.state.ties is None:
        tie(work, Ties(account_of(event)))


def tie(work: Work, ties: Ties) -> None:
    """Put new ties into the state."""
    work.state.ties = ties
    work.changed = True


def hand_over(work: Work, event: Event) -> None:
    """Bring an event of a person to each of its accounts."""
    assert work.state.ties is not None
    for account in sorted(work.state.ties.accounts):
        tell_account(work, account, event, event.type, event.data)


def tell_account(work: Work, account: str, cause: Event, kind: str, data: bytes) -> None:
    """Have an account told of something that an event of this person led to."""
    person = work.state.subject.hex()
    event_id = key128(work.state.subject, account, f"{cause.source}/{cause.id}", kind).hex()
    identifiers = {ACCOUNT_ID: account, PERSON: person}
    work.hand(Handed(Event(event_id, SOURCE, kind, cause.occurred_us, data, identifiers, cause.traceparent), account))


def _join(work: Work, event: Event, payload: Any) -> None:
    """The person belongs to an account from now on, or has one more role there."""
    account, role = _named(event, payload)
    ties = work.state.ties or Ties()
    known = ties.accounts.get(account)
    if known is not None and (not role or role in known):
        return
    tie(work, replace(ties, accounts={**ties.accounts, account: sorted({*(known or ()), *((role,) if role else ())})}))
    _tell_membership(work, account, event, MEMBER_JOINED, role)


def _leave(work: Work, event: Event, payload: Any) -> None:
    """The person has a role in an account no more; without a role, belongs to it no more."""
    account, role = _named(event, payload)
    ties = work.state.ties or Ties()
    known = ties.accounts.get(account)
    if known is None or (role and role not in known):
        return
    others = {name: roles for name, roles in ties.accounts.items() if name != account}
    tie(work, replace(ties, accounts={**others, account: [each for each in known if each != role]} if role else others))
    _tell_membership(work, account, event, MEMBER_LEFT, role)


def _named(event: Event, payload: Any) -> tuple[str, str]:
    account = payload.group_id if event.type == CUSTOMER_GROUPED else payload.account
    return account, getattr(payload, "role", None) or ""


def _tell_membership(work: Work, account: str, event: Event, kind: str, role: str) -> None:
    said = {"person": work.state.subject.hex(), **({"role": role} if role else {})}
    tell_account(work, account, event, kind, _encode(said))


def _take_on(work: Work, event: Event, payload: Any) -> None:
    """The account has somebody in a role. Members without one are not kept: nothing could pick them."""
    ties = work.state.ties
    assert ties is not None
    holders = ties.roles.get(payload.role or "", {})
    if payload.role and payload.person not in holders:
        tie(work, replace(ties, roles={**ties.roles, payload.role: {**holders, payload.person: work.now}}))


def _lose(work: Work, event: Event, payload: Any) -> None:
    """Somebody has a role in the account no more, or, without a role, none at all."""
    ties = work.state.ties
    assert ties is not None
    left = {
        role: {person: since_us for person, since_us in holders.items() if person != payload.person or payload.role not in (None, role)}
        for role, holders in ties.roles.items()
    }
    left = {role: holders for role, holders in left.items() if holders}
    if left != ties.roles:
        tie(work, replace(ties, roles=left))


def holders_of(state: State, role: str) -> list[str]:
    """The members of an account who have a role, by subject id in hex: who has had it longest comes first."""
    holders = state.ties.roles.get(role, {}) if state.ties is not None else {}
    return sorted(holders, key=lambda person: (holders[person], person))


MEMBERSHIP_TAKEN: dict[tuple[str, bool], Callable[[Work, Event, Any], None]] = {
    (ACCOUNT_JOINED, False): _join,
    (CUSTOMER_GROUPED, False): _join,
    (ACCOUNT_LEFT, False): _leave,
    (MEMBER_JOINED, True): _take_on,
    (MEMBER_LEFT, True): _lose,
}
"""What becomes of each event type that says who belongs to whom, and whether an account takes it."""
