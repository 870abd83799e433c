"""What waits for one channel (or one endpoint of calls), in the order it is due, in bounded memory.

A slow channel fills only its own queue. What does not fit stays on disk, where every row already is; the queue knows
when the earliest of those is due, and a scan (see `dispatcher`) brings them in when there is room or need.
"""

import asyncio
import heapq
from collections.abc import Iterable

from pilotage.channel.ratelimit import Bucket, RateLimit
from pilotage.runner.clock import Clock
from pilotage.runner.outbox import NEVER_US, ActionRow


class ChannelQueue:
    """One channel's rows. `busy` are those taken out: being checked, claimed or handed over."""

    def __init__(self, name: str, limit: RateLimit, rows_max: int) -> None:
        self.name = name
        self.limit = limit
        self.bucket = Bucket(limit)
        self.bell = asyncio.Event()
        self.busy: dict[bytes, ActionRow] = {}
        self.disk_due_us = NEVER_US
        self._rows_max = rows_max
        self._rows: dict[bytes, ActionRow] = {}
        self._heap: list[tuple[int, bytes]] = []
        self._touched: set[bytes] | None = None
        self._offered: list[ActionRow] = []
        self._scan_us = 0
        self._wanted = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, effect: bytes) -> bool:
        return effect in self._rows or effect in self.busy

    @property
    def spilled(self) -> bool:
        """Whether some rows are only on disk."""
        return self.disk_due_us < NEVER_US

    def put(self, row: ActionRow) -> None:
        """Queue a row that is on disk; one that is queued already is left alone."""
        effect = row.action.effect
        if effect in self:
            return
        if len(self._rows) >= self._rows_max:
            self.disk_due_us = min(self.disk_due_us, row.next_us)
        else:
            self._keep(row)
        self.bell.set()

    def _keep(self, row: ActionRow) -> None:
        self._rows[row.action.effect] = row
        heapq.heappush(self._heap, (row.next_us, row.action.effect))

    def head_us(self) -> int:
        """When the first row in memory is due; `NEVER_US` when there is none."""
        while self._heap:
            due_us, effect = self._heap[0]
            row = self._rows.get(effect)
            if row is not None and row.next_us == due_us:
                return due_us
            heapq.heappop(self._heap)
        return NEVER_US

    def take(self, now_us: int, count: int) -> list[ActionRow]:
        """At most `count` rows that are due, now busy."""
        taken: list[ActionRow] = []
        while self._heap and self._heap[0][0] <= now_us and len(taken) < count:
            due_us, effect = heapq.heappop(self._heap)
            row = self._rows.get(effect)
            if row is None or row.next_us != due_us:
                continue  # it was removed, or waits for another instant
            del self._rows[effect]
            self.busy[effect] = row
            if self._touched is not None:
                self._touched.add(effect)
            taken.append(row)
        return taken

    def done(self, effect: bytes) -> None:
        """A busy row has come to an end or was committed anew; its place is free."""
        self.busy.pop(effect, None)
        self.bell.set()

    def remove(self, effect: bytes) -> ActionRow | None:
        """Take a waiting row out for good; None when it does not wait here."""
        row = self._rows.pop(effect, None)
        if row is not None and self._touched is not None:
            self._touched.add(effect)
        return row

    def waiting(self) -> Iterable[ActionRow]:
        """The rows in memory that wait, in no order."""
        return list(self._rows.values())

    def wants_scan(self, now_us: int) -> bool:
        """Whether rows on disk are due and there is room for them, or nothing in memory is due."""
        return self.disk_due_us <= now_us and (len(self._rows) <= self._rows_max // 2 or self.head_us() > now_us)

    async def rest(self, clock: Clock, until_us: int) -> None:
        """Sleep until an instant or until something changes."""
        if until_us >= NEVER_US:
            await self.bell.wait()
            return
        bell = asyncio.ensure_future(self.bell.wait())
        alarm = asyncio.ensure_future(clock.sleep_until(until_us))
        try:
            await asyncio.wait({bell, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            bell.cancel()
            alarm.cancel()

    # A scan reads the disk in pieces while work goes on; what is taken meanwhile is remembered, so that what was read
    # before it is not queued again.

    def begin_scan(self, now_us: int) -> None:
        """A scan begins. What it must find to fill the memory is counted in rows that are due."""
        self._touched = set(self.busy)
        self._offered = []
        self._scan_us = now_us
        self._wanted = self._rows_max if self.head_us() > now_us else self._rows_max - len(self._rows)
        self.disk_due_us = NEVER_US

    def offer(self, row: ActionRow) -> None:
        """A pending row was found on disk."""
        if row.action.effect in self:
            return
        self._offered.append(row)
        self._wanted -= row.next_us <= self._scan_us
        if len(self._offered) > 2 * self._rows_max + 1_000:
            self._shrink()

    @property
    def sated(self) -> bool:
        """Whether the scan has found as many due rows as there is room for."""
        return self._wanted <= 0

    def _shrink(self) -> None:
        """Keep the earliest offers, and remember when the first of the rest is due."""
        ordered = sorted(self._offered, key=_due)
        self._offered = ordered[: self._rows_max]
        if len(ordered) > self._rows_max:
            self.disk_due_us = min(self.disk_due_us, ordered[self._rows_max].next_us)

    def end_scan(self, dropped: set[bytes]) -> None:
        """The scan is complete: the earliest of what waits in memory and on disk is in memory now."""
        touched, self._touched = (self._touched or set()) | dropped, None
        fresh = [row for row in self._offered if row.action.effect not in touched and row.action.effect not in self._rows]
        ordered = sorted([*self._rows.values(), *fresh], key=_due)
        if len(ordered) > self._rows_max:
            self.disk_due_us = min(self.disk_due_us, ordered[self._rows_max].next_us)
        self._offered, self._rows, self._heap = [], {}, []
        for row in ordered[: self._rows_max]:
            self._keep(row)
        self.bell.set()


def _due(row: ActionRow) -> tuple[int, bytes]:
    return row.next_us, row.action.effect
