"""Journeys are paused and resumed beside live events: whatever crashes, no entry is lost and no deadline is wrong, across clock changes."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, HOUR_US, instant_us, moment, parse_instant_us
from pilotage.journey.pause import Pause, Stop
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, controlled, load
from pilotage.profile.state import encode_state
from pilotage.runner import sweep
from pilotage.runner.arrival import Arrival
from pilotage.runner.controls import Control, Kind, controls_of, standing
from pilotage.runner.question import AdoptPlan
from pilotage.runner.station import Station
from pilotage.runner.ticket import routed, shard_of
from tests.journey.scenario import ZONES, compile_documents
from tests.runner.history.test_backfill import World, state_of

BEGINS_US = parse_instant_us("2026-03-24T05:00:00Z")
"""Before the clocks change in Europe and in Australia, after they did in America."""

PLACES = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "UTC")
PEOPLE = [key128("pause", number) for number in range(15)]
JOURNEY = "growth.live.pause"


class Form(msgspec.Struct, frozen=True):
    """One wait of a random journey, and whether a message follows it: for a time, for an order or a time, for a time of day."""

    kind: str
    span_us: int = 0
    minute: int = 0


def random_forms(rng: random.Random) -> list[Form]:
    """The waits of a journey."""
    kinds = [rng.choice(("for", "until", "at")) for _ in range(rng.randrange(2, 6))]
    return [Form(kind, rng.randrange(1, 60) * HOUR_US, rng.choice((9 * 60, 150, 0, 18 * 60 + 30))) for kind in kinds]


def journey_of(forms: list[Form]) -> Plan:
    """A journey in which a message tells after each wait how it ended."""
    steps, contents = [], []
    for place, form in enumerate(forms):
        hours, clock = form.span_us // HOUR_US, f"{form.minute // 60:02}:{form.minute % 60:02}"
        wait = {"for": f"for: {hours}h", "until": f"until: order.placed, timeout: {hours}h", "at": f'at: "{clock}"'}[form.kind]
        following = f"w{place + 1}" if place + 1 < len(forms) else "end"
        late = f", on_timeout: late{place}" if form.kind == "until" else ""
        steps += [f"{{id: w{place}, wait: {{{wait}}}, next: came{place}{late}}}"]
        for word in ("came", "late") if late else ("came",):
            name = f"{word}{place}"
            steps += [f"{{id: {name}, send: email, content: {name}, expires: 90d, on_blocked: end, next: {following}}}"]
            contents += [f'schema: 1\nkind: content\nname: {name}\nchannel: email\nsubject: "{name}"\ntext: "{name}"\n']
    head = f"schema: 1\nkind: journey\nname: {JOURNEY}\nowner: {{responsible: crm}}\npurpose: service.payment\n"
    lines = "".join(f"  - {step}\n" for step in steps)
    return compile_documents(f"{head}enter: {{on: cart.added, reentry: never}}\nsteps:\n{lines}", *contents)


class Life(msgspec.Struct):
    """One person: where, when the cart was filled, when orders were placed."""

    zone: str
    carts: list[int]
    orders: list[int]


def reckoned(forms: list[Form], life: Life, pauses: list[Pause]) -> list[tuple[str, int]]:
    """Which messages a person gets and when, by a plain reckoning on the calendar."""
    at_us = next((cart for cart in life.carts if (found := within(pauses, cart)) is None or found.entries == "queue"), None)
    if at_us is None:
        return []
    sent, at_us = [], after_pause(pauses, at_us)
    for place, form in enumerate(forms):
        ends_us = ends_at(form, at_us, life.zone, pauses)
        order_us = next((order for order in life.orders if at_us < order), None)
        came = form.kind != "until" or (order_us is not None and order_us < ends_us)
        begun_us = order_us if form.kind == "until" and came else ends_us
        assert begun_us is not None
        at_us = after_pause(pauses, begun_us)
        sent.append((f"{'came' if came else 'late'}{place}", at_us))
    return sent


def within(pauses: list[Pause], at_us: int) -> Pause | None:
    """The pause an instant lies in."""
    return next((pause for pause in pauses if pause.from_us <= at_us < pause.until_us), None)


def after_pause(pauses: list[Pause], at_us: int) -> int:
    """The instant itself, or the end of the pause it lies in."""
    pause = within(pauses, at_us)
    return pause.until_us if pause is not None else at_us


def ends_at(form: Form, from_us: int, zone: str, pauses: list[Pause]) -> int:
    """When a wait that began at an instant is over."""
    ends_us = wall_clock(from_us, zone, form.minute) if form.kind == "at" else from_us + form.span_us
    for pause in pauses:
        if pause.until_us <= from_us or ends_us < pause.from_us:
            continue
        if pause.deadlines == "expire":
            ends_us = max(ends_us, pause.until_us)
        elif form.kind != "at":
            ends_us += pause.until_us - max(pause.from_us, from_us)
        elif ends_us < pause.until_us:
            ends_us = wall_clock(pause.until_us - 1, zone, form.minute)
    return ends_us


def wall_clock(after_us: int, zone: str, minute: int) -> int:
    """The first instant after another at which a clock in a zone shows a minute of the day; what a change skips is shown with the
    offset before it."""
    place = ZoneInfo(zone)
    day = moment(after_us).astimezone(place).date() - timedelta(days=1)
    while True:
        shown = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=place)
        for fold in (0, 1):
            found = instant_us(shown.replace(fold=fold).astimezone(UTC))
            skipped = moment(found).astimezone(place).replace(tzinfo=None) != shown.replace(tzinfo=None)
            if found > after_us and not (fold and skipped):
                return found
        day += timedelta(days=1)


class Steered(World):
    """A world whose plan comes into force anew with each control."""

    def __init__(self, data: Path, plan: Plan, crash: random.Random | None) -> None:
        super().__init__(data, (plan,), BEGINS_US)
        self.plan, self.crashing, self.crashes = plan, crash, 0
        self.controls: list[Control] = []
        self.compiled = load(plan, ZONES, "test")

    def program(self, digest: str) -> Program:
        """The program under the controls there were by then."""
        return controlled(self.compiled, controls_of(self.controls[: int(digest.rpartition("~")[2])]))

    async def open(self, plan: Plan) -> Station:
        """A station under the newest name of the plan, started."""
        return await self.started(f"{plan.digest}~{len(self.controls)}")

    async def maybe_crash(self, station: Station, chance: float) -> Station:
        """The station, or one that comes up after a crash."""
        if self.crashing is None or self.crashing.random() >= chance:
            return station
        self.crashes += 1
        await self.crash()
        return await self.open(self.plan)

    async def control(self, station: Station, kind: Kind, at_us: int, **terms: str) -> Station:
        """Pause, resume or stop as of an instant; a crash may come before anybody is told, and while all are being brought there."""
        self.clock.advance(at_us - self.clock.now_us())
        self.controls.append(Control(JOURNEY, kind, at_us, "ada", **terms))
        station = await self.maybe_crash(station, 0.4)
        await station.ask(AdoptPlan(f"{self.plan.digest}~{len(self.controls)}"))
        while station.sweep is not None and not station.sweep.done:
            station = await self.maybe_crash(station, 0.1)
            await asyncio.sleep(0.001)
        return station


async def settled(world: Steered, station: Station) -> None:
    """Let all that is due be decided, and be on disk."""
    shards = station.engine.shards.values()
    while any(0 < each.next_due_us() <= world.clock.now_us() or each.durable < each.position for each in shards):
        assert station.failure is None
        await asyncio.sleep(0)


def random_lives(rng: random.Random) -> list[Life]:
    """People in several zones, with their carts and orders over three weeks."""
    return [
        Life(
            rng.choice(PLACES),
            sorted(BEGINS_US + HOUR_US + rng.randrange(12 * DAY_US) for _ in range(2)),
            sorted(BEGINS_US + HOUR_US + rng.randrange(20 * DAY_US) for _ in range(rng.randrange(5))),
        )
        for _ in PEOPLE
    ]


def random_pauses(rng: random.Random) -> list[Pause]:
    """One to three pauses, one after another."""
    edges = sorted(2 * HOUR_US + rng.randrange(18 * DAY_US) for _ in range(2 * rng.randrange(1, 4)))
    return [
        Pause(BEGINS_US + begin, BEGINS_US + end, rng.choice(("shift", "expire")), rng.choice(("queue", "refuse")))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]


async def lived(data: Path, seed: int, crash: random.Random | None) -> tuple[dict[bytes, bytes], Counter[str]]:
    """Random people in a random journey that is paused at random; everybody's state in the end, and what was seen on the way."""
    rng, seen = random.Random(seed), Counter[str]()
    forms, lives, pauses = random_forms(rng), random_lives(rng), random_pauses(rng)
    happens: list[tuple[int, int, str, int]] = [(pause.from_us, 1, "pause", place) for place, pause in enumerate(pauses)]
    happens += [(pause.until_us, 1, "resume", place) for place, pause in enumerate(pauses)]
    for place, life in enumerate(lives):
        happens += [(BEGINS_US, 0, "customer.signed_up", place)]
        happens += [(at_us, 2, "cart.added", place) for at_us in life.carts] + [(at_us, 2, "order.placed", place) for at_us in life.orders]
    world = Steered(data, journey_of(forms), crash)
    station = await world.open(world.plan)
    for number, (at_us, _, kind, place) in enumerate(sorted(happens)):
        if rng.random() < 0.7:
            world.clock.advance(at_us - 1 - world.clock.now_us())
            await settled(world, station)
        if kind == "pause":
            station = await world.control(station, "pause", at_us, deadlines=pauses[place].deadlines, entries=pauses[place].entries)
        elif kind == "resume":
            station = await world.control(station, "resume", at_us)
        else:
            station = await world.maybe_crash(station, 0.01)
            data_of = {"email": "a@example.test", "timezone": lives[place].zone} if kind == "customer.signed_up" else {}
            event = Event(f"e{number}", "test", kind, at_us, msgspec.json.encode(data_of), {})
            world.clock.advance(at_us - world.clock.now_us())
            await station.submit(routed([Arrival(PEOPLE[place], event)]))
    world.clock.advance(60 * DAY_US)
    await settled(world, station)
    kept = {}
    for subject, life in zip(PEOPLE, lives, strict=True):
        actions = [row.action for row in station.engine.shards[shard_of(subject)].actions(subject)]
        found = sorted((action.not_before_us, action.content.partition("@")[0]) for action in actions)
        expected = sorted((at_us, name) for name, at_us in reckoned(forms, life, pauses))
        assert expected == found, (life, pauses, forms)
        kept[subject] = encode_state(state_of(station, subject))
        assert [] == state_of(station, subject).entries
        seen.update(name[:4] for _, name in found)
        seen["people"] += bool(found)
        for happened in station.engine.shards[shard_of(subject)].story(subject):
            seen.update(decision.verb for decision in happened.decisions)
    seen["crashes"] = world.crashes
    await station.stop()
    return kept, seen


