"""The HTTP API under /api/v1, health and metrics beside it: what a person or a program may ask a running system.

Every answer is JSON with a documented schema (OpenAPI 3.1 at /api/v1/openapi.json), every error an RFC 9457 problem.
Everything under /api/v1 but its description needs the data folder's token.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Litestar, Response, Router, get, post
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import Body, HeaderParameter, Parameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

import pilotage
from pilotage.app import journey_views as about_journeys
from pilotage.app import views
from pilotage.app.acts import DISCARDED, REDRIVEN, RESUBMITTED, noted
from pilotage.app.audience_api import AUDIENCES, BODIES
from pilotage.app.audit_api import AUDIT
from pilotage.app.content_api import CONTENTS
from pilotage.app.description import describe_bodies
from pilotage.app.desk import At, Desk, front_of, records_of
from pilotage.app.entry_api import EntryRequest, request_entry
from pilotage.app.gate_api import GATES
from pilotage.app.history_api import HISTORY
from pilotage.app.inbox_api import MessageIds, inbox_router
from pilotage.app.metrics import exposition
from pilotage.app.pacing import Pacing, Repeats
from pilotage.app.problems import BadAsk, documented, from_fault
from pilotage.app.proof_api import PROOF_BODIES, PROOFS
from pilotage.app.proof_runs import ProofRuns
from pilotage.app.rehearsal_api import REHEARSALS
from pilotage.app.releases_api import RELEASES
from pilotage.app.review_api import REVIEWS, SignedVote
from pilotage.app.steering import with_states
from pilotage.app.steering_api import STEERING, JourneyControl
from pilotage.app.switch_api import SWITCHES, SwitchChange
from pilotage.app.task_api import BODIES as TASK_BODIES
from pilotage.app.task_api import TASKS
from pilotage.runner.outbox import Status

Answer = TypeVar("Answer")
PREFIX = "/api/v1"
SUBJECT = Parameter(pattern="^[0-9a-f]{32}$", description="A subject id: 32 hexadecimal digits.")
AFTER_SUBJECT = Parameter(pattern="^[0-9a-f]{32}$", description="The cursor of the previous page: its last subject.")
CURSOR = Parameter(pattern="^([0-9a-f]{2})*$", max_length=70, description="The cursor of the previous page.")
LIMIT = Parameter(ge=1, le=1000, description="How many at most.")
IDEMPOTENCY = HeaderParameter(
    name="Idempotency-Key",
    max_length=255,
    required=False,
    description="A repeated request with the same key is answered with the first one's answer.",
)
USUAL = documented(400, 401, 429, 503)
CHANGES = USUAL | documented(409, 413, 415)
LISTED = frozenset({Status.PENDING, Status.CLAIMED, Status.FAILED, Status.UNKNOWN, Status.CANCELLED, Status.REFUSED, Status.EXPIRED})

Numbers = Annotated[list[Annotated[int, Meta(ge=1, le=2**53 - 1)]], Meta(min_length=1, max_length=1000)]
HexId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Text = Annotated[str, Meta(min_length=1, max_length=1024)]
By = Annotated[str, Meta(max_length=255)]


class Kept(StrEnum):
    """What was done with a refused event."""

    HELD = "held"
    RESUBMITTED = "resubmitted"
    DISCARDED = "discarded"


class Identifiers(Struct, frozen=True, forbid_unknown_fields=True):
    """Identifiers of a subject, such as `{"user_id": "42"}`; the first that is known counts."""

    identifiers: Annotated[dict[Text, Text], Meta(min_length=1, max_length=10)]


class QuarantineNumbers(Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of quarantined events, and who deals with them."""

    numbers: Numbers
    by: By = ""


class ActionName(Struct, frozen=True, forbid_unknown_fields=True):
    """An action by its subject and effect key."""

    subject: HexId
    effect: HexId


class ActionNames(Struct, frozen=True, forbid_unknown_fields=True):
    """Actions by name, and who deals with them."""

    actions: Annotated[list[ActionName], Meta(min_length=1, max_length=1000)]
    by: By = ""


