"""Reading what a data folder knows, for people: subjects and their stories, quarantine, actions, counts.

The same reader serves the API of a running process, where it asks the owners of the shards, and the command line on a
folder at rest, where it asks the opened shards themselves.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from pilotage.app import journey_views as about_journeys
from pilotage.app import views
from pilotage.app.story import Released, action_view, subject_view, timeline
from pilotage.event.digest import PARTITIONS, partition_of
from pilotage.journey.crossing import Place, resting
from pilotage.journey.program import Program
from pilotage.profile.identity import normalised, subject_id
from pilotage.profile.state import State, decode_state
from pilotage.runner import question as ask
from pilotage.runner.arrival import Told
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import Segment
from pilotage.runner.outbox import CANCEL, ActionRow, Status, decode_row, split_key
from pilotage.runner.quarantine import Held, NotQuarantined, Quarantine
from pilotage.runner.question import Known, Question
from pilotage.runner.store import Store
from pilotage.runner.switches import Switches
from pilotage.runner.telemetry import Snapshot, samples, unite
from pilotage.runner.ticket import shard_of

SUBJECTS_SEARCHED_MAX = 50_000
"""How many subjects are looked through for an e-mail address that is no identifier; beyond, ask by an identifier."""

PAGE_ROWS = 500
STORY_AT_ONCE = 1_000
SUBJECT_BYTES = 16


class Answering(Protocol):
    """Whoever can answer questions about some shards."""

    numbers: frozenset[int]

    async def ask(self, question: ask.Question) -> Any:
        """The answer, as the question says."""


class SubjectUnknown(LookupError):
    """Nobody is known by this id or identifier. List the subjects, or check the identifier's kind and spelling."""


