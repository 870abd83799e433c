"""The part of the API that is about history: how far it is in files, bringing it up to date, and what the log alone has yet."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import Parameter

from pilotage.app import views
from pilotage.app.desk import At, records_of
from pilotage.app.problems import documented
from pilotage.runner.ticket import SHARDS

_USUAL = documented(400, 401, 429, 503)
_SHARD = Parameter(ge=0, le=SHARDS - 1, description="The shard.")
_AFTER = Parameter(ge=0, le=2**53, description="Only records at positions above this one.")


@get("/history", responses=_USUAL, summary="How far history is")
async def get_history(desk: At) -> views.HistoryView:
    """Which records of each shard are in Parquet files, and which are in the log alone yet."""
    return views.history_view(await records_of(desk).history())


@post("/history/compact", responses=_USUAL, status_code=200, summary="Bring history up to date")
async def compact_history(desk: At) -> views.HistoryView:
    """File everything that is durable now and join the files of days past. Nothing is lost without it: readers take what is not
    in files from the log."""
    return views.history_view(await records_of(desk).compact())


@get("/history/backfill", responses=_USUAL, summary="How far a release's past is filled in")
async def get_backfill(desk: At) -> views.BackfillView:
    """What a release that asks for more than was kept before still waits for. Journeys of the plan before go on meanwhile."""
    records_of(desk)
    recording = desk.folder.environment.recording
    features = sorted(recording.known) if recording is not None else []
    return views.backfill_view(features, desk.releaser.states if desk.releaser is not None else [])


@get("/history/tail", responses=_USUAL, summary="What is not in files yet")
async def get_tail(desk: At, shard: Annotated[int, _SHARD], after: Annotated[int, _AFTER]) -> views.LogPage:
    """Some records of a shard's log above a position, personal data included; none at the end. Meant for readers of history on the
    same machine."""
    return views.LogPage(msgspec.msgpack.encode(await records_of(desk).log(shard, after)))


HISTORY = (get_history, compact_history, get_backfill, get_tail)
"""The handlers, for the API's guarded part."""
