"""Acts of people and of the system enter the ledger before they are done: none can be without an entry, whatever crashes."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.acts import FAILED, NotAPerson, actor_of, noted
from pilotage.app.cli import invoke
from pilotage.app.control import CONTROL, open_ledger
from pilotage.app.starter import init
from pilotage.app.steering import steer
from pilotage.app.switching import change_switch
from pilotage.app.system import RunOptions, prepare
from pilotage.audit.entry import Entry
from pilotage.audit.verify import verify
from pilotage.review.database import LedgerBroken
from pilotage.review.ledger import DATABASE_FILE
from pilotage.runner.clock import VirtualClock
from pilotage.runner.controls import Control
from pilotage.runner.folder import open_folder, read_environment
from pilotage.runner.switches import Switch, read_switches
from tests.app.serving import Served

JOURNEY = "onboarding.welcome.first_order"


def entries(data: Path) -> list[Entry]:
    """The entries of a ledger that holds, but for the first."""
    ledger = open_ledger(data, lambda: 1, create=False)
    assert verify(ledger.records()).holds
    found = list(ledger.read(2))
    ledger.close()
    return found


def acts(data: Path) -> list[tuple[str, str, str]]:
    """Who did what to what."""
    return [(entry.actor, entry.act, entry.subject) for entry in entries(data)]


def run(*arguments: str) -> int:
    """Run a command; its exit code."""
    return invoke([*arguments, "--json"])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a system that was started and stopped."""
    init(tmp_path / "shop", "Shop")

    async def started() -> None:
        await prepare(RunOptions(tmp_path / "shop", tmp_path / "shop" / "data", port=0), os.environ, VirtualClock(1)).stop()

    asyncio.run(started())
    return tmp_path / "shop" / "data"


def test_what_a_running_system_is_told_enters_the_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Starts, plans, switches, pauses, quarantine and lists are entries of who did them; a kill loses none, repeating adds none."""
    served = Served(tmp_path)
    data, told = served.data, ("--data", str(served.data))
    plan = read_environment(data).plans[-1]
    assert 0 == run("switch", "off", "journey", JOURNEY, "--reason", "wrong text", "--by", "ada", *told)
    assert 0 == run("switch", "off", "journey", JOURNEY, "--by", "ben", *told)
    assert 0 == run("pause", JOURNEY, "--reason", "wait", "--by", "ben", *told)
    assert 422 == served.track("ada", "order.placed", order_id=7).status_code
    assert 200 == served.tell("/quarantine/discard", {"numbers": [1], "by": "cem"}).status_code
    assert 404 == served.tell("/quarantine/discard", {"numbers": [99]}).status_code
    assert 400 == served.tell("/quarantine/discard", {"numbers": [1], "by": "system:runner"}).status_code
    served.end(signal.SIGKILL)
    environment = ("system:runner", "system.started", "environment:development")
    wanted = [
        ("system:runner", "plan.effective", f"plan:{plan}"),
        ("system:runner", "quarantine.policy_changed", "quarantine"),
        environment,
        ("ada", "switch.set", f"journey:{JOURNEY}"),
        ("ben", "journey.paused", f"journey:{JOURNEY}"),
        ("cem", "quarantine.discarded", "quarantine"),
        ("system:api", "quarantine.discarded", "quarantine"),
        ("system:api", "act.failed", "quarantine"),
    ]
    assert wanted == acts(data)
    assert 0 == run("resume", JOURNEY, "--by", "ada", *told)
    assert 0 == run("switch", "on", "journey", JOURNEY, "--by", "ada", *told)
    again = Served(tmp_path)
    again.end()
    more = [("ada", "journey.resumed", f"journey:{JOURNEY}"), ("ada", "switch.lifted", f"journey:{JOURNEY}"), environment]
    assert [*wanted, *more, ("system:runner", "system.stopped", "environment:development")] == acts(data)
    found = {entry.act: entry.data for entry in entries(data)}
    assert ("wrong text", "wait") == (found["switch.set"]["reason"], found["journey.paused"]["reason"])
    assert [] == found["system.started"]["switches"] + found["system.started"]["controls"]
    assert "no quarantined event" in found["act.failed"]["fault"] or "99" in found["act.failed"]["fault"]
    capsys.readouterr()


def test_another_intake_policy_is_an_entry(data: Path) -> None:
    """What intake does with what has no contract enters the ledger when it changes, and only then."""
    settings = data.parent / "pilotage.yaml"

    def started() -> list[dict[str, Any]]:
        async def start() -> None:
            await prepare(RunOptions(data.parent, data, port=0), os.environ, VirtualClock(1)).stop()

        asyncio.run(start())
        return [entry.data for entry in entries(data) if entry.act == "quarantine.policy_changed"]

    assert 1 == len(started())
    text = settings.read_text()
    assert "undeclared: quarantine" in text
    settings.write_text(text.replace("undeclared: quarantine", "undeclared: drop"))
    changed = started()
    assert 2 == len(changed) == len(started())
    assert ("quarantine", "drop") == (changed[1]["before"]["undeclared"], changed[1]["policy"]["undeclared"])


def test_an_act_that_cannot_enter_the_ledger_is_not_done(data: Path) -> None:
    """With the ledger garbled, no switch is set, no journey paused, no plan put in force, and no proof sent: nothing is changed."""
    ledger = open_ledger(data, lambda: 1)
    folder = open_folder(data, "development", create=False)
    folder.witness = ledger.append
    before = (folder.environment, read_switches(data))
    with ledger._database.write() as session:
        session._connection.execute("DELETE FROM entries WHERE sequence > 2")

    async def nobody(_: object) -> None:
        raise AssertionError("nobody is told of what was not done")

    with pytest.raises(LedgerBroken):
        asyncio.run(steer(folder, Control(JOURNEY, "pause", 1, "ada"), nobody))
    with pytest.raises(LedgerBroken):
        asyncio.run(change_switch(data, ledger, folder.plans()[-1], Switch("all", by="ada"), True, nobody))
    folder.close()
    assert before == (read_environment(data), read_switches(data))
    document = next((data.parent / "journeys").glob("*.yaml"))
    document.write_text(document.read_text().replace("wait: {for: 2h}", "wait: {for: 3h}"))
    with pytest.raises(LedgerBroken):
        prepare(RunOptions(data.parent, data, port=0), os.environ, VirtualClock(2))
    assert before == (read_environment(data), read_switches(data))


class Crash(BaseException):
    """The process ends here."""


def test_a_crash_after_the_entry_leaves_the_act_undone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a process dies of between the entry and the act, the entry is there and the act is not: never the other way round."""

    def die(*_: object) -> None:
        raise Crash

    async def nobody(_: object) -> None:
        raise AssertionError("nobody is told of what was not done")

    ledger = open_ledger(data, lambda: 1)
    folder = open_folder(data, "development", create=False)
    folder.witness = ledger.append
    before = (folder.environment, read_switches(data))
    monkeypatch.setattr("pilotage.runner.folder._write_environment", die)
    monkeypatch.setattr("pilotage.app.switching.write_switches", die)
    with pytest.raises(Crash):
        asyncio.run(steer(folder, Control(JOURNEY, "pause", 1, "ada"), nobody))
    with pytest.raises(Crash):
        asyncio.run(change_switch(data, ledger, folder.plans()[-1], Switch("all", by="ada"), True, nobody))
    folder.close()
    assert before == (read_environment(data), read_switches(data))
    assert [("ada", "journey.paused", f"journey:{JOURNEY}"), ("ada", "switch.set", "all")] == acts(data)[-2:]


