"""What a running system decides is anchored in the ledger, and what is altered in its log afterwards is found and named."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.acts import RUNNER, STARTED
from pilotage.app.anchors import ANCHORED, Anchoring, anchors_in, decisions_at_rest, forgotten_us, last_anchors
from pilotage.app.cli import invoke
from pilotage.app.control import open_ledger
from pilotage.event.time import DAY_US
from pilotage.runner.question import MakeAnchor
from pilotage.runner.rocks import RocksStore
from pilotage.runner.store import Batch
from pilotage.source.sink import Unavailable
from tests.app.serving import Served


def verified(data: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    """What verification says of the decisions of a data folder."""
    assert code == invoke(["audit", "verify", "--data", str(data), "--json"])
    return json.loads(capsys.readouterr().out)["decisions"]


@pytest.mark.parametrize("workers", [1, 2])
def test_decisions_are_anchored_and_an_altered_one_is_named(workers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clean stop leaves what was decided anchored, in one process or several; the log verifies while the system runs and at rest,
    and a segment that is altered on disk is named. A kill leaves records that the next start anchors."""
    served = Served(tmp_path, "--workers", str(workers))
    for user in ("ada", "ben", "cem"):
        served.sign_up(user)
    assert verified(served.data, capsys)["holds"]
    assert 0 == served.end()
    found = verified(served.data, capsys)
    assert (True, []) == (found["holds"], found["faults"])
    assert found["anchors"] and found["segments"] >= found["anchors"]
    if workers == 1:
        served = Served(tmp_path)
        served.sign_up("dia")
        served.end(signal.SIGKILL)
        assert verified(served.data, capsys)["holds"]
        Served(tmp_path).end()
        anchored = verified(served.data, capsys)
        assert anchored["anchors"] > found["anchors"]
        number = alter(served.data)
        altered = verified(served.data, capsys, code=1)
        assert f"shard {number}: the segment of positions 1 to" in altered["faults"][0]
        assert 1 == invoke(["audit", "verify", "--data", str(served.data)])
        assert "decisions do not hold" in capsys.readouterr().out


def alter(data: Path) -> int:
    """Change the last byte of the first segment of some shard's log; the shard's number."""
    ledger = open_ledger(data, lambda: 1)
    number = min(last_anchors(ledger))
    ledger.close()
    store = RocksStore(data / "shards" / str(number))
    key, value = next(iter(store.scan("log")))
    batch = Batch()
    batch.put("log", key, value[:-1] + bytes([value[-1] ^ 1]))
    store.write(batch, durable=True)
    store.close()
    return number


def test_a_shard_whose_owner_is_away_waits(tmp_path: Path) -> None:
    """While the owner of a shard is being started, the others are anchored, and nothing fails."""

    class Away:
        numbers = frozenset(range(8))
        asked = 0

        async def ask(self, question: MakeAnchor) -> Any:
            self.asked += 1
            raise Unavailable("being started")

    ledger, owner = open_ledger(tmp_path, lambda: 1), Away()
    asyncio.run(Anchoring(ledger, [owner]).anchor())
    assert 8 == owner.asked
    assert [] == [entry for entry in ledger.read() if entry.act == ANCHORED]


def test_how_long_the_log_was_kept_is_known_from_the_ledger(tmp_path: Path) -> None:
    """What may have left the log follows from the retentions the system was started with, each until the next start."""
    days = iter((0, 10, 50, 100))
    ledger = open_ledger(tmp_path, lambda: next(days) * DAY_US)
    for kept in (30, 5, 0):
        ledger.append(RUNNER, STARTED, "environment:test", {"log_days": kept})
    with ledger.view() as session:
        assert 95 * DAY_US == forgotten_us(session, 200 * DAY_US)
        assert {number: [] for number in range(8)} == anchors_in(session)


def test_a_folder_without_a_log_holds(tmp_path: Path) -> None:
    """A folder on which nothing was decided yet has nothing to find."""
    open_ledger(tmp_path, lambda: 1).close()
    assert decisions_at_rest(tmp_path, 1).holds
    assert os.listdir(tmp_path)
