"""An office for tests of review: people with keys, a ledger on disk, documents that may be edited, and the acts of review on them.

Nothing is compiled: a bundle is the digest of its documents, and the gates find what the test says they find.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from pilotage.audit.keys import PERSON_ADDED, PERSON_KEY_CHANGED
from pilotage.audit.signature import Signer, signer_of
from pilotage.event.time import HOUR_US, parse_instant_us
from pilotage.review.bundle import Bundle, bundle_of
from pilotage.review.evidence import Evidence, Sources
from pilotage.review.ledger import Ledger
from pilotage.review.minting import Present, mint, next_sequence
from pilotage.review.people import People, Person
from pilotage.review.policy import USUAL, ReviewPolicy
from pilotage.review.proposal import Proposal, Reasons, propose_signed
from pilotage.review.register import Case, Now, Register, cast, propose, register_of
from pilotage.review.release import Kind, Order, Release, ordered
from pilotage.review.risk import Risk, tier_named
from pilotage.review.vote import Voice, Vote, signed_vote, vote_on

BEGUN_US = parse_instant_us("2026-03-02T08:00:00Z")
REASONS = Reasons("remind sooner", "carts are cold after four hours", "five per cent more orders", "the release before")
STAFF = {
    "ada": ("owner", "reviewer"),
    "ben": ("reviewer",),
    "cleo": ("privacy", "reviewer"),
    "dan": ("council",),
    "eva": ("council", "reviewer"),
    "olga": ("operator",),
}


class Office:
    """One workspace's review. `files` are its documents, `blocking` why its gates fail."""

    def __init__(self, folder: Path, policy: ReviewPolicy = USUAL) -> None:
        self.now_us = BEGUN_US
        self.policy = policy
        self.files = {"journeys/cart.yaml": b"name: cart\n", "policies/contact.yaml": b"name: contact\n"}
        self.blocking: tuple[str, ...] = ()
        self.waivers = "0" * 64
        self.signers: dict[str, Signer] = {}
        self.people = People()
        self.stored: list[Release] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(folder, signer_of(bytes(32)), lambda: self.now_us)
        for name, roles in STAFF.items():
            self.add(name, roles)

    def add(self, name: str, roles: Iterable[str]) -> None:
        """Add a person with a key that the ledger knows."""
        signer = signer_of(name.encode().ljust(32, b"\0"))
        self.signers[name] = signer
        self.people = People((*self.people.people, Person(name, name.title(), "", tuple(roles), (), signer.public_key)))
        self.ledger.append("root", PERSON_ADDED, f"person:{name}", {"public_key": signer.public_key})

    def change(self, name: str, **fields: Any) -> None:
        """Change what people.yaml says of somebody."""
        self.people = People(tuple(msgspec.structs.replace(each, **fields) if each.id == name else each for each in self.people.people))

    def leave(self, name: str) -> None:
        """Somebody left long ago."""
        self.change(name, left=date(2026, 1, 1))

    def new_key(self, name: str) -> None:
        """Give somebody another key, in people.yaml and the ledger."""
        signer = signer_of(f"{name} again".encode().ljust(32, b"\0"))
        self.signers[name] = signer
        self.change(name, public_key=signer.public_key)
        self.ledger.append("root", PERSON_KEY_CHANGED, f"person:{name}", {"public_key": signer.public_key})

    def edit(self, path: str = "journeys/cart.yaml", text: bytes = b"# one byte more\n") -> None:
        """Change a document."""
        self.files[path] = self.files.get(path, b"") + text

    @property
    def bundle(self) -> Bundle:
        """The bundle of the documents as they are."""
        return bundle_of("ab" * 32, self.files)

    def sources(self, register: Register) -> Sources:
        """What evidence is read from now."""
        newest = register.newest("production")
        return Sources(self.bundle.digest, self.bundle.documents, newest.bundle if newest else "", self.policy.digest, self.waivers)

    def evidence(self, tier: str, refusals: tuple[str, ...] = ()) -> Evidence:
        """Evidence of a change in a tier."""
        found = tier_named(self.policy, tier)
        return Evidence(
            sources=self.sources(register_of(self.ledger)),
            changes=[{"how": "changed", "kind": "journey", "name": "cart"}],
            effects=[],
            findings=(),
            tests={"tests": 3, "failed": 0},
            under_way={"cart": 12},
            owners=(),
            risk=Risk(tier, found.points, ()),
            required=found.approvals,
            within_us=found.within_us,
            absent=("rehearsal", "proofs"),
            refusals=refusals,
        )

    def propose(self, author: str = "ada", tier: str = "medium", refusals: tuple[str, ...] = ()) -> Proposal:
        """Propose what the documents are now."""
        self.tick()
        proposal = propose_signed(author, self.signers[author], self.now_us, REASONS, self.evidence(tier, refusals))
        propose(self.ledger, self.people, proposal, self.now_us)
        return proposal

    def signed(self, proposal: Proposal, person: str, role: str, voice: Voice = "approve") -> Vote:
        """A signed vote, an hour later."""
        self.tick()
        signer = self.signers[person]
        return signed_vote(vote_on(proposal, person, signer.public_key, role, voice, "so", self.now_us), signer)

    def vote(self, proposal: Proposal, person: str, role: str, voice: Voice = "approve") -> Case:
        """Vote."""
        return self.cast(self.signed(proposal, person, role, voice))

    def cast(self, vote: Vote) -> Case:
        """Keep a signed vote."""
        now = Now("production", self.sources(register_of(self.ledger)), self.now_us)
        return cast(self.ledger, self.people, vote, now)

    def approve(self, proposal: Proposal, **roles: str) -> None:
        """Have people approve, each in a role."""
        for person, role in roles.items():
            self.vote(proposal, person, role)

    def order(self, proposal: Proposal, person: str, kind: Kind = "regular", reason: str = "because") -> Order:
        """A signed order."""
        signer = self.signers[person]
        sequence = next_sequence(register_of(self.ledger), "production")
        return ordered(Order(proposal.id, "production", kind, sequence, person, reason, signer.public_key), signer)

    def present(self) -> Present:
        """What is so now."""
        return self.present_by(self.ledger)

    def present_by(self, ledger: Ledger) -> Present:
        """What is so now, by a ledger that is opened once more."""
        return Present(self.bundle, self.sources(register_of(ledger)), self.blocking, self.policy, self.people)

    def release(self, proposal: Proposal, person: str = "olga", kind: Kind = "regular", reason: str = "because") -> Release:
        """Mint a release."""
        self.tick()
        return self.mint(self.order(proposal, person, kind, reason))

    def mint(self, order: Order) -> Release:
        """Mint what was ordered."""
        return mint(self.ledger, self.ledger.signer, self.present(), order, self.stored.append, self.now_us)

    @property
    def register(self) -> Register:
        """Everything as it stands."""
        return register_of(self.ledger)

    @property
    def entries(self) -> int:
        """How many entries the ledger has."""
        return sum(1 for _ in self.ledger.read())

    def tick(self, us: int = HOUR_US) -> None:
        """Let time pass."""
        self.now_us += us
