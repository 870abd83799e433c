"""Tasks for people: which are open, who has taken them on, and taking on and completing them.

A task is open while an entry waits for it; that, and who has taken it on, is read from its subject's state. The list of tasks
only says where to look: a row whose entry has gone on is dropped when it is met. What a person does is an event about the
subject, which the journey takes once, whoever else does the same.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from pilotage.app.records import Records
from pilotage.app.views import instant
from pilotage.channel.tasks import TaskRow, decode_task, task_key
from pilotage.contract.builtin import TASK_CLAIMED, TASK_COMPLETED
from pilotage.event.envelope import Event
from pilotage.journey.plan import Task
from pilotage.profile.state import Entry
from pilotage.runner.question import PutRows

ROWS_AT_ONCE = 500
ID_DIGITS = 64

Submit = Callable[[bytes, Event], Awaitable[object]]
"""Applies an event to a subject; returns when it is durable."""


class TaskUnknown(LookupError):
    """No task of this id is open: it is done, withdrawn, or never was. List the open ones."""

    def __init__(self, task: str) -> None:
        super().__init__(f"no task {task} is open: it is done, withdrawn, or never was; list those that are")


class TaskTaken(ValueError):
    """Somebody else has taken the task on, or what was asked does not fit it. Ask them, or take another."""


class TaskView(msgspec.Struct, frozen=True):
    """An open task. `id` names it, `claimed` who has taken it on (empty: nobody), `due` is its SLA and `overdue` whether that has
    passed, `until` when it is withdrawn. `told` are the reminders and escalations there were."""

    id: str
    title: str
    team: str
    person: str
    claimed: str
    due: str
    overdue: bool
    until: str
    approval: bool
    outcomes: list[str]
    data: dict[str, Any]
    subject: str
    journey: str
    step: str
    opened: str
    told: list[str]


class TasksPage(msgspec.Struct, frozen=True):
    """A page of open tasks; `after` is the cursor of the next one, empty at the end."""

    tasks: list[TaskView]
    after: str


class Completed(msgspec.Struct, frozen=True):
    """The task is done, with this outcome."""

    id: str
    outcome: str


class TaskRecords:
    """The tasks of a data folder; `submit` is None where nobody runs on it."""

    def __init__(self, records: Records, now_us: Callable[[], int], submit: Submit | None = None) -> None:
        self._records = records
        self._now_us = now_us
        self._submit = submit

    async def tasks(self, team: str = "", person: str = "", after: str = "", limit: int = 100) -> TasksPage:
        """Open tasks in the order of their subjects: of a team, or of a person who has taken them on or is named by them."""
        cursor = task_key(*_parts(after)) + b"\0" if after else b""
        found: list[TaskView] = []
        while len(found) < limit:
            rows = await self._records.rows("task", cursor, ROWS_AT_ONCE)
            for key, value in rows:
                view = await self._open(decode_task(value), drop=True)
                if view is not None and (not team or team == view.team) and (not person or person in (view.claimed, view.person)):
                    found.append(view)
                    if len(found) == limit:
                        return TasksPage(found, view.id)
                cursor = key + b"\0"
            if len(rows) < ROWS_AT_ONCE:
                break
        return TasksPage(found, "")

    async def task(self, task: str) -> TaskView:
        """One open task; `TaskUnknown`."""
        key = task_key(*_parts(task))
        rows = await self._records.rows("task", key, 1)
        view = await self._open(decode_task(rows[0][1])) if rows and rows[0][0] == key else None
        if view is None:
            raise TaskUnknown(task)
        return view

    async def claim(self, task: str, person: str) -> TaskView:
        """Take a task on; `TaskUnknown`, `TaskTaken`. Taking on what one has already changes nothing."""
        view = await self.task(task)
        if view.claimed != person:
            self._refuse_taken(view, person)
            turn = "escalated" if "escalated" in view.told else "opened"
            await self._say(task, TASK_CLAIMED, f"claimed:{turn}:{person}", {"person": person})
            view = await self.task(task)
            self._refuse_taken(view, person)
        return view

    async def complete(self, task: str, person: str, outcome: str, note: str) -> Completed:
        """Complete a task with one of its outcomes; `TaskUnknown`, `TaskTaken`. Of several that do so at once the first counts."""
        view = await self.task(task)
        self._refuse_taken(view, person)
        if outcome not in view.outcomes:
            raise TaskTaken(f"the task has no outcome {outcome!r}; it has {', '.join(view.outcomes)}")
        said = {"person": person, "outcome": outcome, **({"note": note} if note else {})}
        result = await self._say(task, TASK_COMPLETED, "completed", said)
        if getattr(result, "duplicate", False):
            raise TaskTaken("the task has just been completed by somebody else; see the subject's story")
        return Completed(task, outcome)

    def _refuse_taken(self, view: TaskView, person: str) -> None:
        if view.claimed not in ("", person):
            raise TaskTaken(f"{view.claimed} has taken the task on; ask them, or take another")

    async def _say(self, task: str, kind: str, what: str, data: dict[str, str]) -> object:
        assert self._submit is not None
        subject, effect = _parts(task)
        raw = msgspec.json.encode({"effect": effect.hex(), **data})
        return await self._submit(subject, Event(f"{what}:{effect.hex()}", "tasks", kind, self._now_us(), raw, {}))

    async def _open(self, row: TaskRow, drop: bool = False) -> TaskView | None:
        """The task of a row as its subject's state has it; None, and with `drop` the row is gone, where no entry waits for it."""
        subject, effect = bytes.fromhex(row.subject), bytes.fromhex(row.id)
        known = await self._records.state(subject)
        entries: Iterable[Entry] = known[0].entries if known is not None else ()
        entry = next((each for each in entries if each.awaited == effect), None)
        if entry is None:
            if drop:
                await self._records.ask(subject, PutRows("task", ((task_key(subject, effect), None),)))
            return None
        assert known is not None
        step = self._records.program.of(known[0]).journeys[entry.version].steps[entry.step].step
        assert isinstance(step, Task)
        due_us = entry.since_us + step.sla_us
        return TaskView(
            id=row.subject + row.id,
            title=row.title,
            team=row.team,
            person=row.person,
            claimed=entry.claimed,
            due=instant(due_us),
            overdue=self._now_us() >= due_us,
            until=instant(entry.since_us + step.timeout_us),
            approval=step.approval,
            outcomes=[outcome for outcome, _ in step.outcomes],
            data=row.data,
            subject=row.subject,
            journey=row.journey,
            step=row.step,
            opened=instant(entry.since_us),
            told=[what for what, _, _ in row.told],
        )


def _parts(task: str) -> tuple[bytes, bytes]:
    """Subject and effect key of a task's id; `TaskUnknown` if it is none."""
    try:
        raw = bytes.fromhex(task)
    except ValueError:
        raw = b""
    if len(raw) * 2 != ID_DIGITS:
        raise TaskUnknown(task)
    return raw[: ID_DIGITS // 4], raw[ID_DIGITS // 4 :]
