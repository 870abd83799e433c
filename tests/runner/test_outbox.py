"""Rows of the action table."""

import msgspec
import pytest

from pilotage.event.digest import key128, partition_of
from pilotage.journey.outcome import Action
from pilotage.runner import outbox
from pilotage.runner.outbox import ActionRow, Status


def make_action(effect: bytes = b"e" * 16, subject: bytes = b"s" * 16) -> Action:
    return Action(
        effect=effect,
        kind="send",
        target="email",
        content="hello@1",
        purpose="service.order",
        recipient="ada@example.org",
        variables={"customer.name": "Ada", "journey.total": "12.50", "customer.seen": None},
        not_before_us=1_000,
        expires_us=9_000,
        subject=subject,
        entry=b"n" * 16,
        journey="growth.welcome",
        version="v1",
        step="greet",
    )


def test_a_key_begins_with_the_subjects_partition() -> None:
    """An action's rows lie in its subject's virtual partition: u16 big-endian, kind, subject, effect."""
    subject, effect = key128("who"), key128("what")
    expected = partition_of(subject).to_bytes(2, "big") + b"\x01" + subject + effect
    assert expected == outbox.action_key(subject, effect)
    start, stop = outbox.partition_range(partition_of(subject))
    assert start <= expected < stop
    assert (outbox.CANCEL, subject, effect) == outbox.split_key(outbox.cancel_key(subject, effect))


def test_a_pending_row_comes_back_whole() -> None:
    """A shard's first row of an action decodes to that action, pending, due at its not-before."""
    action = make_action()
    key, value = outbox.pending_row(action)
    row = outbox.decode_row(value)
    assert ActionRow(action, Status.PENDING, next_us=1_000) == row
    assert key == row.key
    assert b"\x01\x00\x01\x00\x00\x00\x00" == value[:7]


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x02\x00\x01\x00\x00\x00\x00\x90", b"\x01\x00\x01\x00\x00\x00\x09\x90"])
def test_a_row_of_another_release_is_refused(value: bytes) -> None:
    """A value with an unknown format, schema or key id is refused with the cure, not guessed at."""
    with pytest.raises(outbox.UnreadableRow, match="start the release that wrote it"):
        outbox.decode_row(value)


def test_transitions_keep_the_action_and_count_attempts() -> None:
    """Claims count attempts, a withdrawn claim gives its attempt back, and no transition touches the action."""
    row = outbox.first_row(make_action())
    claimed = outbox.claimed(row, 2_000)
    assert (Status.CLAIMED, 1, 2_000) == (claimed.status, claimed.attempts, claimed.claimed_us)
    back = outbox.withdrawn(claimed, "late")
    assert (Status.PENDING, 0, 0) == (back.status, back.attempts, back.claimed_us)
    again = outbox.claimed(outbox.deferred(claimed, 5_000, "busy"), 5_000)
    assert (2, 5_000) == (again.attempts, again.next_us)
    sent = outbox.finished(again, Status.SENT, provider_id="p1", body=b"{}")
    done = outbox.receipted(sent)
    assert (True, True, b"") == (done.finished, done.receipted, done.body)
    redriven = outbox.redriven(outbox.receipted(outbox.finished(again, Status.FAILED, "gone")), 7_000)
    assert (Status.PENDING, 0, 7_000, False) == (redriven.status, redriven.attempts, redriven.next_us, redriven.receipted)
    assert all(row.action is r.action for r in (claimed, again, sent, done, redriven))


def test_a_held_row_is_looked_at_when_it_expires() -> None:
    """A kill switch holds an action until it is lifted, at most until the action expires."""
    row = outbox.held(outbox.first_row(make_action()), "channel email is paused")
    assert (True, 9_000, "channel email is paused") == (row.held, row.next_us, row.reason)
    endless = msgspec.structs.replace(make_action(), expires_us=0)
    assert outbox.NEVER_US == outbox.held(outbox.first_row(endless), "paused").next_us
