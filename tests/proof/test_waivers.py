"""Waivers: they take a finding's weight up to and with their last day, in their documents, and are findings themselves when wrong."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import DAY_US, instant_us, moment
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Finding, Report, Severity
from pilotage.proof.gates import ALL
from pilotage.proof.waivers import Waiver, judge, waivers_of
from tests.proof.model_workspace import NOW_US, exchanged, found, model

TODAY = moment(NOW_US).date()
WARNED = Finding("journeys/a.yaml", 3, 1, "N001", Severity.WARNING, "it has no description", "write one")


def policies(raised: str) -> list[Document]:
    """A policy that raises some rules."""
    document = read_document(f"schema: 1\nkind: policy\nname: gates\ngates:\n{raised}".encode(), "policies/gates.yaml", Report())
    assert document is not None
    return [document]


def waiver(until_days: int, rule: str = "N001", where: str = "*") -> Waiver:
    """A waiver that holds for so many more days, up to their end."""
    return Waiver(rule, where, "ada", "it is being written", (NOW_US // DAY_US + until_days + 1) * DAY_US, (4, 5))


@given(days=st.integers(-400, 400))
def test_a_waiver_holds_up_to_and_with_its_last_day(days: int) -> None:
    """Until its last day is over a waiver takes the finding's weight; afterwards the finding counts again and says since when."""
    verdict = judge([WARNED], [], [waiver(days)], ALL, NOW_US)
    counting = [finding for finding in verdict.findings if finding.rule == "N001"]
    assert (days < 0) == bool(counting) == (not verdict.waived)
    if counting:
        assert f"waived by ada until {TODAY + timedelta(days=days)}, which has passed" in counting[0].message
        assert ["V005"] == [finding.rule for finding in verdict.findings if finding.rule.startswith("V")]
    else:
        assert WARNED == verdict.waived[0].finding and "ada" == verdict.waived[0].owner
        assert ["V006"] * (days >= 366) == [finding.rule for finding in verdict.findings]


@pytest.mark.parametrize(
    ("where", "waived"),
    [("*", True), ("journeys/a.yaml", True), ("journeys/*", True), ("journeys/b.yaml", False), ("content/*", False)],
)
def test_a_waiver_holds_in_its_documents(where: str, waived: bool) -> None:
    """A waiver that names documents holds in these alone; * stands for anything. One that meets nothing is a note."""
    verdict = judge([WARNED], [], [waiver(30, where=where)], ALL, NOW_US)
    assert waived == bool(verdict.waived)
    assert ([] if waived else ["N001", "V007"]) == [finding.rule for finding in verdict.findings]


def test_of_two_waivers_one_that_holds_is_enough() -> None:
    """A finding is waived where any waiver holds, whatever others have ended."""
    verdict = judge([WARNED], [], [waiver(-3), waiver(3)], ALL, NOW_US)
    assert ["V005"] == [finding.rule for finding in verdict.findings]
    assert 1 == len(verdict.waived)


def test_an_error_of_reading_cannot_be_waived() -> None:
    """A waiver of what leaves nothing to run takes no weight and is an error itself."""
    unknown = Finding("journeys/a.yaml", 9, 1, "J012", Severity.ERROR, "unknown step 'x'", "write another")
    verdict = judge([unknown], [], [waiver(30, rule="J012")], ALL, NOW_US)
    assert ["J012", "V004"] == [finding.rule for finding in verdict.findings]
    assert verdict.failed and not verdict.waived


def test_a_rule_may_be_taken_more_seriously_and_not_less() -> None:
    """A policy raises a note to an error, never the other way; a raise of a rule that does not exist is an error."""
    note = Finding("journeys/a.yaml", 3, 1, "N010", Severity.NOTE, "no runbook", "write one")
    verdict = judge([note], policies("  raise: {N010: error}\n"), [], ALL, NOW_US)
    assert [Severity.ERROR] == [finding.severity for finding in verdict.findings]
    broken = Finding("journeys/a.yaml", 3, 1, "M009", Severity.ERROR, "lorem ipsum", "write it")
    assert [broken] == list(judge([broken], policies("  raise: {M009: warning}\n"), [], ALL, NOW_US).findings)
    warned = judge([WARNED], policies("  raise: {N001: warning}\n"), [], ALL, NOW_US)
    assert [WARNED] == list(warned.findings)
    assert ["V001"] == [each.rule for each in judge([], policies("  raise: {N999: error}\n"), [], ALL, NOW_US).findings]


def test_waivers_are_read_in_the_order_written() -> None:
    """Each waiver keeps its owner, its documents, its reason, the end of its day and the place where it is written."""
    (one,) = waivers_of(model().waivers)
    assert ("N008", "journeys/digest.yaml", "ada", (4, 5)) == (one.rule, one.document, one.owner, one.place)
    assert instant_us(datetime(2027, 7, 1)) == one.until_us
    assert () == waivers_of(None)


@pytest.mark.parametrize("key", ["owner: ada, ", "until: 2027-06-30, "])
def test_a_waiver_without_owner_or_end_waives_nothing(key: str) -> None:
    """A waiver that nobody answers for, or that never ends, is an error of the document."""
    whole = exchanged("waivers.yaml", key, "")
    assert ["D010"] == [finding.rule for finding in whole.findings]
    assert f"has no '{key.partition(':')[0]}'" in whole.findings[0].message


def test_policies_with_and_without_gates_make_the_same_plan() -> None:
    """How strictly documents are checked is no part of the plan."""
    strict = found(exchanged("policies/gates.yaml", "    email: {per_day: 50000}\n", "    email: {per_day: 60000}\n"))
    loose = found(exchanged("policies/gates.yaml", "  links: links.txt\n", ""))
    plans = [each.compiled.plan for each in (strict, loose)]
    assert plans[0] is not None and plans[1] is not None and plans[0].digest == plans[1].digest
