"""History under SIGKILL: whenever the process dies that files it, files and log together have each position once."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pilotage.runner.cursor import read_cursor
from pilotage.runner.log import segments_from
from pilotage.runner.rocks import RocksStore
from tests.crash.filing import SHARD
from tests.runner.history.past import opened, plainly
from tests.tree import ROOT


def test_a_kill_neither_loses_nor_repeats_history(seed: int, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Killed at any moment of filing, joining and removing, history is the log, and goes on from there."""
    chance = random.Random(seed)
    reached = 0
    for _ in range(pytestconfig.getoption("--kills")):
        command = [sys.executable, "-m", "tests.crash.filing", str(tmp_path), str(seed)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert b"begun\n" == process.stdout.readline()
            time.sleep(chance.uniform(0, 0.6))
            process.kill()
        store = RocksStore(tmp_path / "shards" / str(SHARD))
        try:
            with opened(tmp_path, {SHARD: store}) as history:
                told = list(history.events()), list(history.decisions())
            assert plainly(list(segments_from(store, 1))) == told
            cursor = read_cursor(store)
        finally:
            store.close()
        assert cursor is not None and cursor.upto >= reached
        reached = cursor.upto
    assert reached > 0
