"""The outcome of journeys' tests in the JUnit XML format, which continuous integration systems read."""

from collections.abc import Sequence
from xml.etree import ElementTree

from pilotage.simulate.document_tests import JourneyResult, TrialResult


def junit_xml(results: Sequence[JourneyResult]) -> bytes:
    """One test suite for each journey, one test case for each test; a failure says what was expected and how it came about."""
    tests, failures = sum(len(each.results) for each in results), sum(each.failed for each in results)
    root = ElementTree.Element("testsuites", name="pilotage test", tests=str(tests), failures=str(failures))
    for journey in results:
        suite = ElementTree.SubElement(
            root, "testsuite", name=journey.journey, file=journey.path, tests=str(len(journey.results)), failures=str(journey.failed)
        )
        for result in journey.results:
            _add_case(suite, journey, result)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add_case(suite: ElementTree.Element, journey: JourneyResult, result: TrialResult) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=journey.journey, name=result.test.name, file=journey.path, line=str(result.test.place[0])
    )
    if result.passed:
        return
    first = result.differences[0]
    failure = ElementTree.SubElement(case, "failure", message=f"{first.what}: expected {first.expected}, but it was {first.actual}")
    told = [
        f"{journey.path}:{each.line}:{each.column}: {each.what}\n  expected {each.expected}\n  actual   {each.actual}"
        for each in result.differences
    ]
    failure.text = "\n".join((*told, "", *result.timeline))
