"""Rules keep what they say: the example of each breaks it, the cured example does not, and nothing else changes."""

import pytest

from pilotage.journey.findings import RULES, Severity
from pilotage.proof.gates import ALL, GATES
from pilotage.proof.rule import Rule
from tests.proof.model_workspace import exchanged, found, model

TOLD = [rule for rule in ALL.values() if rule.example is not None]
ELSEWHERE = {"C006", "C012"}
"""What makes a content unused, or short of a language, stands in another document."""


def test_the_model_workspace_has_no_finding() -> None:
    """There is a workspace of every kind of document with neither error, warning nor note, so every rule can be kept."""
    whole = found(model(), tests=True)
    assert [] == [finding.text for finding in whole.verdict.findings]
    assert ["N008"] == [each.finding.rule for each in whole.verdict.waived]


@pytest.mark.parametrize("rule", TOLD, ids=lambda rule: rule.id)
def test_a_rules_example_breaks_it_and_no_other(rule: Rule) -> None:
    """The example of each rule, put into the model workspace, is found by that rule alone, in that document, with a place and a cure;
    the model, which holds the cured example, is not."""
    example = rule.example
    assert example is not None
    verdict = found(exchanged(example.path, example.right, example.wrong), tests=rule.id[0] in "TV").verdict
    broken = [finding for finding in verdict.findings if finding.rule == rule.id]
    assert {rule.id} == {finding.rule for finding in verdict.findings}, [finding.text for finding in verdict.findings]
    assert all(finding.severity is rule.severity for finding in broken)
    assert rule.id in ELSEWHERE or example.path in {finding.path for finding in broken}
    assert all(finding.line > 0 and finding.column > 0 and finding.cure for finding in broken)


def test_there_are_more_than_forty_gates_and_ids_are_never_shared() -> None:
    """Forty gates or more look beyond what readers refuse; no id names two rules, and none is one of the readers' own."""
    names = [rule.id for rule in GATES]
    assert len(names) >= 40
    assert sorted(set(names)) == sorted(names)
    assert set() == set(names) & set(RULES)


@pytest.mark.parametrize("rule", TOLD, ids=lambda rule: rule.id)
def test_a_rule_says_why_and_what_to_do(rule: Rule) -> None:
    """Each rule has a title without a full stop, a rationale in sentences, and a cure."""
    assert rule.title and not rule.title.endswith(".")
    assert rule.why.endswith((".", "!")) and len(rule.why.split()) >= 12, rule.why
    assert rule.cure and not rule.cure.endswith(".")


def test_what_leaves_nothing_to_run_cannot_be_waived() -> None:
    """Errors of readers cannot be waived; their warnings and all gates can."""
    assert all(not rule.waivable for name, rule in ALL.items() if name in RULES and rule.severity is Severity.ERROR)
    assert all(rule.waivable for rule in GATES)
