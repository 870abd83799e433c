"""What subjects hand over arrives at the other shard once, whatever crashes between any two steps of its way, however late."""

import asyncio
import os
import random
import signal
from collections import Counter
from functools import cache, partial
from pathlib import Path

import msgspec
import pytest

from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.program import Program, load
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import account_subject, resolve
from pilotage.profile.identity import subject_id as identified
from pilotage.profile.state import Entry, State, decode_state
from pilotage.runner.arrival import Arrival
from pilotage.runner.clock import VirtualClock
from pilotage.runner.courier import Courier
from pilotage.runner.memory import MemoryStore
from pilotage.runner.outbox import decode_row
from pilotage.runner.parcels import parcels_after
from pilotage.runner.question import ReadState
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.station import Equipment
from pilotage.runner.store import Batch
from pilotage.runner.supervisor import Supervisor
from pilotage.runner.ticket import SHARDS, Row, Work, shard_of, shares
from pilotage.runner.wire import Assignment
from pilotage.source.sink import Unavailable
from tests.journey.company import plan_of
from tests.journey.scenario import START, ZONES
from tests.journey.test_accounts import on_account
from tests.runner.rig import EVERY_POSITION
from tests.runner.test_worker import SECRET, make_front, run, submit_until_taken, until
from tests.runner.toy_kernel import add as toy_event
from tests.runner.toy_kernel import advance as toy_advance
from tests.runner.toy_kernel import subject_id

PERSONS, ACCOUNTS = 24, 6


@cache
def program() -> Program:
    """A journey on accounts that counts what members do, and one that sends a message for each change of the contract."""
    tell = "{id: tell, send: email, content: plain, to: {role: billing}, purpose: service.payment, on_blocked: end}"
    telling = on_account(tell, "{on: account.updated, key: trigger.seats, reentry: always}").replace("recovery.cart", "recovery.told")
    counting = on_account(extra="exit: [{when: \"count('seat.used', '900d') >= 100000\", reason: busy}]")
    return load(plan_of(counting, telling), ZONES, "test")


def account_of_person(number: int) -> str:
    """Each person belongs to one account."""
    return f"a{number % ACCOUNTS}"


def joined(number: int) -> Event:
    """A person joins its account."""
    role = {"role": "billing"} if number < ACCOUNTS else {}
    data = msgspec.json.encode({"account": account_of_person(number), **role})
    return Event(f"j{number}", "test", "account.joined", START, data, {"user_id": f"u{number}"})


def used(number: int, at_us: int) -> Event:
    """A person uses a seat; no two do at one instant."""
    return Event(f"s{number}", "test", "seat.used", at_us + number, b"{}", {"user_id": f"u{number % PERSONS}"})


def signed_up(number: int) -> Event:
    """A person has an address."""
    return Event(f"u{number}", "test", "customer.signed_up", START, b'{"email": "a@example.test"}', {"user_id": f"u{number}"})


def updated(number: int) -> Event:
    """The contract of an account changes, which somebody there is told."""
    data = msgspec.json.encode({"seats": number})
    return Event(f"c{number}", "test", "account.updated", START, data, {"account_id": f"a{number % ACCOUNTS}"})


def expected(events: int) -> Counter[str]:
    """How often members of each account have used a seat after so many events."""
    return Counter(account_of_person(number % PERSONS) for number in range(events))


class Crash(Exception):
    """The process dies here."""


