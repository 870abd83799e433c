"""The front: identity in one ordered place, links before events, a quarantine that keeps everything, one acknowledgement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from pilotage.contract.builtin import CUSTOMER_IDENTIFIED
from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US
from pilotage.profile.identity import subject_id as identified
from pilotage.runner.clock import VirtualClock
from pilotage.runner.engine import Engine
from pilotage.runner.front import Front
from pilotage.runner.memory import MemoryStore
from pilotage.runner.quarantine import DISCARDED, HELD, RESUBMITTED, NotQuarantined
from pilotage.runner.store import Batch, StoreFull
from pilotage.source.intake import Intake
from pilotage.source.quarantine import Quarantined, quarantined_event
from pilotage.source.sink import Unavailable
from tests.runner.rig import memory_stores, open_shards
from tests.runner.toy_kernel import START_US, Refused, advance

SECRET = b"a secret of the tests"


def event(name: str, kind: str = "toy.add", **identifiers: str) -> Event:
    """An event of the web shop."""
    return Event(name, "shop", kind, START_US, b"{}", identifiers)


class Site:
    """A front over an engine, all in memory; `crash` opens the same stores again."""

    def __init__(self, kernel: Any = advance, store: MemoryStore | None = None, stores: Sequence[MemoryStore] | None = None) -> None:
        self.store = store or MemoryStore()
        self.stores = list(stores or memory_stores())
        self.shards = open_shards(self.stores, advance=kernel)
        self.engine = Engine(self.shards, VirtualClock(START_US))
        self.engine.start()
        self.contracts = [Contract("toy.add", "1", ()), Contract("toy.bad", "1", ())]
        self.front = Front(self.store, SECRET, [self.engine], VirtualClock(START_US), self.reread)

    def reread(self, items: Sequence[Quarantined]) -> Any:
        """Read quarantined events with the contracts of now."""
        return Intake(self.contracts).resubmit(items)

    def ids_of(self, kind: str, value: str) -> list[str]:
        """The ids of the events in a subject's story, oldest first."""
        subject = identified(SECRET, kind, value)
        told = [told for shard in self.shards for told in shard.story(subject)]
        return [each.record.event.id for each in reversed(told) if each.record.event is not None]

    async def close(self) -> None:
        """Stop."""
        await self.front.close()
        await self.engine.stop()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in a loop of its own."""
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


def test_an_anonymous_id_belongs_to_whom_it_was_linked_to_first() -> None:
    """Events before the link stay with the anonymous subject; later ones go to the person, also after a restart."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([event("before", anonymous_id="a")], [])
        await site.front.submit([event("known", CUSTOMER_IDENTIFIED, user_id="u", anonymous_id="a"), event("after", anonymous_id="a")], [])
        await site.front.submit([event("other", CUSTOMER_IDENTIFIED, user_id="v", anonymous_id="a")], [])
        await site.close()
        again = Site(store=site.store.crash(), stores=[store.crash() for store in site.stores])
        await again.front.submit([event("later", anonymous_id="a")], [])
        assert ["before"] == again.ids_of("anonymous_id", "a")
        assert ["known", "after", "later"] == again.ids_of("user_id", "u")
        assert ["other"] == again.ids_of("user_id", "v")
        await again.close()

    run(scenario)


IDENTIFY = event("known", CUSTOMER_IDENTIFIED, user_id="u", anonymous_id="a")


def test_an_event_sent_again_after_its_browser_was_linked_is_applied_once() -> None:
    """What the anonymous subject has had is a duplicate, whoever it would go to now; what is new goes to the person."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([event("before", anonymous_id="a")], [])
        await site.front.submit([IDENTIFY], [])
        again = await site.front.submit([event("before", anonymous_id="a"), event("after", anonymous_id="a")], [])
        assert (2, 1) == (again.accepted, again.duplicates)
        assert (["before"], ["known", "after"]) == (site.ids_of("anonymous_id", "a"), site.ids_of("user_id", "u"))
        await site.close()

    run(scenario)


@pytest.mark.parametrize("cut", [(1, 1, 1, 1), (3, 1), (1, 2, 1), (2, 2), (4,), (1, 3)])
def test_it_does_not_matter_how_a_repeat_and_its_link_are_split(cut: tuple[int, ...]) -> None:
    """The event, the link and the repeat in one submission or several, awaited or not, apply the event once."""

    async def scenario() -> None:
        site = Site()
        waited = event("first", CUSTOMER_IDENTIFIED, user_id="v", anonymous_id="b")
        everything = [waited, event("before", anonymous_id="a"), IDENTIFY, event("before", anonymous_id="a")]
        submitted = []
        for size in cut:
            submitted.append(asyncio.ensure_future(site.front.submit(everything[:size], [])))
            del everything[:size]
        answers = await asyncio.gather(*submitted)
        assert (4, 1) == (sum(answer.accepted for answer in answers), sum(answer.duplicates for answer in answers))
        assert (["before"], ["known"]) == (site.ids_of("anonymous_id", "a"), site.ids_of("user_id", "u"))
        await site.close()

    run(scenario)


def test_an_unacknowledged_event_is_applied_once_after_a_crash_and_a_link() -> None:
    """The anonymous subject had the event when the process died; the sender repeats it after the link, and it is known."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([event("before", anonymous_id="a")], [])  # durable, and the acknowledgement is lost
        again = Site(store=site.store.crash(), stores=[store.crash() for store in site.stores])
        await again.front.submit([IDENTIFY], [])
        third = Site(store=again.store.crash(), stores=[store.crash() for store in again.stores])
        answer = await third.front.submit([event("before", anonymous_id="a")], [])
        assert (1, 1) == (answer.accepted, answer.duplicates)
        assert (["before"], ["known"]) == (third.ids_of("anonymous_id", "a"), third.ids_of("user_id", "u"))
        for each in (site, again, third):
            await each.close()

    run(scenario)


