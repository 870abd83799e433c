"""Findings in the JUnit XML format, which continuous integration systems read: a suite for each document, a case for each rule that it
breaks. Errors fail; warnings and notes pass and are told; what is waived is skipped, with who waived it.
"""

from collections.abc import Iterable
from xml.etree import ElementTree

import msgspec

from pilotage.journey.findings import Finding, Severity
from pilotage.proof.waivers import Verdict


class _Case(msgspec.Struct, frozen=True):
    finding: Finding
    waived: str = ""

    @property
    def failed(self) -> bool:
        return not self.waived and self.finding.severity is Severity.ERROR


def junit_findings(verdict: Verdict, documents: Iterable[str]) -> bytes:
    """The report over all documents, by path; one in which nothing was found has a case that passes."""
    cases = [_Case(finding) for finding in verdict.findings]
    cases += [_Case(each.finding, f"waived by {each.owner} until {each.until}: {each.reason}") for each in verdict.waived]
    suites = {
        path: [case for case in cases if case.finding.path == path] for path in sorted({*documents, *(each.finding.path for each in cases)})
    }
    total, failures = sum(max(len(each), 1) for each in suites.values()), sum(case.failed for case in cases)
    skipped = sum(bool(case.waived) for case in cases)
    root = ElementTree.Element("testsuites", name="pilotage check", tests=str(total), failures=str(failures), skipped=str(skipped))
    for path, found in suites.items():
        _add_suite(root, path, found)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add_suite(root: ElementTree.Element, path: str, found: list[_Case]) -> None:
    failures, skipped = sum(case.failed for case in found), sum(bool(case.waived) for case in found)
    suite = ElementTree.SubElement(
        root, "testsuite", name=path, file=path, tests=str(max(len(found), 1)), failures=str(failures), skipped=str(skipped)
    )
    if not found:
        ElementTree.SubElement(suite, "testcase", classname=path, name="no findings", file=path)
    for each in found:
        finding = each.finding
        name = f"{finding.rule} {finding.message}"
        case = ElementTree.SubElement(suite, "testcase", classname=path, name=name, file=path, line=str(finding.line))
        if each.waived:
            ElementTree.SubElement(case, "skipped", message=each.waived)
        elif each.failed:
            ElementTree.SubElement(case, "failure", message=finding.message, type=finding.rule).text = finding.text
        else:
            ElementTree.SubElement(case, "system-out").text = finding.text