class Shop:
    """Eight shards in two processes over stores in memory. What is not on a store is lost when its process dies."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = START
        self.stores = [MemoryStore() for _ in range(SHARDS)]
        self.own: tuple[dict[int, Shard], dict[int, Shard]] = ({}, {})
        for process in range(2):
            self.restart(process)

    def restart(self, process: int) -> None:
        """Recover the shards of a process from what is on their stores."""
        for number in range(process, SHARDS, 2):
            self.stores[number] = self.stores[number].crash()
            shard = Shard(number, self.stores[number], program(), "test", advance=advance)
            shard.recover()
            self.own[process][number] = shard

    def shard(self, number: int) -> Shard:
        """A shard as it is now."""
        return self.own[number % 2][number]

    def apply(self, number: int, arrivals: list[Arrival]) -> None:
        """Advance and commit, like an engine."""
        shard = self.shard(number)
        for result in shard.apply(arrivals, self.now):
            assert result.error is None
        if self.rng.random() < 0.1:
            raise Crash
        sealed = shard.seal()
        if sealed is not None:
            shard.store.write(sealed.batch, durable=True)
            shard.committed(sealed)
        if self.rng.random() < 0.2:
            shard.save(shard.unsaved or 50)

    async def deliver(self, work: Work) -> None:
        """Bring parcels; now and then the other process cannot be reached, before or after it has taken them."""
        if self.rng.random() < 0.1:
            raise Unavailable("not now")
        for number, arrivals in work.items():
            try:
                self.apply(number, arrivals)
            except Crash:
                self.restart(number % 2)
                raise Unavailable("it died") from None
        if self.rng.random() < 0.1:
            raise Unavailable("nobody knows whether it arrived")

    def let_go(self, number: int, row: Row) -> None:
        """Remove a parcel, unless the process dies before."""
        if self.rng.random() < 0.7:
            batch = Batch()
            batch.delete(row[0], row[1])
            self.stores[number].write(batch, durable=True)

    async def carry(self, process: int, *, whole: bool = False) -> None:
        """Let the courier of a process run for a while, or until nothing is left."""
        courier = Courier(self.own[process], self.deliver, partial(account_subject, SECRET), self.let_go)
        courier.start()
        if whole:
            await courier.stop(5)
        else:
            for _ in range(self.rng.randrange(12)):
                await asyncio.sleep(0)
            for task in courier._tasks:
                task.cancel()
            await asyncio.gather(*courier._tasks, return_exceptions=True)
        assert courier.fault is None

    async def live(self, ahead: list[Event]) -> None:
        """Take events in, each until it is taken, with crashes, pauses and a courier now and then."""
        while ahead:
            subject = resolve(SECRET, ahead[0], lambda key: None).subject
            number = shard_of(subject)
            try:
                self.apply(number, [Arrival(subject, ahead[0])])
                del ahead[0]
            except Crash:
                self.restart(number % 2)
            if self.rng.random() < 0.2:
                await self.carry(self.rng.randrange(2))
            if self.rng.random() < 0.02:
                self.now += 3 * DAY_US
                self.restart(self.rng.randrange(2))

    def told(self) -> list[str]:
        """The account of each message that was decided, once for each decision."""
        people = {identified(SECRET, "user_id", f"u{number}"): account_of_person(number) for number in range(PERSONS)}
        rows = [decode_row(value) for store in self.stores for _, value in store.scan("action")]
        return [people[row.action.subject] for row in rows]

    def entries(self, subject: bytes) -> list[Entry]:
        """What an account is in."""
        known = self.shard(shard_of(subject)).read(subject)
        return known[0].entries if known is not None else []

    def counts(self) -> Counter[str]:
        """How many seats each account knows to be used."""
        return Counter({name: used_of(self.shard(shard_of(subject)).read(subject)) for name, subject in accounts().items()})


def accounts() -> dict[str, bytes]:
    """The subjects of the accounts."""
    return {f"a{number}": account_subject(SECRET, f"a{number}") for number in range(ACCOUNTS)}


def used_of(known: tuple[State, int] | None) -> int:
    """How many seats a state knows to be used."""
    return len(known[0].features.get("seat.used", [])) if known is not None else 0


def test_nothing_is_lost_and_nothing_arrives_twice(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under crashes before and after each write, lost answers and pauses of days, each account counts each event once."""
    monkeypatch.setattr("pilotage.runner.courier.BACKOFF_S", (0.0,))

    async def scenario() -> None:
        rng = random.Random(seed)
        shop = Shop(rng)
        first = [event for number in range(PERSONS) for event in (joined(number), signed_up(number))]
        then = [event for number in range(120) for event in ([used(number, START)] + [updated(number)] * (number % 5 == 4))]
        for ahead in (first, then):
            await shop.live(ahead)
            while any(list(parcels_after(store, 0, EVERY_POSITION)) for store in shop.stores):
                for process in range(2):
                    await shop.carry(process, whole=True)
        assert expected(120) == shop.counts()
        told = Counter(account for account in shop.told() if account)
        assert Counter(f"a{number % ACCOUNTS}" for number in range(120) if number % 5 == 4) == told
        waiting = [entry for subject in accounts().values() for entry in shop.entries(subject) if entry.journey.endswith("told")]
        assert [] == waiting

    run(scenario)


def test_a_parcel_waits_until_what_it_came_of_is_durable() -> None:
    """A parcel that can be read while the disk has not answered yet is not carried before it has: a crash could take it back."""

    async def scenario() -> None:
        shop = Shop(random.Random())
        shop.rng.random = lambda: 1.0  # type: ignore[method-assign]
        person, account = identified(SECRET, "user_id", "u0"), accounts()["a0"]
        shop.apply(shard_of(person), [Arrival(person, joined(0))])
        shard = shop.shard(shard_of(person))
        shard.apply([Arrival(person, used(0, START))], shop.now)
        sealed = shard.seal()
        assert sealed is not None
        shard.store.write(sealed.batch, durable=True)
        await shop.carry(shard.number % 2, whole=True)
        assert 0 == used_of(shop.shard(shard_of(account)).read(account))
        shard.committed(sealed)
        await shop.carry(shard.number % 2, whole=True)
        assert 1 == used_of(shop.shard(shard_of(account)).read(account))

    run(scenario)


