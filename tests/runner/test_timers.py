"""Wake-ups: a model check against a plain dictionary, and bounds on what is held in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.runner.layout import timer_key
from pilotage.runner.memory import MemoryStore
from pilotage.runner.store import Batch
from pilotage.runner.timers import HEAP_MAX, PAGE, Timers


class World:
    """Subjects with wake-ups, of which some are saved, as a shard keeps them, and the timers under test."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.wakes: dict[bytes, int] = {}
        self.saved: dict[bytes, int] = {}
        self.dirty: set[bytes] = set()
        self.timers = self._timers()

    def change(self, subject: bytes, due_us: int) -> None:
        """An event gives a subject another wake-up (0: none)."""
        self.dirty.add(subject)
        if self.wakes.get(subject, 0) != due_us:
            self.wakes[subject] = due_us
            if due_us:
                self.timers.push(due_us, subject)

    def save(self, subjects: list[bytes]) -> None:
        """The saver writes subjects' timers."""
        batch = Batch()
        for subject in subjects:
            self.dirty.discard(subject)
            if self.saved.get(subject):
                batch.delete("timer", timer_key(self.saved[subject], subject))
            if self.wakes.get(subject):
                batch.put("timer", timer_key(self.wakes[subject], subject), b"")
            self.saved[subject] = self.wakes.get(subject, 0)
        self.store.write(batch, durable=False)

    def wake(self, now_us: int, limit: int) -> set[bytes]:
        """Wake what is due, as a shard does; returns who was."""
        woken = set()
        for due_us, subject in self.timers.pop_due(now_us, limit):
            if self.wakes.get(subject) == due_us:
                woken.add(subject)
                self.change(subject, 0)
        return woken

    def restart(self) -> None:
        """Everything is saved, and the timers are opened anew."""
        self.save(sorted(self.dirty))
        self.timers = self._timers()

    def _timers(self) -> Timers:
        return Timers(self.store, lambda subject: self.wakes.get(subject, 0) if subject in self.dirty else None)

    def waiting(self) -> list[int]:
        return sorted(due_us for due_us in self.wakes.values() if due_us)


def subject_of_number(number: int) -> bytes:
    return number.to_bytes(16, "big")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 30), st.integers(0, 50)),
        st.tuples(st.just("save"), st.integers(0, 30), st.integers(0, 30)),
        st.tuples(st.just("wake"), st.integers(1, 50), st.integers(1, 8)),
        st.tuples(st.just("compact"), st.just(0), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_nobody_is_forgotten_and_nobody_early(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is changed, saved and woken: the next due instant is never too late, and all who are due are woken, nobody else."""
    world = World()
    for what, first, second in steps:
        if what == "change":
            world.change(subject_of_number(first), second)
        elif what == "save":
            world.save([subject_of_number(number) for number in range(first, second)])
        elif what == "compact":
            world.timers._compact()
        elif what == "restart":
            world.restart()
        else:
            due = {subject for subject, due_us in world.wakes.items() if due_us and due_us <= first}
            woken: set[bytes] = set()
            while 0 < world.timers.next_due_us() <= first:
                woken |= world.wake(first, second)
            assert due == woken
        waiting = world.waiting()
        next_us = world.timers.next_due_us()
        assert (next_us == 0) <= (not waiting)
        assert not waiting or next_us <= waiting[0]


def test_many_due_at_once_are_read_in_pages() -> None:
    """A hundred thousand stored wake-ups at one instant are never held in memory together, and all come up."""
    world = World()
    count = 100_000
    batch = Batch()
    for number in range(count):
        subject = subject_of_number(number)
        world.wakes[subject] = world.saved[subject] = 1_000
        batch.put("timer", timer_key(1_000, subject), b"")
    world.store.write(batch, durable=False)
    woken = 0
    while world.timers.next_due_us() == 1_000:
        woken += len(world.wake(1_000, 1_000))
        assert len(world.timers) <= 2 * PAGE
    assert count == woken


@pytest.mark.parametrize("far", [False, True])
def test_heap_is_bounded_while_many_wait(far: bool) -> None:
    """Sixty thousand subjects that begin to wait, and are saved, leave a bounded number of wake-ups in memory, also when
    one that was read before waits longer than all of them."""
    world = World()
    if far:
        world.change(b"far", 1_999_999)
        world.restart()
    world.timers.next_due_us()
    most = 0
    for first in range(0, 60_000, 1_000):
        subjects = [subject_of_number(number) for number in range(first, first + 1_000)]
        for number, subject in enumerate(subjects):
            world.change(subject, 1_000_000 + first + number)
        world.save(subjects)
        most = max(most, len(world.timers))
    assert most <= 2 * HEAP_MAX
    assert world.timers.next_due_us() == 1_000_000
    woken = 0
    while world.timers.next_due_us():
        woken += len(world.wake(2_000_000, 10_000))
    assert woken == 60_000 + far
