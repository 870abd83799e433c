"""The part of the API that is about contents: their proofs, and the coupons in them."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from pilotage.app.desk import At, records_of
from pilotage.app.exits import Trouble
from pilotage.app.problems import BadAsk, documented
from pilotage.app.proofs import Proof, proofs_of
from pilotage.channel.coupons import Pool
from pilotage.runner.coupons import CouponBook

_NAME = Parameter(description="The content's name, or a journey's.")
_LOCALE = Parameter(description="Only this language; all without it.")


@get("/contents/{name:str}/proofs", responses=documented(400, 401, 404, 429, 503), summary="How a content looks in each language")
async def content_proofs(desk: At, name: Annotated[str, _NAME], locale: Annotated[str, _LOCALE] = "") -> list[Proof]:
    """The proofs of a content, or of all that a journey sends, of the plan in force, with values that stand for a customer's. Every
    part is marked."""
    try:
        return list(proofs_of(records_of(desk).program.plan, name, {}, locale))
    except Trouble as trouble:
        raise BadAsk(404, f"{trouble.message}; {trouble.cure}") from trouble


@get("/coupons", responses=documented(400, 401, 429, 503), summary="How many codes of each coupon pool are left")
async def coupon_pools(desk: At) -> list[Pool]:
    """The pools of the data folder; one is low when fewer codes are left than its alarm says."""
    return list(CouponBook(desk.folder.path).pools())


CONTENTS = (content_proofs, coupon_pools)
"""The handlers, for the API's guarded part."""