def test_a_garbled_ledger_keeps_the_system_from_starting(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pilotage run` on a folder whose ledger cannot be read says so and what to do, and changes nothing."""
    path = data / CONTROL / DATABASE_FILE
    path.write_bytes(b"garbled" * 1000)
    assert 78 == run("switch", "off", "all", "--data", str(data))
    assert "restore it from a backup" in json.loads(capsys.readouterr().err)["error"]
    assert 78 == invoke(["run", "--workspace", str(data.parent), "--port", "0"])
    assert "restore it from a backup" in capsys.readouterr().err


def test_what_fails_after_it_was_noted_is_noted_as_failed(tmp_path: Path) -> None:
    """An act that enters the ledger and then fails leaves a second entry that names the first and the fault."""
    ledger = open_ledger(tmp_path, lambda: 1)

    async def fail() -> None:
        async with noted(ledger, "ada", "thing.done", "thing:1", {}):
            raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        asyncio.run(fail())
    done, failed = ledger.read(2)
    assert ("thing.done", FAILED) == (done.act, failed.act)
    assert {"entry": 2, "act": "thing.done", "fault": "ValueError: no such thing"} == failed.data


def test_nobody_acts_in_the_name_of_the_system(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person's name cannot begin as the names of the system's parts do; who says no name acts as the API."""
    assert ("ada", "system:api") == (actor_of(" ada "), actor_of(""))
    with pytest.raises(NotAPerson, match="say who you are"):
        actor_of("system:runner")
    assert 2 == run("switch", "off", "all", "--by", "system:runner", "--data", str(data))
    assert 2 == run("stop", JOURNEY, "--by", " system:runner", "--data", str(data))
    assert [] == [act for _, act, _ in acts(data) if act.startswith(("switch.", "journey."))]
    assert "say who you are" in capsys.readouterr().err


def test_archiving_and_proofs_are_entries(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A journey that is archived and proofs that are sent enter the ledger, with the digests of what they were."""
    shop = data.parent
    (shop / "seeds").mkdir()
    (shop / "seeds" / "us.yaml").write_text("schema: 1\nkind: seeds\nname: us\nrecipients: [{address: us@example.test}]\n")
    run("proof", "welcome", "--to", "us", "--by", "ada", "--workspace", str(shop))
    assert 0 == run("stop", JOURNEY, "--by", "ben", "--data", str(data))
    assert 0 == run("archive", JOURNEY, "--by", "cem", "--workspace", str(shop))
    assert ("ada", "proof.sent", "proof:welcome") in acts(data)
    assert [("ben", "journey.stopped", f"journey:{JOURNEY}"), ("cem", "journey.archived", f"journey:{JOURNEY}")] == acts(data)[-2:]
    capsys.readouterr()
