"""The register: proposals, votes and releases, read from the ledger's entries and added to them, each act in one transaction.

There is no second copy that could differ: an act of review is an entry, and what stands is what the entries come to. Every act is
checked inside the transaction that adds it, so two people acting at once never act on different states.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from pilotage.audit.entry import Entry, digest_of_entry
from pilotage.audit.keys import PERSON_ADDED, PERSON_KEY_CHANGED, SIGNED, Keys
from pilotage.event.time import MINUTE_US, instant_text, moment
from pilotage.review import proposal as proposals
from pilotage.review import vote as votes
from pilotage.review.evidence import Sources, stale
from pilotage.review.ledger import Ledger, Transaction
from pilotage.review.people import People, Person
from pilotage.review.policy import ReviewPolicy
from pilotage.review.proposal import Proposal, check_proposal
from pilotage.review.release import Release
from pilotage.review.vote import Standing, Vote, missing_text, standing

MADE, REFUSED, APPROVED, REJECTED, COMMENTED = (
    "proposal.made",
    "proposal.refused",
    "proposal.approved",
    "proposal.rejected",
    "proposal.commented",
)
ACTS = {"approve": APPROVED, "reject": REJECTED, "comment": COMMENTED}
MINTED, EFFECTIVE = "release.minted", "release.effective"
ACTS_READ = ("person.", "proposal.", "release.")
AHEAD_US = 5 * MINUTE_US
"""How far ahead of the ledger's clock a vote may be dated."""


class Refusal(RuntimeError):
    """An act of review is not allowed: `reason` says why, `cure` what to do. Nothing was changed."""

    def __init__(self, reason: str, cure: str = "") -> None:
        super().__init__(f"{reason}; {cure}" if cure else reason)
        self.reason = reason
        self.cure = cure


