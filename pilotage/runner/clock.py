"""Clocks: the only place where running code learns what time it is, and waits for it to come.

Instants are int64 microseconds UTC. Live running uses `SystemClock`; tests and rehearsals move a `VirtualClock` by hand;
the demo lets a `ScaledClock` run faster than the world. Nothing that decides ever holds a clock.
"""

import asyncio
import heapq
import itertools
import time
from typing import Protocol

LOOK_AGAIN_S = 60.0
"""The longest single sleep: a wall clock that was set forward or back is noticed within this time."""


class Clock(Protocol):
    """Says what time it is and waits until a time."""

    def now_us(self) -> int:
        """The current instant."""

    def seconds_until(self, instant_us: int) -> float:
        """How many real seconds to sleep until the instant, 0 when it has come, infinity when only the owner of the
        clock can make it come."""

    async def sleep_until(self, instant_us: int) -> None:
        """Return as soon as `now_us() >= instant_us`."""


class SystemClock:
    """The machine's wall clock."""

    def now_us(self) -> int:
        """The current instant."""
        return time.time_ns() // 1_000

    def seconds_until(self, instant_us: int) -> float:
        """Real seconds until the instant, at least 0."""
        return max(0.0, (instant_us - self.now_us()) / 1e6)

    async def sleep_until(self, instant_us: int) -> None:
        """Return as soon as the instant has come, also when the wall clock is set meanwhile."""
        while (left_s := self.seconds_until(instant_us)) > 0:
            await asyncio.sleep(min(left_s, LOOK_AGAIN_S))


class ScaledClock:
    """A clock that starts at `start_us` when it is made and runs `speed` times as fast as the world."""

    def __init__(self, speed: float, start_us: int) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed must be above 0, not {speed}")
        self.speed = speed
        self._start_us = start_us
        self._origin_ns = time.monotonic_ns()

    def now_us(self) -> int:
        """The current instant on this clock."""
        return self._start_us + int((time.monotonic_ns() - self._origin_ns) * self.speed) // 1_000

    def seconds_until(self, instant_us: int) -> float:
        """Real seconds until this clock shows the instant, at least 0."""
        return max(0.0, (instant_us - self.now_us()) / 1e6 / self.speed)

    async def sleep_until(self, instant_us: int) -> None:
        """Return as soon as this clock shows the instant."""
        while (left_s := self.seconds_until(instant_us)) > 0:
            await asyncio.sleep(min(left_s, LOOK_AGAIN_S))


class VirtualClock:
    """A clock that stands still until it is moved. Sleepers wake in the order of their instants when it passes them.

    Move it from the thread of the event loop whose tasks sleep on it."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_us(self) -> int:
        """The instant it was last moved to."""
        return self._now_us

    def seconds_until(self, instant_us: int) -> float:
        """0 when the instant has come, else infinity: real time never brings it."""
        return 0.0 if instant_us <= self._now_us else float("inf")

    def advance(self, by_us: int) -> None:
        """Move forward by a duration."""
        self.set(self._now_us + by_us)

    def set(self, instant_us: int) -> None:
        """Move to an instant, which may lie in the past: wall clocks do that too."""
        self._now_us = instant_us
        while self._sleepers and self._sleepers[0][0] <= instant_us:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep_until(self, instant_us: int) -> None:
        """Return once the clock has been moved to the instant or beyond."""
        while instant_us > self._now_us:
            sleeper = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (instant_us, next(self._order), sleeper))
            await sleeper
