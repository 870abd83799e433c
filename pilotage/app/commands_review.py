"""The command `review`: what was proposed, and what people say of it."""

import os
from pathlib import Path

from cyclopts import App

from pilotage.app.acting import As, acting, desk_at
from pilotage.app.exits import NEGATIVE, OK
from pilotage.app.keyring import open_key
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.orphans import orphans_of
from pilotage.app.review_views import case_view, print_case, print_proposals, proposal_view, release_view
from pilotage.app.reviewing import case_of, cases, ledger_at, vote
from pilotage.app.terminal import console, print_json, table
from pilotage.event.time import instant_text
from pilotage.review.register import register_of
from pilotage.review.vote import Voice, missing_text

review = App(name="review", help="What was proposed: list it, look at it, approve, reject and comment.")


@review.command(name="list")
def review_list(*, workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False) -> int:
    """List proposals, the newest first: what each is now, its tier, and which approvals are missing; then the reviews that are owed.

    Example: pilotage review list --workspace shop
    """
    desk = desk_at(workspace, data)
    found = [proposal_view(each, desk.now_us()) for each in cases(desk)]
    with ledger_at(desk) as ledger:
        register = register_of(ledger)
    owed = register.owed(desk.now_us())
    if json:
        views = [{"overdue": late, "release": release_view(release, register)} for release, late in owed]
        print_json({"proposals": found, "owed": views})
        return OK
    out = console()
    if found:
        print_proposals(out, found)
    else:
        out.print("nothing was proposed; 'pilotage propose' proposes what the workspace is now")
    for release, late in owed:
        by = f"the review of emergency release {release.sequence} ({release.proposal}) is owed by {instant_text(release.review_by_us)}"
        out.print(f"{by}{': OVERDUE' if late else ''}", markup=False, style="red" if late else "yellow")
    return OK


@review.command(name="show")
def review_show(proposal: str, *, workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False) -> int:
    """Show a proposal whole: what its author wants, the semantic difference, findings, tests, risk, votes and comments.

    Example: pilotage review show 1f0c

    Parameters
    ----------
    proposal
        Its id, or how it begins.
    """
    desk = desk_at(workspace, data)
    told = case_of(desk, proposal)
    if json:
        print_json(case_view(told, desk.now_us()))
    else:
        print_case(console(), told, desk.now_us())
    return OK


@review.command(name="approve")
def review_approve(
    proposal: str,
    *,
    role: str = "",
    comment: str = "",
    person: As = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Approve a proposal: sign its bundle and its evidence with your key.

    Everybody has one vote, in one role, and none on what is their own. One changed byte voids it.

    Example: pilotage review approve 1f0c --as ben --role reviewer

    Parameters
    ----------
    proposal
        Its id, or how it begins.
    role
        In which of your roles; without it in the first that is missing.
    comment
        What you think of it.
    """
    return _voted(proposal, "approve", role, comment, person, workspace, data, json)


@review.command(name="reject")
def review_reject(
    proposal: str,
    *,
    comment: str,
    role: str = "",
    person: As = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Reject a proposal: it is not released as long as you do not approve it.

    Example: pilotage review reject 1f0c --as ben --comment "two mails a day are too many"

    Parameters
    ----------
    proposal
        Its id, or how it begins.
    comment
        Why.
    role
        In which of your roles; without it in the first that is missing.
    """
    return _voted(proposal, "reject", role, comment, person, workspace, data, json)


@review.command(name="comment")
def review_comment(
    proposal: str,
    text: str,
    *,
    person: As = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Say something about a proposal, signed, without deciding.

    Example: pilotage review comment 1f0c "who is told of this?" --as cleo

    Parameters
    ----------
    proposal
        Its id, or how it begins.
    text
        What you say.
    """
    return _voted(proposal, "comment", "", text, person, workspace, data, json)


@review.command(name="orphans")
def review_orphans(*, workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False) -> int:
    """List the journeys whose accountable person or team is not there any more. Exits 1 if there are any.

    Example: pilotage review orphans --workspace shop
    """
    found = orphans_of(workspace, desk_at(workspace, data).now_us())
    if json:
        print_json(found)
        return NEGATIVE if found else OK
    out = console()
    if not found:
        out.print("somebody answers for every journey")
        return OK
    rows = table("journey", "accountable", "left", "where")
    for each in found:
        rows.add_row(each.journey, each.accountable or "nobody", each.left or "never was there", f"{each.path}:{each.line}")
    out.print(rows, markup=False)
    return NEGATIVE


def _voted(proposal: str, voice: Voice, role: str, comment: str, person: str, workspace: Path, data: Path | None, as_json: bool) -> int:
    who = acting(person)
    desk = desk_at(workspace, data)
    told = vote(desk, proposal, who, open_key(who, os.environ), voice, role, comment)
    if as_json:
        print_json(case_view(told, desk.now_us()))
        return OK
    stands = told.case.standing
    done = {"approve": "approved", "reject": "rejected", "comment": "commented on"}[voice]
    missing = f"; missing: {missing_text(stands.missing)}" if stands.missing and told.state == "open" else ""
    console().print(f"{who} {done} {told.case.proposal.id}: it is {told.state}{missing}", markup=False, soft_wrap=True)
    return OK
