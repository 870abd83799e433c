"""Backfill of accounts' features: what members handed over, and what is the account's own, once, through releases and crashes."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from pilotage.contract.builtin import FEATURES_FILLED
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, HOUR_US
from pilotage.journey.advance import advance
from pilotage.journey.backfill import Tally, filled_event, gaps, gaps_named, handed_since, recording, with_past
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.profile.identity import account_subject, resolve
from pilotage.profile.state import State, Ties, encode_state
from pilotage.runner.history import backfill
from pilotage.runner.parcels import parcels_after
from pilotage.runner.question import CompactHistory, FillFeatures
from pilotage.runner.station import Equipment, Station
from tests.journey.company import SECRET
from tests.journey.scenario import START, ZONES
from tests.runner.history.test_backfill import World, plan_of, settled, state_of
from tests.runner.rig import EVERY_POSITION

PERSONS, FIRMS = 12, 4
PLANS = tuple(
    plan_of((), lines)
    for lines in (
        ("busy: count('seat.used', '2d') > 0",),
        ("busy: count('seat.used', '50d') > 3", "grown: max('account.updated', 'seats', '90d') > 4"),
        ("busy: count('seat.used', '90d') > 3", "viewing: performed('product.viewed', '90d')"),
    )
)


class Firms(World):
    """A world whose persons hand over to accounts."""

    def equipment(self, plan: str) -> Equipment:
        """What a station runs the plan of a name with."""
        found = super().equipment(plan)
        found.account_subject = partial(account_subject, SECRET)
        return found

    async def happen(self, station: Station, *events: Event) -> None:
        """Let events be received as they occur, and what is handed over arrive."""
        await self.feed(station, [(resolve(SECRET, each, lambda key: None).subject, each, each.occurred_us) for each in events])
        while any(True for store in self.stores for _ in parcels_after(store, 0, EVERY_POSITION)):
            await asyncio.sleep(0.001)


def firm(number: int) -> str:
    """The account that a person belongs to."""
    return f"a{number % FIRMS}"


def of_person(number: int, kind: str, at_us: int, **data: object) -> Event:
    return Event(f"{kind}/{number}/{at_us}", "test", kind, at_us, msgspec.json.encode(data), {"user_id": f"u{number}"})


def of_firm(number: int, at_us: int, seats: int) -> Event:
    data = msgspec.json.encode({"seats": seats})
    return Event(f"c/{number}/{at_us}", "test", "account.updated", at_us, data, {"account_id": firm(number)})


def lives(rng: random.Random, first_day: int, days: int) -> list[Event]:
    """What persons and accounts do on some days, no two things at one instant."""
    made = []
    for hour in range(first_day * 24, (first_day + days) * 24, 12):
        at_us, number = START + hour * HOUR_US, rng.randrange(PERSONS)
        made.append(of_person(number, rng.choice(("seat.used", "seat.used", "product.viewed")), at_us))
        if rng.random() < 0.3:
            made.append(of_firm(number, at_us + 1, rng.randrange(9)))
    return made


def counted(made: Sequence[Event], kind: str, number: int, from_us: int) -> list[int]:
    """When an account has seen events of a type since an instant, reckoned from what happened."""
    whose = {f"u{person}": firm(person) for person in range(PERSONS)}
    mine = (each for each in made if each.type == kind and each.occurred_us > from_us)
    names = ((each, each.identifiers.get("account_id") or whose[each.identifiers["user_id"]]) for each in mine)
    return [each.occurred_us for each, name in names if name == firm(number)]


def instants(station: Station, number: int, kind: str, now_us: int) -> list[int]:
    """What an account's features keep of an event type, whichever window asks."""
    feature = next(each for each in PLANS[-1].accounts.features + PLANS[1].accounts.features if each.event == kind)  # type: ignore[union-attr]
    kept = state_of(station, account_subject(SECRET, firm(number))).features.get(feature.key, [])
    found = kept[0] if feature.value is not None and kept else kept
    return [each for each in found if each > now_us - feature.window_us]


async def released(
    world: Firms, station: Station, interim: Plan, wanted: Plan, known: dict[str, int | None], beside: list[Event]
) -> Station:
    """A release that waits for the past, beside what happens meanwhile, and with a crash after some of it is brought."""
    await station.stop()
    await world.crash()
    station, crashed = await world.open(interim), False
    while True:
        states = await station.ask(FillFeatures(interim.digest, known))
        if all(state.filled.done for state in states) and not beside:
            break
        if beside:
            await world.happen(station, beside.pop(0))
        elif not crashed and any(state.filled.subjects for state in states):
            crashed = True
            await world.crash()
            station = await world.open(interim)
        await asyncio.sleep(0.001)
    await world.crash()
    station = await world.open(wanted)
    while not settled(station, world.clock.now_us()):
        await asyncio.sleep(0.001)
    return station


