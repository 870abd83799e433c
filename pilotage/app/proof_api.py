"""The part of the API that is about proofs: questions about the plan in force, answered beside the running system."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from litestar import get, post
from litestar.params import Body, Parameter
from msgspec import Meta, Struct

from pilotage.app.asking import QUESTIONS, Answers, Question
from pilotage.app.desk import At, records_of
from pilotage.app.problems import BadAsk, documented
from pilotage.app.proof_runs import Kept, ProofRuns, Run, RunBusy, run_of
from pilotage.event.time import MINUTE_US
from pilotage.journey.findings import suggestion
from pilotage.journey.forms_of_policies import CLASSES
from pilotage.journey.plan import Plan
from pilotage.proof.outcome import Bounds

_ID = Parameter(pattern="^[0-9a-f]{32}$", description="A question's name, as asking it has answered.")
_WAIT = Parameter(ge=0, le=30, description="For so many seconds at most the answer waits until the question is done.")
Minutes = Annotated[int, Meta(ge=1, le=60 * 24 * 366)]
Name = Annotated[str, Meta(max_length=255)]
Class = Annotated[str, Meta(pattern=f"^({'|'.join(CLASSES)})$")]
Asked = Annotated[str, Meta(pattern=f"^({'|'.join(QUESTIONS)})$")]


class ProofQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked: which questions (all without any), about one `journey` or all, about messages of some `classes` among each other
    or of all; how near messages on one channel may not come, how many candidate messages a day are too many if there are more, and of
    how many witnesses the story is told."""

    questions: Annotated[list[Asked], Meta(max_length=20)] = []
    journey: Name = ""
    classes: Annotated[list[Class], Meta(max_length=len(CLASSES))] = []
    within_minutes: Minutes = 40
    pressure: Annotated[int, Meta(ge=1, le=1000)] = 5
    stories: Annotated[int, Meta(ge=0, le=1000)] = 5


class ProofAnswers(Struct, frozen=True):
    """A question and, once it is done, its answers: the same as `pilotage prove --json` prints."""

    asked: Run
    answers: Answers | None


@post(
    "/proofs/ask",
    responses=documented(400, 401, 404, 409, 413, 415, 429, 503),
    status_code=202,
    summary="Have questions about the plan in force answered",
)
async def ask_proofs(desk: At, proof_runs: At, data: Annotated[ProofQuestion, Body()]) -> Run:
    """The answers come later, from a process beside the system: GET /api/v1/proofs/{id} says when. A question that was answered before
    is done at once; while another one is being answered none is begun."""
    runs: Any = proof_runs
    plan = records_of(desk).program.plan
    return await asyncio.to_thread(_begun, runs, desk, plan, _run(plan, data, desk.folder.environment.plans))


def _begun(runs: ProofRuns, desk: At, plan: Plan, run: Run) -> Run:
    try:
        return runs.begin(desk.folder.path, plan, run, desk.clock.now_us())
    except RunBusy as busy:
        raise BadAsk(409, f"{str(busy).capitalize()}.", {"Retry-After": "5"}) from busy


def _run(plan: Plan, asked: ProofQuestion, plans: Sequence[str]) -> Run:
    """A question about a plan, the newest of some; `BadAsk` where it names what there is not."""
    known = [journey.name for journey in plan.journeys]
    if asked.journey and asked.journey not in known:
        raise BadAsk(404, f"There is no journey {asked.journey!r}; {suggestion(asked.journey, known, 'journeys')}.")
    wanted = tuple(name for name in QUESTIONS if name in asked.questions) or QUESTIONS
    bounds = Bounds(within_us=asked.within_minutes * MINUTE_US, pressure=asked.pressure)
    classes = tuple(sorted(set(asked.classes)))
    return run_of(plan.digest, wanted, Question(asked.journey, bounds, workers=1, classes=classes), asked.stories, tuple(plans))


@get("/proofs", responses=documented(400, 401, 429, 503), summary="List the questions that were asked")
async def list_proofs(desk: At, proof_runs: At) -> list[Run]:
    """The questions asked over the API of plans in force, the newest last."""
    runs: Any = proof_runs
    found: list[Run] = await asyncio.to_thread(runs.all, desk.folder.path)
    return found


@get("/proofs/{id:str}", responses=documented(400, 401, 404, 429, 503), summary="A question with its answers")
async def get_proofs(desk: At, proof_runs: At, id: Annotated[str, _ID], wait: Annotated[int, _WAIT] = 0) -> ProofAnswers:
    """What came of a question: proofs, witnesses with their scenarios, the stories of some, and the smallest changes that remove
    conflicts."""
    runs: Any = proof_runs
    await asyncio.to_thread(runs.wait, id, wait)
    kept: Kept | None = await asyncio.to_thread(runs.known, desk.folder.path, id)
    if kept is None:
        raise BadAsk(404, f"No question {id} was asked; GET /api/v1/proofs lists those that were.")
    return ProofAnswers(kept.asked, kept.answers)


PROOF_BODIES = (ProofQuestion,)
PROOFS = (ask_proofs, list_proofs, get_proofs)
"""The handlers, for the API's guarded part."""
