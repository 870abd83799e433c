"""How much is taken at once, and how long a full queue takes to drain: running estimates.

Whatever keeps the loop from looking at its senders is bounded by time and not by number, so that heavy journeys and cold
states cost throughput before they cost latency.
"""

import msgspec

from pilotage.runner.retention import LOG_DAYS

SHORTEST_WAIT_S = 0.1
LONGEST_WAIT_S = 30.0
"""The bounds of what a refused sender is told to wait."""

WEIGHT = 0.1
"""How much one more measurement moves an estimate."""


class EngineLimits(msgspec.Struct, frozen=True):
    """Bounds of one engine.

    `queue_events` and `queue_bytes` bound what waits; beyond them a submission is refused. Live events are advanced for about
    `chunk_s` before the loop looks at anything else, at least `chunk_least` and at most `chunk_events` of them (a submission
    is not divided). `commit_events` bounds one group commit, and so does what can be advanced in `group_target_s`. Due
    subjects are settled for about `wake_s` between two chunks of live events, but at least `wake_least` and at most
    `wake_most` of them. `threads` write to the shards' disks side by side and mostly wait, so that the disk does
    several at once (eight small synced writes: 4.2 ms with one thread, 3.3 with two, 2.6 with four, 2.4 with eight; beside a busy
    loop 11.1, 8.4, 7.4, 7.5). The log is kept for `retention_days` (0: for ever); what is older goes, looked for every
    `forget_every_s` while events come.
    """

    queue_events: int = 50_000
    queue_bytes: int = 64 * 1024 * 1024
    chunk_s: float = 0.02
    chunk_least: int = 64
    chunk_events: int = 512
    commit_events: int = 5_000
    group_target_s: float = 0.04
    wake_s: float = 0.012
    wake_least: int = 64
    wake_most: int = 1_024
    threads: int = 4
    retention_days: int = LOG_DAYS
    forget_every_s: float = 60.0


class Pace:
    """`per_second` is the rate at which events have lately become durable."""

    def __init__(self) -> None:
        self.per_second = 1_000.0

    def committed(self, events: int, took_s: float) -> None:
        """Learn from one commit how many events become durable in a second."""
        if events:
            self.per_second += WEIGHT * (events / max(took_s, 1e-4) - self.per_second)

    def seconds_for(self, events: int) -> float:
        """About how long so many events take, within the bounds told to a refused sender."""
        return min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, events / max(self.per_second, 1.0)))


class Portion:
    """`count` is how many of something can be done in about `target_s`, between `least` and `most`."""

    def __init__(self, target_s: float, least: int, most: int) -> None:
        self.count = least
        self._target_s = target_s
        self._least = least
        self._most = most
        self._each_s = target_s / least

    def done(self, count: int, took_s: float) -> None:
        """Learn from one portion how long each takes."""
        if count:
            self._each_s += WEIGHT * (took_s / count - self._each_s)
            self.count = min(self._most, max(self._least, int(self._target_s / max(self._each_s, 1e-9))))
