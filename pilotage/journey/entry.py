"""One entry's way through its journey: how it begins, what it takes from events, time and receipts, how it moves on."""

from collections.abc import Set
from typing import Any

from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.experiment.assignment import held_out
from pilotage.journey.arbitration import DEFERRED
from pilotage.journey.compiled import Condition
from pilotage.journey.nested_steps import came_back
from pilotage.journey.offers import offer, offers
from pilotage.journey.outcome import Decision
from pilotage.journey.parent import tell_parent
from pilotage.journey.pause import HALTED, PAUSED, closed, pause_at
from pilotage.journey.plan import KEY, Call, Enter, Exit, Send, Task, Wait
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.run import RUN
from pilotage.journey.steps import (
    AWAITING,
    ENDED,
    HELD_OUT,
    PARKED,
    WAITING,
    answered,
    attempt_send,
    blocked,
    finish,
    kept_inputs,
    kept_truth,
    park,
)
from pilotage.journey.task_steps import task_event, task_time
from pilotage.journey.work import Work
from pilotage.predicate.flips import earliest
from pilotage.profile.state import Entry, Visit

NO_INPUTS: dict[str, Any] = {}
"""What was looked at where nothing was. Never written to."""

STEPS_MAX = 1_000
"""How many steps an entry may take without resting; the compiler refuses cycles without a wait."""


ENTRIES_MAX = 1_000
"""How many entries a subject may have under way for one more with a key to begin."""


class RestlessEntry(RuntimeError):
    """An entry took a thousand steps without resting. Put a wait into the cycle."""


def enter(work: Work, journey: JourneyProgram, event: Event, payload: Any, inside: Set[str], parent: bytes = b"") -> None:
    """Start an entry of the journey, or record why not. `inside` are the journeys the subject was in before, `parent` is the effect
    key of the step that awaits what comes of it."""
    state, now, inputs = work.state, work.now, NO_INPUTS
    key = None if journey.key is None else journey.key(state, payload, NO_INPUTS, now, event.type)
    refused, rule = _refusal(work, journey, key, inside), "entry"
    where = journey.where
    if where is not None and not refused:
        inputs = where.inputs(state, payload, NO_INPUTS, now, event.type)
        if not where.truth(state, payload, NO_INPUTS, now, event.type):
            refused = journey.unmet
    if work.program.steered and not refused:
        refused, rule = closed(work.program.controls, journey.name, now), "control"
    if refused:
        work.decisions.append(Decision(now, journey.name, journey.version, b"", "", "refused", refused, rule, inputs))
        if parent:
            tell_parent(work, parent, journey.name, refused, entered=False)
        return
    entry = _entry(work, journey, event, payload, key)
    entry.parent = parent
    _begin(work, journey, entry, event.type, inputs)


def _refusal(work: Work, journey: JourneyProgram, key: Any, inside: Set[str]) -> str:
    """Why the subject may not enter the journey now, whatever its condition says; empty if it may."""
    name, state = journey.name, work.state
    if journey.key is None:
        if name in inside:
            return "already in the journey"
        if name in work.ended:
            return "this event has just ended an entry"
        visit = state.visits.get(name)
        return "" if visit is None else _reentry_refusal(journey, visit.entered_us, work.now)
    if key is None:
        return "the event has no key"
    if any(entry.journey == name and entry.variables.get(KEY) == key for entry in state.entries):
        return "already in the journey with this key"
    if journey.passage(key) in work.ended:
        return "this event has just ended an entry"
    if len(state.entries) >= ENTRIES_MAX:
        return f"{ENTRIES_MAX} entries are under way"
    entered_us = state.keyed.get(journey.passage(key))
    return "" if entered_us is None else _reentry_refusal(journey, entered_us, work.now)


def _reentry_refusal(journey: JourneyProgram, entered_us: int, now: int) -> str:
    """Why a subject that was in the journey before may not enter it again yet; empty if it may."""
    rule = journey.journey.enter
    if rule.reentry == "always":
        return ""
    if rule.reentry == "never":
        return "was in the journey before"
    return "entered too recently" if now < entered_us + rule.reentry_us else ""