def with_token(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse a request that does not carry the API's token."""
    desk: Desk = connection.app.state.desk
    if not desk.access.allows(connection.headers.get("authorization", "")):
        detail = "Send the token of the data folder (file api.token) as 'Authorization: Bearer TOKEN'."
        raise BadAsk(401, detail, {"WWW-Authenticate": 'Bearer realm="pilotage"'})


@get("/subjects", responses=USUAL, summary="List subjects")
async def list_subjects(
    desk: At, after: Annotated[str | None, AFTER_SUBJECT] = None, limit: Annotated[int, LIMIT] = 100
) -> views.SubjectsPage:
    """Subject ids in order of (partition, id), a page at a time."""
    return await records_of(desk).subjects(after or "", limit)


@get("/in-flight", responses=USUAL, summary="Who is under way")
async def get_in_flight(desk: At) -> list[views.RestingView]:
    """How many people rest on each step of each version of each journey, counted from everybody's state."""
    return await records_of(desk).resting()


@post("/subjects/find", responses=USUAL | documented(404, 413, 415), status_code=200, summary="Find a subject by an identifier")
async def find_subject(desk: At, data: Annotated[Identifiers, Body()]) -> views.Found:
    """The subject that an identifier names. An e-mail address is also looked for in the profiles."""
    return views.Found(await records_of(desk).find(data.identifiers))


@get("/subjects/{subject:str}", responses=USUAL | documented(404), summary="A subject's state")
async def get_subject(desk: At, subject: Annotated[str, SUBJECT]) -> views.SubjectView:
    """Everything that is known about a subject now, personal data included."""
    return await records_of(desk).subject(bytes.fromhex(subject))


@get("/subjects/{subject:str}/timeline", responses=USUAL | documented(404), summary="Why: a subject's story")
async def get_timeline(
    desk: At,
    subject: Annotated[str, SUBJECT],
    before: Annotated[int, Parameter(ge=0, le=2**53, description="Only what lies before this position; 0: from the newest.")] = 0,
    limit: Annotated[int, LIMIT] = 100,
) -> views.Timeline:
    """Each event, each decision with its reason, each message with its fate, newest first."""
    return await records_of(desk).timeline(bytes.fromhex(subject), before, limit)


@get("/quarantine", responses=USUAL, summary="List refused events")
async def list_quarantine(
    desk: At,
    after: Annotated[int, Parameter(ge=0, le=2**53, description="Only rows with a number above this one.")] = 0,
    limit: Annotated[int, LIMIT] = 100,
    status: Annotated[Kept | None, Parameter(description="Only events of this status.")] = None,
) -> views.QuarantinePage:
    """Refused events in the order received, and how many there are of each kind."""
    return records_of(desk).quarantined(after, limit, status.value if status else "")


@get("/quarantine/{number:int}", responses=USUAL | documented(404), summary="A refused event")
async def get_quarantined(desk: At, number: Annotated[int, Parameter(ge=0, le=2**53)]) -> views.QuarantinedWhole:
    """One refused event with its bytes as received."""
    return records_of(desk).quarantined_event(number)


@post("/quarantine/resubmit", responses=CHANGES | documented(404), status_code=200, summary="Put refused events through again")
async def resubmit(
    desk: At, repeats: At, data: Annotated[QuarantineNumbers, Body()], idempotency_key: Annotated[str, IDEMPOTENCY] = ""
) -> views.Resubmission:
    """Read refused events again with the contracts of now. Those that pass are applied, the others stay with the new
    reason."""

    async def act() -> views.Resubmission:
        front = front_of(desk)
        async with noted(desk.ledger, data.by, RESUBMITTED, "quarantine", {"numbers": data.numbers}):
            done = await front.resubmit(data.numbers)
        return views.Resubmission(done.accepted, done.refused)

    return await _once(repeats, idempotency_key, ("resubmit", *data.numbers), act)


@post("/quarantine/discard", responses=CHANGES | documented(404), status_code=200, summary="Give refused events up")
async def discard(
    desk: At, repeats: At, data: Annotated[QuarantineNumbers, Body()], idempotency_key: Annotated[str, IDEMPOTENCY] = ""
) -> views.Discarded:
    """Mark held events as not worth resubmitting; they stay listed."""

    async def act() -> views.Discarded:
        front = front_of(desk)
        async with noted(desk.ledger, data.by, DISCARDED, "quarantine", {"numbers": data.numbers}):
            return views.Discarded(await front.discard(data.numbers))

    return await _once(repeats, idempotency_key, ("discard", *data.numbers), act)


@get("/actions", responses=USUAL, summary="List messages and calls")
async def list_actions(
    desk: At,
    status: Annotated[list[Status] | None, Parameter(max_items=10, description="Only these; all without it.")] = None,
    after: Annotated[str, CURSOR] = "",
    limit: Annotated[int, LIMIT] = 100,
) -> views.ActionsPage:
    """What waits, dead letters (failed) and actions of unknown fate. What was handed over is not listed: it is in the
    subject's story."""
    return await records_of(desk).actions(status or LISTED, after, limit)


@post("/actions/redrive", responses=CHANGES, status_code=200, summary="Try dead letters again")
async def redrive(
    desk: At, repeats: At, data: Annotated[ActionNames, Body()], idempotency_key: Annotated[str, IDEMPOTENCY] = ""
) -> views.Redriven:
    """Put dead letters and actions of unknown fate back with all their attempts and the same keys. Others stay as they
    are."""
    pairs = [(bytes.fromhex(each.subject), bytes.fromhex(each.effect)) for each in data.actions]

    async def act() -> views.Redriven:
        records = records_of(desk)
        async with noted(desk.ledger, data.by, REDRIVEN, "actions", {"effects": [each.effect for each in data.actions]}):
            return views.Redriven(await records.redrive(pairs))

    return await _once(repeats, idempotency_key, ("redrive", *pairs), act)


@get("/journeys", responses=USUAL, summary="Journeys, counted by step")
async def list_journeys(desk: At) -> list[about_journeys.JourneyCount]:
    """Each journey of the plan in force: whether it runs, who rests where, and what was decided since the process started."""
    return with_states(await records_of(desk).journeys(), desk.folder.environment.controls)


@get("/plan", responses=USUAL, summary="The plan in force")
async def get_plan(desk: At) -> views.PlanView:
    """The digests of the plan in force and of its parts."""
    environment = desk.folder.environment
    return records_of(desk).plan(environment.name, environment.production, environment.plans)


@get("/healthz", summary="Is the process alive", tags=["health"])
async def healthz() -> views.Health:
    """Answers as long as the process does."""
    return views.Health("alive")


@get("/readyz", responses=documented(503), summary="Can events be taken", tags=["health"])
async def readyz(desk: At) -> views.Health:
    """503 while shards recover, a worker is down, or the system stops."""
    if desk.unready:
        raise BadAsk(503, f"{desk.unready}.", {"Retry-After": "2"})
    return views.Health("ready")


@get(
    "/metrics",
    responses=documented(503),
    media_type="text/plain; version=0.0.4; charset=utf-8",
    summary="Prometheus metrics",
    tags=["health"],
)
async def metrics(desk: At) -> str:
    """Counters, gauges and histograms; no label names a customer."""
    return exposition(await records_of(desk).snapshot(), desk)


async def _once(repeats: Any, key: str, what: tuple[object, ...], act: Callable[[], Awaitable[Answer]]) -> Answer:
    found: Repeats = repeats
    return await found.once(key, what, act)


def make_api(desk: Desk) -> Litestar:
    """The API of a system. Its description is made once, from an application that serves nothing."""
    describing = _application(desk, _routers(), _description())
    own = (Identifiers, QuarantineNumbers, ActionName, ActionNames, MessageIds, EntryRequest, SwitchChange, JourneyControl, SignedVote)
    describe_bodies(describing, (*own, *BODIES, *TASK_BODIES, *PROOF_BODIES))
    described = msgspec.json.encode(describing.openapi_schema.to_schema())

    @get(f"{PREFIX}/openapi.json", media_type="application/json")
    async def description() -> bytes:
        return described

    return _application(desk, [*_routers(), description], None)


def _routers() -> list[ControllerRouterHandler]:
    handlers = [get_in_flight, list_subjects, find_subject, get_subject, get_timeline, list_quarantine, get_quarantined, resubmit, discard]
    handlers += [
        list_actions,
        redrive,
        list_journeys,
        get_plan,
        request_entry,
        *HISTORY,
        *AUDIENCES,
        *TASKS,
        *SWITCHES,
        *CONTENTS,
        *STEERING,
        *GATES,
        *REHEARSALS,
        *PROOFS,
        *REVIEWS,
        *RELEASES,
        *AUDIT,
    ]
    guarded = Router(PREFIX, route_handlers=handlers, guards=[with_token], security=[{"token": []}], tags=["api"])
    return [guarded, inbox_router(f"{PREFIX}/inbox", with_token), healthz, readyz, metrics]


def _application(desk: Desk, handlers: list[ControllerRouterHandler], description: OpenAPIConfig | None) -> Litestar:
    repeats, proof_runs = Repeats(), ProofRuns()
    application = Litestar(
        route_handlers=handlers,
        dependencies={
            "desk": Provide(lambda: desk, sync_to_thread=False, use_cache=True),
            "repeats": Provide(lambda: repeats, sync_to_thread=False, use_cache=True),
            "proof_runs": Provide(lambda: proof_runs, sync_to_thread=False, use_cache=True),
        },
        exception_handlers={Exception: from_fault},
        openapi_config=description,
        middleware=[Pacing],
        request_max_body_size=1_000_000,
        on_app_init=[_quiet],
        logging_config=None,
        debug=False,
    )
    application.state.desk = desk
    return application


def _quiet(config: AppConfig) -> AppConfig:
    """Leave logging to the application's own."""
    config.logging_config = None
    return config


def _description() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Pilotage",
        version=pilotage.__version__,
        description="Read what the running system knows and decided, and deal with what it could not.",
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="The token in the data folder's file api.token."),
                "inbox": SecurityScheme(type="apiKey", name="token", security_scheme_in="query", description="An inbox token."),
            }
        ),
    )


__all__ = ["PREFIX", "Response", "make_api"]
