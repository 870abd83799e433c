"""Saving what the log could rebuild, in slices between events, so that a crash never has much to advance again.

Each shard says after every commit how many rows it owes; the slices are small enough to go unnoticed by whoever waits for
an acknowledgement. When little happens, a shard is saved whole after a while, so a restart after a quiet hour is at once.
"""

from collections.abc import Sequence
from time import perf_counter

from pilotage.runner.pace import Portion
from pilotage.runner.shard import Shard

SLICE_ROWS = 64
"""How many rows are saved between two looks at the queue at least, about a millisecond."""

SLICE_S = 0.004
"""How long saving takes between two looks at the queue, in seconds; longer only while so much is owed that it must catch up."""

CATCH_UP = 8
"""This share of what is owed is saved at once, whatever time it takes, since saving must keep up with what is applied."""

IDLE_S = 20.0
"""How long a quiet shard may stay unsaved, in seconds."""


class Saver:
    """Spreads the saving of some shards over time. `now_s` is any clock that only goes forward."""

    def __init__(self, shards: Sequence[Shard], slice_rows: int = SLICE_ROWS, idle_s: float = IDLE_S) -> None:
        self._shards = list(shards)
        self._slice_rows = slice_rows
        self._portion = Portion(SLICE_S, slice_rows, 1_024)
        self._idle_s = idle_s
        self._owed = dict.fromkeys((shard.number for shard in shards), 0)
        self._since_s: dict[int, float] = {}

    def committed(self, shard: Shard, records: int, now_s: float) -> None:
        """A shard committed so many records; what it owes for them is added up."""
        if records:
            self._owed[shard.number] += shard.quota(records)
            self._since_s.setdefault(shard.number, now_s)

    def some(self, now_s: float, *, idle: bool) -> bool:
        """Save one slice of the shard that owes most, or of one that has waited long when nothing else is to do; returns
        whether anything was saved."""
        owing = [shard for shard in self._shards if self._owed[shard.number] > 0 and not shard.needs_flush]
        if owing:
            shard = max(owing, key=lambda each: self._owed[each.number])
            rows = max(self._portion.count, sum(self._owed[each.number] for each in owing) // CATCH_UP)
            return self._slice(shard, min(self._owed[shard.number], rows))
        if idle:
            for shard in self._shards:
                waited_s = now_s - self._since_s.get(shard.number, now_s)
                if waited_s >= self._idle_s and shard.lag and not shard.needs_flush:
                    return self._slice(shard, self._slice_rows)
        return False

    def to_flush(self) -> Shard | None:
        """A shard whose saving cycle is complete: flush its store, then call `flushed`."""
        return next((shard for shard in self._shards if shard.needs_flush), None)

    def flushed(self, shard: Shard, now_s: float) -> None:
        """A shard's cycle is on disk."""
        shard.flushed()
        self._owed[shard.number] = 0
        if shard.lag:
            self._since_s[shard.number] = now_s

    def marked(self, shard: Shard) -> None:
        """A shard's marker moved: with nothing behind it, it is at rest."""
        if not shard.lag:
            self._since_s.pop(shard.number, None)

    def next_idle_s(self) -> float | None:
        """When the shard that has waited longest wants to be saved even if nothing happens; None if none waits."""
        waiting = [self._since_s[shard.number] for shard in self._shards if shard.number in self._since_s and not shard.needs_flush]
        return min(waiting) + self._idle_s if waiting else None

    def _slice(self, shard: Shard, rows: int) -> bool:
        begun_s = perf_counter()
        saved = shard.save(rows)
        self._portion.done(saved, perf_counter() - begun_s)
        self._owed[shard.number] = max(0, self._owed[shard.number] - saved) if saved else 0
        return saved > 0 or shard.needs_flush


def save_whole(shard: Shard) -> None:
    """Save everything a shard has not saved, flush it and move its marker; for stopping."""
    while not shard.needs_flush and shard.save(4_096):
        pass
    if shard.needs_flush:
        shard.store.flush()
        shard.flushed()
    sealed = shard.seal()
    if sealed is not None:
        shard.store.write(sealed.batch, durable=True)
        shard.committed(sealed)
