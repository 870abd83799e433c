"""Replay: history on its own clock, wake-ups and hand-overs each at their own instant, the same digests every time."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.contract.builtin import CUSTOMER_IDENTIFIED
from pilotage.decision.eligibility import ALLOWED, Later, Refused, Verdict
from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US, MINUTE_US
from pilotage.journey.outcome import Action
from pilotage.profile.identity import subject_id as identified
from pilotage.runner.outbox import Status
from pilotage.runner.replay import HistoryUnsorted, Replay, Replayed
from pilotage.runner.rocks import RocksStore
from pilotage.runner.store import Store
from pilotage.runner.ticket import shard_of
from pilotage.source.quarantine import quarantined_event
from tests.runner.rig import memory_stores, open_shards, small_limits
from tests.runner.toy_kernel import START_US

SECRET = b"a secret of the tests"


def history(count: int = 1_000, subjects: int = 100) -> list[Event]:
    """One event a minute and a half, each about one of the subjects."""
    gap_us = 3 * MINUTE_US // 2
    kinds = ["toy.stop" if n % 11 == 0 else "toy.add" for n in range(count)]
    return [Event(f"e{n}", "shop", kind, START_US + n * gap_us, b"{}", {"user_id": f"u{n * 7 % subjects}"}) for n, kind in enumerate(kinds)]


def allowed(state: Any, action: Action, now_us: int) -> Verdict:
    """Everything may leave."""
    return ALLOWED


def replayed(events: list[Event], stores: list[Store] | None = None, **options: Any) -> Replayed:
    """What the history comes to, an hour after its end."""
    shards = open_shards(stores or list(memory_stores()), limits=small_limits())
    replay = Replay(shards, SECRET, options.pop("recheck", allowed), **options)
    replay.feed(events)
    return replay.finish(events[-1].occurred_us + HOUR_US)


@pytest.mark.parametrize("group", [1, 10, 5_000])
def test_group_size_and_store_do_not_matter(group: int, tmp_path: Path) -> None:
    """Groups of 1, 10 and 5,000 events, in memory and on disk, come out the same."""
    reference = replayed(history())
    assert reference == replayed(history(), group_events=group)
    assert reference == replayed(history(), [RocksStore(tmp_path / str(number)) for number in range(8)], group_events=group)


def test_a_dropped_event_and_a_swap_within_a_subject_change_the_digests() -> None:
    """One event less, or two of one subject with their types exchanged, gives other digests."""
    events = history()
    reference = replayed(events).digests
    assert reference != replayed(events[:500] + events[501:]).digests
    swapped = list(events)
    swapped[11] = msgspec.structs.replace(events[11], type="toy.add")
    swapped[111] = msgspec.structs.replace(events[111], type="toy.stop")
    assert events[11].identifiers == events[111].identifiers
    assert reference != replayed(swapped).digests


def test_a_batch_fed_twice_changes_nothing() -> None:
    """Events repeated within the day are accepted as duplicates and leave the digests as they were."""
    events = history(600)
    doubled = sorted([*events, *(msgspec.structs.replace(event) for event in events[100:200])], key=lambda event: event.occurred_us)
    twice = replayed(doubled)
    assert replayed(events).digests == twice.digests
    assert (700, 700, 100) == (twice.read, twice.accepted, twice.duplicates)


def test_a_wake_up_is_settled_and_handed_over_at_its_own_instant() -> None:
    """A subject that waits an hour is written to at the hour exactly, though the next event comes days later."""
    first = Event("a", "shop", "toy.add", START_US, b"{}", {"user_id": "one"})
    later = Event("b", "shop", "toy.add", START_US + 72 * HOUR_US, b"{}", {"user_id": "two"})
    left: list[tuple[str, int]] = []
    outcome = replayed([first, later], on_handed_over=lambda action, at_us: left.append((action.step, at_us)))
    assert [("write", START_US + HOUR_US), ("write", START_US + 73 * HOUR_US)] == left
    assert {"message.sent": 2} == outcome.receipts


def test_the_last_checks_are_made_before_anything_leaves() -> None:
    """A refusal becomes a receipt and nothing leaves; a `Later` is asked again at its instant, beyond the expiry it is over."""
    event = Event("a", "shop", "toy.add", START_US, b"{}", {"user_id": "one"})
    refused = replayed([event], recheck=lambda state, action, now_us: Refused("consent", "revoked"))
    assert {"message.refused": 1} == refused.receipts

    def quiet(state: Any, action: Action, now_us: int) -> Verdict:
        until_us = START_US + HOUR_US + 10 * MINUTE_US
        return ALLOWED if now_us >= until_us else Later(until_us, "quiet_hours:night", "quiet")

    left: list[int] = []
    postponed = replayed([event], recheck=quiet, on_handed_over=lambda action, at_us: left.append(at_us))
    assert {} == postponed.receipts
    shards = open_shards(list(memory_stores()))
    replay = Replay(shards, SECRET, quiet, on_handed_over=lambda action, at_us: left.append(at_us))
    replay.feed([event])
    assert {"message.sent": 1} == replay.finish(START_US + 2 * HOUR_US).receipts
    assert [START_US + HOUR_US + 10 * MINUTE_US] == left
    never = Replay(open_shards(list(memory_stores())), SECRET, lambda s, a, n: Later(a.expires_us + 1, "quiet_hours:night", "quiet"))
    never.feed([event])
    assert {"message.expired": 1} == never.finish(START_US + 5 * HOUR_US).receipts


def test_everything_read_is_accepted_or_quarantined() -> None:
    """What came refused, names nobody, or the kernel refuses is quarantined with its reason; the rest is accepted."""
    events = history(10)
    nobody = msgspec.structs.replace(events[3], id="nobody", identifiers={})
    bad = msgspec.structs.replace(events[5], id="bad", type="toy.bad")
    refused = quarantined_event(events[7], START_US, "contract", "broken")
    reasons: list[str] = []
    shards = open_shards(list(memory_stores()))
    replay = Replay(shards, SECRET, allowed, on_refused=lambda each: reasons.append(f"{each.stage}: {each.reason}"))
    replay.feed([*events[:4], nobody, *events[4:6], bad, *events[6:8], refused, *events[8:]])
    outcome = replay.finish()
    assert (13, 10, 3) == (outcome.read, outcome.accepted, outcome.quarantined)
    assert ["identity", "kernel", "contract"] == [reason.split(":")[0] for reason in reasons]


def test_an_unsorted_history_is_refused() -> None:
    """An event before the one fed last raises, and says what to do."""
    events = history(3)
    replay = Replay(open_shards(list(memory_stores())), SECRET, allowed)
    with pytest.raises(HistoryUnsorted, match="sort the history"):
        replay.feed([events[1], events[0]])


def test_rows_tell_what_became_of_each_action() -> None:
    """After a replay, an action's row says that it was sent and that its receipt is in the log."""
    event = Event("a", "shop", "toy.add", START_US, b"{}", {"user_id": "one"})
    shards = open_shards(list(memory_stores()))
    replay = Replay(shards, SECRET, allowed)
    replay.feed([event])
    replay.finish(START_US + HOUR_US)
    subject = identified(SECRET, "user_id", "one")
    [row] = shards[shard_of(subject)].actions(subject)
    assert (Status.SENT, True, 1) == (row.status, row.receipted, row.attempts)


