"""Archiving: a journey leaves the plan once it is stopped and empty, and its document is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init

NAME = "onboarding.welcome.first_order"
MAPPING = """schema: 1
kind: mapping
source: history
time: {column: at, zone: UTC}
identifiers: {user_id: user}
type: {column: what, values: {signup: customer.signed_up}}
events:
  customer.signed_up: {data: {email: email}}
"""
OTHER = """schema: 1
kind: journey
name: growth.other.more
owner: {responsible: crm}
purpose: service.account
enter: {on: order.placed, reentry: always}
steps:
  - {id: hold, wait: {for: 1h}}
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """What a command says, as data."""
    assert code == invoke([*arguments, "--json"])
    told = capsys.readouterr()
    return json.loads(told.out or told.err)


def test_only_a_stopped_and_empty_journey_is_archived(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused while it may be entered or somebody is in it, with the count; then its document is moved, and the plan is without it."""
    shop = tmp_path / "shop"
    init(shop, write_key="key")
    (shop / "journeys" / "more.yaml").write_text(OTHER)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "history.csv").write_text("user,what,at,email\n1,signup,2026-03-02 10:00:00,ada@example.test\n")
    replay = ["replay", str(tmp_path / "history.csv"), "--mapping", str(tmp_path / "mapping.yaml"), "--workspace", str(shop)]
    data = ["--data", str(shop / "data")]
    said(capsys, *replay, *data, "--until", "+5m")
    assert "1 person is in it" in said(capsys, "archive", NAME, "--workspace", str(shop), code=1)["error"]
    said(capsys, "stop", NAME, *data)
    assert f"1 person is in {NAME}" == said(capsys, "archive", NAME, "--workspace", str(shop), code=1)["error"]
    said(capsys, *replay, *data, "--until", "+9d")
    done = said(capsys, "archive", NAME, "--workspace", str(shop))
    assert (False, True) == (Path(done["from"]).exists(), Path(done["to"]).exists())
    found = said(capsys, "check", str(shop))
    assert (0, done["plan"]) == (found["errors"], found["plan"])
    assert "there is no journey" in said(capsys, "archive", NAME, "--workspace", str(shop), code=66)["error"]
    assert 1 == len(list((shop / "archive").iterdir()))


def test_a_journey_that_another_needs_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a document needs the journey its own stays where it was, and what needs it is told."""
    shop = tmp_path / "shop"
    init(shop, write_key="key")
    (shop / "journeys" / "more.yaml").write_text(OTHER)
    (shop / "journeys" / "needs.yaml").write_text(
        OTHER.replace("growth.other.more", "growth.other.needs").replace(
            "{id: hold, wait: {for: 1h}}",
            "{id: go, journey: growth.other.more, data: {order_id: trigger.order_id, total: trigger.total}}",
        )
    )
    assert 0 == said(capsys, "check", str(shop))["errors"]
    assert "growth.other.more" in said(capsys, "archive", "growth.other.more", "--workspace", str(shop), code=78)["error"]
    assert (shop / "journeys" / "more.yaml").exists()
