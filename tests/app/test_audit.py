"""The command `audit`: the ledger is listed, exported and verified, on the spot or anywhere, and what was done to it is told."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.control import CONTROL, PUBLIC_KEY_FILE, open_ledger
from pilotage.event.time import HOUR_US
from pilotage.review.ledger import DATABASE_FILE


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a ledger of five entries, an hour apart."""
    hours = iter(range(1, 100))
    ledger = open_ledger(tmp_path / "data", lambda: next(hours) * HOUR_US)
    for actor, act, subject in (
        ("ada", "switch.set", "channel:sms"),
        ("ben", "journey.paused", "journey:a.b.c"),
        ("ada", "switch.lifted", "channel:sms"),
        ("system:runner", "plan.effective", "plan:1f"),
    ):
        ledger.append(actor, act, subject, {"reason": "x" * 200})
    ledger.close()
    return tmp_path / "data"


def told(capsys: pytest.CaptureFixture[str], data: Path, *arguments: str, code: int = 0) -> Any:
    """What the command says, as data."""
    assert code == invoke(["audit", *arguments, "--data", str(data), "--json"])
    said = capsys.readouterr()
    return json.loads(said.out or said.err)


def test_acts_are_listed_the_newest_first(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Entries are listed by who, what, on what and since when, page by page."""
    for options, wanted in (
        ((), [5, 4, 3, 2, 1]),
        (("--actor", "ada"), [4, 2]),
        (("--act", "switch."), [4, 2]),
        (("--act", "switch.set"), [2]),
        (("--subject", "journey:"), [3]),
        (("--since", "1970-01-01T04:00Z"), [5, 4]),
        (("--limit", "2"), [5, 4]),
        (("--limit", "2", "--before", "4"), [3, 2]),
    ):
        assert wanted == [each["sequence"] for each in told(capsys, data, "log", *options)], options
    assert 0 == invoke(["audit", "log", "--data", str(data), "--limit", "1"])
    said = capsys.readouterr().out
    assert "plan.effective" in said and "--before 5" in said


def test_a_ledger_and_its_export_hold(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ledger verifies in its folder, and as an export with nothing but the export and the public key."""
    key, file = data / CONTROL / PUBLIC_KEY_FILE, tmp_path / "ledger.jsonl"
    assert (True, 5) == (told(capsys, data, "verify")["holds"], told(capsys, data, "verify", "--key", str(key))["entries"])
    assert {"file": str(file), "entries": 5, "public_key": key.read_text().strip()} == told(capsys, data, "export", str(file))
    elsewhere = tmp_path / "nowhere"
    assert told(capsys, elsewhere, "verify", str(file), "--key", str(key))["holds"]
    assert 0 == invoke(["audit", "verify", str(file)])
    assert "compare it with one that you know" in capsys.readouterr().out


def test_what_was_done_to_the_database_is_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is changed in the database, the first bad entry is named, and the exit code says so."""
    path = data / CONTROL / DATABASE_FILE
    whole = path.read_bytes()
    for statement, first in (
        ("UPDATE entries SET actor = 'eve' WHERE sequence = 3", 3),
        ("UPDATE entries SET data = '{' WHERE sequence = 3", 3),
        ("UPDATE entries SET at_us = 'noon' WHERE sequence = 2", 2),
        ("DELETE FROM entries WHERE sequence = 4", 4),
        ("DELETE FROM entries WHERE sequence > 3", 4),
        ("UPDATE records SET body = x'7b7d' WHERE kind = 'ledger.head'", 1),
    ):
        with sqlite3.connect(path) as database:
            database.execute(statement)
        database.close()
        verdict = told(capsys, data, "verify", code=1)
        assert (False, first) == (verdict["holds"], verdict["faults"][0]["first"]), statement
        assert 1 == invoke(["audit", "verify", "--data", str(data)])
        assert "the first bad one is" in capsys.readouterr().out
        path.write_bytes(whole)
    assert told(capsys, data, "verify")["holds"]


def test_a_kept_checkpoint_finds_a_ledger_set_back(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ledger restored to an earlier state holds by itself; what was signed later and kept elsewhere says that it was set back."""
    path = data / CONTROL / DATABASE_FILE
    earlier = path.read_bytes()
    ledger = open_ledger(data, lambda: 1)
    ledger.append("ada", "switch.set", "channel:push", {})
    ledger.close()
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(told(capsys, data, "checkpoint")))
    assert told(capsys, data, "verify", "--kept", str(kept))["holds"]
    path.write_bytes(earlier)
    assert told(capsys, data, "verify")["holds"]
    assert "ends before entry 6" in told(capsys, data, "verify", "--kept", str(kept), code=1)["faults"][0]["message"]


def test_what_cannot_be_read_is_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a ledger, files that are something else, bad keys and instants are refused with the cure."""
    (tmp_path / "x").write_text("hello")
    for arguments, code, says in (
        (("verify", str(tmp_path / "none")), 66, "pilotage audit export"),
        (("verify", str(tmp_path / "x")), 66, "no export"),
        (("verify", "--kept", str(tmp_path / "x")), 66, "checkpoint --json"),
        (("verify", "--key", "abc"), 1, "another key"),
        (("log", "--since", "soon"), 2, "2026-03-02"),
    ):
        assert says in json.dumps(told(capsys, data, *arguments, code=code)), arguments
    assert "the first act begins it" in json.dumps(told(capsys, tmp_path / "none", "log", code=78))
    (data / CONTROL / DATABASE_FILE).unlink()
    for command in ("log", "verify", "checkpoint"):
        assert "restore" in json.dumps(told(capsys, data, command, code=78))
    (data / CONTROL / DATABASE_FILE).write_bytes(b"garbled" * 1000)
    assert "restore it from a backup" in json.dumps(told(capsys, data, "log", code=78))
