"""How fast a channel may be used: a token bucket per second and a bound on calls under way at once.

The bucket is plain arithmetic on instants that are given, so it runs on any clock.
"""

import msgspec

from pilotage.event.time import SECOND_US


class RateLimit(msgspec.Struct, frozen=True):
    """At most `per_s` hand-overs a second (0: no limit) in bursts of at most `burst` (0: one second's worth), and at most
    `concurrency` at once. With several worker processes each has its own, so give each its share."""

    per_s: float = 0.0
    burst: int = 0
    concurrency: int = 64


class Bucket:
    """A token bucket, full at first. Times are microseconds UTC and may jump; back in time nothing is added."""

    __slots__ = ("_at_us", "_per_s", "_size", "_tokens")

    def __init__(self, limit: RateLimit) -> None:
        self._per_s = limit.per_s
        self._size = float(limit.burst or max(1.0, limit.per_s))
        self._tokens = self._size
        self._at_us: int | None = None

    def available(self, now_us: int) -> int:
        """How many hand-overs may begin now."""
        if self._per_s <= 0:
            return 2**31
        if self._at_us is not None and now_us > self._at_us:
            self._tokens = min(self._size, self._tokens + (now_us - self._at_us) * self._per_s / SECOND_US)
        self._at_us = now_us
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Use up as many tokens; ask `available` before."""
        if self._per_s > 0:
            self._tokens -= count

    def give_back(self, count: int) -> None:
        """Return tokens of hand-overs that did not take place."""
        self._tokens = min(self._size, self._tokens + count)

    def next_us(self, now_us: int) -> int:
        """The instant at which at least one hand-over may begin."""
        if self.available(now_us):
            return now_us
        return now_us + int((1.0 - self._tokens) * SECOND_US / self._per_s) + 1
