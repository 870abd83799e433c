"""The shard: events applied once and in order, committed in batches, saved later, read at any time."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US
from pilotage.runner.arrival import Arrival, Limits, NotSettled, OutOfOrder
from pilotage.runner.digests import Digests, digests_of, unite
from pilotage.runner.memory import MemoryStore
from pilotage.runner.outbox import CANCEL, split_key
from pilotage.runner.recovery import ForeignStore
from pilotage.runner.shard import Shard
from pilotage.runner.store import Store
from tests.runner.toy_kernel import START_US, Refused, add, advance, subject_id


def open_shard(store: Store, **options: Any) -> Shard:
    """A recovered shard over a store, under the toy kernel."""
    shard = Shard(0, store, "program", "test", **{"advance": advance, **options})
    shard.recover()
    return shard


def commit(shard: Shard) -> None:
    """Write everything done so far."""
    while (sealed := shard.seal()) is not None:
        shard.store.write(sealed.batch, durable=True)
        shard.committed(sealed)


def save_all(shard: Shard) -> None:
    """Save, flush and move the marker to the end of the log."""
    for _ in range(3):
        while shard.save(1_000):
            pass
        if shard.needs_flush:
            shard.store.flush()
            shard.flushed()
        commit(shard)


def arrivals(*pairs: tuple[int, int], kind: str = "toy.add") -> list[Arrival]:
    """Arrivals of (subject number, event number)."""
    return [Arrival(subject_id(subject), add(event, kind)) for subject, event in pairs]


def test_event_is_applied_once() -> None:
    """A repeated event is a duplicate of the first: in the same batch, before the commit, after it, after saving, after a restart."""
    store = MemoryStore()
    shard = open_shard(store)
    first, second = shard.apply(arrivals((1, 1), (1, 1)), START_US)
    assert (first.position, first.duplicate, second.position, second.duplicate) == (1, False, 1, True)
    assert shard.apply(arrivals((1, 1)), START_US)[0].position == 1
    commit(shard)
    assert shard.apply(arrivals((1, 1)), START_US)[0].duplicate
    save_all(shard)
    assert shard.sizes()["seen"] == 0
    assert shard.apply(arrivals((1, 1)), START_US)[0] == (result := shard.apply(arrivals((1, 1)), START_US)[0])
    assert (result.position, result.duplicate) == (0, True)
    assert open_shard(store.crash()).apply(arrivals((1, 1)), START_US)[0].duplicate
    known = shard.read(subject_id(1))
    assert known is not None and known[0].attributes["count"] == 1


def test_duplicates_are_known_for_a_day() -> None:
    """An event is still a duplicate 24 hours after it was applied, across midnight, and its hash is gone two days later."""
    store = MemoryStore()
    shard = open_shard(store)
    late_us = (START_US // DAY_US + 1) * DAY_US - MINUTE_US
    shard.apply(arrivals((1, 1)), late_us)
    commit(shard)
    save_all(shard)
    assert shard.apply(arrivals((1, 1)), late_us + DAY_US - 1)[0].duplicate
    assert len(list(store.scan("seen"))) == 1
    shard.apply(arrivals((1, 2)), late_us + 2 * DAY_US)
    assert list(store.scan("seen")) == []


def test_refused_event_leaves_no_trace() -> None:
    """An event that the kernel refuses changes nothing, is not logged, and may be sent again."""
    shard = open_shard(MemoryStore())
    shard.apply(arrivals((1, 1)), START_US)
    before = shard.read(subject_id(1))
    result = shard.apply([Arrival(subject_id(1), add(2, "toy.bad")), Arrival(subject_id(9), add(3, "toy.bad"))], START_US)
    assert [isinstance(r.error, Refused) and not r.duplicate for r in result] == [True, True]
    assert before == shard.read(subject_id(1))
    assert shard.read(subject_id(9)) is None and shard.position == 1
    assert shard.apply(arrivals((1, 2)), START_US)[0].position == 2


def test_stamps_never_go_back() -> None:
    """Received times never decrease within a shard, whatever the clock does, also across a restart."""
    store = MemoryStore()
    shard = open_shard(store)
    shard.apply(arrivals((1, 1)), START_US + 10)
    shard.apply(arrivals((1, 2)), START_US)
    commit(shard)
    shard = open_shard(store.crash())
    shard.apply(arrivals((1, 3)), START_US + 5)
    assert [told.record.received_us for told in shard.story(subject_id(1))] == [START_US + 10] * 3


def test_subject_is_woken_when_due() -> None:
    """A waiting subject is woken at its instant and not before; then nothing is due any more."""
    shard = open_shard(MemoryStore())
    shard.apply(arrivals((1, 1), (2, 2)), START_US)
    assert shard.next_due_us() == START_US + HOUR_US
    assert shard.wake(START_US + HOUR_US - 1, 10) == 0
    assert shard.wake(START_US + HOUR_US, 10) == 2
    assert shard.next_due_us() == 0
    commit(shard)
    assert [len(list(shard.actions(subject_id(n)))) for n in (1, 2)] == [1, 1]


def test_superseded_wake_is_dropped() -> None:
    """A subject whose wait was restarted is not woken at the old instant, saved or not."""
    shard = open_shard(MemoryStore())
    shard.apply(arrivals((1, 1)), START_US)
    commit(shard)
    save_all(shard)
    shard.apply(arrivals((1, 2)), START_US + 5 * MINUTE_US)
    assert shard.next_due_us() == START_US + 5 * MINUTE_US + HOUR_US
    commit(shard)
    save_all(shard)
    assert [int.from_bytes(key[:8], "big") for key, _ in shard.store.scan("timer")] == [START_US + 5 * MINUTE_US + HOUR_US]
    shard.wake(START_US + HOUR_US, 10)
    assert shard.position == 2


def test_stop_cancels_durably() -> None:
    """A cancellation is committed in the batch of the decision, beside the action it cancels."""
    shard = open_shard(MemoryStore())
    shard.apply(arrivals((1, 1)), START_US)
    shard.wake(START_US + HOUR_US, 10)
    shard.apply(arrivals((1, 2), kind="toy.stop"), START_US + HOUR_US)
    sealed = shard.seal()
    assert sealed is not None
    assert [(subject_id(1), sealed.actions[0].effect)] == sealed.cancelled
    shard.store.write(sealed.batch, durable=True)
    shard.committed(sealed)
    cancels = [key for key, _ in shard.store.scan("action") if split_key(key)[0] == CANCEL]
    assert [sealed.actions[0].effect] == [split_key(key)[2] for key in cancels]


def test_seal_of_nothing_is_nothing() -> None:
    """A shard with nothing to write seals nothing."""
    assert open_shard(MemoryStore()).seal() is None


def test_commits_in_wrong_order_are_refused() -> None:
    """Committing a later batch before an earlier one is refused."""
    shard = open_shard(MemoryStore())
    shard.apply(arrivals((1, 1)), START_US)
    shard.seal()
    shard.apply(arrivals((1, 2)), START_US)
    later = shard.seal()
    assert later is not None
    with pytest.raises(OutOfOrder):
        shard.committed(later)


def test_unsynced_state_is_never_saved() -> None:
    """A state is saved only as far as its log is durable, even of a subject that every batch touches."""
    store = MemoryStore()
    shard = open_shard(store)
    shard.apply(arrivals((1, 1)), START_US)
    assert shard.save(100) == 0
    in_flight = shard.seal()
    assert in_flight is not None
    for number in range(2, 30):
        shard.apply(arrivals((1, number)), START_US + number)
        store.write(in_flight.batch, durable=True)
        shard.committed(in_flight)
        in_flight = shard.seal()
        assert in_flight is not None
        shard.save(100)
        if shard.needs_flush:
            store.flush()
            shard.flushed()
    assert shard.lag <= 2
    again = open_shard(store.crash())
    known = again.read(subject_id(1))
    assert known is not None and (known[1], known[0].attributes["count"]) == (28, 28)


def test_story_is_read_back_from_everywhere() -> None:
    """A subject's story comes newest first from the open segment, segments being written, and the log."""
    shard = open_shard(MemoryStore())
    for number in range(6):
        shard.apply(arrivals((1, number), (2, 100 + number)), START_US + number)
        if number < 3:
            commit(shard)
        elif number == 3:
            shard.seal()
    told = list(shard.story(subject_id(1)))
    assert [f"e{n}" for n in range(5, -1, -1)] == [t.record.event.id for t in told if t.record.event]
    assert [t.position for t in told] == [11, 9, 7, 5, 3, 1]
    assert {"waited"} == {decision.verb for t in told for decision in t.decisions}
    assert list(shard.story(subject_id(3))) == []


