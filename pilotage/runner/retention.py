"""How long what is past is kept: the log, and what became of actions that did not get through.

The log is the truth states are rebuilt from and the story of each subject; behind the marker only stories need it. So the
oldest of it goes when it is older than it is kept, now and then while events come, and a system at rest does nothing.
"""

from collections.abc import Sequence

from pilotage.event.time import DAY_US
from pilotage.runner.shard import Shard

LOG_DAYS = 30
"""How long the log, and so every subject's story, is kept unless an environment says otherwise."""

LISTED_DAYS = 90
"""How long an action at its end stays listed: a dead letter, or one of unknown fate, that nobody puts back."""


class Retention:
    """Which shards forget what lies so many days back, and when to look again. 0 days: everything is kept."""

    def __init__(self, shards: Sequence[Shard], days: int, every_s: float) -> None:
        self._shards = list(shards)
        self._days = days
        self._every_s = every_s
        self._next_s = 0.0

    def due(self, now_s: float) -> bool:
        """Whether it is time to look; then the next time is later. The first look is one interval after the first call."""
        if now_s < self._next_s or not self._days:
            return False
        first, self._next_s = not self._next_s, now_s + self._every_s
        return not first or not self._every_s

    def turns(self, now_us: int) -> list[tuple[Shard, int]]:
        """Each shard with the instant before which it may forget."""
        return [(shard, now_us - self._days * DAY_US) for shard in self._shards]
