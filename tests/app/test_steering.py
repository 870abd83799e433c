"""Pausing, resuming and stopping journeys: on a running system at once, after a kill too; at rest from the next start on."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from tests.app.serving import Served
from tests.app.test_switches import fates, until


def told(capsys: pytest.CaptureFixture[str], data: Path, *arguments: str, code: int = 0) -> Any:
    """What a command says, as data."""
    assert code == invoke([*arguments, "--data", str(data), "--json"])
    said = capsys.readouterr()
    return json.loads(said.out or said.err)


def test_a_paused_journey_sends_nothing_until_it_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pause holds at once and after a kill; whoever enters meanwhile is counted and written to once it is resumed."""
    served = Served(tmp_path)
    name = served.ask("/journeys").json()[0]["journey"]
    done = told(capsys, served.data, "pause", name, "--reason", "wrong text", "--by", "ada")
    assert (True, "paused", "ada") == (done["changed"], done["control"]["state"], done["control"]["by"])
    again = told(capsys, served.data, "pause", name, "--by", "ben")
    assert (False, done["control"]) == (again["changed"], again["control"])
    served.sign_up("eve")
    served.end(signal.SIGKILL)
    up = Served(tmp_path)
    up.sign_up("kim")
    state = {each["journey"]: each for each in up.ask("/journeys").json()}[name]
    assert ("paused", {"deadlines": "shift", "entries": "queue"}) == (state["control"]["state"], state["control"]["terms"])
    assert ([], []) == (fates(up, "eve"), fates(up, "kim"))
    refused = up.tell("/journeys/control", {"journey": name, "to": "pause", "deadlines": "expire", "by": "ada"})
    assert (409, True) == (refused.status_code, "resume it first" in refused.json()["detail"])
    assert 404 == up.tell("/journeys/control", {"journey": f"{name}x", "to": "stop", "by": "ada"}).status_code
    done = told(capsys, up.data, "resume", name)
    assert (2, "running") == (sum(done["before"].values()), done["control"]["state"])
    until(lambda: (["sent"], ["sent"]) == (fates(up, "eve"), fates(up, "kim")))
    up.end()


def test_a_journey_is_controlled_at_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stop of a folder that nobody runs on holds from the next start on; what makes no sense is told with its cure."""
    served = Served(tmp_path)
    name = served.ask("/journeys").json()[0]["journey"]
    served.end()
    assert told(capsys, served.data, "stop", name, "--under-way", "exit", "--reason", "over", "--by", "ada")["changed"]
    listed = {each["journey"]: each["control"] for each in told(capsys, served.data, "journeys")}
    assert ("stopped", "over", {"under_way": "exit"}) == tuple(listed[name][key] for key in ("state", "reason", "terms"))
    for arguments, code, says in (
        (("pause", f"{name}s"), 66, f"did you mean {name}?"),
        (("pause", name), 1, "resume it first"),
        (("stop", name), 1, "resume it first"),
    ):
        assert says in json.dumps(told(capsys, served.data, *arguments, code=code)), arguments
    assert 66 == invoke(["journeys", "--data", str(tmp_path / "none")])
    capsys.readouterr()
    up = Served(tmp_path)
    up.sign_up("eve")
    until(lambda: bool(up.ask("/subjects").json()["subjects"]))
    found = up.tell("/subjects/find", {"identifiers": {"user_id": "eve"}}).json()["subject"]
    assert "the journey is stopped" in up.ask(f"/subjects/{found}/timeline").text
    up.end()
    assert not told(capsys, up.data, "resume", name)["control"]["since"]
    assert 0 == invoke(["journeys", "--data", str(up.data)])
    assert "running" in capsys.readouterr().out
