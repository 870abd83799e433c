"""A station: the shards one process owns, with their engine, their dispatcher and their counters.

It is what runs inside the only process, and inside each worker process when there are several. The application equips it
with the plan, the kernel, the clock and the channels; everything else asks it questions.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import structlog

from pilotage.event.digest import partition_of
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Action
from pilotage.profile.state import State, encode_state
from pilotage.runner import question as asked
from pilotage.runner.anchoring import anchored, checked
from pilotage.runner.arrival import Advance, Limits, Sealed
from pilotage.runner.clock import Clock
from pilotage.runner.courier import Courier, within
from pilotage.runner.delivery import channel_name
from pilotage.runner.digests import digests_of, unite
from pilotage.runner.dispatcher import Dispatcher
from pilotage.runner.engine import Engine
from pilotage.runner.history.backfill import Backfill, Filler
from pilotage.runner.history.historian import Historian, HistoryLimits
from pilotage.runner.history.progress import ShardBackfill, records
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.interpreter import settle, stay, unsettle
from pilotage.runner.log import Segment, segments_from
from pilotage.runner.outbox import ActionRow
from pilotage.runner.pace import EngineLimits
from pilotage.runner.parcels import AccountSubject
from pilotage.runner.rocks import Memory, RocksStore
from pilotage.runner.shard import Shard
from pilotage.runner.store import Store
from pilotage.runner.sweep import Sweep, forget_sweep
from pilotage.runner.switches import Switches
from pilotage.runner.telemetry import RESTING_KEY, Telemetry
from pilotage.runner.ticket import Answers, Work, shard_of
from pilotage.runner.tracing import Traces

log = structlog.get_logger("pilotage.station")

Freshness = tuple[bytes, Callable[[State], bool]]
"""A digest of what every subject is to meet (empty: nothing), and whether a state has not met it yet."""

NOTHING_NEW: Freshness = (b"", lambda state: False)


class Equipment(msgspec.Struct):
    """What the application puts into a process that runs shards.

    `plan` is the digest of the plan in force and `program` finds the executable program of a digest (the journeys of earlier plans
    included). `make_dispatcher` gets the station, whose methods are the ports of a dispatcher and whose `telemetry` is its meter; without
    it, actions only pile up in the outbox. `environment` names whose stores these are. `history` is the data folder whose history these
    shards keep; without it they keep none. `filler` says how the past of features is filled in. `freshness` names what a program wants
    each subject to have met, and says whether a state has not; without it nobody is swept for. `switches` are the kill switches that are
    set. `account_subject` gives the subject id of an account; without it, what subjects hand over only piles up. `halted` says why
    nothing of a journey may leave at an instant under a program; without it nothing is held.
    """

    environment: str
    plan: str
    program: Callable[[str], Any]
    advance: Advance
    clock: Clock
    make_dispatcher: "Callable[[Station], Dispatcher] | None" = None
    limits: EngineLimits = EngineLimits()
    shard_limits: Limits = Limits()
    history: Path | None = None
    history_limits: HistoryLimits = HistoryLimits()
    filler: "Callable[[asked.FillFeatures], Filler] | None" = None
    freshness: Callable[[Any], Freshness] | None = None
    switches: Switches = Switches()
    account_subject: AccountSubject | None = None
    halted: Callable[[Any, str, int], str] | None = None


class Station:
    """The engine, dispatcher and counters of some shards. It is an `Owner` for the front. `closed` resolves when it has
    stopped by itself; `failure` then holds the cause."""

    def __init__(self, shards: Sequence[Shard], equipment: Equipment) -> None:
        self.telemetry = Telemetry()
        self.traces = Traces()
        self.engine = Engine(shards, equipment.clock, equipment.limits)
        self.numbers = self.engine.numbers
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready = False
        self._equipment = equipment
        self._clock = equipment.clock
        self._switches = equipment.switches
        self.program = equipment.program(equipment.plan)
        self.backfill: Backfill | None = None
        self.sweep: Sweep | None = None
        for shard in shards:
            self.telemetry.restore(shard.number, shard.store)
        self.dispatcher = equipment.make_dispatcher(self) if equipment.make_dispatcher is not None else None
        self.courier = self._make_courier(equipment.account_subject) if equipment.account_subject is not None else None
        self.historian = self._make_historian(equipment.history) if equipment.history is not None else None
        self._watch: asyncio.Task[None] | None = None

    @property
    def failure(self) -> BaseException | None:
        """Why it stopped by itself, or None."""
        parts = (self.engine.failure, *(part.fault for part in (self.dispatcher, self.courier) if part is not None))
        return next((fault for fault in parts if fault is not None), None)

    async def start(self) -> None:
        """Begin to take events and to hand over; returns when what an earlier process left has been taken up."""
        self.engine.listen(self._committed)
        if self.historian is not None:
            self.historian.start()
        self.engine.on_commit = lambda events, took_s: self.telemetry.time("commit", (), took_s)
        self.engine.start()
        self._watch = asyncio.create_task(self._watch_faults(), name="station")
        if self.dispatcher is not None:
            await self.dispatcher.resume()
        if self.courier is not None:
            self.courier.start()
        self._sweep()
        self.ready = self.failure is None

    async def stop(self, grace_s: float = 10.0) -> None:
        """Let hand-overs end, finish what was taken, save, and close the stores."""
        self.ready = False
        if self._watch is not None:
            self._watch.cancel()
        if self.dispatcher is not None:
            await self.dispatcher.stop(grace_s)
        if self.courier is not None:
            await self.courier.stop()
        for background in (self.backfill, self.sweep):
            if background is not None:
                await background.stop()
        await self.engine.stop()
        if self.historian is not None:
            await self.historian.stop(grace_s)
        for shard in self.engine.shards.values():
            try:
                shard.store.close()
            except OSError as fault:
                log.error("store not closed cleanly", shard=shard.number, fault=str(fault))
        unsettle()
        self._close()

    # What the front asks of an owner

    def submit(self, work: Work, *, urgent: bool = False) -> "asyncio.Future[Answers]":
        """See `Engine.submit`."""
        return self.engine.submit(work, urgent=urgent)

    def admit(self, events: int, size_bytes: int) -> None:
        """See `Engine.admit`."""
        self.engine.admit(events, size_bytes)

    async def ask(self, question: asked.Question) -> Any:
        """The answer to a question; its type is as the question says."""
        return await _ANSWERING[type(question)](self, question)

    # What the dispatcher asks of the engine

    async def commit_rows(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Make rows of the action table durable."""
        await self.engine.commit_rows(rows)

    async def submit_told(self, told: Sequence[tuple[bytes, Event]]) -> None:
        """Apply receipts, each told to a subject of these shards; returns when all are durable."""
        for (_, event), result in zip(told, await self.engine.submit_told(told), strict=True):
            if result.error is not None:
                self.telemetry.add("receipts_refused", (event.type,))
                log.error("the kernel refused a receipt", type=event.type, fault=str(result.error))

    async def page(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """The next rows of the action table after a key, in key order over all shards."""
        return self._rows("action", after + b"\0" if after else b"", None, limit)

    def state(self, subject: bytes) -> State | None:
        """A subject's state now."""
        known = self.engine.shards[shard_of(subject)].read(subject)
        return known[0] if known is not None else None

    def paused(self, action: Action) -> str:
        """Which kill switch holds an action back, or that its journey is paused; or nothing."""
        held = self._switches.holding(channel_name(action), action.journey, action.step)
        if not held and self._equipment.halted is not None:
            held = self._equipment.halted(self.program, action.journey, self._clock.now_us())
        return held

    def _committed(self, number: int, sealed: Sealed) -> None:
        now_us = self._clock.now_us()
        self.traces.committed(number, sealed, now_us)
        noted = self.telemetry.committed(number, sealed, now_us)
        if noted is not None:
            self.engine.note(number, ("meta", RESTING_KEY, noted))
        if self.historian is not None:
            self.historian.committed(number, len(sealed.segment.records))
        if sealed.parcels:
            self.telemetry.add("parcels", (), sealed.parcels)
            if self.courier is not None:
                self.courier.ready(number)
        if self.dispatcher is not None:
            if sealed.actions:
                self.dispatcher.add(sealed.actions)
            if sealed.cancelled:
                self.dispatcher.cancel(sealed.cancelled)

    def _make_courier(self, account_subject: AccountSubject) -> Courier:
        return Courier(self.engine.shards, within(self.engine), account_subject, self.engine.note)

    def _make_historian(self, data: Path) -> Historian:
        stores = {number: shard.store for number, shard in self.engine.shards.items()}
        return Historian(
            data,
            stores,
            lambda number: self.engine.shards[number].durable,
            self._clock,
            self._equipment.history_limits,
            self.telemetry,
        )

    async def _watch_faults(self) -> None:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(asyncio.shield(self.engine.closed))]
        if self.dispatcher is not None:
            waits.append(asyncio.ensure_future(self.dispatcher.stopped.wait()))
        if self.courier is not None:
            waits.append(asyncio.ensure_future(self.courier.stopped.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self.ready = False
        self._close()

    def _close(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def _rows(self, table: str, start: bytes, stop: bytes | None, limit: int, *, reverse: bool = False) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        for number in sorted(self.numbers, reverse=reverse):
            store = self.engine.shards[number].store
            found.extend(islice(store.scan(table, start, stop, reverse=reverse), limit - len(found)))
            if len(found) >= limit:
                break
        return found

    # Answers

    async def _read_state(self, question: asked.ReadState) -> asked.Known | None:
        known = self.engine.shards[shard_of(question.subject)].read(question.subject)
        return asked.Known(encode_state(known[0]), known[1]) if known is not None else None

    async def _read_story(self, question: asked.ReadStory) -> list[Any]:
        told = self.engine.shards[shard_of(question.subject)].story(question.subject)
        return list(islice((each for each in told if not question.before or each.position < question.before), question.limit))

    async def _read_actions(self, question: asked.ReadActions) -> list[ActionRow]:
        return list(self.engine.shards[shard_of(question.subject)].actions(question.subject))

    async def _list_subjects(self, question: asked.ListSubjects) -> list[bytes]:
        found: list[bytes] = []
        for number in sorted(self.numbers):
            if number < (shard_of(question.after) if question.after else 0):
                continue
            subjects = self.engine.shards[number].subjects(question.first, question.last, question.after or None)
            found.extend(islice(subjects, question.limit - len(found)))
        return found

    async def _read_states(self, question: asked.ReadStates) -> list[asked.Known]:
        first = partition_of(question.after) if question.after else 0
        subjects = await self._list_subjects(asked.ListSubjects(first, after=question.after, limit=question.limit))
        known = ((subject, self.engine.shards[shard_of(subject)].read(subject)) for subject in subjects)
        return [asked.Known(encode_state(found[0]), found[1]) for _, found in known if found is not None]

    async def _list_actions(self, question: asked.ListActions) -> list[ActionRow]:
        if self.dispatcher is None:
            return []
        return await self.dispatcher.rows(frozenset(question.statuses), question.limit, question.after)

    async def _redrive(self, question: asked.Redrive) -> int:
        return await self.dispatcher.redrive(question.rows) if self.dispatcher is not None else 0

    async def _read_rows(self, question: asked.ReadRows) -> list[tuple[bytes, bytes]]:
        return self._rows(question.table, question.start, question.stop, question.limit, reverse=question.reverse)

    async def _put_rows(self, question: asked.PutRows) -> int:
        await self.engine.commit_rows(question.rows, question.table)
        return len(question.rows)

    async def _switch(self, question: asked.SwitchesChanged) -> int:
        self._switches = question.switches
        if self.dispatcher is not None:
            self.dispatcher.switches_changed()
        return len(question.switches.off)

    async def _digests(self, _: asked.ReadDigests) -> Any:
        return unite(*(digests_of(shard) for shard in self.engine.shards.values()))

    async def _snapshot(self, _: asked.ReadTelemetry) -> Any:
        self.telemetry.gauge("queued", (), self.engine.queued_events)
        self.telemetry.gauge("lag", (), sum(shard.lag for shard in self.engine.shards.values()))
        if self.historian is not None:
            self.historian.measure()
        return self.telemetry.snapshot()

    async def _health(self, _: asked.ReadHealth) -> asked.Health:
        shards = self.engine.shards.values()
        sizes: dict[str, int] = {}
        for shard in shards:
            for name, size in shard.sizes().items():
                sizes[name] = sizes.get(name, 0) + size
        depth = self.dispatcher.depth() if self.dispatcher is not None else {}
        return asked.Health(
            queued=self.engine.queued_events,
            lag=sum(shard.lag for shard in shards),
            stuck=sum(len(shard.stuck) for shard in shards),
            next_due_us=min((due for shard in shards if (due := shard.next_due_us())), default=0),
            dispatch={name: (waiting, busy) for name, (waiting, busy, _) in depth.items()},
            memory=sizes,
        )

    async def _history(self, _: asked.ReadHistory) -> list[ShardHistory]:
        return self.historian.states() if self.historian is not None else []

    async def _compact(self, _: asked.CompactHistory) -> list[ShardHistory]:
        if self.historian is None:
            return []
        await self.historian.compact()
        return self.historian.states()

    async def _read_log(self, question: asked.ReadLog) -> list[Segment]:
        found: list[Segment] = []
        records = 0
        for segment in segments_from(self.engine.shards[question.shard].store, question.after + 1):
            found.append(segment)
            records += len(segment.records)
            if records >= question.records:
                break
        return found

    async def _adopt(self, question: asked.AdoptPlan) -> str:
        if self.sweep is not None:
            await self.sweep.stop()
        program = self._equipment.program(question.plan)
        await self.engine.adopt(program, question.plan)
        self.program = program
        if self.dispatcher is not None:
            self.dispatcher.switches_changed()
        self._sweep()
        return str(question.plan)

    async def _fill(self, question: asked.FillFeatures) -> list[ShardBackfill]:
        if self._equipment.filler is None:
            return []
        if self.backfill is None or self.backfill.plan != question.plan:
            if self.backfill is not None:
                await self.backfill.stop()
            self.backfill = Backfill(self.engine, self._equipment.filler(question))
            self.backfill.start()
        return self.backfill.states

    def _sweep(self) -> None:
        """Let everybody meet what the program in force brings, unless they all have."""
        digest, outdated = self._equipment.freshness(self.program) if self._equipment.freshness is not None else NOTHING_NEW
        if not digest:
            forget_sweep(self.engine)
        pasts = any(shard.pasts.waiting and not records(shard.store, shard.plan) for shard in self.engine.shards.values())
        self.sweep = Sweep(self.engine, digest, outdated, pasts=pasts) if digest or pasts else None
        if self.sweep is not None:
            self.sweep.start()


_ANSWERING: dict[type, Callable[[Station, Any], Any]] = {
    asked.ReadState: Station._read_state,
    asked.ReadStory: Station._read_story,
    asked.ReadActions: Station._read_actions,
    asked.ListSubjects: Station._list_subjects,
    asked.ReadStates: Station._read_states,
    asked.ListActions: Station._list_actions,
    asked.Redrive: Station._redrive,
    asked.ReadRows: Station._read_rows,
    asked.PutRows: Station._put_rows,
    asked.SwitchesChanged: Station._switch,
    asked.ReadDigests: Station._digests,
    asked.ReadTelemetry: Station._snapshot,
    asked.ReadHealth: Station._health,
    asked.ReadHistory: Station._history,
    asked.CompactHistory: Station._compact,
    asked.ReadLog: Station._read_log,
    asked.AdoptPlan: Station._adopt,
    asked.FillFeatures: Station._fill,
    asked.MakeAnchor: lambda station, question: anchored(station.engine.shards, question),
    asked.CheckAnchors: lambda station, question: checked(station.engine.shards, question),
}


async def open_station(stores: Mapping[int, Store], equipment: Equipment) -> Station:
    """Recover the shards over some stores and put a station on them; the loop goes on meanwhile. `start` it then."""
    program = equipment.program(equipment.plan)

    def recovered() -> list[Shard]:
        shards = [
            Shard(
                number,
                store,
                program,
                equipment.environment,
                advance=equipment.advance,
                plan=equipment.plan,
                programs=equipment.program,
                limits=equipment.shard_limits,
            )
            for number, store in sorted(stores.items())
        ]
        for shard in shards:
            shard.recover()
        return shards

    settle()  # before: with Python's own thresholds a third of the time of recovering went into looks at states
    try:
        shards = await asyncio.get_running_loop().run_in_executor(None, recovered)
    except BaseException:
        unsettle()
        raise
    stay()
    return Station(shards, equipment)


def open_stores(folder: Path, numbers: Iterable[int]) -> dict[int, Store]:
    """The stores of some shards of a data folder, sharing one process's memory budget."""
    memory = Memory()
    return {number: RocksStore(folder / "shards" / str(number), memory) for number in numbers}
