"""The part of the API that is about audiences: who is in them, why, how they overlap, and filling static lists."""

from typing import Annotated

from litestar import get, post
from litestar.params import Body, HeaderParameter, Parameter
from msgspec import Meta, Struct

from pilotage.app import audience_views as views
from pilotage.app.acts import LIST_CHANGED, noted
from pilotage.app.audiences import AudienceRecords
from pilotage.app.desk import At, Desk, front_of, records_of
from pilotage.app.lists import LISTED_MAX, Listing, list_events
from pilotage.app.pacing import Repeats
from pilotage.app.problems import documented
from pilotage.journey.forms_of_policies import BASES

_USUAL = documented(400, 401, 429, 503)
_KNOWN = _USUAL | documented(404)
_CHANGES = _KNOWN | documented(409, 413, 415)
_NAME = Parameter(max_length=255, description="The audience's name.")
_SUBJECT = Parameter(pattern="^[0-9a-f]{32}$", description="A subject id: 32 hexadecimal digits.")
_LIMIT = Parameter(ge=0, le=1000, description="How many at most.")
_IDEMPOTENCY = HeaderParameter(
    name="Idempotency-Key",
    max_length=255,
    required=False,
    description="A repeated request with the same key is answered with the first one's answer.",
)
_BASIS = f"^({'|'.join(BASES)})?$"
Text = Annotated[str, Meta(min_length=1, max_length=1024)]
Named = Annotated[str, Meta(min_length=1, max_length=255)]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition that a preview is asked of, whether or not an audience has it: of persons, or of `accounts`."""

    when: Annotated[str, Meta(min_length=1, max_length=10_000)]
    limit: Annotated[int, Meta(ge=0, le=1000)] = 10
    accounts: bool = False


class ListedMembers(Struct, frozen=True, forbid_unknown_fields=True):
    """Members of a static list by their identifiers, such as `{"user_id": "42"}`, of accounts `{"account_id": "acme"}`. `upload` names the
    upload they are part of and `occurred_us` is when that began: the same upload sent again changes nothing. `basis` is the legal basis of
    having them on the list; `by` says who tells so."""

    upload: Named
    occurred_us: Annotated[int, Meta(ge=0, le=2**53)]
    basis: Annotated[str, Meta(pattern=_BASIS)]
    members: Annotated[list[Annotated[dict[Text, Text], Meta(min_length=1, max_length=10)]], Meta(min_length=1, max_length=LISTED_MAX)]
    listed: bool = True
    by: Annotated[str, Meta(max_length=255)] = ""


def _audiences(desk: Desk) -> AudienceRecords:
    return AudienceRecords(records_of(desk), desk.folder.path)


@get("/audiences", responses=_USUAL, summary="Audiences, with their sizes")
async def list_audiences(desk: At) -> list[views.AudienceView]:
    """Each audience of the plan in force, and how many subjects are in it."""
    return await _audiences(desk).audiences()


@get("/audiences/{name:str}/preview", responses=_KNOWN, summary="Who is in an audience")
async def get_preview(desk: At, name: Annotated[str, _NAME], limit: Annotated[int, _LIMIT] = 10) -> views.PreviewView:
    """How many subjects meet the audience's condition, by batch evaluation over all of history, and some of them."""
    return await _audiences(desk).preview(name, "", limit, desk.clock.now_us())


@post("/audience-preview", responses=_USUAL | documented(409, 413, 415), status_code=200, summary="Who would be in an audience")
async def ask_preview(desk: At, data: Annotated[Asked, Body()]) -> views.PreviewView:
    """How many subjects meet a condition that no audience needs to have, and some of them."""
    return await _audiences(desk).preview("", data.when, data.limit, desk.clock.now_us(), data.accounts)


@get("/audiences/{name:str}/why/{subject:str}", responses=_KNOWN, summary="Why a subject is in an audience or not")
async def get_why(desk: At, name: Annotated[str, _NAME], subject: Annotated[str, _SUBJECT]) -> views.WhyView:
    """The audience's condition clause by clause, each true, false or unknown, with the values it read."""
    return await _audiences(desk).why(name, bytes.fromhex(subject), desk.clock.now_us())


@get("/audience-overlap", responses=_KNOWN | documented(409), summary="How audiences overlap")
async def get_overlap(
    desk: At,
    name: Annotated[list[str] | None, Parameter(max_items=200, description="Only these; all without it.")] = None,
    accounts: Annotated[bool, Parameter(description="All those of accounts, where none is named.")] = False,
) -> views.OverlapView:
    """How many subjects are in both of two audiences, by batch evaluation."""
    return await _audiences(desk).overlap(name or [], desk.clock.now_us(), accounts)


@get("/audience-reconciliation", responses=_USUAL, summary="What is kept live against batch evaluation")
async def get_reconciliation(desk: At, limit: Annotated[int, _LIMIT] = 100) -> views.ReconciliationView:
    """Memberships kept live that a batch evaluation of all events does not confirm, and those it has more."""
    return await _audiences(desk).reconcile(limit, desk.clock.now_us())


@post("/lists/{name:str}", responses=_CHANGES, status_code=200, summary="Put members on a static list, or take them off")
async def change_list(
    desk: At,
    repeats: At,
    name: Annotated[str, _NAME],
    data: Annotated[ListedMembers, Body()],
    idempotency_key: Annotated[str, _IDEMPOTENCY] = "",
) -> views.UploadView:
    """Each member is an event about that subject, told once; the answer comes when all are on disk."""
    listing = Listing(name, data.upload, data.occurred_us, data.basis, data.listed)
    accepted = list_events(records_of(desk).program.plan, listing, data.members)

    async def act() -> views.UploadView:
        front = front_of(desk)
        told = {"upload": data.upload, "listed": data.listed, "basis": data.basis, "members": len(accepted)}
        async with noted(desk.ledger, data.by, LIST_CHANGED, f"list:{name}", told):
            done = await front.submit(accepted, [])
        return views.UploadView(done.accepted - done.duplicates, done.duplicates, len(done.refused) + done.quarantined)

    found: Repeats = repeats  # type: ignore[assignment]
    return await found.once(idempotency_key, ("list", name, data.upload, str(data.listed), str(data.members)), act)


AUDIENCES = (list_audiences, get_preview, ask_preview, get_why, get_overlap, get_reconciliation, change_list)
"""The handlers, for the API's guarded part."""

BODIES = (Asked, ListedMembers)
"""What the handlers take, for the API's description."""
