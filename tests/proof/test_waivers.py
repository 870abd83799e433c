"""Waivers: they take a finding's weight up to and with their last day, in their documents, and are findings themselves when wrong."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import DAY_US, moment
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Finding, Report, Severity
from pilotage.proof.gates import ALL
from pilotage.proof.waivers import judge, waivers_of
from tests.proof.model_workspace import NOW_US, exchanged, found

TODAY = moment(NOW_US).date()
WARNED = Finding("journeys/a.yaml", 3, 1, "G001", Severity.WARNING, "it has no description", "write one")


def policy(*waivers: str, raised: str = "") -> Document:
    """A policy with some waivers and raises."""
    lines = "".join(f"    - {{{each}}}\n" for each in waivers)
    text = f"schema: 1\nkind: policy\nname: gates\ngates:\n{raised}  waivers:{chr(10) if waivers else ' []' + chr(10)}{lines}"
    document = read_document(text.encode(), "policies/gates.yaml", Report())
    assert document is not None
    return document


def waiver(until_days: int, rule: str = "G001", where: str = "") -> str:
    """A waiver as written, that holds for so many more days."""
    return f"rule: {rule}, {where}owner: head-of-crm, until: {TODAY + timedelta(days=until_days)}, reason: it is being written"


@given(days=st.integers(-400, 400))
def test_a_waiver_holds_up_to_and_with_its_last_day(days: int) -> None:
    """Until its last day is over a waiver takes the finding's weight; afterwards the finding counts again and says since when."""
    verdict = judge([WARNED], [policy(waiver(days))], ALL, NOW_US)
    counting = [finding for finding in verdict.findings if finding.rule == "G001"]
    assert (days < 0) == bool(counting) == (not verdict.waived)
    if counting:
        assert f"waived by head-of-crm until {TODAY + timedelta(days=days)}, which has passed" in counting[0].message
        assert ["V003"] == [finding.rule for finding in verdict.findings if finding.rule.startswith("V")]
    else:
        assert WARNED == verdict.waived[0].finding and "head-of-crm" == verdict.waived[0].owner
        assert ["V004"] * (days > 366) == [finding.rule for finding in verdict.findings]


@pytest.mark.parametrize(
    ("where", "waived"),
    [("", True), ("in: [journeys/a.yaml], ", True), ("in: [journeys/*], ", True), ("in: [journeys/b.yaml, content/*], ", False)],
)
def test_a_waiver_holds_in_its_documents(where: str, waived: bool) -> None:
    """A waiver that names documents holds in these alone; * stands for anything. One that meets nothing is a note."""
    verdict = judge([WARNED], [policy(waiver(30, where=where))], ALL, NOW_US)
    assert waived == bool(verdict.waived)
    assert ([] if waived else ["G001", "V005"]) == [finding.rule for finding in verdict.findings]


def test_of_two_waivers_one_that_holds_is_enough() -> None:
    """A finding is waived where any waiver holds, whatever others have ended."""
    verdict = judge([WARNED], [policy(waiver(-3), waiver(3))], ALL, NOW_US)
    assert ["V003"] == [finding.rule for finding in verdict.findings]
    assert 1 == len(verdict.waived)


def test_an_error_of_reading_cannot_be_waived() -> None:
    """A waiver of what leaves nothing to run takes no weight and is an error itself."""
    unknown = Finding("journeys/a.yaml", 9, 1, "J012", Severity.ERROR, "unknown step 'x'", "write another")
    verdict = judge([unknown], [policy(waiver(30, rule="J012"))], ALL, NOW_US)
    assert ["J012", "V002"] == [finding.rule for finding in verdict.findings]
    assert verdict.failed and not verdict.waived


def test_a_rule_may_be_taken_more_seriously_and_not_less() -> None:
    """A policy raises a note to an error, never the other way; a raise of a rule that does not exist is an error."""
    note = Finding("journeys/a.yaml", 3, 1, "G010", Severity.NOTE, "no runbook", "write one")
    verdict = judge([note], [policy(raised="  raise: {G010: error}\n")], ALL, NOW_US)
    assert [Severity.ERROR] == [finding.severity for finding in verdict.findings]
    broken = Finding("journeys/a.yaml", 3, 1, "M009", Severity.ERROR, "lorem ipsum", "write it")
    assert [broken] == list(judge([broken], [policy(raised="  raise: {M009: warning}\n")], ALL, NOW_US).findings)
    warned = judge([WARNED], [policy(raised="  raise: {G001: warning}\n")], ALL, NOW_US)
    assert [WARNED] == list(warned.findings)
    assert ["V001"] == [each.rule for each in judge([], [policy(raised="  raise: {G999: error}\n")], ALL, NOW_US).findings]


def test_waivers_are_read_in_the_order_written() -> None:
    """Each waiver keeps its owner, its documents, its reason and the place where it is written."""
    one, two = waivers_of([policy(waiver(30), waiver(3, "M*", "in: [content/x.yaml], "))])
    assert (("G001", ()), ("M*", ("content/x.yaml",))) == ((one.rule, one.paths), (two.rule, two.paths))
    assert (6, 7) == (one.place[0], two.place[0])
    assert 2 * DAY_US < NOW_US


def test_a_waiver_without_owner_or_end_is_refused() -> None:
    """A waiver that nobody answers for, or that never ends, is an error at its place."""
    findings = found(exchanged("policies/gates.yaml", "owner: head-of-crm, until: 2027-06-30, ", "")).verdict.findings
    here = [finding for finding in findings if finding.path == "policies/gates.yaml"]
    assert {("D010", 10)} == {(finding.rule, finding.line) for finding in here}
    for key in ("owner", "until"):
        assert 1 == sum(f"has no '{key}'" in finding.message for finding in here)


def test_policies_with_and_without_gates_make_the_same_plan() -> None:
    """How strictly documents are checked is no part of the plan."""
    strict = found(exchanged("policies/gates.yaml", "    email: {per_day: 50000}\n", "    email: {per_day: 60000}\n"))
    loose = found(exchanged("policies/gates.yaml", "  links: links.txt\n", ""))
    plans = [each.compiled.plan for each in (strict, loose)]
    assert plans[0] is not None and plans[1] is not None and plans[0].digest == plans[1].digest
