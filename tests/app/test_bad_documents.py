"""Bad documents: each is refused by `pilotage check` with file, line, column and cure, and no plan is made."""

import json
from pathlib import Path

import pytest

from pilotage.app.cli import invoke
from pilotage.app.exits import NEGATIVE
from pilotage.app.starter import init

JOURNEY, WELCOME = "journeys/welcome.yaml", "content/welcome.yaml"
LOOK = "  - {id: look, wait: {for: 2h}}\n"
FRAGMENT = """\
schema: 1
kind: fragment
name: pause
version: "1"
parameters:
  length: {type: duration}
steps:
  - {id: rest, wait: {for: $length}}
"""
USED = LOOK + '  - {id: calm, fragment: pause, version: "1"}\n'
BAD = [
    # what is wrong, the file, what stands in it, what is written instead, and where and how it is refused
    (
        "a cycle without a bound",
        (JOURNEY, LOOK, '  - {id: look, branch: [{when: "true", goto: turn}]}\n  - {id: turn, set: {variables: {n: "1"}}, next: look}\n'),
        (JOURNEY, 13, 6, "J014", "the cycle look → turn → look passes no wait", "add a wait"),
    ),
    (
        "a wait that may never end",
        (JOURNEY, "{until: product.viewed, timeout: 1d}", "{until: product.viewed}"),
        (JOURNEY, 12, 23, "J010", "the wait of step 'think' could last for ever", "add 'timeout'"),
    ),
    (
        "a step that no way leads to",
        (JOURNEY, LOOK, LOOK.replace("}}", "}, next: remind}") + "  - {id: lost, wait: {for: 1h}}\n"),
        (JOURNEY, 14, 6, "J013", "no way leads to step 'lost'", "lead another step to it"),
    ),
    (
        "an id that two steps have",
        (JOURNEY, "{id: look, wait", "{id: think, wait"),
        (JOURNEY, 13, 6, "J007", "the step id 'think' is used on line 12", "give each step an id of its own"),
    ),
    (
        "an edge to an unknown step",
        (JOURNEY, "on_timeout: remind}", "on_timeout: remnid}"),
        (JOURNEY, 12, 85, "J012", "unknown step 'remnid'", "did you mean 'remind'?"),
    ),
    (
        "a fragment whose parameter is missing",
        (JOURNEY, LOOK, USED),
        (JOURNEY, 14, 5, "F004", "'length'", "add 'length' under 'with'"),
    ),
    (
        "a content that nobody wrote",
        (JOURNEY, "content: first-order", "content: frist-order"),
        (JOURNEY, 14, 42, "J017", "unknown content 'frist-order'", "did you mean 'first-order'?"),
    ),
    (
        "a variable that nothing provides",
        (WELCOME, "customer.first_name", "customer.fist_name"),
        (WELCOME, 5, 23, "C003", "the template reads 'customer.fist_name'", "did you mean 'customer.first_name'?"),
    ),
    (
        "a template that is no Liquid",
        (WELCOME, "Your account is ready.", "Your account is ready. {% if customer.country %}"),
        (WELCOME, 7, 3, "C004", "the template 'text' is not well-formed", "correct the Liquid template"),
    ),
    (
        "a filter that does not exist",
        (WELCOME, "| default:", "| defualt:"),
        (WELCOME, 5, 45, "C004", "unknown filter 'defualt'", "correct the Liquid template"),
    ),
    (
        "a language that a content lacks",
        ("policies/contact.yaml", "purposes:\n", "languages: [en, fr]\npurposes:\n"),
        (WELCOME, 3, 1, "C012", "the content 'welcome' says nothing in 'en'", "add 'locales: {en: …}'"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "expected"), BAD, ids=[each[0] for each in BAD])
def test_bad_documents_are_refused_with_their_place_and_cure(
    what: str,
    change: tuple[str, str, str],
    expected: tuple[str, int, int, str, str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each is an error at its file, line and column that says what to do, and keeps a plan from being made."""
    init(tmp_path / "shop", write_key="key")
    (tmp_path / "shop" / "fragments").mkdir()
    (tmp_path / "shop" / "fragments" / "pause.yaml").write_text(FRAGMENT)
    path, old, new = change
    file = tmp_path / "shop" / path
    source = file.read_text(encoding="utf-8")
    assert 1 <= source.count(old), f"{what}: {old!r} does not stand in {path}:\n{source}"
    file.write_text(source.replace(old, new, 1), encoding="utf-8")
    capsys.readouterr()
    assert NEGATIVE == invoke(["check", str(tmp_path / "shop"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["plan"] is None
    where, line, column, rule, says, cure = expected
    found = [each for each in told["findings"] if (each["path"], each["rule"]) == (where, rule)][:1]
    assert [("error", line, column)] == [(each["severity"], each["line"], each["column"]) for each in found], told["findings"]
    assert says in found[0]["message"] and cure in found[0]["cure"], found[0]


def test_the_workspace_they_are_made_of_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the mistake the same workspace makes a plan."""
    init(tmp_path / "shop", write_key="key")
    capsys.readouterr()
    assert 0 == invoke(["check", str(tmp_path / "shop"), "--json"])
    assert json.loads(capsys.readouterr().out)["plan"]
