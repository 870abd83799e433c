"""A version takes over beside live events: whatever the two versions and the map, and whatever crashes, nobody is lost or told twice."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.journey.crossing import crossings, resting
from pilotage.journey.plan import Plan
from pilotage.profile.state import State, encode_state
from pilotage.runner import sweep
from pilotage.runner.arrival import Arrival
from pilotage.runner.station import Station
from pilotage.runner.telemetry import samples
from pilotage.runner.ticket import routed, shard_of
from tests.journey.scenario import START, compile_documents
from tests.runner.history.test_backfill import World, state_of

PEOPLE = [key128("live change", number) for number in range(24)]
CONTENTS = [f"text{number}" for number in range(5)]
WAIT = "{id: hold, wait: {for: 90d}}"
FORMS = ("for: {}h", "until: order.placed, timeout: {}h", "when: country = 'FR', timeout: {}h")


def content_document(name: str) -> str:
    """A message."""
    return f'schema: 1\nkind: content\nname: {name}\nchannel: email\nsubject: "{name}"\ntext: "{name}"\n'


def random_steps(rng: random.Random, names: list[str]) -> list[str]:
    """The steps of a version: waits of all forms, calls and messages, each content at most once, with edges that lead onward."""
    contents = rng.sample(CONTENTS, len(CONTENTS))
    steps = []
    for place, name in enumerate(names):
        onward = [*names[place + 1 :], "end"]
        failure = f", on_failure: {rng.choice(onward)}" if rng.random() < 0.4 else ""
        if contents and rng.random() < 0.5:
            steps.append(f"{{id: {name}, send: email, content: {contents.pop()}, expires: 9d, on_blocked: {rng.choice(onward)}{failure}}}")
        elif rng.random() < 0.3:
            steps.append(f"{{id: {name}, call: desk, data: {{n: trigger.price}}, timeout: 3d, on_timeout: {rng.choice(onward)}{failure}}}")
        else:
            form = rng.choice(FORMS).format(rng.randrange(1, 200))
            timeout = f", on_timeout: {rng.choice(onward)}" if "timeout" in form else ""
            steps.append(f"{{id: {name}, wait: {{{form}}}{timeout}}}")
    return steps


def random_plan(rng: random.Random, steps: list[str], in_flight: str = "") -> Plan:
    """A plan of one journey."""
    head = "schema: 1\nkind: journey\nname: growth.live.change\nowner: {responsible: crm}\npurpose: service.payment\n"
    lines = "".join(f"  - {step}\n" for step in steps)
    enter = "enter: {on: cart.added, reentry: never}\n"
    return compile_documents(f"{head}{in_flight}{enter}steps:\n{lines}", *map(content_document, CONTENTS))


def random_versions(rng: random.Random) -> tuple[Plan, Plan]:
    """A version and one that takes it over by a map of all its steps, which leads anywhere, backwards too."""
    old_names = [f"s{number}" for number in range(rng.randrange(3, 8))]
    new_names = rng.sample([*old_names, "t0", "t1", "t2", "t3"], rng.randrange(2, 7))
    old = random_plan(rng, random_steps(rng, old_names))
    ways = ", ".join(f"{step}: {rng.choice([*new_names, *new_names, 'exit'])}" for step in old_names)
    return old, random_plan(rng, random_steps(rng, new_names), f"in_flight: {{migrate: {{from: any, steps: {{{ways}}}}}}}\n")


def told(rng: random.Random, number: int) -> list[tuple[bytes, Event, int]]:
    """Who signs up and fills a cart when, and what else happens to them."""
    made, now_us = [], START
    for each in range(number):
        now_us += rng.randrange(4) * HOUR_US
        subject = rng.choice(PEOPLE)
        kind = rng.choice(("cart.added", "cart.added", "order.placed", "customer.signed_up"))
        data = {"email": "a@example.test", "country": rng.choice(("DE", "FR"))} if kind == "customer.signed_up" else {}
        made.append((subject, Event(f"e{each}", "test", kind, now_us, msgspec.json.encode(data), {}), now_us))
    begun = [
        (subject, Event(f"b{place}", "test", "customer.signed_up", START, b'{"email": "a@example.test", "country": "DE"}', {}), START)
        for place, subject in enumerate(PEOPLE)
    ]
    return begun + made


def states(station: Station) -> dict[bytes, State]:
    """Everybody's state."""
    return {subject: state_of(station, subject) for subject in PEOPLE}


def decided(station: Station, subject: bytes, verb: str) -> int:
    """How often something was decided about somebody, ever."""
    story = station.engine.shards[shard_of(subject)].story(subject)
    return sum(decision.verb == verb for happened in story for decision in happened.decisions)


async def settled(world: World, station: Station) -> None:
    """Let all that is due be decided, and be on disk."""
    shards = station.engine.shards.values()
    while any(0 < each.next_due_us() <= world.clock.now_us() or each.durable < each.position for each in shards):
        await asyncio.sleep(0)


