"""Minting: what must hold for a proposal to become a release, checked and written down in one transaction.

The release's file is written first, under a name of its own; it counts only once the ledger has its entry. A crash in between leaves
a file that nothing accepts, and no release.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pilotage.audit.keys import SIGNED
from pilotage.audit.signature import Signer
from pilotage.event.time import DAY_US, moment
from pilotage.review.bundle import Bundle, changed_documents
from pilotage.review.evidence import Sources, stale
from pilotage.review.ledger import Ledger, Transaction
from pilotage.review.people import People
from pilotage.review.policy import ReviewPolicy
from pilotage.review.proposal import check_proposal
from pilotage.review.register import MINTED, Case, Refusal, Register, register_in, signatory
from pilotage.review.release import FORMAT, ORDER, Order, Release, is_ordered, ordered_value, people_digest, sealed
from pilotage.review.vote import Standing, missing_text, standing


class Present(msgspec.Struct, frozen=True):
    """What is so when a release is minted: the workspace's bundle and what else evidence is read from, why its findings block (by
    themselves, or because a waiver has ended), the policy and the people."""

    bundle: Bundle
    sources: Sources
    blocking: tuple[str, ...]
    policy: ReviewPolicy
    people: People


def mint(
    ledger: Ledger,
    installation: Signer,
    present: Present,
    order: Order,
    store: Callable[[Release], object],
    now_us: int,
) -> Release:
    """Make a release of an approved proposal, as ordered. `store` writes its file. `Refusal` says why not; nothing is changed then."""
    with ledger.transaction() as transaction:
        register = register_in(transaction)
        case = register.case(order.proposal)
        judging = register.policies.get(order.environment, present.policy)
        required = _check(register, case, present, judging, order, now_us)
        stands = standing(case.proposal, required, case.votes)
        before = register.newest(order.environment)
        release = sealed(
            Release(
                format=FORMAT,
                sequence=order.sequence,
                environment=order.environment,
                kind=order.kind,
                bundle=present.bundle.digest,
                plan=present.bundle.plan,
                documents=present.bundle.documents,
                proposal=case.proposal.id,
                evidence=case.proposal.evidence_digest,
                required=required,
                approvals=stands.approvals,
                policy=present.policy.digest,
                people=people_digest(present.people),
                previous=before.digest if before is not None else "",
                minted_at_us=now_us,
                order=order,
                review_by_us=_review_by_us(judging, order, now_us),
                installation="",
            ),
            installation,
        )
        store(release)
        _enter(transaction, release, present.policy)
        return release


def next_sequence(register: Register, environment: str) -> int:
    """The number of the next release of an environment."""
    newest = register.newest(environment)
    return newest.sequence + 1 if newest is not None else 1


def _enter(transaction: Transaction, release: Release, policy: ReviewPolicy) -> None:
    order = release.order
    signed = {"purpose": ORDER, "value": ordered_value(order), "public_key": order.public_key, "signature": order.signature}
    data: dict[str, Any] = {"release": msgspec.to_builtins(release), "policy": msgspec.to_builtins(policy), SIGNED: signed}
    transaction.append(release.order.person, MINTED, f"release:{release.environment}/{release.sequence}", data)


def _check(register: Register, case: Case, present: Present, judging: ReviewPolicy, order: Order, now_us: int) -> dict[str, int]:
    """How many of each role are needed for what was ordered; `Refusal` where anything keeps it from being minted. Exceptions are those
    of the policy that judges: the one that the last release went out under."""
    proposal, day = case.proposal, moment(now_us).date()
    check_proposal(proposal)
    signatory(present.people, register.keys, order.person, order.public_key, day)
    if not is_ordered(order):
        raise Refusal(f"the signature is not that of {order.person}", "sign again, with the key in people.yaml")
    if order.sequence != next_sequence(register, order.environment):
        raise Refusal(
            f"release {order.sequence} of {order.environment} is not the next one", "somebody released meanwhile; look, then try again"
        )
    if not present.bundle.plan:
        raise Refusal("the workspace makes no plan", "'pilotage check' says why")
    if proposal.refused:
        raise Refusal(f"the gates of {proposal.id} failed: {proposal.evidence.refusals[0]}", "correct it and propose again")
    if order.kind == "rollback":
        return _check_rollback(register, case, present, judging, order, now_us)
    if case.releases:
        cure = "propose again what is to run, or go back to it with --rollback"
        raise Refusal(f"{proposal.id} was released already", cure)
    changed = stale(proposal.evidence, present.sources)
    if changed:
        raise Refusal(f"the evidence of {proposal.id} is stale: {'; '.join(changed)}", "propose again what is to run")
    _check_gates(present)
    required = _emergency(register, present, judging, order, now_us) if order.kind == "emergency" else proposal.evidence.required
    _check_votes(case, standing(proposal, required, case.votes), present, order.kind)
    return required


def _check_gates(present: Present) -> None:
    if present.blocking:
        raise Refusal(f"the gates fail now: {present.blocking[0]}", "correct it and propose again")


def _check_votes(case: Case, stands: Standing, present: Present, kind: str) -> None:
    proposal = case.proposal
    if stands.rejections:
        who = ", ".join(vote.person for vote in stands.rejections)
        raise Refusal(f"{proposal.id} is rejected by {who}", "convince them to approve, or propose something else")
    if stands.missing:
        cure = (
            "see 'pilotage review list'" if kind == "emergency" else "see 'pilotage review list'; in an emergency --emergency needs fewer"
        )
        raise Refusal(f"{proposal.id} lacks {missing_text(stands.missing)}", cure)
    for vote in stands.approvals:
        person = present.people.find(vote.person)
        if person is None or person.public_key != vote.public_key:
            raise Refusal(f"the key of {vote.person} is not the one the approval was signed with", f"have {vote.person} approve again")


def _check_rollback(register: Register, case: Case, present: Present, judging: ReviewPolicy, order: Order, now_us: int) -> dict[str, int]:
    """An earlier release may run again, if the policy lets somebody do so, with its documents as they were then."""
    role = judging.rollback
    if not role:
        raise Refusal("the review policy lets nobody go back to an earlier release", "propose it again")
    signatory(present.people, register.keys, order.person, order.public_key, moment(now_us).date(), role)
    earlier = [each for each in case.releases if each.environment == order.environment]
    if not earlier:
        raise Refusal(f"{case.proposal.id} was never released to {order.environment}", "release it without --rollback")
    newest = register.newest(order.environment)
    if newest is not None and newest.proposal == case.proposal.id:
        raise Refusal(f"{case.proposal.id} is what runs already", "there is nothing to go back to")
    changed = changed_documents(earlier[-1].documents, present.bundle.documents)
    if changed or earlier[-1].bundle != present.bundle.digest:
        told = "; ".join(changed) or "the same documents make another plan"
        raise Refusal(
            f"the workspace is not what release {earlier[-1].sequence} was: {told}", "restore the documents of that release first"
        )
    _check_gates(present)
    return earlier[-1].required


def _emergency(register: Register, present: Present, judging: ReviewPolicy, order: Order, now_us: int) -> dict[str, int]:
    """How many approvals an emergency needs; `Refusal` where this person may not release in one."""
    emergency = judging.emergency
    if emergency is None:
        raise Refusal("the review policy knows no emergency release", "have it approved and release it as any other")
    signatory(present.people, register.keys, order.person, order.public_key, moment(now_us).date(), emergency.role)
    if not order.reason.strip():
        raise Refusal("an emergency release needs a reason", "say why with --reason")
    return emergency.approvals


def _review_by_us(policy: ReviewPolicy, order: Order, now_us: int) -> int:
    if order.kind != "emergency" or policy.emergency is None:
        return 0
    return now_us + max(policy.emergency.review_within_us, DAY_US // 24)
