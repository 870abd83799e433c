"""`make history`: record what the kernel of now does, for all later releases to replay.

Two worlds: the demo's customers in its twenty journeys, and random customers in a workspace with every kind of step and policy, whose
journeys are paused, resumed, taken over by another version and stopped on the way. A file that is there already is never written again.
"""

import heapq
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from pilotage.event.envelope import Event, wake_event
from pilotage.event.time import DAY_US, HOUR_US, parse_instant_us
from pilotage.event.zone import Zones, pack
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Action
from pilotage.journey.pause import Controls, Pause, Stop
from pilotage.journey.plan import KERNEL, Plan, encode_plan
from pilotage.journey.recheck import recheck_action
from pilotage.profile.state import State
from pilotage.runner.log import segments_from
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import SHARDS
from pilotage.simulate.sources import Faults
from pilotage.simulate.world import World
from pilotage.source.zones import packaged_zones
from tests.determinism.histories import demo_plan, demo_program
from tests.histories.every import PAUSED, first, second
from tests.histories.recorded import FOLDER, SUFFIX, Recorded, Reign, Told, check, lived, programs, subject_of, write

BEGINS_US = parse_instant_us("2026-03-16T00:00:00Z")
"""Before the clocks change, in America not long before."""

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC", "Europe/London", "Europe/Paris", "Europe/Vienna")
PEOPLE, DAYS, EVENTS = 16, 40, 1_200
CUSTOMERS, DEMO_DAYS = 40, 30

Happening = tuple[int, int, int, Event | None]
"""When, in which order, to whom, what."""


def demo() -> Recorded:
    """The demo's customers, with all wake-ups and receipts."""
    program, names = demo_program(), {}
    shards = [Shard(number, MemoryStore(), program, "demo", advance=advance) for number in range(SHARDS)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, b"a recorded history", partial(recheck_action, program))
    until_us = BEGINS_US + DEMO_DAYS * DAY_US
    for raw in World(7, CUSTOMERS, BEGINS_US, faults=Faults(broken=0)).events(until_us):
        replay.feed([Event(raw.id, raw.source, raw.type, raw.arrives_us, msgspec.json.encode(raw.data), raw.identifiers)])
    replay.settle(until_us)
    replay.finish()
    records = [record for shard in shards for segment in segments_from(shard.store, 1) for record in segment.records]
    happened = [
        (record.received_us, place, names.setdefault(record.subject, len(names)), record.event) for place, record in enumerate(records)
    ]
    return recorded([demo_plan()], [Reign(0, 0)], sorted(happened, key=lambda each: each[:2]), "demo")


def every() -> Recorded:
    """Random customers in a workspace with everything in it."""
    plans = [first(), second()]
    day = [BEGINS_US + each * DAY_US for each in range(DAYS)]
    pause, refused = Pause(day[8], day[12]), Pause(day[22], day[24], "expire", "refuse")
    ongoing = [msgspec.structs.replace(each, until_us=0) for each in (pause, refused)]
    stops = {"growth.every.rival": (Stop(day[34], 0, "exit"),), "growth.every.slots": (Stop(day[34]),)}
    changes = [
        (day[8], 0, Controls({PAUSED: (ongoing[0],), "growth.every.keyed": (ongoing[0],)})),
        (day[12], 0, Controls({PAUSED: (pause,), "growth.every.keyed": (pause,)})),
        (day[18], 1, Controls({PAUSED: (pause,), "growth.every.keyed": (pause,)})),
        (day[22], 1, Controls({PAUSED: (pause, ongoing[1]), "growth.every.keyed": (pause,), "growth.every.rival": (ongoing[1],)})),
        (day[24], 1, Controls({PAUSED: (pause, refused), "growth.every.keyed": (pause,), "growth.every.rival": (refused,)})),
        (day[34], 1, Controls({PAUSED: (pause, refused), "growth.every.keyed": (pause,), "growth.every.rival": (refused,)}, stops)),
    ]
    happened, reigns = _played(plans, changes)
    return recorded(plans, reigns, happened, "every")


def recorded(plans: Sequence[Plan], reigns: Sequence[Reign], happened: Sequence[Happening], environment: str) -> Recorded:
    """A history of what happened, with the marks of the kernel of now; its plans are pinned to the zones that it knows."""
    zones = _zones()
    pinned = tuple(encode_plan(msgspec.structs.replace(plan, zones=Zones(zones).digest)) for plan in plans)
    told, before_us = [], happened[0][0]
    for at_us, _, subject, event in happened:
        told.append(Told(subject, at_us - before_us, event))
        before_us = at_us
    history = Recorded(KERNEL, environment, zones, pinned, tuple(reigns), happened[0][0], tuple(told), b"")
    history = msgspec.structs.replace(history, marks=b"".join(mark for _, _, mark in lived(history)))
    check(history)
    return history


def _zones() -> bytes:
    tables = msgspec.msgpack.decode(packaged_zones().packed, type=dict[str, bytes])
    return pack({name: tables[name] for name in ZONES})


