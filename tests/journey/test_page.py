"""The page on journeys: every example on it compiles, its stories go as it says, and it knows every rule."""

import re
from pathlib import Path

import msgspec
import pytest

from pilotage.app.workspace import load
from pilotage.contract.builtin import account_contracts
from pilotage.contract.model import Contract, FieldSpec
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.simulate.document_tests import run_tests
from pilotage.source.almanac import packaged_almanac
from tests.journey.sample import SURROUNDINGS, compiled, text, texts
from tests.journey.scenario import ZONES
from tests.journey.story import TAKES_OVER, told
from tests.pages import Block, blocks
from tests.tree import ROOT

PAGE = (ROOT / "docs" / "journey.md").read_text(encoding="utf-8")
BLOCKS = [block for block in blocks(PAGE) if block.language == "yaml"]
DOCUMENTS = {f"{block.line}.yaml": block.text + "\n" for block in BLOCKS if "\nkind: " in block.text}
PARTS = [block for block in BLOCKS if not block.text.startswith("schema:")]
TRAITS = (*map(text, ("email", "first_name", "tier", "region")), FieldSpec("age", "integer"))
IDENTIFIED = Contract("customer.identified", "1", TRAITS)
SIGNED = Contract("contract.signed", "1", (text("plan"), FieldSpec("seats", "integer"), FieldSpec("months", "integer")))
OWN = (IDENTIFIED, SIGNED, Contract("contract.ended", "1", ()), Contract("seat.used", "1", ()))
DECLARED = {each.event: each for each in (*SURROUNDINGS.contracts, *OWN)} | account_contracts(("admin", "billing"))
AROUND = msgspec.structs.replace(SURROUNDINGS, almanac=packaged_almanac(ROOT, ZONES), contracts=tuple(DECLARED.values()))
JOURNEY = next(path for path, source in DOCUMENTS.items() if "\nkind: journey" in source)
STORIES = [block for block in blocks(PAGE) if block.language == "story"]
UNLIMITED = DOCUMENTS[JOURNEY].replace("holdout: 5%\n", "")


def test_the_documents_of_the_page_make_a_plan() -> None:
    """The documents on the page, taken together, compile without a finding."""
    plan, findings = compiled(DOCUMENTS, AROUND)
    assert plan is not None, texts(findings)
    assert [] == texts(findings)


def told_about(story: Block) -> dict[str, str]:
    """The documents that a story is about: the journeys of its section, or the page's own with the part above the story."""
    heading = max(number for number, line in enumerate(PAGE.splitlines(), 1) if line.startswith("#") and number < story.line)
    shared = {path: source for path, source in DOCUMENTS.items() if "\nkind: journey" not in source}
    own = {path: source for path, source in DOCUMENTS.items() if path not in shared and heading < int(path[:-5]) < story.line}
    example = [part for part in PARTS if part.line < story.line][-1]
    return shared | (own if own else {JOURNEY: with_part(UNLIMITED, example.text)})


def taken_over_by(story: Block) -> dict[str, str]:
    """The documents before those that a story is about: their journey has the last steps shown above it."""
    steps = [part.text for part in PARTS if part.line < story.line and part.text.startswith("-")]
    return {**told_about(story), JOURNEY: with_part(UNLIMITED, steps[-1])} if TAKES_OVER in story.text else told_about(story)


def with_part(source: str, part: str) -> str:
    """The page's journey with its steps, or one other part, replaced by a part."""
    key, text = ("steps", f"steps:\n{part}\n") if part.startswith("-") else (part.partition(":")[0], part + "\n")
    kept = [f"{name}:{rest}" for name, rest in re.findall(r"^([a-z]+):((?:.*\n)(?:[ #].*\n)*)", source, re.MULTILINE) if name != key]
    return "".join(kept) + text


@pytest.mark.parametrize("part", [block.text for block in PARTS], ids=[f"line {block.line}" for block in PARTS])
def test_every_part_and_step_of_the_page_compiles(part: str) -> None:
    """Each example of a part or of steps compiles in the page's journey."""
    plan, findings = compiled({**DOCUMENTS, JOURNEY: with_part(DOCUMENTS[JOURNEY], part)}, AROUND)
    assert plan is not None, "\n".join(texts(findings))
    assert {"C006"} >= {finding.rule for finding in findings}, "\n".join(texts(findings))


@pytest.mark.parametrize("story", STORIES, ids=[f"line {story.line}" for story in STORIES])
def test_stories_go_as_the_page_says(story: Block) -> None:
    """What the page says is decided when something happens is decided, by the example above it."""
    around = msgspec.structs.replace(AROUND, zones=ZONES.names, zones_digest=ZONES.digest)
    plans = [compiled(documents, around)[0] for documents in (told_about(story), taken_over_by(story))]
    assert plans[0] is not None and plans[1] is not None
    assert story.text == (told(plans[1], story.text, plans[0]) if TAKES_OVER in story.text else told(plans[0], story.text))


def test_the_tests_of_the_pages_journeys_pass() -> None:
    """What a journey on the page says must come of what happens, comes of it."""
    around = msgspec.structs.replace(AROUND, zones=ZONES.names, zones_digest=ZONES.digest)
    plan, _ = compiled(DOCUMENTS, around)
    assert plan is not None
    report = Report()
    documents = [document for path, source in DOCUMENTS.items() if (document := read_document(source.encode(), path, report))]
    results = [each for each in run_tests(documents, plan, ZONES, report) if each.results]
    assert ([], {"renewal.contract.remind": 2}) == (texts(report.findings), {each.journey: len(each.results) for each in results})
    assert [] == [(each.what, each.expected, each.actual) for one in results for result in one.results for each in result.differences]


def test_the_settings_of_the_page_can_be_read(tmp_path: Path) -> None:
    """The pilotage.yaml of the page is read without a finding."""
    (settings,) = (block.text for block in BLOCKS if "\ncompany:" in block.text)
    (tmp_path / "pilotage.yaml").write_text(settings, encoding="utf-8")
    workspace = load(tmp_path, {})
    assert ((), ()) == (workspace.findings, workspace.unset)
    assert {"email", "inbox"} == set(workspace.channels)
