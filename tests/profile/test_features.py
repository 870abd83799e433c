"""Tests of how features are kept: everything a window can ask is there, exactly, and nothing else."""

from bisect import bisect_right
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pilotage.predicate.ir import Field, Type
from pilotage.predicate.parse import Scope, parse
from pilotage.profile.features import INSTANTS_MAX, Feature, derive, fill, kept_of, update

SCOPE = Scope(events={"a": {"n": Type.INTEGER}, "b": {}})
WORTH = Field(Type.INTEGER, "event", "n")
ARRIVALS = st.lists(st.tuples(st.integers(0, 3), st.integers(-12, 6), st.one_of(st.none(), st.integers(0, 9))), max_size=25)
"""Events as (time since the last arrival, occurred relative to the arrival, worth)."""


def _kept(feature: Feature, arrivals: list[tuple[int, int, int | None]]) -> tuple[Any, list[tuple[int, int, int | None]], int]:
    """What is kept after the arrivals, all that occurred in order, and the time."""
    kept, now, all_of_them = None, 100, []
    for gap, offset, worth in arrivals:
        now += gap
        before = repr(kept)
        after = update(feature, kept, now + offset, now, worth)
        assert before == repr(kept)
        kept = after
        if feature.value is None or worth is not None:
            all_of_them.append((now + offset, len(all_of_them), worth))
    return kept, sorted(all_of_them, key=lambda each: each[:2]), now


@given(arrivals=ARRIVALS, window=st.sampled_from([0, 1, 5, 1000]), later=st.integers(0, 12))
def test_what_a_window_counts_now_and_later_is_kept(arrivals: list[tuple[int, int, int | None]], window: int, later: int) -> None:
    """Late, tied and future-dated events included, a window counts among what is kept what it counts among all events; and the
    last event to have occurred is kept, whatever its age."""
    kept, everything, now = _kept(Feature("a", "a", window), arrivals)
    instants = [occurred for occurred, _, _ in everything]
    at = now + later
    occurred = [instant for instant in instants if instant <= at]
    assert (max(occurred) if occurred else None) == (kept[bisect_right(kept, at) - 1] if kept and bisect_right(kept, at) else None)
    if window:
        assert [i for i in occurred if i > at - window] == [i for i in kept or [] if at - window < i <= at]
    assert (kept or []) == sorted(kept or [])


@given(arrivals=ARRIVALS, window=st.sampled_from([0, 5, 1000]))
def test_values_stay_beside_their_instants_in_order_of_arrival(arrivals: list[tuple[int, int, int | None]], window: int) -> None:
    """Each value stays with its event; events of one instant stand in the order they arrived; NULL is not kept."""
    while arrivals and arrivals[-1][2] is None:
        arrivals = arrivals[:-1]  # time that passes without an event leaves what is kept as it is
    kept, everything, now = _kept(Feature("a=x", "a", window, value=WORTH), arrivals)
    needed = [(occurred, worth) for occurred, _, worth in everything if occurred > now - (window or 0)]
    held = list(zip(*kept, strict=True)) if kept else []
    assert needed == held[len(held) - len(needed) :]
    assert len(held) <= len(needed) + 1
    past = [(occurred, worth) for occurred, _, worth in everything if occurred <= now]
    assert not past or past[-1] in held


def _asked(kept: Any, window: int, at: int) -> list[Any]:
    """What a window can ask of what is kept, and the last that has occurred."""
    rows = list(zip(*kept, strict=True)) if kept and isinstance(kept[0], list) else [(instant,) for instant in kept or []]
    return [row for row in rows if window and row[0] > at - window] + [row for row in rows if row[0] <= at][-1:]


@given(
    arrivals=ARRIVALS,
    cut=st.integers(0, 25),
    windows=st.sampled_from([(None, 5), (None, 0), (0, 5), (3, 8), (5, 1000)]),
    valued=st.booleans(),
    later=st.integers(0, 5),
)
def test_a_past_filled_in_later_is_as_if_always_kept(
    arrivals: list[tuple[int, int, int | None]], cut: int, windows: tuple[int | None, int], valued: bool, later: int
) -> None:
    """A feature that is recorded, or widened, only from some event on, and whose past is filled in at the end, answers as one
    that was kept in full from the beginning."""
    narrow, wide = windows
    value = WORTH if valued else None
    whole, part = Feature("a", "a", wide, value=value), Feature("a", "a", narrow or 0, value=value)
    always: Any = None
    known: Any = None
    live: Any = None
    past: list[tuple[int, Any]] = []
    now = before = 100
    for number, (gap, offset, worth) in enumerate(arrivals):
        now += gap
        always = update(whole, always, now + offset, now, worth)
        if number >= cut:
            live = update(whole, live, now + offset, now, worth)
        elif worth is not None or not valued:
            past.append((now + offset, worth))
            before = now
            known = live = None if narrow is None else update(part, live, now + offset, now, worth)
    instants, values = [each[0] for each in past], [each[1] for each in past] if valued else None
    filled = fill(wide, known or [], kept_of(wide, instants, values, before) if past else [], live, now + later)
    assert _asked(always, wide, now + later) == _asked(filled, wide, now + later)


def test_a_late_event_that_nothing_asks_for_changes_nothing() -> None:
    """An event older than every window leaves the very same object."""
    feature, known = Feature("a", "a", 10), [95, 99]
    assert known is update(feature, known, 3, 100)
    assert [95, 99, 100] == update(feature, known, 100, 100)
    last = [99]
    assert last is update(Feature("a", "a", 0), last, 98, 100)
    assert [99, 200] == update(Feature("a", "a", 0), last, 200, 100)
    valued = [[99], [1]]
    assert valued is update(Feature("a=x", "a", 0, value=WORTH), valued, 98, 100, 5)
    assert valued is update(Feature("a=x", "a", 0, value=WORTH), valued, 99, 100, None)


def test_memory_is_bounded_and_the_latest_stay() -> None:
    """A feature keeps the latest 4,096 events in its window: exact up to so many, and forgetting the oldest beyond."""
    plain, valued = None, None
    for at in range(INSTANTS_MAX + 10):
        plain = update(Feature("a", "a", 10**9), plain, at, at)
        valued = update(Feature("a=x", "a", 10**9, value=WORTH), valued, at, at, -at)
    latest = list(range(10, INSTANTS_MAX + 10))
    assert latest == plain
    assert [latest, [-at for at in latest]] == valued


def test_a_plan_keeps_each_feature_once_with_its_widest_window() -> None:
    """Conditions that count the same share what is kept; `since_last` and `performed` share it too, and so do all that is
    calculated from one value."""
    texts = (
        "count('a', '7d') > 1 and since_last('a') > '1d'",
        "count('a', '30d') > 1 or performed('a')",
        "sum('a', 'n', '2d') > 1 and max('a', event.n, '9d') > 1",
        "performed('a', '2d', event.n > 1 and event.n < 9)",
        "count('a', '1d', event.n < 9 and 1 < event.n) > 1",
    )
    day = 86_400_000_000
    found = derive(parse(text, SCOPE) for text in texts)
    assert [30 * day, 2 * day, 9 * day] == [feature.window_us for feature in found]
    assert ["a", "a#", "a="] == [feature.key[:2] for feature in found]
