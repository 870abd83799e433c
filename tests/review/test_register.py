"""Proposals and votes: who may give which, what each binds to, and that nothing is kept of what is refused."""

from pathlib import Path

import msgspec
import pytest

from pilotage.audit.signature import signer_of
from pilotage.audit.verify import verify
from pilotage.review.people import PersonUnknown
from pilotage.review.proposal import ProposalBroken
from pilotage.review.register import Now, ProposalUnknown, Refusal, RegisterBroken, propose, read_register
from pilotage.review.vote import vote_on
from tests.review.office import REASONS, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A fresh office."""
    return Office(tmp_path / "control")


def refused(office: Office, act: object, reason: str) -> None:
    """An act is refused with a reason, and the ledger has not grown."""
    assert callable(act)
    before = office.entries
    with pytest.raises(Refusal, match=reason):
        act()
    assert before == office.entries


def state(office: Office, proposal: str) -> str:
    """What a proposal is now."""
    register = office.register
    return register.state(register.case(proposal), Now("production", office.sources(register), office.now_us))


def test_a_proposal_goes_from_open_to_released(office: Office) -> None:
    """A proposal is open until the approvals of its tier are there, approved then, and released once a release was made of it; the
    ledger verifies with every signature in it."""
    proposal = office.propose()
    assert ("open", {"reviewer": 2}) == (state(office, proposal.id), office.register.case(proposal.id).standing.missing)
    office.approve(proposal, ben="reviewer")
    assert ("open", {"reviewer": 1}) == (state(office, proposal.id), office.register.case(proposal.id[:6]).standing.missing)
    office.approve(proposal, cleo="reviewer")
    assert "approved" == state(office, proposal.id)
    release = office.release(proposal)
    assert "released" == state(office, proposal.id)
    assert [release] == office.stored == list(office.register.releases)
    assert verify(office.ledger.records(), office.ledger.signer.public_key).holds


def test_a_refused_proposal_is_kept_and_cannot_be_approved(office: Office) -> None:
    """A proposal whose gates failed is kept with the reasons, and nobody can vote on it."""
    proposal = office.propose(refusals=("journeys/cart.yaml:1: error J012 unknown step",))
    assert "refused" == state(office, proposal.id)
    refused(office, lambda: office.vote(proposal, "ben", "reviewer"), "gates of .* failed: journeys/cart.yaml:1: error J012")
    refused(office, lambda: office.release(proposal), "gates of .* failed")


def test_nobody_approves_their_own(office: Office) -> None:
    """The author's vote is refused, whatever roles the author has."""
    proposal = office.propose("ada")
    refused(office, lambda: office.vote(proposal, "ada", "reviewer"), "ada is the author")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"role": "council"}, "ben does not have the role council"),
        ({"role": ""}, "does not say in which role|signature is not"),
        ({"comment": "altered"}, "the signature is not that of ben"),
        ({"person": "cleo"}, "not signed with the key of cleo"),
        ({"bundle": "0" * 64}, "the signature is not that of ben"),
        ({"signature": "0" * 128}, "the signature is not that of ben"),
        ({"signature": "no signature"}, "the signature is not that of ben"),
        ({"public_key": signer_of(b"m" * 32).public_key}, "not signed with the key of ben"),
        ({"person": "nobody"}, "'nobody' is not in people.yaml"),
    ],
)
def test_a_vote_that_is_not_as_signed_is_refused(office: Office, change: dict[str, str], reason: str) -> None:
    """Whatever is changed in a signed vote, it is refused with the reason, and nothing is kept of it."""
    proposal = office.propose()
    altered = msgspec.structs.replace(office.signed(proposal, "ben", "reviewer"), **change)
    refused(office, lambda: office.cast(altered), reason)


def test_whoever_left_cannot_vote(office: Office) -> None:
    """A person who left has no vote, and what they approved before counts."""
    proposal = office.propose()
    office.approve(proposal, ben="reviewer")
    office.leave("ben")
    office.leave("cleo")
    refused(office, lambda: office.vote(proposal, "cleo", "reviewer"), "cleo left on 2026-01-01")
    office.approve(proposal, eva="reviewer")
    assert ["ben", "eva"] == [vote.person for vote in office.release(proposal).approvals]


def test_a_key_put_into_people_yaml_by_hand_signs_nothing(office: Office) -> None:
    """A key that the ledger never gave to somebody is refused, however well it signs."""
    proposal = office.propose()
    office.signers["ben"] = signer_of(b"forged key of ben".ljust(32, b"\0"))
    office.change("ben", public_key=office.signers["ben"].public_key)
    refused(office, lambda: office.vote(proposal, "ben", "reviewer"), "not the one in the ledger")


def test_everybody_has_one_vote(office: Office) -> None:
    """The same vote twice is refused; another one takes the place of the first, and a rejection stands until it is taken back."""
    proposal = office.propose()
    office.approve(proposal, ben="reviewer")
    refused(office, lambda: office.vote(proposal, "ben", "reviewer"), "ben has voted so already")
    office.vote(proposal, "ben", "reviewer", "reject")
    office.approve(proposal, cleo="reviewer", eva="reviewer")
    assert "rejected" == state(office, proposal.id)
    refused(office, lambda: office.release(proposal), "is rejected by ben")
    office.vote(proposal, "ben", "reviewer")
    assert "approved" == state(office, proposal.id)


