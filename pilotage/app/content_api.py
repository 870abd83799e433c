"""The part of the API that is about contents: their proofs."""

from litestar import get

from pilotage.app.desk import At, records_of
from pilotage.app.exits import Trouble
from pilotage.app.problems import BadAsk, documented
from pilotage.app.proofs import Proof, proofs_of


@get("/contents/{name:str}/proofs", responses=documented(400, 401, 404, 429, 503), summary="How a content looks in each language")
async def content_proofs(desk: At, name: str, locale: str = "") -> list[Proof]:
    """The proofs of a content, or of all that a journey sends, of the plan in force, with values that stand for a customer's. Every
    part is marked."""
    try:
        return list(proofs_of(records_of(desk).program.plan, name, {}, locale))
    except Trouble as trouble:
        raise BadAsk(404, f"{trouble.message}; {trouble.cure}") from trouble


CONTENTS = (content_proofs,)
"""The handlers, for the API's guarded part."""