def test_a_retry_after_a_lost_acknowledgement_is_a_success() -> None:
    """An event that is durable already is answered as accepted and as a duplicate, also after a crash."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([event("one", user_id="u")], [])
        again = Site(store=site.store.crash(), stores=[store.crash() for store in site.stores])
        for front in (site.front, again.front):
            answer = await front.submit([event("one", user_id="u")], [])
            assert (1, 1, 0) == (answer.accepted, answer.duplicates, answer.quarantined)
        assert ["one"] == again.ids_of("user_id", "u")
        await site.close()
        await again.close()

    run(scenario)


def test_only_what_may_be_older_than_its_link_is_asked_for() -> None:
    """Events with a user id, of browsers never linked, or clearly after the link cost no question to another shard."""

    async def scenario() -> None:
        site = Site()
        asked = []
        submit = site.engine.submit
        site.engine.submit = lambda work, **how: asked.extend(a for part in work.values() for a in part if a.probe) or submit(work, **how)  # type: ignore[method-assign]
        await site.front.submit([IDENTIFY], [])
        later = msgspec.structs.replace(event("later", anonymous_id="a"), occurred_us=START_US + 2 * HOUR_US)
        await site.front.submit([event("plain", user_id="u"), event("other", anonymous_id="b"), later], [])
        assert [] == asked
        await site.front.submit([event("early", anonymous_id="a")], [])
        assert ["early"] == [arrival.event.id for arrival in asked]
        await site.close()

    run(scenario)


def test_submissions_go_through_in_the_order_they_came() -> None:
    """What comes after a submission that makes a link waits behind it, so one subject's events keep their order."""

    async def scenario() -> None:
        site = Site()
        linking = site.front.submit([event("one", CUSTOMER_IDENTIFIED, user_id="u", anonymous_id="a")], [])
        others = [site.front.submit([event(name, anonymous_id="a")], []) for name in ("two", "three", "four")]
        await asyncio.gather(linking, *others)
        assert ["one", "two", "three", "four"] == site.ids_of("user_id", "u")
        assert [] == site.ids_of("anonymous_id", "a")
        await site.close()

    run(scenario)


def test_what_names_nobody_or_the_kernel_refuses_is_quarantined_and_told() -> None:
    """The rest of the submission is applied; the refused are counted, returned, and kept with stage and reason."""

    async def scenario() -> None:
        site = Site()
        submitted = await site.front.submit([event("good", user_id="u"), event("nobody"), event("bad", "toy.bad", user_id="u")], [])
        assert (1, 2) == (submitted.accepted, submitted.quarantined)
        assert [("nobody", "identity"), ("bad", "kernel")] == [(each.id, each.stage) for each in submitted.refused]
        rows = list(site.front.quarantine.rows())
        assert [("nobody", HELD), ("bad", HELD)] == [(row.event.id, row.status) for row in rows]
        assert "toy.bad is refused" == rows[1].event.reason
        await site.close()

    run(scenario)


def test_refusals_of_many_shards_are_told_in_the_order_sent() -> None:
    """Whichever shards refuse events of a submission, the refusals are listed in the order the events were sent in."""

    async def scenario() -> None:
        site = Site()
        names = [f"e{number}" for number in range(40)]
        submitted = await site.front.submit([event(name, "toy.bad", user_id=name) for name in names], [])
        assert names == [each.id for each in submitted.refused]
        assert names == [row.event.id for row in site.front.quarantine.rows()]
        await site.close()

    run(scenario)


def test_a_refusal_that_is_delivered_again_is_kept_once() -> None:
    """A sender that repeats a refused event does not fill the quarantine, also across a restart."""

    async def scenario() -> None:
        site = Site()
        refused = quarantined_event(event("x"), START_US, "contract", "broken")
        await site.front.submit([], [refused, refused])
        await site.close()
        again = Site(store=site.store.crash(), stores=site.stores)
        await again.front.submit([], [refused])
        assert 1 == len(list(again.front.quarantine.rows()))
        [count] = again.front.quarantine.counts()
        assert ("contract", "shop", "toy.add", 1, 1) == (count.stage, count.source, count.type, count.refused, count.held)
        await again.close()

    run(scenario)


