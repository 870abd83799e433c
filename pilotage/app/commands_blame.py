"""The command `blame`: for every rule of a journey who asked for it, when, why, on which evidence, and who approved."""

from pathlib import Path

from pilotage.app.acting import desk_at
from pilotage.app.blaming import BlameView, blamed
from pilotage.app.exits import NEGATIVE, OK
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.terminal import console, print_json


def blame_command(journey: str, *, workspace: WorkspaceFolder = Path("."), data: RunData = None, json: AsJson = False) -> int:
    """Say for every rule of a journey, or of one step, who asked for it, when and why, on which evidence, and who approved.

    Exits 1 where the newest release has no such journey or step.

    Example: pilotage blame growth.recovery.cart:remind

    Parameters
    ----------
    journey
        The journey's name, or journey:step.
    """
    name, _, step = journey.partition(":")
    found = blamed(desk_at(workspace, data), name, step)
    if json:
        print_json(found)
        return OK if found else NEGATIVE
    out = console()
    if not found:
        out.print(f"no release has {journey}; 'pilotage review list' shows what was released", markup=False)
        return NEGATIVE
    told = ""
    for rule in found:
        if rule.release != told:
            told = rule.release
            _tell(rule)
        out.print(f"    {rule.how} {rule.kind} {rule.name}  {'; '.join(rule.says)[:200]}".rstrip(), markup=False, soft_wrap=True)
    return OK


def _tell(rule: BlameView) -> None:
    """Print the release that the rules below come from."""
    out = console()
    approved = ", ".join(rule.approved_by) or "nobody"
    out.print(f"release {rule.sequence}, {rule.at[:16]}: {rule.intent}", markup=False, style="bold", soft_wrap=True)
    out.print(f"  asked for by {rule.author} in proposal {rule.proposal}, approved by {approved}", markup=False, soft_wrap=True)
    out.print(f"  expecting {rule.effect}; evidence {rule.evidence[:16]}", markup=False, style="dim", soft_wrap=True)
