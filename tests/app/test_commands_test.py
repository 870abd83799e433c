"""`pilotage test`: what it prints, as text, JSON and JUnit XML, and how it ends; `pilotage check` runs the tests too."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init
from tests.tree import ROOT

NAME = "onboarding.welcome.first_order"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init(tmp_path / "shop", write_key="key")
    return tmp_path / "shop"


def rewrite(shop: Path, old: str, new: str) -> None:
    """Change one text of the journey."""
    path = shop / "journeys" / "welcome.yaml"
    source = path.read_text()
    assert 1 == source.count(old)
    path.write_text(source.replace(old, new))


def test_the_starting_workspace_has_tests_over_all_edges(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tests of the workspace that `init` writes pass and take every edge."""
    assert 0 == invoke(["test", "--workspace", str(shop), "--coverage-min", "100"])
    assert "3 of 3 tests pass, over 9/9 edges of 1 journey" in capsys.readouterr().out


def test_a_failing_test_shows_expected_actual_and_the_way_there(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is told with its place, what was expected, what came out, and a timeline; the exit code is 1."""
    rewrite(shop, "look, wait: {for: 2h}", "look, wait: {for: 3h}")
    assert 1 == invoke(["test", NAME, "--workspace", str(shop)])
    out = capsys.readouterr().out
    line = (shop / "journeys" / "welcome.yaml").read_text().splitlines().index("        - {content: first-order, at: 2026-03-02T13:00}") + 1
    assert f"journeys/welcome.yaml:{line}:11: messages, item 2" in out
    assert "expected  first-order  Mon 2 Mar 2026 13:00" in out
    assert "actual    remind  console  first-order  Mon 2 Mar 2026 14:00" in out
    assert "  11:00:00    look  waited, 3h" in out
    assert "2 of 3 tests pass" in out


def test_the_outcome_is_json_and_junit_too(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints everything as one document, --junit writes what continuous integration reads."""
    rewrite(shop, "look, wait: {for: 2h}", "look, wait: {for: 3h}")
    report = tmp_path / "report.xml"
    assert 1 == invoke(["test", "-w", str(shop), "--json", "--junit", str(report)])
    told = json.loads(capsys.readouterr().out)
    assert (3, 1, 9, 9) == (told["tests"], told["failed"], told["covered"], told["edges"])
    [journey] = told["journeys"]
    assert [False, True, True] == [test["passed"] for test in journey["tests"]]
    root = ElementTree.fromstring(report.read_text())
    assert ("3", "1") == (root.get("tests"), root.get("failures"))
    [failure] = root.iter("failure")
    assert "expected first-order" in str(failure.get("message"))
    assert "look  waited, 3h" in str(failure.text)


def test_too_little_coverage_ends_with_one(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--coverage-min is held against each journey; the edges that no test takes are named."""
    rewrite(
        shop,
        "events: [{type: customer.signed_up, data: {email: ben@example.test}}]",
        "events: [{type: product.viewed, data: {product_id: x}}]",
    )
    rewrite(shop, "{messages: [{content: welcome}], decisions: [timed_out think, blocked remind]}", "{enters: false}")
    assert 0 == invoke(["test", "-w", str(shop)])
    assert 1 == invoke(["test", "-w", str(shop), "--coverage-min", "100"])
    out = capsys.readouterr().out
    assert "not taken  think on_timeout → remind" in out
    assert f"coverage is too low: {NAME}" in out


def test_an_unknown_journey_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no journey has ends with 2 and suggests the one that was meant."""
    assert 2 == invoke(["test", "onboarding.welcome.first_ordr", "-w", str(shop)])
    assert NAME in capsys.readouterr().err


def test_check_runs_the_tests(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that fails is an error of `check` at its place; edges that no test takes are a warning."""
    assert 0 == invoke(["check", str(shop)])
    assert "3 of 3 tests pass, over 9/9 edges of 1 journey" in capsys.readouterr().out
    rewrite(shop, "look, wait: {for: 2h}", "look, wait: {for: 3h}")
    rewrite(shop, "decisions: [timed_out think, blocked remind]", "ends: 'blocked: consent never given'")
    assert 1 == invoke(["check", str(shop), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {"T007"} == {finding["rule"] for finding in told["findings"] if finding["severity"] == "error"}
    assert {"tests": 3, "failed": 2, "covered": 9, "edges": 9} == told["tests"]
    assert told["plan"]


@pytest.mark.parametrize(("folder", "edges"), [("examples/shop", 20), ("examples/cdnow", 27), ("pilotage/simulate/demo", 251)])
def test_every_journey_kept_here_has_tests_over_all_edges(folder: str, edges: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The journeys of the examples and of the demo's retailer pass their tests, which take every edge that can be taken."""
    assert 0 == invoke(["test", "-w", str(ROOT / folder), "--coverage-min", "100", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (0, edges, edges) == (told["failed"], told["covered"], told["edges"])
