"""The historian of one process: it keeps the history of its shards up to date beside live events, unnoticed by them.

All work is done on one thread of its own, in steps of about a millisecond, and after each step the thread sleeps several times
as long while events are live. It begins when a shard has many records that are in the log alone, or has had some for a while;
nothing is polled, and a system at rest does nothing. Whatever keeps history from being written is told and tried again; live
events go on, since the log keeps what history has not.
"""

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from pilotage.event.time import DAY_US
from pilotage.runner.clock import Clock
from pilotage.runner.cursor import Cursor, begin_cursor
from pilotage.runner.history.parquet import Interrupted, Parquet
from pilotage.runner.history.parts import Parts, Rules
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.history.writer import ShardWriter
from pilotage.runner.store import Store

log = structlog.get_logger("pilotage.history")

SPILL = "spill"
"""Where below `history` a join puts what does not fit into memory; nothing in it is needed after a crash."""

INTERRUPT_EVERY_S = 0.05
"""How often a join under way is told to end at a stop; it may have been between two queries when told before."""


class HistoryLimits(msgspec.Struct, frozen=True):
    """How history is kept. Records stay in the log alone until a shard has `rules.records_max` of them or the oldest has waited
    `every_s`. Beside live events the historian works at most `share` of the time. Files are kept `retention_days` (0: for ever).
    A file that was joined into another stays `superseded_s` for readers that listed it. After a fault it waits `retry_s`."""

    retention_days: int = 0
    rules: Rules = Rules()
    every_s: float = 900.0
    share: float = 0.2
    superseded_s: float = 3_600.0
    retry_s: float = 30.0


class Meter(Protocol):
    """Where what was written is counted."""

    def add(self, name: str, labels: tuple[str, ...], by: int = 1) -> None:
        """Count something."""

    def gauge(self, name: str, labels: tuple[str, ...], value: int) -> None:
        """Say how much there is of something now."""


