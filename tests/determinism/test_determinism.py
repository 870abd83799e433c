"""Determinism: one history, many ways of running it, always the same digests; another history, other digests."""

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import msgspec
import pytest

from pilotage.event.time import DAY_US
from pilotage.runner.digests import Digests
from pilotage.runner.memory import MemoryStore
from pilotage.runner.ticket import SHARDS
from tests.determinism.histories import History, lived
from tests.determinism.ways import WAYS, by_shards, in_memory
from tests.tree import ROOT

lived_once = lru_cache(maxsize=2)(lived)


class Both(msgspec.Struct):
    """What a process of its own writes down: the digests of the replay, and of the way it was asked to run."""

    replay: Digests
    again: Digests


def in_process(hash_seed: str, seed: int, way: str, group: int, folder: Path) -> Both:
    """Run a way in a process with a hash seed of its own."""
    command = [sys.executable, "-m", "tests.determinism.ways", str(seed), way, str(group), str(folder)]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode((folder / "digests.json").read_bytes(), type=Both)


def test_the_history_is_worth_running(seed: int) -> None:
    """The history has thousands of events, hundreds of decisions and messages, and receipts of their fates."""
    history = lived_once(seed)
    decisions, actions, states = history.digests.counts
    assert len(history.arrivals) > 3_000
    assert decisions > 1_500
    assert actions > 150
    assert states > 100
    between = {"member.joined", "seat.used", "candidate.offered", "candidate.answered"}
    assert {"message.sent", "call.answered"} | between <= {arrival.event.type for arrival in history.arrivals}


@pytest.mark.parametrize(
    ("way", "group"),
    [
        ("memory", 1),
        ("memory", 37),
        ("memory", 5_000),
        ("disk", 100),
        ("disk", 5_000),
        ("process", 250),
        ("workers", 333),
        ("workers", 5_000),
    ],
)
def test_every_way_of_running_comes_to_the_same(seed: int, way: str, group: int, tmp_path: Path) -> None:
    """In memory or on disk, in one process or two workers, in groups of 1 to 5,000: the digests of the replay."""
    history = lived_once(seed)
    assert WAYS[way](history.arrivals, group, tmp_path) == history.digests


@pytest.mark.parametrize(("hash_seed", "way", "group"), [("0", "memory", 50), ("1", "disk", 500), ("4294967295", "workers", 400)])
def test_hash_seeds_do_not_matter(hash_seed: str, way: str, group: int, tmp_path: Path) -> None:
    """Processes with other hash seeds compile the same plan, live the same history and come to the same digests."""
    expected = lived_once(0).digests
    found = in_process(hash_seed, 0, way, group, tmp_path)
    assert (expected, expected) == (found.replay, found.again)


def test_one_event_less_changes_the_digests(seed: int, tmp_path: Path) -> None:
    """With one event dropped, decisions come out otherwise; with a sign-up dropped, states too."""
    history = lived_once(seed)
    found = without(history, places(history, "cart.added")[0], tmp_path)
    assert found.decisions != history.digests.decisions
    found = without(history, places(history, "customer.signed_up")[-1], tmp_path)
    assert found.decisions != history.digests.decisions
    assert found.states != history.digests.states


def test_two_events_of_a_subject_swapped_change_the_digests(seed: int, tmp_path: Path) -> None:
    """With two events of one subject in each other's place, decisions come out otherwise."""
    history = lived_once(seed)
    arrivals = list(history.arrivals)
    one = places(history, "cart.added")[0]
    other = next(n for n in range(one + 1, len(arrivals)) if arrivals[n].subject == arrivals[one].subject)
    for here, there in ((one, other), (other, one)):
        arrivals[here] = msgspec.structs.replace(history.arrivals[here], event=history.arrivals[there].event)
    assert in_memory(arrivals, 5_000, tmp_path).decisions != history.digests.decisions


def test_a_batch_fed_twice_changes_nothing(seed: int, tmp_path: Path) -> None:
    """A batch that a sender repeats is recognised, in the same group and in a later one."""
    history = lived_once(seed)
    half = len(history.arrivals) // 2
    for group in (10, 5_000):
        doubled = [*history.arrivals[:half], *history.arrivals[half - 200 : half], *history.arrivals[half:]]
        assert in_memory(doubled, group, tmp_path) == history.digests


def places(history: History, kind: str) -> list[int]:
    """Where events of a type are in a history."""
    return [place for place, arrival in enumerate(history.arrivals) if arrival.event.type == kind]


def test_a_batch_repeated_after_a_restart_changes_nothing(seed: int) -> None:
    """What a sender repeats because the acknowledgement was lost in a restart is recognised from what is on disk."""
    history = lived_once(seed)
    stores = [MemoryStore() for _ in range(SHARDS)]
    assert by_shards(stores, history.arrivals, 500) == history.digests
    last_us = history.arrivals[-1].received_us
    lately = [arrival for arrival in history.arrivals if arrival.received_us > last_us - DAY_US // 2]
    assert len(lately) > 50
    for store in stores:
        store.close()
    assert by_shards([store.reopen() for store in stores], lately, 10) == history.digests


def without(history: History, place: int, folder: Path) -> Digests:
    """What the history comes to without one of its events."""
    return in_memory([*history.arrivals[:place], *history.arrivals[place + 1 :]], 5_000, folder)
