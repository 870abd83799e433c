"""The review policy and waivers as documents: every mistake with its place and cure, and what a right one says."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.document import read_document
from pilotage.journey.findings import Finding, Report, Severity
from pilotage.proof.gates import ALL
from pilotage.proof.waivers import Waiver, judge
from pilotage.review.evidence import blocking, judged, waived_rules
from pilotage.review.policy import USUAL, Emergency, ReviewPolicy, Tier, parse_review_policy
from pilotage.review.risk import tier_at
from pilotage.review.waiver import parse_waivers

GOOD = """\
schema: 1
kind: review_policy
name: house
points: {logic: 3}
regulated: [marketing.credit]
many: 50
tiers:
  - {name: fast, from: 0, within: 1h, approvals: {}, automatic: true}
  - {name: slow, from: 2, within: 2d, approvals: {reviewer: 1, council: 2}}
block: [J021, J002]
emergency: {role: operator, approvals: {reviewer: 1}, review_within: 1d}
rollback: operator
"""


def parsed(text: str) -> tuple[ReviewPolicy | None, list[str]]:
    """The policy of a text, and its findings in a line each."""
    report = Report()
    document = read_document(text.encode(), "review.yaml", report)
    assert document is not None
    policy = parse_review_policy(document, report)
    return policy, [finding.text for finding in report.findings]


def test_a_policy_says_tiers_points_and_exceptions() -> None:
    """What a document says is what holds; points that it does not name are as usual."""
    policy, findings = parsed(GOOD)
    assert policy is not None and [] == findings
    assert (Tier("fast", 0, {}, DAY_US // 24, True), Tier("slow", 2, {"council": 2, "reviewer": 1}, 2 * DAY_US)) == policy.tiers
    assert (3, USUAL.points["marketing"]) == (policy.points["logic"], policy.points["marketing"])
    assert (("J002", "J021"), 50, "operator") == (policy.block, policy.many, policy.rollback)
    assert Emergency("operator", {"reviewer": 1}, DAY_US) == policy.emergency
    assert ["fast", "fast", "slow", "slow"] == [tier_at(policy, points).name for points in (0, 1, 2, 99)]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("logic: 3", "logik: 3", "review.yaml:4:10: error V001 unknown fact 'logik'; did you mean 'logic'?"),
        ("logic: 3", "logic: -3", "review.yaml:4:17: error V002 the points of 'logic' cannot be -3; write a whole number"),
        ("from: 0", "from: 1", "V002 no tier holds below 1 points; begin the first tier with 'from: 0'"),
        ("from: 2", "from: 0", "V002 the tier 'slow' begins no higher than 'fast'"),
        ("approvals: {}, automatic: true", "approvals: {}", "V002 nobody approves in 'fast'; name who approves"),
        ("{reviewer: 1, council: 2}", "{}", "V002 nobody approves in 'slow'"),
        ("approvals: {}, automatic: true", "approvals: {council: 4}", "V002 the tier 'slow' asks for fewer approvals than 'fast' below it"),
        ("council: 2", "counsel: 2", "V001 unknown role 'counsel'; did you mean 'council'?"),
        ("rollback: operator", "rollback: pilot", "V001 unknown role 'pilot'"),
        ("J021", "J999", "review.yaml:10:9: error V001 unknown rule 'J999'"),
        ("within: 2d", "within: soon", "D017 'within': 'soon' is not a duration"),
        ("name: house", "nom: house", "D009 unknown key 'nom'"),
        ("tiers:", "levels:", "D010"),
    ],
)
def test_a_mistake_in_a_policy_is_told_with_its_place(old: str, new: str, finding: str) -> None:
    """A policy that does not make sense is none, and says where and what to do."""
    policy, findings = parsed(GOOD.replace(old, new, 1))
    assert policy is None
    assert any(finding in each for each in findings), findings


WAIVERS = """\
schema: 1
kind: waivers
waivers:
  - {rule: J021, document: journeys/cart.yaml, owner: ben, reason: it is clear, until: 2026-03-31}
  - {rule: J021, document: "*", owner: cleo, reason: for now, until: "2026-03-10T12:00:00Z"}
