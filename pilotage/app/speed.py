"""The command `bench`: how fast this machine takes the demo's events through contract, identity, journeys and log.

The same history is replayed in memory and on disk in one run; what counts is their ratio, the figures are this machine's.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec

import pilotage.simulate
from pilotage.app.exits import OK, USAGE, Trouble
from pilotage.app.options import AsJson
from pilotage.app.terminal import console, number, print_json, table
from pilotage.app.workspace import compile_workspace, load
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.station import open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS
from pilotage.simulate.world import World
from pilotage.source.intake import Intake
from pilotage.source.quarantine import Quarantined
from pilotage.source.zones import packaged_zones

START_US = parse_instant_us("2026-03-02T00:00:00Z")
DEMO = Path(pilotage.simulate.__file__).parent / "demo"


class Measured(msgspec.Struct, frozen=True):
    """One replay: events per second, by the wall clock and by the processor's time, and the digest of its decisions."""

    store: str
    events: int
    per_s: float
    per_cpu_s: float
    decisions: str


def bench_command(*, customers: int = 1_000, days: int = 30, json: AsJson = False) -> int:
    """Measure how fast this machine replays the demo's events, in memory and on disk.

    Example: pilotage bench --customers 2000

    Parameters
    ----------
    customers
        How many customers the demo's world has.
    days
        How many of their days.
    """
    if min(customers, days) <= 0:
        raise Trouble("--customers and --days must be above 0", USAGE)
    compiled = compile_workspace(load(DEMO, {}), packaged_zones())
    assert compiled.plan is not None
    history = _history(customers, days, Intake(compiled.contracts, compiled.segment_names))
    with tempfile.TemporaryDirectory(prefix="pilotage-bench-") as folder:
        stores = open_stores(Path(folder), range(SHARDS))
        measured = [
            _replayed("memory", compiled.plan, {n: MemoryStore() for n in range(SHARDS)}, history),
            _replayed("disk", compiled.plan, stores, history),
        ]
        for store in stores.values():
            store.close()
    if json:
        print_json({"measured": measured, "ratio": measured[1].per_cpu_s / measured[0].per_cpu_s})
        return OK
    rows = table("store", "events", "events/s", "events/s of CPU", "ratio", right=("events", "events/s", "events/s of CPU", "ratio"))
    for each in measured:
        ratio = f"{each.per_cpu_s / measured[0].per_cpu_s:.2f}"
        rows.add_row(each.store, number(each.events), f"{each.per_s:,.0f}", f"{each.per_cpu_s:,.0f}", ratio)
    out = console()
    out.print(rows)
    same = measured[0].decisions == measured[1].decisions
    out.print(f"decisions {measured[0].decisions[:16]}: {'the same in both' if same else 'they differ'}")
    return OK


def _history(customers: int, days: int, intake: Intake) -> list[Event | Quarantined]:
    """What the demo's systems say, as the intake takes it in."""
    found: list[Event | Quarantined] = []
    for raw in World(7, customers, START_US).events(START_US + days * DAY_US):
        at_us = max(raw.arrives_us, START_US)
        event = Event(raw.id, raw.source, raw.type, at_us, msgspec.json.encode(raw.data), raw.identifiers)
        passed = intake.event(event, at_us)
        if passed is not None:
            found.append(passed)
    return found


def _replayed(name: str, plan: Plan, stores: dict[int, Store], history: list[Event | Quarantined]) -> Measured:
    program = load_program(plan, packaged_zones(), "bench")
    shards = [Shard(n, store, program, "bench", advance=advance) for n, store in sorted(stores.items())]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, b"the secret of a measurement", partial(recheck_action, program))
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    replay.feed(history)
    replay.commit()
    took_s, took_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    digests = replay.finish().digests
    return Measured(name, len(history), len(history) / took_s, len(history) / took_cpu_s, digests.decisions)
