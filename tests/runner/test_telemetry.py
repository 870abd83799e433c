"""Counters: what was decided per journey and step, and how many entries rest where, across restarts and processes."""

from typing import Any

from pilotage.journey.outcome import Decision, Outcome
from pilotage.profile.state import State
from pilotage.runner.arrival import Arrival
from pilotage.runner.memory import MemoryStore
from pilotage.runner.shard import Shard
from pilotage.runner.telemetry import RESTING_KEY, Histogram, Telemetry, samples, unite
from tests.runner.toy_kernel import START_US, add, subject_id

STEPS = {
    "enter": [("entered", "a"), ("waited", "a")],
    "move": [("resumed", "a"), ("branched", "b"), ("waited", "c")],
    "goal": [("goal", "c")],
    "leave": [("resumed", "c"), ("exited", "c"), ("cancelled", "c")],
}


def scripted(program: Any, state: State, event: Any, now_us: int) -> Outcome:
    """A kernel that decides what the event's type says, about one entry of each subject."""
    verbs = STEPS.get(event.type, [])
    return Outcome(state, [], [Decision(now_us, "j", "1", state.subject, step, verb) for verb, step in verbs], 0, [])


def feed(shard: Shard, telemetry: Telemetry, *kinds: tuple[int, str], notes: bool = True) -> None:
    """Apply events to subjects, commit, and let the counters learn."""
    first = shard.position
    shard.apply([Arrival(subject_id(number), add(first + n, kind)) for n, (number, kind) in enumerate(kinds)], START_US)
    sealed = shard.seal()
    assert sealed is not None
    noted = telemetry.committed(shard.number, sealed, START_US + 20_000)
    if noted is not None and notes:
        sealed.batch.put("meta", RESTING_KEY, noted)
    shard.store.write(sealed.batch, durable=True)
    shard.committed(sealed)


def opened(store: MemoryStore) -> tuple[Shard, Telemetry]:
    """A shard over a store and the counters at its start."""
    shard = Shard(0, store, "", "test", advance=scripted)
    shard.recover()
    telemetry = Telemetry()
    telemetry.restore(0, store)
    return shard, telemetry


def waiting(telemetry: Telemetry) -> dict[tuple[str, ...], int]:
    """How many entries rest at each step."""
    return dict(samples(telemetry.snapshot().gauges["waiting"]))


def test_resting_entries_follow_every_move() -> None:
    """Entering, moving, reaching a goal that stays, and leaving move an entry between steps, and out."""
    shard, telemetry = opened(MemoryStore())
    feed(shard, telemetry, (1, "enter"), (2, "enter"), (3, "enter"))
    assert {("j", "a"): 3} == waiting(telemetry)
    feed(shard, telemetry, (1, "move"), (2, "move"))
    assert {("j", "a"): 1, ("j", "c"): 2} == waiting(telemetry)
    feed(shard, telemetry, (1, "goal"), (2, "leave"))
    assert {("j", "a"): 1, ("j", "c"): 1} == waiting(telemetry)


def test_resting_entries_are_known_after_a_restart() -> None:
    """What was written down, and the log after it, give the same numbers as before the crash."""
    store = MemoryStore()
    shard, telemetry = opened(store)
    feed(shard, telemetry, *((number, "enter") for number in range(2_500)))
    feed(shard, telemetry, *((number, "move") for number in range(700)))
    before = waiting(telemetry)
    assert store.get("meta", RESTING_KEY) is not None
    _, again = opened(store.crash())
    assert before == waiting(again)


def test_decisions_and_latency_are_counted_by_journey_and_step() -> None:
    """Each committed decision counts once, with the time from its instant to the commit."""
    shard, telemetry = opened(MemoryStore())
    feed(shard, telemetry, (1, "enter"), (2, "enter"))
    snapshot = telemetry.snapshot()
    assert {("j", "a", "entered"): 2, ("j", "a", "waited"): 2} == dict(samples(snapshot.counts["decisions"]))
    latency = snapshot.durations["latency"]["j\x1fa"]
    assert (4, 0.08) == (sum(latency.buckets), round(latency.sum_s, 6))


def test_snapshots_of_several_processes_add_up() -> None:
    """Counts, gauges and durations of two processes are those of both together."""
    one, two = Telemetry(), Telemetry()
    for telemetry, times in ((one, 2), (two, 3)):
        telemetry.count("sent", "email", times)
        telemetry.gauge("queued", (), times)
        telemetry.observe("hand_over", "email", 0.02 * times)
    whole = unite([one.snapshot(), two.snapshot()])
    assert {("email",): 5} == dict(samples(whole.counts["dispatch_sent"]))
    assert {(): 5} == dict(samples(whole.gauges["queued"]))
    expected = Histogram()
    for seconds in (0.04, 0.06):
        expected.add(seconds)
    assert expected == whole.durations["dispatch_hand_over"]["email"]
