"""The history of a system, as a person asks for it: while it runs, with workers, after a kill, and at rest."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.exits import BUSY
from pilotage.app.past import of_history
from pilotage.app.workspace import load
from pilotage.runner.folder import open_folder
from pilotage.runner.history.rest import states_of
from pilotage.runner.log import segments_from
from pilotage.runner.rocks import RocksStore
from pilotage.runner.station import open_stores
from pilotage.runner.ticket import SHARDS
from tests.app.serving import Served
from tests.runner.history.past import Logger, plainly

COUNT = "select type, count(*) as n, count(distinct id) as ids from events where source = 'web' group by type"


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The answer of `pilotage history …` as data."""
    until_s = time.monotonic() + 30
    while (code := invoke(["history", *arguments, "--json"])) == BUSY and time.monotonic() < until_s:
        time.sleep(0.1)  # the workers of a killed front have yet to notice
    assert 0 == code
    return json.loads(capsys.readouterr().out)


def whole(data: Path) -> None:
    """Assert that the history of a folder at rest is its logs."""
    told = of_history(data, lambda history: (list(history.events()), list(history.decisions())))
    stores = open_stores(data, range(SHARDS))
    try:
        segments = [segment for store in stores.values() for segment in segments_from(store, 1)]
        assert plainly(segments) == told
        assert sum(len(segment.records) for segment in segments) == sum(state.durable for state in states_of(data, stores))
    finally:
        for store in stores.values():
            store.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_history_is_asked_while_it_runs_and_at_rest(workers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A query tells of every acknowledged event, filed or not, of one process or several, and after a kill; a stop files all."""
    served = Served(tmp_path, "--workers", workers)
    data = str(served.data)
    for number in range(30):
        assert 200 == served.sign_up(f"u{number}").status_code
    assert [["customer.signed_up", 30, 30]] == asked(capsys, "query", COUNT, "--data", data)["rows"]
    assert 0 == asked(capsys, "status", "--data", data)["files"]
    compacted = asked(capsys, "compact", "--data", data)
    assert 0 < compacted["files"] and 30 <= compacted["records"]
    served.sign_up("u30")
    assert [["customer.signed_up", 31, 31]] == asked(capsys, "query", COUNT, "--data", data)["rows"]
    metrics = served.client.get("/metrics").text
    assert 'pilotage_history_rows_total{table="events"}' in metrics
    assert 'pilotage_history_behind_records{shard="7"}' in metrics
    assert compacted["records"] <= served.ask("/history").json()["records"]
    served.end(signal.SIGKILL)
    assert [["customer.signed_up", 31, 31]] == asked(capsys, "query", COUNT, "--data", data)["rows"]
    assert 0 == Served(tmp_path, "--workers", workers).end()
    rested = asked(capsys, "status", "--data", data)
    assert (0, 0.0) == (rested["behind"], max(shard["waiting_s"] for shard in rested["shards"]))
    whole(served.data)


@pytest.fixture
def rested(tmp_path: Path) -> Path:
    """A data folder at rest with some log in two shards, and no history yet."""
    data = tmp_path / "data"
    open_folder(data, "test").close()
    for shard in (0, 7):
        store = RocksStore(data / "shards" / str(shard))
        Logger(store, shard, 300, shard).append(10)
        store.close()
    return data


def test_a_folder_at_rest_is_brought_up_to_date(rested: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`compact` files what the log alone has, and a second one has nothing to do."""
    whole(rested)
    behind = asked(capsys, "status", "--data", str(rested))["behind"]
    first, second = (asked(capsys, "compact", "--data", str(rested)) for _ in range(2))
    assert (behind, 0) == (first["records"], first["behind"])
    assert first == second
    whole(rested)
    assert 0 == invoke(["history", "status", "--data", str(rested)])
    assert f"{behind} records in " in capsys.readouterr().out
    assert 0 == invoke(["history", "query", "describe events", "--data", str(rested)])
    assert "received_us" in capsys.readouterr().out


def test_what_history_cannot_tell_is_told(rested: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No folder, a query that is none, one that would write, and missing files end with their codes and cures."""
    assert 66 == invoke(["history", "status", "--data", str(rested / "none")])
    assert "there is no data folder" in capsys.readouterr().err
    for query in ("selec type from events", "copy (select 1) to 'x.csv'"):
        assert 2 == invoke(["history", "query", query, "--data", str(rested)])
        assert "'describe events' names their columns" in capsys.readouterr().err
    asked(capsys, "compact", "--data", str(rested))
    next((rested / "history").rglob("*.parquet")).unlink()
    assert 78 == invoke(["history", "query", COUNT, "--data", str(rested)])
    assert "restore the data folder from a backup" in capsys.readouterr().err


@pytest.mark.parametrize(("written", "days"), [("", 0), ("history: {retention: 400d}\n", 400), ("history: {retention: 1h}\n", 1)])
def test_retention_is_a_setting(written: str, days: int, tmp_path: Path) -> None:
    """`history.retention` in pilotage.yaml says how many days history is kept; for ever without it."""
    from_settings = tmp_path / "pilotage.yaml"
    from_settings.write_text(f"schema: 1\ncompany: Brindlecove\nenvironment: {{name: test}}\nzone: UTC\n{written}")
    assert days == load(tmp_path, {}).history_days
