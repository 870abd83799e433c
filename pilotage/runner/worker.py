"""A worker process: it owns some shards and does what the front asks over the socket it was given.

Run as `python -m pilotage.runner.worker FD` by the supervisor. It ends when it is told to, when its shards can no longer be
written, or when the front is gone; whatever it acknowledged is on disk by then.
"""

import asyncio
import importlib
import itertools
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from pilotage.runner.question import decode_question, encode
from pilotage.runner.rocks import StoreLocked
from pilotage.runner.station import Equipment, Station, open_station, open_stores
from pilotage.runner.store import StoreFull
from pilotage.runner.ticket import Answers, Work
from pilotage.runner.wire import (
    EXIT_BUSY,
    EXIT_FAULT,
    EXIT_STORE_FULL,
    Answered,
    Applied,
    Ask,
    Assignment,
    Deliver,
    Delivered,
    Failed,
    Frame,
    Ready,
    Refused,
    Reply,
    Stop,
    Submit,
    Wire,
    open_wire,
    verdicts,
)
from pilotage.source.sink import Overloaded, Unavailable

ORPHANED_GRACE_S = 3.0
"""How long hand-overs under way may take to end after the front is gone."""


class Worker:
    """One end of the wire, on a station."""

    def __init__(self) -> None:
        self.assignment: asyncio.Future[Assignment] = asyncio.get_running_loop().create_future()
        self.ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.wire: Wire | None = None
        self.station: Station | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._order = itertools.count(1)
        self._delivering: dict[int, asyncio.Future[None]] = {}

    def take(self, frame: Frame) -> None:
        """One frame from the front."""
        body = frame.body
        if isinstance(body, Submit):
            self._submit(frame.number, body)
        elif isinstance(body, Ask):
            task = asyncio.create_task(self._answer(frame.number, body))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        elif isinstance(body, Assignment):
            self.assignment.set_result(body)
        elif isinstance(body, Delivered):
            self._delivered(frame.number, body)
        elif isinstance(body, Stop):
            self.end()

    def end(self) -> None:
        """Stop as soon as what was taken is done."""
        if not self.ending.done():
            self.ending.set_result(None)

    def reply(self, number: int, body: Reply) -> None:
        """Send, unless the front is gone."""
        if self.wire is not None and not self.wire.closed.done():
            self.wire.send(number, body)

    async def deliver(self, work: Work) -> None:
        """Have the front bring what was handed over to whoever it is for; `Unavailable` when some of it may not have arrived."""
        if self.wire is None or self.wire.closed.done():
            raise Unavailable("the front is gone")
        number = next(self._order)
        done = self._delivering[number] = asyncio.get_running_loop().create_future()
        self.wire.send(number, Deliver(work))
        await asyncio.wait({done, self.wire.closed}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise Unavailable("the front is gone")
        done.result()

    def _delivered(self, number: int, body: Delivered) -> None:
        done = self._delivering.pop(number)
        if done.done():
            return
        if body.refusal:
            done.set_exception(Unavailable(body.refusal))
        else:
            done.set_result(None)

    def _submit(self, number: int, body: Submit) -> None:
        try:
            if self.station is None:
                raise Unavailable("the worker is still recovering")
            future = self.station.submit(body.work, urgent=body.urgent)
        except Overloaded as busy:
            self.reply(number, Refused(str(busy), busy.retry_after_s))
        except Unavailable as fault:
            self.reply(number, Refused(str(fault)))
        else:
            future.add_done_callback(lambda done: self._applied(number, done))

    def _applied(self, number: int, done: "asyncio.Future[Answers]") -> None:
        fault = None if done.cancelled() else done.exception()
        if fault is not None or done.cancelled():
            self.reply(number, Refused(str(fault or "the worker is stopping")))
        else:
            self.reply(number, Applied(verdicts(done.result())))

    async def _answer(self, number: int, body: Ask) -> None:
        try:
            if self.station is None:
                raise Unavailable("the worker is still recovering")
            answer = await self.station.ask(decode_question(body.question))
        except Exception as fault:  # noqa: BLE001 - whatever a question meets is told to whoever asked
            self.reply(number, Refused(f"{type(fault).__name__}: {fault}"))
        else:
            self.reply(number, Answered(encode(answer)))


async def work(end: socket.socket) -> int:
    """Serve one front until told to stop; returns the exit code."""
    worker = Worker()
    worker.wire = await open_wire(end, worker.take)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.end)
    first: list[asyncio.Future[Any]] = [worker.assignment, worker.wire.closed]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if not worker.assignment.done():
        return 0
    try:
        code = await _serve(worker, worker.assignment.result())
    except StoreFull as fault:
        code = _told(worker, fault, EXIT_STORE_FULL)
    except StoreLocked as fault:
        code = _told(worker, fault, EXIT_BUSY)
    if not worker.wire.closed.done():
        await worker.wire.drained()
    await worker.wire.close()
    return code


async def _serve(worker: Worker, assignment: Assignment) -> int:
    begun_s = time.monotonic()
    stores = open_stores(Path(assignment.folder), assignment.numbers)
    station = await open_station(stores, equipment_of(assignment))
    if station.courier is not None:
        station.courier.deliver = worker.deliver
    await station.start()
    worker.station = station
    worker.reply(0, Ready(time.monotonic() - begun_s))
    assert worker.wire is not None
    await asyncio.wait({worker.ending, worker.wire.closed, station.closed}, return_when=asyncio.FIRST_COMPLETED)
    await station.stop(ORPHANED_GRACE_S if worker.wire.closed.done() else 10.0)
    failure = station.failure
    if failure is None:
        return 0
    return _told(worker, failure, EXIT_STORE_FULL if isinstance(failure, StoreFull) else EXIT_FAULT)


def _told(worker: Worker, fault: BaseException, code: int) -> int:
    """Say why the worker ends, on the wire and on standard error."""
    worker.reply(0, Failed(f"{type(fault).__name__}: {fault}", code))
    sys.stderr.write(f"pilotage worker: {type(fault).__name__}: {fault}\n")
    return code


def equipment_of(assignment: Assignment) -> Equipment:
    """Call the function that equips the worker, named `module:function`."""
    module, _, name = assignment.equip.partition(":")
    equip: Callable[[Assignment], Any] = getattr(importlib.import_module(module), name)
    equipment: Equipment = equip(assignment)
    return equipment


def main() -> None:
    """The process's entry: the number of the socket's file descriptor is the one argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the front hears it and stops its workers in order
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(work(socket.socket(fileno=int(sys.argv[1])))))


if __name__ == "__main__":
    main()
