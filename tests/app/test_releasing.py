"""A plan that asks for more than was kept: it waits for everybody's past, through kills and in several processes, and then decides."""

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init
from pilotage.runner.cursor import Cursor, move_cursor
from pilotage.runner.folder import read_environment
from pilotage.runner.log import last_segment
from pilotage.runner.station import open_stores
from pilotage.runner.ticket import SHARDS
from tests.app.serving import WRITE_KEY, Served, pilotage

LOYAL = """
schema: 1
kind: audience
name: loyal
owner: {responsible: crm, accountable: head-of-crm}
when: "sum('order.placed', 'total', '30d') >= 100"
"""
MAPPING = """
schema: 1
kind: mapping
source: sample
type: {column: what}
time: {column: at}
identifiers: {user_id: who}
events:
  order.placed: {data: {order_id: order, total: {column: total, type: number}}}
"""
USERS = [f"user-{number}" for number in range(24)]


def write_audience(workspace: Path, text: str = LOYAL) -> None:
    """Add an audience to a workspace."""
    (workspace / "audiences").mkdir(exist_ok=True)
    (workspace / "audiences" / "loyal.yaml").write_text(text)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command says, as data."""
    assert 0 == invoke([*arguments, "--json"]), capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def loyal(capsys: pytest.CaptureFixture[str], data: Path, members: int) -> bool:
    """Whether the audience comes to have so many members: those who met it before are asked one after the other."""
    until_s = time.monotonic() + 60
    while True:
        found = [(each["name"], each["members"]) for each in asked(capsys, "audience", "list", "--data", str(data))]
        if [("loyal", members)] == found or time.monotonic() > until_s:
            return [("loyal", members)] == found
        time.sleep(0.1)


def order(served: Served, user: str, total: int) -> None:
    """One order of a user."""
    assert 200 == served.track(user, "order.placed", order_id=f"{user}-{total}", total=total).status_code


def test_a_release_knows_what_happened_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Orders placed before an audience was written count in it once it is in force, each once, together with those placed
    while the past was being filled in, in several processes; a kill meanwhile changes nothing, nor does another start."""
    options = ("--workers", "2")
    first = Served(tmp_path, *options)
    for user in USERS:
        order(first, user, 60)
    first.end()
    write_audience(first.workspace)
    killed = Served(tmp_path, *options)
    order(killed, USERS[0], 41)
    killed.end(signal.SIGKILL)
    again = Served(tmp_path, *options)
    order(again, USERS[1], 39)
    order(again, USERS[2], 40)
    asked(capsys, "history", "backfill", "--wait", "--data", str(again.data))
    assert {"active": False} == {key: value for key, value in again.ask("/history/backfill").json().items() if key == "active"}
    order(again, USERS[3], 50)
    assert loyal(capsys, again.data, 3)
    reconciled = asked(capsys, "audience", "reconcile", "--data", str(again.data))
    assert (len(USERS), 0) == (reconciled["subjects"], reconciled["different"])
    assert 0 == again.end()
    plans = read_environment(again.data).plans
    assert 3 == len(plans) and read_environment(again.data).recording is None
    third = Served(tmp_path, *options)
    assert loyal(capsys, third.data, 3)
    third.end()
    assert plans == read_environment(again.data).plans


