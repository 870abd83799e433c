"""Every error of the API as an RFC 9457 problem: a stable type, what happened, and what to do about it."""

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Struct, UnsetType

from pilotage.app.acts import NotAPerson
from pilotage.app.audience_views import AudiencesApart, AudienceUnknown
from pilotage.app.exits import Trouble
from pilotage.app.lists import BasisUnknown, ListUnknown, MemberOfAnotherKind
from pilotage.app.records import SubjectUnknown
from pilotage.app.releasing import TakeOverRefused
from pilotage.app.steering import ControlRefused, JourneyUnknown
from pilotage.app.switching import SwitchUnknown
from pilotage.app.tasks import TaskTaken, TaskUnknown
from pilotage.audit.entry import EntryRefused
from pilotage.audit.signature import BadKey
from pilotage.predicate.error import PredicateError
from pilotage.review.database import LedgerBroken, LedgerBusy, LedgerFull
from pilotage.review.people import PersonUnknown
from pilotage.review.register import ProposalUnknown, Refusal
from pilotage.runner.quarantine import NotQuarantined
from pilotage.source.sink import Overloaded, Unavailable

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:pilotage:problem:"

log = structlog.get_logger("pilotage.api")

_TITLES = {
    400: ("bad-request", "The request is not what this endpoint takes"),
    401: ("token", "A valid token is needed"),
    404: ("not-found", "There is no such thing"),
    405: ("method", "The method is not allowed"),
    409: ("conflict", "The request does not fit the present state"),
    413: ("too-large", "The body is too large"),
    415: ("content-type", "The content type cannot be read"),
    429: ("overloaded", "Too many requests at once"),
    500: ("fault", "Something failed here"),
    503: ("unavailable", "The system cannot answer now"),
}


class Fault(Struct, frozen=True):
    """One thing that is wrong with a request, and where."""

    path: str
    reason: str


class Problem(Struct, frozen=True):
    """RFC 9457 problem details; `errors` lists what is wrong with a request."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | UnsetType = UNSET


class BadAsk(Exception):
    """A request that cannot be carried out, with the status and words of its answer."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, errors: list[Fault] | None = None) -> Response[Problem]:
    """The response of a problem."""
    name, title = _TITLES.get(status, _TITLES[500 if status >= 500 else 400])
    body = Problem(PREFIX + name, title, status, detail, errors if errors else UNSET)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def from_fault(request: Request[Any, Any, Any], fault: Exception) -> Response[Problem]:
    """The problem of anything that was raised."""
    match fault:
        case NotAPerson() | EntryRefused():
            return problem(400, str(fault))
        case BadAsk():
            return problem(fault.status, fault.detail, fault.headers)
        case ProposalUnknown() | PersonUnknown():
            return problem(404, str(fault))
        case NotQuarantined() | SubjectUnknown() | AudienceUnknown() | ListUnknown() | TaskUnknown() | SwitchUnknown() | JourneyUnknown():
            return problem(404, str(fault))
        case Overloaded():
            return problem(429, str(fault), {"Retry-After": str(max(1, round(fault.retry_after_s)))})
        case Unavailable() | LedgerBroken() | LedgerBusy() | LedgerFull():
            return problem(503, str(fault), {"Retry-After": "5"})
        case Refusal() | TakeOverRefused() | BadKey() | Trouble():
            return problem(409, str(fault))  # signed by the wrong one, or not for what stands
        case PredicateError() | BasisUnknown() | MemberOfAnotherKind() | AudiencesApart() | TaskTaken() | ControlRefused():
            return problem(409, str(fault))  # well-formed, and not of the plan in force, or not free
        case HTTPException():
            return _from_http(request, fault)
    log.error("request failed", path=request.url.path, method=request.method, fault=type(fault).__name__, exc_info=fault)
    return problem(500, "It was written to the log; nothing that was acknowledged is lost.")


def _from_http(request: Request[Any, Any, Any], fault: HTTPException) -> Response[Problem]:
    headers = dict(fault.headers or {})
    if fault.status_code == 404:
        return problem(404, f"{request.url.path} leads nowhere; GET /api/v1/openapi.json lists what there is.")
    if fault.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        return problem(405, f"{request.method} is not allowed here; allowed are {allowed}.", {"Allow": allowed})
    found = fault.extra if isinstance(fault.extra, list) else []
    errors = [Fault(str(each.get("key", "")), str(each.get("message", ""))) for each in found if isinstance(each, dict)]
    detail = "; ".join(f"{each.path}: {each.reason}" if each.path else each.reason for each in errors) or str(fault.detail)
    return problem(fault.status_code, detail, headers, errors)


def _methods(request: Request[Any, Any, Any]) -> set[str]:
    """The methods that the endpoints under the request's path take."""
    wanted = request.url.path.strip("/").split("/")
    found: set[str] = set()
    for route in request.app.routes:
        pattern = route.path.strip("/").split("/")
        if len(pattern) == len(wanted) and all(part.startswith("{") or part == given for part, given in zip(pattern, wanted, strict=True)):
            found |= set(getattr(route, "methods", ()))
    return found


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems that an endpoint may answer with, for the OpenAPI document."""
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=_TITLES[status][1], media_type=MEDIA_TYPE)
        for status in sorted(statuses)
    }
