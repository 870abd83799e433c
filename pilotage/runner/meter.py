"""Where the dispatcher's counts and durations go."""

from collections import Counter
from typing import Protocol


class Meter(Protocol):
    """Where counts and durations go; names and queue names only, never a customer."""

    def count(self, name: str, queue: str, by: int = 1) -> None:
        """Count something that happened (`claimed`, `sent`, `retried`, `failed`, …)."""

    def observe(self, name: str, queue: str, seconds: float) -> None:
        """Note a duration (`claim_delay`, `hand_over`)."""


class Counts:
    """A meter in memory: `counts[(name, queue)]`, and the last duration by the same key."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.last_s: dict[tuple[str, str], float] = {}

    def count(self, name: str, queue: str, by: int = 1) -> None:
        """Count."""
        self.counts[name, queue] += by

    def observe(self, name: str, queue: str, seconds: float) -> None:
        """Keep the last duration."""
        self.last_s[name, queue] = seconds
