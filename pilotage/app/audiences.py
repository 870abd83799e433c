"""What people ask about audiences: who is in them, why, how they overlap, and whether what is kept live is right.

Live answers come from the subjects' states, batch answers from history in SQL. States are brought to the instant asked for as
a wake-up would, without being kept, so that both speak of one moment.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

from pilotage.app import audience_views as views
from pilotage.app.audience_views import AudiencesApart, AudienceUnknown
from pilotage.app.evaluation import Evaluation, parquet_relation
from pilotage.app.records import Records, SubjectUnknown
from pilotage.app.views import instant
from pilotage.audience.batch import expanded, inlined
from pilotage.audience.clauses import explain
from pilotage.audience.model import Audience
from pilotage.event.envelope import wake_event
from pilotage.journey.advance import advance, wake_at
from pilotage.journey.names import event_fields
from pilotage.journey.plan import Plan
from pilotage.journey.subjects import part_of_accounts, part_of_persons
from pilotage.predicate.ir import Predicate
from pilotage.predicate.parse import parse
from pilotage.predicate.scope import Scope
from pilotage.profile.state import State, decode_state
from pilotage.runner.history.parquet import FileGone
from pilotage.runner.history.parts import EVENTS, HistoryBroken
from pilotage.runner.history.reader import History
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import Segment
from pilotage.source.zones import packaged_zones

ATTEMPTS = 3
STATES_AT_ONCE = 500


class AudienceRecords:
    """Answers about the audiences of a data folder, from its records and its history. `extents` say how far history is; without
    it the owners of the shards are asked."""

    def __init__(self, records: Records, data: Path, extents: Callable[[], list[ShardHistory]] | None = None) -> None:
        self._records = records
        self._data = data
        self._extents = extents

    @property
    def _plan(self) -> Plan:
        return self._records.program.plan

    def _part(self, accounts: bool) -> Plan:
        """What persons run by, or what accounts do."""
        return (part_of_accounts if accounts else part_of_persons)(self._plan).plan

    def named(self, name: str) -> tuple[Audience, bool]:
        """An audience of the plan in force, and whether it is one of accounts; `AudienceUnknown`."""
        known = {each.name: (each, accounts) for accounts in (True, False) for each in self._part(accounts).audiences}
        if name not in known:
            raise AudienceUnknown(name, known)
        return known[name]

    async def audiences(self) -> list[views.AudienceView]:
        """All audiences of the plan in force with their sizes, by name."""
        sizes: Counter[str] = Counter()
        async for page in self._states():
            for state, _ in page:
                sizes.update(state.audiences.keys())
        program, accounts = self._records.program, self._plan.accounts
        programs = [program] if program.accounts is None else [program, program.accounts]
        digests = {each.name: each.digest for own in programs for each in own.audiences.all}
        found = sorted((*self._plan.audiences, *(accounts.audiences if accounts else ())), key=lambda each: each.name)
        return [views.audience_view(each, digests[each.name], sizes[each.name]) for each in found]

    async def why(self, name: str, subject: bytes, now_us: int) -> views.WhyView:
        """Why a subject is in an audience or not; `AudienceUnknown`, `SubjectUnknown`. An instant of 0 is the last thing known."""
        _, accounts = self.named(name)
        known = await self._records.state(subject)
        if known is None:
            raise SubjectUnknown(f"nobody is known by the id {subject.hex()}")
        if _is_account(known[0]) is not accounts:
            kinds = ("accounts", "a person") if accounts else ("persons", "an account")
            raise SubjectUnknown(f"{name} is an audience of {kinds[0]}, and {subject.hex()} is {kinds[1]}")
        now_us = now_us or await self._last_us()
        state = self._at(known[0], now_us)
        conditions = {each.name: each.when for each in self._part(accounts).audiences}
        clause = explain(name, state, now_us, packaged_zones(), conditions)
        return views.WhyView(
            audience=name,
            subject=subject.hex(),
            at=instant(now_us),
            inside=name in state.audiences,
            since=instant(state.audiences.get(name, 0)),
            next=instant(state.flips.get(name, 0)),
            condition=views.clause_view(clause),
        )

    async def preview(self, name: str, when: str, limit: int, now_us: int, accounts: bool = False) -> views.PreviewView:
        """Who is in an audience of the plan in force or, where no name is given, which persons, or which `accounts`, meet a condition,
        whether or not it has been released; `AudienceUnknown`, `PredicateError`."""
        if name:
            _, accounts = self.named(name)
        part = self._part(accounts)
        conditions = expanded(part.audiences)
        asked = conditions[name] if name else inlined(parse(when, scope_of(part, accounts)), conditions)
        evaluation, now_us = await self._evaluated({"asked": asked}, now_us, accounts)
        with evaluation:
            size = evaluation.sizes().get("asked", 0)
            examples = [subject.hex() for subject in evaluation.examples("asked", limit)]
            text = self.named(name)[0].when.text if name else when
            return views.PreviewView(text, instant(now_us), size, evaluation.subjects(), examples, "accounts" if accounts else "customers")

    async def overlap(self, names: list[str], now_us: int, accounts: bool = False) -> views.OverlapView:
        """How many subjects are in both of two audiences, for all of these (none named: all of persons, or of `accounts`);
        `AudienceUnknown`, `AudiencesApart`."""
        kinds = {self.named(name)[1] for name in names}
        if len(kinds) > 1:
            raise AudiencesApart(names)
        accounts = kinds.pop() if kinds else accounts
        part = self._part(accounts)
        chosen = sorted(set(names) or {each.name for each in part.audiences})
        conditions = expanded(part.audiences)
        evaluation, now_us = await self._evaluated({name: conditions[name] for name in chosen}, now_us, accounts)
        with evaluation:
            sizes, pairs = evaluation.sizes(), evaluation.overlap()
        both = [
            [sizes.get(one, 0) if one == other else pairs.get((min(one, other), max(one, other)), 0) for other in chosen] for one in chosen
        ]
        return views.OverlapView(instant(now_us), chosen, [sizes.get(name, 0) for name in chosen], both)

    async def reconcile(self, limit: int, now_us: int) -> views.ReconciliationView:
        """What is kept live against the batch evaluation, for all audiences that existing subjects are included in."""
        skipped = _excluding(self._plan.audiences)
        conditions = {name: each for name, each in expanded(self._plan.audiences).items() if name not in skipped}
        evaluation, now_us = await self._evaluated(conditions, now_us)
        with evaluation:
            different, found = evaluation.differences(list(conditions), limit)
            members = sum(evaluation.sizes().values())
            return views.ReconciliationView(
                at=instant(now_us),
                subjects=evaluation.subjects(),
                memberships=members,
                different=different,
                differences=[views.DifferenceView(each.subject.hex(), each.audience, each.live, each.batch) for each in found],
                skipped=sorted(skipped),
            )

    # What they are made of

    async def _evaluated(self, conditions: Mapping[str, Predicate], now_us: int, accounts: bool = False) -> tuple[Evaluation, int]:
        """The conditions evaluated for all persons, or all accounts, as of an instant (0: the last thing known), and that instant."""
        now_us = now_us or await self._last_us()
        attributes = {each.name: each.type for each in self._part(accounts).attributes}
        evaluation = await asyncio.to_thread(Evaluation, attributes, self._plan.policy.zone)
        async for page in self._states():
            meant = [(state, position) for state, position in page if _is_account(state) is accounts]
            await asyncio.to_thread(evaluation.add_states, [(self._at(state, now_us), position) for state, position in meant])
        for attempt in range(ATTEMPTS):
            try:
                with await self._history() as history:
                    evaluation.read_events(parquet_relation(map(str, history.paths(EVENTS))))
                    await asyncio.to_thread(evaluation.evaluate, conditions, now_us)
                    return evaluation, now_us
            except (FileGone, HistoryBroken):
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _history(self) -> History:
        """All of history at one moment."""
        extents = await self._records.history() if self._extents is None else self._extents()
        tails = {extent.shard: await self._tail(extent.shard, extent.cursor, extent.durable) for extent in extents}
        return await asyncio.to_thread(History, self._data, extents, lambda shard, after: _above(tails[shard], after))

    async def _tail(self, shard: int, after: int, until: int) -> list[Segment]:
        found: list[Segment] = []
        while after < until and (page := await self._records.log(shard, after)):
            found += page
            after = page[-1].last
        return found

    async def _last_us(self) -> int:
        """The latest instant at which anything was received or decided."""
        with await self._history() as history:
            answer = history.ask(
                "select max(last_us) from (select max(received_us) as last_us from events union all select max(received_us) from decisions)"
            )
        return int(answer.rows[0][0] or 0)

    async def _states(self) -> AsyncIterator[list[tuple[State, int]]]:
        async for page in self._records.states(STATES_AT_ONCE):
            yield [(decode_state(known.state), known.position) for known in page]

    def _at(self, state: State, now_us: int) -> State:
        """A state as a wake-up at an instant would leave it."""
        if not 0 < wake_at(state) <= now_us:
            return state
        return advance(self._records.program, state, wake_event(now_us), now_us).state


def _is_account(state: State) -> bool:
    return state.ties is not None and bool(state.ties.account)


def scope_of(plan: Plan, accounts: bool = False) -> Scope:
    """What a condition about the subjects of a part of a plan may read; accounts give no consents."""
    return Scope(
        attributes={each.name: each.type for each in plan.attributes},
        events=event_fields(plan.contracts),
        purposes={} if accounts else {purpose.name: () for purpose in plan.policy.purposes},
        audiences=tuple(each.name for each in plan.audiences),
        journeys={journey.name: journey.stage for journey in plan.journeys},
        zone=plan.policy.zone,
        zone_attribute=plan.policy.zone_attribute,
    )


def _excluding(audiences: Iterable[Audience]) -> set[str]:
    """The audiences that leave existing subjects out, and those made of them."""
    found: set[str] = set()
    for each in audiences:
        if each.existing == "exclude" or found & set(each.when.audiences):
            found.add(each.name)
    return found


def _above(segments: list[Segment], after: int) -> list[Segment]:
    return [segment for segment in segments if segment.last > after]