def test_subjects_are_listed_saved_or_not() -> None:
    """All known subjects are listed once, in order of their partition, and paging goes on where it stopped."""
    shard = open_shard(MemoryStore())
    shard.apply(arrivals(*((n, n) for n in range(40))), START_US)
    commit(shard)
    save_all(shard)
    shard.apply(arrivals(*((n, n + 100) for n in range(20, 60))), START_US)
    listed = list(shard.subjects())
    assert {subject_id(n) for n in range(60)} == set(listed) and len(listed) == 60
    assert listed[10:] == list(shard.subjects(after=listed[9]))
    low, high = list(shard.subjects(0, 511)), list(shard.subjects(512, 1023))
    assert listed == low + high


def test_memory_stays_within_its_limits() -> None:
    """Decoded and encoded states in memory stay within their limits, however many subjects there are, and all are still known."""
    shard = open_shard(MemoryStore(), limits=Limits(decoded_max=300, packed_bytes_max=20_000, lag_max=200))
    for number in range(4_000):
        shard.apply(arrivals((number, number)), START_US)
        if number % 10 == 9:
            commit(shard)
            shard.save(shard.quota(10))
            if shard.needs_flush:
                shard.store.flush()
                shard.flushed()
        assert shard.lag <= 200
    sizes = shard.sizes()
    assert sizes["dirty"] + sizes["clean"] <= 300 and sizes["packed_bytes"] <= 20_000
    assert all(shard.read(subject_id(number)) is not None for number in range(4_000))
    assert sum(1 for _ in shard.subjects()) == 4_000


