"""The command that checks a workspace: the one that loads the solver, which looks for conditions that cannot be meant."""

import os
from pathlib import Path

from pilotage.app.exits import NEGATIVE, OK
from pilotage.app.options import AsJson
from pilotage.app.terminal import console, print_json
from pilotage.app.workspace import WorkspaceInvalid, compile_workspace, errors, load
from pilotage.journey.findings import Finding, Severity
from pilotage.predicate.solver.contradictions import EXAMINED, Examiner
from pilotage.predicate.solver.problem import World
from pilotage.source.zones import packaged_zones


def check_command(folder: Path = Path("."), *, json: AsJson = False) -> int:
    """Check a workspace: every document, name, condition and binding.

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
        compiled = compile_workspace(load(folder, os.environ), zones, examiner)
        findings, plan = compiled.findings, compiled.plan
    except WorkspaceInvalid as invalid:
        findings, plan = invalid.findings, None
    failed = errors(findings)
    if json:
        print_json({"findings": findings, "errors": failed, "warnings": len(findings) - failed, "plan": plan.digest if plan else None})
        return NEGATIVE if failed else OK
    out = console()
    for finding in findings:
        out.print(_line(finding), soft_wrap=True)
    if plan is None:
        out.print(f"{_count(failed, 'error')}, {_count(len(findings) - failed, 'warning')}: no plan was made")
        return NEGATIVE
    parts = f"{_count(len(plan.journeys), 'journey')}, {_count(len(plan.contents), 'content')}, {_count(len(plan.contracts), 'event type')}"
    out.print(f"{_count(failed, 'error')}, {_count(len(findings) - failed, 'warning')}: plan {plan.digest[:16]} with {parts}")
    return OK


def _line(finding: Finding) -> str:
    text = finding.text.replace("[", r"\[")
    colour = "red" if finding.severity is Severity.ERROR else "yellow"
    return text.replace(f": {finding.severity} ", f": [{colour}]{finding.severity}[/] ", 1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
