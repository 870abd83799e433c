"""Proposing a change and minting a release: the two acts of review that look at the whole workspace."""

from collections import Counter

import msgspec

from pilotage.app.bundling import keep_release
from pilotage.app.evidencing import evidence_of, look, present_of
from pilotage.app.reviewing import ReviewDesk, Told, environment_of, ledger_at, standing_at
from pilotage.app.ruling import base_of
from pilotage.audit.signature import Signer
from pilotage.review.minting import mint, next_sequence
from pilotage.review.proposal import Reasons, propose_signed
from pilotage.review.register import Case, Register, propose, register_of
from pilotage.review.release import Kind, Order, Release, ordered


class Ordered(msgspec.Struct, frozen=True):
    """What a release is asked for: which proposal, of what kind, and why."""

    proposal: str
    kind: Kind = "regular"
    reason: str = ""


def make_proposal(desk: ReviewDesk, author: str, signer: Signer, reasons: Reasons, under_way: Counter[str]) -> Told:
    """Propose what the workspace is now; what came of it. `under_way` says how many people are in each journey."""
    at_us = desk.now_us()
    looked = look(desk.workspace, at_us)
    with ledger_at(desk) as ledger:
        register, environment = register_of(ledger), environment_of(desk)
        base = base_of(register, environment, desk.data)
        evidence = evidence_of(looked, base, desk.data, under_way, at_us, register.policies.get(environment))
        proposal = propose_signed(author, signer, at_us, reasons, evidence)
        propose(ledger, looked.rules.people, proposal, at_us)
        register, now = standing_at(desk, ledger)
        case = register.case(proposal.id)
        return Told(case, register.state(case, now))


def order_of(desk: ReviewDesk, register: Register, person: str, signer: Signer, asked: Ordered) -> Order:
    """The signed order of a release."""
    environment = environment_of(desk)
    case: Case = register.case(asked.proposal)
    sequence = next_sequence(register, environment)
    bare = Order(case.proposal.id, environment, asked.kind, sequence, person, asked.reason, signer.public_key)
    return ordered(bare, signer)


def make_release(desk: ReviewDesk, person: str, signer: Signer, asked: Ordered) -> Release:
    """Mint a release of an approved proposal. `Refusal` says what keeps it from being one."""
    at_us = desk.now_us()
    looked = look(desk.workspace, at_us)
    with ledger_at(desk) as ledger:
        register = register_of(ledger)
        order = order_of(desk, register, person, signer, asked)
        base, in_force = base_of(register, order.environment, desk.data), register.policies.get(order.environment)
        present = present_of(looked, base, at_us, in_force)
        return mint(ledger, ledger.signer, present, order, lambda made: keep_release(desk.data, made), at_us)
