"""How much goes into one group commit, and how long a full queue takes to drain: two running estimates.

What is advanced while the disk writes becomes the next group. The group is held to what can be advanced within a target
time, so that heavy journeys cost throughput before they cost latency, and a slow disk, which larger groups make up for,
never shrinks it.
"""

SMALLEST_GROUP = 64
"""A group commit is never held below this many events, or a slow disk would never be made up for."""

SHORTEST_WAIT_S = 0.1
LONGEST_WAIT_S = 30.0
"""The bounds of what a refused sender is told to wait."""

WEIGHT = 0.1
"""How much one more measurement moves an estimate."""


class Pace:
    """`events` is the largest size of the next group; `per_second` the rate at which events have lately become durable."""

    def __init__(self, largest: int, target_s: float) -> None:
        self.largest = largest
        self.target_s = target_s
        self.events = largest
        self.per_second = 1_000.0
        self._event_s = target_s / largest

    def advanced(self, events: int, took_s: float) -> None:
        """Learn from one chunk how long an event takes to advance."""
        self._event_s += WEIGHT * (took_s / max(events, 1) - self._event_s)
        self.events = min(self.largest, max(SMALLEST_GROUP, int(self.target_s / max(self._event_s, 1e-9))))

    def committed(self, events: int, took_s: float) -> None:
        """Learn from one commit how many events become durable in a second."""
        if events:
            self.per_second += WEIGHT * (events / max(took_s, 1e-4) - self.per_second)

    def seconds_for(self, events: int) -> float:
        """About how long so many events take, within the bounds told to a refused sender."""
        return min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, events / max(self.per_second, 1.0)))
