"""The pages about rules say what the rules say."""

import pytest

from pilotage.proof.gates import ALL
from pilotage.proof.reference import overview, page
from pilotage.proof.rule import Rule
from tests.tree import ROOT

DOCS = ROOT / "docs"


def test_the_page_of_all_rules_is_up_to_date() -> None:
    """docs/rules.md is what `make reference` writes."""
    assert overview(ALL) == (DOCS / "rules.md").read_text(encoding="utf-8")


def test_every_rule_that_says_why_has_a_page() -> None:
    """There is a page for each rule that says why it is there, and none for a rule that is gone."""
    told = {rule.id for rule in ALL.values() if rule.why}
    assert told == {path.stem for path in (DOCS / "rules").glob("*.md")}


@pytest.mark.parametrize("rule", [rule for rule in ALL.values() if rule.why], ids=lambda rule: rule.id)
def test_pages_of_rules_are_up_to_date(rule: Rule) -> None:
    """The page of each rule is what `make reference` writes."""
    assert page(rule) == (DOCS / "rules" / f"{rule.id}.md").read_text(encoding="utf-8")
