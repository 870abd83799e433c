"""Nobody is polled: whoever waits for a window to pass costs nothing until it does."""

from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Outcome
from pilotage.journey.program import Program, load
from pilotage.profile.state import State, encode_state
from pilotage.runner.layout import pack_state, state_key, timer_key
from pilotage.runner.memory import MemoryStore
from pilotage.runner.shard import Shard
from pilotage.runner.store import Batch
from tests.audience.sixty import ZONES, plan_of

WAITING = 100_000
START_US, MINUTE_US, HOUR_US, DAY_US = 1_770_000_000_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
AUDIENCES = {
    "recent": {"when": "performed('order.placed', '30d')"},
    "silent": {"when": "since_last('order.placed') > '40d'"},
    "busy": {"when": "count('order.placed', '20d') > 3"},
    "spent": {"when": "sum('order.placed', 'total', '50d') >= 10"},
}


class Counted:
    """Counts how often conditions are asked, and how often for their next flip."""

    def __init__(self, program: Program) -> None:
        self.calls = 0
        for each in program.audiences.all:
            each.truth, each.flip = self.counting(each.truth), self.counting(each.flip)

    def counting(self, function: Any) -> Any:
        """The function, counted."""

        def counted(*args: Any) -> Any:
            self.calls += 1
            return function(*args)

        return counted


def waiting_store(program: Program) -> MemoryStore:
    """A store in which so many subjects wait for the window of their order to pass: the first of them an hour before the others."""
    store = MemoryStore()
    first = _ordered(program, START_US)
    others = _ordered(program, START_US + HOUR_US)
    batch = Batch()
    for number in range(WAITING):
        subject = number.to_bytes(16, "big")
        outcome = others if number else first
        state = msgspec.structs.replace(outcome.state, subject=subject)
        batch.put("state", state_key(subject), pack_state(1, outcome.wake_at_us, encode_state(state)))
        batch.put("timer", timer_key(outcome.wake_at_us, subject), b"")
    store.write(batch, durable=True)
    return store


def _ordered(program: Program, at_us: int) -> Outcome:
    event = Event("1", "test", "order.placed", at_us, msgspec.json.encode({"total": 12}), {})
    return advance(program, State(bytes(16)), event, at_us)


def test_a_hundred_thousand_waiting_cost_no_evaluation() -> None:
    """100,000 subjects wait on windows: waking every minute asks no condition before the first flip, and then only his."""
    program = load(plan_of({"total": "number"}, ("order.placed",), (), AUDIENCES), ZONES, "test")
    shard = Shard(0, waiting_store(program), program, "test", advance=advance)
    shard.recover()
    assert WAITING == sum(1 for _ in shard.subjects())
    counted = Counted(program)
    flip_us = START_US + 30 * DAY_US
    for at_us in range(START_US + 2 * HOUR_US, flip_us, MINUTE_US):
        assert shard.wake(at_us, 1_000) == 0
    assert (0, flip_us) == (counted.calls, shard.next_due_us())
    assert shard.wake(flip_us, 1_000) == 1
    assert 2 == counted.calls, "his truth, and his next flip: of one audience of the four"
    assert {"spent"} == set(shard.read(bytes(16))[0].audiences)  # type: ignore[index]
    for at_us in range(flip_us + MINUTE_US, flip_us + HOUR_US, MINUTE_US):
        assert shard.wake(at_us, 1_000) == 0
    assert 2 == counted.calls