def test_no_entry_is_lost_and_no_deadline_is_wrong(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random journeys, people in five zones, pauses of both policies across clock changes: every message leaves when a plain reckoning
    says, and crashes while pausing, while paused and while resuming change not one byte of anybody's state."""
    monkeypatch.setattr(sweep, "SUBJECTS_LEAST", 2)
    monkeypatch.setattr(sweep, "SUBJECTS_MOST", 2)
    monkeypatch.setattr(sweep, "SHARE", 1.0)
    seen = Counter[str]()
    for round_ in range(8):
        calm = asyncio.run(lived(tmp_path / f"calm{round_}", 100 * seed + round_, None))
        hard = asyncio.run(lived(tmp_path / f"hard{round_}", 100 * seed + round_, random.Random(seed)))
        assert calm[0] == hard[0]
        seen += hard[1]
        unseen = {each for each in ("came", "late", "paused", "shifted", "crashes", "people", "refused") if not seen[each]}
        if round_ > 1 and not unseen:
            break
    assert set() == unseen


def test_controls_make_pauses_and_stops() -> None:
    """A resumption ends what holds, and only that; who did it is known as long as it holds."""

    def control(kind: Kind, at_us: int, **terms: str) -> Control:
        return Control("j", kind, at_us, "ada", **terms)

    made = [control("pause", 5, deadlines="expire"), control("resume", 9), control("pause", 12), control("stop", 14, under_way="exit")]
    found = controls_of(made)
    assert (Pause(5, 9, "expire"), Pause(12)) == found.pauses["j"]
    assert (Stop(14, 0, "exit"),) == found.stops["j"]
    assert {"j": made[-1]} == standing(made)
    ended = controls_of([*made, control("resume", 20)])
    assert (9, 20, 20) == (ended.pauses["j"][0].until_us, ended.pauses["j"][1].until_us, ended.stops["j"][0].until_us)
    assert {} == standing([*made, control("resume", 20)])
