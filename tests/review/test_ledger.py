"""The ledger on disk: acts and their records are kept together or not at all, whoever else writes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pilotage.audit.checkpoint import EVERY
from pilotage.audit.entry import EntryRefused
from pilotage.audit.signature import new_signer, signer_of
from pilotage.audit.verify import verify
from pilotage.review.database import LedgerBroken
from pilotage.review.ledger import DATABASE_FILE, Ledger, OtherKey

SIGNER = signer_of(bytes(range(32)))

WRITER = """
import sys
from pathlib import Path
from pilotage.audit.signature import signer_of
from pilotage.review.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), signer_of(bytes(range(32))), lambda: 7)
for number in range(int(sys.argv[3])):
    ledger.append(sys.argv[2], "thing.done", f"thing:{number}", {"number": number})
    print(number, flush=True)
"""


class Thing(msgspec.Struct, frozen=True):
    """A record of the tests."""

    name: str
    size: int = 0


def opened(folder: Path) -> Ledger:
    """The ledger of a folder, on a clock that stands."""
    return Ledger(folder, SIGNER, lambda: 5)


def test_what_is_appended_is_there_after_opening_again(tmp_path: Path) -> None:
    """Entries are read in order by whoever opens the ledger next, and it verifies."""
    ledger = opened(tmp_path)
    made = [ledger.append("ada", "thing.done", f"thing:{number}", {"number": number}) for number in range(3)]
    ledger.close()
    again = opened(tmp_path)
    assert made == list(again.read(2))
    assert [1, 2, 3, 4] == [entry.sequence for entry in again.read()]
    assert verify(again.records(), SIGNER.public_key).holds


def test_an_act_and_its_records_are_one(tmp_path: Path) -> None:
    """Records and entries of one transaction are all kept, or, when anything in it fails, none."""
    ledger = opened(tmp_path)
    with ledger.transaction() as act:
        act.put("thing", "b", Thing("b", 2))
        act.put("thing", "a", Thing("a"))
        act.put("thing", "b", Thing("b", 3))
        act.append("ada", "thing.made", "thing:b", {})
    with pytest.raises(EntryRefused), ledger.transaction() as act:
        act.remove("thing", "a")
        act.append("ada", "thing.removed", "thing:a", {})
        act.append("ada", "thing.removed", "", {})
    with ledger.transaction() as act:
        assert [Thing("a"), Thing("b", 3)] == act.all("thing", Thing)
        assert (Thing("a"), None) == (act.get("thing", "a", Thing), act.get("thing", "c", Thing))
        assert act.last is not None and "thing.made" == act.last.act
    assert 2 == len(list(ledger.read()))
    assert verify(ledger.records()).holds


def test_a_checkpoint_comes_with_every_thousandth_entry_and_when_asked(tmp_path: Path) -> None:
    """Checkpoints are signed by themselves now and then, and over the last entry on request, once."""
    ledger = opened(tmp_path)
    with ledger.transaction() as act:
        for number in range(2 * EVERY):
            act.append("ada", "thing.done", f"thing:{number}", {})
    assert 2 * EVERY + 1 == ledger.checkpoint().sequence
    assert ledger.checkpoint() == ledger.checkpoint()
    with ledger.view() as state:
        assert [EVERY, 2 * EVERY, 2 * EVERY + 1] == [each.sequence for each in state.checkpoints()]
    verdict = verify(ledger.records(), SIGNER.public_key)
    assert (2 * EVERY + 1, 3, ()) == (verdict.entries, verdict.checkpoints, verdict.faults)


def test_entries_are_found_by_who_what_and_when(tmp_path: Path) -> None:
    """Entries are filtered by actor, act or kind of act, subject or kind of subject, and instant, from either end."""
    now = iter(range(1, 100))
    ledger = Ledger(tmp_path, SIGNER, lambda: next(now))
    for actor, act, subject in (("ada", "switch.set", "channel:sms"), ("ben", "switch.lifted", "channel:sms"), ("ada", "plan_x", "a%b")):
        ledger.append(actor, act, subject, {})
    with ledger.view() as state:
        for found, wanted in (
            (state.entries(actor="ada"), [2, 4]),
            (state.entries(act="switch."), [2, 3]),
            (state.entries(act="switch"), []),
            (state.entries(subject="channel:"), [2, 3]),
            (state.entries(subject="a%b"), [4]),
            (state.entries(since_us=3), [3, 4]),
            (state.entries(2, limit=2), [2, 3]),
            (state.entries(3, newest_first=True, limit=2), [3, 2]),
        ):
            assert wanted == [entry.sequence for entry in found]


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    """Processes that append at the same time each get their turn: nothing is lost, and the chain holds."""
    opened(tmp_path).close()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name, "40"], stdout=subprocess.DEVNULL) for name in ("ada", "ben")]
    assert [0, 0] == [writer.wait(60) for writer in writers]
    ledger = opened(tmp_path)
    acts = [(entry.actor, entry.data["number"]) for entry in ledger.read(2)]
    assert sorted((name, number) for name in ("ada", "ben") for number in range(40)) == sorted(acts)
    assert verify(ledger.records(), SIGNER.public_key).holds


def test_what_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    """A process killed while it appends loses nothing that it confirmed, and leaves a ledger that verifies and goes on."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, "ada", "100000"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    confirmed = [int(writer.stdout.readline()) for _ in range(25)]
    os.kill(writer.pid, signal.SIGKILL)
    confirmed += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    ledger = opened(tmp_path)
    assert confirmed == [entry.data["number"] for entry in ledger.read(2)][: len(confirmed)]
    ledger.append("ben", "thing.done", "thing:x", {})
    assert verify(ledger.records(), SIGNER.public_key).holds


def test_a_garbled_database_is_refused(tmp_path: Path) -> None:
    """A file that is no database, or was cut, is refused with the cure, and left as it is."""
    opened(tmp_path).close()
    path = tmp_path / DATABASE_FILE
    whole = path.read_bytes()
    for garbled in (b"no database" * 500, whole[:4096] + bytes(reversed(whole[4096:]))):
        path.write_bytes(garbled)
        with pytest.raises(LedgerBroken, match="restore it from a backup"):
            ledger = opened(tmp_path)
            ledger.append("ada", "thing.done", "thing:1", {})
        assert garbled == path.read_bytes()


def test_nothing_is_added_behind_an_end_that_was_cut_off(tmp_path: Path) -> None:
    """Who removes the last entries, and not what the head says of them, finds the ledger closed: it takes nothing more."""
    ledger = opened(tmp_path)
    ledger.append("ada", "thing.done", "thing:1", {})
    with ledger._database.write() as session:
        session._connection.execute("DELETE FROM entries WHERE sequence = 2")
    for act in (lambda: ledger.append("ada", "thing.done", "thing:2", {}), ledger.checkpoint):
        with pytest.raises(LedgerBroken, match="head is not over its last entry"):
            act()
    assert 1 == len(list(ledger.read()))


def test_another_key_does_not_open_the_ledger(tmp_path: Path) -> None:
    """A ledger begun with one key takes no entries signed with another."""
    opened(tmp_path).close()
    with pytest.raises(OtherKey, match="restore both from one backup"):
        Ledger(tmp_path, new_signer(), lambda: 5)