class Records:
    """Everything that can be read. `linked` finds the subject a weak identifier's key is linked to; `program` is the plan
    in force."""

    def __init__(
        self,
        answering: Sequence[Answering],
        quarantine: Quarantine,
        linked: Callable[[bytes], bytes | None],
        secret: bytes,
        program: Program,
        released: Released,
    ) -> None:
        self.quarantine = quarantine
        self.program = program
        self._answering = sorted(answering, key=lambda owner: min(owner.numbers))
        self._owner_of = {number: owner for owner in answering for number in owner.numbers}
        self._linked = linked
        self._secret = secret
        self._released = released

    @property
    def owners(self) -> Sequence[Answering]:
        """Whoever answers for some shards, in order."""
        return self._answering

    async def ask(self, subject: bytes, question: ask.Question) -> Any:
        """Ask the owner of a subject's shard."""
        return await self._owner_of[shard_of(subject)].ask(question)

    async def rows(self, table: str, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """The rows of a table from a key on, in key order over all shards."""
        pages = [await owner.ask(ask.ReadRows(table, start, b"\xff" * 40, limit)) for owner in self._answering]
        return sorted(row for page in pages for row in page)[:limit]

    # Subjects

    async def find(self, identifiers: dict[str, str]) -> str:
        """The id of the subject that an identifier names; `SubjectUnknown` if nobody is known by it."""
        for kind, value in identifiers.items():
            key = subject_id(self._secret, kind, normalised(kind, value))
            subject = self._linked(key) or key
            if await self._state(subject) is not None:
                return subject.hex()
        wanted = {normalised("email", value) for kind, value in identifiers.items() if kind == "email"}
        found = await self._by_address(wanted) if wanted else None
        if found is None:
            named = ", ".join(f"{kind}={value}" for kind, value in identifiers.items())
            raise SubjectUnknown(f"nobody is known by {named}")
        return found.hex()

    async def _by_address(self, wanted: set[str]) -> bytes | None:
        """Look through the profiles for an address that some attribute holds."""
        after, looked = b"", 0
        while looked < SUBJECTS_SEARCHED_MAX:
            page = await self._subjects(after, PAGE_ROWS)
            for subject in page:
                known = await self._state(subject)
                if known is not None and _holds(known[0], wanted):
                    return subject
            if len(page) < PAGE_ROWS:
                return None
            after, looked = page[-1], looked + len(page)
        raise SubjectUnknown(f"the first {SUBJECTS_SEARCHED_MAX} profiles hold no such address; ask by an identifier, such as user_id=…")

    async def subjects(self, after: str, limit: int) -> views.SubjectsPage:
        """A page of subject ids in order of (partition, id)."""
        found = await self._subjects(bytes.fromhex(after), limit)
        return views.SubjectsPage([subject.hex() for subject in found], found[-1].hex() if len(found) == limit else "")

    async def _subjects(self, after: bytes, limit: int) -> list[bytes]:
        found: list[bytes] = []
        first = partition_of(after) if after else 0
        pages = [await owner.ask(ask.ListSubjects(first, PARTITIONS - 1, after, limit)) for owner in self._answering]
        for page in pages:
            found.extend(page)
        return sorted(found, key=lambda subject: (partition_of(subject), subject))[:limit]

    async def states(self, at_once: int) -> AsyncIterator[list[Known]]:
        """The states of everybody known, so many at a time."""
        for owner in self._answering:
            after = b""
            while page := await owner.ask(ask.ReadStates(after, at_once)):
                yield page
                after = decode_state(page[-1].state).subject

    async def resting(self) -> list[views.RestingView]:
        """How many people rest on each step of each version."""
        people: Counter[Place] = Counter()
        async for page in self.states(PAGE_ROWS):
            people += resting(decode_state(known.state) for known in page)
        return [views.RestingView(*place, count) for place, count in sorted(people.items())]

    async def state(self, subject: bytes) -> tuple[State, int] | None:
        """A subject's state and the log position it is at; None for an unknown subject."""
        return await self._state(subject)

    async def _state(self, subject: bytes) -> tuple[State, int] | None:
        known = await self.ask(subject, ask.ReadState(subject))
        return (decode_state(known.state), known.position) if known is not None else None

    async def _known(self, subject: bytes) -> tuple[State, int]:
        known = await self._state(subject)
        if known is None:
            raise SubjectUnknown(f"nobody is known by the id {subject.hex()}")
        return known

    async def subject(self, subject: bytes) -> views.SubjectView:
        """A subject's state; `SubjectUnknown`."""
        state, position = await self._known(subject)
        return subject_view(self.program, state, position)

    async def timeline(self, subject: bytes, before: int, limit: int) -> views.Timeline:
        """A part of a subject's story, newest first, beginning before a position (0: at the newest); `SubjectUnknown`."""
        state, _ = await self._known(subject)
        told = await self.ask(subject, ask.ReadStory(subject, limit, before))
        rows = await self.ask(subject, ask.ReadActions(subject))
        return timeline(self.program, state, told, rows, limit, self._released)

    async def told(self, subject: bytes) -> list[Told]:
        """All of a subject's records that the log has, oldest first; `SubjectUnknown`."""
        await self._known(subject)
        found: list[Told] = []
        while page := await self.ask(subject, ask.ReadStory(subject, STORY_AT_ONCE, found[-1].position if found else 0)):
            found += page
        return found[::-1]

    # Quarantine

    def quarantined(self, after: int, limit: int, status: str) -> views.QuarantinePage:
        """A page of refused events, in the order received."""
        rows: list[Held] = []
        for row in self.quarantine.rows(after, status=status):
            rows.append(row)
            if len(rows) == limit:
                break
        kinds = [views.QuarantineKind(k.stage, k.source, k.type, k.refused, k.held) for k in self.quarantine.counts()]
        return views.QuarantinePage([_row_view(row) for row in rows], kinds, rows[-1].number if len(rows) == limit else 0)

    def quarantined_event(self, number: int) -> views.QuarantinedWhole:
        """One refused event with its bytes; `NotQuarantined`."""
        row = self.quarantine.get(number)
        raw = row.event.raw.decode("utf-8", "backslashreplace")
        return views.QuarantinedWhole(**msgspec.structs.asdict(_row_view(row)), format=row.event.format, raw=raw)

    # Actions

    async def actions(self, statuses: Iterable[Status], after: str, limit: int) -> views.ActionsPage:
        """A page of listed actions of some statuses, in key order."""
        rows = await self._action_rows(frozenset(statuses), bytes.fromhex(after), limit)
        return views.ActionsPage([action_view(row) for row in rows], rows[-1].key.hex() if len(rows) == limit else "")

    async def _action_rows(self, statuses: frozenset[Status], after: bytes, limit: int) -> list[ActionRow]:
        found: list[ActionRow] = []
        for owner in self._answering:
            start = after + b"\0" if after else b""
            while page := await owner.ask(ask.ReadRows("action", start, b"\xff" * 40, PAGE_ROWS)):
                rows = (decode_row(value) for key, value in page if split_key(key)[0] != CANCEL)
                found.extend(row for row in rows if row.status in statuses)
                start = page[-1][0] + b"\0"
                if len(found) >= limit or len(page) < PAGE_ROWS:
                    break
        return sorted(found, key=lambda row: row.key)[:limit]

    async def redrive(self, pairs: Sequence[tuple[bytes, bytes]]) -> int:
        """Put dead letters or actions of unknown fate back, named by (subject, effect); how many."""
        redriven = 0
        for subject, effect in pairs:
            listed: list[ActionRow] = await self.ask(subject, ask.ReadActions(subject))
            rows = tuple(row for row in listed if row.action.effect == effect)
            redriven += await self.ask(subject, ask.Redrive(rows)) if rows else 0
        return redriven

    async def switch(self, switches: Switches) -> None:
        """Tell every process which kill switches are set."""
        for owner in self._answering:
            await owner.ask(ask.SwitchesChanged(switches))

    # History

    async def history(self) -> list[ShardHistory]:
        """How the history of each shard is, in order."""
        return await self._of_all_shards(ask.ReadHistory())

    async def compact(self) -> list[ShardHistory]:
        """Bring history up to date; how it is then."""
        return await self._of_all_shards(ask.CompactHistory())

    async def log(self, shard: int, after: int) -> list[Segment]:
        """Some segments of a shard's log that hold the positions above one."""
        found: list[Segment] = await self._owner_of[shard].ask(ask.ReadLog(shard, after))
        return found

    async def _of_all_shards(self, question: Question) -> list[ShardHistory]:
        states = [state for owner in self._answering for state in await owner.ask(question)]
        return sorted(states, key=lambda state: state.shard)

    # Counts

    async def snapshot(self) -> Snapshot:
        """The counters of all processes that run shards, together."""
        return unite([await owner.ask(ask.ReadTelemetry()) for owner in self._answering])

    async def journeys(self) -> list[about_journeys.JourneyCount]:
        """The journeys of the plan in force, counted since the processes started; who rests where counts always."""
        snapshot = await self.snapshot()
        verbs: dict[str, dict[str, dict[str, int]]] = {}
        for (journey, step, verb), count in samples(snapshot.counts.get("decisions", {})):
            verbs.setdefault(journey, {}).setdefault(step, {})[verb] = count
        waiting: dict[str, dict[str, int]] = {}
        for (journey, step), count in samples(snapshot.gauges.get("waiting", {})):
            waiting.setdefault(journey, {})[step] = count
        return [
            about_journeys.JourneyCount(
                journey=journey.name,
                version=journey.digest[:16],
                purpose=journey.purpose,
                stage=journey.stage,
                waiting=sum(waiting.get(journey.name, {}).values()),
                verbs=_summed(verbs.get(journey.name, {}).values()),
                steps=[
                    about_journeys.StepCount(step, waiting.get(journey.name, {}).get(step, 0), verbs.get(journey.name, {}).get(step, {}))
                    for step in ("", *(step.id for step in journey.steps))
                ],
                control=about_journeys.ControlView("running"),
            )
            for journey in self.program.plan.journeys
        ]

    async def waiting(self, journey: str) -> dict[str, int]:
        """How many people rest on each step of a journey, in whatever version, where anybody does."""
        gauges = (await self.snapshot()).gauges.get("waiting", {})
        return {step: count for (name, step), count in samples(gauges) if name == journey and count}

    def plan(self, environment: str, production: bool, plans: Sequence[str]) -> views.PlanView:
        """The plan in force, by its parts' digests."""
        plan = self.program.plan
        return views.PlanView(
            digest=plan.digest,
            environment=environment,
            production=production,
            kernel=plan.kernel,
            journeys={journey.name: journey.digest for journey in plan.journeys},
            contents={content.name: content.digest for content in plan.contents},
            events=[contract.event for contract in plan.contracts],
            plans=list(plans),
        )


def links_of(store: Store) -> Callable[[bytes], bytes | None]:
    """The subject a weak identifier's key is linked to, as the front's store has it now; nothing is remembered."""

    def linked(key: bytes) -> bytes | None:
        value = store.get("link", key)
        return None if value is None else value[:SUBJECT_BYTES]

    return linked


def _holds(state: State, addresses: set[str]) -> bool:
    """Whether an attribute holds one of the addresses."""
    return any(isinstance(value, str) and normalised("email", value) in addresses for value in state.attributes.values())


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for verb, count in each.items():
            total[verb] = total.get(verb, 0) + count
    return dict(sorted(total.items()))


def _row_view(row: Held) -> views.QuarantinedView:
    event = row.event
    return views.QuarantinedView(
        number=row.number,
        status=row.status,
        since=views.instant(row.since_us),
        stage=event.stage,
        source=event.source,
        type=event.type,
        id=event.id,
        received=views.instant(event.received_us),
        path=event.path,
        reason=event.reason,
        cure=event.cure,
    )


__all__ = ["NotQuarantined", "Records", "SubjectUnknown"]
