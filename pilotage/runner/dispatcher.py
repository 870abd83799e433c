"""The dispatcher: it hands over what was decided, once, and brings back what became of it. One per worker process.

Each channel, and each endpoint of calls, has its own queue and task. What is due is checked again, claimed (many claims
in one commit, durable before any provider is called), handed over, and its outcome committed; then its receipt is
submitted as an event of its subject (`teller`), and only then is the row let go. A crash in between repeats the receipt, whose id
makes it recognisable; a crash between claim and outcome leaves the fate unknown, and `resume` settles it.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence

import msgspec
import structlog

from pilotage.channel.channel import Message, Receipt
from pilotage.channel.ratelimit import RateLimit
from pilotage.event.time import DAY_US, SECOND_US
from pilotage.journey.outcome import Action
from pilotage.runner import outbox
from pilotage.runner.backlog import Backlog
from pilotage.runner.channel_queue import ChannelQueue
from pilotage.runner.clock import Clock
from pilotage.runner.delivery import Ports, Ready, Rows, look, queue_name, settle, unknown
from pilotage.runner.handover import HandOver, HandOvers
from pilotage.runner.meter import Counts, Meter
from pilotage.runner.outbox import ActionRow, Status, cancel_key, encode_row, first_row
from pilotage.runner.retention import LISTED_DAYS
from pilotage.runner.teller import Teller

__all__ = ["Counts", "DispatchLimits", "Dispatcher", "Meter"]

log = structlog.get_logger("pilotage.dispatcher")

TIDY_AFTER_S = 0.05
"""How long finished rows may lie before they are let go, if no other commit takes them along."""


LOOKED_UP_AT_ONCE = 256
"""How many cancelled actions that are not in memory are looked up before their subjects are told."""

LATE_MAX = 1_000
"""How many of the latest late cancellations are held in memory; all of them are on disk."""


class DispatchLimits(msgspec.Struct, frozen=True):
    """Bounds. `rows_in_memory` is per queue; the rest waits on disk. `claims` is how many share a commit. A claim older
    than `claim_to_call_s` of real time is made anew before the call. `send_timeout_s` bounds one hand-over, in real
    time. `page_rows` is how much of the disk one step of a scan reads. What is at its end stays listed `listed_days`."""

    rows_in_memory: int = 20_000
    claims: int = 256
    claim_to_call_s: float = 0.5
    send_timeout_s: float = 60.0
    page_rows: int = 2_000
    listed_days: int = LISTED_DAYS


class Dispatcher:
    """Make it inside a running event loop, `await resume()`, then `add` and `cancel` what commits bring.

    After a fault of the store or of a port it stops for good: `fault` holds the cause and `stopped` is set. Every row
    is on disk as far as it had come."""

    def __init__(
        self,
        ports: Ports,
        clock: Clock,
        rates: Mapping[str, RateLimit] | None = None,
        limits: DispatchLimits | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.ports = ports
        self.fault: BaseException | None = None
        self.stopped = asyncio.Event()
        self.late: deque[ActionRow] = deque(maxlen=LATE_MAX)
        self._clock = clock
        self._limits = limits or DispatchLimits()
        self._meter: Meter = meter or Counts()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: set[asyncio.Task[None]] = set()
        self._cancelled: set[bytes] = set()
        self._outcomes: list[tuple[ChannelQueue, ActionRow]] = []
        self._storing = False
        self._tidy: list[tuple[bytes, bytes | None]] = []
        self._tidying = False
        self._forget_us = 0
        self._draining = False
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._teller = Teller(ports, clock, self._let_go, lambda work: self._spawn(work, self._tasks, "receipts"))
        bounds = self._limits
        self._calls = HandOvers(
            ports.channels, bounds.send_timeout_s, lambda work: self._spawn(work, self._tasks, "hand over"), self._handed_over
        )
        self._backlog = Backlog(
            ports, clock, rates or {}, bounds.rows_in_memory, bounds.page_rows, self._start, self._let_go, self._withdraw
        )

    # What commits bring

    def add(self, actions: Iterable[Action]) -> None:
        """Actions whose rows have been committed."""
        for action in actions:
            self._backlog.queue(action).put(first_row(action))

    def cancel(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Actions, as (subject, effect), that must not leave any more; their cancellations have been committed. Of those
        that have not left the subject is told at once; what was handed to a provider already is listed under `late`."""
        waiting: list[ActionRow] = []
        elsewhere: list[tuple[bytes, bytes]] = []
        for subject, effect in pairs:
            queue = self._backlog.queue_with(effect)
            if queue is None:
                self._backlog.bar(effect)
                elsewhere.append((subject, effect))
            else:
                waiting += self._cancel_in(queue, effect)
        if waiting:
            self._spawn(self._withdraw(waiting), self._tasks, "cancel")
        if elsewhere:
            self._spawn(self._cancel_elsewhere(elsewhere), self._tasks, "cancel elsewhere")

    def _cancel_in(self, queue: ChannelQueue, effect: bytes) -> list[ActionRow]:
        """The row if it was waiting; one that is busy is marked."""
        row = queue.remove(effect)
        if row is not None:
            self._backlog.bar(effect)
            return [row]
        self._cancelled.add(effect)
        if effect in self._calls:
            self._note_late(queue, effect)
        return []

    async def _cancel_elsewhere(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Actions that were not in memory: on disk, or at an end already, which makes the cancellation void."""
        await self._resumed.wait()
        for first in range(0, len(pairs), LOOKED_UP_AT_ONCE):
            rows: list[ActionRow] = []
            for subject, effect in pairs[first : first + LOOKED_UP_AT_ONCE]:
                queue = self._backlog.queue_with(effect)
                found = None if queue is not None else await self._backlog.find(subject, effect)
                if found is not None and found.status is Status.PENDING:
                    rows.append(found)
                    continue
                self._backlog.unbar(effect)
                if queue is not None:  # put back while resuming
                    rows += self._cancel_in(queue, effect)
                else:
                    self._let_go([(cancel_key(subject, effect), None)])
            await self._withdraw(rows)

    async def _withdraw(self, rows: Sequence[ActionRow]) -> None:
        """Barred actions that have not left and never will: their subjects are told, then row and cancellation go
        together. A claim is first taken back on disk, so that a crash cannot make its fate unknown."""
        gone = [outbox.cancelled(row) for row in rows]
        claims = [encode_row(after) for before, after in zip(rows, gone, strict=True) if before.status is Status.CLAIMED]
        if claims:
            await self._commit(claims)
        for row in gone:
            self._meter.count("cancelled", queue_name(row.action))
        await self._teller.submit(gone)
        keys = [key for row in gone for key in (row.key, cancel_key(row.action.subject, row.action.effect))]
        await self._commit([(key, None) for key in keys])
        for row in gone:
            self._backlog.unbar(row.action.effect)

    def _note_late(self, queue: ChannelQueue, effect: bytes) -> None:
        queue.busy[effect] = outbox.cancelled_late(queue.busy[effect])
        self.late.append(queue.busy[effect])
        self._meter.count("cancelled_late", queue.name)

    # The loop of one queue

    def _start(self, queue: ChannelQueue) -> None:
        self._spawn(self._run(queue), self._loops, f"dispatch {queue.name}")

    async def _run(self, queue: ChannelQueue) -> None:
        while True:
            await self._resumed.wait()
            if self._draining:
                return
            queue.bell.clear()
            now_us = self._clock.now_us()
            if queue.wants_scan(now_us):
                await self._backlog.scan()
                continue
            free = queue.limit.concurrency - len(queue.busy)
            tokens = queue.bucket.available(now_us)
            rows = queue.take(now_us, min(free, tokens, self._limits.claims))
            if rows:
                await self._begin(queue, rows)
            elif free <= 0:
                await queue.bell.wait()
            else:
                due_us = min(queue.head_us(), queue.disk_due_us)
                await queue.rest(self._clock, due_us if tokens else max(due_us, queue.bucket.next_us(now_us)))

    async def _begin(self, queue: ChannelQueue, rows: list[ActionRow]) -> None:
        """Check what is due, claim what may leave in one commit, and begin the hand-overs."""
        now_us = self._clock.now_us()
        claimed_s = _real_s()
        claims: list[tuple[ActionRow, Message]] = []
        others: list[ActionRow] = []
        for row in rows:
            found = look(self.ports, row, now_us)
            if isinstance(found, Ready):
                claims.append((outbox.claimed(row, now_us), found.message))
            else:
                others.append(found)
        queue.bucket.take(len(claims))
        for row, _ in claims:
            queue.busy[row.action.effect] = row
        await self._commit([encode_row(row) for row in (*others, *(row for row, _ in claims))])
        for row in others:
            self._after_commit(queue, row)
        await self._call_all(queue, claims, claimed_s)

    async def _call_all(self, queue: ChannelQueue, claims: list[tuple[ActionRow, Message]], claimed_s: float) -> None:
        if claims and _real_s() - claimed_s > self._limits.claim_to_call_s:
            claims = await self._claim_anew(queue, claims)
        for row, message in claims:
            effect = row.action.effect
            if effect in self._cancelled:
                self._cancel_taken(queue, row)
                continue
            self._meter.count("claimed", queue.name)
            self._meter.observe("claim_delay", queue.name, (row.claimed_us - row.action.not_before_us) / SECOND_US)
            self._calls.begin(queue, row, message)

    async def _claim_anew(self, queue: ChannelQueue, claims: list[tuple[ActionRow, Message]]) -> list[tuple[ActionRow, Message]]:
        """The commit took so long that the claims' times no longer say when the calls began."""
        now_us = self._clock.now_us()
        fresh = [(outbox.reclaimed(row, now_us), message) for row, message in claims]
        for row, _ in fresh:
            queue.busy[row.action.effect] = row
        self._meter.count("reclaimed", queue.name, len(fresh))
        await self._commit([encode_row(row) for row, _ in fresh])
        return fresh

    def _handed_over(self, call: HandOver, receipt: Receipt, seconds: float) -> None:
        queue = call.queue
        self._meter.observe("hand_over", queue.name, seconds)
        settled = settle(self.ports, queue.busy[call.effect], receipt, self._clock.now_us())  # it may have been cancelled meanwhile
        self._outcomes.append((queue, settled))
        if not self._storing:
            self._storing = True
            self._spawn(self._store_outcomes(), self._tasks, "outcomes")

    async def _store_outcomes(self) -> None:
        """Commit what hand-overs have come to, as many together as have ended while the last were written."""
        while self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            await self._commit([encode_row(row) for _, row in outcomes])
            for queue, row in outcomes:
                self._after_commit(queue, row)
        self._storing = False

    def _after_commit(self, queue: ChannelQueue, row: ActionRow) -> None:
        """A row's new standing is durable: queue it again, or tell its subject."""
        effect = row.action.effect
        if effect in self._cancelled:
            self._cancelled.discard(effect)
            if not row.finished:
                self._cancel_taken(queue, row)
                return
            self._let_go([(cancel_key(row.action.subject, effect), None)])
        queue.done(effect)
        if row.finished:
            self._meter.count(row.status.value, queue.name)
            self._teller.tell(row)
        else:
            self._meter.count("held" if row.held else "deferred", queue.name)
            queue.put(row)

    def _cancel_taken(self, queue: ChannelQueue, row: ActionRow) -> None:
        """A busy row, cancelled before it was handed over."""
        effect = row.action.effect
        self._cancelled.discard(effect)
        self._backlog.bar(effect)
        queue.done(effect)
        self._spawn(self._withdraw([row]), self._tasks, "cancel")

    # Letting rows go

    def _let_go(self, rows: Rows) -> None:
        """Rows to remove or to mark as done; they go with the next commit, or soon. Losing them in a crash only repeats
        receipts."""
        self._tidy += rows
        if not self._tidying:
            self._tidying = True
            self._spawn(self._tidy_soon(), self._tasks, "tidy")

    async def _tidy_soon(self) -> None:
        await asyncio.sleep(0 if self._draining else TIDY_AFTER_S)
        self._tidying = False
        if self._tidy:
            await self._commit([])
        now_us = self._clock.now_us()
        if now_us >= self._forget_us and not self._draining:
            self._forget_us = now_us + DAY_US
            await self._backlog.forget(now_us - self._limits.listed_days * DAY_US)

    async def _commit(self, rows: Rows) -> None:
        """Commit rows together with what was waiting to be let go. What was let go comes first: a re-driven row stays."""
        tidy, self._tidy = self._tidy, []
        await self.ports.commit_rows([*tidy, *rows])

    # The disk

    async def resume(self) -> None:
        """Take up what an earlier process left: queue what is pending, settle claims without an outcome, submit the
        receipts that were not. Call it once, at first; what is added meanwhile waits, so that no claim of this process is
        taken for one of the process before."""
        self._resumed.clear()
        left = await self._backlog.scan(first=True)
        for row in left.unreceipted:
            self._teller.tell(row)
        now_us = self._clock.now_us()
        claims = [outbox.cancelled_late(row) if row.action.effect in left.late else row for row in left.claimed]
        settled = [unknown(self.ports, row, "the process ended during hand-over", now_us) for row in claims]
        if settled:
            await self._commit([encode_row(row) for row in settled])
        for row in settled:
            self._meter.count("orphaned", queue_name(row.action))
            self._after_commit(self._backlog.queue(row.action), row)
        self._resumed.set()

    # People

    def switches_changed(self) -> None:
        """A kill switch was set or lifted: what is held looks again."""
        self._backlog.look_again()

    async def rows(self, statuses: frozenset[Status], limit: int = 100, after: bytes = b"") -> list[ActionRow]:
        """At most `limit` rows of some statuses, in key order after a key: dead letters, unknown fates, what waits."""
        return await self._backlog.listed(statuses, limit, after)

    async def redrive(self, rows: Sequence[ActionRow]) -> int:
        """Put dead letters, or actions of unknown fate, back with all their attempts and the same keys; how many."""
        now_us = self._clock.now_us()
        fresh = [outbox.redriven(row, now_us) for row in rows if row.status in (Status.FAILED, Status.UNKNOWN) and row.receipted]
        await self._commit([encode_row(row) for row in fresh])
        for row in fresh:
            self._backlog.queue(row.action).put(row)
        return len(fresh)

    def depth(self) -> dict[str, tuple[int, int, bool]]:
        """For each queue: rows waiting in memory, rows busy, and whether there are more on disk."""
        return {name: (len(queue), len(queue.busy), queue.spilled) for name, queue in self._backlog.queues.items()}

    @property
    def untold(self) -> int:
        """How many subjects have not been told yet what became of an action."""
        return self._teller.waiting + len(self._outcomes)

    # The end

    async def drain(self, grace_s: float = 10.0) -> bool:
        """Begin nothing new, let hand-overs under way end and their receipts be stored; whether all did in time."""
        self._draining = True
        self._resumed.set()
        for queue in self._backlog.queues.values():
            queue.bell.set()
        waiting = self._loops | self._tasks
        try:
            async with asyncio.timeout(grace_s):
                while waiting and self.fault is None:
                    await asyncio.wait(waiting)
                    waiting = self._loops | self._tasks
        except TimeoutError:
            return False
        return self.fault is None

    async def stop(self, grace_s: float = 10.0) -> None:
        """Drain, then give up what has not ended: it is found as claimed when the next process resumes."""
        await self.drain(grace_s)
        unfinished = self._loops | self._tasks
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        self.stopped.set()

    def _spawn(self, work: Coroutine[None, None, None], group: set[asyncio.Task[None]], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        group.add(task)
        task.add_done_callback(lambda done: self._ended(done, group))

    def _ended(self, task: asyncio.Task[None], group: set[asyncio.Task[None]]) -> None:
        group.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is None or self.fault is not None:
            return
        self.fault = fault
        log.error("dispatcher stopped", fault=type(fault).__name__)
        for other in self._loops | self._tasks:
            other.cancel()
        self.stopped.set()


def _real_s() -> float:
    """Real seconds, whatever the clock: how long a commit or a call takes does not scale with it."""
    return asyncio.get_running_loop().time()