async def grown(data: Path, rng: random.Random) -> None:
    """Accounts through two releases that each ask for more of the past than the plan before."""
    steps = [(before, wanted, gaps(wanted, PLANS[: place + 1])) for place, (before, wanted) in enumerate(pairwise(PLANS))]
    interims = [recording(before, wanted, missing) for before, wanted, missing in steps]
    world, made = Firms(data, (*PLANS, *interims)), lives(rng, 0, 30)
    station = await world.open(PLANS[0])
    joined = [of_person(number, "account.joined", START, account=firm(number)) for number in range(PERSONS)]
    await world.happen(station, *joined, *made[:30])
    await station.ask(CompactHistory())
    await world.happen(station, *made[30:])
    viewed_us = 0
    for (_, wanted, missing), interim, first_day in zip(steps, interims, (30, 45), strict=True):
        beside = lives(rng, first_day, 3)
        viewed_us = world.clock.now_us()
        made += beside
        station = await released(world, station, interim, wanted, {gap.name: gap.known_us for gap in missing}, beside[:])
        more = lives(rng, first_day + 3, 12)
        made += more
        await world.happen(station, *more)
        now_us = world.clock.now_us()
        for number in range(FIRMS):
            window_us = next(each.window_us for each in wanted.accounts.features if each.event == "seat.used")  # type: ignore[union-attr]
            assert counted(made, "seat.used", number, now_us - window_us) == instants(station, number, "seat.used", now_us)
            assert counted(made, "account.updated", number, 0) == instants(station, number, "account.updated", now_us)
    for number in range(FIRMS):
        assert counted(made, "product.viewed", number, viewed_us) == instants(station, number, "product.viewed", world.clock.now_us())
    await station.stop()


@pytest.mark.heavy
def test_an_account_knows_what_was_handed_over_before_a_release(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through two releases that each count further back, beside live events and crashes, each account has counted every event of its
    own, and every event that a member handed over, once: by a reckoning of what happened. What was not handed over is not made up."""
    monkeypatch.setattr(backfill, "SUBJECTS_AT_ONCE", 2)
    asyncio.run(grown(tmp_path, random.Random(seed)))


def test_what_accounts_and_persons_miss_is_told_apart() -> None:
    """Accounts' gaps have names of their own, and the plan that records for them says what it fills."""
    before, after = (
        plan_of(("some: count('order.placed', '2d') > 1",), ("busy: count('order.placed', '9d') > 1",)),
        plan_of(
            ("some: count('order.placed', '4d') > 1",), ("busy: count('order.placed', '8d') > 1", "seen: performed('product.viewed', '1d')")
        ),
    )
    missing = gaps(after, [before])
    assert ["order.placed", "on accounts: product.viewed"] == [gap.name for gap in missing]
    interim = recording(before, after, missing)
    known = {gap.name: gap.known_us for gap in missing}
    assert {"order.placed": 2 * DAY_US, "on accounts: product.viewed": None} == known
    assert list(missing) == [msgspec.structs.replace(gap, feature=gap.feature) for gap in gaps_named(interim, known)]
    assert interim.accounts is not None and before.accounts is not None
    assert [9 * DAY_US, DAY_US] == [each.window_us for each in interim.accounts.features]
    assert before.accounts.audiences == interim.accounts.audiences
    persons = plan_of(("some: count('order.placed', '9d') > 1",))
    assert () == gaps(before, [persons]), "where there were no accounts there is nothing to know of them"


def test_what_was_not_handed_over_is_told() -> None:
    """Of event types that members did not hand over under every plan with accounts so far, the log says that the past is not whole."""
    programs = [load(plan, ZONES, "test", PLANS[:place][::-1]) for place, plan in enumerate(PLANS)]
    assert () == handed_since(gaps(PLANS[1], PLANS[:1]), programs[:1])
    assert ("product.viewed",) == handed_since(gaps(PLANS[2], PLANS[:2]), programs[:2])
    assert () == handed_since(gaps(PLANS[2], PLANS[:2]), [load(plan_of(("x: performed('seat.used', '1d')",)), ZONES, "test")])


def test_a_past_of_persons_is_nothing_to_an_account() -> None:
    """What names no account is not taken in by one, as in logs from before accounts had a past; what does is, also by one of which
    nothing was known."""
    program = load(PLANS[1], ZONES, "test", PLANS[:1])
    tally = Tally(program, gaps(PLANS[1], PLANS[:1]))
    tally.begin(account=True)
    tally.add("seat.used", START, START, None)
    past, subject = tally.end(), account_subject(SECRET, "a1")
    known, unknown = State(subject, ties=Ties("a1"), audience_set=program.accounts.audiences.digest), State(subject)  # type: ignore[union-attr]
    assert encode_state(known) == encode_state(advance(program, known, filled_event("p", subject, START, past), START).state)
    assert known == with_past(known, past, START)
    for state in (known, unknown):
        event = filled_event("p", subject, START, past, "a1")
        assert FEATURES_FILLED == event.type
        told = advance(program, state, event, START).state
        assert ("a1", [START]) == (told.ties and told.ties.account, told.features["seat.used"])
        assert (told.ties, told.features) == ((seen := with_past(state, past, START, "a1")).ties, seen.features)
    tally.begin(account=False)
    tally.add("seat.used", START, START, None)
    assert b"" == tally.end()
