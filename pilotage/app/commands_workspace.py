"""The command that begins a workspace."""

from pathlib import Path

from pilotage.app.exits import CONFIG, OK, Trouble
from pilotage.app.options import AsJson
from pilotage.app.starter import WorkspaceExists, init
from pilotage.app.terminal import console, print_json


def init_command(folder: Path = Path("."), *, company: str = "Example Company", json: AsJson = False) -> int:
    """Begin a workspace: a small, complete one that runs at once.

    Example: pilotage init shop --company "Brindlecove"

    Parameters
    ----------
    folder
        Where to write it; made if need be. Nothing is overwritten.
    company
        Whose customers these are.
    """
    try:
        written = init(folder, company)
    except WorkspaceExists as exists:
        raise Trouble(str(exists), CONFIG) from exists
    if json:
        print_json({"folder": str(folder), "files": [str(path) for path in written]})
        return OK
    out = console()
    for path in written:
        out.print(f"wrote {path}", markup=False)
    there = "" if folder == Path(".") else f" {folder}"
    out.print(f"\nNext: pilotage check{there}, then pilotage run{f' --workspace {folder}' if there else ''}", markup=False)
    return OK
