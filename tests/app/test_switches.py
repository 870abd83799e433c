"""Kill switches: what is switched off does not leave, whatever is restarted, and leaves once it is switched on again."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from tests.app.serving import Served


def told(capsys: pytest.CaptureFixture[str], data: Path, *arguments: str, code: int = 0) -> Any:
    """What the command says, as data."""
    assert code == invoke(["switch", *arguments, "--data", str(data), "--json"])
    said = capsys.readouterr()
    return json.loads(said.out or said.err)


def fates(served: Served, user: str) -> list[str]:
    """What became of a user's messages; what waits has no fate yet."""
    found = served.tell("/subjects/find", {"identifiers": {"user_id": user}}).json()["subject"]
    messages = served.ask(f"/subjects/{found}/timeline").json()["messages"]
    return [fate["fate"] for message in messages for fate in message["fates"]]


def until(true: Callable[[], bool]) -> None:
    """Return as soon as something has come true, at most half a minute later."""
    end_s = time.monotonic() + 30
    while not true() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert true()


def test_what_is_switched_off_does_not_leave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A switch holds at once and after a kill; lifting it lets go what it held. Repeating changes nothing, and who did it is shown."""
    served = Served(tmp_path)
    name = served.ask("/journeys").json()[0]["journey"]
    first = told(capsys, served.data, "off", "journey", name, "--reason", "wrong text", "--by", "ada")["off"]
    assert [("journey", name, "ada", "wrong text")] == [(each["scope"], each["name"], each["by"], each["reason"]) for each in first]
    assert first == told(capsys, served.data, "off", "journey", name, "--by", "ben")["off"]
    served.sign_up("eve")
    served.end(signal.SIGKILL)
    again = Served(tmp_path)
    assert first == again.ask("/switches").json()["off"]
    again.sign_up("kim")
    until(lambda: 2 == len(again.ask("/actions").json()["actions"]))
    assert ([], []) == (fates(again, "eve"), fates(again, "kim"))
    held = [(each["status"], each["reason"]) for each in again.ask("/actions").json()["actions"]]
    assert [("pending", f"journey {name} is switched off")] * 2 == held
    assert 404 == again.tell("/switches/change", {"scope": "journey", "name": f"{name}x", "to": "off", "by": "ada"}).status_code
    assert [] == told(capsys, again.data, "on", "journey", name)["off"]
    until(lambda: (["sent"], ["sent"]) == (fates(again, "eve"), fates(again, "kim")))
    again.end()
    assert [("all", "")] == [(each["scope"], each["name"]) for each in told(capsys, again.data, "off", "all")["off"]]
    assert [] == told(capsys, again.data, "on", "all")["off"]


def test_what_cannot_be_switched_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown name is told with what was meant, a missing one with the scopes, and a folder that is none as such."""
    served = Served(tmp_path)
    name = served.ask("/journeys").json()[0]["journey"]
    served.end()
    for arguments, code, says in (
        (("off", "journey", f"{name}s"), 66, f"did you mean {name}?"),
        (("off", "step", f"{name}/nowhere"), 66, "there is no step"),
        (("off", "journey"), 2, "name what is meant"),
        (("off", "all", "x"), 2, "name what is meant"),
    ):
        assert says in json.dumps(told(capsys, served.data, *arguments, code=code)), arguments
    assert 66 == invoke(["switch", "list", "--data", str(tmp_path / "none")])
