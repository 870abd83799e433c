"""How the aggregates of a subject are kept: for each feature of a plan the instants of the events that pass its filter, and
where something is calculated from them, what each is worth.

Windows are exact to the event, so events are kept and not counts: those not older than the widest window that asks, those dated
in the future, and always the last one that has occurred. A feature keeps at most `INSTANTS_MAX` events. Up to then everything
asked of it is exact; beyond, the oldest are forgotten, so that counts, sums and sequences speak of the latest `INSTANTS_MAX`.
Everything here is pure: what was kept is never changed, and where an event changes nothing the very same object comes back.
"""

from bisect import bisect_right, insort_right
from collections.abc import Iterable
from typing import Any

from pilotage.predicate.ir import Feature, Predicate

INSTANTS_MAX = 4096
"""How many events a feature keeps: what is asked of it is exact up to so many within its window."""

Kept = list[Any]
"""Occurred instants in ascending order, in microseconds; of a feature with a value, a list of those, and a list of the values in
the same order. Events of one instant stand in the order they arrived."""


def derive(predicates: Iterable[Predicate]) -> tuple[Feature, ...]:
    """The fewest features that all predicates can be asked from: each key once, with its widest window, in key order."""
    return widest(feature for predicate in predicates for feature in predicate.features)


def widest(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Each key once with its widest window, in key order."""
    found: dict[str, Feature] = {}
    for feature in features:
        known = found.get(feature.key)
        if known is None or known.window_us < feature.window_us:
            found[feature.key] = feature
    return tuple(found[key] for key in sorted(found))


def update(feature: Feature, kept: Kept | None, occurred_us: int, now_us: int, value: Any = None) -> Kept | None:
    """What is kept of a feature (None: nothing yet) after one more event that passes its filter.

    `now_us` is when the event was received, not before any event already kept was. `value` is the event's worth in kernel form,
    of a feature that has one; an event that is worth NULL is not kept.
    """
    if feature.value is not None:
        return _update_values(feature.window_us, kept, occurred_us, now_us, value)
    if kept is None:
        return [occurred_us]
    last_us, window_us = kept[-1], feature.window_us
    # The two ways that nearly all events go come first: every event pays this for each of its features.
    if not window_us and last_us <= now_us and occurred_us <= now_us:
        return kept if last_us >= occurred_us else [occurred_us]
    if occurred_us >= last_us and kept[0] > now_us - window_us and len(kept) < INSTANTS_MAX:
        return [*kept, occurred_us]
    grown = [*kept, occurred_us]
    if last_us > occurred_us:
        grown.sort()
    start = _start(grown, window_us, now_us)
    if start == 1 and grown[0] == occurred_us:
        return kept
    return grown[start:] if start else grown


def _start(instants: list[int], window_us: int, now_us: int) -> int:
    """The place of the first instant to keep: the first in the window, or the last to have occurred if that is before it."""
    over = len(instants) - INSTANTS_MAX
    if instants[0] > now_us - window_us:
        return max(over, 0)
    occurred = bisect_right(instants, now_us)
    start = bisect_right(instants, now_us - window_us)
    return max(min(start, occurred - 1), over, 0)


def kept_of(window_us: int, instants: list[int], values: list[Any] | None, now_us: int) -> Kept:
    """What `update` leaves of events that passed a feature's filter, given at once in the order they arrived; `now_us` is when the
    last of them was received. Of a feature with a value, `values` are what they were worth."""
    if len(instants) == 1:  # the last that has occurred, or one in the future: it stays in any case
        return [*instants] if values is None else [[*instants], [*values]]
    if values is None:
        ordered = sorted(instants)
        return ordered[_start(ordered, window_us, now_us) :]
    rows = sorted(zip(instants, values, strict=True), key=_instant)
    ordered = [row[0] for row in rows]
    start = _start(ordered, window_us, now_us)
    return [ordered[start:], [row[1] for row in rows[start:]]]


def fill(window_us: int, known: Kept, whole: Kept, live: Kept | None, now_us: int) -> Kept:
    """What is kept of a feature once its past is known.

    `whole` is what all events of its past, up to some position of the log, leave of it; `known` what they had left of it in
    the state at that position (empty: nothing), and `live` is what the state keeps now. So `live` without `known` came since.
    """
    if not whole:
        return live or []
    if isinstance(whole[0], list):
        instants, values = _since(known, live)
        rows = sorted([*zip(*whole, strict=True), *zip(instants, values, strict=True)], key=_instant)
        start = _start([row[0] for row in rows], window_us, now_us)
        return [[row[0] for row in rows[start:]], [row[1] for row in rows[start:]]]
    came = _since([known] * 2, [live] * 2)[0] if live else []
    merged = sorted([*whole, *came])
    return merged[_start(merged, window_us, now_us) :]


def _since(known: Kept, live: Kept | None) -> tuple[list[int], list[Any]]:
    """The instants and values of `live` that came after those of `known`. At one instant the known ones stand first, and of these
    the first may have been forgotten since."""
    if not live:
        return [], []
    of_known = _by_instant(known) if known else {}
    instants: list[int] = []
    values: list[Any] = []
    for instant, held in _by_instant(live).items():
        before = of_known.get(instant, [])
        left = min(len(before), len(held))
        while before[len(before) - left :] != held[:left]:
            left -= 1
        instants += [instant] * (len(held) - left)
        values += held[left:]
    return instants, values


def _by_instant(kept: Kept) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for instant, value in zip(*kept, strict=True):
        found.setdefault(instant, []).append(value)
    return found


def _instant(row: tuple[int, Any]) -> int:
    return row[0]


def _update_values(window_us: int, kept: Kept | None, occurred_us: int, now_us: int, value: Any) -> Kept | None:
    if value is None:
        return kept
    if kept is None:
        return [[occurred_us], [value]]
    instants, values = [*kept[0]], [*kept[1]]
    place = bisect_right(instants, occurred_us)
    insort_right(instants, occurred_us)
    values.insert(place, value)
    start = _start(instants, window_us, now_us)
    return kept if start == 1 and place == 0 else [instants[start:], values[start:]]
