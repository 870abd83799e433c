"""What the API answers and the command line shows: plain data with readable values, the same for both.

Instants are RFC 3339 text in UTC, ids hexadecimal text, decimals text. A field named `after` or `before` is a cursor:
pass it back to go on.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from pilotage.event.time import DAY_US, instant_text
from pilotage.runner.history.progress import ShardBackfill
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.switches import Switches


class ConsentView(msgspec.Struct, frozen=True):
    """What the subject last said about a purpose on a channel."""

    purpose: str
    channel: str
    granted: bool
    at: str
    basis: str


class EntryView(msgspec.Struct, frozen=True):
    """A journey the subject is in now: the step it rests on, since when, and when it next needs attention by time."""

    entry: str
    journey: str
    version: str
    step: str
    entered: str
    since: str
    due: str
    variables: dict[str, Any]


class VisitView(msgspec.Struct, frozen=True):
    """How often and when last the subject entered a journey."""

    journey: str
    times: int
    entered: str
    left: str


class ReservationView(msgspec.Struct, frozen=True):
    """A message's place in the contact budgets."""

    effect: str
    channel: str
    purpose: str
    journey: str
    at: str
    pending: bool


class SubjectView(msgspec.Struct, frozen=True):
    """Everything known about a subject. `personal` names the attributes that are personal data, `audiences` those the subject is in,
    with the instants since which. A person belongs to `accounts`, each with the person's roles; `account` names what is one, where
    `roles` are held by subjects, those longest in a role first."""

    subject: str
    position: int
    zone: str
    attributes: dict[str, Any]
    personal: list[str]
    consents: list[ConsentView]
    entries: list[EntryView]
    visits: list[VisitView]
    budget: list[ReservationView]
    audiences: dict[str, str]
    account: str = ""
    accounts: dict[str, list[str]] = {}
    roles: dict[str, list[str]] = {}


class RestingView(msgspec.Struct, frozen=True):
    """How many people rest on a step of a version of a journey; the step is empty for those held out."""

    journey: str
    version: str
    step: str
    people: int


class SubjectsPage(msgspec.Struct, frozen=True):
    """A page of subject ids; `after` is the cursor of the next page, empty at the end."""

    subjects: list[str]
    after: str


class DecisionView(msgspec.Struct, frozen=True):
    """One decision and why: what decided, the values it looked at, and what lost."""

    at: str
    journey: str
    version: str
    entry: str
    step: str
    verb: str
    reason: str
    rule: str
    inputs: dict[str, Any]
    lost: list[str]
    effect: str


class HappeningView(msgspec.Struct, frozen=True):
    """One record of a subject's story: an event as received, or a wake-up (`type` empty), and what was decided then. `plan` is the
    digest of the plan it was decided under, `release` the release that was in force (empty: none was)."""

    position: int
    received: str
    type: str
    source: str
    id: str
    occurred: str
    data: dict[str, Any]
    decisions: list[DecisionView]
    plan: str = ""
    release: str = ""


class FateView(msgspec.Struct, frozen=True):
    """What became of a message at an instant."""

    at: str
    fate: str
    reason: str


class MessageView(msgspec.Struct, frozen=True):
    """One message or call the story decided, and all that became of it, oldest first; `fate` is the latest."""

    effect: str
    target: str
    journey: str
    step: str
    decided: str
    fate: str
    fates: list[FateView]


class Timeline(msgspec.Struct, frozen=True):
    """A part of a subject's story, newest first. `before` is the position to go on from, 0 at the beginning."""

    subject: str
    zone: str
    happenings: list[HappeningView]
    messages: list[MessageView]
    before: int


class QuarantinedView(msgspec.Struct, frozen=True):
    """A refused event: where and why it was refused, what to do, and whether it was dealt with since."""

    number: int
    status: str
    since: str
    stage: str
    source: str
    type: str
    id: str
    received: str
    path: str
    reason: str
    cure: str


class QuarantinedWhole(QuarantinedView, frozen=True, kw_only=True):
    """A refused event with its bytes as received; what is not UTF-8 is shown as \\xNN."""

    format: str
    raw: str


class QuarantineKind(msgspec.Struct, frozen=True):
    """How many events of a kind were refused, and how many of them are still held."""

    stage: str
    source: str
    type: str
    refused: int
    held: int


class QuarantinePage(msgspec.Struct, frozen=True):
    """A page of refused events in the order received, the counts of all, and the cursor of the next page (0 at the end)."""

    rows: list[QuarantinedView]
    kinds: list[QuarantineKind]
    after: int


class Resubmission(msgspec.Struct, frozen=True):
    """What became of events put through again: accepted now, or refused anew and still held."""

    accepted: int
    refused: int


class Discarded(msgspec.Struct, frozen=True):
    """How many held events were marked as not worth resubmitting."""

    discarded: int


class ActionView(msgspec.Struct, frozen=True):
    """A message or call that is listed: waiting, at its end without success, or of unknown fate."""

    subject: str
    effect: str
    kind: str
    target: str
    purpose: str
    journey: str
    step: str
    status: str
    attempts: int
    next: str
    expires: str
    reason: str
    held: bool
    late: bool


