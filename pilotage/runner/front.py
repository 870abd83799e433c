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
from pilotage.runner.ticket import Answers, Work, routed, shard_of, size_bytes_of
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

    `links` are the writes it makes, `linked` the keys they link. `work` are its arrivals by shard. `probes` are questions
    that must be answered first, each behind the arrival it is about; `asked` are the subjects they ask. `repeated` counts
    the events found to have been applied before.
    """

    __slots__ = (
        "accepted",
        "answers",
        "asked",
        "identified",
        "linked",
        "links",
        "probes",
        "refused",
        "repeated",
        "turn",
        "work",
    )

    def __init__(self, accepted: Sequence[Event], turn: "asyncio.Future[None]") -> None:
        self.accepted = accepted
        self.turn = turn
        self.refused: list[Quarantined] = []
        self.work: Work = {}
        self.answers: list[asyncio.Future[Answers]] = []
        self.identified = False
        self.links = Batch()
        self.linked: set[bytes] = set()
        self.probes: list[tuple[Arrival, Arrival]] = []
        self.asked: set[bytes] = set()
        self.repeated = 0


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
            duplicates, rejected = await self._through(self._enqueue(accepted))
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
        answers = await _answers([owner.submit(part, urgent=True) for owner, part, _ in self._route(work)])
        refused = [
            self._refused_by_kernel(arrival.event, result.error)
            for number, arrivals in work.items()
            for arrival, result in zip(arrivals, answers[number], strict=True)
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
            routes = self._route(routed([probe for _, probe in submission.probes]))
            submission.answers = [owner.submit(work, urgent=True) for owner, work, _ in routes]
        except (Overloaded, Unavailable) as refusal:
            _fail(submission.turn, refusal)

    async def _answered(self, submission: _Submission) -> bool:
        """Leave out the events that were applied before; whether the submission can go on."""
        if submission.turn.done() or not submission.probes:
            return not submission.turn.done()
        try:
            answers = await _answers(submission.answers)
        except (Overloaded, Unavailable) as refusal:
            _fail(submission.turn, refusal)
            return False
        left = {number: iter(results) for number, results in answers.items()}
        known = {id(arrival) for arrival, probe in submission.probes if next(left[shard_of(probe.subject)]).duplicate}
        kept = {number: [each for each in arrivals if id(each) not in known] for number, arrivals in submission.work.items()}
        submission.work = {number: arrivals for number, arrivals in kept.items() if arrivals}
        submission.repeated += len(known)
        return True

    def _identify(self, submission: _Submission) -> None:
        """Say whom each event is about. The links made count from here on."""
        submission.identified = True
        now_us, work, linked = self._clock.now_us(), submission.work, self._links.subject
        for event in submission.accepted:
            try:
                resolution = resolve(self._secret, event, linked)
            except Unidentified as fault:
                submission.refused.append(quarantined_event(event, now_us, "identity", fault.reason, fault.path, fault.cure))
                continue
            for key, person in resolution.links:
                self._links.add(submission.links, key, person, now_us)
                submission.linked.add(key)
            arrival = Arrival(resolution.subject, event)
            if resolution.own and may_be_older(event, self._links.made_us(resolution.own), now_us):
                if resolution.own in submission.linked and _brought(work, resolution.own, event):
                    submission.repeated += 1
                    continue
                submission.probes.append((arrival, Arrival(resolution.own, event, probe=True)))
                submission.asked.add(resolution.own)
            number = shard_of(arrival.subject)
            arrivals = work.get(number)
            if arrivals is None:
                work[number] = [arrival]
            else:
                arrivals.append(arrival)

    def _hand(self, submission: _Submission) -> None:
        """Hand the events to the owners of their shards, all or none of them."""
        try:
            plan = self._route(submission.work)
            for owner, work, size_bytes in plan:
                owner.admit(sum(map(len, work.values())), size_bytes)
            submission.answers = [owner.submit(work) for owner, work, _ in plan]
        except (Overloaded, Unavailable) as refusal:
            _fail(submission.turn, refusal)
        else:
            if not submission.turn.done():
                submission.turn.set_result(None)

    def _route(self, work: Work) -> list[tuple[Owner, Work, int]]:
        """What goes to which owner, and how much memory it takes."""
        routes: dict[int, tuple[Owner, Work]] = {}
        for number, arrivals in work.items():
            owner = self._owner_of[number]
            routes.setdefault(id(owner), (owner, {}))[1][number] = arrivals
        return [(owner, part, size_bytes_of(part)) for owner, part in routes.values()]

    async def _through(self, submission: _Submission) -> tuple[int, list[Quarantined]]:
        """How many events had been applied before, once all are durable, and what the identity or the kernel refused, the latter in
        the order it came."""
        await submission.turn
        answers = await _answers(submission.answers)
        duplicates = submission.repeated
        faults: dict[int, Quarantined] = {}
        for number, arrivals in submission.work.items():
            for arrival, result in zip(arrivals, answers[number], strict=True):
                duplicates += result.duplicate
                if result.error is not None:
                    faults[id(arrival.event)] = self._refused_by_kernel(arrival.event, result.error)
        if faults:
            submission.refused += [faults[id(event)] for event in submission.accepted if id(event) in faults]
        return duplicates, submission.refused

    def _refused_by_kernel(self, event: Event, error: Exception) -> Quarantined:
        path, cure = str(getattr(error, "path", "$")), str(getattr(error, "cure", ""))
        return quarantined_event(event, self._clock.now_us(), "kernel", str(error) or type(error).__name__, path, cure)


async def _answers(futures: "Sequence[asyncio.Future[Answers]]") -> Answers:
    """The results by shard, once all are durable."""
    answers: Answers = {}
    for future in futures:
        answers.update(await future)
    return answers


def _brought(work: Work, subject: bytes, event: Event) -> bool:
    """Whether the same submission brought an event for a subject already."""
    brought = work.get(shard_of(subject), ())
    return any(each.subject == subject and (each.event.source, each.event.id) == (event.source, event.id) for each in brought)


def _fail(future: "asyncio.Future[None]", fault: BaseException) -> None:
    if not future.done():
        future.set_exception(fault)
        future.exception()