def test_an_old_vote_cannot_be_played_again(office: Office) -> None:
    """An approval that its person took back does not come back by sending it once more."""
    proposal = office.propose()
    case = office.vote(proposal, "ben", "reviewer")
    office.vote(proposal, "ben", "reviewer", "reject")
    refused(office, lambda: office.cast(case.votes[0]), "you voted already")


def test_a_clock_that_goes_back_is_seen(office: Office) -> None:
    """A vote dated before its proposal, or in the future, is refused with the cure."""
    proposal = office.propose()
    office.now_us -= 3 * 3_600_000_000
    refused(office, lambda: office.vote(proposal, "ben", "reviewer"), "set the clock right")
    office.now_us += 3 * 3_600_000_000
    late = vote_on(proposal, "ben", office.signers["ben"].public_key, "reviewer", "approve", "", office.now_us + 3_600_000_000)
    refused(office, lambda: office.cast(late), "the signature|still to come")


def test_a_changed_document_voids_what_was_said(office: Office) -> None:
    """One byte of one document changed: the proposal is stale, votes on it are refused, and the document is named."""
    proposal = office.propose()
    office.approve(proposal, ben="reviewer")
    office.edit("policies/contact.yaml", b" ")
    assert "stale" == state(office, proposal.id)
    refused(office, lambda: office.vote(proposal, "cleo", "reviewer"), r"stale: policies/contact\.yaml was changed")
    refused(office, lambda: office.release(proposal), r"stale: policies/contact\.yaml was changed")


def test_what_stands_beside_documents_matters(office: Office) -> None:
    """Another policy, other waivers and another release since make evidence stale, each by name."""
    proposal, other = office.propose(), office.propose("ben", "low")
    office.waivers = "1" * 64
    refused(office, lambda: office.vote(proposal, "cleo", "reviewer"), "the waivers were changed")
    office.waivers = "0" * 64
    office.approve(other, cleo="reviewer")
    office.release(other)
    assert "superseded" == state(office, proposal.id)
    refused(office, lambda: office.vote(proposal, "cleo", "reviewer"), "another release came into force since")
    office.policy = msgspec.structs.replace(office.policy, many=7)
    refused(office, lambda: office.vote(proposal, "cleo", "reviewer"), "the review policy was changed")


def test_comments_decide_nothing(office: Office) -> None:
    """Anybody with a key may comment, the author too; it is signed and kept, and no vote."""
    proposal = office.propose()
    office.vote(
        proposal,
        "ada",
        "",
        "comment",
    )
    office.vote(proposal, "dan", "", "comment")
    case = office.register.case(proposal.id)
    assert [("ada", "comment"), ("dan", "comment")] == [(vote.person, vote.decision) for vote in case.votes]
    assert {"reviewer": 2} == case.standing.missing
    office.approve(proposal, ben="reviewer")
    assert {"reviewer": 1} == office.register.case(proposal.id).standing.missing


def test_a_proposal_binds_its_author_and_its_evidence(office: Office) -> None:
    """A proposal altered in any part, or signed by another, is refused, and the same one is made once."""
    proposal = office.propose()
    before = office.entries
    altered = msgspec.structs.replace(proposal, reasons=msgspec.structs.replace(REASONS, intent="something else"))
    for broken in (
        altered,
        msgspec.structs.replace(proposal, author="ben"),
        msgspec.structs.replace(proposal, signature="0" * 128),
        msgspec.structs.replace(proposal, evidence=msgspec.structs.replace(proposal.evidence, required={})),
    ):
        with pytest.raises(ProposalBroken):
            propose(office.ledger, office.people, broken, office.now_us)
    with pytest.raises(Refusal, match="was made already"):
        propose(office.ledger, office.people, proposal, office.now_us)
    assert before == office.entries


def test_names_that_mean_nothing_are_told(office: Office) -> None:
    """An id that no proposal begins with, or two do, is told as such."""
    with pytest.raises(ProposalUnknown, match="pilotage review list"):
        office.register.case("ffff")
    with pytest.raises(ProposalUnknown):
        office.register.case("")
    with pytest.raises(PersonUnknown):
        office.people.of("zoe")


def test_an_altered_entry_is_seen(office: Office) -> None:
    """Whoever alters a vote in the database is found out before anything is decided by it."""
    proposal = office.propose()
    office.approve(proposal, ben="reviewer")
    entries = list(office.ledger.read())
    forged = [
        msgspec.structs.replace(entry, data={**entry.data, "vote": {**entry.data["vote"], "person": "cleo"}})
        if "vote" in entry.data
        else entry
        for entry in entries
    ]
    with pytest.raises(RegisterBroken, match="was altered"):
        read_register(forged)
