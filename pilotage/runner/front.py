"""The front: the one ordered place between the sources and the shards.

It decides whom each event is about, keeps the links that this makes and the events that were refused, and hands every
event to the owner of its subject's shard. It acknowledges only what is durable: events in their shards, links before the
events that made them, refused events in the quarantine. Submissions go through in the order they came, so one worker or
several decide alike.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from pilotage.event.envelope import Event
from pilotage.profile.identity import Unidentified, resolve
from pilotage.runner.arrival import Arrival, Result
from pilotage.runner.clock import Clock
from pilotage.runner.lane import Lane
from pilotage.runner.links import LinkTable, may_be_older
from pilotage.runner.quarantine import DISCARDED, HELD, RESUBMITTED, Quarantine
from pilotage.runner.store import Batch, Store
from pilotage.runner.telemetry import Telemetry
from pilotage.runner.ticket import Answers, Work, shard_of, size_bytes_of
from pilotage.source.intake import Admitted
from pilotage.source.quarantine import Quarantined, quarantined_event
from pilotage.source.sink import Overloaded, Submitted, Unavailable

WAITING_EVENTS_MAX = 20_000
"""How many events may wait for a link to become durable before senders are asked for patience."""

HELD_EVENTS_MAX = 2_000
"""How many events are held back together; more wait for the next turn, so that nothing else waits for long."""


class Owner(Protocol):
    """Whoever runs some of the shards: the engine of this process, or a worker process behind a wire."""

    numbers: frozenset[int]

    def submit(self, work: Work, *, urgent: bool = False) -> "asyncio.Future[Answers]":
        """Queue arrivals; resolves when durable. Raises `Overloaded` or `Unavailable`."""

    def admit(self, events: int, size_bytes: int) -> None:
        """Raise `Overloaded` if so much more would not fit."""


class Resubmitted(msgspec.Struct, frozen=True):
    """What became of rows put through again: `accepted` are in their shards now (or already were), `refused` were refused
    again and are back in the quarantine with the new reason."""

    accepted: int
    refused: int


class _Submission:
    """One submission on its way through the front. `turn` resolves when it has been handed to the owners.

    `links` are the writes it makes, `linked` the keys they link. `probes` are questions that must be answered first, each
    with the place of the arrival it is about; `asked` are the subjects they ask. `repeated` counts the events found to
    have been applied before. `numbers` are the shards of the arrivals.
    """

    __slots__ = (
        "accepted",
        "answers",
        "arrivals",
        "asked",
        "identified",
        "linked",
        "links",
        "numbers",
        "probes",
        "refused",
        "repeated",
        "turn",
    )

    def __init__(self, accepted: Sequence[Event], turn: "asyncio.Future[None]") -> None:
        self.accepted = accepted
        self.turn = turn
        self.refused: list[Quarantined] = []
        self.arrivals: list[Arrival] = []
        self.answers: list[asyncio.Future[Answers]] = []
        self.identified = False
        self.links = Batch()
        self.linked: set[bytes] = set()
        self.probes: list[tuple[int, Arrival]] = []
        self.asked: set[bytes] = set()
        self.repeated = 0
        self.numbers: list[int] = []


class Front:
    """The sink of all sources. Make it inside a running event loop.

    `reread` reads quarantined events again with the contracts of now (`Intake.resubmit`). `on_fault` is told when the
    front's own store can no longer be written; from then on everything is `Unavailable`.
    """

    def __init__(
        self,
        store: Store,
        secret: bytes,
        owners: Sequence[Owner],
        clock: Clock,
        reread: Callable[[Sequence[Quarantined]], Admitted],
        on_fault: Callable[[BaseException], None] = lambda fault: None,
    ) -> None:
        self.quarantine = Quarantine(store)
        self.telemetry = Telemetry()
        self._lane = Lane(store, on_fault)
        self._secret = secret
        self._owner_of = {number: owner for owner in owners for number in owner.numbers}
        self._clock = clock
        self._reread = reread
        self._links = LinkTable(store)
        self._waiting: deque[_Submission] = deque()
        self._waiting_events = 0
        self._holding: asyncio.Task[None] | None = None
        self._resubmitting = asyncio.Lock()
        self._closed = False

    async def submit(self, accepted: Sequence[Event], refused: Sequence[Quarantined]) -> Submitted:
        """Take events and refusals in; returns when all of them are durable.

        Raises `Overloaded` before anything is taken, or `Unavailable`: then some may be durable and some not, and sending
        the same again is safe."""
        try:
            results, rejected = await self._through(self._enqueue(accepted))
            if refused or rejected:
                rows = Batch()
                self.quarantine.add(rows, (*refused, *rejected))
                await self._lane.write(rows)
        except OSError as fault:
            self.telemetry.add("intake", ("unavailable",), len(accepted) + len(refused))
            raise Unavailable(f"the front's store cannot be written: {fault}") from fault
        except (Overloaded, Unavailable) as refusal:
            self.telemetry.add("intake", (type(refusal).__name__.lower(),), len(accepted) + len(refused))
            raise
        duplicates = sum(result.duplicate for result in results)
        self.telemetry.add("intake", ("accepted",), len(accepted) - len(rejected))
        self.telemetry.add("intake", ("duplicate",), duplicates)
        for each in (*refused, *rejected):
            self.telemetry.add("quarantined", (each.stage,))
        return Submitted(
            accepted=len(accepted) - len(rejected),
            quarantined=len(refused) + len(rejected),
            duplicates=duplicates,
            refused=tuple(rejected),
        )

    async def submit_internal(self, subject: bytes, event: Event) -> Result:
        """Apply an event of the system's own (a receipt, a click, a withdrawal of consent) to a known subject."""
        self._refuse_closed()
        number = shard_of(subject)
        answers = await self._owner_of[number].submit({number: [Arrival(subject, event)]}, urgent=True)
        result = answers[number][0]
        if result.error is not None:
            rows = Batch()
            self.quarantine.add(rows, [self._refused_by_kernel(event, result.error)])
            await self._lane.write(rows)
        return result

    async def deliver(self, work: Work) -> None:
        """Bring what subjects handed over to the owners of their shards; returns when it is durable. What the kernel refuses is kept
        in the quarantine. Raises `Unavailable` when some of it may not have arrived: bring all of it again."""
        self._refuse_closed()
        arrivals = [arrival for each in work.values() for arrival in each]
        numbers = [number for number, each in work.items() for _ in each]
        routes = self._route(arrivals, numbers)
        results = await _results(numbers, [owner.submit(part, urgent=True) for owner, part, _ in routes])
        refused = [
            self._refused_by_kernel(arrival.event, result.error)
            for arrival, result in zip(arrivals, results, strict=True)
            if result.error is not None
        ]
        if refused:
            rows = Batch()
            self.quarantine.add(rows, refused)
            await self._lane.write(rows)

    async def resubmit(self, numbers: Sequence[int]) -> Resubmitted:
        """Put quarantined events through again, in the order they were received, after a fix.

        A row is marked only once its event is durable in its shard (or refused anew), so a crash between the two leads to
        a repetition, which dedupes, and never to a loss. Raises `NotQuarantined` for a number there is none of."""
        async with self._resubmitting:
            rows = [row for number in sorted(set(numbers)) if (row := self.quarantine.get(number)).status == HELD]
            read = [(row.number, self._reread([row.event])) for row in rows]
            submission = self._enqueue([event for _, admitted in read for event in admitted.accepted])
            _, rejected = await self._through(submission)
            still = {(refused.source, refused.id): refused for refused in (*rejected, *(r for _, a in read for r in a.refused))}
            marks = Batch()
            done = []
            for row, (number, admitted) in zip(rows, read, strict=True):
                named = admitted.accepted or admitted.refused or [row.event]
                again = still.get((named[0].source, named[0].id))
                if again is None:
                    done.append(number)
                else:
                    self.quarantine.amend(marks, number, again)
            self.quarantine.mark(marks, done, RESUBMITTED, self._clock.now_us())
            await self._lane.write(marks)
            return Resubmitted(accepted=len(done), refused=len(rows) - len(done))

    async def discard(self, numbers: Sequence[int]) -> int:
        """Mark held rows as not worth resubmitting; they stay listed. Returns how many were marked."""
        async with self._resubmitting:
            held = [number for number in sorted(set(numbers)) if self.quarantine.get(number).status == HELD]
            marks = Batch()
            self.quarantine.mark(marks, held, DISCARDED, self._clock.now_us())
            await self._lane.write(marks)
            return len(held)

    async def close(self) -> None:
        """Take nothing more and finish writing what was taken."""
        self._closed = True
        while self._holding is not None:
            await self._holding
        await self._lane.close()

    def subject_of(self, event: Event) -> bytes:
        """The subject an event would go to now; `Unidentified` if it names nobody."""
        return resolve(self._secret, event, self._links.subject).subject

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("the system is stopping")
        if self._lane.fault is not None:
            raise Unavailable(f"the front's store cannot be written: {self._lane.fault}")

    def _enqueue(self, accepted: Sequence[Event]) -> _Submission:
        self._refuse_closed()
        if self._waiting_events and self._waiting_events + len(accepted) > WAITING_EVENTS_MAX:
            raise Overloaded(0.5)
        submission = _Submission(accepted, asyncio.get_running_loop().create_future())
        self._waiting.append(submission)
        self._waiting_events += len(accepted)
        if self._holding is None:
            self._turns()
        return submission

    def _turns(self) -> None:
        """Give each waiting submission its turn. One that makes links waits until they are durable, one that brings events
        which another subject may have had already until that is known; all after them wait behind them."""
        self._links.trim()
        while self._waiting:
            held = self._next_held()
            if held:
                self._holding = asyncio.create_task(self._hand_held(held), name="hold")
                return

    def _next_held(self) -> list[_Submission]:
        """Hand over what need not wait; the submissions that must, with those behind them, as many as can wait together.

        What is asked must come after all that was submitted before: a question about a link made among those held back
        begins the next turn."""
        held: list[_Submission] = []
        linked: set[bytes] = set()
        events = 0
        while self._waiting and events < HELD_EVENTS_MAX:
            submission = self._waiting[0]
            if not submission.identified:
                self._identify(submission)
            linked |= submission.linked
            if held and not submission.asked.isdisjoint(linked):
                break
            self._waiting.popleft()
            self._waiting_events -= len(submission.accepted)
            if held or submission.linked or submission.probes:
                held.append(submission)
                events += len(submission.accepted)
            else:
                self._hand(submission)
        return held

    async def _hand_held(self, held: Sequence[_Submission]) -> None:
        links = Batch()
        for submission in held:
            links.operations.extend(submission.links.operations)
            self._ask(submission)
        fault = await self._written(links)
        for submission in held:
            if fault is not None:
                _fail(submission.turn, fault)
            elif await self._answered(submission):
                self._hand(submission)
        self._holding = None
        self._turns()

    async def _written(self, links: Batch) -> OSError | None:
        """Make links durable; what stopped that, or None."""
        try:
            if links.operations:
                await self._lane.write(links)
        except OSError as fault:
            return fault
        return None

    def _ask(self, submission: _Submission) -> None:
        """Send the questions of a submission, behind everything that its shards were sent before."""
        try:
            probes = [probe for _, probe in submission.probes]
            routes = self._route(probes, [shard_of(probe.subject) for probe in probes])
            submission.answers = [owner.submit(work, urgent=True) for owner, work, _ in routes]
        except (Overloaded, Unavailable) as refusal:
            _fail(submission.turn, refusal)

    async def _answered(self, submission: _Submission) -> bool:
        """Leave out the events that were applied before; whether the submission can go on."""
        if submission.turn.done() or not submission.probes:
            return not submission.turn.done()
        try:
            results = await _results([shard_of(probe.subject) for _, probe in submission.probes], submission.answers)
        except (Overloaded, Unavailable) as refusal:
            _fail(submission.turn, refusal)
            return False
        known = {place for (place, _), result in zip(submission.probes, results, strict=True) if result.duplicate}
        submission.arrivals = [arrival for place, arrival in enumerate(submission.arrivals) if place not in known]
        submission.numbers = [number for place, number in enumerate(submission.numbers) if place not in known]
        submission.repeated += len(known)
        return True

    def _identify(self, submission: _Submission) -> None:
        """Say whom each event is about. The links made count from here on."""
        submission.identified = True
        now_us = self._clock.now_us()
        for event in submission.accepted:
            try:
                resolution = resolve(self._secret, event, self._links.subject)
            except Unidentified as fault:
                submission.refused.append(quarantined_event(event, now_us, "identity", fault.reason, fault.path, fault.cure))
                continue
            for key, subject in resolution.links:
                self._links.add(submission.links, key, subject, now_us)
                submission.linked.add(key)
            if resolution.own and may_be_older(event, self._links.made_us(resolution.own), now_us):
                if resolution.own in submission.linked and _brought(submission.arrivals, resolution.own, event):
                    submission.repeated += 1
                    continue
                submission.probes.append((len(submission.arrivals), Arrival(resolution.own, event, probe=True)))
                submission.asked.add(resolution.own)
            submission.arrivals.append(Arrival(resolution.subject, event))
        submission.numbers = [shard_of(arrival.subject) for arrival in submission.arrivals]

    def _hand(self, submission: _Submission) -> None:
        """Hand the events to the owners of their shards, all or none of them."""
        try:
            plan = self._route(submission.arrivals, submission.numbers)
            for owner, work, size_bytes in plan:
                owner.admit(sum(map(len, work.values())), size_bytes)
            submission.answers = [owner.submit(work) for owner, work, _ in plan]
        except (Overloaded, Unavailable) as refusal:
            _fail(submission.turn, refusal)
        else:
            if not submission.turn.done():
                submission.turn.set_result(None)

    def _route(self, arrivals: Sequence[Arrival], numbers: Sequence[int]) -> list[tuple[Owner, Work, int]]:
        by_shard: Work = {}
        for number, arrival in zip(numbers, arrivals, strict=True):
            try:
                by_shard[number].append(arrival)
            except KeyError:
                by_shard[number] = [arrival]
        routes: dict[int, tuple[Owner, Work]] = {}
        for number, each in by_shard.items():
            owner = self._owner_of[number]
            routes.setdefault(id(owner), (owner, {}))[1][number] = each
        return [(owner, work, size_bytes_of(work)) for owner, work in routes.values()]

    async def _through(self, submission: _Submission) -> tuple[list[Result], list[Quarantined]]:
        """The results in the order of the arrivals, once all are durable, and what the identity or the kernel refused."""
        await submission.turn
        results = await _results(submission.numbers, submission.answers)
        rejected = submission.refused
        for arrival, result in zip(submission.arrivals, results, strict=True):
            if result.error is not None:
                rejected.append(self._refused_by_kernel(arrival.event, result.error))
        return [*results, *(Result(0, True) for _ in range(submission.repeated))], rejected

    def _refused_by_kernel(self, event: Event, error: Exception) -> Quarantined:
        path, cure = str(getattr(error, "path", "$")), str(getattr(error, "cure", ""))
        return quarantined_event(event, self._clock.now_us(), "kernel", str(error) or type(error).__name__, path, cure)


async def _results(numbers: Sequence[int], answers: "Sequence[asyncio.Future[Answers]]") -> list[Result]:
    """The results in the order of the arrivals, of which these are the shards, once all are durable."""
    by_shard: Answers = {}
    for future in answers:
        by_shard.update(await future)
    ordered = {number: iter(results) for number, results in by_shard.items()}
    return [next(ordered[number]) for number in numbers]


def _brought(arrivals: Sequence[Arrival], subject: bytes, event: Event) -> bool:
    """Whether the same submission brought an event for a subject already."""
    return any(each.subject == subject and (each.event.source, each.event.id) == (event.source, event.id) for each in arrivals)


def _fail(future: "asyncio.Future[None]", fault: BaseException) -> None:
    if not future.done():
        future.set_exception(fault)
        future.exception()
