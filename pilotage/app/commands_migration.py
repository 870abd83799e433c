"""The command that says what becomes of those under way when a version of a workspace takes over, before it does."""

from itertools import groupby
from pathlib import Path

from rich.console import Console

from pilotage.app.commands_records import asked
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, Trouble
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.terminal import console, print_json, table
from pilotage.app.versions import version
from pilotage.journey.crossing import Crossing, crossings
from pilotage.journey.plan import Plan
from pilotage.runner.folder import read_environment, read_plans

NOBODY = "nobody is under way in an earlier version"


def migration_command(new: str = "", *, workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False) -> int:
    """Say what becomes of those under way when a version takes over: how many rest on each step of each earlier one, and where
    they come to.

    Nothing is changed. Ends with 1 if the version would be refused: a step with people on it has no place in the new version,
    or they would come around an approval or a look at a consent.

    Example: pilotage migration --workspace shop

    Parameters
    ----------
    new
        The version that is to take over, as for `pilotage diff`; the workspace as it is without it.
    """
    kept = data or workspace / "data"
    if not (kept / "environment.json").is_file():
        raise Trouble(f"there is no data folder at {kept}", NO_INPUT, "name it with --data; without one nobody is under way")
    wanted = version(new or str(workspace), workspace, kept)
    found = under_way(kept, wanted.plan)
    refused = [each for each in found if each.refusal]
    if json:
        print_json({"plan": wanted.plan.digest, "refused": bool(refused), "crossings": found})
    else:
        tell_crossings(console(), found)
    return NEGATIVE if refused else OK


def under_way(data: Path, new: Plan) -> tuple[Crossing, ...]:
    """What becomes of those under way in a data folder when a plan takes over."""
    people = {(each.journey, each.version, each.step): each.people for each in asked(data, lambda reader: reader.resting())}
    return crossings(read_plans(data, read_environment(data).plans), new, people)


def tell_crossings(out: Console, found: tuple[Crossing, ...], nobody: str = NOBODY) -> None:
    """Print who rests where and what becomes of them, a table for each earlier version."""
    if not found and nobody:
        out.print(nobody)
    for (journey, earlier), each in groupby(found, lambda crossing: (crossing.journey, crossing.version)):
        out.print(f"{journey}, from version {earlier}", markup=False)
        rows = table("rests on", "people", "becomes")
        refused = []
        for crossing in each:
            rows.add_row(crossing.step or "(held out)", str(crossing.people), _becomes(crossing))
            refused += [crossing] if crossing.refusal else []
        out.print(rows, markup=False)
        for crossing in refused:
            out.print(f"refused: {crossing.step}: {crossing.refusal}", markup=False, soft_wrap=True)
            out.print(f"  {crossing.cure}", markup=False, style="dim", soft_wrap=True)


def _becomes(crossing: Crossing) -> str:
    if crossing.refusal:
        return "refused"
    words = {"finish": "finishes under its version", "exit": "exits", "migrate": f"goes on at {crossing.to}" if crossing.to else "goes on"}
    return words[crossing.policy]