def _remember(work: Work, journey: JourneyProgram, key: Any) -> None:
    """Note the passage for the re-entry rule, and forget those that it does not ask about any more."""
    rule = journey.journey.enter
    if rule.reentry == "always":
        return
    keyed: dict[str, int] = work.own("keyed")
    if rule.reentry == "after":
        mine = journey.passage("")
        for passage in [name for name, at_us in keyed.items() if at_us + rule.reentry_us <= work.now and name.startswith(mine)]:
            del keyed[passage]
    keyed[journey.passage(key)] = work.now


def _entry(work: Work, journey: JourneyProgram, event: Event, payload: Any, key: Any) -> Entry:
    """An entry that is about to begin, with what it keeps of its trigger."""
    kept = {path: read(work.state, payload, {}, work.now, event.type) for path, read in journey.kept}
    return Entry(
        id=key128(work.state.subject, journey.name, f"{event.source}/{event.id}", "" if key is None else str(key)),
        journey=journey.name,
        version=journey.version,
        step="",
        phase=0,
        entered_us=work.now,
        since_us=work.now,
        deadline_us=0,
        due_us=0,
        trigger={path: value for path, value in kept.items() if value is not None},
        variables={} if key is None else {KEY: key},
        occurrence={},
    )


def _begin(work: Work, journey: JourneyProgram, entry: Entry, reason: str, inputs: dict[str, Any]) -> None:
    """Start an entry of the journey, held out or at its first step."""
    plan = journey.journey
    visits = work.own("visits")
    visit = visits.get(journey.name)
    visits[journey.name] = Visit(visit.times + 1 if visit else 1, work.now, visit.left_us if visit else 0)
    if journey.key is not None:
        _remember(work, journey, entry.variables[KEY])
    work.passed(journey.name)
    out = held_out(journey.name, work.state.subject, plan.holdout)
    if not out or (plan.goal and plan.goal.within_us):
        entries = work.own("entries")
        entries.append(entry)
        if len(entries) > 1:
            entries.sort(key=_place)
    if out:
        work.decide(entry, "held_out", f"holdout {plan.holdout / 100:g}%", "holdout", inputs)
        park(work, entry, HELD_OUT, work.now + plan.goal.within_us if plan.goal else 0)
        if entry.parent and plan.goal is None:
            tell_parent(work, entry.parent, entry.journey, "held out")
        return
    work.decide(entry, "entered", reason, journey.where.text if journey.where else "", inputs)
    move(work, entry, journey, journey.first)


def _place(entry: Entry) -> tuple[str, bytes]:
    return entry.journey, entry.id


def move(work: Work, entry: Entry, journey: JourneyProgram, goto: str) -> None:
    """Go on from step to step until the entry rests or ends. The entry must be this work's own copy."""
    for _ in range(STEPS_MAX):
        if goto in (PARKED, ENDED):
            return
        if not goto:
            finish(work, entry, "end", "end", cancel=False)
            return
        entry.step, entry.since_us, entry.phase = goto, work.now, 0
        entry.deadline_us = entry.due_us = entry.expires_us = 0
        entry.awaited = b""
        if entry.rounds:
            entry.rounds = {name: count for name, count in entry.rounds.items() if f"{goto}/".startswith(f"{name}/")}
        program = journey.steps[goto]
        if work.program.steered and _rests(work, entry) and not isinstance(program.step, Exit):
            _halt(work, entry)
            return
        goto = RUN[type(program.step)](work, entry, journey, program)
    raise RestlessEntry(f"journey {entry.journey} took {STEPS_MAX} steps without resting, last {entry.step}")


def _rests(work: Work, entry: Entry) -> bool:
    """Whether no step of the entry's journey may act now."""
    return pause_at(work.program.controls, entry.journey, work.now) is not None


def _halt(work: Work, entry: Entry) -> None:
    """Let an entry rest before the step it has come to until its journey's pause is over."""
    work.decide(entry, "paused", PAUSED, "pause")
    park(work, entry, HALTED, 0)


