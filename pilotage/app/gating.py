"""The gates: everything that can be found wrong with a workspace, in one list, with what its documents' tests came to.

Evidence is made of this and of nothing else, so that a rule which is added to the checks is a gate from then on.
"""

from pathlib import Path

import msgspec

from pilotage.app.commands_test import counts
from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.event.time import moment
from pilotage.journey.findings import Finding, Report
from pilotage.journey.parse_brand import report_rights
from pilotage.journey.parse_calendar import report_ends
from pilotage.simulate.document_tests import report_failures, run_tests
from pilotage.source.zones import packaged_zones


class Gated(msgspec.Struct, frozen=True):
    """A workspace as compiled, everything found, and how many of its documents' tests there are and fail."""

    workspace: Workspace
    compiled: Compiled
    findings: tuple[Finding, ...]
    tests: dict[str, int]


def gated(folder: Path, environ: dict[str, str], now_us: int) -> Gated:
    """What the gates find in a workspace as of an instant. `WorkspaceInvalid` where it cannot be read at all."""
    zones = packaged_zones()
    workspace = load(folder, environ)
    compiled = compile_workspace(workspace, zones)
    report, plan = Report(), compiled.plan
    report.extend(finding for finding in compiled.findings if finding.rule != "W003")  # what is set where it is checked is no matter
    report_ends(workspace.documents, moment(now_us).date(), report)
    report_rights(workspace.documents, now_us, report)
    results = run_tests(workspace.documents, plan, zones, report) if plan is not None else ()
    report_failures(results, report)
    return Gated(workspace, compiled, report.findings, counts(results))
