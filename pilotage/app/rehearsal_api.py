"""The part of the API that is about rehearsals: what is kept as evidence, and one customer's story under another plan."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from pilotage.app import evidence
from pilotage.app.desk import At, records_of
from pilotage.app.exits import Trouble
from pilotage.app.problems import BadAsk, documented
from pilotage.app.under import plan_of, under
from pilotage.app.under_views import UnderView
from pilotage.simulate.report import Report

_USUAL = documented(400, 401, 404, 429, 503)
_DIGEST = Parameter(pattern="^[0-9a-f]{6,64}$", description="How a digest begins: six hexadecimal digits at least.")
_SUBJECT = Parameter(pattern="^[0-9a-f]{32}$", description="A subject id: 32 hexadecimal digits.")
_PLAN = Parameter(pattern="^[0-9a-f]{0,64}$", description="Only those of plans whose digest begins so.")


@get("/rehearsals", responses=documented(400, 401, 429, 503), summary="List rehearsals")
async def list_rehearsals(desk: At, plan: Annotated[str, _PLAN] = "") -> list[evidence.Evidence]:
    """The rehearsals that the data folder keeps as evidence, the newest last."""
    return evidence.evidence_of(desk.folder.path / evidence.FOLDER, plan)


@get("/rehearsals/{report:str}", responses=_USUAL, summary="One rehearsal's report")
async def get_rehearsal(desk: At, report: Annotated[str, _DIGEST]) -> Report:
    """The report whose digest begins so, or the newest on the plan whose digest does."""
    try:
        return evidence.read_named(desk.folder.path / evidence.FOLDER, report)
    except evidence.EvidenceUnknown as unknown:
        raise BadAsk(404, str(unknown)) from unknown


@get("/subjects/{subject:str}/under/{plan:str}", responses=_USUAL, summary="Why, under another plan")
async def get_under(desk: At, subject: Annotated[str, _SUBJECT], plan: Annotated[str, _DIGEST]) -> UnderView:
    """A subject's whole story under another plan that the data folder holds, beside what was decided, with the differences marked."""
    told = await records_of(desk).told(bytes.fromhex(subject))
    try:
        return under(desk.folder.path, plan_of(desk.folder.path, plan), bytes.fromhex(subject), told, desk.clock.now_us())
    except Trouble as trouble:
        raise BadAsk(404, trouble.message) from trouble


REHEARSALS = (list_rehearsals, get_rehearsal, get_under)
"""The handlers, for the API's guarded part."""
