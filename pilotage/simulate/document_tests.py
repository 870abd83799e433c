"""All tests that a workspace's journeys carry, run: what each came to, and which edges of its journey they pass together."""

from collections.abc import Container, Iterable

import msgspec

from pilotage.event.zone import Zones
from pilotage.journey.document import Document
from pilotage.journey.edges import StepEdge, passed_edges
from pilotage.journey.findings import Report
from pilotage.journey.impossible import impossible_edges, possible_edges
from pilotage.journey.plan import Plan
from pilotage.simulate.parse_tests import Names, names_of, parse_tests
from pilotage.simulate.tests import DocumentTest
from pilotage.simulate.trial import Stage
from pilotage.simulate.verdict import Clock, Difference, Judge, timeline


class TrialResult(msgspec.Struct, frozen=True):
    """What one test came to; the timeline, a line each, is there to explain differences."""

    test: DocumentTest
    differences: tuple[Difference, ...]
    timeline: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


class JourneyResult(msgspec.Struct, frozen=True):
    """What a journey's tests came to, every edge that can be taken, those that no test takes, and those that nothing can take, with
    the reason."""

    journey: str
    path: str
    place: tuple[int, int]
    results: tuple[TrialResult, ...]
    edges: tuple[StepEdge, ...]
    uncovered: tuple[StepEdge, ...]
    impossible: dict[StepEdge, str]

    @property
    def covered(self) -> int:
        return len(self.edges) - len(self.uncovered)

    @property
    def coverage(self) -> float:
        """The share of edges that a test passes, in per cent."""
        return 100 * self.covered / len(self.edges)

    @property
    def failed(self) -> int:
        return sum(not result.passed for result in self.results)


def run_tests(
    documents: Iterable[Document], plan: Plan, zones: Zones, report: Report, wanted: Container[str] | None = None
) -> tuple[JourneyResult, ...]:
    """Run the tests of all journeys of a plan, or of those wanted, by name. Tests that are not right are reported and not run."""
    stage, names = Stage(plan, zones), names_of(plan, zones)
    journeys = {document.name: document for document in documents if document.kind == "journey"}
    chosen = [name for name in sorted(journeys) if name in names.journeys and (wanted is None or name in wanted)]
    return tuple(_run_journey(journeys[name], stage, names, report) for name in chosen)


def report_failures(results: Iterable[JourneyResult], report: Report) -> None:
    """Report every difference as an error at its place, and every edge that no test of a journey with tests passes."""
    for journey in results:
        for result in journey.results:
            for each in result.differences:
                message = f"test {result.test.name!r}: {each.what}: expected {each.expected}, but it was {each.actual}"
                cure = f"'pilotage test {journey.journey}' shows how it came about"
                report.add("T007", journey.path, (each.line, each.column), message, cure)
        if journey.results and journey.uncovered:
            named = "; ".join(edge.text for edge in journey.uncovered)
            count = f"{len(journey.uncovered)} of {len(journey.edges)} edges"
            report.add("T008", journey.path, journey.place, f"the tests do not take {count}: {named}", "add a test that takes them")


def _run_journey(document: Document, stage: Stage, names: Names, report: Report) -> JourneyResult:
    journey = names.journeys[document.name]
    passed: set[StepEdge] = set()
    results = []
    for test in parse_tests(document, names, report):
        trial = stage.run(test)
        differences = Judge(test, trial, journey, names.attributes_of(journey), names.zones).differences()
        story = tuple(timeline(trial, Clock(names.zones, test.zone), journey.name)) if differences else ()
        passed |= passed_edges(journey, trial.decisions)
        results.append(TrialResult(test, differences, story))
    edges, impossible = possible_edges(journey, names.plan.policy), impossible_edges(journey, names.plan.policy)
    uncovered = tuple(edge for edge in edges if edge not in passed)
    return JourneyResult(journey.name, document.path, document.root.key("tests").place, tuple(results), edges, uncovered, impossible)