class ActionsPage(msgspec.Struct, frozen=True):
    """A page of actions, and the cursor of the next page, empty at the end."""

    actions: list[ActionView]
    after: str


class Redriven(msgspec.Struct, frozen=True):
    """How many actions were put back with all their attempts."""

    redriven: int


class PlanView(msgspec.Struct, frozen=True):
    """The plan in force, and the digests of all plans that ever were."""

    digest: str
    environment: str
    production: bool
    kernel: int
    journeys: dict[str, str]
    contents: dict[str, str]
    events: list[str]
    plans: list[str]


class InboxMessageView(msgspec.Struct, frozen=True):
    """A message in a customer's inbox; `read` is empty while it is unread."""

    id: str
    title: str
    body: str
    link: str
    at: str
    read: str


class InboxPage(msgspec.Struct, frozen=True):
    """A page of an inbox, newest first."""

    messages: list[InboxMessageView]


class InboxToken(msgspec.Struct, frozen=True):
    """A token that opens one subject's inbox and nothing else, until it expires."""

    token: str
    expires: str


class MarkedRead(msgspec.Struct, frozen=True):
    """The ids of the messages that were unread and are read now."""

    read: list[str]


class Found(msgspec.Struct, frozen=True):
    """The subject that was looked for."""

    subject: str


class ShardHistoryView(msgspec.Struct, frozen=True):
    """One shard's history: its log positions above `after` up to `cursor` are in files, the log holds the rest up to `durable`.
    `waiting_s` is how long the oldest record waits that is not in files; `fault` what kept the last attempt from being written."""

    shard: int
    after: int
    cursor: int
    durable: int
    behind: int
    files: int
    size_bytes: int
    first_day: str
    last_day: str
    waiting_s: float
    fault: str


class HistoryView(msgspec.Struct, frozen=True):
    """How far the history of events and decisions is in files: `records` are, `behind` are in the log alone yet."""

    records: int
    behind: int
    files: int
    size_bytes: int
    first_day: str
    last_day: str
    shards: list[ShardHistoryView]


class BackfillView(msgspec.Struct, frozen=True):
    """Whether a release waits for the past of its features to be brought to everybody, and how far that is: `events` of about
    `total` (null: not counted yet) were read and `subjects` told. `unfit` events were left out of conditions that read their data,
    since they do not keep today's contract. `shards_done` is of 8."""

    active: bool
    features: list[str]
    events: int
    total: int | None
    subjects: int
    unfit: int
    shards_done: int
    faults: list[str]


class SwitchView(msgspec.Struct, frozen=True):
    """A kill switch that is set: of everything, a channel, a journey or a step; since when, by whom and why."""

    scope: str
    name: str
    since: str
    by: str
    reason: str


class SwitchesView(msgspec.Struct, frozen=True):
    """All kill switches that are set."""

    off: list[SwitchView]


class LogPage(msgspec.Struct, frozen=True):
    """Records of a shard's log that are not in files yet: MessagePack of their segments, as base64."""

    segments: bytes


class Health(msgspec.Struct, frozen=True):
    """Whether the system can take events, and if not, why."""

    status: str
    reason: str = ""


def instant(us: int) -> str:
    """RFC 3339 text of an instant; empty for 0, which means never or not yet, and for what no calendar holds."""
    try:
        return instant_text(us) if us else ""
    except OverflowError:
        return ""


def history_view(states: Sequence[ShardHistory]) -> HistoryView:
    """The history of all shards."""
    first = min((state.first_day for state in states if state.files), default=0)
    last = max((state.last_day for state in states), default=0)
    return HistoryView(
        records=sum(state.cursor - state.after for state in states),
        behind=sum(state.behind for state in states),
        files=sum(state.files for state in states),
        size_bytes=sum(state.size_bytes for state in states),
        first_day=_day(first),
        last_day=_day(last),
        shards=[
            ShardHistoryView(
                shard=state.shard,
                after=state.after,
                cursor=state.cursor,
                durable=state.durable,
                behind=state.behind,
                files=state.files,
                size_bytes=state.size_bytes,
                first_day=_day(state.first_day),
                last_day=_day(state.last_day),
                waiting_s=round(state.waiting_s, 1),
                fault=state.fault,
            )
            for state in states
        ],
    )


def switches_view(switches: Switches) -> SwitchesView:
    """The kill switches that are set."""
    return SwitchesView([SwitchView(each.scope, each.name, instant(each.since_us), each.by, each.reason) for each in switches.off])


def backfill_view(features: Sequence[str], states: Sequence[ShardBackfill]) -> BackfillView:
    """The backfill of all shards; none is active without features."""
    filled = [state.filled for state in states]
    totals = [state.total for state in states]
    return BackfillView(
        active=bool(features),
        features=list(features),
        events=sum(each.events for each in filled),
        total=None if None in totals or not totals else sum(total or 0 for total in totals),
        subjects=sum(each.subjects for each in filled),
        unfit=sum(each.unfit for each in filled),
        shards_done=sum(each.done for each in filled),
        faults=sorted({state.fault for state in states if state.fault}),
    )


def _day(day: int) -> str:
    return instant(day * DAY_US)[:10]