class ProposalUnknown(LookupError):
    """There is no proposal of this id. `pilotage review list` shows all."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no proposal {name!r}, or more than one begins so; 'pilotage review list' shows all")


class RegisterBroken(RuntimeError):
    """An entry of review in the ledger was altered. Run `pilotage audit verify`, and restore the ledger from a backup."""


class Case(msgspec.Struct, frozen=True):
    """A proposal with all votes and comments on it, in the order given, and the releases it led to."""

    proposal: Proposal
    votes: tuple[Vote, ...] = ()
    releases: tuple[Release, ...] = ()

    @property
    def standing(self) -> Standing:
        """Where it stands by all votes."""
        return standing(self.proposal, self.proposal.evidence.required, self.votes)


class Now(msgspec.Struct, frozen=True):
    """What acts are checked against beside the register: the environment, what evidence would be read from there now, the instant."""

    environment: str
    sources: Sources
    at_us: int


class Effective(msgspec.Struct, frozen=True):
    """A release that a runner put in force, and the name under which its plan came into force."""

    release: int
    digest: str
    plan: str
    at_us: int


class Register(msgspec.Struct, frozen=True):
    """Everything, in the order it happened. `keys` are the public keys that the ledger gave to people, `policies` the review policies
    that the newest release of each environment went out under."""

    cases: dict[str, Case]
    keys: dict[str, str] = {}
    releases: tuple[Release, ...] = ()
    effective: tuple[Effective, ...] = ()
    policies: dict[str, ReviewPolicy] = {}

    def case(self, name: str) -> Case:
        """The case of an id, or of how it begins; `ProposalUnknown`."""
        found = [case for id, case in self.cases.items() if name and id.startswith(name)]
        if len(found) != 1:
            raise ProposalUnknown(name)
        return found[0]

    def newest(self, environment: str) -> Release | None:
        """The newest release of an environment."""
        return next((each for each in reversed(self.releases) if each.environment == environment), None)

    def state(self, case: Case, now: Now) -> str:
        """What a proposal is: refused, released, superseded, stale, rejected, approved or open."""
        proposal = case.proposal
        if proposal.refused:
            return "refused"
        if case.releases:
            newest = self.newest(now.environment)
            return "released" if newest is not None and newest.proposal == proposal.id else "superseded"
        if proposal.evidence.sources.base != now.sources.base:
            return "superseded"
        if stale(proposal.evidence, now.sources):
            return "stale"
        stands = case.standing
        return "rejected" if stands.rejections else "approved" if stands.approved else "open"

    def owed(self, now_us: int) -> tuple[tuple[Release, bool], ...]:
        """Emergency releases whose review is not done, each with whether it is overdue."""
        found = []
        for release in self.releases:
            if release.review_by_us and not self.cases[release.proposal].standing.approved:
                found.append((release, now_us > release.review_by_us))
        return tuple(found)


def read_register(entries: Iterable[Entry]) -> Register:
    """The register that entries come to; `RegisterBroken` where one of them was altered."""
    cases: dict[str, Case] = {}
    known = Keys()
    releases: list[Release] = []
    effective: list[Effective] = []
    policies: dict[str, ReviewPolicy] = {}
    for entry in entries:
        if entry.act not in _READERS and entry.act not in (MINTED, EFFECTIVE, PERSON_ADDED, PERSON_KEY_CHANGED):
            continue
        if digest_of_entry(entry) != entry.digest:
            raise RegisterBroken(f"entry {entry.sequence} of the ledger was altered; run 'pilotage audit verify', and restore the ledger")
        known.see(entry)
        if entry.act == MINTED:
            release = msgspec.convert(entry.data["release"], Release)
            releases.append(release)
            policies[release.environment] = msgspec.convert(entry.data["policy"], ReviewPolicy)
            case = cases[release.proposal]
            cases[release.proposal] = msgspec.structs.replace(case, releases=(*case.releases, release))
        elif entry.act == EFFECTIVE:
            effective.append(msgspec.convert(entry.data, Effective))
        elif entry.act in _READERS:
            _READERS[entry.act](cases, entry)
    return Register(cases, dict(known.people), tuple(releases), tuple(effective), policies)


def _read_proposal(cases: dict[str, Case], entry: Entry) -> None:
    proposal = msgspec.convert(entry.data["proposal"], Proposal)
    cases[proposal.id] = Case(proposal)


def _read_vote(cases: dict[str, Case], entry: Entry) -> None:
    vote = msgspec.convert(entry.data["vote"], Vote)
    case = cases[vote.proposal]
    cases[vote.proposal] = msgspec.structs.replace(case, votes=(*case.votes, vote))


_READERS = {MADE: _read_proposal, REFUSED: _read_proposal, APPROVED: _read_vote, REJECTED: _read_vote, COMMENTED: _read_vote}


def register_of(ledger: Ledger) -> Register:
    """The register as it stands."""
    with ledger.view() as session:
        return read_register(entry for acts in ACTS_READ for entry in session.entries(act=acts))


def register_in(transaction: Transaction) -> Register:
    """The register as it stands inside a transaction: nobody else changes it until that ends."""
    return read_register(entry for acts in ACTS_READ for entry in transaction.entries(acts))


def signatory(people: People, keys: Mapping[str, str], person: str, public_key: str, day: date, role: str = "") -> Person:
    """Somebody who may sign on a day, in a role, with the key that people.yaml and the ledger (`keys`) agree on; `Refusal` says why not."""
    found = people.find(person)
    if found is None:
        raise Refusal(f"{person!r} is not in people.yaml", "add them with 'pilotage person add'")
    if not found.is_here(day):
        raise Refusal(f"{person} left on {found.left}", "ask somebody else")
    if not found.public_key:
        raise Refusal(f"{person} has no public key", "make one with 'pilotage person add --new-key'")
    if found.public_key != public_key:
        raise Refusal(f"this is not signed with the key of {person} in people.yaml", "sign with that key, or put the new one there")
    if keys.get(person) != public_key:
        told = f"the key of {person} in people.yaml is not the one in the ledger: it was put there by hand"
        raise Refusal(told, "give them a key with 'pilotage person add --new-key'")
    if role and role not in found.roles:
        has = ", ".join(found.roles) or "none"
        raise Refusal(f"{person} does not have the role {role} (has: {has})", "ask somebody who has, or give it in people.yaml")
    return found


def propose(ledger: Ledger, people: People, proposal: Proposal, now_us: int) -> Entry:
    """Keep a proposal, as made or, where its gates failed, as refused. `Refusal` where its author may not propose."""
    check_proposal(proposal)
    with ledger.transaction() as transaction:
        register = register_in(transaction)
        signatory(people, register.keys, proposal.author, proposal.public_key, moment(now_us).date())
        if proposal.id in register.cases:
            raise Refusal(f"proposal {proposal.id} was made already", "look at it with 'pilotage review show'")
        act = REFUSED if proposal.refused else MADE
        data: dict[str, Any] = {"proposal": msgspec.to_builtins(proposal), SIGNED: _signed_proposal(proposal)}
        return transaction.append(proposal.author, act, f"proposal:{proposal.id}", data)


def cast(ledger: Ledger, people: People, vote: Vote, now: Now) -> Case:
    """Keep a vote, checked against people and what stands inside the transaction that keeps it; the case as it then is.
    `Refusal` says why a vote does not count; nothing is kept then."""
    with ledger.transaction() as transaction:
        register = register_in(transaction)
        case = register.case(vote.proposal)
        _check_vote(case, people, register.keys, vote, now)
        transaction.append(
            vote.person, ACTS[vote.decision], f"proposal:{vote.proposal}", {"vote": msgspec.to_builtins(vote), SIGNED: _signed_vote(vote)}
        )
        return msgspec.structs.replace(case, votes=(*case.votes, vote))


def _check_vote(case: Case, people: People, keys: Mapping[str, str], vote: Vote, now: Now) -> None:
    proposal = case.proposal
    check_proposal(proposal)
    signatory(people, keys, vote.person, vote.public_key, moment(now.at_us).date(), vote.role)
    if not votes.is_signed(vote):
        raise Refusal(f"the signature is not that of {vote.person}", "sign again, with the key in people.yaml")
    if (vote.bundle, vote.evidence) != (proposal.bundle, proposal.evidence_digest):
        raise Refusal("the vote is for another bundle or other evidence than the proposal's", "look at the proposal again and sign that")
    _check_date(case, vote, now.at_us)
    if vote.decision == "comment":
        if not vote.comment.strip():
            raise Refusal("the comment says nothing", "write what you think")
        return
    if not vote.role:
        raise Refusal(f"{vote.person} does not say in which role", "name one that the proposal needs")
    if vote.person == proposal.author:
        raise Refusal(f"{vote.person} is the author of {proposal.id}, and nobody votes on what is their own", "ask somebody else")
    _check_open(case, now)


def _check_open(case: Case, now: Now) -> None:
    proposal = case.proposal
    if proposal.refused:
        raise Refusal(f"the gates of {proposal.id} failed: {proposal.evidence.refusals[0]}", "correct it and propose again")
    if any(release.review_by_us for release in case.releases) and not case.standing.approved:
        return  # the review that an emergency release owes
    if case.releases:
        raise Refusal(f"{proposal.id} is released already", "there is nothing left to decide")
    changed = stale(proposal.evidence, now.sources)
    if changed:
        raise Refusal(f"the evidence of {proposal.id} is stale: {'; '.join(changed)}", "propose again what is to run")


def _signed_proposal(proposal: Proposal) -> dict[str, Any]:
    """A proposal's signature as the ledger's verifier reads it."""
    signed = {"purpose": proposals.PURPOSE, "value": proposals.signed_value(proposal)}
    return {**signed, "public_key": proposal.public_key, "signature": proposal.signature}


def _signed_vote(vote: Vote) -> dict[str, Any]:
    """A vote's signature as the ledger's verifier reads it."""
    signed = {"purpose": votes.PURPOSE, "value": votes.signed_value(vote)}
    return {**signed, "public_key": vote.public_key, "signature": vote.signature}


def _check_date(case: Case, vote: Vote, now_us: int) -> None:
    """A vote is dated after what it is about and what it takes the place of, so that no old one can be played again."""
    before = next((each for each in reversed(case.votes) if each.person == vote.person), None)
    earliest_us = max(case.proposal.at_us, before.at_us + 1 if before is not None else 0)
    if vote.at_us < earliest_us:
        reason = f"the vote is dated {instant_text(vote.at_us)}, before {instant_text(earliest_us)}"
        raise Refusal(f"{reason}, when there was nothing to vote on yet or you voted already", "set the clock right and vote again")
    if vote.at_us > now_us + AHEAD_US:
        raise Refusal(f"the vote is dated {instant_text(vote.at_us)}, which is still to come", "set the clock right and vote again")
    if before is not None and before.decision == vote.decision != "comment":
        raise Refusal(f"{vote.person} has voted so already", f"it stands: {missing_text(case.standing.missing) or 'nothing is missing'}")
