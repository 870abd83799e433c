"""Workers: they end when their work does, without a word, and with the process that handed it out."""

import subprocess
import sys
from pathlib import Path

import pytest

WORK = """
import os, signal, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pilotage.app.apart import end_with_parent
from pilotage.runner.history.parquet import Parquet

kept = []

def work(number):
    kept.append(Parquet())
    return number

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context(sys.argv[1]), end_with_parent) as pool:
        assert 7 == pool.submit(work, 7).result()
        if sys.argv[2] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_a_worker_ends_quietly_and_with_its_parent(start: str, tmp_path: Path) -> None:
    """A worker that is done says nothing, whatever it still holds; one whose parent is killed ends, and with it what it could write to."""
    program = tmp_path / "work.py"
    program.write_text(WORK)
    done, killed = (
        subprocess.run([sys.executable, str(program), start, how], capture_output=True, timeout=60, check=False)
        for how in ("done", "killed")
    )
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert -9 == killed.returncode  # and its output has ended, which a worker would hold open
