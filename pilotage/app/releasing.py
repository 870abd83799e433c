"""Putting a plan in force on a data folder that has a past.

A plan whose features the states hold already takes over at once. One that asks for more waits: the plan before it goes on,
recording what is wanted, while history is brought to every subject; then the new one takes over, nobody being asked to wait.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from pilotage.app.equipment import filler
from pilotage.app.exits import CONFIG, Trouble
from pilotage.app.migrating import check_migrations, refusal_text
from pilotage.app.programs import Programs
from pilotage.app.records import Answering, Records
from pilotage.event.time import DAY_US, duration_text, instant_text
from pilotage.event.zone import Zones
from pilotage.journey.advance import advance
from pilotage.journey.backfill import Gap, emitted_inside, gaps, handed_since, recording
from pilotage.journey.crossing import crossings
from pilotage.journey.plan import Plan
from pilotage.runner import question as asked
from pilotage.runner.clock import VirtualClock
from pilotage.runner.folder import DataFolder, Recording
from pilotage.runner.history.progress import ShardBackfill
from pilotage.runner.history.rest import states_of
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import last_segment, segments_from
from pilotage.runner.station import Equipment, open_station, open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS
from pilotage.source.sink import Unavailable

LOOKED_S = 0.1
"""How often it is asked whether the past is filled in."""

TOLD_S = 5.0
"""How often the log says how far it is."""

log = structlog.get_logger("pilotage.release")


def put_in_force(folder: DataFolder, plan: Plan, zones: Zones, now_us: int, *, short_history: bool = False) -> None:
    """Make a plan the folder's newest, or the one that records what it needs, until `released`. Nobody runs on the folder yet.

    A recording that is under way goes on first. `Trouble` where its migrations forget somebody (see `crossing`), or history does
    not reach back far enough, unless `short_history` accepts that."""
    check_migrations(folder, plan)
    _enforce(folder, plan, zones, now_us, short_history)


def _enforce(folder: DataFolder, plan: Plan, zones: Zones, now_us: int, short_history: bool) -> None:
    if folder.environment.recording is not None:
        return
    before = folder.plans()
    missing = gaps(plan, before) if before else ()
    if not missing:
        folder.activate(plan, zones)
        return
    if not short_history:
        _check_history(folder.path, missing, now_us)
    interim = recording(before[-1], plan, missing)
    handed = handed_since(missing, map(Programs(folder.path), folder.environment.plans))
    folder.activate(interim, zones, {gap.name: gap.known_us for gap in missing})
    inside = emitted_inside(missing, before)
    log.info("backfill", features=len(missing), plan=interim.digest[:16])
    if inside:
        log.warning("what journeys emit is counted from now on only", types=inside)
    if handed:
        log.warning("what members did is counted from when it was first handed over to their accounts", types=handed)


class TakeOverRefused(RuntimeError):
    """A running system cannot take a plan over now. Do what the cure says, or start the process again: it takes it over then."""

    def __init__(self, reason: str, cure: str) -> None:
        super().__init__(f"{reason}; {cure}")


async def check_take_over(folder: DataFolder, plan: Plan, records: Records) -> None:
    """Raise `TakeOverRefused` where a plan may not take over while running: a past is being filled in, or would have to be, or its
    migrations forget somebody under way."""
    if folder.environment.recording is not None:
        raise TakeOverRefused("the past of new conditions is being filled in for a plan", "try again when it is in force")
    plans = folder.plans()
    if gaps(plan, plans):
        cure = "start the process again: the past is filled in while the earlier plan goes on"
        raise TakeOverRefused("conditions ask for a past that no plan kept", cure)
    people = {(each.journey, each.version, each.step): each.people for each in await records.resting()}
    refused = [each for each in crossings(plans, plan, people) if each.refusal]
    if refused:
        raise TakeOverRefused(refusal_text(refused), f"{refused[0].cure}; 'pilotage migration' shows all steps")


class Releaser:
    """Brings a folder from its recording plan to the one that is wanted. `took_over` is called once that one decides."""

    def __init__(
        self,
        folder: DataFolder,
        plan: Plan,
        zones: Zones,
        now_us: Callable[[], int],
        owners: Sequence[Answering],
        took_over: Callable[[], None],
    ) -> None:
        self.states: list[ShardBackfill] = []
        self._folder = folder
        self._plan = plan
        self._zones = zones
        self._now_us = now_us
        self._owners = owners
        self._took_over = took_over

    async def run(self) -> None:
        """Fill in the past, as often as it takes, and let the wanted plan take over."""
        while (under := self._folder.environment.recording) is not None:
            await self._fill(under)
            newest = self._folder.plans()[-1]
            self._folder.activate(newest, self._zones)
            _enforce(self._folder, self._plan, self._zones, self._now_us(), short_history=True)
            await self._ask(asked.AdoptPlan(self._folder.environment.plans[-1]))
        self._took_over()
        log.info("in force", plan=self._folder.environment.plans[-1][:16])

    async def _ask(self, question: asked.Question) -> list[Any]:
        """The answers of all owners; one that is being started is asked again."""
        answers: list[Any] = []
        for owner in self._owners:
            while True:
                try:
                    answers.append(await owner.ask(question))
                    break
                except Unavailable:
                    await asyncio.sleep(LOOKED_S)
        return answers

    async def _fill(self, under: Recording) -> None:
        loop = asyncio.get_running_loop()
        told_s = loop.time()
        while True:
            answers = await self._ask(asked.FillFeatures(under.plan, under.known))
            self.states = sorted((state for answer in answers for state in answer), key=lambda state: state.shard)
            if len(self.states) == SHARDS and all(state.filled.done for state in self.states):
                return
            if loop.time() - told_s >= TOLD_S:
                told_s = loop.time()
                events, total = sum(state.filled.events for state in self.states), sum(state.total or 0 for state in self.states)
                log.info("backfill", events=events, of=total)
            await asyncio.sleep(LOOKED_S)


async def released_at_rest(folder: DataFolder, plan: Plan, zones: Zones) -> None:
    """Bring a folder that nobody runs on to a plan that waits for the past, on the folder's own time."""
    clock = VirtualClock(0)  # what is stamped is stamped with the last instant of each log
    programs = Programs(folder.path)
    equipment = Equipment(
        folder.environment.name,
        folder.environment.plans[-1],
        programs,
        advance,
        clock,
        filler=lambda question: filler(folder.path, programs(question.plan), question),
    )
    station = await open_station(open_stores(folder.path, range(SHARDS)), equipment)
    await station.start()
    try:
        await Releaser(folder, plan, zones, clock.now_us, [station], lambda: None).run()
    finally:
        await station.stop()


