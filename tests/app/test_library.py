"""The library: every template makes a journey that compiles and whose tests pass over all of its edges."""

from pathlib import Path

import msgspec
import pytest

from pilotage.app.cli import invoke
from pilotage.app.exits import USAGE, Trouble
from pilotage.app.library import begin, begin_all, library, playbook_named, playbooks, template_named
from pilotage.app.starter import init
from pilotage.app.workspace import Workspace, load
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report, Severity
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


PLAYBOOKS = {playbook.name: playbook for playbook in playbooks()}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_playbook_begins_all_its_journeys_together(name: str, shop: Workspace) -> None:
    """With the templates' defaults a playbook's journeys make one plan without a finding, all their tests pass beside each other, and its
    figures are what their goals count."""
    playbook = PLAYBOOKS[name]
    begun = begin_all(shop, playbook, {}, packaged_zones())
    assert [] == [finding.text for finding in begun.findings]
    assert f"playbooks/{name}.yaml" in begun.documents
    assert len(playbook.parts) == sum(path.startswith("journeys/") for path in begun.documents) >= 3
    told = "".join(begun.documents.values())
    assert all(f"kpi: {figure.kpi}," in told or f"kpi: {figure.kpi}}}" in told for figure in playbook.kpis)
    assert f"| `{name}` | {playbook.description} |" in PAGE


def test_there_are_playbooks_with_runbooks() -> None:
    """At least three playbooks come with Pilotage, each with figures, targets, and what to do when something goes wrong."""
    assert len(PLAYBOOKS) >= 3
    assert all(len(each.runbook) >= 3 and each.kpis and len(each.guide) > 200 for each in PLAYBOOKS.values())


def test_a_setting_of_a_playbook_is_for_each_template_that_has_it(shop: Workspace) -> None:
    """What is set goes to all templates of the playbook that know it; what none knows is refused with what there is."""
    begun = begin_all(shop, PLAYBOOKS["shop_year"], {"team": "crm"}, packaged_zones())
    journeys = [text for path, text in begun.documents.items() if path.startswith("journeys/")]
    assert 3 == sum("owner: {responsible: crm}" in text for text in journeys)
    with pytest.raises(Trouble, match="no template of shop_year has a parameter 'taem'") as caught:
        begin_all(shop, PLAYBOOKS["shop_year"], {"taem": "crm"}, packaged_zones())
    assert "did you mean 'team'?" in caught.value.cure


def test_a_playbook_comes_whole_or_not_at_all(refill: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Where one of its journeys misses something nothing is written; an unknown playbook is told with those there are."""
    folder = Path(refill[-1])
    before = sorted(folder.rglob("*"))
    assert 1 == invoke(["new", "playbook", "membership", "--workspace", str(folder)])
    assert "nothing was written" in capsys.readouterr().out
    assert before == sorted(folder.rglob("*"))
    assert USAGE == invoke(["new", "playbook", "membershp", "--workspace", str(folder)])
    assert "did you mean 'membership'?" in capsys.readouterr().err


def test_a_playbook_of_ones_own_is_a_file(tmp_path: Path, shop: Workspace) -> None:
    """A playbook in a file names journeys of its own and sets what they need."""
    source = (ROOT / "pilotage" / "library" / "playbooks" / "shop_year.yaml").read_text(encoding="utf-8")
    own = source.replace("name: shop_year", "name: ours").replace(
        "{template: growth.offers.win_back}", "{template: win_back, name: growth.offers.back_again, set: {silence: 120d}}"
    )
    (tmp_path / "ours.yaml").write_text(own, encoding="utf-8")
    begun = begin_all(shop, playbook_named(str(tmp_path / "ours.yaml")), {}, packaged_zones())
    assert [] == [finding.text for finding in begun.findings]
    assert "timeout: 120d" in begun.documents["journeys/back_again.yaml"]


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


RESCUE = """\
schema: 1
kind: template
name: service.orders.rescue
description: Has customers with an open complaint enter another journey, and waits for what comes of it.
guide: When to use it, what it needs, what to watch.
parameters:
  visit: {type: journey, default: service.orders.visit, description: the journey that mends what went wrong}
journey: |
  owner: {responsible: service-team}
  purpose: service.support
  stage: service
  enter: {on: complaint.opened, reentry: always}
  steps:
    - id: mend
      journey: "${visit}"
      data: {complaint_id: trigger.complaint_id, resolution: "'none yet'"}
      timeout: 7d
      outcomes: {mended: done}
      next: end
      on_failure: end
    - {id: done, exit: mended}
  tests:
    - name: what comes of the other journey leads on
      fates: {"${visit}/ring": {fate: completed, outcome: reached}}
      events: [{type: complaint.opened, data: "${example:complaint.opened}"}]
      expect: {decisions: ["completed ${visit}/ring"], ends: mended}
"""
VISIT = """\
schema: 1
kind: journey
name: service.orders.visit
owner: {responsible: service-team}
purpose: service.support
stage: service
enter: {on: complaint.closed, reentry: always}
steps:
  - {id: ring, task: Ring, team: service-team, sla: 1d, outcomes: {reached: good}, on_timeout: end, on_failure: end}
  - {id: good, exit: mended}
"""


def test_a_template_may_enter_another_journey(tmp_path: Path, shop: Workspace) -> None:
    """A template's step `journey` names one by a parameter of type journey; where the workspace has none of that name, it is told."""
    (tmp_path / "rescue.yaml").write_text(RESCUE.replace('data: "${example:complaint.opened}"', "data: ${example:complaint.opened}"))
    template, zones = template_named(str(tmp_path / "rescue.yaml")), packaged_zones()
    missing = begin(shop, template, "service.orders.saved", {}, zones)
    assert any("unknown journey 'service.orders.visit'" in finding.text for finding in missing.findings)
    visit = read_document(VISIT.replace("orders.visit", "care.call").encode(), "journeys/call.yaml", Report())
    assert visit is not None
    with_visit = msgspec.structs.replace(shop, documents=(*shop.documents, visit))
    begun = begin(with_visit, template, "service.orders.saved", {"visit": "service.care.call"}, zones)
    assert [] == [finding.text for finding in begun.findings if finding.severity is Severity.ERROR]
    assert 'journey: "service.care.call"' in begun.documents["journeys/saved.yaml"]
