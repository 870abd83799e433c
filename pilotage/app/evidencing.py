"""Making evidence of a workspace: gates, tests, the semantic difference to what is in force, who is under way, owners and risk."""

import os
from collections import Counter
from pathlib import Path

import msgspec

from pilotage.app.bundling import document_files, keep_bundle, kept_plan
from pilotage.app.gating import Gated, gated
from pilotage.app.proven import folder_of, proven_for, rehearsals_of
from pilotage.app.ruling import Rules, rules_of, sources_by
from pilotage.event.time import moment
from pilotage.journey.difference import compare_plans
from pilotage.journey.plan import Plan
from pilotage.review.blame import NOTHING
from pilotage.review.bundle import Bundle, bundle_of
from pilotage.review.evidence import Evidence, Sources, blocking, judged, waived_rules
from pilotage.review.minting import Present
from pilotage.review.ownership import owners_of, ownership_faults
from pilotage.review.policy import ReviewPolicy, needed, strict
from pilotage.review.risk import assessed, tier_named, touched_by
from pilotage.runner.folder import read_plans


class Looked(msgspec.Struct, frozen=True):
    """A workspace looked at once: its gates, its rules, its files, and the bundle they make (without a plan where there is none)."""

    gated: Gated
    rules: Rules
    files: dict[str, bytes]
    bundle: Bundle


def look(folder: Path, now_us: int) -> Looked:
    """Look at a workspace as of an instant. `WorkspaceInvalid` where it cannot be read at all."""
    files = document_files(folder)
    found = gated(folder, dict(os.environ), now_us)
    plan = found.compiled.plan
    return Looked(found, rules_of(folder), files, bundle_of(plan.digest if plan is not None else "", files))


def plan_of(base: str, data: Path) -> Plan:
    """The plan that a change is compared with."""
    if not base:
        return NOTHING
    return read_plans(data, [base.removeprefix("plan:")])[0] if base.startswith("plan:") else kept_plan(data, base)


def sources_of(looked: Looked, base: str) -> Sources:
    """What evidence is read from."""
    return sources_by(looked.rules, looked.bundle.digest, looked.bundle.documents, base)


def evidence_of(
    looked: Looked, base: str, data: Path, under_way: Counter[str], now_us: int, in_force: ReviewPolicy | None = None
) -> Evidence:
    """The evidence of a workspace against what is in force. Its bundle is kept, if it makes a plan. A review policy that is changed with
    it does not judge alone: what the one `in_force` asks for is needed too, so nobody lowers the bar that they are about to jump."""
    plan, rules = looked.gated.compiled.plan, looked.rules
    policy = strict(rules.policy, in_force)
    findings = judged(looked.gated.findings, policy, rules.waivers, now_us)
    refusals = list(blocking(looked.gated.findings, policy, rules.waivers, now_us))
    before = plan_of(base, data)
    after = plan if plan is not None else before
    if plan is not None:
        keep_bundle(data, plan, looked.files)
    difference = compare_plans(before, after)
    touched = touched_by(difference, before, after)
    owners = owners_of(looked.gated.workspace.documents, touched.journeys)
    refusals += ownership_faults(owners, rules.people, moment(now_us).date())
    shown = _shown(looked, data, before)
    people = {name: under_way[name] for name in sorted({*touched.journeys, *touched.removed}) if under_way[name]}
    judging = [rules.policy] if in_force in (None, rules.policy) else [rules.policy, in_force]
    risks = [assessed(each, touched, (before, after), people, shown.verdict, waived_rules(findings)) for each in judging]
    tiers = [tier_named(each, risk.tier) for each, risk in zip(judging, risks, strict=True)]
    risk = risks[max(range(len(tiers)), key=lambda place: tiers[place].people)]
    if plan is None and not refusals:
        refusals.append("the workspace makes no plan; 'pilotage check' says why")
    if looked.bundle.digest == base:
        refusals.append("this is what was released last: there is nothing to review")
    return Evidence(
        sources=sources_of(looked, base),
        changes=[msgspec.to_builtins(each) for each in difference.changes],
        effects=[msgspec.to_builtins(each) for each in difference.effects],
        findings=findings,
        tests=looked.gated.tests,
        under_way=people,
        owners=owners,
        risk=risk,
        required=needed(tiers),
        within_us=min(tier.within_us for tier in tiers),
        absent=tuple(name for name, found in (("rehearsal", shown.rehearsals), ("proofs", shown.proofs)) if not found),
        refusals=tuple(refusals),
        rehearsals=shown.rehearsals,
        proofs=shown.proofs,
    )


class _Shown(msgspec.Struct, frozen=True):
    """What is on file about the plan of a workspace: the digests of its rehearsals, how its proofs ended, and what they come to."""

    rehearsals: tuple[str, ...] = ()
    proofs: str = ""
    verdict: str = "absent"


def _shown(looked: Looked, data: Path, before: Plan) -> _Shown:
    """What was rehearsed and proved of this very plan; one byte more makes another."""
    plan = looked.gated.compiled.plan
    if plan is None:
        return _Shown()
    folder = folder_of(Path(looked.gated.workspace.folder), data)
    rehearsals = rehearsals_of(folder, plan.digest)
    proven = proven_for(folder, before, plan)
    return _Shown(rehearsals, proven.text, proven.verdict) if proven is not None else _Shown(rehearsals)


def present_of(looked: Looked, base: str, now_us: int, in_force: ReviewPolicy | None = None) -> Present:
    """What is so now, for a release to be minted."""
    rules = looked.rules
    blocked = blocking(looked.gated.findings, strict(rules.policy, in_force), rules.waivers, now_us)
    return Present(looked.bundle, sources_of(looked, base), blocked, rules.policy, rules.people)
