"""No sequence of acts reaches production with fewer approvals than policy demands: a machine tries, beside a model of its own.

The model knows the rules of review and nothing of the code: it counts who may vote, who did, and on what. After every act the two agree
on whether a release may be made.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pilotage.audit.signature import new_signer, sign
from pilotage.audit.verify import verify
from pilotage.review.proposal import Proposal
from pilotage.review.register import Refusal
from pilotage.review.vote import PURPOSE, signed_value
from tests.review.office import STAFF, Office

PEOPLE = st.sampled_from(sorted(STAFF))
ROLES = st.sampled_from(["reviewer", "council", "privacy", "operator", "owner"])
DEMANDS = {
    "low": {"reviewer": 1},
    "medium": {"reviewer": 2},
    "high": {"reviewer": 1, "privacy": 1, "council": 2},
    "emergency": {"operator": 1},
}
"""What the usual policy demands, written down once more."""


class Model:
    """What the rules say: of each proposal its author, tier, documents and last votes, and who is there with which key."""

    def __init__(self) -> None:
        self.author: dict[str, str] = {}
        self.tier: dict[str, str] = {}
        self.made_of: dict[str, tuple[dict[str, bytes], int]] = {}
        self.votes: dict[str, dict[str, tuple[str, str, int]]] = {}
        self.released: list[str] = []
        self.gone: set[str] = set()
        self.keys = dict.fromkeys(STAFF, 0)

    def fresh(self, proposal: str, files: dict[str, bytes]) -> bool:
        """Whether a proposal is of what is there, and nothing was released since."""
        return self.made_of[proposal] == (files, len(self.released))

    def may_vote(self, proposal: str, person: str, role: str, voice: str, files: dict[str, bytes]) -> bool:
        """Whether a vote counts."""
        said = self.votes[proposal].get(person)
        return (
            person not in self.gone
            and person != self.author[proposal]
            and role in STAFF[person]
            and self.fresh(proposal, files)
            and proposal not in self.released
            and (said is None or said[0] != voice)
        )

    def enough(self, proposal: str, demand: str) -> bool:
        """Whether the votes that stand are enough for a demand, counted person by person."""
        votes = self.votes[proposal]
        if any(voice == "reject" for voice, _, _ in votes.values()):
            return False
        given = {person: role for person, (voice, role, _) in votes.items() if voice == "approve" and person != self.author[proposal]}
        if any(self.keys[person] != votes[person][2] for person in given):
            return False
        return all(sum(each == role for each in given.values()) >= number for role, number in DEMANDS[demand].items())


class Review(RuleBasedStateMachine):
    """Acts in any order, right and wrong ones."""

    proposals = Bundle("proposals")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.office = Office(self.folder / "control")
        self.model = Model()

    def teardown(self) -> None:
        """The ledger verifies in the end, whatever was done."""
        assert verify(self.office.ledger.records(), self.office.ledger.signer.public_key).holds
        self.office.ledger.close()
        shutil.rmtree(self.folder)

    @initialize(target=proposals, tier=st.sampled_from(["low", "medium", "high"]))
    def begin(self, tier: str) -> Proposal:
        """There is something to decide from the start."""
        return self.made("ada", tier)

    @rule(target=proposals, author=PEOPLE, tier=st.sampled_from(["low", "medium", "high"]))
    def propose(self, author: str, tier: str) -> Any:
        """Somebody proposes what is there."""
        if author in self.model.gone:
            with pytest.raises(Refusal):
                self.office.propose(author, tier)
            return next(iter(self.office.register.cases.values())).proposal
        return self.made(author, tier)

    def made(self, author: str, tier: str) -> Proposal:
        """A proposal, noted in the model."""
        proposal = self.office.propose(author, tier)
        self.model.author[proposal.id], self.model.tier[proposal.id] = author, tier
        self.model.made_of[proposal.id] = (dict(self.office.files), len(self.model.released))
        self.model.votes[proposal.id] = {}
        return proposal

    @rule(proposal=proposals, person=PEOPLE, role=ROLES, voice=st.sampled_from(["approve", "approve", "approve", "reject"]))
    def vote(self, proposal: Proposal, person: str, role: str, voice: Any) -> None:
        """Somebody votes, in a role they may not have, on what may not be there any more."""
        if self.model.may_vote(proposal.id, person, role, voice, self.office.files):
            self.office.vote(proposal, person, role, voice)
            self.model.votes[proposal.id][person] = (voice, role, self.model.keys[person])
        elif not self.reviews(proposal):
            with pytest.raises(Refusal):
                self.office.vote(proposal, person, role, voice)

    @rule(proposal=proposals, people=st.permutations(sorted(STAFF)))
    def agree(self, proposal: Proposal, people: list[str]) -> None:
        """Everybody who may approves in a role that the proposal needs, its author among those who try."""
        for person in people[:4]:
            role = next((each for each in STAFF[person] if each in DEMANDS[self.model.tier[proposal.id]]), STAFF[person][0])
            self.vote(proposal, person, role, "approve")

    @rule(proposal=proposals)
    def approve_their_own(self, proposal: Proposal) -> None:
        """An author's vote on their own is refused, in whichever of their roles."""
        author = self.model.author[proposal.id]
        for role in STAFF[author]:
            with pytest.raises(Refusal):
                self.office.vote(proposal, author, role)

    def reviews(self, proposal: Proposal) -> bool:
        """Whether votes still count since an emergency release owes its review; they change nothing that runs."""
        return any(release.review_by_us for release in self.office.register.case(proposal.id).releases)

    @rule(proposal=proposals, person=PEOPLE, role=ROLES, what=st.sampled_from(["key", "person", "role", "digest", "signature"]))
    def forge(self, proposal: Proposal, person: str, role: str, what: str) -> None:
        """A vote that is not what its person signed never counts."""
        signed = self.office.signed(proposal, person, role)
        stranger = new_signer()
        forged = {
            "key": msgspec.structs.replace(signed, public_key=stranger.public_key, signature=sign(stranger, PURPOSE, signed_value(signed))),
            "person": msgspec.structs.replace(signed, person=next(each for each in sorted(STAFF) if each != person)),
            "role": msgspec.structs.replace(signed, role="auditor"),
            "digest": msgspec.structs.replace(signed, evidence="0" * 64),
            "signature": msgspec.structs.replace(signed, signature=sign(stranger, PURPOSE, signed_value(signed))),
        }[what]
        with pytest.raises(Refusal):
            self.office.cast(forged)

    @rule(text=st.sampled_from([b"a", b"b"]), path=st.sampled_from(["journeys/cart.yaml", "journeys/new.yaml"]))
    def edit(self, text: bytes, path: str) -> None:
        """A document becomes one of a few."""
        self.office.files[path] = text

    @rule(person=st.sampled_from(["ben", "dan"]))
    def leave(self, person: str) -> None:
        """Somebody leaves."""
        self.office.leave(person)
        self.model.gone.add(person)

    @rule(person=st.sampled_from(["cleo", "eva"]))
    def new_key(self, person: str) -> None:
        """Somebody gets another key, once."""
        if not self.model.keys[person]:
            self.office.new_key(person)
            self.model.keys[person] = 1

    @rule(proposal=proposals, person=PEOPLE, kind=st.sampled_from(["regular", "regular", "emergency", "rollback"]))
    def release(self, proposal: Proposal, person: str, kind: Any) -> None:
        """Somebody orders a release; it is made exactly if the rules allow it."""
        if self.allowed(proposal, person, kind):
            made = self.office.release(proposal, person, kind)
            self.model.released.append(proposal.id)
            assert [vote.person for vote in made.approvals] == sorted(
                each
                for each, (voice, _, _) in self.model.votes[proposal.id].items()
                if voice == "approve" and each != self.model.author[proposal.id]
            )
        else:
            with pytest.raises(Refusal):
                self.office.release(proposal, person, kind)

    def allowed(self, proposal: Proposal, person: str, kind: str) -> bool:
        """Whether the rules allow a release."""
        model, files = self.model, self.office.files
        if person in model.gone:
            return False
        operator = "operator" in STAFF[person]
        if kind == "rollback":
            made_of = model.made_of[proposal.id][0]
            return operator and proposal.id in model.released[:-1] and model.released[-1] != proposal.id and files == made_of
        demand = "emergency" if kind == "emergency" else model.tier[proposal.id]
        fresh = proposal.id not in model.released and model.fresh(proposal.id, files)
        return fresh and model.enough(proposal.id, demand) and (kind == "regular" or operator)

    @invariant()
    def nothing_runs_that_was_not_approved(self) -> None:
        """Of every release there are as many approvals as policy demands, by different people who are not its author."""
        register = self.office.register
        assert [each.proposal for each in register.releases] == self.model.released
        for release in register.releases:
            demand = "emergency" if release.kind == "emergency" else self.model.tier[release.proposal]
            people = [vote.person for vote in release.approvals]
            assert len(people) == len(set(people)) and self.model.author[release.proposal] not in people
            if release.kind != "rollback":
                for role, number in DEMANDS[demand].items():
                    assert number <= sum(vote.role == role and role in STAFF[vote.person] for vote in release.approvals)


def test_no_sequence_of_acts_reaches_production_unapproved(request: pytest.FixtureRequest) -> None:
    """Proposing, voting, forging, editing, leaving, new keys and releasing in any order: a release is made exactly when an independent
    count of approvals says that it may be."""
    cases = request.config.getoption("--cases") or 8
    run_state_machine_as_test(Review, settings=settings(max_examples=int(cases), stateful_step_count=20, deadline=None))