"""
NOON_US = parse_instant_us("2026-03-10T12:00:00Z")


def waivers(text: str) -> tuple[tuple[Waiver, ...], list[str]]:
    """The waivers of a text, and the findings."""
    report = Report()
    document = read_document(text.encode(), "waivers.yaml", report)
    assert document is not None
    return parse_waivers(document, ["ben", "cleo"], report), [finding.text for finding in report.findings]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("J021", "J999", "waivers.yaml:4:12: error V001 unknown rule 'J999'"),
        ("ben", "bob", "error V003 unknown person 'bob'"),
        ("2026-03-31", "never", "D023"),
        ("2026-03-31", "9999-12-31", "V008 a waiver that does not end is none"),
        (", reason: it is clear", "", "waivers.yaml:4:5: error D010 'waivers', item 1 has no 'reason'"),
    ],
)
def test_a_mistake_in_a_waiver_is_told_with_its_place(old: str, new: str, finding: str) -> None:
    """A waiver needs a rule that is, an owner who is, a reason and an end."""
    _, findings = waivers(WAIVERS.replace(old, new, 1))
    assert any(finding in each for each in findings), findings


def test_a_waiver_holds_where_and_as_long_as_it_says() -> None:
    """A finding that blocks is waived in its document until the end of the day, or to the instant; then it blocks again and says whose
    waiver it was. Other documents and rules are not waived."""
    found, findings = waivers(WAIVERS)
    assert [] == findings

    def finding(path: str, rule: str = "J021", severity: Severity = Severity.WARNING) -> Finding:
        return Finding(path, 3, 1, rule, severity, "nobody says what happens", "say it")

    cart, other = finding("journeys/cart.yaml"), finding("journeys/other.yaml")
    error, mild = finding("journeys/cart.yaml", "J012", Severity.ERROR), finding("journeys/cart.yaml", "T008")
    everything = (cart, other, error, mild)
    before = judged(everything, USUAL, found, NOON_US - 1)
    assert [False, False, True, False] == [each.blocks for each in before]
    assert ["ben", "cleo", "", ""] == [each.waived_by for each in before]
    assert ("J021 in journeys/cart.yaml by ben", "J021 in journeys/other.yaml by cleo") == waived_rules(before)
    everywhere = (Waiver("J012", "*", "ben", "it runs anyway", NOON_US + 1),)
    assert [True] == [each.blocks for each in judged((error,), USUAL, everywhere, NOON_US)], "nobody waives what makes no plan"
    after = blocking(everything, USUAL, found, NOON_US)
    assert 2 == len(after) and "the waiver of cleo ended at 2026-03-10T12:00:00Z" in after[0]
    month = blocking((cart,), USUAL, found, parse_instant_us("2026-04-01T00:00:00Z"))
    assert "the waiver of ben ended at 2026-04-01T00:00:00Z" in month[0]
    assert () == blocking((cart,), USUAL, found, parse_instant_us("2026-04-01T00:00:00Z") - 1)


wheres = st.sampled_from(("*", "journeys/cart.yaml", "content/*"))
spans = st.lists(st.tuples(st.integers(-20, 20), wheres, st.sampled_from("abc")), max_size=5)


@given(spans, st.sampled_from(("J021", "J012", "T008", "N001", "X999")), st.sampled_from(tuple(Severity)))
def test_whoever_checks_and_whoever_reviews_judge_waivers_alike(drawn: list[tuple[int, str, str]], rule: str, severity: Severity) -> None:
    """Whatever waivers there are, one holds for a finding that blocks a review exactly where it takes the finding's weight in a check, by
    the same owner; where the last has ended, both name it."""
    everywhere = tuple(Waiver(rule, where, owner, "why", NOON_US + days * DAY_US) for days, where, owner in drawn)
    broken = Finding("journeys/cart.yaml", 3, 1, rule, severity, "nobody says what happens", "say it")
    checked = judge([broken], [], everywhere, ALL, NOON_US)
    [reviewed] = judged((broken,), msgspec.structs.replace(USUAL, block=(rule,)), everywhere, NOON_US)
    assert [each.owner for each in checked.waived] == ([reviewed.waived_by] if reviewed.waived_by else [])
    assert reviewed.blocks is not bool(checked.waived)
    [told] = blocking((broken,), msgspec.structs.replace(USUAL, block=(rule,)), everywhere, NOON_US) or [""]
    ended = next((each.message for each in checked.findings if each.rule == rule and "waived by" in each.message), "")
    assert ("the waiver of" in told) == bool(ended)
    assert not ended or told.partition("the waiver of ")[2][0] == ended.partition("waived by ")[2][0]
