"""The fragments of the library: each is documented, works in a journey over all of its edges, and is brought by a command."""

from pathlib import Path

import msgspec
import pytest

from pilotage.app.cli import invoke
from pilotage.app.library import fragments
from pilotage.app.starter import init
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.journey.document import Document, Fields, read_document
from pilotage.journey.findings import Report
from pilotage.journey.letter import Letter, Note, content_document
from pilotage.journey.names import Fragment
from pilotage.simulate.document_tests import run_tests
from pilotage.source.zones import packaged_zones
from tests.tree import ROOT

FRAGMENTS = {fragment.name: fragment for fragment in fragments()}
JOURNEYS = Path(__file__).parent / "fragments"
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
LETTER = Letter("About your order", "About your order", ("It is as you left it.",), "You get this because you agreed to it.")
CONTENTS = {"letter": LETTER, "second-letter": LETTER, "note": Note("About your order", "It is as you left it.")}


def read(source: str, path: str) -> Document:
    document = read_document(source.encode(), path, Report())
    assert document is not None
    return document


@pytest.fixture(scope="module")
def shop() -> Workspace:
    """The demo's workspace without its journeys and contents, with two letters and a note."""
    demo = load(ROOT / "pilotage" / "simulate" / "demo", {})
    kept = [document for document in demo.documents if document.kind in ("profile", "policy")]
    contents = [read(content_document(name, words, "Brindlecove"), f"content/{name}.yaml") for name, words in CONTENTS.items()]
    return msgspec.structs.replace(demo, documents=(*kept, *contents))


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_journey_around_each_fragment_takes_all_of_its_edges(name: str, shop: Workspace) -> None:
    """Every fragment works in a journey, whose tests pass and take every edge, those inside the fragment included."""
    journey = read((JOURNEYS / f"{name}.yaml").read_text(encoding="utf-8"), f"journeys/{name}.yaml")
    documents = (*shop.documents, FRAGMENTS[name].document, journey)
    compiled, report = compile_workspace(msgspec.structs.replace(shop, documents=documents), packaged_zones()), Report()
    assert [] == [finding.text for finding in compiled.findings if finding.path in (journey.path, FRAGMENTS[name].document.path)]
    assert compiled.plan is not None
    [tested] = run_tests(documents, compiled.plan, packaged_zones(), report)
    assert [] == [f"{result.test.name}: {each.what}" for result in tested.results for each in result.differences]
    assert () == tested.uncovered
    assert any(edge.step.startswith("use/") for edge in tested.edges)


def test_there_are_ten_fragments_with_a_journey_each() -> None:
    """The library has at least ten fragments; each lies in a file of its name, and has a journey around it."""
    assert len(FRAGMENTS) >= 10
    assert set(FRAGMENTS) == {path.stem for path in JOURNEYS.glob("*.yaml")}
    assert {f"fragments/{name}.yaml" for name in FRAGMENTS} == {each.document.path for each in FRAGMENTS.values()}


@pytest.mark.parametrize("fragment", FRAGMENTS.values(), ids=FRAGMENTS)
def test_every_fragment_is_documented(fragment: Fragment) -> None:
    """A fragment says in a sentence what it does, and of each of its typed parameters what it means; the page lists it."""
    root = fragment.document.root
    assert root.text("description").endswith(".")
    assert f"| `{fragment.name}` | {root.text('description')} |" in PAGE
    parameters = root.map("parameters")
    assert parameters is not None
    assert [] == [key.text for key, value in parameters.fields if not (isinstance(value, Fields) and value.text("description"))]


def test_a_fragment_is_brought_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`new fragment` writes a fragment that passes `check`, never over another; one that does not exist is told."""
    shop = str(tmp_path / "shop")
    init(tmp_path / "shop", write_key="key")
    assert [0, 0] == [invoke(["new", "fragment", "good_hour", "--workspace", shop]), invoke(["check", shop])]
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert 78 == invoke(["new", "fragment", "good_hour", "--workspace", shop])
    assert 2 == invoke(["new", "fragment", "good_hours", "--workspace", shop])
    assert "did you mean 'good_hour'?" in capsys.readouterr().err


def test_a_fragment_that_the_workspace_cannot_use_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the workspace has against a fragment is told, and nothing is written: here there is a fragment of that name already."""
    init(tmp_path / "shop", write_key="key")
    other = tmp_path / "shop" / "fragments" / "mine.yaml"
    other.parent.mkdir()
    other.write_text(FRAGMENTS["good_hour"].document.source, encoding="utf-8")
    assert 1 == invoke(["new", "fragment", "good_hour", "--workspace", str(tmp_path / "shop")])
    assert "nothing was written" in capsys.readouterr().out
    assert not (other.parent / "good_hour.yaml").exists()
