"""Commands about a workspace: begin one, check it."""

import os
from pathlib import Path

from pilotage.app.exits import CONFIG, NEGATIVE, OK, Trouble
from pilotage.app.options import AsJson
from pilotage.app.starter import WorkspaceExists, init
from pilotage.app.terminal import console, print_json
from pilotage.app.workspace import WorkspaceInvalid, compile_workspace, errors, load
from pilotage.journey.findings import Finding, Severity
from pilotage.source.zones import packaged_zones


def init_command(folder: Path = Path("."), *, company: str = "Example Company", json: AsJson = False) -> int:
    """Begin a workspace: a small, complete one that runs at once.

    Example: pilotage init shop --company "Brindlecove"

    Parameters
    ----------
    folder
        Where to write it; made if need be. Nothing is overwritten.
    company
        Whose customers these are.
    """
    try:
        written = init(folder, company)
    except WorkspaceExists as exists:
        raise Trouble(str(exists), CONFIG) from exists
    if json:
        print_json({"folder": str(folder), "files": [str(path) for path in written]})
        return OK
    out = console()
    for path in written:
        out.print(f"wrote {path}", markup=False)
    there = "" if folder == Path(".") else f" {folder}"
    out.print(f"\nNext: pilotage check{there}, then pilotage run{f' --workspace {folder}' if there else ''}", markup=False)
    return OK


def check_command(folder: Path = Path("."), *, json: AsJson = False) -> int:
    """Check a workspace: every document, name, condition and binding.

    Prints one line for each finding, as file:line:column with its cure. Exits 1 if one is an error.

    Example: pilotage check shop --json

    Parameters
    ----------
    folder
        The workspace folder.
    """
    try:
        compiled = compile_workspace(load(folder, os.environ), packaged_zones())
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
