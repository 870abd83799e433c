"""The command that checks a workspace: the one that loads the solver, which looks for conditions that cannot be meant."""

import os
from pathlib import Path

from pilotage.app.commands_test import counts, summary
from pilotage.app.exits import NEGATIVE, OK
from pilotage.app.options import AsJson
from pilotage.app.terminal import console, print_json
from pilotage.app.workspace import WorkspaceInvalid, compile_workspace, errors, load
from pilotage.event.time import moment
from pilotage.journey.findings import Finding, Report, Severity
from pilotage.journey.parse_brand import report_rights
from pilotage.journey.parse_calendar import report_ends
from pilotage.predicate.solver.contradictions import EXAMINED, Examiner
from pilotage.predicate.solver.problem import World
from pilotage.runner.clock import SystemClock
from pilotage.simulate.document_tests import report_failures, run_tests
from pilotage.source.zones import packaged_zones


def check_command(folder: Path = Path("."), *, json: AsJson = False) -> int:
    """Check a workspace: every document, name, condition and binding, and every test of its journeys.

    Warns of conditions that are always or never true, and of parts of them that change nothing.
    Prints one line for each finding, as file:line:column with its cure. Exits 1 if one is an error.

    Example: pilotage check shop --json

    Parameters
    ----------
    folder
        The workspace folder.
    """
    try:
        zones = packaged_zones()
        examiner = Examiner(World(zones, limits=EXAMINED))
        workspace = load(folder, os.environ)
        compiled = compile_workspace(workspace, zones, examiner)
        report, plan = Report(), compiled.plan
        report.extend(compiled.findings)
        now_us = SystemClock().now_us()
        report_ends(workspace.documents, moment(now_us).date(), report)
        report_rights(workspace.documents, now_us, report)
        results = run_tests(workspace.documents, plan, zones, report) if plan is not None else ()
        report_failures(results, report)
        findings = report.findings
    except WorkspaceInvalid as invalid:
        findings, plan, results = invalid.findings, None, ()
    failed = errors(findings)
    if json:
        told = {"findings": findings, "errors": failed, "warnings": len(findings) - failed, "plan": plan.digest if plan else None}
        print_json({**told, "tests": counts(results)})
        return NEGATIVE if failed else OK
    out = console()
    for finding in findings:
        out.print(_line(finding), soft_wrap=True)
    if plan is None:
        out.print(f"{_count(failed, 'error')}, {_count(len(findings) - failed, 'warning')}: no plan was made")
        return NEGATIVE
    parts = f"{_count(len(plan.journeys), 'journey')}, {_count(len(plan.contents), 'content')}, {_count(len(plan.contracts), 'event type')}"
    out.print(f"{_count(failed, 'error')}, {_count(len(findings) - failed, 'warning')}: plan {plan.digest[:16]} with {parts}")
    if any(each.results for each in results):
        out.print(summary(results))
    return NEGATIVE if failed else OK


def _line(finding: Finding) -> str:
    text = finding.text.replace("[", r"\[")
    colour = "red" if finding.severity is Severity.ERROR else "yellow"
    return text.replace(f": {finding.severity} ", f": [{colour}]{finding.severity}[/] ", 1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
