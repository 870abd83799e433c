"""The part of the API that is about quality: the rules, and what they find in the workspace that runs."""

import asyncio
from typing import Annotated

from litestar import get
from litestar.params import Parameter
from msgspec import Struct

from pilotage.app.desk import At
from pilotage.app.gates import findings_of_workspace
from pilotage.app.problems import documented
from pilotage.journey.findings import Finding, Severity
from pilotage.proof.gates import ALL
from pilotage.proof.waivers import Verdict
from pilotage.source.zones import packaged_zones

_TESTS = Parameter(description="Run the tests of journeys too, which takes longer.")


class RuleView(Struct, frozen=True):
    """A rule: what it is about, how bad it is to break it, why, what to do, where it comes from, and whether it can be waived."""

    id: str
    title: str
    severity: Severity
    why: str
    cure: str
    standard: str
    waivable: bool


class FindingView(Struct, frozen=True):
    """Something that is wrong, at a place (line and column count from 1; 0: the whole file), with its cure."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    cure: str


class WaivedView(Struct, frozen=True):
    """A finding that does not count, and who answers for that, until when and why."""

    finding: FindingView
    owner: str
    until: str
    reason: str


class VerdictView(Struct, frozen=True):
    """The findings that count and those that are waived."""

    errors: int
    warnings: int
    notes: int
    findings: list[FindingView]
    waived: list[WaivedView]


@get("/rules", responses=documented(400, 401, 429, 503), summary="The rules that workspaces are checked by")
async def list_rules() -> list[RuleView]:
    """Every rule, by id."""
    return [
        RuleView(rule.id, rule.title, rule.severity, rule.why, rule.cure, rule.standard, rule.waivable) for _, rule in sorted(ALL.items())
    ]


@get("/findings", responses=documented(400, 401, 429, 503), summary="What the rules find in the workspace that runs")
async def list_findings(desk: At, tests: Annotated[bool, _TESTS] = False) -> VerdictView:
    """The findings of the documents as they were read when the system started. Waivers are judged as of now."""
    now_us = desk.clock.now_us()
    found = await asyncio.to_thread(findings_of_workspace, desk.workspace, packaged_zones(), now_us, tests=tests)
    return _view(found.verdict)


def _view(verdict: Verdict) -> VerdictView:
    counts = (verdict.count(Severity.ERROR), verdict.count(Severity.WARNING), verdict.count(Severity.NOTE))
    findings = [_finding(each) for each in verdict.findings]
    waived = [WaivedView(_finding(each.finding), each.owner, each.until, each.reason) for each in verdict.waived]
    return VerdictView(*counts, findings, waived)


def _finding(found: Finding) -> FindingView:
    return FindingView(found.path, found.line, found.column, found.rule, found.severity, found.message, found.cure)


GATES = (list_rules, list_findings)
"""The handlers, for the API's guarded part."""