def test_resubmitted_events_are_applied_in_the_order_they_were_received() -> None:
    """After the contract is mended, rows asked for in any order go through in the order received, and are marked."""

    async def scenario() -> None:
        site = Site()
        broken = [quarantined_event(event(name, user_id="u"), START_US, "contract", "broken") for name in ("one", "two", "three")]
        await site.front.submit([], broken)
        outcome = await site.front.resubmit([3, 1, 2])
        assert (3, 0) == (outcome.accepted, outcome.refused)
        assert ["one", "two", "three"] == site.ids_of("user_id", "u")
        assert [RESUBMITTED] * 3 == [row.status for row in site.front.quarantine.rows()]
        assert 0 == (await site.front.resubmit([1, 2, 3])).accepted
        assert 0 == site.front.quarantine.held
        await site.close()

    run(scenario)


def test_what_is_still_refused_stays_with_its_new_reason() -> None:
    """A row that breaks the contract of now, or that the kernel refuses, stays held under its number."""

    async def scenario() -> None:
        site = Site()
        site.contracts[0] = Contract("toy.add", "2", (FieldSpec("price", "number", required=True),))
        old = quarantined_event(event("x", user_id="u"), START_US, "contract", "old")
        await site.front.submit([event("bad", "toy.bad", user_id="u")], [old])
        outcome = await site.front.resubmit([1, 2])
        assert (0, 2) == (outcome.accepted, outcome.refused)
        rows = {row.event.id: row for row in site.front.quarantine.rows()}
        assert {"bad", "x"} == set(rows)
        assert [HELD, HELD] == [row.status for row in rows.values()]
        assert ("$.price", "the required field is missing") == (rows["x"].event.path, rows["x"].event.reason)
        await site.close()

    run(scenario)


def test_a_crash_between_applying_and_marking_repeats_and_never_loses() -> None:
    """An event that was resubmitted and applied, but not marked, is recognised when it is resubmitted again."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([], [quarantined_event(event("one", user_id="u"), START_US, "contract", "broken")])
        await site.front.submit([event("one", user_id="u")], [])
        assert 1 == (await site.front.resubmit([1])).accepted
        assert ["one"] == site.ids_of("user_id", "u")
        assert RESUBMITTED == site.front.quarantine.get(1).status
        await site.close()

    run(scenario)


def test_discarded_rows_stay_listed() -> None:
    """A discarded row is never resubmitted, and an unknown number is an error that says so."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([], [quarantined_event(event("one", user_id="u"), START_US, "contract", "broken")])
        assert 1 == await site.front.discard([1])
        assert 0 == (await site.front.resubmit([1])).accepted
        assert [DISCARDED] == [row.status for row in site.front.quarantine.rows()]
        with pytest.raises(NotQuarantined):
            await site.front.resubmit([7])
        await site.close()

    run(scenario)


def test_a_kernel_mended_takes_what_it_refused() -> None:
    """Events the kernel refused are put through after a restart with one that takes them."""

    async def scenario() -> None:
        site = Site()
        await site.front.submit([event("bad", "toy.bad", user_id="u")], [])
        await site.close()

        def mended(program: Any, state: Any, arrived: Event, now_us: int) -> Any:
            try:
                return advance(program, state, arrived, now_us)
            except Refused:
                return advance(program, state, event(arrived.id), now_us)

        again = Site(mended, site.store.crash(), [store.crash() for store in site.stores])
        assert 1 == (await again.front.resubmit([1])).accepted
        assert ["bad"] == again.ids_of("user_id", "u")
        await again.close()

    run(scenario)


def test_a_front_that_cannot_write_is_unavailable() -> None:
    """When the front's disk is full, nothing is acknowledged any more, and whoever watches is told."""

    class Full(MemoryStore):
        def write(self, batch: Batch, *, durable: bool) -> None:
            raise StoreFull("no space left on the disk")

    async def scenario() -> None:
        faults: list[BaseException] = []
        engine = Engine(open_shards(memory_stores()), VirtualClock(START_US))
        engine.start()
        front = Front(Full(), SECRET, [engine], VirtualClock(START_US), lambda items: Intake().resubmit(items), faults.append)
        with pytest.raises(Unavailable, match="no space left"):
            await front.submit([event("one", CUSTOMER_IDENTIFIED, user_id="u", anonymous_id="a")], [])
        with pytest.raises(Unavailable):
            await front.submit([event("two", user_id="u")], [])
        assert [StoreFull] == [type(fault) for fault in faults]
        await front.close()
        await engine.stop()

    run(scenario)
