"""What a rehearsal counts, version by version: plain numbers that can be added up, so that parts of a population can be counted
apart, in any order and process, and put together afterwards.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

from pilotage.event.time import DAY_US, MINUTE_US

VOLUMES = frozenset({"entered", "sent", "called", "opened", "goal"})
"""The verbs that are counted by day."""

VALUES_MAX = 24
"""How many different values an attribute may have for its groups to be told apart."""

WEEK_DAYS = 7
WEEKS_MAX = 4
"""From how many weeks, the latest ones, the next is foretold."""

Counts = dict[str, int]
Nested = dict[str, Counts]
Key = TypeVar("Key")


class Spread(msgspec.Struct):
    """How long something took: how often, in minutes together, and by powers of two of minutes (bucket n: below 2ⁿ)."""

    count: int = 0
    minutes: int = 0
    buckets: dict[int, int] = {}

    def add(self, took_us: int) -> None:
        """Count one."""
        minutes = max(0, took_us) // MINUTE_US
        self.count += 1
        self.minutes += minutes
        bucket = minutes.bit_length()
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def quantile(self, share: float) -> float:
        """The time in minutes below which a share of them lies, as far as the buckets tell; within a bucket evenly spread."""
        left = share * self.count
        for bucket, count in sorted(self.buckets.items()):
            if left <= count:
                low, high = (0.0, 1.0) if bucket == 0 else (2.0 ** (bucket - 1), 2.0**bucket)
                return low + (high - low) * (left / count if count else 0.0)
            left -= count
        return 0.0

    def plus(self, other: "Spread") -> None:
        """Add another's counts."""
        self.count += other.count
        self.minutes += other.minutes
        add_counts(self.buckets, other.buckets)


class Volume(msgspec.Struct):
    """How often a step acted: by day (days since 1970-01-01); and, summed over people and the latest weeks, the squares of how much a week
    differs from the one before, which tell how much of the step's number is chance."""

    days: dict[int, int] = {}
    changes: int = 0

    @property
    def total(self) -> int:
        """How often in all."""
        return sum(self.days.values())

    def plus(self, other: "Volume") -> None:
        """Add another's counts."""
        add_counts(self.days, other.days)
        self.changes += other.changes


class GroupTally(msgspec.Struct):
    """What happened to those of a group: how many there are, who entered anything, messages, and how long candidates waited."""

    subjects: int = 0
    exposed: int = 0
    entries: int = 0
    contacts: int = 0
    contacted: int = 0
    deferred: int = 0
    waited_minutes: int = 0

    def plus(self, other: "GroupTally") -> None:
        """Add another's counts."""
        self.subjects += other.subjects
        if other.entries or other.contacts or other.deferred:  # most people have met with nothing
            self.exposed += other.exposed
            self.entries += other.entries
            self.contacts += other.contacts
            self.contacted += other.contacted
            self.deferred += other.deferred
            self.waited_minutes += other.waited_minutes


class Tally(msgspec.Struct):
    """What one version came to. Steps are named `journey/step` (the step empty: the entry). `verbs` count decisions by step and
    verb; `refusals` why journeys were not entered; `policies`, by rule, the candidates that it blocked, deferred, let lose or stopped
    on leaving, by `verb journey/step`. `messages` says how many subjects got how many messages (by channel, `all` for all), `peaks` how
    many most in seven days. `tasks` are opened tasks by team and day, `stages` the time in entries by lifecycle stage. `groups` go by
    attribute and value; those of more than `VALUES_MAX` are in `many`."""

    subjects: int = 0
    events: int = 0
    refused: int = 0
    verbs: Nested = {}
    volumes: dict[str, Volume] = {}
    times: dict[str, Spread] = {}
    refusals: Nested = {}
    policies: Nested = {}
    messages: dict[str, dict[int, int]] = {}
    peaks: dict[int, int] = {}
    tasks: dict[str, dict[int, int]] = {}
    stages: dict[str, Spread] = {}
    waits: Spread = msgspec.field(default_factory=Spread)
    reactions: Nested = {}
    groups: dict[str, dict[str, GroupTally]] = {}
    many: list[str] = []

    def plus(self, other: "Tally") -> None:
        """Add another's counts."""
        self.subjects += other.subjects
        self.events += other.events
        self.refused += other.refused
        for mine, its in ((self.verbs, other.verbs), (self.refusals, other.refusals), (self.policies, other.policies)):
            add_nested(mine, its)
        add_nested(self.reactions, other.reactions)
        add_nested(self.messages, other.messages)
        add_nested(self.tasks, other.tasks)
        add_counts(self.peaks, other.peaks)
        self.waits.plus(other.waits)
        for name, volume in other.volumes.items():
            self.volumes.setdefault(name, Volume()).plus(volume)
        for spreads, others in ((self.times, other.times), (self.stages, other.stages)):
            for name, spread in others.items():
                spreads.setdefault(name, Spread()).plus(spread)
        self._plus_groups(other)

    def _plus_groups(self, other: "Tally") -> None:
        self.many = sorted({*self.many, *other.many})
        for attribute, values in other.groups.items():
            mine = self.groups.setdefault(attribute, {})
            for value, group in values.items():
                mine.setdefault(value, GroupTally()).plus(group)
        for attribute in [name for name, values in self.groups.items() if len(values) > VALUES_MAX]:
            self.many = sorted({*self.many, attribute})
        for attribute in self.many:
            self.groups.pop(attribute, None)


def add_counts(mine: dict[Key, int], other: Mapping[Key, int]) -> None:
    """Add counts to counts."""
    for key, count in other.items():
        mine[key] = mine.get(key, 0) + count


def add_nested(mine: dict[str, dict[Key, int]], other: Mapping[str, Mapping[Key, int]]) -> None:
    """Add counts to counts, a level deeper."""
    for name, counts in other.items():
        add_counts(mine.setdefault(name, {}), counts)


def latest_weeks(from_us: int, until_us: int) -> tuple[int, int]:
    """The last day before an end, and how many whole weeks that end with it lie after a beginning, of those that are looked at."""
    last_day = (until_us - 1) // DAY_US
    return last_day, max(0, min(WEEKS_MAX, (last_day + 1 - -(-from_us // DAY_US)) // WEEK_DAYS))


def weekly(days: Mapping[int, int], last_day: int, weeks: int) -> list[int]:
    """How many fell on each of so many weeks that end with a day, the latest first."""
    counts = [0] * weeks
    for day, count in days.items():
        week = (last_day - day) // WEEK_DAYS
        if 0 <= week < weeks:
            counts[week] += count
    return counts


def changes(counts: Sequence[int]) -> int:
    """The squares of how much each week differs from the one before; of a single week, its own."""
    if len(counts) == 1:
        return counts[0] * counts[0]
    return sum((later - earlier) ** 2 for later, earlier in pairwise(counts))


def peak(instants: Iterable[int]) -> int:
    """The most instants in any seven days."""
    kept: list[int] = []
    most = 0
    for at_us in sorted(instants):
        kept = [each for each in kept if each > at_us - WEEK_DAYS * DAY_US] + [at_us]
        most = max(most, len(kept))
    return most
