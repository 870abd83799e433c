"""A proposal: what somebody wants to change and why, what they expect of it, how it is undone, and the evidence.

It is named by a hash of all that, signed by its author, and never changed: whoever changes a document makes another proposal.
"""

from typing import Any

import msgspec

from pilotage.audit.canonical import digest_of
from pilotage.audit.signature import Signer, sign, verify_signature
from pilotage.review.evidence import Evidence

PURPOSE = "review.proposal"
ID_DIGITS = 16


class Reasons(msgspec.Struct, frozen=True):
    """What the author says: what is wanted and why, the hypothesis, the effect expected, and how to go back."""

    intent: str
    hypothesis: str
    effect: str
    rollback: str


class Proposal(msgspec.Struct, frozen=True):
    """One proposal. `id` is the beginning of the hash of everything but the signature."""

    id: str
    author: str
    at_us: int
    reasons: Reasons
    evidence: Evidence
    evidence_digest: str
    public_key: str
    signature: str = ""

    @property
    def bundle(self) -> str:
        """The digest of the bundle it is about."""
        return self.evidence.sources.bundle

    @property
    def refused(self) -> bool:
        """Whether its gates failed, so that it cannot be reviewed."""
        return bool(self.evidence.refusals)


class ProposalBroken(ValueError):
    """A proposal is not what its id or its author's signature say. It was altered; make it again with `pilotage propose`."""

    def __init__(self, proposal: str, reason: str) -> None:
        super().__init__(f"proposal {proposal}: {reason}; make it again with 'pilotage propose'")


def unsigned(author: str, public_key: str, at_us: int, reasons: Reasons, evidence: Evidence) -> Proposal:
    """A proposal that its author has yet to sign."""
    made = Proposal("", author, at_us, reasons, evidence, evidence.digest, public_key)
    return msgspec.structs.replace(made, id=_name(made))


def signed(proposal: Proposal, signer: Signer) -> Proposal:
    """A proposal with its author's signature."""
    return msgspec.structs.replace(proposal, signature=sign(signer, PURPOSE, signed_value(proposal)))


def propose_signed(author: str, signer: Signer, at_us: int, reasons: Reasons, evidence: Evidence) -> Proposal:
    """A proposal made and signed by its author."""
    return signed(unsigned(author, signer.public_key, at_us, reasons, evidence), signer)


def signed_value(proposal: Proposal) -> dict[str, Any]:
    """What the author signs."""
    return {"proposal": _name(proposal, whole=True), "author": proposal.author, "evidence": proposal.evidence_digest}


def check_proposal(proposal: Proposal) -> None:
    """Raise `ProposalBroken` where a proposal was altered."""
    if proposal.id != _name(proposal):
        raise ProposalBroken(proposal.id, "it is not what its id says")
    if proposal.evidence_digest != proposal.evidence.digest:
        raise ProposalBroken(proposal.id, "its evidence is not what its digest says")
    if not verify_signature(proposal.public_key, PURPOSE, signed_value(proposal), proposal.signature):
        raise ProposalBroken(proposal.id, f"its signature is not that of {proposal.author}")


def _name(proposal: Proposal, *, whole: bool = False) -> str:
    said = msgspec.to_builtins(msgspec.structs.replace(proposal, id="", signature=""))
    return digest_of(said) if whole else digest_of(said)[:ID_DIGITS]
