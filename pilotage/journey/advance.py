"""`advance`: the one pure function that decides what happens next for one subject.

It asks no clock, draws no random number and does no I/O. What was due before the event is settled first, as of the
instant it was due, at one instant the audiences first, then schedules, then the entries in the order (journey, entry, step); then the event
is taken: attributes, consents, receipts and features first, then the audiences that read what changed, then the entries it
concerns, then the journeys it may start; what follows from it (emitted events, changed attributes, audiences entered and
left) is taken first in, first out at the same instant.
"""

from collections.abc import Sequence

from pilotage.audience.membership import due, unknown
from pilotage.contract.builtin import FEATURES_FILLED
from pilotage.event.envelope import WAKE, Event
from pilotage.journey.accounts import hand_over, name_account, program_of
from pilotage.journey.arbitration import first_of
from pilotage.journey.audiences import adopt_audiences, move_audiences, tell_audiences
from pilotage.journey.backfill import fill_features
from pilotage.journey.candidates import relate
from pilotage.journey.entry import due_of, enter, fire, take
from pilotage.journey.migrate import migrate
from pilotage.journey.outcome import Outcome
from pilotage.journey.pause import meeting_us
from pilotage.journey.program import Handler, Program
from pilotage.journey.requests import request
from pilotage.journey.resume import meet
from pilotage.journey.schedules import adopt_schedules, shift_schedules, take_schedules
from pilotage.journey.subject import apply_consent, apply_receipt, update_attributes, update_features
from pilotage.journey.work import NOTHING, Work
from pilotage.predicate.flips import earliest
from pilotage.profile.state import Entry, State

SETTLE_MAX = 10_000
"""How many due things one `advance` settles at most; more is a journey that does not rest."""


class OwnEvent(ValueError):
    """The event is of a type that only the system itself makes, from what it knows. Send an event type of your own."""


class EndlessJourney(RuntimeError):
    """An entry keeps coming due without end. Give the journey named a wait that moves forward."""


def advance(program: Program, state: State, event: Event, now_us: int) -> Outcome:
    """The subject's next state, what must happen outside, what was decided and why, and when to look again.

    `now_us` is the event's received time, microseconds UTC. Raises `ContractBroken`, `NumberOverflow`, `TooManyDerived`,
    `OwnEvent` or `EndlessJourney`, and then nothing has changed: the caller quarantines the event.
    """
    if program.accounts is not None:
        program = program_of(program, program.accounts, state, event)
    wake_us = wake_at(state) if state.entries or state.schedule_us else state.flip_us
    if program.steered and state.entries:
        wake_us = earliest(wake_us, meeting_us(program.controls, state))
    overdue = 0 < wake_us <= now_us
    adopts = state.audience_set != program.audiences.digest or state.schedule_set != program.schedule_set
    migrates = bool(program.takeovers) and any(entry.version in program.takeovers for entry in state.entries)
    handler = program.handlers.get(event.type)
    fills = event.type == FEATURES_FILLED and (not program.on_accounts or bool(event.identifiers))  # what names no account is persons'
    if not (overdue or adopts or migrates) and (handler is None or (handler.idle and not (state.entries and handler.listened))):
        if not fills:
            return Outcome(state, [], [], wake_us, [])
    if handler is not None and handler.own:
        raise OwnEvent(f"{event.type} is made by the system itself; send an event type of your own")
    work = Work(program, state, now_us)
    if fills:
        work.now = wake_us if overdue else now_us
        if program.on_accounts:
            name_account(work, event)
        fill_features(work, event)
    if adopts or migrates:
        work.now = wake_us if overdue else now_us
    if adopts:
        if state.audience_set != program.audiences.digest:
            adopt_audiences(work)
        if state.schedule_set != program.schedule_set and not unknown(state):
            adopt_schedules(work)
    if migrates:
        migrate(work)
        _drain(work)
        _refresh(work)
        overdue = 0 < earliest(wake_at(work.state), meeting_us(program.controls, work.state)) <= now_us
    if overdue:
        _settle(work, now_us)
    if handler is not None:
        work.begin(now_us, f"{event.source}/{event.id}")
        if work.program.on_accounts:
            name_account(work, event)
        _take_event(work, handler, event, handler.validator.decode(event.data))
        _drain(work)
        _refresh(work)
    elif adopts and event.type not in (WAKE, FEATURES_FILLED):
        work.begin(now_us, f"{event.source}/{event.id}")
        _take_change(work, NOTHING)
        _drain(work)
    if not work.changed:
        return Outcome(state, work.actions, work.decisions, wake_us, work.cancelled, work.handed)
    new = work.state
    if new.entries is not state.entries or new.flip_us != state.flip_us or new.schedule_us != state.schedule_us:
        wake_us = wake_at(new)
        if program.steered and new.entries:
            wake_us = earliest(wake_us, meeting_us(program.controls, new))
    return Outcome(new, work.actions, work.decisions, wake_us, work.cancelled, work.handed)


