"""The past brought to every subject beside live events: whatever crashes, everybody knows it once, and as if it had always been kept."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.app.equipment import filler, freshness
from pilotage.contract.builtin import FEATURES_FILLED
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.journey.advance import advance
from pilotage.journey.backfill import Tally, filled_event, gaps, recording
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, load
from pilotage.predicate.ir import Feature
from pilotage.profile.state import State
from pilotage.runner import sweep
from pilotage.runner.arrival import Arrival
from pilotage.runner.clock import VirtualClock
from pilotage.runner.history import backfill
from pilotage.runner.memory import ClosedStore, MemoryStore
from pilotage.runner.question import AdoptPlan, CompactHistory, FillFeatures
from pilotage.runner.station import Equipment, Freshness, Station, open_station
from pilotage.runner.store import Batch
from pilotage.runner.ticket import routed, shard_of
from tests.journey import company
from tests.journey.scenario import START, ZONES, compile_documents
from tests.runner.rig import memory_stores, small_limits

BEFORE = ("few: count('order.placed', '7d') > 1", "seen: performed('product.viewed', '2d', event.product = 'p1')")
AFTER = (
    *BEFORE,
    "often: count('order.placed', '30d') > 2",  # a wider window than before
    "dear: sum('order.placed', 'total', '20d') > 50",
    "last: last('product.viewed', 'product') = 'p2'",
    "shy: not performed('cart.added', '10d')",
    "big: count('order.placed', '25d', event.items > 2) > 0",
    "once: since_last('cart.added') > interval '3 days'",
)
ACCOUNTS_BEFORE = ("busy: count('order.placed', '5d') > 1", "paid: sum('order.placed', 'total', '3d', event.items > 1) > 40")
ACCOUNTS_AFTER = (
    *ACCOUNTS_BEFORE,
    "large: count('order.placed', '40d') > 3",  # what persons are asked too, in another window
    "worthy: sum('order.placed', 'total', '12d', event.items > 1) > 70",
    "fond: first('product.viewed', 'product') = 'p1'",
    "idle: not performed('cart.added', '10d')",
)
SUBJECTS = 30


def plan_of(lines: Sequence[str], on_accounts: Sequence[str] = ()) -> Plan:
    """A plan of audiences of persons and of accounts, each written as `name: condition`."""
    kinds = [(*line.split(": ", 1), "") for line in lines] + [(*line.split(": ", 1), "subject: account\n") for line in on_accounts]
    texts = [f'schema: 1\nkind: audience\nname: {name}\n{kind}when: "{when}"\n' for name, when, kind in kinds]
    return company.plan_of(*texts) if on_accounts else compile_documents(*texts)


def account(subject: bytes) -> str:
    """The account that a subject is where there are accounts: every third one is."""
    return f"a{subject[0]}" if subject[0] % 3 == 0 else ""


def named(made: Sequence[tuple[bytes, Event, int]]) -> list[tuple[bytes, Event, int]]:
    """The same events about persons and accounts: an account's records hold its own and what its members handed over."""
    handed = {0: {}, 1: {"person": "01" * 16}}
    return [
        (
            subject,
            msgspec.structs.replace(
                event, identifiers={"account_id": account(subject), **handed[number % 2]} if account(subject) else {"user_id": "u"}
            ),
            now_us,
        )
        for number, (subject, event, now_us) in enumerate(made)
    ]


def events_of(rng: random.Random, number: int) -> list[tuple[bytes, Event, int]]:
    """Events about some subjects with when each is received; some late, some at one instant."""
    now_us, made = START, []
    for each in range(number):
        now_us += rng.choice((0, HOUR_US, 5 * HOUR_US, 20 * HOUR_US)) // 4
        late_us = rng.choice((0, 0, 0, HOUR_US, 9 * DAY_US))
        kind = rng.choice(("order.placed", "order.placed", "product.viewed", "cart.added"))
        data = {
            "order.placed": {"order": f"o{each}", "total": rng.randrange(60), "items": rng.randrange(5)},
            "product.viewed": {"product": f"p{rng.randrange(3)}"},
            "cart.added": {},
        }[kind]
        event = Event(f"e{each}", "test", kind, now_us - late_us, msgspec.json.encode(data), {})
        made.append((key128("backfill", rng.randrange(SUBJECTS)), event, now_us))
    return made


class Held:
    """One process's hold on a store in memory: what a thread of it writes after the process has died is lost."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._alive = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, batch: Batch, *, durable: bool) -> None:
        """See `MemoryStore.write`."""
        with self._lock:
            if not self._alive:
                raise ClosedStore
            self._store.write(batch, durable=durable)

    def crash(self) -> "Held":
        """The next process's hold."""
        with self._lock:
            self._alive = False
        return Held(self._store.crash())


