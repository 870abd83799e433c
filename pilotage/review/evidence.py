"""Evidence: what is known about a change when it is proposed, bound by one digest that approvers sign.

It holds the semantic difference, the findings of every check with the waivers in use, what the documents' tests came to, who is
under way, who owns what, and the risk tier with its reasons. What nothing has been measured for yet is listed as absent, never
invented. Evidence is stale as soon as anything that it was read from is not what it was.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from pilotage.audit.canonical import digest_of
from pilotage.event.time import instant_text
from pilotage.journey.findings import Finding, Severity
from pilotage.proof.gates import ALL
from pilotage.proof.waivers import Waiver, standing
from pilotage.review.bundle import changed_documents
from pilotage.review.ownership import Ownership
from pilotage.review.policy import ReviewPolicy
from pilotage.review.risk import Risk


class Judged(msgspec.Struct, frozen=True):
    """A finding, whether it blocks, and who waived it until when (0: nobody)."""

    path: str
    line: int
    column: int
    rule: str
    severity: str
    message: str
    cure: str
    blocks: bool
    waived_by: str = ""
    waived_until_us: int = 0

    @property
    def text(self) -> str:
        """The one-line form of findings."""
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.severity} {self.rule} {self.message}" + (f"; {self.cure}" if self.cure else "")


class Sources(msgspec.Struct, frozen=True):
    """What evidence was read from, by digest: the bundle and its documents, the bundle that was in force (empty: none), the review
    policy and the waivers."""

    bundle: str
    documents: dict[str, str]
    base: str
    policy: str
    waivers: str


class Evidence(msgspec.Struct, frozen=True):
    """What is known about a change. `changes` and `effects` are the semantic difference, `tests` how many there are and fail,
    `under_way` how many people rest in the journeys that differ, `required` how many of each role must approve, `refusals` why it may
    not be reviewed at all. `rehearsals` are the digests of those of this very plan, `proofs` says how the questions about it ended."""

    sources: Sources
    changes: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    findings: tuple[Judged, ...]
    tests: dict[str, int]
    under_way: dict[str, int]
    owners: tuple[Ownership, ...]
    risk: Risk
    required: dict[str, int]
    within_us: int
    absent: tuple[str, ...]
    refusals: tuple[str, ...]
    rehearsals: tuple[str, ...] = ()
    proofs: str = ""

    @property
    def digest(self) -> str:
        return digest_of(msgspec.to_builtins(self))


def judged(findings: Sequence[Finding], policy: ReviewPolicy, waivers: Sequence[Waiver], now_us: int) -> tuple[Judged, ...]:
    """Findings by the policy and the waivers that hold now."""
    return tuple(_judged(finding, policy, waivers, now_us) for finding in findings)


def _judged(finding: Finding, policy: ReviewPolicy, waivers: Sequence[Waiver], now_us: int) -> Judged:
    serious = finding.severity is Severity.ERROR or finding.rule in policy.block
    waiver = standing(finding, waivers, ALL, now_us).held if serious else None
    return Judged(
        finding.path,
        finding.line,
        finding.column,
        finding.rule,
        finding.severity.value,
        finding.message,
        finding.cure,
        blocks=serious and waiver is None,
        waived_by=waiver.owner if waiver else "",
        waived_until_us=waiver.until_us if waiver else 0,
    )


def blocking(findings: Sequence[Finding], policy: ReviewPolicy, waivers: Sequence[Waiver], now_us: int) -> tuple[str, ...]:
    """Why findings keep a change from being reviewed or released now: each that blocks, with the waiver that ended for it."""
    told = []
    for finding in findings:
        if not _judged(finding, policy, waivers, now_us).blocks:
            continue
        ended = standing(finding, waivers, ALL, now_us).ended
        by = f"; the waiver of {ended.owner} ended at {instant_text(ended.until_us)}: renew it or correct this" if ended else ""
        told.append(finding.text + by)
    return tuple(told)


def waived_rules(findings: Sequence[Judged]) -> tuple[str, ...]:
    """The rules with a waiver in use, each with the document."""
    return tuple(sorted({f"{each.rule} in {each.path} by {each.waived_by}" for each in findings if each.waived_by}))


def stale(evidence: Evidence, now: Sources) -> tuple[str, ...]:
    """Why evidence does not hold any more, in words; nothing where it does. A bundle that is empty now was not made."""
    then = evidence.sources
    told = list(changed_documents(then.documents, now.documents))
    if not told and now.bundle and then.bundle != now.bundle:
        told.append("the same documents make another plan: Pilotage or its zone tables were changed")
    if then.base != now.base:
        told.append("another release came into force since, which the difference was not taken from")
    if then.policy != now.policy:
        told.append("the review policy was changed")
    if then.waivers != now.waivers:
        told.append("the waivers were changed")
    return tuple(told)
