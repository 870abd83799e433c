"""Counters of one process: what came in, what was decided per journey and step, how long it took, what left.

They are fed from committed work only, so they never run ahead of the disk. Snapshots of several processes add up. No label
ever names a customer: journeys, steps, channels and stages only. How many entries rest at each step is kept across
restarts beside the log, because it cannot be counted again cheaply.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter

import msgspec

from pilotage.journey.outcome import Decision
from pilotage.runner.arrival import Sealed
from pilotage.runner.layout import HEADER, body_of
from pilotage.runner.log import segments_from
from pilotage.runner.store import Store

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
"""The upper bounds of the histograms' buckets, in seconds."""

RESTING_KEY = b"resting"
RESTING_RECORDS = 2_000
"""After so many records the resting entries are written down again; a start counts at most these from the log."""

Labels = tuple[str, ...]


class Histogram(msgspec.Struct, array_like=True):
    """Durations: how many fell into each bucket (the last: beyond all bounds), and their sum in seconds."""

    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Note a duration."""
        self.buckets[bisect_left(BOUNDS_S, seconds)] += times
        self.sum_s += seconds * times

    def unite(self, other: "Histogram") -> None:
        """Add another's durations."""
        self.buckets = [one + two for one, two in zip(self.buckets, other.buckets, strict=True)]
        self.sum_s += other.sum_s


class Snapshot(msgspec.Struct):
    """Counts by name and labels, gauges likewise, durations likewise. Labels are joined by U+001F."""

    counts: dict[str, dict[str, int]] = {}
    gauges: dict[str, dict[str, int]] = {}
    durations: dict[str, dict[str, Histogram]] = {}


class _Resting(msgspec.Struct, array_like=True):
    position: int
    entries: dict[str, int]


_resting_encoder = msgspec.msgpack.Encoder()
_resting_decoder = msgspec.msgpack.Decoder(_Resting)


_entry_of = attrgetter("entry")
_kind_of = attrgetter("journey", "step", "verb", "at_us")


class Telemetry:
    """The counters of one process. It is the dispatcher's meter too."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[Labels]] = {}
        self._durations: dict[str, dict[Labels, Histogram]] = {}
        self._resting: dict[int, Counter[Labels]] = {}
        self._noted: dict[int, int] = {}
        self._gauges: dict[str, dict[Labels, int]] = {}

    def count(self, name: str, queue: str, by: int = 1) -> None:
        """The dispatcher's meter: counted as `dispatch_` and the name, by queue."""
        self.add(f"dispatch_{name}", (queue,), by)

    def add(self, name: str, labels: Labels, by: int = 1) -> None:
        """Count something that happened under some labels."""
        counts = self._counts.get(name)
        if counts is None:
            counts = self._counts[name] = Counter()
        counts[labels] += by

    def observe(self, name: str, queue: str, seconds: float) -> None:
        """The dispatcher's meter: a duration as `dispatch_` and the name, by queue."""
        self.time(f"dispatch_{name}", (queue,), seconds)

    def time(self, name: str, labels: Labels, seconds: float, times: int = 1) -> None:
        """Note a duration under some labels, so many times."""
        durations = self._durations.setdefault(name, {})
        histogram = durations.get(labels)
        if histogram is None:
            histogram = durations[labels] = Histogram()
        histogram.add(max(0.0, seconds), times)

    def gauge(self, name: str, labels: Labels, value: int) -> None:
        """Say how much there is of something now."""
        self._gauges.setdefault(name, {})[labels] = value

    def committed(self, shard: int, sealed: Sealed, now_us: int) -> bytes | None:
        """Learn from a committed batch; now and then returns a value to write under `RESTING_KEY` in the table `meta`."""
        records, resting = sealed.segment.records, self._resting.setdefault(shard, Counter())
        self._decided(sealed.segment.decisions, now_us)
        for decisions in sealed.segment.decisions:
            if any(map(_entry_of, decisions)):
                _move(resting, decisions)
        wakes = sum(record.event is None for record in records)
        self.add("events", (), len(records) - wakes)
        self.add("wakes", (), wakes)
        for action in sealed.actions:
            self.add("actions", (action.kind, action.target, action.journey))
        self.add("cancelled", (), len(sealed.cancelled))
        if not records or sealed.segment.last - self._noted.get(shard, 0) < RESTING_RECORDS:
            return None
        self._noted[shard] = sealed.segment.last
        return _packed(sealed.segment.last, resting)

    def _decided(self, decided: Sequence[Sequence[Decision]], now_us: int) -> None:
        """Count decisions and how long they took to be committed. Most of a batch have the same journey, step, verb and
        instant as many others, so they are counted first and then noted once per kind."""
        steps = self._counts.setdefault("decisions", Counter())
        latency = self._durations.setdefault("latency", {})
        for (journey, step, verb, at_us), times in Counter(map(_kind_of, chain.from_iterable(decided))).items():
            steps[journey, step, verb] += times
            histogram = latency.get((journey, step))
            if histogram is None:
                histogram = latency[journey, step] = Histogram()
            histogram.add(max(0.0, (now_us - at_us) / 1e6), times)

    def restore(self, shard: int, store: Store) -> None:
        """At the start: how many entries rest where, from what was written down and the log after it."""
        value = store.get("meta", RESTING_KEY)
        noted = _resting_decoder.decode(body_of("meta", value)) if value is not None else _Resting(0, {})
        resting = Counter({tuple(name.split("\x1f")): count for name, count in noted.entries.items()})
        for segment in segments_from(store, noted.position + 1):
            for position, decisions in enumerate(segment.decisions, segment.first):
                if decisions and position > noted.position:
                    _move(resting, decisions)
        self._resting[shard] = resting
        self._noted[shard] = noted.position

    def snapshot(self) -> Snapshot:
        """Everything counted so far."""
        resting: Counter[Labels] = Counter()
        for each in self._resting.values():
            resting.update(each)
        gauges = {**self._gauges, "waiting": {labels: count for labels, count in resting.items() if count}}
        return Snapshot(
            counts={name: _joined(counts) for name, counts in self._counts.items()},
            gauges={name: _joined(values) for name, values in gauges.items()},
            durations={name: {"\x1f".join(labels): each for labels, each in found.items()} for name, found in self._durations.items()},
        )


