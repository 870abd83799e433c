"""The command `release`: from an approved proposal to the only thing that production runs."""

import os
from pathlib import Path
from typing import Annotated

import httpx
from cyclopts import Parameter

from pilotage.app.acting import As, acting, desk_at
from pilotage.app.exits import OK, UNAVAILABLE, USAGE, Trouble
from pilotage.app.keyring import open_key
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.proposing import Ordered, make_release
from pilotage.app.remote import answered, running_at
from pilotage.app.review_views import InForce, print_release, release_view
from pilotage.app.reviewing import ledger_at
from pilotage.app.terminal import console, print_json
from pilotage.review.register import register_of
from pilotage.review.release import Kind
from pilotage.runner.folder import FolderBusy, open_folder, read_environment

Flag = Annotated[bool, Parameter(negative="")]


def release_command(
    proposal: str,
    *,
    emergency: Flag = False,
    rollback: Flag = False,
    reason: str = "",
    person: As = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Release an approved proposal: mint the release that production runs, and have a running process take it over.

    Refused, with the reason, where approvals are missing, the evidence is stale, a gate fails, or a waiver has ended.

    Example: pilotage release 1f0c --as olga

    Parameters
    ----------
    proposal
        Its id, or how it begins.
    emergency
        Release with the fewer approvals that the policy allows in an emergency; a review is owed then.
    rollback
        Release again what this proposal released before; its documents must be in the workspace.
    reason
        Why; an emergency needs one.
    """
    if emergency and rollback:
        raise Trouble("a release is an emergency or a way back, not both", USAGE, "leave one out")
    kind: Kind = "emergency" if emergency else "rollback" if rollback else "regular"
    who = acting(person)
    desk = desk_at(workspace, data)
    made = make_release(desk, who, open_key(who, os.environ), Ordered(proposal, kind, reason))
    with ledger_at(desk) as ledger:
        register = register_of(ledger)
    told = _take_over(desk.data)
    if json:
        print_json({"release": release_view(made, register), "in_force": told})
        return OK
    out = console()
    print_release(out, made, register)
    if told is None:
        out.print("nobody runs on the data folder: it comes into force with the next 'pilotage run'")
    else:
        out.print(f"in force: plan {told.plan[:16]}", markup=False)
    return OK


def _take_over(data: Path) -> InForce | None:
    """Have the process that runs on a data folder take the newest release over; None where nobody runs."""
    if not (data / "environment.json").is_file():
        return None
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        url, headers = running_at(data, busy)
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
                return answered(client.post("/api/v1/releases/take-over", json={}), InForce)
        except httpx.HTTPError as fault:
            cure = "the release is made; start the process again, and it comes into force"
            raise Trouble(f"the running process does not answer: {fault}", UNAVAILABLE, cure) from fault
    folder.close()
    return None
