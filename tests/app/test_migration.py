"""A version that would take those under way over: counted first, refused where its map is wrong, and carried out where it is right."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.runner.folder import read_environment
from tests.app.serving import Served, pilotage

USERS = [f"user-{number}" for number in range(12)]


def rewrite(workspace: Path, **words: str) -> None:
    """Give the welcome journey other words, and take its tests away."""
    path = workspace / "journeys" / "welcome.yaml"
    text = path.read_text().partition("\ntests:")[0] + "\n"
    for old, new in words.items():
        text = text.replace(old, new)
    path.write_text(text)


def asked(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> Any:
    """What a command says, as data."""
    assert code == invoke([*arguments, "--json"]), capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_version_takes_over_those_under_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A map that forgets a step with people on it is refused with their number and changes nothing; with the right map everybody goes on
    in the new version, whether heard of again or not, and the counts say so before and after."""
    first = Served(tmp_path)
    for user in USERS:
        assert 200 == first.track(user, "customer.signed_up", email=f"{user}@example.test").status_code
    rewrite(first.workspace, think="ponder", **{"steps:\n": "in_flight: {migrate: {from: any}}\nsteps:\n"})
    arguments = ("migration", "--workspace", str(first.workspace), "--data", str(first.data))
    wrong = asked(capsys, 1, *arguments)
    assert [("think", len(USERS), "migrate", "")] == [
        (each["step"], each["people"], each["policy"], each["to"]) for each in wrong["crossings"]
    ]
    assert 0 == first.end()
    before = read_environment(first.data)
    assert wrong["crossings"] == asked(capsys, 1, *arguments)["crossings"]
    refused = pilotage("run", "--workspace", str(first.workspace), "--port", "0")
    assert 78 == refused.returncode
    assert f"{len(USERS)} people rest on the step 'think': it has no place in the new version" in " ".join(refused.stderr.split())
    assert before == read_environment(first.data)
    rewrite(first.workspace, **{"from: any": "steps: {think: ponder}"})
    right = asked(capsys, 0, *arguments)
    assert [("think", len(USERS), "ponder")] == [(each["step"], each["people"], each["to"]) for each in right["crossings"]]
    again = Served(tmp_path)
    for _ in range(200):
        resting = again.ask("/in-flight").json()
        if all(each["step"] == "ponder" for each in resting):
            break
    assert [("ponder", len(USERS))] == [(each["step"], each["people"]) for each in resting]
    assert [] == asked(capsys, 0, *arguments)["crossings"]
    assert 0 == again.end()