@pytest.mark.parametrize("limits", [Limits(decoded_max=4, packed_bytes_max=400, lag_max=40), Limits(lag_max=40)], ids=["forgets", "keeps"])
def test_reading_ahead_finds_everybody_as_they_are(limits: Limits, seed: int) -> None:
    """Going through all subjects beside events, commits and saving lists each once, in order, and none as it was before; who is read
    ahead of time is not decided about as of then."""
    random = Random(seed)
    shard, plain = open_shard(MemoryStore(), limits=limits), open_shard(MemoryStore())
    after, met, ahead = b"", list[bytes](), list[bytes]()
    for event in range(400):
        arrived = arrivals((event if event < 60 else random.randrange(60), event))
        for each in (shard, plain):
            each.apply(arrived, START_US)
            commit(each)
        if random.random() < 0.3:
            shard.save(random.randrange(1, 12))
            if shard.needs_flush:
                shard.store.flush()
                shard.flushed()
        if event > 100 and not ahead:
            ahead = shard.ahead(after, random.choice((1, 3, 7)))
        elif ahead and random.random() < 0.5:
            after = ahead.pop(0)
            met.append(after)
            for each in (shard, plain):
                assert each.touch([after], START_US, lambda _: True) == 1
                commit(each)
    assert met == list(plain.subjects())
    assert shard.ahead(b"", 100) == met and shard.ahead(met[40], 100) == met[41:]
    assert digests_of(shard) == digests_of(plain)


def test_failing_wake_stops_only_its_subject() -> None:
    """A subject whose wake-up fails is listed as stuck and tried again with its next event; others go on."""
    fault = {subject_id(1)}

    def failing(program: Any, state: Any, event: Any, now_us: int) -> Any:
        if event.type == "pilotage.wake" and state.subject in fault:
            raise Refused("cannot wake")
        return advance(program, state, event, now_us)

    shard = open_shard(MemoryStore(), advance=failing)
    shard.apply(arrivals((1, 1), (2, 2)), START_US)
    shard.wake(START_US + HOUR_US, 10)
    assert [subject_id(1)] == list(shard.stuck) and shard.next_due_us() == 0
    fault.clear()
    shard.apply(arrivals((1, 3)), START_US + HOUR_US)
    assert shard.stuck == {}
    commit(shard)
    assert [len(list(shard.actions(subject_id(n)))) for n in (1, 2)] == [1, 1]


def test_kernel_that_would_spin_is_stopped() -> None:
    """A kernel that asks to be woken in the past is not woken again and again."""

    def spinning(program: Any, state: Any, event: Any, now_us: int) -> Any:
        outcome = advance(program, state, event, now_us)
        outcome.wake_at_us = START_US
        return outcome

    shard = open_shard(MemoryStore(), advance=spinning)
    shard.apply(arrivals((1, 1)), START_US)
    for _ in range(3):
        shard.wake(START_US + 10, 10)
    assert isinstance(shard.stuck[subject_id(1)].error, NotSettled) and shard.position == 1


def test_foreign_store_is_refused() -> None:
    """A store of another shard or environment is not opened."""
    store = MemoryStore()
    open_shard(store)
    for number, environment in ((1, "test"), (0, "production")):
        with pytest.raises(ForeignStore):
            Shard(number, store, "program", environment, advance=advance).recover()


def _digests(groups: Sequence[Sequence[Arrival]], after: Callable[[Shard], None] = lambda shard: None) -> Digests:
    shard = open_shard(MemoryStore())
    for group in groups:
        shard.apply(group, START_US)
        commit(shard)
        after(shard)
    shard.wake(START_US + DAY_US, 10_000)
    commit(shard)
    return digests_of(shard)


def test_digests_do_not_depend_on_batches() -> None:
    """Batch sizes, saving and restarts change no digest; a dropped event and two swapped ones do, a repeated batch does not."""
    history = [Arrival(subject_id(n % 7), add(n, "toy.stop" if n % 5 == 0 else "toy.add"), START_US + n * MINUTE_US) for n in range(100)]
    expected = _digests([[arrival] for arrival in history])
    assert expected.counts == (106, 6, 7)
    for size in (3, 50, 100):
        groups = [history[n : n + size] for n in range(0, 100, size)]
        assert expected == _digests(groups)
        assert expected == _digests(groups, save_all)
        assert expected == _digests([*groups, groups[-1]])
    swapped = list(history)
    swapped[92], swapped[99] = swapped[99], swapped[92]
    for changed in (history[:-1], swapped):
        assert expected.decisions != _digests([changed]).decisions
        assert expected.states != _digests([changed]).states


def test_digests_of_shards_unite() -> None:
    """The digests of two halves of the subjects unite to those of all."""
    history = [Arrival(subject_id(n % 7), add(n), START_US + n) for n in range(60)]
    halves = [[a for n, a in enumerate(history) if n % 7 % 2 == half] for half in (0, 1)]
    assert _digests([history]) == unite(*(_digests([half]) for half in halves))
