"""The part of the API that is about review: proposals, and votes on them, which come in signed. No private key ever does."""

from typing import Annotated, cast

from litestar import get, post
from litestar.params import Body, Parameter
from msgspec import Meta, Struct

from pilotage.app.blaming import BlameView, blamed
from pilotage.app.desk import At
from pilotage.app.problems import documented
from pilotage.app.review_views import CaseView, ProposalView, case_view, proposal_view
from pilotage.app.reviewing import case_of, cases, take_vote
from pilotage.review.vote import Voice, Vote

_USUAL = documented(400, 401, 429, 503)
_NAMED = _USUAL | documented(404)
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Person = Annotated[str, Meta(min_length=1, max_length=128)]
_PROPOSAL = Parameter(pattern="^[0-9a-f]{1,16}$", description="A proposal's id, or how it begins.")
_JOURNEY = Parameter(max_length=255, description="The journey's name.")
_STEP = Parameter(max_length=255, description="Only the rules of this step.")


class SignedVote(Struct, frozen=True, forbid_unknown_fields=True):
    """A vote or a comment with the signature that its person made over canonical JSON (RFC 8785) of
    `["pilotage.signature.1", "review.vote", {all fields but public_key and signature}]`."""

    proposal: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    bundle: Digest
    evidence: Digest
    person: Person
    role: Annotated[str, Meta(max_length=64)]
    decision: Annotated[str, Meta(pattern="^(approve|reject|comment)$")]
    comment: Annotated[str, Meta(max_length=4000)]
    at_us: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    public_key: Digest
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]


@get("/reviews", responses=_USUAL, summary="Proposals")
async def list_reviews(desk: At) -> list[ProposalView]:
    """Every proposal, the newest first: what it is now, its tier, and which approvals are missing."""
    now_us = desk.review_desk.now_us()
    return [proposal_view(each, now_us) for each in cases(desk.review_desk)]


@get("/reviews/{proposal:str}", responses=_NAMED, summary="A proposal")
async def get_review(desk: At, proposal: Annotated[str, _PROPOSAL]) -> CaseView:
    """A proposal whole, with the digests that a vote is signed over."""
    return case_view(case_of(desk.review_desk, proposal), desk.review_desk.now_us())


@post("/reviews/vote", responses=_NAMED | documented(409, 413, 415), status_code=200, summary="Approve, reject or comment")
async def post_vote(desk: At, data: Annotated[SignedVote, Body()]) -> CaseView:
    """Keep a signed vote. It is refused where its person may not give it, or what it was signed over is not what stands."""
    signed = Vote(
        data.proposal,
        data.bundle,
        data.evidence,
        data.person,
        data.role,
        cast(Voice, data.decision),
        data.comment,
        data.at_us,
        data.public_key,
        data.signature,
    )
    return case_view(take_vote(desk.review_desk, signed), desk.review_desk.now_us())


@get("/blame", responses=_NAMED, summary="Who asked for a rule")
async def get_blame(desk: At, journey: Annotated[str, _JOURNEY], step: Annotated[str, _STEP] = "") -> list[BlameView]:
    """For every rule of a journey, or of a step: who asked for it, when, why, on which evidence, and who approved."""
    return blamed(desk.review_desk, journey, step)


REVIEWS = (list_reviews, get_review, post_vote, get_blame)
"""The handlers, for the API's guarded part."""
