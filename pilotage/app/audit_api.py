"""The part of the API that reads the ledger and verifies it, and tells who the people of the workspace are."""

from pathlib import Path
from typing import Annotated

from litestar import get
from litestar.params import Parameter

from pilotage.app.anchors import decisions_asked
from pilotage.app.auditing import DecisionsView, EntriesPage, VerdictView, Wanted, page, verdict_of_data, verdict_view
from pilotage.app.desk import At, records_of
from pilotage.app.exits import Trouble
from pilotage.app.persons import PersonView, people_of, person_view
from pilotage.app.problems import BadAsk, documented

_USUAL = documented(400, 401, 429, 503)
_AFTER = Parameter(ge=0, le=2**53 - 1, description="The cursor of the previous page: its last entry.")
_LIMIT = Parameter(ge=1, le=1000, description="How many at most.")
_ACTOR = Parameter(max_length=255, description="Only what this person, or part of the system, did.")
_ACT = Parameter(max_length=255, description="Only this act, or with a dot at the end all of a kind.")
_SUBJECT = Parameter(max_length=255, description="Only what was done to this, or with a colon at the end to all of a kind.")
_SINCE = Parameter(ge=0, le=2**53 - 1, description="Only from this instant on, in microseconds since 1970 UTC.")


@get("/audit/entries", responses=_USUAL, summary="Entries of the ledger", sync_to_thread=True)
def list_entries(
    desk: At,
    after: Annotated[int, _AFTER] = 0,
    limit: Annotated[int, _LIMIT] = 100,
    actor: Annotated[str, _ACTOR] = "",
    act: Annotated[str, _ACT] = "",
    subject: Annotated[str, _SUBJECT] = "",
    since_us: Annotated[int | None, _SINCE] = None,
) -> EntriesPage:
    """What people and the system did, in order, a page at a time; whoever asks on with the cursor misses nothing and gets nothing
    twice."""
    return page(desk.folder.path, Wanted(actor, act, subject, since_us), after, limit)


@get("/audit/verify", responses=_USUAL, summary="Verify the ledger", sync_to_thread=True)
def verify_ledger(desk: At) -> VerdictView:
    """Whether every entry is as it was written; about 30 s for a million of them. An export is verified offline by the command
    line."""
    return verdict_view(verdict_of_data(desk.folder.path))


@get("/audit/decisions", responses=_USUAL, summary="Verify the log of decisions")
async def verify_decisions(desk: At) -> DecisionsView:
    """Whether every segment of the log that is kept is as it was when the ledger took its digest; reads the whole log, beside the
    loop."""
    return await decisions_asked(desk.folder.path, records_of(desk).owners, desk.clock.now_us())


@get("/people", responses=_USUAL | documented(409), summary="People", sync_to_thread=True)
def list_people(desk: At) -> list[PersonView]:
    """Who answers for what runs, in which roles and teams, as people.yaml says now."""
    try:
        return [person_view(person) for person in people_of(Path(desk.workspace.folder)).people]
    except Trouble as trouble:
        raise BadAsk(409, f"{trouble.message}; {trouble.cure}") from trouble


AUDIT = (list_entries, verify_ledger, verify_decisions, list_people)
"""The handlers, for the API's guarded part."""
