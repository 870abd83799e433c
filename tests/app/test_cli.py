"""The command line: what a person types, what it says, and the code it ends with."""

import json
from pathlib import Path

import pytest

from pilotage.app.cli import COMMANDS, invoke
from pilotage.app.starter import init

MAPPING = """
schema: 1
kind: mapping
source: history
time: {column: at}
identifiers: {user_id: user}
type: {column: what, values: {signup: customer.signed_up, order: order.placed}}
events:
  customer.signed_up: {data: {email: email}}
  order.placed: {data: {order_id: {text: "o-{user}"}, total: {column: total, type: number}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init(tmp_path / "shop", write_key="key")
    return tmp_path / "shop"


def history(folder: Path, users: int = 60) -> list[str]:
    """The arguments of a replay of a small history: everybody signs up, every third orders a minute later."""
    rows = ["user,what,at,email,total"]
    for user in range(users):
        rows.append(f"{user},signup,2026-03-02T10:{user % 60:02}:00Z,u{user}@example.test,")
    rows += [f"{user},order,2026-03-02T12:{user % 60:02}:00Z,,20" for user in range(0, users, 3)]
    (folder / "history.csv").write_text("\n".join(rows) + "\n")
    (folder / "mapping.yaml").write_text(MAPPING)
    return ["replay", str(folder / "history.csv"), "--mapping", str(folder / "mapping.yaml")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` of every command, and of every command below it, says what it does and ends with 0."""
    assert 0 == invoke([command, "--help"])
    assert f"pilotage {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["init", "check", "test", "diff", "run", "replay", "rehearse", "why", "subjects", "demo", "bench"])
def test_every_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of every command shows how it is typed."""
    invoke([command, "--help"])
    assert f"Example: pilotage {command}" in " ".join(capsys.readouterr().out.split())


def test_a_wrong_command_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command or option ends with 2 and names what was meant."""
    assert 2 == invoke(["chek"])
    assert 'Did you mean "check"?' in capsys.readouterr().err
    assert 2 == invoke(["run", "--prot", "1"])
    assert "Did you mean --port?" in capsys.readouterr().err


def test_troubles_are_json_where_json_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json a trouble is one JSON object on standard error, with its cure and code."""
    assert 66 == invoke(["why", "42", "--data", str(tmp_path / "none"), "--json"])
    told = json.loads(capsys.readouterr().err)
    assert 66 == told["code"]
    assert "no data folder" in told["error"]
    assert "--data" in told["cure"]


def test_a_workspace_is_begun_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `init` writes passes `check`, and is never overwritten."""
    folder = str(tmp_path / "shop")
    assert [0, 0, 78] == [invoke(["init", folder]), invoke(["check", folder]), invoke(["init", folder])]
    assert "exists already" in capsys.readouterr().err


