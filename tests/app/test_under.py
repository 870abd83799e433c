"""`pilotage why --under`: a customer's story under another plan, with what differs marked."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.exits import NO_INPUT
from pilotage.app.starter import init
from pilotage.runner.folder import read_environment
from tests.app.test_cli import history


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace that waits less long than the one under which its data were replayed."""
    folder = tmp_path_factory.mktemp("under")
    init(folder / "shop", write_key="key")
    assert 0 == invoke([*history(folder, 6), "--workspace", str(folder / "shop"), "--data", str(folder / "data"), "--until", "+10d"])
    journey = folder / "shop" / "journeys" / "welcome.yaml"
    text = journey.read_text()
    assert 1 == text.count("timeout: 1d}")
    journey.write_text(text.replace("timeout: 1d}", "timeout: 12h}"))
    return folder


def told(capsys: pytest.CaptureFixture[str], folder: Path, plan: str, *options: str) -> Any:
    capsys.readouterr()
    assert 0 == invoke(["why", "user_id=1", "--data", str(folder / "data"), "--under", plan, *options])
    out = capsys.readouterr().out
    return json.loads(out) if "--json" in options else out


def test_the_same_plan_decides_the_same(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the plan that was live nothing differs."""
    plan = read_environment(shop / "data").plans[-1]
    found = told(capsys, shop, plan[:12], "--json")
    assert (True, 0, True, plan) == (found["same"], found["differs"], found["whole"], found["plan"])
    assert "customer.signed_up" in [line["event"] for line in found["lines"]]
    assert "it decides all the same" in told(capsys, shop, plan[:12])


def test_another_plan_stands_beside_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under a workspace's plan what differs is marked on both sides, and what is the same stands once."""
    found = told(capsys, shop, str(shop / "shop"), "--json", "--workspace", str(shop / "shop"))
    made = [line["made"] for line in found["lines"] if line["decision"]]
    assert not found["same"] and {"live", "under", "both"} == set(made)
    assert found["differs"] == sum(each != "both" for each in made)
    instants = [line["at"] for line in found["lines"]]
    assert sorted(instants) == instants
    text = told(capsys, shop, str(shop / "shop"), "--workspace", str(shop / "shop"))
    assert "  - onboarding.welcome.first_order / " in text and "  + onboarding.welcome.first_order / " in text


def test_an_unknown_plan_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A digest that no plan of the folder begins with is an error that names those there are."""
    assert NO_INPUT == invoke(["why", "user_id=1", "--data", str(shop / "data"), "--under", "abcdef"])
    assert read_environment(shop / "data").plans[-1][:12] in capsys.readouterr().err