def take(work: Work, entry: Entry, event_type: str, payload: Any, signals: frozenset[str]) -> None:
    """What an entry takes from an event or a change: its exits, its goal, then what its step waits for."""
    journey = work.program.journeys[entry.version]
    if not journey.watch.isdisjoint(signals):
        current = standing(work, entry, journey, event_type, payload, signals)
        if current is None:
            return
        entry = current
    if entry.phase != WAITING:
        return
    program = journey.steps[entry.step]
    step = program.step
    assert isinstance(step, Wait)
    if step.until and step.until == event_type:
        _take_awaited(work, entry, journey, program, payload)
    elif step.when is not None and not program.conditions[-1].signals.isdisjoint(signals):
        _take_condition(work, entry, journey, program)


def _take_awaited(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram, payload: Any) -> None:
    step = program.step
    assert isinstance(step, Wait)
    inputs: dict[str, Any] = {}
    if step.where is not None:
        where = program.conditions[0]
        if where.truth(work.state, payload, entry.variables, work.now, step.until) is not True:
            return
        inputs = where.inputs(work.state, payload, entry.variables, work.now, step.until)
    entry = work.replace(entry)
    work.decide(entry, "resumed", step.until, "until", inputs)
    move(work, entry, journey, step.next)


def _take_condition(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> bool:
    last = len(program.conditions) - 1
    if not kept_truth(work, entry, program, last):
        return False
    entry = work.replace(entry)
    work.decide(entry, "resumed", "became true", program.conditions[last].text, kept_inputs(work, entry, program, last))
    move(work, entry, journey, program.step.next)
    return True


def standing(
    work: Work, entry: Entry, journey: JourneyProgram, event_type: str, payload: Any, signals: frozenset[str] | None
) -> Entry | None:
    """Look at the exits and the goal that the signals (None: time alone) can change; None when the entry has ended."""
    for condition, reason in journey.exits:
        if _met(work, entry, condition, event_type, payload, signals):
            inputs = condition.inputs(work.state, payload, entry.variables, work.now, event_type)
            finish(work, entry, reason, condition.text, cancel=True, inputs=inputs)
            return None
    goal, rule = journey.goal, journey.journey.goal
    if goal is None or rule is None or entry.goal_us or (rule.within_us and work.now > entry.entered_us + rule.within_us):
        return entry
    if not _met(work, entry, goal, event_type, payload, signals):
        return entry
    inputs = goal.inputs(work.state, payload, entry.variables, work.now, event_type)
    if journey.goal_value is not None:
        inputs = {**inputs, "value": journey.goal_value(work.state, payload, entry.variables, work.now, event_type)}
    work.decide(entry, "goal", rule.kpi, goal.text, inputs)
    if not rule.stay:
        finish(work, entry, "goal", goal.text, cancel=True)
        return None
    entry = work.replace(entry)
    entry.goal_us = work.now
    return entry


def _met(work: Work, entry: Entry, condition: Condition, event_type: str, payload: Any, signals: frozenset[str] | None) -> bool:
    if condition.flip is None if signals is None else condition.signals.isdisjoint(signals):
        return False
    return condition.truth(work.state, payload, entry.variables, work.now, event_type) is True


def fire(work: Work, entry: Entry) -> None:
    """What the passing of time means for an entry that is due at `work.now`: conditions that flip, then the deadline."""
    journey = work.program.journeys[entry.version]
    if journey.timed:
        current = standing(work, entry, journey, "", None, None)
        if current is None:
            return
        entry = current
    program = journey.steps.get(entry.step)
    if program is not None and program.timed and entry.phase == WAITING and _take_condition(work, entry, journey, program):
        return
    entry = work.replace(entry)
    if not 0 < entry.deadline_us <= work.now:
        entry.due_us = due_of(work, entry)
        return
    if program is None:
        finish(work, entry, "holdout observed to its end", "holdout", cancel=False)
        return
    if work.program.steered and _rests(work, entry):
        work.decide(entry, "paused", f"{PAUSED}: its time has come", "pause")
        entry.due_us = due_of(work, entry)
        return
    move(work, entry, journey, _deadline(work, entry, journey, program))


def _deadline(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    step = program.step
    if isinstance(step, Send):
        if work.now > entry.expires_us:
            return blocked(work, entry, program, "expired while the journey was paused", "pause")
        again = (work, entry, journey, program, entry.expires_us)
        return offer(*again, "it has expired") if offers(journey, step) else attempt_send(*again)
    if isinstance(step, Call):
        work.decide(entry, "timed_out", "no answer in time", "timeout", effect=entry.awaited)
        return step.on_timeout or step.on_failure or step.next
    if isinstance(step, Task):
        return task_time(work, entry, program)
    if isinstance(step, Enter):
        work.decide(entry, "timed_out", f"the end of {step.journey}", "timeout", effect=entry.awaited)
        return step.on_timeout or step.next
    assert isinstance(step, Wait)
    by_timeout = step.timeout_us and entry.deadline_us == entry.since_us + step.timeout_us
    if step.for_us or (step.at_minute is not None and not by_timeout):
        work.decide(entry, "resumed", "time has come", "wait")
        return step.next
    work.decide(entry, "timed_out", step.until or "condition", "timeout")
    return step.on_timeout or step.next


def due_of(work: Work, entry: Entry) -> int:
    """The first instant after `work.now` at which the entry needs attention by time alone; 0 if never. In a pause of its journey
    its deadline does not come."""
    journey = work.program.journeys[entry.version]
    due_us = 0 if work.program.steered and entry.step and _rests(work, entry) else entry.deadline_us
    for condition in journey.standing:
        if condition.flip is not None and not (entry.goal_us and condition is journey.goal):
            due_us = earliest(due_us, condition.flip(work.state, None, entry.variables, work.now))
    program = journey.steps.get(entry.step)
    if program is not None and program.timed and entry.phase == WAITING:
        flip = program.conditions[-1].flip
        assert flip is not None
        due_us = earliest(due_us, flip(work.state, entry.trigger, entry.variables, work.now))
    return due_us


def receive(work: Work, entry: Entry, event_type: str, payload: Any) -> None:
    """The receipt an entry waited for: go on, or take the edge for failure or refusal."""
    if entry.phase != AWAITING:
        return
    journey = work.program.journeys[entry.version]
    program = journey.steps[entry.step]
    entry = work.replace(entry)
    move(work, entry, journey, _after_receipt(work, entry, program, event_type, payload))


def _after_receipt(work: Work, entry: Entry, program: StepProgram, event_type: str, payload: Any) -> str:
    step = program.step
    if isinstance(step, Enter):
        return came_back(work, entry, step, payload)
    if isinstance(step, Task):
        return task_event(work, entry, program, event_type, payload)
    if isinstance(step, Call) and event_type == "call.answered":
        return answered(work, entry, program, payload.body)
    assert isinstance(step, Send | Call)
    if event_type in ("message.sent", "message.unknown"):
        work.decide(entry, "delivered", event_type, "receipt", effect=entry.awaited)
        return step.next
    reason = payload.reason or event_type
    if event_type in ("message.refused", "message.expired"):
        return blocked(work, entry, program, reason, "dispatch")
    work.decide(entry, "failed", reason, "receipt", effect=entry.awaited)
    if step.on_failure:
        return step.on_failure
    finish(work, entry, f"failed: {reason}", "receipt", cancel=False)
    return ENDED


def redecide(work: Work, entry: Entry) -> None:
    """Decide a candidate anew that waits for other messages to be handed over or given back."""
    if entry.phase != DEFERRED or entry.deadline_us != entry.expires_us:
        return
    journey = work.program.journeys[entry.version]
    entry = work.replace(entry)
    if work.program.steered and _rests(work, entry):
        entry.due_us = 0
        return
    move(work, entry, journey, attempt_send(work, entry, journey, journey.steps[entry.step], entry.expires_us))