def test_history_that_is_too_short_refuses_the_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan that counts further back than history reaches is refused with the instant history begins at and the cure; nothing has
    changed then, and the cure works."""
    first = Served(tmp_path)
    for user in USERS:
        order(first, user, 60)
    first.end()
    stores = open_stores(first.data, range(SHARDS))
    for store in stores.values():
        newest = last_segment(store)
        if newest is not None:
            move_cursor(store, Cursor(newest.last, newest.last))
        store.close()
    shutil.rmtree(first.data / "history")
    write_audience(first.workspace)
    before = read_environment(first.data)
    refused = pilotage("run", "--workspace", str(first.workspace), "--port", "0")
    assert 78 == refused.returncode
    assert "order.placed in the last 30d, which no plan did before, and history begins at" in refused.stderr
    assert "--short-history" in refused.stderr
    assert before == read_environment(first.data)
    accepted = Served(tmp_path, "--short-history")
    order(accepted, USERS[0], 100)
    asked(capsys, "history", "backfill", "--wait", "--data", str(accepted.data))
    assert loyal(capsys, accepted.data, 1)
    accepted.end()


def test_nobody_waits_where_nothing_is_missing(tmp_path: Path) -> None:
    """A folder without a past, and a plan whose features are all kept already, take over at once."""
    init(tmp_path / "workspace", write_key=WRITE_KEY)
    write_audience(tmp_path / "workspace")
    served = Served(tmp_path)
    assert 1 == len(read_environment(served.data).plans)
    served.end()
    write_audience(served.workspace, LOYAL.replace("100", "200").replace("30d", "7d"))
    again = Served(tmp_path)
    assert (2, None) == (len(read_environment(again.data).plans), read_environment(again.data).recording)
    again.end()


def test_a_replay_knows_the_past_of_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second file, replayed into a folder under a plan that counts further back, continues what the first one began."""
    workspace, data = tmp_path / "workspace", tmp_path / "data"
    init(workspace, write_key=WRITE_KEY)
    mapping = workspace / "mapping.yaml"
    mapping.write_text(MAPPING)
    for month, rows in (("03", range(1, 5)), ("04", range(1, 3))):
        file = tmp_path / f"{month}.csv"
        file.write_text(
            "at,who,what,order,total\n" + "".join(f"2026-{month}-{day:02}T12:00:00Z,ada,order.placed,{day},40\n" for day in rows)
        )
        asked(capsys, "replay", str(file), "--mapping", str(mapping), "--workspace", str(workspace), "--data", str(data))
        write_audience(workspace)
    assert [("loyal", 1)] == [(each["name"], each["members"]) for each in asked(capsys, "audience", "list", "--data", str(data))]
    assert 0 == invoke(["why", "ada", "--data", str(data)])
    story = capsys.readouterr().out
    assert "=120)" in story and "order.placed=4" in story


def test_a_release_knows_what_members_handed_over_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account whose members bought enough before an audience of accounts asked so far back is in it after the release; an event
    type that nothing on accounts took before is named in the log, and counts from then on."""
    workspace, data, file = tmp_path / "workspace", tmp_path / "data", tmp_path / "orders.csv"
    init(workspace, write_key=WRITE_KEY)
    with (workspace / "profile.yaml").open("a") as profile:
        profile.write("accounts: {roles: [admin]}\n")
    mapping = workspace / "mapping.yaml"
    mapping.write_text(MAPPING + "  account.joined: {data: {account: order}}\n  product.viewed: {data: {sku: order, price: {value: 1}}}\n")
    on_account = LOYAL.replace("when:", "subject: account\nwhen:")
    write_audience(workspace, on_account.replace("30d", "1d"))
    rows = "at,who,what,order,total\n" + "".join(f"2026-03-01T12:00:00Z,{who},account.joined,acme,\n" for who in ("ada", "bob"))
    for day, who in enumerate(("ada", "bob", "ada"), 2):
        rows += f"2026-03-{day:02}T12:00:00Z,{who},order.placed,{day},40\n2026-03-{day:02}T13:00:00Z,{who},product.viewed,lamp,\n"
    file.write_text(rows)
    replay = ("replay", str(file), "--mapping", str(mapping), "--workspace", str(workspace), "--data", str(data))
    asked(capsys, *replay)
    assert [0] == [each["members"] for each in asked(capsys, "audience", "list", "--data", str(data))]
    write_audience(workspace, on_account.replace("30d')", "30d') - count('product.viewed', '30d')").replace("100", "119"))
    file.write_text(rows.splitlines()[0] + "\n2026-03-05T12:00:00Z,bob,product.viewed,rug,\n")
    assert 0 == invoke([*replay, "--json"])
    said = capsys.readouterr().err
    assert "what members did is counted from when it was first handed over" in said and "product.viewed" in said
    assert [1] == [each["members"] for each in asked(capsys, "audience", "list", "--data", str(data))]
    why = asked(capsys, "audience", "why", "loyal", "account_id=acme", "--data", str(data))
    assert why["inside"] is True and "120" in str(why), why
