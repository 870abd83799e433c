"""Votes: approving, rejecting and commenting, each a signature over exactly what was looked at.

A vote is signed over the digests of bundle and evidence, the proposal, the decision, the role in which it is given, and the instant.
Everybody has one vote on a proposal: a later one takes the place of an earlier one, and the author has none. A comment decides
nothing, and anybody may give one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from pilotage.audit.signature import Signer, sign, verify_signature
from pilotage.review.proposal import Proposal

PURPOSE = "review.vote"
Voice = Literal["approve", "reject", "comment"]


class Vote(msgspec.Struct, frozen=True):
    """One vote of a person in a role, with the public key that it was signed for."""

    proposal: str
    bundle: str
    evidence: str
    person: str
    role: str
    decision: Voice
    comment: str
    at_us: int
    public_key: str
    signature: str = ""


class Standing(msgspec.Struct, frozen=True):
    """Where a proposal stands: the approvals that count, the rejections, and how many of each role are still missing."""

    approvals: tuple[Vote, ...]
    rejections: tuple[Vote, ...]
    missing: dict[str, int]

    @property
    def approved(self) -> bool:
        """Whether nothing is missing and nobody is against it."""
        return not self.missing and not self.rejections


def vote_on(proposal: Proposal, person: str, public_key: str, role: str, decision: Voice, comment: str, at_us: int) -> Vote:
    """A vote that is yet to be signed."""
    return Vote(proposal.id, proposal.bundle, proposal.evidence_digest, person, role, decision, comment, at_us, public_key)


def signed_vote(vote: Vote, signer: Signer) -> Vote:
    """A vote with its signature."""
    return msgspec.structs.replace(vote, signature=sign(signer, PURPOSE, signed_value(vote)))


def signed_value(vote: Vote) -> dict[str, Any]:
    """What is signed: everything but the signature and the key."""
    said: dict[str, Any] = msgspec.to_builtins(vote)
    return {name: value for name, value in said.items() if name not in ("signature", "public_key")}


def is_signed(vote: Vote) -> bool:
    """Whether a vote's signature is that of the key it names; `BadKey` if that is no key."""
    return verify_signature(vote.public_key, PURPOSE, signed_value(vote), vote.signature)


def latest(votes: Iterable[Vote]) -> tuple[Vote, ...]:
    """The vote of everybody that counts: the last, in the order of persons."""
    found: dict[str, Vote] = {}
    for vote in votes:
        if vote.decision != "comment":
            found[vote.person] = vote
    return tuple(found[person] for person in sorted(found))


def standing(proposal: Proposal, required: Mapping[str, int], votes: Iterable[Vote]) -> Standing:
    """Where a proposal stands by the votes that were cast on exactly it, in the order cast."""
    counting = [
        vote
        for vote in latest(votes)
        if vote.person != proposal.author
        and (vote.proposal, vote.bundle, vote.evidence) == (proposal.id, proposal.bundle, proposal.evidence_digest)
    ]
    approvals = tuple(vote for vote in counting if vote.decision == "approve")
    given = {role: sum(vote.role == role for vote in approvals) for role in required}
    missing = {role: number - given[role] for role, number in sorted(required.items()) if number > given[role]}
    return Standing(approvals, tuple(vote for vote in counting if vote.decision == "reject"), missing)


def missing_text(missing: Mapping[str, int]) -> str:
    """How many approvals are missing, in words: `1 more approval by a reviewer`."""
    told = [f"{number} more approval{'' if number == 1 else 's'} in the role {role}" for role, number in missing.items()]
    return " and ".join(told)
