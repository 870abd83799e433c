"""The command `archive`: a journey that is stopped and that nobody is in any more leaves the workspace's plan."""

import getpass
import os
import shutil
from pathlib import Path

import msgspec

from pilotage.app.acts import ARCHIVED, actor_of
from pilotage.app.commands_records import asked
from pilotage.app.control import ledger_of
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, Trouble
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.planning import unplanned
from pilotage.app.terminal import console, print_json
from pilotage.app.workspace import compile_workspace, load
from pilotage.audit.canonical import digest_of
from pilotage.predicate.scope import suggestion
from pilotage.runner.controls import standing
from pilotage.runner.folder import read_environment
from pilotage.source.zones import packaged_zones

ARCHIVE = "archive"
"""The folder of a workspace that no plan reads."""


def archive_command(
    journey: str, *, by: str = "", workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False
) -> int:
    """Archive a journey: its document moves to the folder archive/, which no plan reads, and is kept there.

    Refused while people are in it, or while it may still be entered; and where another document needs it. The plan without it
    comes into force at the next start, as with any change.

    Example: pilotage archive growth.recovery.cart --workspace shop

    Parameters
    ----------
    journey
        The journey's name.
    by
        Who; the account's name without it.
    """
    source = _document(workspace, journey)
    kept = data or workspace / "data"
    if (kept / "environment.json").is_file():
        _check_empty(kept, journey)
    target = workspace / ARCHIVE / source.name
    if target.exists():
        raise Trouble(f"{target} is there already", NO_INPUT, "rename one of the two documents")
    without = load(workspace, os.environ)
    documents = tuple(each for each in without.documents if workspace / each.path != source)
    compiled = compile_workspace(msgspec.structs.replace(without, documents=documents), packaged_zones())
    if compiled.plan is None:
        raise unplanned(compiled)
    told = {"document": digest_of(source.read_text(encoding="utf-8")), "plan": compiled.plan.digest}
    with ledger_of(kept) as ledger:
        ledger.append(actor_of(by or getpass.getuser()), ARCHIVED, f"journey:{journey}", told)
    target.parent.mkdir(exist_ok=True)
    shutil.move(source, target)
    if json:
        print_json({"journey": journey, "from": str(source), "to": str(target), "plan": compiled.plan.digest})
    else:
        console().print(f"{journey} is archived as {target}", markup=False, soft_wrap=True)
    return OK


def _document(workspace: Path, journey: str) -> Path:
    """The file that holds a journey's document."""
    found = {document.name: document.path for document in load(workspace, os.environ).documents if document.kind == "journey"}
    if journey not in found:
        raise Trouble(f"there is no journey {journey!r} in {workspace}; {suggestion(journey, sorted(found), 'journeys')}", NO_INPUT)
    return workspace / found[journey]


def _check_empty(data: Path, journey: str) -> None:
    """`Trouble` while people are in the journey, or may still enter it."""
    people = sum(each.people for each in asked(data, lambda reader: reader.resting()) if each.journey == journey)
    held = standing(read_environment(data).controls).get(journey)
    if held is None or held.kind != "stop":
        cure = f"stop it first: pilotage stop {journey} --data {data}"
        raise Trouble(f"{journey} is not stopped: it may be entered, and {_people(people)} in it", NEGATIVE, cure)
    if people:
        cure = "wait until they have finished, or have them exit: 'pilotage resume', then 'pilotage stop --under-way exit'"
        raise Trouble(f"{_people(people)} in {journey}", NEGATIVE, cure)


def _people(count: int) -> str:
    return "1 person is" if count == 1 else f"{count} people are"