class World:
    """Stations over the same stores, one after another."""

    def __init__(self, data: Path, plans: Sequence[Plan], now_us: int = START) -> None:
        self.data = data
        self.plans = {plan.digest: plan for plan in plans}
        self.active: list[Plan] = []
        self.programs: dict[str, Program] = {}
        self.stores = [Held(store) for store in memory_stores()]
        self.clock = VirtualClock(now_us)
        self.freshness: Callable[[Program], Freshness] | None = freshness
        self.task = asyncio.current_task()

    def program(self, digest: str) -> Program:
        """The program of a plan as it is at hand then."""
        found = self.programs.get(digest)
        if found is None:
            digests = [plan.digest for plan in self.active]
            found = self.programs[digest] = load(self.plans[digest], ZONES, "test", self.active[: digests.index(digest)][::-1])
        return found

    def filler(self, question: FillFeatures) -> backfill.Filler:
        """What fills in the past."""
        return filler(self.data, self.program(question.plan), question)

    async def open(self, plan: Plan) -> Station:
        """A station under a plan, started."""
        if plan not in self.active:
            self.active.append(plan)
        return await self.started(plan.digest)

    async def started(self, plan: str) -> Station:
        """A station under the plan of a name."""
        station = await open_station(dict(enumerate(self.stores)), self.equipment(plan))
        await station.start()
        return station

    def equipment(self, plan: str) -> Equipment:
        """What a station runs the plan of a name with."""
        return Equipment(
            "test",
            plan,
            self.program,
            advance,
            self.clock,
            shard_limits=small_limits(),
            history=self.data,
            filler=self.filler,
            freshness=self.freshness,
        )

    async def crash(self) -> None:
        """Everything stops where it is, and nothing survives but what is on disk."""
        tasks = asyncio.all_tasks() - {self.task}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.stores = [store.crash() for store in self.stores]

    async def feed(self, station: Station, made: Sequence[tuple[bytes, Event, int]]) -> None:
        """Let events be received, one batch at an instant."""
        for subject, event, now_us in made:
            self.clock.advance(now_us - self.clock.now_us())
            await station.submit(routed([Arrival(subject, event)]))


def asked(feature: Feature, kept: Any, now_us: int) -> list[Any]:
    """What any condition can ask of a feature: what lies in its window, and the last that has occurred."""
    rows = list(zip(*kept, strict=True)) if feature.value is not None else [(instant,) for instant in kept]
    occurred = [row for row in rows if row[0] <= now_us]
    return [row for row in rows if feature.window_us and row[0] > now_us - feature.window_us] + occurred[-1:]


def asked_of(plan: Plan, station: Station, subject: bytes, now_us: int) -> dict[str, list[Any]]:
    """What any condition can ask of a subject's features."""
    features = state_of(station, subject).features
    own = plan.accounts.features if plan.accounts is not None and account(subject) else plan.features
    return {each.key: asked(each, features.get(each.key) or [[], []][: 2 * bool(each.value)], now_us) for each in own}


def settled(station: Station, now_us: int) -> bool:
    """Whether the sweep is through, and nothing is due."""
    through = station.sweep is None or station.sweep.done
    return through and not any(0 < shard.next_due_us() <= now_us for shard in station.engine.shards.values())


def assert_told_once(station: Station) -> None:
    """Nobody's past waits, and nobody was told it twice."""
    for shard in station.engine.shards.values():
        assert [] == shard.pasts.after(b"", 1)
        for subject in shard.subjects():
            told = [each for each in shard.story(subject) if each.record.event and each.record.event.type == FEATURES_FILLED]
            assert len(told) <= 1, subject.hex()


def state_of(station: Station, subject: bytes) -> State:
    """A subject's state now."""
    known = station.engine.shards[shard_of(subject)].read(subject)
    assert known is not None
    return known[0]