def unite(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The snapshots of several processes together."""
    whole = Snapshot({}, {}, {})
    for snapshot in snapshots:
        for mine, theirs in ((whole.counts, snapshot.counts), (whole.gauges, snapshot.gauges)):
            for name, counts in theirs.items():
                target = mine.setdefault(name, {})
                for labels, count in counts.items():
                    target[labels] = target.get(labels, 0) + count
        for name, found in snapshot.durations.items():
            for labels, histogram in found.items():
                whole.durations.setdefault(name, {}).setdefault(labels, Histogram()).unite(histogram)
    return whole


def samples(values: dict[str, int]) -> Iterator[tuple[Labels, int]]:
    """The labels and values of one name of a snapshot, in order."""
    for labels in sorted(values):
        yield tuple(labels.split("\x1f")) if labels else (), values[labels]


def _move(resting: "Counter[Labels]", decisions: Sequence[Decision]) -> None:
    """Between two events every entry rests at one step. In what one event decided, an entry's first decision is where it
    rested (one that migrated names the step it rested at before) and its last is where it rests now, unless it was entered or
    has ended."""
    first: dict[bytes, Decision] = {}
    last: dict[bytes, Decision] = {}
    ended: set[bytes] = set()
    for decision in decisions:
        if not decision.entry:
            continue
        first.setdefault(decision.entry, decision)
        last[decision.entry] = decision
        if decision.verb in ("exited", "refused"):
            ended.add(decision.entry)
    for entry, began in first.items():
        if began.verb not in ("entered", "held_out", "refused"):
            resting[began.journey, began.inputs["step"] if began.verb == "migrated" else began.step] -= 1
        if entry not in ended:
            resting[began.journey, last[entry].step] += 1


def _joined(counts: "dict[Labels, int] | Counter[Labels]") -> dict[str, int]:
    return {"\x1f".join(labels): count for labels, count in counts.items()}


def _packed(position: int, resting: "Counter[Labels]") -> bytes:
    entries = {"\x1f".join(labels): count for labels, count in resting.items() if count}
    return HEADER + _resting_encoder.encode(_Resting(position, entries))
