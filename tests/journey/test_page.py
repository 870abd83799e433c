"""The page on journeys: every example on it compiles, and it knows every rule."""

import re
from pathlib import Path

import msgspec
import pytest

from pilotage.app.workspace import load
from pilotage.contract.model import Contract, FieldSpec
from pilotage.journey.findings import RULES, WARNINGS
from tests.journey.sample import SURROUNDINGS, compiled, text, texts
from tests.pages import blocks
from tests.tree import ROOT

PAGE = (ROOT / "docs" / "journey.md").read_text(encoding="utf-8")
BLOCKS = [block for block in blocks(PAGE) if block.language == "yaml"]
DOCUMENTS = {f"{block.line}.yaml": block.text + "\n" for block in BLOCKS if "\nkind: " in block.text}
FRAGMENTS = [block for block in BLOCKS if not block.text.startswith("schema:")]
IDENTIFIED = Contract("customer.identified", "1", (text("email"), text("first_name"), text("tier"), FieldSpec("age", "integer")))
AROUND = msgspec.structs.replace(
    SURROUNDINGS, contracts=(*(each for each in SURROUNDINGS.contracts if each.event != IDENTIFIED.event), IDENTIFIED)
)
JOURNEY = next(path for path, source in DOCUMENTS.items() if "\nkind: journey" in source)


def test_the_documents_of_the_page_make_a_plan() -> None:
    """The documents on the page, taken together, compile; only the content of a later example is not used yet."""
    plan, findings = compiled(DOCUMENTS, AROUND)
    assert plan is not None, texts(findings)
    assert ["C006"] == [finding.rule for finding in findings]


def with_fragment(source: str, fragment: str) -> str:
    """The page's journey with its steps, or one other part, replaced by a fragment."""
    key, part = ("steps", f"steps:\n{fragment}\n") if fragment.startswith("-") else (fragment.partition(":")[0], fragment + "\n")
    kept = [f"{name}:{rest}" for name, rest in re.findall(r"^([a-z]+):((?:.*\n)(?:[ #].*\n)*)", source, re.MULTILINE) if name != key]
    return "".join(kept) + part


@pytest.mark.parametrize("fragment", [block.text for block in FRAGMENTS], ids=[f"line {block.line}" for block in FRAGMENTS])
def test_every_part_and_step_of_the_page_compiles(fragment: str) -> None:
    """Each example of a part or of steps compiles in the page's journey."""
    plan, findings = compiled({**DOCUMENTS, JOURNEY: with_fragment(DOCUMENTS[JOURNEY], fragment)}, AROUND)
    assert plan is not None, "\n".join(texts(findings))
    assert {"C006"} >= {finding.rule for finding in findings}, "\n".join(texts(findings))


def test_the_settings_of_the_page_can_be_read(tmp_path: Path) -> None:
    """The pilotage.yaml of the page is read without a finding."""
    (settings,) = (block.text for block in BLOCKS if "\ncompany:" in block.text)
    (tmp_path / "pilotage.yaml").write_text(settings, encoding="utf-8")
    workspace = load(tmp_path, {})
    assert ((), ()) == (workspace.findings, workspace.unset)
    assert {"email", "inbox"} == set(workspace.channels)


def test_the_page_knows_every_rule() -> None:
    """The table of rules is the product's own."""
    rows = [f"| {rule} | {'warning' if rule in WARNINGS else 'error'} | {what} |" for rule, what in RULES.items()]
    assert rows == [line for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d{3} ", line)]