async def lived(data: Path, rng: random.Random, before: Plan, after: Plan) -> tuple[int, int]:
    """One life of a folder: events under a plan, a wider one released beside more events, with crashes; then compared. How many
    features and crashes there were."""
    missing = gaps(after, [before])
    interim = recording(before, after, missing)
    known = {gap.name: gap.known_us for gap in missing}
    world, made = World(data, (before, interim, after)), events_of(rng, 400)
    if before.accounts is not None:
        made = named(made)
    released, over = rng.randrange(50, 300), 330

    station = await world.open(before)
    await world.feed(station, made[: released // 2])
    await station.ask(CompactHistory())
    await world.feed(station, made[released // 2 : released])
    if rng.random() < 0.5:
        await station.stop()
    await world.crash()

    station, crashes, told, fed = await world.open(interim), 0, 0, released
    while True:
        states = await station.ask(FillFeatures(interim.digest, known))
        if len(states) == len(world.stores) and all(state.filled.done for state in states):
            break
        if fed < over and rng.random() < 0.5:
            await world.feed(station, made[fed : fed + 1])
            fed += 1
        elif crashes < 4 and sum(state.filled.subjects for state in states) > told and rng.random() < 0.7:
            crashes, told = crashes + 1, sum(state.filled.subjects for state in states)
            await world.crash()
            station = await world.open(interim)
        else:
            await asyncio.sleep(0.001)
    assert sum(state.filled.unfit for state in states) == 0
    world.active.append(after)
    await station.ask(AdoptPlan(after.digest))
    now_us = world.clock.now_us()
    while not settled(station, now_us):
        if crashes < 6 and rng.random() < 0.1:
            crashes += 1
            await world.crash()
            station = await world.open(after)
        elif fed < over + 20 and rng.random() < 0.2:
            await world.feed(station, made[fed : fed + 1])
            fed += 1
            now_us = world.clock.now_us()
        await asyncio.sleep(0.001)
    assert_told_once(station)

    always = World(data / "always", (interim,))
    reference = await always.open(interim)
    await always.feed(reference, made[:fed])
    compared = 0
    program = world.program(after.digest)
    for subject in {subject for subject, _, _ in made[:fed]}:
        live, kept = state_of(station, subject), state_of(reference, subject)
        assert asked_of(after, reference, subject, now_us) == asked_of(after, station, subject, now_us), subject.hex()
        compared += len(after.features)
        true = {each.name for each in program.of(kept).audiences.all if each.truth(kept, None, {}, now_us, "") is True}
        assert true == set(live.audiences), subject.hex()
    await world.feed(station, made[fed:])
    await station.stop()
    await reference.stop()
    return compared, crashes


@pytest.mark.parametrize(
    ("before", "after"),
    [((BEFORE,), (AFTER,)), ((BEFORE, ACCOUNTS_BEFORE), (AFTER, ACCOUNTS_AFTER))],
    ids=["persons", "persons and accounts"],
)
def test_a_past_is_known_once_whatever_crashes(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]
) -> None:
    """After a release with new and wider features, beside live events and through crashes, every person's and every account's features
    answer as if they had been kept from the beginning, and each is in the audiences that say so, heard of again or not."""
    monkeypatch.setattr(backfill, "SUBJECTS_AT_ONCE", 2)
    monkeypatch.setattr(backfill, "EVENTS_AT_ONCE", 10)
    monkeypatch.setattr(sweep, "SHARE", 1.0)
    compared, crashes = asyncio.run(lived(tmp_path, random.Random(seed), plan_of(*before), plan_of(*after)))
    assert compared >= 100
    assert crashes


async def unswept(data: Path, rng: random.Random) -> None:
    """A release that brings nothing but features, on a folder that is opened by it: each past is known at once, and taken in when
    its subject is looked at, or after everybody else."""
    before, after = plan_of(BEFORE), plan_of(AFTER)
    missing = gaps(after, [before])
    interim = recording(before, after, missing)
    world, made = World(data, (before, interim, after)), events_of(rng, 120)
    world.freshness = None
    station = await world.open(before)
    await world.feed(station, made[:60])
    await station.stop()
    await world.crash()
    station = await world.open(interim)
    while not all(
        state.filled.done for state in await station.ask(FillFeatures(interim.digest, {gap.feature.key: gap.known_us for gap in missing}))
    ):
        await asyncio.sleep(0.001)
    await world.crash()
    always = World(data / "always", (interim,))
    reference = await always.open(interim)
    await always.feed(reference, made[:60])
    subjects = sorted({subject for subject, _, _ in made[:60]})
    station = await world.open(after)
    await asyncio.sleep(0)
    now_us = world.clock.now_us()
    for subject in subjects:
        assert asked_of(after, reference, subject, now_us) == asked_of(after, station, subject, now_us), subject.hex()
    await world.feed(station, made[60:])
    await always.feed(reference, made[60:])
    now_us = world.clock.now_us()
    while not settled(station, now_us):
        await asyncio.sleep(0.001)
    assert_told_once(station)
    for subject in subjects:
        assert asked_of(after, reference, subject, now_us) == asked_of(after, station, subject, now_us), subject.hex()
    await station.stop()
    await reference.stop()


def test_a_past_is_known_before_it_is_taken_in(tmp_path: Path, seed: int) -> None:
    """A release under which nobody is asked anything new decides at once with whole features: who reads a subject sees them, and its
    next event takes them in first; the rest are brought theirs by and by."""
    asyncio.run(unswept(tmp_path, random.Random(seed)))


def test_what_is_due_is_settled_with_the_past() -> None:
    """A past is taken in before anything else under a plan that asks for it: who is met by both at once is in the audience."""
    before, after = plan_of(BEFORE), plan_of(AFTER)
    program, state = load(after, ZONES, "test", [before]), State(subject=key128("backfill", 1), attributes={"plan": "x"})
    tally = Tally(program, gaps(after, [before]))
    for hours in range(3):
        tally.add("order.placed", START - hours * HOUR_US, START, '{"order": "o", "total": 1, "items": 1}')
    outcome = advance(program, state, filled_event("p", state.subject, START, tally.end()), START)
    assert "often" in outcome.state.audiences


def test_only_what_was_not_kept_is_missing() -> None:
    """A feature is missing if it is new, or asked for in a wider window than any plan before did."""
    before, after = plan_of(BEFORE), plan_of(AFTER)
    assert () == gaps(before, [after]) == gaps(after, [before, after])
    widened = {gap.feature.key: gap.known_us for gap in gaps(after, [before]) if gap.known_us is not None}
    assert {"order.placed": 7 * DAY_US} == widened
