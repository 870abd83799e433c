"""Nothing lost, nothing twice: `pilotage run` under SIGKILL, with a real client, a real mail server and an auditor.

What the auditor finds is listed in words; the seed that a failing test names repeats the ordeal's choices.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.auditor import Evidence, audit
from tests.crash.filed import told_and_logged
from tests.crash.ordeal import Ordeal, children, kill_one
from tests.crash.replayed import stored_and_replayed
from tests.crash.world import open_world, until

Record = Callable[[str, object], None]


@pytest.mark.heavy
def test_nothing_is_lost_and_nothing_happens_twice(seed: int, tmp_path: Path, pytestconfig: pytest.Config, record_property: Record) -> None:
    """Under SIGKILL at any moment every acknowledged event is decided exactly once, no message leaves twice, and the state
    is that of an uninterrupted replay, byte for byte."""
    with open_world(tmp_path) as world:
        ordeal = Ordeal(world, seed)
        evidence = ordeal.run(pytestconfig.getoption("--kills"))
        told = f"after deaths at {ordeal.deaths}"
        record(evidence, len(ordeal.deaths), record_property)
        assert [] == audit(evidence), told
        assert len(evidence.mails) > 40, told
        assert 0 == world.running.stop(), world.running.words()[-3000:]
        stored, replayed = stored_and_replayed(world.running.data)
        assert stored == replayed, told
        history, log = told_and_logged(world.running.data)
        assert log == history, told
        assert len(stored[0]) == len(evidence.stories)


@pytest.mark.heavy
def test_a_killed_worker_loses_nothing(seed: int, tmp_path: Path, record_property: Record) -> None:
    """With two workers, one of them killed under load is started again by the front, and nothing is lost or done twice."""
    with open_world(tmp_path, workers=2) as world:
        ordeal, chance = Ordeal(world, seed), random.Random(seed)

        def kill_worker() -> None:
            ordeal.soon(0.3)
            assert world.running.process is not None
            pid = world.running.process.pid
            workers = children(pid)
            assert len(workers) >= 2
            dead = kill_one(workers, chance)
            until(lambda: dead not in children(pid) and len(children(pid)) >= 2 and world.running.ready(), 30, "the worker's return")

        evidence = ordeal.run_with([kill_worker] * 3)
        record(evidence, 3, record_property)
        assert [] == audit(evidence)
        assert 1 == world.running.starts
        assert 0 == world.running.stop(), world.running.words()[-3000:]
        stored, replayed = stored_and_replayed(world.running.data)
        assert stored == replayed
        history, log = told_and_logged(world.running.data)
        assert log == history


def record(evidence: Evidence, kills: int, record_property: Record) -> None:
    """Note the figures for the evidence page."""
    keys = [key for key, _, _ in evidence.mails]
    record_property("kills", kills)
    record_property("events sent", len(evidence.sent))
    record_property("acknowledged", len(evidence.sent.keys() - evidence.refused))
    record_property("mails and calls taken", len(keys) + len(evidence.calls))
    record_property("service mails repeated with the same key", len(keys) - len(set(keys)))
    record_property("of unknown fate, listed", len(evidence.unknown))