def test_a_replay_hands_over_at_the_very_instant() -> None:
    """A replay brings what is handed over at once and leaves no parcel behind, and its digests do not depend on group sizes."""
    found = []
    for group in (1, 1_000):
        shards = [Shard(number, MemoryStore(), program(), "test", advance=advance) for number in range(SHARDS)]
        for shard in shards:
            shard.recover()
        replay = Replay(shards, SECRET, partial(recheck_action, program()), group_events=group)
        replay.feed([*(joined(number) for number in range(PERSONS)), *(used(number, START) for number in range(200))])
        found.append(replay.finish(START + DAY_US).digests)
        known = {name: used_of(shards[shard_of(subject)].read(subject)) for name, subject in accounts().items()}
        assert expected(200) == known
        assert [] == [parcel for shard in shards for parcel in parcels_after(shard.store, 0, EVERY_POSITION)]
    assert found[0] == found[1]


def test_a_parcel_is_known_by_its_sequence_for_ever() -> None:
    """A parcel that is brought again long after its id is forgotten changes nothing, and one that comes later is taken."""
    shop = Shop(random.Random())
    shop.rng.random = lambda: 1.0  # type: ignore[method-assign]
    subject = accounts()["a0"]
    event = used(0, START)
    event = Event(event.id, event.source, event.type, event.occurred_us, event.data, {"account_id": "a0"})
    for sequence, days in ((5, 0), (5, 0), (5, 400), (4, 0)):
        shop.now += days * DAY_US
        shop.apply(shard_of(subject), [Arrival(subject, event, sender=3, sequence=sequence)])
        shop.restart(shard_of(subject) % 2)
    assert 1 == used_of(shop.shard(shard_of(subject)).read(subject))
    later = Event("later", "test", "seat.used", START + 7, b"{}", {"account_id": "a0"})
    shop.apply(shard_of(subject), [Arrival(subject, later, sender=3, sequence=6)])
    assert 2 == used_of(shop.shard(shard_of(subject)).read(subject))


def test_a_refused_parcel_is_refused_again_until_it_is_in_the_quarantine() -> None:
    """A parcel that the kernel refuses, brought again after a crash behind one that was applied, is refused again and not taken for
    one that was applied; once its sender goes on, it is done with."""
    store = MemoryStore()
    subject = subject_id(1)

    def bring(store: MemoryStore, *parcels: tuple[int, Event]) -> list[str]:
        shard = Shard(0, store, "program", "test", advance=toy_advance)
        shard.recover()
        results = shard.apply([Arrival(subject, event, sender=3, sequence=sequence) for sequence, event in parcels], START)
        while (sealed := shard.seal()) is not None:
            store.write(sealed.batch, durable=True)
            shard.committed(sealed)
        return ["refused" if each.error else "known" if each.duplicate else "applied" for each in results]

    batch = [(5, toy_event(1)), (6, toy_event(2, "toy.bad")), (7, toy_event(3))]
    assert ["applied", "refused", "applied"] == bring(store, *batch)
    for _ in range(2):
        assert ["known", "refused", "known"] == bring(store := store.crash(), *batch)
    assert ["refused", "known", "applied"] == bring(store := store.crash(), *batch[1:], (8, toy_event(4)))
    assert ["applied"] == bring(store := store.crash(), (9, toy_event(5)))
    assert ["known", "known"] == bring(store.crash(), *batch[1:])


def equip(assignment: Assignment) -> Equipment:
    """What a worker process of these tests is equipped with."""
    clock = VirtualClock(START)
    return Equipment("test", "", lambda plan: program(), advance, clock, account_subject=partial(account_subject, SECRET))


def test_workers_that_are_killed_hand_over_once(tmp_path: Path) -> None:
    """Between two worker processes that are killed and started again, each account hears of each event once."""

    async def scenario() -> None:
        assignments = [Assignment(str(tmp_path), numbers, "tests.runner.test_courier:equip") for numbers in shares(2)]
        supervisor = Supervisor(assignments, pytest.fail)
        await supervisor.start()
        front = make_front(supervisor.remotes)
        for remote in supervisor.remotes:
            remote.deliver = front.deliver
        everything = [*(joined(number) for number in range(PERSONS)), *(used(number, START) for number in range(480))]
        for first in range(0, len(everything), 63):
            sending = asyncio.ensure_future(submit_until_taken(front, everything[first : first + 63]))
            if first // 63 == 3:
                await asyncio.sleep(0.002)
                os.kill(supervisor.remotes[first // 63 % 2].pid, signal.SIGKILL)
            await sending

        async def counts() -> Counter[str]:
            found = Counter[str]()
            for name, subject in accounts().items():
                remote = next(each for each in supervisor.remotes if shard_of(subject) in each.numbers)
                known = await remote.ask(ReadState(subject)) if remote.ready else None
                found[name] = len(decode_state(known.state).features.get("seat.used", [])) if known is not None else 0
            return found

        while sum((await counts()).values()) < 480:
            await asyncio.sleep(0.02)
        await until(lambda: supervisor.ready)
        await asyncio.sleep(0.2)
        assert expected(480) == await counts()
        assert 1 == sum(remote.restarts for remote in supervisor.remotes)
        await front.close()
        await supervisor.stop()

    run(scenario)
