"""The findings of a workspace: everything that readers, tests and gates have to say about it, and what policies waive.

This is the one way to them. The command `check`, the API and reviews ask here, so that all see the same.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from pilotage.app.workspace import Compiled, Workspace, compile_workspace
from pilotage.channel.render import lay_out
from pilotage.channel.template import TemplateBroken, fill, variables_of
from pilotage.event.time import moment
from pilotage.event.zone import Zones
from pilotage.journey.findings import Finding, Report
from pilotage.journey.names import Examine
from pilotage.journey.parse_brand import report_rights
from pilotage.journey.parse_calendar import report_ends
from pilotage.journey.plan import Plan
from pilotage.proof.gates import ALL, gate_findings
from pilotage.proof.page import LIQUID
from pilotage.proof.premises import Premises
from pilotage.proof.waivers import Verdict, judge, raise_severities, waivers_of
from pilotage.simulate.document_tests import JourneyResult, report_failures, run_tests

SHOWN_BYTES_MAX = 1 << 20
"""The largest file of a workspace that gates read."""


class Findings(msgspec.Struct, frozen=True):
    """What was found: the verdict, what the workspace came to, what its tests came to, the paths of all documents looked at, and all
    findings before any waiver: what reviews judge by their own rules."""

    verdict: Verdict
    compiled: Compiled
    results: tuple[JourneyResult, ...]
    paths: tuple[str, ...] = ()
    all: tuple[Finding, ...] = ()


def findings_of_workspace(
    workspace: Workspace,
    zones: Zones,
    now_us: int,
    *,
    examine: Examine | None = None,
    tests: bool = True,
    browse: Callable[[Premises], Iterable[Finding]] | None = None,
) -> Findings:
    """All findings of a workspace at an instant. `examine` also looks for conditions that cannot be meant, `tests` runs the tests of
    journeys; both take most of the time. `browse` also looks at contents in a browser (`app.browser`). Gates look only where the
    documents make a plan: before that there is nothing to look at."""
    compiled = compile_workspace(workspace, zones, examine)
    report = Report()
    report.extend(compiled.findings)
    report_ends(workspace.documents, moment(now_us).date(), report)
    report_rights(workspace.documents, now_us, report)
    results: tuple[JourneyResult, ...] = ()
    if compiled.plan is not None:
        results = run_tests(workspace.documents, compiled.plan, zones, report) if tests else ()
        report_failures(results, report)
        premises = premises_of(workspace, compiled.plan, now_us)
        report.extend(gate_findings(premises))
        report.extend(browse(premises) if browse is not None else ())
    whole = compiled.plan is not None and tests
    paths = (workspace.settings.path, *(document.path for document in workspace.documents))
    verdict = judge(report.findings, workspace.documents, waivers_of(workspace.waivers), ALL, now_us, whole=whole)
    return Findings(verdict, compiled, results, paths, raise_severities(report.findings, workspace.documents))


def premises_of(workspace: Workspace, plan: Plan, now_us: int) -> Premises:
    """What gates look at in a workspace."""
    return Premises(
        workspace.documents,
        workspace.settings,
        plan,
        uses={name: str(bound.get("uses", name)) for name, bound in workspace.channels.items()},
        rates={name: _rate(bound) for name, bound in workspace.channels.items()},
        endpoints={name: str(bound.get("url", "")) for name, bound in workspace.endpoints.items()},
        lay_out=lambda text, is_mjml: lay_out(text, is_mjml=is_mjml),
        variables_of=variables_of,
        fill=_filled,
        read=lambda path: _read(Path(workspace.folder), path),
        now_us=now_us,
    )


def _rate(bound: dict[str, Any]) -> float:
    rate = bound.get("rate")
    return float(rate.get("per_s", 0) or 0) if isinstance(rate, dict) else 0.0


def _filled(template: str) -> str:
    """A template's text for somebody of whom nothing is known; where a filter needs something, what stands around the values."""
    try:
        return fill(template, {}, escape=False)
    except TemplateBroken:
        return LIQUID.sub("", template)


def _read(folder: Path, path: str) -> str | None:
    """The text of a file inside a workspace; None for any other."""
    file = (folder / path).resolve()
    if not path or not file.is_relative_to(folder.resolve()) or not file.is_file() or file.stat().st_size > SHOWN_BYTES_MAX:
        return None
    return file.read_text(encoding="utf-8", errors="replace")