def test_findings_have_their_place(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in a journey is told as file:line:column with rule and cure, as text and as JSON, and ends with 1."""
    path = shop / "journeys" / "welcome.yaml"
    path.write_text(path.read_text().replace("next: look", "next: loook"))
    assert 1 == invoke(["check", str(shop)])
    printed = capsys.readouterr().out
    assert "journeys/welcome.yaml:12:" in printed
    assert "did you mean 'look'?" in printed
    assert 1 == invoke(["check", str(shop), "--json"])
    told = json.loads(capsys.readouterr().out)
    [unknown] = [finding for finding in told["findings"] if finding["rule"] == "J012"]
    assert ("journeys/welcome.yaml", 12) == (unknown["path"], unknown["line"])
    assert told["plan"] is None


def test_conditions_that_cannot_be_meant_are_warned_of(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` warns of a condition that is never true and of one with an idle part, at their place; the plan is made all the same."""
    path = shop / "journeys" / "welcome.yaml"
    text = path.read_text()
    never = "trigger.type = 'order.placed' and trigger.type in ('order.placed') and 1 = 2"
    path.write_text(text.replace("when: \"trigger.type = 'order.placed'\"", f'when: "{never}"'))
    assert 1 == invoke(["check", str(shop), "--json"])  # a test of the journey expects the goal
    told = json.loads(capsys.readouterr().out)
    [finding] = [finding for finding in told["findings"] if finding["rule"] == "E003"]
    line = text.splitlines()[finding["line"] - 1]
    assert ("journeys/welcome.yaml", "warning") == (finding["path"], finding["severity"])
    assert line.index("trigger.type") + never.index("1 = 2") + 1 == finding["column"]
    assert "1 = 2 never is" in finding["message"]
    assert told["plan"]


def test_a_broken_workspace_does_not_run(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`run` with errors in the workspace, or with a variable that is not set, ends with 78 and says which."""
    settings = shop / "pilotage.yaml"
    settings.write_text(settings.read_text().replace("console: {}", 'console: {}\n  endpoints:\n    desk: {url: "${DESK_URL_OF_NOBODY}"}'))
    assert 78 == invoke(["run", "--workspace", str(shop), "--port", "0"])
    assert "DESK_URL_OF_NOBODY" in capsys.readouterr().err
    assert not (shop / "data").exists()


def test_everything_replayed_is_accounted_for(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A replay tells how many events were read, accepted and quarantined, and counts decisions by step."""
    assert 0 == invoke([*history(tmp_path), "--workspace", str(shop), "--until", "+3d", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (80, 80, 0) == (told["read"], told["accepted"], told["quarantined"])
    steps = told["journeys"]["onboarding.welcome.first_order"]
    assert (60, 60, 40) == (steps[""]["entered"], steps["greet"]["sent"], steps["think"]["timed_out"])
    assert 20 == steps["think"]["goal"]
    assert 60 == told["handed_over"]


def test_a_replay_goes_on_where_it_stopped(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A history replayed in two parts into a data folder comes out byte for byte as in one, and a third time adds nothing."""
    command = [*history(tmp_path), "--workspace", str(shop), "--json"]
    part = ["--data", str(tmp_path / "parts"), "--until"]
    digests = []
    for options in (["--data", str(tmp_path / "whole"), "--until", "+3d"], [*part, "2026-03-02T10:30:00Z"], [*part, "+3d"], [*part, "+3d"]):
        if "parts" in options[1]:
            secret = (tmp_path / "whole" / "secret.key").read_bytes()
            (tmp_path / "parts").mkdir(exist_ok=True)
            (tmp_path / "parts" / "secret.key").write_bytes(secret)
        assert 0 == invoke([*command, *options])
        told = json.loads(capsys.readouterr().out)
        digests.append((told["read"], told["digests"]))
    assert [80, 31, 49, 0] == [read for read, _ in digests]
    assert digests[0][1] == digests[2][1] == digests[3][1]
    assert digests[0][1] != digests[1][1]


def test_why_tells_each_decision(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`why` tells events, decisions with reasons and the message's fate, in the customer's zone or in UTC."""
    data = str(tmp_path / "data")
    assert 0 == invoke([*history(tmp_path), "--workspace", str(shop), "--data", data, "--until", "+3d"])
    capsys.readouterr()
    assert 0 == invoke(["why", "user_id=3", "--data", data])
    local = capsys.readouterr().out
    assert "  11:03:00  customer.signed_up" in local
    assert "sends on console" in local
    assert "reaches its goal: first_orders" in local
    assert 0 == invoke(["why", "u3@example.test", "--data", data, "--utc"])
    assert "  10:03:00  customer.signed_up" in capsys.readouterr().out
    assert 0 == invoke(["why", "user_id=4", "--data", data])
    blocked = capsys.readouterr().out
    assert "may not send: consent never given" in blocked
    assert "not send first-order on console" in blocked
    assert 1 == invoke(["why", "user_id=nobody", "--data", data])


def test_a_folder_at_rest_is_only_read(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a folder that nobody runs on, lists are told and changes refused with what to do."""
    data = str(tmp_path / "data")
    invoke([*history(tmp_path), "--workspace", str(shop), "--data", data])
    capsys.readouterr()
    assert [0, 0, 0] == [invoke([*command, "--data", data]) for command in (["subjects"], ["quarantine", "list"], ["actions", "list"])]
    capsys.readouterr()
    assert 69 == invoke(["quarantine", "resubmit", "1", "--data", data])
    assert "pilotage run" in capsys.readouterr().err
