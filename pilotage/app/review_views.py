"""How proposals, votes and releases are shown: as text for people, as data for programs."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Console

from pilotage.app.reviewing import Told
from pilotage.app.terminal import table
from pilotage.event.time import duration_text, instant_text
from pilotage.review.register import Case, Register
from pilotage.review.release import Release
from pilotage.review.vote import missing_text

_STYLES = {"approved": "green", "released": "bold green", "refused": "red", "rejected": "red", "stale": "yellow", "superseded": "dim"}
FINDINGS_SHOWN = 10
CROWD = 6
"""From more than so many parts of a kind on only their number is printed."""


class ProposalView(msgspec.Struct, frozen=True):
    """A proposal in a line: what it is now, who made it, its tier, and what is missing. `overdue` says that approvals took longer
    than the tier allows."""

    id: str
    state: str
    author: str
    at: str
    intent: str
    tier: str
    missing: dict[str, int]
    overdue: bool


class CaseView(msgspec.Struct, frozen=True):
    """A proposal whole: what its author says, the evidence, votes and comments, and releases. `to_sign` is what an approval is bound to."""

    id: str
    state: str
    author: str
    at: str
    intent: str
    hypothesis: str
    effect: str
    rollback: str
    tier: str
    missing: dict[str, int]
    overdue: bool
    bundle: str
    evidence_digest: str
    evidence: dict[str, Any]
    votes: list[dict[str, Any]]
    releases: list[str]


class InForce(msgspec.Struct, frozen=True):
    """The release that was taken over, and the name of the plan that is in force now."""

    release: int
    digest: str
    plan: str


class ReleaseView(msgspec.Struct, frozen=True):
    """A release in a line. `review_by` is until when a review is owed, `reviewed` whether it is done (or none is owed)."""

    sequence: int
    environment: str
    kind: str
    digest: str
    bundle: str
    proposal: str
    by: str
    at: str
    approved_by: list[str]
    review_by: str
    reviewed: bool


def proposal_view(told: Told, now_us: int) -> ProposalView:
    """A case in a line."""
    proposal, stands = told.case.proposal, told.case.standing
    return ProposalView(
        id=proposal.id,
        state=told.state,
        author=proposal.author,
        at=instant_text(proposal.at_us),
        intent=proposal.reasons.intent,
        tier=proposal.evidence.risk.tier,
        missing=stands.missing if told.state == "open" else {},
        overdue=_overdue(told, now_us),
    )


def case_view(told: Told, now_us: int) -> CaseView:
    """A case whole."""
    line, proposal = proposal_view(told, now_us), told.case.proposal
    return CaseView(
        **{name: getattr(line, name) for name in line.__struct_fields__},
        hypothesis=proposal.reasons.hypothesis,
        effect=proposal.reasons.effect,
        rollback=proposal.reasons.rollback,
        bundle=proposal.bundle,
        evidence_digest=proposal.evidence_digest,
        evidence=msgspec.to_builtins(proposal.evidence),
        votes=[msgspec.to_builtins(vote) for vote in told.case.votes],
        releases=[release.digest for release in told.case.releases],
    )


def release_view(release: Release, register: Register) -> ReleaseView:
    """A release in a line."""
    reviewed = not release.review_by_us or register.cases[release.proposal].standing.approved
    return ReleaseView(
        sequence=release.sequence,
        environment=release.environment,
        kind=release.kind,
        digest=release.digest,
        bundle=release.bundle,
        proposal=release.proposal,
        by=release.order.person,
        at=instant_text(release.minted_at_us),
        approved_by=[f"{vote.person} as {vote.role}" for vote in release.approvals],
        review_by=instant_text(release.review_by_us) if release.review_by_us else "",
        reviewed=reviewed,
    )


def _overdue(told: Told, now_us: int) -> bool:
    proposal = told.case.proposal
    return told.state == "open" and now_us > proposal.at_us + proposal.evidence.within_us


def print_proposals(out: Console, found: list[ProposalView]) -> None:
    """Print proposals, a line each."""
    rows = table("proposal", "state", "tier", "by", "made", "intent", "missing")
    for each in found:
        missing = missing_text(each.missing) + (", overdue" if each.overdue else "")
        state = f"[{_STYLES[each.state]}]{each.state}[/]" if each.state in _STYLES else each.state
        rows.add_row(each.id, state, each.tier, each.author, each.at[:16], _plain(each.intent), missing)
    out.print(rows)


def print_case(out: Console, told: Told, now_us: int) -> None:
    """Print a case whole."""
    case, evidence = told.case, told.case.proposal.evidence
    proposal = case.proposal
    out.print(f"proposal {proposal.id}  {told.state}", markup=False, style="bold")
    said = {
        "by": f"{proposal.author}, {instant_text(proposal.at_us)}",
        "intent": proposal.reasons.intent,
        "hypothesis": proposal.reasons.hypothesis,
        "expected effect": proposal.reasons.effect,
        "way back": proposal.reasons.rollback,
        "bundle": proposal.bundle[:16],
        "evidence": proposal.evidence_digest[:16],
        "tier": f"{evidence.risk.tier} ({evidence.risk.points} points), within {duration_text(evidence.within_us)}",
    }
    _print_pairs(out, said)
    for fact in evidence.risk.facts:
        out.print(f"    {fact.points:+d} {fact.fact}: {fact.because}", markup=False, soft_wrap=True)
    _print_changes(out, evidence.changes)
    _print_evidence(out, told)
    for vote in case.votes:
        role = f" as {vote.role}" if vote.role else ""
        said_so = f": {vote.comment}" if vote.comment else ""
        out.print(f"{_VOICES[vote.decision]} by {vote.person}{role}, {instant_text(vote.at_us)}{said_so}", markup=False, soft_wrap=True)
    if told.state == "open" and case.standing.missing:
        out.print(f"missing: {missing_text(case.standing.missing)}", markup=False, style="yellow")


_VOICES = {"approve": "approved", "reject": "rejected", "comment": "comment"}


def _print_changes(out: Console, changes: list[dict[str, Any]]) -> None:
    kinds = Counter((change["how"], change["kind"]) for change in changes)
    crowds = {kind for kind, number in kinds.items() if number > CROWD and kind[1] != "journey"}
    for how, kind in sorted(crowds):
        out.print(f"{how} {kinds[how, kind]} of kind {kind}", markup=False)
    for change in changes:
        if (change["how"], change["kind"]) not in crowds:
            _print_change(out, change)


def _print_change(out: Console, change: dict[str, Any]) -> None:
    out.print(f"{change['how']} {change['kind']} {change['name']}", markup=False, soft_wrap=True)
    for field in change["fields"] if change["how"] not in ("added", "removed") else ():
        out.print(f"    {_field(field)}", markup=False, soft_wrap=True)
    for inner in change["inner"]:
        told = ", ".join(_field(field) for field in inner["fields"]) if inner["how"] not in ("added", "removed") else ""
        out.print(f"    {inner['how']} {inner['kind']} {inner['name']}  {told}".rstrip(), markup=False, soft_wrap=True)


def _field(field: Mapping[str, str]) -> str:
    old, new = (" ".join(field[name].split()) for name in ("old", "new"))
    return f"{field['field']}: {old[:80] or '—'} → {new[:80] or '—'}"


def _print_evidence(out: Console, told: Told) -> None:
    evidence = told.case.proposal.evidence
    tests = evidence.tests
    blocked = sum(finding.blocks for finding in evidence.findings)
    passed = tests["tests"] - tests["failed"]
    _print_pairs(
        out,
        {
            "gates": f"{len(evidence.findings)} findings, {blocked} of them block",
            "tests": f"{passed} of {tests['tests']} pass, over {tests['covered']}/{tests['edges']} edges",
            "under way": ", ".join(f"{number} in {name}" for name, number in evidence.under_way.items()) or "nobody",
            **({"rehearsed": ", ".join(evidence.rehearsals)} if evidence.rehearsals else {}),
            **({"proofs": evidence.proofs} if evidence.proofs else {}),
            **({"absent": ", ".join(evidence.absent)} if evidence.absent else {}),
        },
    )
    for finding in evidence.findings[:FINDINGS_SHOWN]:
        waived = f" (waived by {finding.waived_by} until {instant_text(finding.waived_until_us)})" if finding.waived_by else ""
        out.print(f"    {finding.text}{waived}", markup=False, soft_wrap=True)
    for reason in evidence.refusals:
        out.print(f"refused: {reason}", markup=False, style="red", soft_wrap=True)


def _print_pairs(out: Console, pairs: Mapping[str, str]) -> None:
    for name, text in pairs.items():
        out.print(f"  {name:16}{text}", markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    line = " ".join(text.split())
    return (line if len(line) <= 60 else f"{line[:59]}…").replace("[", r"\[")


def print_release(out: Console, release: Release, register: Register) -> None:
    """Print a release in a few lines."""
    view = release_view(release, register)
    out.print(f"release {view.sequence} of {view.environment}  {view.digest[:16]}  ({view.kind})", markup=False, style="bold")
    approved = ", ".join(view.approved_by) or "nobody"
    _print_pairs(
        out, {"proposal": view.proposal, "bundle": view.bundle[:16], "approved by": approved, "released by": view.by, "at": view.at}
    )
    if view.review_by:
        out.print(f"  a review is owed by {view.review_by}" + ("; it is done" if view.reviewed else ""), markup=False, style="yellow")


def required_of(case: Case) -> str:
    """How many of each role must approve, in words."""
    return ", ".join(f"{number} {role}" for role, number in case.proposal.evidence.required.items()) or "nobody"
