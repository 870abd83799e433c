"""What programs read of findings: SARIF that keeps its schema, JUnit that counts right, JSON that says the same as the text."""

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.app.cli import invoke
from pilotage.app.exits import NEGATIVE, OK
from pilotage.app.starter import init
from pilotage.journey.findings import Finding, Severity
from pilotage.proof.gates import ALL
from pilotage.proof.junit import junit_findings
from pilotage.proof.sarif import sarif
from pilotage.proof.waivers import Verdict, Waived
from tests.proof.model_workspace import exchanged, found

SCHEMA = jsonschema_rs.validator_for(json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text()))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)
FINDINGS = st.builds(
    lambda path, line, column, rule, message, cure: Finding(path, line, column, rule, ALL[rule].severity, message, cure),
    TEXTS, st.integers(0, 10_000), st.integers(0, 400), st.sampled_from(sorted(ALL)), TEXTS, st.one_of(st.just(""), TEXTS),
)  # fmt: skip
WAIVED = st.builds(lambda finding, owner, reason: Waived(finding, owner, "2027-06-30", reason, 7), FINDINGS, TEXTS, TEXTS)
VERDICTS = st.builds(
    lambda findings, waived: Verdict(tuple(findings), tuple(waived)), st.lists(FINDINGS, max_size=6), st.lists(WAIVED, max_size=3)
)


def _json(value: object) -> Mapping[str, object]:
    read: Mapping[str, object] = json.loads(json.dumps(value, default=str))
    return read


@given(VERDICTS)
def test_sarif_keeps_its_schema(verdict: Verdict) -> None:
    """Whatever is found, what is printed is valid by the official schema, and every result points at the rule that it names."""
    log = sarif(verdict, ALL, "1.0.0", "shop")
    assert [] == [error.message for error in SCHEMA.iter_errors(_json(log))]
    run = log["runs"][0]
    named = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [result["ruleId"] for result in run["results"]] == [named[result["ruleIndex"]] for result in run["results"]]
    assert len(run["results"]) == len(verdict.findings) + len(verdict.waived)
    assert len(verdict.waived) == sum("suppressions" in result for result in run["results"])


def test_the_schema_refuses_what_is_not_sarif() -> None:
    """The schema in use tells a good log from a bad one."""
    good = sarif(Verdict(()), ALL, "1.0.0")
    assert SCHEMA.is_valid(good)
    assert not SCHEMA.is_valid({**good, "version": "2.0.0"})
    assert not SCHEMA.is_valid({**good, "runs": [{"results": [{"level": "fatal", "message": {"text": "x"}}], **good["runs"][0]["tool"]}]})


@given(VERDICTS)
def test_junit_counts_what_is_there(verdict: Verdict) -> None:
    """A JUnit report counts its cases, and only errors that are not waived fail."""
    root = ElementTree.fromstring(junit_findings(verdict, ["a.yaml", "b.yaml"]))
    cases = root.findall("testsuite/testcase")
    assert str(len(cases)) == root.get("tests")
    assert str(len(root.findall("testsuite/testcase/failure"))) == root.get("failures") == str(verdict.count(Severity.ERROR))
    assert str(len(verdict.waived)) == root.get("skipped")
    assert {"a.yaml", "b.yaml"} <= {suite.get("name") for suite in root.findall("testsuite")}