def wake_at(state: State) -> int:
    """The first instant at which any entry of the subject, who is in an audience, or a schedule needs attention; 0 if none does."""
    wake_us = earliest(state.flip_us, state.schedule_us)
    for entry in state.entries:
        if entry.due_us and (not wake_us or entry.due_us < wake_us):
            wake_us = entry.due_us
    return wake_us


def _settle(work: Work, until_us: int) -> None:
    """Decide all that is due by an instant, each as of its own: who is in which audience first, then schedules, then entries."""
    last = ""
    for _ in range(SETTLE_MAX):
        state = work.state
        due = [entry for entry in state.entries if 0 < entry.due_us <= until_us]
        entry = min(due, key=_order, default=None)
        if entry is not None and work.program.arbitrates:
            entry = first_of(work, [each for each in due if each.due_us == entry.due_us])
        flip_us = earliest(state.flip_us, state.schedule_us)
        meets_us = meeting_us(work.program.controls, state) if work.program.steered else 0
        if not 0 < meets_us <= (entry.due_us if entry is not None else until_us):
            meets_us = 0
        if 0 < flip_us <= (meets_us or (entry.due_us if entry is not None else until_us)):
            work.begin(flip_us)
            last = "audiences" if flip_us == state.flip_us else "schedules"
            if flip_us == state.flip_us:
                _take_flips(work)
            else:
                take_schedules(work)
        elif meets_us:
            work.begin(meets_us)
            meet(work)
            last = "the ends of pauses"
        elif entry is not None:
            work.begin(entry.due_us)
            fire(work, entry)
            last = f"journey {entry.journey}, step {entry.step}"
        else:
            return
        _drain(work)
        _refresh(work)
    raise EndlessJourney(f"more than {SETTLE_MAX} things came due at once; the last: {last}")


def _order(entry: Entry) -> tuple[int, str, bytes, str]:
    return entry.due_us, entry.journey, entry.id, entry.step


def _take_flips(work: Work) -> None:
    """What the passing of time means for who is in which audience at an instant, and for the entries that read it."""
    signals = tell_audiences(work, due(work.program.audiences, work.state, work.now))
    if signals:
        work.signals |= signals
        _tell(work, "", None, signals)


def _take_event(work: Work, handler: Handler, event: Event, payload: object) -> None:
    work.ended = NOTHING
    signals = handler.signals
    if handler.consent:
        signals |= apply_consent(work, event, payload)
    if handler.attributes:
        signals |= update_attributes(work, handler, payload)
    features: Sequence[str] = update_features(work, handler, event, payload) if handler.features else ()
    if work.state.schedules and work.program.zone_signal in signals:
        shift_schedules(work)
    if handler.relates:
        relate(work, event, payload)
    if handler.handed and work.state.ties is not None:
        hand_over(work, event)
    if handler.receipt:
        apply_receipt(work, event, payload)
    listened = handler.listened
    if work.program.audiences.all:
        moved = move_audiences(work, features, signals)
        if moved:
            signals |= moved
            listened = True
    work.signals = work.signals | signals if work.signals else signals
    if listened and work.state.entries:
        _tell(work, event.type, payload, signals)
    if handler.entrances:
        entries = work.state.entries
        inside = {entry.journey for entry in entries} if entries else NOTHING
        for journey in handler.entrances:
            if not journey.audience or journey.audience == getattr(payload, "audience", ""):
                enter(work, journey, event, payload, inside)
    if handler.requests:
        request(work, event, payload)


def _take_change(work: Work, signals: frozenset[str]) -> None:
    """A change without an event: an attribute was set, a journey entered or left."""
    if work.state.schedules and work.program.zone_signal in signals:
        shift_schedules(work)
    if work.program.audiences.all:
        signals |= move_audiences(work, (), signals)
    work.signals |= signals
    _tell(work, "", None, signals)


def _drain(work: Work) -> None:
    while work.derived:
        derived = work.derived.popleft()
        if derived.event is not None:
            _take_event(work, work.program.handlers[derived.event.type], derived.event, derived.payload)
        else:
            _take_change(work, derived.signals)


def _tell(work: Work, event_type: str, payload: object, signals: frozenset[str]) -> None:
    """Let every entry take what happened, but for those that what another took has moved or ended meanwhile."""
    moves, journeys = work.moves, work.program.journeys
    for entry in work.state.entries[:]:
        if not journeys[entry.version].listens.isdisjoint(signals) and (work.moves == moves or work.alive(entry)):
            take(work, entry, event_type, payload, signals)


def _refresh(work: Work) -> None:
    """Bring the due instants of entries whose conditions can change by time alone up to what is known now.

    An entry that has not moved keeps its instant unless something that its timed conditions read was taken: between two
    flips the passing of time alone changes nothing about the next one."""
    taken, before = work.signals, work.old.entries
    if work.state.entries is before and work.program.flips.isdisjoint(taken):
        return
    journeys = work.program.journeys
    for entry in work.state.entries[:]:
        flips = journeys[entry.version].flips
        if not flips or (flips.isdisjoint(taken) and any(entry is each for each in before)):
            continue
        due_us = due_of(work, entry)
        if due_us != entry.due_us:
            work.replace(entry).due_us = due_us