def _played(plans: Sequence[Plan], changes: Sequence[tuple[int, int, Controls]]) -> tuple[list[Happening], list[Reign]]:
    """Random events with receipts, answers, wake-ups and what people do about tasks, under one program after another."""
    rng, zones = random.Random(4), _zones()
    raws = [encode_plan(msgspec.structs.replace(plan, zones=Zones(zones).digest)) for plan in plans]
    reigns = [Reign(0, 0)]
    waiting: list[Happening] = []
    happened: list[Happening] = []
    program = programs(zones, raws, reigns, "every")[0]
    states = {subject: State(subject_of(subject)) for subject in range(PEOPLE)}
    for at_us, subject, event in _events(rng):
        heapq.heappush(waiting, (at_us, len(waiting), subject, event))
    order = len(waiting)
    coming, asked = list(changes), set[tuple[int, int]]()
    while waiting and waiting[0][0] < BEGINS_US + DAYS * DAY_US:
        if coming and coming[0][0] <= waiting[0][0]:
            at_us, plan, controls = coming.pop(0)
            reigns.append(Reign(len(happened), plan, controls))
            program = programs(zones, raws, reigns[-1:], "every")[0]
            for subject in range(PEOPLE):
                heapq.heappush(waiting, (at_us, -PEOPLE + subject, subject, None))
            continue
        at_us, place, subject, event = heapq.heappop(waiting)
        happened.append((at_us, place, subject, event))
        try:
            outcome = advance(program, states[subject], event or wake_event(at_us), at_us)
        except ValueError:
            continue
        states[subject] = outcome.state
        follows = [(each[0], each[1]) for action in outcome.actions for each in _answers(rng, action, at_us)]
        if outcome.wake_at_us and (subject, outcome.wake_at_us) not in asked:
            asked.add((subject, outcome.wake_at_us))
            follows.append((outcome.wake_at_us + rng.choice((0, 0, HOUR_US)), None))
        for later_us, answer in follows:
            order += 1
            heapq.heappush(waiting, (later_us, order, subject, answer))
    return happened, reigns


def _events(rng: random.Random) -> Iterator[tuple[int, int, Event]]:
    for subject in range(PEOPLE):
        data = {"email": f"{subject}@example.test", "country": rng.choice(("DE", "FR")), "timezone": rng.choice(ZONES), "tier": "gold"}
        yield BEGINS_US, subject, _event("customer.signed_up", f"s{subject}", BEGINS_US, data)
        for purpose in ("marketing.cart", "marketing.news"):
            said = {"purpose": purpose, "channel": "email", "granted": rng.random() < 0.9}
            yield BEGINS_US + 1, subject, _event("consent.changed", f"{purpose}{subject}", BEGINS_US, said)
    for number in range(EVENTS):
        at_us = BEGINS_US + 2 + rng.randrange(DAYS * DAY_US)
        kind = rng.choice(
            ("cart.added", "order.placed", "order.placed", "product.viewed", "product.viewed", "app.opened", "complaint.opened")
        )
        if kind == "complaint.opened" and rng.random() < 0.6:
            continue
        data = {
            "cart.added": {"product": "p", "price": rng.randrange(100)},
            "order.placed": {"order": f"o{number % 40}", "total": rng.randrange(9), "items": rng.randrange(6)},
            "product.viewed": {"product": "p"},
            "app.opened": {"version": rng.choice(("1", "2"))},
            "complaint.opened": {"text": "t"},
        }[kind]
        yield at_us, rng.randrange(PEOPLE), _event(kind, f"e{number}", at_us - rng.choice((0, 0, HOUR_US)), data)


def _answers(rng: random.Random, action: Action, now_us: int) -> Iterator[tuple[int, Event]]:
    """What comes of an action."""
    at_us, effect = now_us + rng.randrange(1, 8 * HOUR_US), action.effect.hex()
    if action.kind == "send":
        kind = rng.choice(("message.sent", "message.sent", "message.sent", "message.failed", "message.expired", "message.unknown"))
        yield at_us, _event(kind, f"r{effect}", at_us, {"effect": effect, "channel": action.target})
    elif action.kind == "call":
        failed = rng.random() < 0.3
        data = {"effect": effect, **({"reason": "no"} if failed else {"body": '{"id": "t1"}'})}
        yield at_us, _event("call.failed" if failed else "call.answered", f"r{effect}", at_us, data)
    elif action.variables.get("told") == "opened" and rng.random() < 0.7:
        outcome = rng.choice(action.variables["outcomes"])
        yield at_us, _event("task.claimed", f"c{effect}", at_us, {"effect": effect, "person": "ada"})
        at_us += rng.randrange(36 * HOUR_US)
        yield at_us, _event("task.completed", f"d{effect}", at_us, {"effect": effect, "person": "ada", "outcome": outcome})


def _event(kind: str, name: str, at_us: int, data: dict[str, object]) -> Event:
    return Event(name, "recorded", kind, at_us, msgspec.json.encode(data), {})


WORLDS: dict[str, Callable[[], Recorded]] = {"demo": demo, "every": every}


def main() -> int:
    """Record each world's history for the kernel of now, where there is none yet."""
    for name, world in WORLDS.items():
        path = FOLDER / f"kernel-{KERNEL}-{name}{SUFFIX}"
        if path.exists():
            print(f"{path.name} is there; a history is recorded once")
            continue
        history = world()
        write(path, history)
        print(f"{path.name}: {len(history.told)} records, {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
