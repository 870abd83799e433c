"""A million wake-ups due at once, beside live events: how fast they drain, and how long live events wait meanwhile.

Every subject put something into its cart an hour before and waited for an order; all those hours ended at the same
instant. `pilotage run` starts then, and a client sends a thousand events a second as long as wake-ups are left.
"""

import asyncio
import time
from pathlib import Path
from random import Random

import msgspec
import uvloop

from bench import service
from bench.service import Latency, Service

LIVE_PER_S = 1_000
EVENTS_EACH = 10
LONGEST_S = 180
LOOK_S = 0.5


class Drain(msgspec.Struct, frozen=True):
    """So many wake-ups settled in `wall_s`; how long the live events beside them took to be acknowledged and handed over."""

    wakes: int
    wall_s: float
    acknowledged: Latency
    handed_over: Latency

    @property
    def per_s(self) -> float:
        """Wake-ups per second."""
        return self.wakes / self.wall_s


def drain(folder: Path, subjects: int, processes: int = 1) -> Drain:
    """Start on a folder whose wake-ups are all due, and send live events until none is left; the shards spread over worker
    processes if there are to be several."""
    random = Random(41)
    numbers = [random.randrange(subjects) for _ in range(LIVE_PER_S * LONGEST_S)]
    requests = service.live(service.requests_of(numbers, "timers", EVENTS_EACH))
    with service.running(folder, processes) as running:
        return uvloop.run(_drain(running, requests))


async def _drain(running: Service, requests: list[bytes]) -> Drain:
    begun = time.perf_counter()
    watching = asyncio.create_task(_watch(running))
    load = await service.sent(running, requests, EVENTS_EACH, LIVE_PER_S, until=watching)
    wakes, ended = await watching
    return Drain(wakes, ended - begun, load.acknowledged, load.handed_over)


async def _watch(running: Service) -> tuple[int, float]:
    """How many wake-ups were settled, and when the last of them was: a live event settles what its subject has due, so the
    end is known by no more coming."""
    loop = asyncio.get_running_loop()
    begun = ended = time.perf_counter()
    settled = before = 0
    while (settled != before or not settled) and time.perf_counter() - begun < LONGEST_S:
        before = settled
        await asyncio.sleep(LOOK_S)
        settled = int(await loop.run_in_executor(None, running.metric, "pilotage_wakes_total"))
        if settled > before:
            ended = time.perf_counter()
    return settled, ended
