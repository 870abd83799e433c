"""The command `person`: who answers for what runs, in which roles and teams, and with which key."""

import getpass
import os
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from pilotage.app.acts import actor_of
from pilotage.app.control import open_ledger
from pilotage.app.exits import OK, USAGE, Trouble
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.persons import PersonChanged, add_person, change_key, note_left, people_of, person_view
from pilotage.app.places import SETTINGS_FILE
from pilotage.app.terminal import console, print_json, table
from pilotage.event.time import moment
from pilotage.journey.forms_of_people import ROLES
from pilotage.review.people import Person
from pilotage.runner.clock import SystemClock

person = App(name="person", help="People: who answers for what runs, in which roles, with which key.")

Named = Annotated[list[str] | None, Parameter(negative="")]


@person.command(name="add")
def person_add(
    id: str,
    *,
    name: str = "",
    email: str = "",
    role: Named = None,
    team: Named = None,
    new_key: Annotated[bool, Parameter(negative="")] = False,
    by: str = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Add a person to people.yaml with a key pair: the public key stands there, the private one stays in the person's own key file.

    The key file is encrypted with a passphrase, which is asked for, or read from PILOTAGE_PASSPHRASE.

    Example: pilotage person add ada --name "Ada Lovelace" --role owner --role reviewer --team growth

    Parameters
    ----------
    id
        The person's id, which never changes.
    name
        The person's name; the id without it.
    email
        Where the person is written to.
    role
        What the person may be: owner, reviewer, council, privacy, operator or auditor; several times for several.
    team
        A team the person belongs to; several times for several.
    new_key
        The person is there already, and gets a new key.
    by
        Who does this; the account's name without it.
    """
    _check_workspace(workspace)
    for each in role or ():
        if each not in ROLES:
            raise Trouble(f"there is no role {each!r}", USAGE, f"the roles are {', '.join(ROLES)}")
    clock = SystemClock()
    ledger = open_ledger(data or workspace / "data", clock.now_us)
    try:
        if new_key:
            done = change_key(workspace, ledger, id, actor_of(by or getpass.getuser()), os.environ)
        else:
            added = Person(id, name or id, email, tuple(role or ()), tuple(team or ()))
            done = add_person(workspace, ledger, added, actor_of(by or getpass.getuser()), os.environ)
    finally:
        ledger.close()
    return _told(done, "has a new key" if new_key else "was added", json)


@person.command(name="list")
def person_list(*, role: str = "", workspace: WorkspaceFolder = Path("."), json: AsJson = False) -> int:
    """List the people of the workspace.

    Example: pilotage person list --role reviewer

    Parameters
    ----------
    role
        Only those who have this role.
    """
    _check_workspace(workspace)
    found = [person_view(each) for each in people_of(workspace).people if not role or role in each.roles]
    if json:
        print_json(found)
        return OK
    out = console()
    if not found:
        out.print("nobody; 'pilotage person add' adds somebody")
        return OK
    rows = table("id", "name", "roles", "teams", "public key", "left")
    for each in found:
        rows.add_row(each.id, each.name, ", ".join(each.roles), ", ".join(each.teams), each.public_key[:16], each.left)
    out.print(rows, markup=False)
    return OK


@person.command(name="remove")
def person_remove(
    id: str, *, left: str = "", by: str = "", workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False
) -> int:
    """Note that a person left: they answer for nothing any more. They stay in people.yaml, so that what they signed can be verified.

    Example: pilotage person remove ben --left 2026-11-30

    Parameters
    ----------
    id
        The person's id.
    left
        The day they left; today without it.
    by
        Who does this; the account's name without it.
    """
    _check_workspace(workspace)
    clock = SystemClock()
    try:
        day = date.fromisoformat(left) if left else moment(clock.now_us()).date()
    except ValueError as fault:
        raise Trouble(f"{left!r} is not a date", USAGE, "write a date such as 2026-11-30") from fault
    ledger = open_ledger(data or workspace / "data", clock.now_us)
    try:
        done = note_left(workspace, ledger, id, day, actor_of(by or getpass.getuser()))
    finally:
        ledger.close()
    return _told(done, f"left on {day.isoformat()}", json)


def _check_workspace(workspace: Path) -> None:
    if not (workspace / SETTINGS_FILE).is_file():
        raise Trouble(
            f"{workspace} has no {SETTINGS_FILE}", USAGE, "name the workspace with --workspace, or begin one with 'pilotage init'"
        )


def _told(done: PersonChanged, what: str, as_json: bool) -> int:
    if as_json:
        print_json(done)
        return OK
    out = console()
    out.print(f"{done.person.id} {what} (entry {done.entry} of the ledger)", markup=False)
    if done.key_file:
        out.print(f"public key {done.person.public_key}", markup=False)
        out.print(f"the private key lies in {done.key_file}; keep it and its passphrase", markup=False)
    return OK