def test_a_repeat_of_an_event_from_before_a_link_is_a_duplicate() -> None:
    """History that holds an anonymous event again after its link counts it once."""
    known = Event("known", "shop", CUSTOMER_IDENTIFIED, START_US, b"{}", {"user_id": "u", "anonymous_id": "a"})
    once = Event("once", "shop", "toy.add", START_US, b"{}", {"anonymous_id": "a"})
    assert (3, 1) == ((outcome := replayed([once, known, once])).accepted, outcome.duplicates)
    assert 0 == replayed([known, once]).duplicates


def test_what_is_cancelled_before_it_leaves_is_told() -> None:
    """A message held back and then cancelled gets its receipt at the instant of the cancellation, and never leaves."""

    def held(state: Any, action: Action, now_us: int) -> Verdict:
        return Later(now_us + 12 * HOUR_US, "quiet_hours:night", "quiet hours night")

    add = Event("add", "shop", "toy.add", START_US, b"{}", {"user_id": "u"})
    stop = Event("stop", "shop", "toy.stop", START_US + 3 * HOUR_US // 2, b"{}", {"user_id": "u"})
    left: list[Action] = []
    outcome = replayed([add, stop], recheck=held, on_handed_over=lambda action, at_us: left.append(action))
    assert ({"message.refused": 1}, []) == (outcome.receipts, left)
