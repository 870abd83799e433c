"""The command that runs the tests which journeys carry in their documents."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from pilotage.app.exits import NEGATIVE, OK, USAGE, Trouble
from pilotage.app.junit import junit_xml
from pilotage.app.options import AsJson, WorkspaceFolder
from pilotage.app.planning import unplanned
from pilotage.app.terminal import console, print_json
from pilotage.app.workspace import compile_workspace, load
from pilotage.journey.findings import Finding, Report, suggestion
from pilotage.simulate.document_tests import JourneyResult, TrialResult, run_tests
from pilotage.source.zones import packaged_zones


def test_command(
    *journeys: str,
    workspace: WorkspaceFolder = Path("."),
    json: AsJson = False,
    junit: Path | None = None,
    coverage_min: float = 0,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
) -> int:
    """Run the tests in the journeys' documents, through the function that runs live.

    Shows for each journey how many tests pass, and which of its edges none of them takes.
    Exits 1 if a test fails, is not right, or if the coverage of a journey is too low.

    Example: pilotage test --workspace shop --coverage-min 100

    Parameters
    ----------
    journeys
        The names of the journeys; all of them without any.
    junit
        A file to write the outcome to as JUnit XML.
    coverage_min
        The least share of each journey's edges that its tests must take, in per cent.
    verbose
        Name every test, not only those that fail, and every edge that nothing can take.
    """
    zones = packaged_zones()
    loaded = load(workspace, os.environ)
    compiled = compile_workspace(loaded, zones)
    if compiled.plan is None:
        raise unplanned(compiled)
    known = [journey.name for journey in compiled.plan.journeys]
    for name in journeys:
        if name not in known:
            raise Trouble(f"unknown journey {name!r}", USAGE, suggestion(name, known, "journeys"))
    report = Report()
    results = run_tests(loaded.documents, compiled.plan, zones, report, set(journeys) or None)
    if junit is not None:
        junit.write_bytes(junit_xml(results))
    lacking = [each.journey for each in results if each.coverage < coverage_min]
    if json:
        print_json(_document(results, report.findings, lacking))
    else:
        _tell(console(), results, report.findings, lacking, verbose)
    return NEGATIVE if report.failed or lacking or any(each.failed for each in results) else OK


def counts(results: Sequence[JourneyResult]) -> dict[str, int]:
    """How many tests there are and fail, and how many edges there are and are taken."""
    return {
        "tests": sum(len(each.results) for each in results),
        "failed": sum(each.failed for each in results),
        "covered": sum(each.covered for each in results),
        "edges": sum(len(each.edges) for each in results),
    }


def summary(results: Sequence[JourneyResult]) -> str:
    """All tests and their coverage in one line."""
    found, journeys = counts(results), f"{len(results)} journey{'' if len(results) == 1 else 's'}"
    passed = found["tests"] - found["failed"]
    return f"{passed} of {found['tests']} tests pass, over {found['covered']}/{found['edges']} edges of {journeys}"


def _tell(out: Console, results: Sequence[JourneyResult], findings: Iterable[Finding], lacking: Sequence[str], verbose: bool) -> None:
    for finding in findings:
        out.print(finding.text, markup=False, soft_wrap=True)
    width = max((len(each.journey) for each in results), default=0)
    for journey in results:
        mark = "[red]FAIL[/]" if journey.failed else "[yellow]none[/]" if not journey.results else "[green]ok[/]  "
        passed = f"{len(journey.results) - journey.failed}/{len(journey.results)}"
        out.print(f"{mark}  {journey.journey:{width}}  tests {passed}  edges {journey.covered}/{len(journey.edges)}")
        for result in journey.results:
            if verbose and result.passed:
                out.print(f"      ok    {result.test.name}", markup=False)
            elif not result.passed:
                _tell_failure(out, journey, result)
        if journey.results or journey.journey in lacking:
            for edge in journey.uncovered:
                out.print(f"      not taken  {edge.text}", markup=False)
        for edge, reason in journey.impossible.items() if verbose else ():
            out.print(f"      impossible  {edge.text}: {reason}", markup=False)
    out.print()
    out.print(summary(results))
    if lacking:
        out.print(f"coverage is too low: {', '.join(lacking)}", markup=False)


def _tell_failure(out: Console, journey: JourneyResult, result: TrialResult) -> None:
    out.print(f"      FAIL  {result.test.name}", markup=False, style="bold")
    for each in result.differences:
        out.print(f"        {journey.path}:{each.line}:{each.column}: {each.what}", markup=False)
        out.print(f"          expected  {each.expected}", markup=False, style="green")
        out.print(f"          actual    {each.actual}", markup=False, style="red")
    for line in result.timeline:
        out.print(f"        {line}", markup=False, style="dim")


def _document(results: Sequence[JourneyResult], findings: Iterable[Finding], lacking: Sequence[str]) -> dict[str, Any]:
    return {
        **counts(results),
        "lacking": lacking,
        "findings": list(findings),
        "journeys": [
            {
                "journey": each.journey,
                "path": each.path,
                "covered": each.covered,
                "edges": len(each.edges),
                "uncovered": list(each.uncovered),
                "impossible": [{"edge": edge, "reason": reason} for edge, reason in each.impossible.items()],
                "tests": [
                    {
                        "name": result.test.name,
                        "line": result.test.place[0],
                        "passed": result.passed,
                        "differences": list(result.differences),
                        "timeline": list(result.timeline),
                    }
                    for result in each.results
                ],
            }
            for each in results
        ],
    }
