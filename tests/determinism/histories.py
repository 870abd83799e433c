"""A history to run in many ways: the demo's customers, its 22 journeys, and the receipts of what they were sent.

It is made once by a replay in memory. What every way of running gets is the log of that replay without its wake-ups:
subjects, received instants and events, receipts included, ordered as received; and at the end a word about everybody, so
that all that is due is settled.
"""

from functools import cache, partial
from pathlib import Path

import msgspec

import pilotage.simulate
from pilotage.app.workspace import compile_workspace, load
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.runner.arrival import Arrival
from pilotage.runner.digests import Digests
from pilotage.runner.log import segments_from
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import SHARDS
from pilotage.simulate.sources import Faults
from pilotage.simulate.world import World
from pilotage.source.zones import packaged_zones

START_US = parse_instant_us("2026-03-02T00:00:00Z")
"""When the world begins."""

CUSTOMERS, DAYS = 150, 45
SECRET = b"a secret of these tests"


class History(msgspec.Struct, frozen=True):
    """Everything that arrived, in order, and what the replay that made it came to."""

    arrivals: list[Arrival]
    digests: Digests


@cache
def demo_plan() -> Plan:
    """The plan of the demo's workspace, compiled from its documents."""
    workspace = load(Path(pilotage.simulate.__file__).parent / "demo", {})
    plan = compile_workspace(workspace, packaged_zones()).plan
    assert plan is not None
    return plan


@cache
def demo_program() -> Program:
    """The executable program of the demo."""
    return load_program(demo_plan(), packaged_zones(), "demo")


def lived(seed: int) -> History:
    """Live through so many days with the customers of a seed. Events come late and twice, but none breaks its contract, since
    intake would keep it from the shards."""
    program = demo_program()
    shards = [Shard(number, MemoryStore(), program, "demo", advance=advance) for number in range(SHARDS)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, SECRET, partial(recheck_action, program))
    until_us = START_US + DAYS * DAY_US
    for raw in World(seed, CUSTOMERS, START_US, faults=Faults(broken=0)).events(until_us):
        replay.feed([Event(raw.id, raw.source, raw.type, raw.arrives_us, msgspec.json.encode(raw.data), raw.identifiers)])
    replay.settle(until_us)
    for subject in sorted(subject for shard in shards for subject in shard.subjects()):
        replay.at(subject, Event(subject.hex(), "test", "test.ended", until_us + 1, b"{}", {}))
    digests = replay.finish().digests
    found = [
        Arrival(record.subject, record.event, record.received_us)
        for shard in shards
        for segment in segments_from(shard.store, 1)
        for record in segment.records
        if record.event is not None
    ]
    return History(sorted(found, key=lambda arrival: arrival.received_us), digests)