class Historian:
    """Keeps the history of some shards. Make it inside a running loop; `durable(shard)` says how far a shard's log is on disk.
    Tell it of commits by `committed`."""

    def __init__(
        self, data: Path, stores: Mapping[int, Store], durable: Callable[[int], int], clock: Clock, limits: HistoryLimits, meter: Meter
    ) -> None:
        self._parts = Parts(data)
        self._stores = stores
        self._durable = durable
        self._clock = clock
        self._limits = _within_retention(limits)
        self._meter = meter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._turn = asyncio.Lock()
        self._bell = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._cursors: dict[int, Cursor] = {}
        self._since_s: dict[int, float] = {}
        self._faults: dict[int, str] = {}
        self._retry_s = 0.0
        self._hurry = threading.Event()
        self._hurrying = 0
        self._stopping = False
        self._joining = False
        self._parquet: Parquet | None = None
        self._writers: dict[int, ShardWriter] = {}

    def start(self) -> None:
        """Begin. From this moment the log keeps what history has not."""
        self._cursors = {number: begin_cursor(store) for number, store in self._stores.items()}
        now_s = time.monotonic()
        self._since_s = {number: now_s for number in self._stores if self._behind(number)}
        self._keeping = asyncio.create_task(self._keep(), name="history")

    def committed(self, number: int, records: int) -> None:
        """A shard has so many more records on disk."""
        if not records:
            return
        self._since_s.setdefault(number, time.monotonic())
        if self._alarm is None or self._behind(number) >= self._limits.rules.records_max:
            self._bell.set()

    def states(self) -> list[ShardHistory]:
        """How the history of each shard is now."""
        return [self._state(number) for number in sorted(self._stores)]

    def measure(self) -> None:
        """Tell the meter how far history is."""
        for state in self.states():
            labels = (str(state.shard),)
            self._meter.gauge("history_behind_records", labels, state.behind)
            self._meter.gauge("history_behind_seconds", labels, round(state.waiting_s))
            self._meter.gauge("history_files", labels, state.files)
            self._meter.gauge("history_bytes", labels, state.size_bytes)

    async def compact(self) -> None:
        """File everything that is durable now, and join what is to be joined. Raises what keeps it from that."""
        self._hurrying += 1
        self._hurry.set()
        try:
            async with self._turn:
                for number in sorted(self._stores):
                    await self._file(number, self._durable(number))
                    await self._tend(number)
        finally:
            self._hurrying -= 1
            if not self._hurrying and not self._stopping:
                self._hurry.clear()

    async def stop(self, grace_s: float) -> None:
        """File what there is for so long; the rest follows after the next start."""
        self._stopping = True
        self._hurry.set()
        self._bell.set()
        until_s = time.monotonic() + grace_s
        while self._keeping is not None and not self._keeping.done():
            if self._joining and self._parquet is not None:
                self._parquet.interrupt()
            await asyncio.wait({self._keeping}, timeout=INTERRUPT_EVERY_S)
        if self._alarm is not None:
            self._alarm.cancel()
        async with self._turn:
            for number in sorted(self._stores):
                if time.monotonic() < until_s:
                    with contextlib.suppress(Exception):  # told by `_attempt`, and tried again after the next start
                        await self._file(number, self._durable(number), until_s)
            await self._on_thread(self._close)
        self._thread.shutdown()

    # The task

    async def _keep(self) -> None:
        """Take up what is there; then work when there is some, sleep until there may be."""
        tended_day = 0
        with contextlib.suppress(Exception):  # told by `_attempt`; tried again when there is something to file
            for each in sorted(self._stores):
                await self._attempt(each, lambda each=each: self._writer(each))  # type: ignore[misc]  # bound now
        while not self._stopping:
            self._bell.clear()
            number = self._due()
            if number is None:
                self._set_alarm()
                await self._bell.wait()
                continue
            async with self._turn:
                try:
                    await self._file(number, self._durable(number), time.monotonic())
                    today = self._today()
                    for each in sorted(self._stores) if today != tended_day else [number]:
                        await self._tend(each)
                    tended_day = today
                except Exception:  # noqa: BLE001 - told by `_attempt`; whatever it is, live events must go on
                    self._retry_s = time.monotonic() + self._limits.retry_s

    def _due(self) -> int | None:
        """The shard whose records have to be filed now, the one with most of them."""
        now_s = time.monotonic()
        if now_s < self._retry_s:
            return None
        waiting = [
            (self._behind(number), number)
            for number, since_s in self._since_s.items()
            if now_s - since_s >= self._limits.every_s or self._behind(number) >= self._limits.rules.records_max
        ]
        return max(waiting)[1] if waiting else None

    def _set_alarm(self) -> None:
        """One call when the oldest record has waited long enough, or a fault may be over."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._since_s:
            now_s = time.monotonic()
            at_s = self._retry_s if self._retry_s > now_s else min(self._since_s.values()) + self._limits.every_s
            self._alarm = asyncio.get_running_loop().call_later(max(0.0, at_s - now_s), self._bell.set)

    async def _file(self, number: int, until: int, until_s: float = float("inf")) -> None:
        """File a shard's records up to a position, at least once, and on until an instant."""
        while True:
            since_s = time.monotonic()
            written = await self._attempt(number, lambda: self._writer(number).write(until, self._today(), self._pause()))
            self._cursors[number] = self._writers[number].cursor
            for each in written:
                self._meter.add("history_rows", (each.part.table,), each.rows)
            if self._behind(number):
                self._since_s[number] = since_s
            else:
                self._since_s.pop(number, None)
            if not written or self._cursors[number].upto >= until or time.monotonic() >= until_s:
                return

    async def _tend(self, number: int) -> None:
        """Join what is to be joined, remove what is past its time."""
        today, joined = self._today(), True
        while joined and not self._stopping:
            self._joining = True
            try:
                joined = await self._attempt(number, lambda: self._writer(number).join(today, time.monotonic()) is not None)
            except Interrupted:
                return
            finally:
                self._joining = False
        if self._stopping:
            return
        before_s = time.monotonic() - self._limits.superseded_s
        await self._attempt(number, lambda: self._writer(number).remove_superseded(before_s))
        if self._limits.retention_days:
            await self._attempt(number, lambda: self._writer(number).forget(today - self._limits.retention_days))
            self._cursors[number] = self._writers[number].cursor

    async def _attempt(self, number: int, work: Callable[[], Any]) -> Any:
        """Do something on the thread; a fault is told, and raised."""
        try:
            done = await self._on_thread(work)
        except Interrupted:
            raise
        except Exception as fault:
            told = f"{type(fault).__name__}: {fault}"
            if told != self._faults.get(number):
                log.error("history not written", shard=number, fault=told)
            self._faults[number] = told
            self._meter.add("history_faults", ())
            raise
        self._faults.pop(number, None)
        return done

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # On the thread

    def _writer(self, number: int) -> ShardWriter:
        """The writer of a shard, opened."""
        if self._parquet is None:
            shutil.rmtree(self._parts.root / SPILL, ignore_errors=True)
            self._parquet = Parquet(self._parts.root / SPILL)
        writer = self._writers.get(number)
        if writer is None:
            writer = self._writers[number] = ShardWriter(number, self._stores[number], self._parts, self._parquet, self._limits.rules)
        if not writer.opened:
            writer.open()
        return writer

    def _pause(self) -> Callable[[], None]:
        """What is called between slices: let live events go first."""
        begun_s = time.perf_counter()

        def pause() -> None:
            nonlocal begun_s
            self._hurry.wait((time.perf_counter() - begun_s) * (1 / self._limits.share - 1))
            begun_s = time.perf_counter()

        return pause

    def _close(self) -> None:
        self._writers.clear()
        if self._parquet is not None:
            self._parquet.close()
            self._parquet = None  # a connection that is alive at the process's end is reported there as a leak
        shutil.rmtree(self._parts.root / SPILL, ignore_errors=True)

    def _behind(self, number: int) -> int:
        return self._durable(number) - self._cursors[number].upto

    def _state(self, number: int) -> ShardHistory:
        writer = self._writers.get(number)
        known = writer.state if writer is not None else ShardHistory(number, 0, 0, 0)
        since_s = self._since_s.get(number)
        return msgspec.structs.replace(
            known,
            after=self._cursors[number].after,
            cursor=self._cursors[number].upto,
            durable=self._durable(number),
            waiting_s=0.0 if since_s is None else time.monotonic() - since_s,
            fault=self._faults.get(number, ""),
        )

    def _today(self) -> int:
        return self._clock.now_us() // DAY_US


def _within_retention(limits: HistoryLimits) -> HistoryLimits:
    """A file that spans days goes with the last of them: at most a tenth of the retention, so that little stays too long."""
    if not limits.retention_days:
        return limits
    span_days = max(1, min(limits.rules.span_days, limits.retention_days // 10))
    return msgspec.structs.replace(limits, rules=msgspec.structs.replace(limits.rules, span_days=span_days))
