"""How fast the past is brought to everybody: the log of the pipeline, filed, and a release whose conditions ask for what was not
kept before."""

import asyncio
import gc
import shutil
import time
from pathlib import Path
from random import Random

import msgspec
import uvloop

from bench import workload
from bench.pipeline import Installation, bodies_of
from pilotage.app.equipment import filler, freshness
from pilotage.app.programs import Programs
from pilotage.app.workspace import compile_workspace, load
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.backfill import gaps, recording
from pilotage.journey.plan import Plan
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import open_folder
from pilotage.runner.history.rest import compact_at_rest
from pilotage.runner.question import AdoptPlan, FillFeatures
from pilotage.runner.station import Equipment, Station, open_station, open_stores
from pilotage.runner.ticket import SHARDS
from pilotage.source.zones import packaged_zones

CONDITIONS = (
    "count('order.placed', '180d') > 3",
    "sum('order.placed', 'total', '90d') > 500",
    "count('product.viewed', '60d', event.category = 'shoes') > 5",
    "last('product.viewed', 'category') = 'bags'",
    "since_last('cart.added') > interval '20 days'",
)

SWEPT_S = 10
"""For how long the sweep is watched."""


class Backfilled(msgspec.Struct, frozen=True):
    """A past filled in: how many events were read, about how many subjects, for how many features, and how long it took until a
    release could go live. `swept` subjects were told afterwards, of all there are, each for so much CPU."""

    events: int
    subjects: int
    features: int
    wall_s: float
    cpu_s: float
    swept: int
    swept_us: float


def backfilled(folder: Path, subjects: int, events: int) -> Backfilled:
    """Make a log of so many events, file it, and fill in what the conditions above ask for."""
    uvloop.run(_feed(folder, subjects, events))
    stores = open_stores(folder, range(SHARDS))
    compact_at_rest(folder, stores, SystemClock().now_us() // DAY_US)
    for store in stores.values():
        store.close()
    return uvloop.run(_fill(folder))


def _wanted(folder: Path) -> Plan:
    """The workspace's plan with an audience of each condition."""
    workspace = folder / "wanted"
    shutil.copytree(workload.WORKSPACE, workspace)
    (workspace / "audiences").mkdir()
    for number, when in enumerate(CONDITIONS):
        document = {"schema": 1, "kind": "audience", "name": f"a{number}", "owner": "bench", "when": when}
        (workspace / "audiences" / f"a{number}.yaml").write_bytes(msgspec.json.encode(document))
    compiled = compile_workspace(load(workspace, {}), packaged_zones())
    if compiled.plan is None:
        raise ValueError("\n".join(finding.text for finding in compiled.findings))
    return compiled.plan


async def _feed(folder: Path, subjects: int, events: int) -> None:
    installation = Installation(folder)
    await installation.open()
    await installation.feed(bodies_of(workload.hot_numbers(events, subjects, Random(33)), "backfill"))
    await installation.close()


async def _fill(folder: Path) -> Backfilled:
    wanted, before = _wanted(folder), workload.plan()
    missing = gaps(wanted, [before])
    known = {gap.feature.key: gap.known_us for gap in missing}
    opened = open_folder(folder, workload.ENVIRONMENT)
    opened.activate(recording(before, wanted, missing), packaged_zones(), known)
    programs, plan = Programs(folder), opened.environment.plans[-1]
    equipment = Equipment(
        workload.ENVIRONMENT,
        plan,
        programs,
        advance,
        SystemClock(),
        filler=lambda question: filler(folder, programs(question.plan), question),
        freshness=freshness,
    )
    station = await open_station(open_stores(folder, range(SHARDS)), equipment)
    await station.start()
    gc.collect()
    gc.freeze()
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    while True:
        states = await station.ask(FillFeatures(plan, known))
        if all(state.filled.done for state in states):
            break
        await asyncio.sleep(0.01)
    took_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    filled = [state.filled for state in states]
    if any(each.unfit for each in filled):
        raise ValueError(f"not everything was filled in: {filled}")
    opened.activate(wanted, packaged_zones())
    swept, swept_us = await _swept(station, opened.environment.plans[-1])
    await station.stop()
    opened.close()
    events, subjects = (sum(getattr(each, name) for each in filled) for name in ("events", "subjects"))
    return Backfilled(events, subjects, len(missing), took_s, cpu_s, swept, swept_us)


async def _swept(station: Station, plan: str) -> tuple[int, float]:
    """Let the sweep after a release come to subjects for a while: how many, and the CPU that each took, in microseconds."""
    await station.ask(AdoptPlan(plan))
    begun_s = time.process_time()
    await asyncio.sleep(SWEPT_S)
    cpu_s = time.process_time() - begun_s
    touched = sum(swept.touched for swept in station.sweep.states.values()) if station.sweep is not None else 0
    if not touched:
        raise ValueError("the sweep has come to nobody")
    return touched, cpu_s / touched * 1e6
