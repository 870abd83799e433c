"""The command that checks a workspace: the one that loads the solver, which looks for conditions that cannot be meant."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

import pilotage
from pilotage.app.browser import browser_findings
from pilotage.app.commands_test import counts, summary
from pilotage.app.exits import NEGATIVE, OK, USAGE, Trouble
from pilotage.app.gates import Findings, findings_of_workspace
from pilotage.app.options import AsJson
from pilotage.app.terminal import console, counted
from pilotage.app.workspace import Compiled, WorkspaceInvalid, load
from pilotage.journey.findings import Finding, Severity
from pilotage.journey.plan import Plan
from pilotage.predicate.solver.contradictions import EXAMINED, Examiner
from pilotage.predicate.solver.problem import World
from pilotage.proof.gates import ALL
from pilotage.proof.junit import junit_findings
from pilotage.proof.sarif import sarif
from pilotage.proof.waivers import Verdict
from pilotage.runner.clock import SystemClock
from pilotage.source.zones import packaged_zones

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


class Form(StrEnum):
    """What findings are printed as."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


def check_command(
    folder: Path = Path("."),
    *,
    json: AsJson = False,
    form: Annotated[Form, Parameter(name="--format")] = Form.TEXT,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    notes: Annotated[bool, Parameter(negative="")] = False,
    strict: Annotated[bool, Parameter(negative="")] = False,
    browser: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Check a workspace: every document, name, condition and binding, every test of its journeys, and the quality gates.

    Prints one line for each finding, as file:line:column with its rule and cure; 'pilotage rules' explains each rule.
    Exits 1 if a finding that is not waived is an error.

    Example: pilotage check shop --format sarif --output check.sarif

    Parameters
    ----------
    folder
        The workspace folder.
    form
        What to print: text, json, sarif (2.1.0) or junit.
    output
        A file to write it to; what it came to is still printed.
    notes
        Print notes and what is waived too, not only how many there are.
    strict
        Exit 1 for a warning as well.
    browser
        Look at contents with axe-core in the machine's Chromium too, which takes seconds; needs pilotage[browser].
    """
    form = Form.JSON if json else form
    found = _found(folder, browser)
    verdict, plan = found.verdict, found.compiled.plan
    failed = verdict.failed or (strict and verdict.count(Severity.WARNING) > 0)
    if form is not Form.TEXT and output is None:
        print(_written(found, form, folder).decode(), end="")
    else:
        if output is not None:
            _write(output, _written(found, form, folder))
        _tell(verdict, plan, found, notes=notes)
    return NEGATIVE if failed else OK


def _found(folder: Path, browser: bool) -> Findings:
    zones = packaged_zones()
    examiner = Examiner(World(zones, limits=EXAMINED))
    try:
        return findings_of_workspace(
            load(folder, os.environ), zones, SystemClock().now_us(), examine=examiner, browse=browser_findings if browser else None
        )
    except WorkspaceInvalid as invalid:
        return Findings(Verdict(invalid.findings), Compiled(None, invalid.findings, (), {}), ())


def _write(output: Path, written: bytes) -> None:
    if not output.parent.is_dir():
        raise Trouble(f"there is no folder {output.parent}", USAGE, "make it first, or write elsewhere")
    output.write_bytes(written)


def _written(found: Findings, form: Form, folder: Path) -> bytes:
    """The findings in a form that programs read, or as text without colours."""
    if form is Form.SARIF:
        return _json(
            sarif(found.verdict, ALL, pilotage.__version__, "" if folder.is_absolute() or folder == Path(".") else folder.as_posix())
        )
    if form is Form.JUNIT:
        return junit_findings(found.verdict, found.paths)
    if form is Form.TEXT:
        return "".join(f"{finding.text}\n" for finding in found.verdict.findings).encode()
    return _json(_document(found))


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2) + b"\n"


def _document(found: Findings) -> dict[str, Any]:
    verdict, plan = found.verdict, found.compiled.plan
    numbers = {f"{severity}s": verdict.count(severity) for severity in Severity}
    told = {"findings": verdict.findings, **numbers, "waived": verdict.waived}
    return {**told, "plan": plan.digest if plan else None, "tests": counts(found.results)}


def _tell(verdict: Verdict, plan: Plan | None, found: Findings, *, notes: bool) -> None:
    out = console()
    for finding in verdict.findings:
        if notes or finding.severity is not Severity.NOTE:
            out.print(_line(finding), soft_wrap=True)
    for each in verdict.waived if notes else ():
        out.print(f"{_escaped(each.finding.text)} [dim](waived by {_escaped(each.owner)} until {each.until})[/]", soft_wrap=True)
    numbers = ", ".join(counted(verdict.count(severity), severity) for severity in Severity if severity is not Severity.NOTE)
    if verdict.count(Severity.NOTE):
        numbers += f", {counted(verdict.count(Severity.NOTE), 'note')}"
    if verdict.waived:
        numbers += f", {len(verdict.waived)} waived"
    if plan is None:
        out.print(f"{numbers}: no plan was made")
        return
    parts = (counted(len(plan.journeys), "journey"), counted(len(plan.contents), "content"), counted(len(plan.contracts), "event type"))
    out.print(f"{numbers}: plan {plan.digest[:16]} with {', '.join(parts)}")
    if any(each.results for each in found.results):
        out.print(summary(found.results))


def _line(finding: Finding) -> str:
    return _escaped(finding.text).replace(f": {finding.severity} ", f": [{COLOURS[finding.severity]}]{finding.severity}[/] ", 1)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