async def receipts(world: World, station: Station, rng: random.Random, number: int) -> None:
    """Let the messages that wait for a receipt have one."""
    for subject, state in states(station).items():
        kinds = {row.action.effect: row.action.kind for row in station.engine.shards[shard_of(subject)].actions(subject)}
        for entry in state.entries:
            if kinds.get(entry.awaited) == "send":
                kind = rng.choice(("message.sent", "message.failed"))
                data = msgspec.json.encode({"effect": entry.awaited.hex(), "channel": "email"})
                await station.submit(
                    routed([Arrival(subject, Event(f"r{number}{subject.hex()}", "test", kind, world.clock.now_us(), data, {}))])
                )


async def swept(world: World, old: Plan, new: Plan, crash: random.Random | None) -> Station:
    """A station under the new version, once everybody was looked at; it crashes on the way if there is chance for it."""
    station, crashes = await world.open(new), 0
    while station.sweep is None or not station.sweep.done:
        if crash is not None and crashes < 5 and crash.random() < 0.3:
            crashes += 1
            await world.crash()
            station = await world.open(new)
        await asyncio.sleep(0.001)
    await settled(world, station)
    return station


async def lived(data: Path, seed: int, crash: random.Random | None) -> tuple[dict[bytes, bytes], Counter[str]]:
    """People under way in one version, taken over by another; everybody's state right after, and what was seen on the way."""
    rng = random.Random(seed)
    old, new = random_versions(rng)
    world, seen = World(data, (old, new)), Counter[str]()
    station = await world.open(old)
    made = told(rng, 60)
    await world.feed(station, made)
    await settled(world, station)
    before = states(station)
    ended = {subject: decided(station, subject, "exited") for subject in PEOPLE}
    found = crossings([old], new, resting(before.values()))
    assert [] == [each.refusal for each in found if each.refusal]
    await station.stop()
    await world.crash()

    station = await swept(world, old, new, crash)
    after, steps = states(station), {step.id for step in new.journeys[0].steps}
    version = new.journeys[0].digest[:16]
    for subject in PEOPLE:
        left = decided(station, subject, "exited") - ended[subject]
        assert len(before[subject].entries) == len(after[subject].entries) + left, "somebody is lost"
        assert {(entry.version, entry.step in steps) for entry in after[subject].entries} <= {(version, True)}
        assert [entry.id for entry in after[subject].entries] == [entry.id for entry in before[subject].entries][
            : len(after[subject].entries)
        ]
        seen["migrated"] += decided(station, subject, "migrated")
    assert sum(each.people for each in found) == seen["migrated"] + sum(each.people for each in found if each.policy == "exit")
    waiting = {labels: count for labels, count in samples(station.telemetry.snapshot().gauges["waiting"]) if count}
    assert waiting == Counter((entry.journey, entry.step) for state in after.values() for entry in state.entries)
    kept = {subject: encode_state(state) for subject, state in after.items()}

    for number in range(30):
        await receipts(world, station, rng, number)
        world.clock.advance(DAY_US)
        await settled(world, station)
    for subject in PEOPLE:
        rows = list(station.engine.shards[shard_of(subject)].actions(subject))
        assert len(rows) == len({row.action.effect for row in rows})
        sent = Counter(row.action.content.partition("@")[0] for row in rows if row.action.kind == "send")
        assert not sent or 1 == max(sent.values()), "somebody was told twice"
        seen["sent"] += len(rows)
        seen["passed"] += decided(station, subject, "passed")
    await station.stop()
    return kept, seen


@pytest.mark.heavy
def test_nobody_is_lost_or_told_twice_whatever_the_versions(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For random pairs of versions and maps, and random people under way: everybody goes on or leaves as was counted before, nobody
    rests on a step that does not exist, nobody gets a content twice, and crashes during the sweep change not one byte."""
    monkeypatch.setattr(sweep, "SUBJECTS_LEAST", 2)
    monkeypatch.setattr(sweep, "SUBJECTS_MOST", 2)
    monkeypatch.setattr(sweep, "SHARE", 1.0)
    seen = Counter[str]()
    for round_ in range(6):
        calm = asyncio.run(lived(tmp_path / f"calm{round_}", 100 * seed + round_, None))
        hard = asyncio.run(lived(tmp_path / f"hard{round_}", 100 * seed + round_, random.Random(seed)))
        assert calm == hard
        seen += calm[1]
    assert seen["migrated"] and seen["sent"], seen


async def returned(data: Path) -> list[str]:
    """Under which of two versions somebody new is after the second, the first, and the second again have been in force."""
    old, new = random_plan(random.Random(1), [WAIT]), random_plan(random.Random(1), [WAIT], "in_flight: {migrate: {from: any}}\n")
    world, under = World(data, (old, new)), []
    station = await world.open(old)
    names = {old.journeys[0].digest[:16]: "first", new.journeys[0].digest[:16]: "second"}
    for number, plan in enumerate((old, new, old, new)):
        await station.stop()
        await world.crash()
        station = await (swept(world, old, new, None) if plan is new else world.open(old))
        if number < 3:
            event = Event(f"c{number}", "test", "cart.added", START, b"{}", {})
            await station.submit(routed([Arrival(PEOPLE[number], event)]))
    for subject in PEOPLE[:3]:
        under += [names[entry.version] for entry in state_of(station, subject).entries]
    await station.stop()
    return under


def test_a_version_that_comes_back_takes_over_again(tmp_path: Path) -> None:
    """Whoever entered while the version before was in force again is swept for when the later one comes back."""
    assert ["second"] * 3 == asyncio.run(returned(tmp_path))
