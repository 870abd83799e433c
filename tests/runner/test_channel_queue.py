"""One channel's queue: in order, in bounded memory, and nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.channel.ratelimit import RateLimit
from pilotage.runner.channel_queue import ChannelQueue
from pilotage.runner.outbox import NEVER_US, ActionRow, first_row
from tests.runner.dispatch_world import START_US, make


def row(number: int, due_us: int = START_US) -> ActionRow:
    return first_row(make(number, not_before_us=due_us))


def queue(rows_max: int = 10) -> ChannelQueue:
    return ChannelQueue("mail", RateLimit(), rows_max)


def test_what_was_taken_during_a_scan_does_not_come_back() -> None:
    """A scan may have read a row just before it was handed over; the row is not queued again."""
    waiting = queue()
    for number in range(3):
        waiting.put(row(number, START_US + number))
    busy = waiting.take(START_US, 1)
    waiting.begin_scan(START_US)
    taken = waiting.take(START_US + 1, 1)
    removed = waiting.remove(row(2).action.effect)
    assert removed is not None
    for ended in (*busy, *taken):
        waiting.done(ended.action.effect)
    for number in range(3):
        waiting.offer(row(number, START_US + number))
    waiting.end_scan(set())
    assert (0, NEVER_US) == (len(waiting), waiting.head_us())


def test_a_row_is_queued_once() -> None:
    """Adding a row that waits, or that is being handed over, changes nothing."""
    waiting = queue()
    waiting.put(row(1))
    waiting.put(row(1))
    assert 1 == len(waiting.take(START_US, 9))
    waiting.put(row(1))
    assert 0 == len(waiting)


@given(st.lists(st.integers(0, 100), max_size=40), st.integers(1, 8))
def test_a_full_queue_knows_when_the_disk_is_due(delays: list[int], rows_max: int) -> None:
    """After a scan the earliest rows are in memory, in order, and the first of the rest sets when to look again."""
    rows = [row(number, START_US + delay) for number, delay in enumerate(delays)]
    waiting = queue(rows_max)
    waiting.begin_scan(START_US)
    for one in rows:
        waiting.offer(one)
    waiting.end_scan(set())
    due = sorted(one.next_us for one in rows)
    taken = [one.next_us for one in waiting.take(START_US + 1_000, 99)]
    assert due[:rows_max] == taken
    assert [*due[rows_max:], NEVER_US][0] == waiting.disk_due_us