def test_fingerprints_stay_when_lines_move() -> None:
    """A finding has the same fingerprint on another line, and another in another document."""
    one = Finding("a.yaml", 3, 1, "N001", Severity.NOTE, "it has 3", "")
    moved, elsewhere = (
        Finding("a.yaml", 9, 2, "N001", Severity.NOTE, "it has 4", ""),
        Finding("b.yaml", 3, 1, "N001", Severity.NOTE, "it has 3", ""),
    )
    prints = [
        result["partialFingerprints"]["finding/v1"]
        for verdict in (Verdict((one,)), Verdict((moved,)), Verdict((elsewhere,)))
        for result in sarif(verdict, ALL, "1")["runs"][0]["results"]
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A starting workspace with one error, one warning and some notes."""
    init(tmp_path / "shop", write_key="key")
    journey = tmp_path / "shop" / "journeys" / "welcome.yaml"
    text = journey.read_text().replace("description: Welcomes who signs up and reminds once of the first order.\n", "")
    journey.write_text(text)
    content = tmp_path / "shop" / "content" / "first-order.yaml"
    content.write_text(content.read_text().replace("Not sure where to begin?", "Lorem ipsum"))
    return tmp_path / "shop"


def test_every_form_tells_the_same(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text, JSON, SARIF and JUnit have the same findings, and each run exits 1 because one is an error."""
    assert NEGATIVE == invoke(["check", str(shop), "--notes"])
    text = [line.split(" ")[2] for line in capsys.readouterr().out.splitlines() if ".yaml:" in line]
    assert NEGATIVE == invoke(["check", str(shop), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert text == [each["rule"] for each in told["findings"]]
    assert (1, 1) == (told["errors"], told["warnings"]) and told["notes"] == len(text) - 2
    assert {"M009", "N001"} <= set(text)
    assert NEGATIVE == invoke(["check", str(shop), "--format", "sarif"])
    log = json.loads(capsys.readouterr().out)
    assert [] == [error.message for error in SCHEMA.iter_errors(log)]
    assert text == [each["ruleId"] for each in log["runs"][0]["results"]]
    report = tmp_path / "report.xml"
    assert NEGATIVE == invoke(["check", str(shop), "--format", "junit", "--output", str(report)])
    root = ElementTree.parse(report).getroot()
    assert sorted(text) == sorted((case.get("name") or "").split(" ")[0] for case in root.findall("testsuite/testcase") if case.get("line"))
    assert "1 error, 1 warning" in capsys.readouterr().out


def test_warnings_fail_where_it_is_asked(shop: Path) -> None:
    """A workspace whose findings are warnings passes, and does not with --strict."""
    content = shop / "content" / "first-order.yaml"
    content.write_text(content.read_text().replace("Lorem ipsum", "Not sure where to begin?"))
    assert OK == invoke(["check", str(shop)])
    assert NEGATIVE == invoke(["check", str(shop), "--strict"])


def test_paths_lead_from_the_root_of_the_repository(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The addresses in SARIF begin with the folder that was named, as code hosts need them."""
    monkeypatch.chdir(shop.parent)
    invoke(["check", "shop", "--format", "sarif"])
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    uris = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results]
    assert all(uri.startswith("shop/") and (shop.parent / uri).is_file() for uri in uris)


def test_rules_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """`pilotage rules` lists all rules, explains one with its example, and says which one was meant where there is none."""
    assert OK == invoke(["rules", "--json"])
    assert sorted(ALL) == [each["id"] for each in json.loads(capsys.readouterr().out)["rules"]]
    assert OK == invoke(["rules", "H005"])
    printed = capsys.readouterr().out
    assert "WCAG 2.2, 1.4.3" in printed and "color:#999999" in printed
    assert OK == invoke(["rules"])
    assert len(ALL) + 1 == len(capsys.readouterr().out.splitlines())
    assert 2 == invoke(["rules", "H999"])


def test_a_place_leads_to_the_excerpt() -> None:
    """The line and column of a finding in a template are those of the very element, link or word."""
    for path, right, wrong, at in (
        ("content/guide.yaml", 'alt="A reading lamp with a brass arm"', 'alt="lamp.png"', "<img"),
        ("content/welcome.yaml", 'color="#ffffff">Begin', 'color="#0b5d4c">Begin', "<mj-button"),
        ("content/offer.yaml", "These are made", "These are risk-free, and made", "risk-free"),
        ("content/guide.yaml", '/begin">Begin with', '/gone">Begin with', "https://shop.lumen.example/gone"),
    ):
        workspace = exchanged(path, right, wrong)
        finding = found(workspace).verdict.findings[0]
        source = next(document.source for document in workspace.documents if document.path == path)
        assert source.splitlines()[finding.line - 1][finding.column - 1 :].startswith(at), finding.text
