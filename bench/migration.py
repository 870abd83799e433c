"""A version takes over everybody under way beside live events: how fast people migrate, and how long live events wait meanwhile.

Every subject waits in the cart journey. `pilotage run` starts on a workspace that changes that journey, with a map of its steps; the
sweep brings everybody there, while a client sends a thousand events a second, and goes on sending when nobody is left.
"""

import asyncio
import re
import shutil
import time
from pathlib import Path
from random import Random

import msgspec
import uvloop

from bench import dataset, service, workload
from bench.service import Latency, Service
from pilotage.event.time import DAY_US

LIVE_PER_S = 1_000
CALM_S = 8
LONGEST_S = 600
EVENTS_EACH = 20
LOOK_S = 1.0
STILL = 3
"""After so many looks without another migration everybody counts as looked at."""
JOURNEY = "growth.recovery.abandoned_cart"
_MIGRATED = re.compile(r'verb="migrated"')


class Migrated(msgspec.Struct, frozen=True):
    """So many of the people in flight taken over in `wall_s`, `cpu_s` of the processes, live events included; how long live events took
    to be acknowledged without it and beside it, and how many came beside it."""

    subjects: int
    wall_s: float
    cpu_s: float
    live: int
    calm: Latency
    beside: Latency

    @property
    def per_s(self) -> float:
        """People migrated per second."""
        return self.subjects / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """People migrated and live events taken, per second of CPU."""
        return (self.subjects + self.live) / self.cpu_s


def migrated(folder: Path, subjects: int, processes: int = 1) -> Migrated:
    """Make so many people in flight, and have a version take them over; the shards spread over worker processes if there are to be
    several."""
    data = folder / "in-flight"
    now_us = time.time_ns() // 1_000
    dataset.build(data, subjects, now_us, due_us=now_us + 30 * DAY_US)
    wanted = taking_over(folder)
    random = Random(51)
    requests = [
        service.requests_of([random.randrange(subjects) for _ in range(LIVE_PER_S * seconds)], tag, EVENTS_EACH)
        for seconds, tag in ((min(LONGEST_S, 20 + subjects // 2_000), "beside"), (CALM_S, "calm"))
    ]
    with service.running(data, processes, wanted) as running:
        done = uvloop.run(_migrate(running, *requests))
    if not 0.9 * subjects <= done.subjects <= subjects:
        raise ValueError(f"{done.subjects} of {subjects} have migrated")
    return done


async def _migrate(running: Service, requests: list[bytes], calm_requests: list[bytes]) -> Migrated:
    begun_s, cpu_s = time.perf_counter(), running.cpu_s()
    watching = asyncio.create_task(_watch(running))
    beside = await service.sent(running, requests, EVENTS_EACH, LIVE_PER_S, until=watching)
    moved, ended_s, spent_s = await watching
    calm = await service.sent(running, calm_requests, EVENTS_EACH, LIVE_PER_S)
    return Migrated(moved, ended_s - begun_s, spent_s - cpu_s, beside.accepted, calm.acknowledged, beside.acknowledged)


async def _watch(running: Service) -> tuple[int, float, float]:
    """How many have migrated, when the last of them had, and the CPU seconds of the processes by then."""
    loop = asyncio.get_running_loop()
    begun_s = time.perf_counter()
    ended_s, spent_s, moved, still = begun_s, running.cpu_s(), 0, 0
    while still < STILL or not moved:
        if time.perf_counter() - begun_s > LONGEST_S:
            raise TimeoutError(f"{moved} have migrated in {LONGEST_S} s")
        await asyncio.sleep(LOOK_S)
        found = int(await loop.run_in_executor(None, running.metric, "pilotage_decisions_total", _MIGRATED))
        still = 0 if found > moved else still + 1
        if found > moved:
            moved, ended_s, spent_s = found, time.perf_counter(), running.cpu_s()
    return moved, ended_s, spent_s


def taking_over(folder: Path) -> Path:
    """The bench's workspace with another version of the cart journey, whose steps have other names."""
    workspace = folder / "wanted"
    shutil.copytree(workload.WORKSPACE, workspace)
    path = workspace / "journeys" / "abandoned_cart.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (("id: hour", "id: first"), ("id: day", "id: rest"), ("id: again", "id: second")):
        assert old in text, f"{path} has no step '{old}'"
        text = text.replace(old, new)
    text = text.replace("\nenter:", "\nin_flight: {migrate: {from: any, steps: {hour: first, day: rest, again: second}}}\nenter:")
    path.write_text(text, encoding="utf-8")
    return workspace
