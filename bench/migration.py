"""A version takes over everybody under way beside live events: how fast people migrate, and how long live events wait meanwhile.

Every subject waits in the cart journey. The version that takes over changes that journey, with a map of its steps; the sweep brings
everybody there, while events come in at a steady rate, with and without it.
"""

import asyncio
import gc
import shutil
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import uvloop

from bench import dataset, workload
from bench.pipeline import Installation
from bench.service import Latency
from pilotage.app.equipment import freshness
from pilotage.app.programs import Programs
from pilotage.app.workspace import compile_workspace, load
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.runner.folder import open_folder
from pilotage.runner.front import Front
from pilotage.runner.question import AdoptPlan
from pilotage.runner.station import Equipment, open_station
from pilotage.runner.telemetry import samples
from pilotage.source.intake import Admitted
from pilotage.source.zones import packaged_zones

LIVE_PER_S = 1_000
CALM_S = 8
LONGEST_S = 180
EVENTS_EACH = 20
JOURNEY = "growth.recovery.abandoned_cart"


class Migrated(msgspec.Struct, frozen=True):
    """So many people in flight taken over in `wall_s`, `cpu_s` of the process, live events included; how long live events took to be
    acknowledged without it and beside it, and how many came beside it."""

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


class _Releasing(Installation):
    """The pipeline whose people are swept for after a release."""

    async def open(self) -> None:
        """Recover and begin under the folder's newest plan."""
        self.programs = Programs(self.folder)
        newest = open_folder(self.folder, workload.ENVIRONMENT)
        plan = newest.environment.plans[-1]
        newest.close()
        equipped = Equipment(workload.ENVIRONMENT, plan, self.programs, advance, self.clock, freshness=freshness)
        self.station = await open_station(dict(self.stores), equipped)
        await self.station.start()
        secret = (self.folder / "secret.key").read_bytes()
        self.front = Front(self.front_store, secret, [self.station], self.clock, lambda _: Admitted([], []))


def migrated(folder: Path, subjects: int) -> Migrated:
    """Make so many people in flight, and have a version take them over."""
    data = folder / "in-flight"
    now_us = time.time_ns() // 1_000
    dataset.build(data, subjects, now_us, due_us=now_us + 30 * DAY_US)
    return uvloop.run(_migrate(data, subjects, _taking_over(folder)))


def _taking_over(folder: Path) -> Plan:
    """The workspace's plan with another version of the cart journey, whose steps have other names."""
    workspace = folder / "wanted"
    shutil.copytree(workload.WORKSPACE, workspace)
    path = workspace / "journeys" / "abandoned_cart.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (("id: hour", "id: first"), ("id: day", "id: rest"), ("id: again", "id: second")):
        assert old in text, f"{path} has no step '{old}'"
        text = text.replace(old, new)
    text = text.replace("\nenter:", "\nin_flight: {migrate: {from: any, steps: {hour: first, day: rest, again: second}}}\nenter:")
    path.write_text(text, encoding="utf-8")
    compiled = compile_workspace(load(workspace, {}), packaged_zones())
    if compiled.plan is None:
        raise ValueError("\n".join(finding.text for finding in compiled.findings))
    return compiled.plan


async def _migrate(data: Path, subjects: int, wanted: Plan) -> Migrated:
    installation = _Releasing(data)
    await installation.open()
    gc.collect()
    gc.freeze()
    calm_bodies, bodies = _bodies(subjects, CALM_S, "calm"), _bodies(subjects, min(LONGEST_S, 20 + subjects // 2_000), "beside")
    calm, _ = await _offer(installation, calm_bodies, asyncio.create_task(asyncio.sleep(CALM_S)))
    folder = open_folder(data, workload.ENVIRONMENT)
    folder.activate(wanted, packaged_zones())
    name = folder.environment.plans[-1]
    folder.close()
    installation.programs(name)  # compiled before it is timed, as a release is before it is in force
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    sweeping = asyncio.create_task(_swept(installation, name))
    beside, live = await _offer(installation, bodies, sweeping)
    took_s, cpu_s = await sweeping - begun_s, time.process_time() - cpu_s
    _check(installation, subjects, wanted)
    await installation.close()
    return Migrated(subjects, took_s, cpu_s, live, calm, beside)


def _bodies(subjects: int, seconds: int, tag: str) -> list[bytes]:
    """Batches of live events for so long, made beforehand."""
    random = Random(51)
    numbers = [random.randrange(subjects) for _ in range(LIVE_PER_S * seconds)]
    return list(workload.batches(numbers, time.time_ns() // 1_000, random, tag, EVENTS_EACH))


async def _swept(installation: _Releasing, name: str) -> float:
    """The plan of a name takes over; when everybody was looked at."""
    await installation.station.ask(AdoptPlan(name))
    sweep = installation.station.sweep
    assert sweep is not None
    while not sweep.done:
        await asyncio.sleep(0.02)
    return time.perf_counter()


async def _offer(installation: _Releasing, bodies: list[bytes], until: "asyncio.Task[Any]") -> tuple[Latency, int]:
    """Send live events at a steady rate until something is done: how long they waited for their acknowledgement, and how many they were."""
    waited_ms, tasks = list[float](), list[asyncio.Task[None]]()
    begun_s = time.perf_counter()

    async def send(body: bytes, due_s: float) -> None:
        admitted = installation.intake.segment("batch", body, workload.SOURCE, installation.clock.now_us())
        await installation.front.submit(admitted.accepted, admitted.refused)
        waited_ms.append((time.perf_counter() - due_s) * 1e3)

    for number, body in enumerate(bodies):
        due_s = begun_s + number * EVENTS_EACH / LIVE_PER_S
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        if until.done():
            break
        tasks.append(asyncio.create_task(send(body, due_s)))
    await asyncio.gather(until, *tasks)
    return Latency(sorted(waited_ms)), len(tasks) * EVENTS_EACH


def _check(installation: _Releasing, subjects: int, wanted: Plan) -> None:
    """Everybody is counted under the new version's steps, or has left: nobody rests on a step of the old one."""
    journey = next(each for each in wanted.journeys if each.name == JOURNEY)
    steps = {step.id for step in journey.steps} | {""}
    gauges = installation.station.telemetry.snapshot().gauges["waiting"]
    left = {step: count for (name, step), count in samples(gauges) if name == JOURNEY and count > 0 and step not in steps}
    counted = installation.station.telemetry.snapshot().counts["decisions"]
    moved = sum(count for (name, _, verb), count in samples(counted) if (name, verb) == (JOURNEY, "migrated"))
    if left or not 0.9 * subjects <= moved <= subjects:
        raise ValueError(f"{moved} of {subjects} have migrated, and on steps of the version before rest {left}")
