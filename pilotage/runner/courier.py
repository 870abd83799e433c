"""The courier: it brings what the shards of a process hand over to the shards that it is for, in order, until it is durable there.

One task for each shard reads the parcels that lie ready on its disk, a few hundred at a time, and has them delivered; only then are
they let go, and the next are read. So nothing piles up in memory, and a shard that cannot be reached for a while only lets its
parcels wait. A crash in between brings some of them again, which the receiving shard recognises.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice

import structlog

from pilotage.runner.engine import Engine
from pilotage.runner.parcels import AccountSubject, arrival_of, parcel_key, parcels_after
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import Row, Work, routed
from pilotage.source.sink import Overloaded, Unavailable

log = structlog.get_logger("pilotage.courier")

AT_ONCE = 256
"""How many parcels of one shard are delivered together."""

BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""How long to wait before delivering again what could not be delivered, in seconds; the last one repeats."""

Deliver = Callable[[Work], Awaitable[None]]
"""Brings arrivals to the owners of their shards; returns when they are durable there, or kept in the quarantine."""


def within(engine: Engine) -> Deliver:
    """Delivers to the shards of one engine. What the kernel refuses is logged: only the front keeps a quarantine."""

    async def deliver(work: Work) -> None:
        for number, results in (await engine.submit(work, urgent=True)).items():
            for arrival, result in zip(work[number], results, strict=True):
                if result.error is not None:
                    log.error("the kernel refused what was handed over", type=arrival.event.type, fault=str(result.error))

    return deliver


class Courier:
    """Carries the parcels of some shards. Make it inside a running event loop, then `start`. `let_go` removes a row of a shard
    with its next commit. `carried` counts what was delivered."""

    def __init__(
        self, shards: Mapping[int, Shard], deliver: Deliver, account_subject: AccountSubject, let_go: Callable[[int, Row], None]
    ) -> None:
        self.deliver = deliver
        self.carried = 0
        self.fault: BaseException | None = None
        self.stopped = asyncio.Event()
        self._shards = shards
        self._account_subject = account_subject
        self._let_go = let_go
        self._bells = {number: asyncio.Event() for number in shards}
        self._tasks: list[asyncio.Task[None]] = []
        self._resting: set[int] = set()
        self._stopping = False

    def start(self) -> None:
        """Begin with what an earlier process left."""
        for number in self._shards:
            task = asyncio.create_task(self._run(number), name=f"courier {number}")
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    def ready(self, number: int) -> None:
        """A shard has committed parcels."""
        self._bells[number].set()

    @property
    def idle(self) -> bool:
        """Whether no parcel is ready or on its way."""
        return self._resting == self._shards.keys() and not any(bell.is_set() for bell in self._bells.values())

    async def stop(self, grace_s: float = 5.0) -> None:
        """Deliver what can be delivered at once; the rest waits on disk for the next process."""
        self._stopping = True
        for bell in self._bells.values():
            bell.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.stopped.set()

    async def _run(self, number: int) -> None:
        bell, shard, after = self._bells[number], self._shards[number], 0
        while True:
            bell.clear()
            parcels = list(islice(parcels_after(shard.store, after, shard.durable), AT_ONCE))
            if not parcels:
                if self._stopping:
                    return
                self._resting.add(number)
                await bell.wait()
                self._resting.discard(number)
                continue
            work = routed([arrival_of(handed, number, sequence, self._account_subject) for sequence, handed in parcels])
            if not await self._delivered(work):
                return
            for after, _ in parcels:
                self._let_go(number, ("parcel", parcel_key(after), None))
            self.carried += len(parcels)

    async def _delivered(self, work: Work) -> bool:
        """Deliver, as often as it takes; False if the process stops before."""
        attempt = 0
        while True:
            try:
                await self.deliver(work)
            except (Overloaded, Unavailable) as refusal:
                if self._stopping:
                    return False
                log.info("parcels wait", why=str(refusal))
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
            else:
                return True

    def _ended(self, task: "asyncio.Task[None]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is not None and self.fault is None:
            self.fault = fault
            log.error("courier stopped", fault=f"{type(fault).__name__}: {fault}")
            self.stopped.set()
