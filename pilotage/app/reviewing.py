"""Acts of review on a workspace and its data folder, for the command line, the API and the demo alike: each opens the ledger, checks
what stands, and adds one entry.

Whoever acts signs: a signer comes in with each act, and the private key goes nowhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pilotage.app.control import open_ledger
from pilotage.app.ruling import now_of, place_of, rules_of
from pilotage.audit.signature import Signer
from pilotage.review.ledger import Ledger
from pilotage.review.people import PersonUnknown
from pilotage.review.register import Case, Now, Register, cast, register_of
from pilotage.review.vote import Voice, Vote, signed_vote, vote_on

Clock = Callable[[], int]


class ReviewDesk(msgspec.Struct, frozen=True):
    """Where acts of review happen: a workspace, its data folder, and the clock they are dated by."""

    workspace: Path
    data: Path
    now_us: Clock


class Told(msgspec.Struct, frozen=True):
    """A case with what it is now."""

    case: Case
    state: str


@contextmanager
def ledger_at(desk: ReviewDesk, create: bool = True) -> Iterator[Ledger]:
    """The ledger of a desk, closed at the end."""
    ledger = open_ledger(desk.data, desk.now_us, create)
    try:
        yield ledger
    finally:
        ledger.close()


def standing_at(desk: ReviewDesk, ledger: Ledger) -> tuple[Register, Now]:
    """The register, and what acts are checked against now."""
    register = register_of(ledger)
    return register, now_of(desk.workspace, desk.data, register, rules_of(desk.workspace), desk.now_us())


def cases(desk: ReviewDesk) -> list[Told]:
    """All cases with what each is now, the newest first."""
    with ledger_at(desk) as ledger:
        register, now = standing_at(desk, ledger)
        return [Told(case, register.state(case, now)) for case in reversed(register.cases.values())]


def case_of(desk: ReviewDesk, name: str) -> Told:
    """The case of a proposal's id, or of how it begins; `ProposalUnknown`."""
    with ledger_at(desk) as ledger:
        register, now = standing_at(desk, ledger)
        case = register.case(name)
        return Told(case, register.state(case, now))


def vote(desk: ReviewDesk, name: str, person: str, signer: Signer, voice: Voice, role: str = "", comment: str = "") -> Told:
    """Sign a vote or a comment, and keep it. `Refusal` says why it does not count. Without a role it is given in the first that the
    person has and that is still missing."""
    with ledger_at(desk) as ledger:
        case = register_of(ledger).case(name)
        if voice != "comment" and not role:
            role = fitting_role(desk, case, person)
        drafted = vote_on(case.proposal, person, signer.public_key, role, voice, comment, desk.now_us())
        return _kept(desk, ledger, signed_vote(drafted, signer))


def take_vote(desk: ReviewDesk, signed: Vote) -> Told:
    """Keep a vote that came in signed. `Refusal` says why it does not count."""
    with ledger_at(desk) as ledger:
        return _kept(desk, ledger, signed)


def fitting_role(desk: ReviewDesk, case: Case, person: str) -> str:
    """The role in which somebody's vote is needed most: the first that is missing, else the first that is asked for."""
    found = rules_of(desk.workspace).people.find(person)
    if found is None:
        raise PersonUnknown(person, [each.id for each in rules_of(desk.workspace).people.people])
    wanted = [*case.standing.missing, *case.proposal.evidence.required, *found.roles]
    return next((role for role in wanted if role in found.roles), next(iter(case.proposal.evidence.required), ""))


def _kept(desk: ReviewDesk, ledger: Ledger, signed: Vote) -> Told:
    rules = rules_of(desk.workspace)
    now = now_of(desk.workspace, desk.data, register_of(ledger), rules, desk.now_us())
    case = cast(ledger, rules.people, signed, now)
    return Told(case, register_of(ledger).state(case, now))


def environment_of(desk: ReviewDesk) -> str:
    """The environment that a desk's workspace is bound to."""
    return place_of(desk.workspace).environment
