"""Tasks: what the step does when an entry comes to it, when time passes, and when people do something about it.

What is told to people leaves as actions, like messages: that there is a task, that it waits, that it has gone over to another
team. Claiming and completing come back as events.
"""

from typing import Any

from pilotage.contract.builtin import TASK_CLAIMED, TASK_COMPLETED
from pilotage.event.time import instant_text
from pilotage.journey.plan import Task
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.steps import AWAITING, ENDED, PARKED, action_of, finish, park, values
from pilotage.journey.values import plain_value
from pilotage.journey.work import Work
from pilotage.profile.state import Entry

OPENED, REMINDER, ESCALATED = "opened", "reminder", "escalated"
"""What an action tells about a task."""


def run_task(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Give the task to its team or person and rest until it is completed, or time says something."""
    step = program.step
    assert isinstance(step, Task)
    entry.awaited, entry.claimed = work.effect(entry), ""
    data = _data(work, entry, program)
    _tell(work, entry, step, OPENED, entry.awaited, step.team, data)
    work.decide(entry, "opened", f"{step.title}, for {step.person or step.team}", "task", data, effect=entry.awaited)
    return park(work, entry, AWAITING, next_task_us(step, entry, work.now))


def task_time(work: Work, entry: Entry, program: StepProgram) -> str:
    """What has come by now: a reminder, the breach of the SLA, the end of the time there was."""
    step = program.step
    assert isinstance(step, Task)
    if work.now >= entry.since_us + step.timeout_us:
        work.decide(entry, "timed_out", step.title, "timeout", effect=entry.awaited)
        return step.on_timeout
    data = _data(work, entry, program)
    came_us = entry.deadline_us  # before now only where a pause let it pass: what came since then has not been told either
    if step.escalate and came_us <= entry.since_us + step.sla_us <= work.now:
        entry.claimed = ""
        _tell(work, entry, step, ESCALATED, work.effect(entry), step.escalate, data)
        work.decide(entry, "escalated", f"{step.title}, to {step.escalate}", "sla", effect=entry.awaited)
    elif any(came_us <= entry.since_us + span <= work.now for span in step.remind_us):
        _tell(work, entry, step, REMINDER, work.effect(entry), _team(step, entry, work.now), data)
        work.decide(entry, "reminded", step.title, "task", effect=entry.awaited)
    return park(work, entry, AWAITING, next_task_us(step, entry, work.now))


def task_event(work: Work, entry: Entry, program: StepProgram, event_type: str, payload: Any) -> str:
    """What people did about the task, or whether they could be told of it."""
    step = program.step
    assert isinstance(step, Task)
    if event_type == TASK_COMPLETED:
        inputs = {name: value for name, value in (("person", payload.person), ("note", payload.note)) if value}
        ways = dict(step.outcomes)
        if payload.outcome not in ways:
            work.decide(entry, "ignored", f"{step.title} has no outcome {payload.outcome}", "task", inputs, effect=entry.awaited)
            return PARKED
        work.decide(entry, "completed", payload.outcome, "task", inputs, effect=entry.awaited)
        return ways[payload.outcome]
    if event_type == TASK_CLAIMED and not entry.claimed:
        entry.claimed = payload.person
        work.decide(entry, "claimed", payload.person, "task", effect=entry.awaited)
    if event_type != "task.failed":
        return PARKED
    work.decide(entry, "failed", payload.reason or event_type, "receipt", effect=entry.awaited)
    if step.on_failure:
        return step.on_failure
    finish(work, entry, f"failed: {payload.reason or event_type}", "receipt", cancel=False)
    return ENDED


def _data(work: Work, entry: Entry, program: StepProgram) -> dict[str, Any]:
    step = program.step
    assert isinstance(step, Task)
    found = zip(step.data, values(work, entry, program), strict=True)
    return {each.name: plain_value(each.value.type, value) for each, value in found}


def _team(step: Task, entry: Entry, now: int) -> str:
    return step.escalate if step.escalate and now >= entry.since_us + step.sla_us else step.team


def next_task_us(step: Task, entry: Entry, now: int) -> int:
    """The next instant at which time alone means something for the task; 0 if all have passed."""
    spans: tuple[int, ...] = (*step.remind_us, *((step.sla_us,) if step.escalate else ()), step.timeout_us)
    return min((entry.since_us + span for span in spans if entry.since_us + span > now), default=0)


def _tell(work: Work, entry: Entry, step: Task, what: str, effect: bytes, team: str, data: dict[str, Any]) -> None:
    told = {
        "task": entry.awaited.hex(),
        "told": what,
        "title": step.title,
        "team": team,
        "person": step.person if what != ESCALATED else "",
        "due": instant_text(entry.since_us + step.sla_us),
        "outcomes": [outcome for outcome, _ in step.outcomes],
        "data": data,
    }
    who = told["person"] or team
    work.actions.append(action_of(work, entry, effect, "task", str(who), told, entry.since_us + step.timeout_us))
