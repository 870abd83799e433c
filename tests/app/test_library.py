"""The library: every template makes a journey that compiles and whose tests pass over all of its edges."""

from pathlib import Path

import msgspec
import pytest

from pilotage.app.cli import invoke
from pilotage.app.library import begin, library, template_named
from pilotage.app.starter import init
from pilotage.app.workspace import Workspace, load
from pilotage.journey.forms import STAGES
from pilotage.journey.template import Template
from pilotage.source.zones import packaged_zones
from tests.pages import blocks
from tests.tree import ROOT

TEMPLATES = {template.name: template for template in library()}
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shop() -> Workspace:
    """The demo's workspace without its journeys and what they bring."""
    demo = load(ROOT / "pilotage" / "simulate" / "demo", {})
    kept = tuple(document for document in demo.documents if document.kind in ("profile", "policy"))
    return msgspec.structs.replace(demo, documents=kept)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_makes_a_journey_with_tests_over_all_edges(name: str, shop: Workspace) -> None:
    """With its defaults a template makes a journey without a single finding; its tests pass and take every edge."""
    begun = begin(shop, TEMPLATES[name], name, {}, packaged_zones())
    assert [] == [finding.text for finding in begun.findings]
    assert "tests:" in next(iter(begun.documents.values()))


def test_the_library_covers_all_stages() -> None:
    """There are at least sixteen templates, over all seven stages, each named by stage, purpose and name."""
    assert len(TEMPLATES) >= 16
    assert set(STAGES) == {template.stage for template in TEMPLATES.values()}
    assert all(name.count(".") == 2 for name in TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_every_template_is_documented(template: Template) -> None:
    """A template says in a sentence what it is for, in a guide when to use it and what it needs, and what each parameter means; the
    page on the library lists it."""
    assert template.description.endswith(".")
    assert "Needs" in template.guide
    assert len(template.guide) > 200
    assert all(parameter.description for parameter in template.parameters)
    assert f"| `{template.name}` | {template.description} |" in PAGE


def test_the_template_on_the_page_works(shop: Workspace, tmp_path: Path) -> None:
    """The page's template of one's own, as a file, begins a journey whose tests pass."""
    [source] = [block.text for block in blocks(PAGE) if "kind: template" in block.text]
    (tmp_path / "on_its_way.yaml").write_text(source, encoding="utf-8")
    template = template_named(str(tmp_path / "on_its_way.yaml"))
    begun = begin(shop, template, "service.delivery.shipped", {}, packaged_zones())
    assert [] == [finding.text for finding in begun.findings]
    assert ["journeys/shipped.yaml", "content/shipped-note.yaml"] == list(begun.documents)


@pytest.fixture
def refill(tmp_path: Path) -> list[str]:
    """The command that begins a journey in a starting workspace that can send e-mail."""
    init(tmp_path / "shop", write_key="key")
    settings = tmp_path / "shop" / "pilotage.yaml"
    email = "console: {}\n    email: {host: localhost, port: 25, sender: shop@example.test}"
    settings.write_text(settings.read_text().replace("console: {}", email))
    return ["new", "journey", "growth.offers.refill", "--from", "replenishment", "--workspace", str(tmp_path / "shop")]


OWN = ["--set", "purpose=marketing.onboarding", "--set", "which=trigger.total > 0"]


def test_a_journey_is_begun_once(refill: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is written passes `check`, and is never overwritten."""
    folder = refill[-1]
    assert [0, 0, 78] == [invoke([*refill, *OWN]), invoke(["check", folder]), invoke([*refill, *OWN])]
    printed = capsys.readouterr()
    assert "0 errors, 0 warnings" in printed.out
    assert "exists already" in printed.err


def test_nothing_is_written_that_would_not_pass(refill: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A journey that would make no plan, or whose test would fail, is told with its faults and not written."""
    folder = Path(refill[-1])
    assert 1 == invoke(refill)
    assert "unknown purpose 'marketing.offers'" in capsys.readouterr().out
    assert 1 == invoke([*refill, *OWN[:3], "which=trigger.total > 100"])
    assert "error T007" in capsys.readouterr().out
    assert not (folder / "journeys" / "refill.yaml").exists()


WRONG = [
    (["--set", "lasts=soon"], "'soon' is not a duration"),
    (["--set", "last=3d"], "has no parameter 'last'"),
    (["--set", "lasts"], "sets nothing"),
    (["--set", 'which=trigger.total > "0"'], "has a double quote"),
    (["--from", "refil"], "no template is called 'refil'"),
]


@pytest.mark.parametrize(("more", "told"), WRONG, ids=[" ".join(each[0]) for each in WRONG])
def test_a_wrong_setting_is_told(more: list[str], told: str, refill: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A setting that is none, or of another type, and a template that does not exist end with 2 and say what there is."""
    arguments = [*refill, *more] if "--from" not in more else [*refill[:3], *more, *refill[5:]]
    assert 2 == invoke(arguments)
    assert told in " ".join(capsys.readouterr().err.split())


def test_names_of_files_are_names_of_templates() -> None:
    """A template lies in a file of its last name."""
    files = {path.stem for path in Path(ROOT / "pilotage" / "library").glob("*.yaml")}
    assert {name.rpartition(".")[2] for name in TEMPLATES} == files
