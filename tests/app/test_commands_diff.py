"""`pilotage diff`: versions by folder, git revision, stored plan and `active`; text, JSON and Mermaid; how it ends."""

import json
import subprocess
from pathlib import Path

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init
from pilotage.app.workspace import compile_workspace, load
from pilotage.runner.folder import open_folder
from pilotage.source.zones import packaged_zones
from tests.app.test_archive import MAPPING


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace inside a git repository, with one commit."""
    init(tmp_path / "company" / "shop", write_key="key")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "begin"]):
        names = ["-c", "user.name=a", "-c", "user.email=a@example.test"]
        subprocess.run(["git", *names, *arguments], cwd=tmp_path / "company", check=True)
    return tmp_path / "company" / "shop"


def rewrite(shop: Path, old: str = "look, wait: {for: 2h}", new: str = "look, wait: {for: 3h}") -> None:
    path = shop / "journeys" / "welcome.yaml"
    source = path.read_text()
    assert 1 == source.count(old)
    path.write_text(source.replace(old, new))


def test_a_git_revision_is_compared_with_the_workspace(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was changed since a commit is told; the exit code is 1 only where that was asked for."""
    assert 0 == invoke(["diff", "HEAD", "--workspace", str(shop), "--exit-code"])
    assert "the same plan\n" == capsys.readouterr().out
    rewrite(shop)
    assert 0 == invoke(["diff", "HEAD", "--workspace", str(shop)])
    assert "  ~ step look  changed\n      for: 2h → 3h" in capsys.readouterr().out
    assert 1 == invoke(["diff", "HEAD", "-w", str(shop), "--exit-code", "--json"])
    look = json.loads(capsys.readouterr().out)["changes"][0]["inner"][0]
    assert ("look", [{"field": "for", "old": "2h", "new": "3h"}]) == (look["name"], look["fields"])
    assert 0 == invoke(["diff", "HEAD", "-w", str(shop), "--mermaid"])
    assert 'j0_look(["look"]):::changed' in capsys.readouterr().out


def test_tests_and_prose_make_no_difference(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A workspace with other tests decides alike."""
    rewrite(shop, "name: whoever has not agreed is welcomed and not reminded", "name: another sentence")
    assert 0 == invoke(["diff", "HEAD", "--workspace", str(shop), "--exit-code"])
    assert "the same plan\n" == capsys.readouterr().out


def test_stored_plans_are_versions_too(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The active plan of a data folder, or any by its digest, is compared with the workspace or with another."""
    zones, digests = packaged_zones(), []
    folder = open_folder(tmp_path / "data", "development")
    for text in ("", "look, wait: {for: 3h}"):
        if text:
            rewrite(shop)
        plan = compile_workspace(load(shop, {}), zones).plan
        assert plan is not None
        folder.activate(plan, zones)
        digests.append(plan.digest)
    folder.close()
    data = ["--data", str(tmp_path / "data"), "-w", str(shop)]
    assert 0 == invoke(["diff", *data, "--exit-code"])
    assert 1 == invoke(["diff", digests[0][:8], *data, "--exit-code"])
    assert 1 == invoke(["diff", digests[0][:8], "active", *data, "--exit-code"])
    assert "for: 2h → 3h" in capsys.readouterr().out


def test_a_version_that_is_none_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that means no version ends with 66 and says what was tried; so does `active` where nothing runs yet."""
    assert 66 == invoke(["diff", "nonsense", "-w", str(shop)])
    assert "neither a workspace folder, nor a plan of" in capsys.readouterr().err
    assert 66 == invoke(["diff", "-w", str(shop)])
    assert "holds no plan" in capsys.readouterr().err


def test_who_is_under_way_is_counted(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is a data folder, a difference comes with how many rest on each step of the version before; without one, with nothing."""
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    rows = ["user,what,at,email", *(f"{user},signup,2026-03-02 10:00:00,{user}@example.test" for user in "ab")]
    (tmp_path / "history.csv").write_text("\n".join(rows))
    replay = ["replay", str(tmp_path / "history.csv"), "--mapping", str(tmp_path / "mapping.yaml"), "--until", "+5m"]
    assert 0 == invoke([*replay, "--workspace", str(shop), "--data", str(shop / "data")])
    rewrite(shop)
    capsys.readouterr()
    assert 0 == invoke(["diff", "-w", str(shop), "--json"])
    counted = json.loads(capsys.readouterr().out)["in_flight"]
    assert [("think", 2, "finish")] == [(each["step"], each["people"], each["policy"]) for each in counted]
    assert 0 == invoke(["diff", "-w", str(shop)])
    assert "think     2       finishes under its version" in capsys.readouterr().out
    assert 0 == invoke(["diff", "HEAD", "-w", str(shop), "--json", "--data", str(tmp_path / "none")])
    assert json.loads(capsys.readouterr().out)["in_flight"] is None
