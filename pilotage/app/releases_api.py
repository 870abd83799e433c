"""The part of the API that is about releases: which there are, and having the running system take the newest over."""

from litestar import get, post

from pilotage.app.desk import At
from pilotage.app.problems import documented
from pilotage.app.review_views import InForce, ReleaseView, release_view
from pilotage.app.reviewing import ledger_at
from pilotage.review.register import register_of

_USUAL = documented(400, 401, 429, 503)


@get("/releases", responses=_USUAL, summary="Releases")
async def list_releases(desk: At) -> list[ReleaseView]:
    """All releases, the newest first, each with who approved it and whether a review is owed."""
    with ledger_at(desk.review_desk) as ledger:
        register = register_of(ledger)
    return [release_view(release, register) for release in reversed(register.releases)]


@post("/releases/take-over", responses=_USUAL | documented(409), status_code=200, summary="Take the newest release over")
async def take_over(desk: At) -> InForce:
    """Have the running system go on under the newest release, without a stop. Repeating changes nothing; a release that does not fit the
    workspace, or that needs a past to be filled in, is refused."""
    taken = await desk.take_over()
    return InForce(taken.sequence, taken.digest, desk.folder.environment.plans[-1])


RELEASES = (list_releases, take_over)
"""The handlers, for the API's guarded part."""
