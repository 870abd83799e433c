"""The loop over the shards of one process: it takes what is queued, advances it, makes it durable, then acknowledges.

Commits are grouped. When nothing is being written and nothing waits, what has come is written at once; while a write is under way, or
more waits, the group grows, within bounds: an idle engine adds no delay, and a busy one writes in large groups. Timers are never
polled: one sleep lasts until the earliest instant at which any subject needs attention. What was due is settled a few milliseconds at
a time between live events, so that neither starves the other.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.runner.arrival import Arrival, Result, Sealed
from pilotage.runner.clock import Clock
from pilotage.runner.pace import EngineLimits, Pace, Portion
from pilotage.runner.retention import Retention
from pilotage.runner.saver import Saver, save_whole
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import (
    Answers,
    Commit,
    Row,
    Ticket,
    Work,
    apply_tickets,
    refuse,
    routed,
    shard_of,
    shard_of_key,
    with_rows,
    write_parts,
)
from pilotage.source.sink import Overloaded, Unavailable

STEPS = 6
"""How many steps everybody else gets between two rounds. A request needs several, from its first byte to its answer, and a
hand-over too; with one step a round each of them would wait out a round."""


ERRANDS_GROW = 2
"""So many times larger a group may grow by background work while the one before is being written, instead of waiting for it."""


class _Adoption(msgspec.Struct):
    """A program that is about to take over."""

    program: Any
    plan: str
    done: "asyncio.Future[None]"


Errand = Callable[[int], int]
"""A little of some background work on a shard, at an instant: applies events or lets subjects settle, and returns how many
records it made."""

Listener = Callable[[int, Sealed], None]
"""Called with a shard's number and what it committed, in commit order, on the loop's thread."""


class Engine:
    """Runs some shards in one process. Make it inside a running event loop, then `start`.

    After `StoreFull`, or any fault while advancing, the engine stops for good: what was not acknowledged fails with
    `Unavailable`, `failure` holds the cause, and `closed` resolves. Everything acknowledged is on disk. `on_commit` is called
    with the events of each group commit and the seconds it took.
    """

    def __init__(self, shards: Sequence[Shard], clock: Clock, limits: EngineLimits | None = None) -> None:
        self.shards = {shard.number: shard for shard in shards}
        self.numbers = frozenset(self.shards)
        self.limits = limits or EngineLimits()
        self.failure: BaseException | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queued_events = 0
        self.queued_bytes = 0
        self.pace = Pace()
        self.on_commit: Callable[[int, float], None] = lambda events, took_s: None
        self._clock = clock
        self._listeners: list[Listener] = []
        self._queue: deque[Ticket] = deque()
        self._applied: list[Ticket] = []
        self._applied_events = 0
        self._applied_s = 0.0
        self._chunk = Portion(self.limits.chunk_s, min(self.limits.chunk_least, self.limits.chunk_events), self.limits.chunk_events)
        self._wakes = Portion(self.limits.wake_s, self.limits.wake_least, self.limits.wake_most)
        self._errands: deque[tuple[Errand, asyncio.Future[None]]] = deque()
        self._rows: dict[int, list[Row]] = {}
        self._row_futures: list[asyncio.Future[None]] = []
        self._bell = asyncio.Event()
        self._commit: Commit | None = None
        self._flush: asyncio.Task[None] | None = None
        self._forget: asyncio.Task[None] | None = None
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_us = 0
        self._saving_call: asyncio.TimerHandle | None = None
        self._pool = ThreadPoolExecutor(self.limits.threads, thread_name_prefix="commit")
        self._stopping = False
        self._saver = Saver(shards)
        self._retention = Retention(shards, self.limits.retention_days, self.limits.forget_every_s)
        self._adopting: _Adoption | None = None
        self._loop_task: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """Hand every commit to a listener too."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin. The shards must have recovered."""
        self._loop_task = self._watch(asyncio.create_task(self._run(), name="engine"))

    def submit(self, work: Work, *, urgent: bool = False) -> "asyncio.Future[Answers]":
        """Queue arrivals; the future resolves when all are durable. Order of calls is order of application.

        Raises `Overloaded` when the queue is full (never for `urgent` work, which is the system's own), `Unavailable`
        when the engine has stopped."""
        self._refuse_stopped()
        ticket = Ticket(work, asyncio.get_running_loop().create_future())
        if not urgent:
            self.admit(ticket.count, ticket.size_bytes)
        self._queue.append(ticket)
        self.queued_events += ticket.count
        self.queued_bytes += ticket.size_bytes
        self._bell.set()
        return ticket.future

    def admit(self, events: int, size_bytes: int) -> None:
        """Raise `Overloaded` if so much more would not fit; an empty queue takes anything."""
        over = self.queued_events + events > self.limits.queue_events or self.queued_bytes + size_bytes > self.limits.queue_bytes
        if over and self.queued_events:
            raise Overloaded(self.pace.seconds_for(self.queued_events))

    async def submit_told(self, told: Sequence[tuple[bytes, Event]]) -> list[Result]:
        """Apply events of the system's own (receipts, clicks), each told to a subject; the results in their order, when all
        are durable."""
        answers = await self.submit(routed([Arrival(subject, event) for subject, event in told]), urgent=True)
        ordered = {number: iter(results) for number, results in answers.items()}
        return [next(ordered[shard_of(subject)]) for subject, _ in told]

    async def commit_rows(self, rows: Sequence[tuple[bytes, bytes | None]], table: str = "action") -> None:
        """Write rows durably with the next group commit. Each goes to the shard its key's partition names."""
        self._refuse_stopped()
        if not rows:
            return
        for key, value in rows:
            self._rows.setdefault(shard_of_key(key), []).append((table, key, value))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._row_futures.append(future)
        self._bell.set()
        await future

    def note(self, number: int, row: Row) -> None:
        """Write a row of a shard's own with its next group commit, whenever that is."""
        self._rows.setdefault(number, []).append(row)

    async def errand(self, errand: Errand) -> None:
        """Do a little background work between live events; returns when what it did, and every row it noted, is durable, both in
        one commit. One that raises ends the engine."""
        self._refuse_stopped()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._errands.append((errand, done))
        self._bell.set()
        await done

    def _run_errand(self) -> bool:
        """One errand a round, so that live events wait for none but it."""
        if not self._errands:
            return False
        errand, done = self._errands.popleft()
        self._row_futures.append(done)
        self._applied_events += errand(self._clock.now_us())
        return True

    async def adopt(self, program: Any, plan: str) -> None:
        """Go on under another program; returns when every shard has. What was taken before is decided under the old one
        or the new, never both."""
        self._refuse_stopped()
        if self._adopting is not None:
            await asyncio.shield(self._adopting.done)
        self._adopting = _Adoption(program, plan, asyncio.get_running_loop().create_future())
        self._bell.set()
        await asyncio.shield(self._adopting.done)

    def _adopt(self) -> None:
        """Right after sealing, when no segment is open, a waiting program may take over."""
        if self._adopting is None:
            return
        for shard in self.shards.values():
            shard.adopt(self._adopting.program, self._adopting.plan)
        adoption, self._adopting = self._adopting, None
        adoption.done.set_result(None)
        self._bell.set()

    def _refuse_stopped(self) -> None:
        if self.failure is not None:
            raise Unavailable(f"the engine has stopped: {self.failure}")
        if self._stopping:
            raise Unavailable("the engine is stopping")

    async def stop(self) -> None:
        """Take nothing more, finish what was taken, save for a while, and let go of the disk threads."""
        self._stopping = True
        self._bell.set()
        tasks = [task for task in (self._loop_task, self._flush, self._forget) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._commit is not None:  # the loop ended by a fault; whoever waits for this group is answered all the same
            wait(self._commit.lanes)
            self._end_commit()
        self._silence()
        if self.failure is None:
            await self._save_whole()
        self._pool.shutdown()
        if not self.closed.done():
            self.closed.set_result(None)

    async def _run(self) -> None:
        """The loop. Any fault ends it: a half-known state must not go on deciding."""
        while not (self._stopping and self._idle()):
            self._bell.clear()
            if self._work():
                for _ in range(STEPS):
                    await asyncio.sleep(0)
            else:
                self._arm()
                await self._bell.wait()

    def _watch(self, task: "asyncio.Task[None]") -> "asyncio.Task[None]":
        """Stop the engine when one of its tasks ends by a fault."""
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._fail(fault)

    def _idle(self) -> bool:
        return not (self._queue or self._applied or self._row_futures or self._commit or self._errands)

    def _work(self) -> bool:
        """One round: some live events, some due subjects, a commit if none is under way, some saving."""
        worked = self._end_commit()
        if self.failure is not None:
            raise self.failure
        begun_s = time.perf_counter()
        if self._may_grow():
            worked = self._apply_some() or worked
            worked = self._wake_some() or worked
        if self._may_grow(1 if self._commit is None else ERRANDS_GROW):
            worked = self._run_errand() or worked
        self._applied_s += time.perf_counter() - begun_s
        self._end_commit()
        if self._commit is None and not (self._queue and self._may_grow()):
            worked = self._begin_commit() or worked
        return self._save_some() or worked

    def _may_grow(self, times: int = 1) -> bool:
        """Whether more may be advanced before what was is written; nothing more under a program that is about to go."""
        grown = self._applied_events >= self.limits.commit_events or self._applied_s >= self.limits.group_target_s * times
        return not (grown or self._adopting)

    def _apply_some(self) -> bool:
        tickets: list[Ticket] = []
        events = 0
        while self._queue and events < self._chunk.count:
            ticket = self._queue.popleft()
            tickets.append(ticket)
            events += ticket.count
            self.queued_events -= ticket.count
            self.queued_bytes -= ticket.size_bytes
        if not tickets:
            return False
        self._applied.extend(tickets)
        self._applied_events += events
        begun_s = time.perf_counter()
        apply_tickets(tickets, self.shards, self._clock.now_us())
        self._chunk.done(events, time.perf_counter() - begun_s)
        return True

    def _wake_some(self) -> bool:
        """Settle some of what is due in the shard where it has been due longest: one shard at a time, since one large
        read of its cold states costs less than eight small ones."""
        if self._stopping:
            return False
        now_us = self._clock.now_us()
        due = [(due_us, number) for number, shard in self.shards.items() if 0 < (due_us := shard.next_due_us()) <= now_us]
        if not due:
            return False
        begun_s, shard = time.perf_counter(), self.shards[min(due)[1]]
        self._applied_events += (woken := shard.wake(now_us, self._wakes.count))
        self._wakes.done(woken, time.perf_counter() - begun_s)
        return True

    def _begin_commit(self) -> bool:
        """Seal what was applied and write it on the disk threads. Whatever was decided before is durable by then, so a
        ticket that brought only duplicates is answered no earlier than its originals."""
        commit = Commit([], self._applied, self._row_futures, self._applied_events)
        for number, shard in self.shards.items():
            sealed = shard.seal()
            rows = self._rows.pop(number, None)
            if sealed is not None or rows:
                commit.parts.append((shard, with_rows(sealed, rows), sealed))
        self._applied, self._row_futures, self._applied_events, self._applied_s = [], [], 0, 0.0
        self._adopt()
        if not commit.parts:
            commit.answer()
            return bool(commit.tickets or commit.row_futures)
        commit.begun_s = time.perf_counter()
        threads = min(self.limits.threads, len(commit.parts))
        commit.lanes = [self._pool.submit(write_parts, commit.parts[lane::threads]) for lane in range(threads)]
        self._commit = commit
        loop = asyncio.get_running_loop()
        for lane in commit.lanes:
            lane.add_done_callback(lambda _: loop.call_soon_threadsafe(self._end_commit))
        return True

    def _end_commit(self) -> bool:
        """Take note of a group that has been written; whether there was one. The loop looks itself between its chunks: a
        task woken by the disk threads would sit out a round of the loop at each step from future to future."""
        commit = self._commit
        if commit is None or not commit.written:
            return False
        self._commit = None
        try:
            fault = commit.fault()
            if fault is not None:
                raise fault
            took_s = time.perf_counter() - commit.begun_s
            self.pace.committed(commit.events, took_s)
            self.on_commit(commit.events, took_s)
            self._committed(commit)
        except Exception as fault:  # noqa: BLE001  # whatever it was, nobody may be told that this group is durable
            self._refuse_all(commit.tickets, commit.row_futures, fault)
            self._fail(fault)
        return True

    def _committed(self, commit: Commit) -> None:
        for shard, _, sealed in commit.parts:
            if sealed is not None:
                shard.committed(sealed)
                self._saver.committed(shard, len(sealed.segment.records), time.monotonic())
                self._saver.marked(shard)
        commit.answer()
        self._forget_some()
        self._bell.set()
        for shard, _, sealed in commit.parts:
            if sealed is not None:
                for listener in self._listeners:
                    listener(shard.number, sealed)

    def _save_some(self) -> bool:
        """A slice of saving, and a flush on a disk thread when a shard's cycle is through."""
        if self._stopping:
            return False
        worked = self._saver.some(time.monotonic(), idle=not self._queue)
        shard = self._saver.to_flush()
        if shard is not None and self._flush is None:
            self._flush = self._watch(asyncio.create_task(self._flush_shard(shard), name="flush"))
        return worked

    async def _flush_shard(self, shard: Shard) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, shard.store.flush)
        self._saver.flushed(shard, time.monotonic())
        self._flush = None
        self._bell.set()

    def _forget_some(self) -> None:
        """Now and then, begin to remove log that is older than it is kept."""
        if self._forget is None and not self._stopping and self._retention.due(time.monotonic()):
            self._forget = self._watch(asyncio.create_task(self._forget_old(), name="forget"))

    async def _forget_old(self) -> None:
        for shard, before_us in self._retention.turns(self._clock.now_us()):
            await asyncio.get_running_loop().run_in_executor(self._pool, shard.forget, before_us)
        self._forget = None

    async def _save_whole(self) -> None:
        """At a clean stop everything is saved, so that the next start has nothing to advance again."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.gather(*(loop.run_in_executor(self._pool, save_whole, shard) for shard in self.shards.values()))
        except OSError as fault:
            self._fail(fault)

    def _arm(self) -> None:
        """One sleep until the earliest due instant; a sleep that turns out too early is left to end by itself."""
        if self._stopping:
            return
        self._arm_saving()
        if self._commit is not None:
            return  # its end rings the bell
        due_us = min((due for shard in self.shards.values() if (due := shard.next_due_us())), default=0)
        if not due_us:
            return
        if self._alarm is not None and not self._alarm.done():
            if self._alarm_us <= due_us:
                return
            self._alarm.cancel()
        self._alarm_us = due_us
        self._alarm = asyncio.create_task(self._ring_at(due_us), name="alarm")

    def _arm_saving(self) -> None:
        """One call when a quiet shard wants to be saved."""
        at_s = self._saver.next_idle_s()
        if at_s is None or self._saving_call is not None:
            return
        self._saving_call = asyncio.get_running_loop().call_later(max(0.0, at_s - time.monotonic()), self._ring_saving)

    def _ring_saving(self) -> None:
        self._saving_call = None
        self._bell.set()

    async def _ring_at(self, due_us: int) -> None:
        await self._clock.sleep_until(due_us)
        self._bell.set()

    def _silence(self) -> None:
        """Call off what would ring later."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._saving_call is not None:
            self._saving_call.cancel()

    def _fail(self, fault: BaseException) -> None:
        """Stop for good. Nobody is told that something is durable that may not be."""
        if self.failure is None:
            self.failure = fault
        self._refuse_all([*self._applied, *self._queue], self._row_futures, fault)
        self._queue.clear()
        self._refuse_all((), [done for _, done in self._errands], fault)
        self._errands.clear()
        self._applied, self._row_futures = [], []
        self.queued_events = self.queued_bytes = 0
        self._bell.set()
        self._silence()
        if not self.closed.done():
            self.closed.set_result(None)

    def _refuse_all(self, tickets: Sequence[Ticket], row_futures: "Sequence[asyncio.Future[None]]", fault: BaseException) -> None:
        refusal = Unavailable(f"the engine has stopped: {fault}")
        futures: list[asyncio.Future[Any]] = [*(ticket.future for ticket in tickets), *row_futures]
        for future in futures:
            refuse(future, refusal)
