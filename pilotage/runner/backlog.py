"""Everything that waits to leave: the queues of all channels, and the scans that fill them from disk.

Every row is on disk; the queues hold the earliest of each channel. A scan reads the action table in pieces while work
goes on. It finds cancellations beside the rows they cancel, and at start also what an earlier process left unfinished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from pilotage.channel.ratelimit import RateLimit
from pilotage.journey.outcome import Action
from pilotage.runner import outbox
from pilotage.runner.channel_queue import ChannelQueue
from pilotage.runner.clock import Clock
from pilotage.runner.delivery import Ports, Rows, channel_name, queue_name
from pilotage.runner.outbox import CANCEL, ActionRow, Status, action_key, cancel_key, decode_row, split_key


class LeftOver(msgspec.Struct):
    """What the first scan found unfinished: rows claimed without an outcome (`late`: those cancelled since), and rows
    at an end whose receipt is not in the log."""

    claimed: list[ActionRow] = msgspec.field(default_factory=list)
    unreceipted: list[ActionRow] = msgspec.field(default_factory=list)
    late: set[bytes] = msgspec.field(default_factory=set)


class Backlog:
    """The queues. `begin` is called with each new one; `let_go` takes rows that may be removed, `withdraw` barred rows
    that a scan found cancelled: it ends when their rows are gone."""

    def __init__(
        self,
        ports: Ports,
        clock: Clock,
        rates: Mapping[str, RateLimit],
        rows_in_memory: int,
        page_rows: int,
        begin: Callable[[ChannelQueue], None],
        let_go: Callable[[Rows], None],
        withdraw: Callable[[list[ActionRow]], Awaitable[None]],
    ) -> None:
        self.queues: dict[str, ChannelQueue] = {}
        self._ports = ports
        self._clock = clock
        self._rates = rates
        self._rows_in_memory = rows_in_memory
        self._page_rows = page_rows
        self._begin = begin
        self._let_go = let_go
        self._withdraw = withdraw
        self._barred: set[bytes] = set()
        self._found: list[ActionRow] = []
        self._lock = asyncio.Lock()
        self._cursor = b""
        self._dropped: set[bytes] | None = None

    def queue(self, action: Action) -> ChannelQueue:
        """The queue an action belongs to, made when it is the first of its channel."""
        name = queue_name(action)
        queue = self.queues.get(name)
        if queue is None:
            limit = self._rates.get(name) or self._rates.get(channel_name(action)) or RateLimit()
            queue = self.queues[name] = ChannelQueue(name, limit, self._rows_in_memory)
            if self._dropped is not None:
                queue.begin_scan(self._clock.now_us())
            self._begin(queue)
        return queue

    def queue_with(self, effect: bytes) -> ChannelQueue | None:
        """The queue in whose memory an action waits or is busy."""
        return next((queue for queue in self.queues.values() if effect in queue), None)

    def bar(self, effect: bytes) -> None:
        """A cancelled action: no scan may bring it into memory any more."""
        self._barred.add(effect)
        self._drop(effect)

    def unbar(self, effect: bytes) -> None:
        """Its row is gone from the disk; a scan that has read it before leaves it out."""
        self._barred.discard(effect)
        self._drop(effect)

    def _drop(self, effect: bytes) -> None:
        if self._dropped is not None:
            self._dropped.add(effect)

    async def find(self, subject: bytes, effect: bytes) -> ActionRow | None:
        """An action's row on disk, or None when it has gone."""
        key = action_key(subject, effect)
        before = (int.from_bytes(key, "big") - 1).to_bytes(len(key), "big")
        page = await self._ports.page(before, 1)
        return decode_row(page[0][1]) if page and page[0][0] == key else None

    async def scan(self, *, first: bool = False) -> LeftOver:
        """Read the action table and fill the queues. With `first` it is read through, and also what an earlier process
        left unfinished is found. Otherwise reading goes on where it last ended, in a circle, and ends as soon as the
        queues that want rows have all they can hold: draining a long backlog costs one reading of it, not one for each
        time the memory is empty."""
        left = LeftOver()
        async with self._lock:
            now_us = self._clock.now_us()
            hungry = [queue for queue in self.queues.values() if queue.wants_scan(now_us)]
            if not first and not hungry:
                return left  # the scan just before has served this queue too
            self._dropped = set()
            due_us = {queue.name: queue.disk_due_us for queue in self.queues.values()}
            for queue in self.queues.values():
                queue.begin_scan(now_us)
            if not await self._circle(hungry, left if first else None):
                for queue in self.queues.values():  # what was not read is due as it was
                    queue.disk_due_us = min(queue.disk_due_us, due_us.get(queue.name, now_us))
            dropped, self._dropped = self._dropped, None
            for queue in self.queues.values():
                queue.end_scan(dropped)
        return left

    async def _circle(self, hungry: list[ChannelQueue], left: LeftOver | None) -> bool:
        """Read from the cursor to the end and from the beginning to the cursor; whether all was read."""
        start = self._cursor if left is None else b""
        legs = [(start, b""), (b"", start)] if start else [(b"", b"")]
        for begin, end in legs:
            self._cursor = await self._leg(begin, end, hungry, left)
            if self._cursor:
                return False
        return True

    async def _leg(self, begin: bytes, end: bytes, hungry: list[ChannelQueue], left: LeftOver | None) -> bytes:
        """Read the partitions from `begin` to before `end` (empty: the last); the partition to go on with if the hungry
        queues had enough before, else nothing. Partitions are read whole, for a partition's cancellations come after
        its rows."""
        seen: dict[bytes, ActionRow] = {}
        after, partition = begin, b""
        while page := await self._ports.page(after, self._page_rows):
            for key, value in page:
                if key[:2] != partition:
                    if end and key[:2] >= end:
                        return b""
                    if left is None and partition and all(queue.sated for queue in hungry):
                        return key[:2]
                    partition, seen = key[:2], {}
                kind, subject, effect = split_key(key)
                if kind == CANCEL:
                    self._cancellation(subject, effect, seen.get(effect), left)
                else:
                    seen[effect] = self._row(decode_row(value), left)
            after = page[-1][0]
            if self._found:
                found, self._found = self._found, []
                await self._withdraw(found)
            await asyncio.sleep(0)  # other work goes on between pages
        return b""

    def _row(self, row: ActionRow, left: LeftOver | None) -> ActionRow:
        if row.status is Status.PENDING:
            if row.action.effect in self._barred:
                return row
            if row.held and not self._ports.paused(row.action):
                row = outbox.deferred(row, self._clock.now_us(), "")
            self.queue(row.action).offer(row)
        elif left is not None and row.status is Status.CLAIMED:
            left.claimed.append(row)
        elif left is not None and not row.receipted:
            left.unreceipted.append(row)
        return row

    def _cancellation(self, subject: bytes, effect: bytes, row: ActionRow | None, left: LeftOver | None) -> None:
        """A cancellation was found on disk, and the row it cancels before it, unless that has gone."""
        if row is not None and row.status is Status.CLAIMED:
            if left is not None:
                left.late.add(effect)
        elif effect in self._barred or self.queue_with(effect) is not None:
            return  # the dispatcher has been told, or is about to be
        elif row is not None and row.status is Status.PENDING:
            self.bar(effect)
            self._found.append(row)
        else:
            self._let_go([(cancel_key(subject, effect), None)])

    async def forget(self, before_us: int) -> int:
        """Let go of actions at their end that have been listed since before an instant; how many."""
        gone: list[tuple[bytes, None]] = []
        after = b""
        while page := await self._ports.page(after, self._page_rows):
            for key, value in page:
                if split_key(key)[0] != CANCEL and outbox.listed_since(decode_row(value), before_us):
                    gone.append((key, None))
            after = page[-1][0]
            await asyncio.sleep(0)  # other work goes on between pages
        self._let_go(gone)
        return len(gone)

    def look_again(self) -> None:
        """A kill switch was set or lifted: what it held and holds no more is due now."""
        now_us = self._clock.now_us()
        for queue in self.queues.values():
            for row in queue.waiting():
                if row.held and not self._ports.paused(row.action):
                    queue.remove(row.action.effect)
                    queue.put(outbox.deferred(row, now_us, ""))
            if queue.spilled:
                queue.disk_due_us = now_us
            queue.bell.set()

    async def listed(self, statuses: frozenset[Status], limit: int, after: bytes) -> list[ActionRow]:
        """At most `limit` rows of some statuses, in key order after a key."""
        found: list[ActionRow] = []
        while page := await self._ports.page(after, self._page_rows):
            for key, value in page:
                if split_key(key)[0] != CANCEL and (row := decode_row(value)).status in statuses:
                    found.append(row)
                    if len(found) == limit:
                        return found
            after = page[-1][0]
            await asyncio.sleep(0)  # other work goes on between pages
        return found
