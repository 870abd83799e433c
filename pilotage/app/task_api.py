"""The part of the API that is about tasks: which are open, taking them on, and saying what came of them."""

from typing import Annotated

from litestar import get, post
from litestar.params import Body, HeaderParameter, Parameter
from msgspec import Meta, Struct

from pilotage.app.desk import At, Desk, front_of, records_of
from pilotage.app.pacing import Repeats
from pilotage.app.problems import documented
from pilotage.app.tasks import Completed, TaskRecords, TasksPage, TaskView

_USUAL = documented(400, 401, 429, 503)
_KNOWN = _USUAL | documented(404)
_CHANGES = _KNOWN | documented(409, 413, 415)
_ID = Parameter(pattern="^[0-9a-f]{64}$", description="A task's id: 64 hexadecimal digits.")
_CURSOR = Parameter(pattern="^[0-9a-f]{64}$", description="The cursor of the previous page.")
_NAME = Parameter(max_length=255)
_LIMIT = Parameter(ge=1, le=1000, description="How many at most.")
_IDEMPOTENCY = HeaderParameter(
    name="Idempotency-Key",
    max_length=255,
    required=False,
    description="A repeated request with the same key is answered with the first one's answer.",
)
Named = Annotated[str, Meta(min_length=1, max_length=255)]


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes the task on."""

    person: Named


class Completion(Struct, frozen=True, forbid_unknown_fields=True):
    """Who has done the task, what came of it, and a remark that is kept with the decision."""

    person: Named
    outcome: Named
    note: Annotated[str, Meta(max_length=2000)] = ""


def _tasks(desk: Desk) -> TaskRecords:
    return TaskRecords(records_of(desk), desk.clock.now_us, front_of(desk).submit_internal)


@get("/tasks", responses=_USUAL | documented(404), summary="Open tasks")
async def list_tasks(
    desk: At,
    team: Annotated[str, _NAME] = "",
    person: Annotated[str, _NAME] = "",
    after: Annotated[str | None, _CURSOR] = None,
    limit: Annotated[int, _LIMIT] = 100,
) -> TasksPage:
    """Open tasks, a page at a time: all, those of a team, or those that a person has taken on or is named by."""
    return await _tasks(desk).tasks(team, person, after or "", limit)


@get("/tasks/{task:str}", responses=_KNOWN, summary="An open task")
async def get_task(desk: At, task: Annotated[str, _ID]) -> TaskView:
    """What is to be done, by when, what may come of it, and who has taken it on."""
    return await _tasks(desk).task(task)


@post("/tasks/{task:str}/claim", responses=_CHANGES, status_code=200, summary="Take a task on")
async def claim_task(desk: At, task: Annotated[str, _ID], data: Annotated[Claim, Body()]) -> TaskView:
    """The task is this person's from now on; 409 if it is somebody else's."""
    return await _tasks(desk).claim(task, data.person)


@post("/tasks/{task:str}/complete", responses=_CHANGES, status_code=200, summary="Complete a task")
async def complete_task(
    desk: At,
    repeats: At,
    task: Annotated[str, _ID],
    data: Annotated[Completion, Body()],
    idempotency_key: Annotated[str, _IDEMPOTENCY] = "",
) -> Completed:
    """Say what came of it: the journey goes on there, once. 409 if it is somebody else's, or has no such outcome."""

    async def act() -> Completed:
        return await _tasks(desk).complete(task, data.person, data.outcome, data.note)

    found: Repeats = repeats  # type: ignore[assignment]
    return await found.once(idempotency_key, ("complete", task, data.person, data.outcome, data.note), act)


TASKS = (list_tasks, get_task, claim_task, complete_task)
"""The handlers, for the API's guarded part."""

BODIES = (Claim, Completion)
"""What the handlers take, for the API's description."""
