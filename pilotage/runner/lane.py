"""Group commit for one store: what several callers want written durably is gathered into one synced write.

While a write is under way the next group gathers; an idle lane writes at once.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pilotage.runner.store import Batch, Store


class Lane:
    """Writes batches to a store in the order they come. `on_fault` is told of the first write that failed; from then on
    every batch is refused with that fault."""

    def __init__(self, store: Store, on_fault: Callable[[BaseException], None]) -> None:
        self.store = store
        self.fault: BaseException | None = None
        self._on_fault = on_fault
        self._gathering = Batch()
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="front")

    def write(self, batch: Batch) -> "asyncio.Future[None]":
        """Queue a batch; the future resolves when it is durable. An empty batch waits for everything before it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fault is not None:
            future.set_exception(self.fault)
            return future
        self._gathering.operations.extend(batch.operations)
        self._waiting.append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="front commit")
        return future

    async def close(self) -> None:
        """Finish what was queued and let go of the thread."""
        if self._task is not None:
            await self._task
        self._pool.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, waiting = self._gathering, self._waiting
            self._gathering, self._waiting = Batch(), []
            try:
                if batch.operations:
                    await loop.run_in_executor(self._pool, _write, self.store, batch)
            except Exception as fault:  # noqa: BLE001 - whatever stops a write must reach everybody who waits for it
                self._stop(fault if isinstance(fault, OSError) else OSError(f"{type(fault).__name__}: {fault}"), waiting)
                break
            for future in waiting:
                if not future.done():
                    future.set_result(None)
        self._task = None

    def _stop(self, fault: BaseException, waiting: "list[asyncio.Future[None]]") -> None:
        self.fault = fault
        for future in [*waiting, *self._waiting]:
            if not future.done():
                future.set_exception(fault)
                future.exception()
        self._waiting = []
        self._on_fault(fault)


def _write(store: Store, batch: Batch) -> None:
    store.write(batch, durable=True)
