"""Recorded histories of every released kernel come out byte for byte as they did; a kernel that decides otherwise is caught."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.event.envelope import Event
from pilotage.journey import steps
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Outcome
from pilotage.journey.plan import KERNEL, AnyStep, decode_plan
from pilotage.profile.state import State
from tests.histories.record import every
from tests.histories.recorded import SUFFIX, Differs, Recorded, check, read, stored, write

VERBS = [
    "answered",
    "assigned",
    "blocked",
    "branched",
    "called",
    "cancelled",
    "claimed",
    "completed",
    "decided",
    "deferred",
    "delivered",
    "emitted",
    "entered",
    "escalated",
    "exited",
    "failed",
    "goal",
    "held_out",
    "joined",
    "left",
    "lost",
    "migrated",
    "opened",
    "paused",
    "refused",
    "reminded",
    "repeated",
    "requested",
    "resumed",
    "sent",
    "set",
    "shifted",
    "timed_out",
    "waited",
]
"""What is decided in the histories of a kernel, at the least."""


@pytest.mark.parametrize("path", stored(), ids=lambda path: path.stem)
def test_a_recorded_history_comes_out_as_it_did(path: Path) -> None:
    """Every record of every kernel's histories is answered with the same state, actions, decisions and wake-up as when it was recorded."""
    history = read(path)
    assert path.name.startswith(f"kernel-{history.kernel}-")
    assert check(history) == len(history.told) > 1_000


def test_the_kernel_of_now_has_histories() -> None:
    """The present kernel version has histories, small enough to keep for ever, with every kind of step and every kind of decision."""
    mine = [path for path in stored() if path.name.startswith(f"kernel-{KERNEL}-")]
    assert {f"kernel-{KERNEL}-{name}{SUFFIX}" for name in ("demo", "every")} == {path.name for path in mine}
    assert sum(path.stat().st_size for path in stored()) < 300_000
    seen: Counter[str] = Counter()

    def watched(program: Any, state: State, event: Event, now_us: int) -> Outcome:
        outcome = advance(program, state, event, now_us)
        seen.update(decision.verb for decision in outcome.decisions)
        return outcome

    kinds: set[type] = set()
    for path in mine:
        history = read(path)
        check(history, watched)
        kinds |= {type(step) for raw in history.plans for journey in decode_plan(raw).journeys for step in journey.steps}
    assert set() == set(VERBS) - set(seen)
    assert set(AnyStep.__args__) == kinds


def test_a_kernel_that_decides_otherwise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of behaviour without a new kernel version fails at the first record that it changes, which is named, with the cure."""
    history = read(next(path for path in stored() if path.stem.endswith("every")))

    def later(work: Any, entry: Any, phase: int, deadline_us: int) -> str:
        return parked(work, entry, phase, deadline_us + (1 if deadline_us and phase == steps.WAITING else 0))

    parked = steps.park
    monkeypatch.setattr(steps, "park", later)
    with pytest.raises(Differs, match=r"record \d+ differs: .* for subject \d+ at \d+"):
        check(history)
    monkeypatch.undo()
    broken = bytearray(history.marks)
    broken[777 * 5] ^= 1
    with pytest.raises(Differs, match="record 777 differs"):
        check(msgspec.structs.replace(history, marks=bytes(broken)))


def test_a_history_is_recorded_of_the_kernel_of_now(tmp_path: Path) -> None:
    """What is recorded now names the present kernel version, comes back whole from its file, and comes out as it did."""
    history: Recorded = every()
    write(tmp_path / "some.history", history)
    assert history == read(tmp_path / "some.history")
    assert (KERNEL, len(history.told)) == (history.kernel, check(history))