def _check_history(data: Path, missing: Sequence[Gap], now_us: int) -> None:
    stores = open_stores(data, range(SHARDS))
    try:
        begins_us = max(_begins_us(state, stores[state.shard]) for state in states_of(data, stores))
    finally:
        for store in stores.values():
            store.close()
    for gap in missing:
        window_us = gap.feature.window_us
        if begins_us and (not window_us or now_us - window_us < begins_us):
            wanted = f"the last {duration_text(window_us)}" if window_us else "all that ever happened"
            reason = f"a condition asks for {gap.feature.event} in {wanted}, which no plan did before"
            cure = "ask for less, wait until history reaches back so far, or accept with --short-history that it counts from there"
            raise Trouble(f"{reason}, and history begins at {instant_text(begins_us)}", CONFIG, cure)


def _begins_us(state: ShardHistory, store: Store) -> int:
    """From when on a shard's history is whole; 0 if nothing was ever removed."""
    if not state.after:
        return 0
    if state.files:
        return (state.first_day + 1) * DAY_US
    oldest = next(iter(segments_from(store, state.after + 1)), None) if state.after < state.durable else None
    if oldest is not None:
        return oldest.records[0].received_us
    newest = last_segment(store)
    return newest.records[-1].received_us + 1 if newest is not None else 0
