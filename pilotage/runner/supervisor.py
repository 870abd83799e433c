"""Worker processes and their keeping: each owns some shards; one that dies is started again and loses nothing.

To the front a worker looks like the engine of its own process. What was in flight when it died fails as `Unavailable`: the
sender tries again, and duplicates are recognised. The other workers go on. A worker whose disk takes no writes is not
started again; the whole system then stops, saying so.
"""

import asyncio
import contextlib
import itertools
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from pilotage.runner.courier import Deliver
from pilotage.runner.interpreter import settle, unsettle
from pilotage.runner.question import Question, decode_answer, encode
from pilotage.runner.store import StoreFull
from pilotage.runner.ticket import Answers, Work
from pilotage.runner.wire import (
    EXIT_STORE_FULL,
    Answered,
    Applied,
    Ask,
    Assignment,
    Delivered,
    Failed,
    Frame,
    Ready,
    Refused,
    Stop,
    Submit,
    Wire,
    WireBroken,
    open_wire,
    results,
)
from pilotage.runner.wire import Deliver as Parcels
from pilotage.source.sink import Overloaded, Unavailable

log = structlog.get_logger("pilotage.supervisor")

IN_FLIGHT_EVENTS_MAX = 50_000
IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
"""How much may be on its way to one worker before senders are asked for patience."""

BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before each start that follows a death, in seconds; the last one repeats."""

STOP_GRACE_S = 30.0
"""How long a worker may take to stop before it is killed; what it acknowledged is on disk anyway."""


STARTS_MAX = 8
"""How often a worker that has never been ready is tried."""


class WorkerFailed(RuntimeError):
    """A worker process could not be started, time after time. Its own last words on standard error say what to do."""

    def __init__(self, numbers: Sequence[int], code: int, reason: str) -> None:
        super().__init__(f"the worker of shards {sorted(numbers)} cannot be started (exit code {code}): {reason or 'see its output above'}")
        self.numbers = tuple(numbers)
        self.code = code


class _Sent:
    """A request on its way: the future of its answer, and what it weighs: its events, and the bytes of its frame."""

    __slots__ = ("events", "future", "question", "size_bytes")

    def __init__(self, events: int = 0, question: Question | None = None) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.events = events
        self.size_bytes = 0
        self.question = question


class Remote:
    """A worker process as the front sees it. `ready` says whether its shards can be reached now, `restarts` how often it
    was started again. `deliver` brings what its subjects hand over to whoever it is for."""

    def __init__(self, assignment: Assignment, on_fatal: Callable[[BaseException], None]) -> None:
        self.numbers = frozenset(assignment.numbers)
        self.ready = False
        self.restarts = 0
        self.pid = 0
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._assignment = assignment
        self._on_fatal = on_fatal
        self._wire: Wire | None = None
        self._sent: dict[int, _Sent] = {}
        self._order = itertools.count(1)
        self._events = 0
        self._bytes = 0
        self._last_words: Failed | None = None
        self.deliver: Deliver | None = None
        self._delivering: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the process, and keep one running from now on."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keep worker {sorted(self.numbers)}")

    async def stop(self) -> None:
        """Tell the process to finish, and wait for its end."""
        self.ready = False
        self._stopping.set()
        if self._keeper is not None:
            await self._keeper

    def admit(self, events: int, size_bytes: int) -> None:
        """Raise `Overloaded` if so much more may not be on its way, `Unavailable` if the worker cannot be reached."""
        self._reachable()
        over = self._events + events > IN_FLIGHT_EVENTS_MAX or self._bytes + size_bytes > IN_FLIGHT_BYTES_MAX
        if over and self._events:
            raise Overloaded(0.5)

    def submit(self, work: Work, *, urgent: bool = False) -> "asyncio.Future[Answers]":
        """Send arrivals; the future resolves when the worker says that all are durable."""
        self._reachable()
        return self._send(Submit(work, urgent), _Sent(sum(map(len, work.values()))))

    async def ask(self, question: Question) -> Any:
        """The answer to a question; its type is as the question says."""
        self._reachable()
        return await self._send(Ask(encode(question)), _Sent(question=question))

    def _reachable(self) -> None:
        if not self.ready:
            raise Unavailable(f"the worker of shards {sorted(self.numbers)} is being started")

    def _send(self, body: Submit | Ask, sent: _Sent) -> "asyncio.Future[Any]":
        if self._wire is None:
            raise Unavailable("the worker is gone")
        number = next(self._order)
        try:
            sent.size_bytes = self._wire.send(number, body)
        except WireBroken as fault:
            raise Unavailable(str(fault)) from fault
        self._sent[number] = sent
        self._events += sent.events
        self._bytes += sent.size_bytes
        return sent.future

    def _take(self, frame: Frame) -> None:
        """One frame from the worker."""
        body = frame.body
        if isinstance(body, Ready):
            self.ready = not self._stopping.is_set()
            if not self.started.done():
                self.started.set_result(None)
            log.info("worker ready", shards=sorted(self.numbers), took_s=round(body.took_s, 3))
            return
        if isinstance(body, Failed):
            self._last_words = body
            return
        if isinstance(body, Parcels):
            self._delivering.add(task := asyncio.create_task(self._deliver(frame.number, body, self._wire), name="deliver"))
            task.add_done_callback(self._delivering.discard)
            return
        sent = self._sent.pop(frame.number, None)
        if sent is None:
            return
        self._events -= sent.events
        self._bytes -= sent.size_bytes
        if not sent.future.done():
            _resolve(sent, body)

    async def _deliver(self, number: int, parcels: Parcels, wire: Wire | None) -> None:
        """Bring what the worker's subjects handed over to whoever it is for, and tell the worker when it has arrived."""
        refusal = ""
        try:
            if self.deliver is None:
                raise Unavailable("the front is being started")
            await self.deliver(parcels.work)
        except (Overloaded, Unavailable, OSError) as fault:
            refusal = str(fault) or type(fault).__name__
        with contextlib.suppress(WireBroken):
            if wire is not None:
                wire.send(number, Delivered(refusal))

    async def _keep(self) -> None:
        """Start, serve, and start again until stopped."""
        for attempt in itertools.count():
            code, lived_s = await self._live()
            self._lost(f"the worker of shards {sorted(self.numbers)} ended with code {code}")
            if self._stopping.is_set():
                return
            if code == EXIT_STORE_FULL:
                self._on_fatal(StoreFull(self._last_words.reason if self._last_words else "a worker's disk takes no writes"))
                return
            if not self.started.done() and attempt >= STARTS_MAX:
                self.started.set_exception(WorkerFailed(self._assignment.numbers, code, self._why()))
                return
            log.error("worker ended", shards=sorted(self.numbers), code=code, lived_s=round(lived_s, 3), why=self._why())
            self.restarts += 1
            pause_s = BACKOFF_S[0] if lived_s > BACKOFF_S[-1] else BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
            await _pause(self._stopping, pause_s)
            if self._stopping.is_set():
                return

    def _why(self) -> str:
        return self._last_words.reason if self._last_words else ""

    async def _live(self) -> tuple[int, float]:
        """One life of the process: its exit code (negative: the signal that killed it), and how long it lived."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        self._last_words = None
        mine, its = socket.socketpair()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pilotage.runner.worker", str(its.fileno()), pass_fds=[its.fileno()], stdin=asyncio.subprocess.DEVNULL
        )
        its.close()
        self.pid = process.pid
        self._wire = await open_wire(mine, self._take)
        self._wire.send(0, self._assignment)
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._stopping.wait()), self._wire.closed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        ends[0].cancel()
        self.ready = False
        with contextlib.suppress(WireBroken):
            self._wire.send(0, Stop())
        code = await self._ended(process)
        await self._wire.close()
        self._wire = None
        return code, loop.time() - begun_s

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    def _lost(self, reason: str) -> None:
        """What was in flight fails; whether it became durable nobody can say, and sending it again is safe."""
        self.ready = False
        lost, self._sent = self._sent, {}
        self._events = self._bytes = 0
        for sent in lost.values():
            if not sent.future.done():
                sent.future.set_exception(Unavailable(reason))
                sent.future.exception()


class Supervisor:
    """Starts and keeps worker processes. `remotes` are the owners to give to the front."""

    def __init__(self, assignments: Sequence[Assignment], on_fatal: Callable[[BaseException], None]) -> None:
        self.remotes = [Remote(assignment, on_fatal) for assignment in assignments]

    @property
    def ready(self) -> bool:
        """Whether every shard can be reached."""
        return all(remote.ready for remote in self.remotes)

    async def start(self) -> None:
        """Start all workers; returns when every one has recovered its shards."""
        for remote in self.remotes:
            remote.start()
        await asyncio.gather(*(remote.started for remote in self.remotes))
        settle()

    async def stop(self) -> None:
        """Stop all workers, each after it finished what it took."""
        await asyncio.gather(*(remote.stop() for remote in self.remotes))
        unsettle()


def _resolve(sent: _Sent, body: Any) -> None:
    if isinstance(body, Applied):
        sent.future.set_result(results(body.answers))
    elif isinstance(body, Answered) and sent.question is not None:
        sent.future.set_result(decode_answer(sent.question, body.answer))
    elif isinstance(body, Refused):
        refusal = Overloaded(body.retry_after_s) if body.retry_after_s else Unavailable(body.reason)
        sent.future.set_exception(refusal)
        sent.future.exception()


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    """Sleep, but no longer than until somebody wants to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
