"""The command that says what two versions of a workspace decide differently."""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from pilotage.app.commands_migration import tell_crossings, under_way
from pilotage.app.exits import NEGATIVE, OK, Trouble
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.terminal import console, print_json
from pilotage.app.versions import ACTIVE, version
from pilotage.journey.crossing import Crossing
from pilotage.journey.difference import Change, FieldChange, PlanDifference, PolicyEffect, compare_plans
from pilotage.journey.flowchart import flowchart
from pilotage.journey.plan import Plan

MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "rewired": ("↷", "blue")}
LINE_MAX = 120
SENDS_SHOWN = 4


def diff_command(
    old: str = ACTIVE,
    new: str = "",
    *,
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
    mermaid: Annotated[bool, Parameter(negative="")] = False,
    exit_code: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what two versions of a workspace decide differently.

    A version is a workspace folder, a git revision of the workspace, the digest of a plan that a data folder holds (its first six
    digits will do), or `active`, the plan that runs. Without arguments: the active plan against the workspace.
    Prose, owners, tests, order and the spelling of conditions make no difference. Where there is a data folder, those under way in a
    journey that differs are counted by the step they rest on, with what becomes of them under the version after.

    Example: pilotage diff HEAD~1 --workspace shop

    Parameters
    ----------
    old
        The version before.
    new
        The version after; the workspace as it is without it.
    mermaid
        Print a Mermaid flowchart of the journeys that differ, with what changed marked.
    exit_code
        Exit 1 if there is a difference.
    """
    kept = data or workspace / "data"
    before, after = version(old, workspace, kept), version(new or str(workspace), workspace, kept)
    difference = compare_plans(before.plan, after.plan)
    in_flight, unknown = _in_flight(kept, after.plan, difference) if not mermaid else (None, "")
    if json:
        print_json({"same": difference.empty, **_document(difference), "in_flight": in_flight})
    elif mermaid:
        sys.stdout.write(flowchart(before.plan, after.plan, difference))
    else:
        _tell(console(), difference)
        tell_crossings(console(), in_flight or (), nobody="")
        if unknown:
            console().print(f"who is under way could not be counted: {unknown}", markup=False, soft_wrap=True)
    return NEGATIVE if exit_code and not difference.empty else OK


def _in_flight(data: Path, new: Plan, difference: PlanDifference) -> tuple[tuple[Crossing, ...] | None, str]:
    """What becomes of those under way in the journeys that differ: nothing where there is no data folder, or it cannot be read now, and
    why it cannot."""
    differ = {change.name for change in difference.changes if change.kind == "journey"}
    if not (data / "environment.json").is_file():
        return None, ""
    if not differ:
        return (), ""
    try:
        return tuple(each for each in under_way(data, new) if each.journey in differ), ""
    except Trouble as trouble:
        return None, str(trouble)


def _document(difference: PlanDifference) -> dict[str, object]:
    return {"old": difference.old, "new": difference.new, "changes": difference.changes, "effects": difference.effects}


def _tell(out: Console, difference: PlanDifference) -> None:
    if difference.empty:
        same = difference.old == difference.new
        out.print("the same plan" if same else "both plans decide alike; only spellings or versions of contracts differ")
        return
    for change in difference.changes:
        _tell_change(out, change, "")
    for effect in difference.effects:
        for line in _effect_lines(effect):
            out.print(line, markup=False)
    out.print(_count(difference.changes))


def _tell_change(out: Console, change: Change, indent: str) -> None:
    mark, colour = MARKS[change.how]
    out.print(f"{indent}{mark} {change.kind} {change.name}  {change.how}", markup=False, style=colour, soft_wrap=True)
    for field in change.fields:
        if change.how in ("changed", "rewired"):
            out.print(f"{indent}    {_field_line(field)}", markup=False, soft_wrap=True)
    if change.how in ("added", "removed") and change.kind != "content":
        said = ", ".join(f"{field.field} {_brief(field.new or field.old)}" for field in change.fields)
        out.print(f"{indent}    {said}", markup=False, soft_wrap=True)
    for inner in change.inner:
        _tell_change(out, inner, indent + "  ")


def _field_line(field: FieldChange) -> str:
    if "\n" in field.old.strip() or "\n" in field.new.strip():
        old, new = field.old.splitlines(), field.new.splitlines()
        return f"{field.field}: {len(set(old) - set(new))} lines removed, {len(set(new) - set(old))} added"
    return f"{field.field}: {_brief(field.old) or '—'} → {_brief(field.new) or '—'}"


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE_MAX else f"{line[: LINE_MAX - 1]}…"


def _effect_lines(effect: PolicyEffect) -> Iterable[str]:
    number = len(effect.sends)
    yield f"! {effect.rule} of {number} message{'' if number == 1 else 's'}: {effect.old or 'none'} → {effect.new or 'none'}"
    shown = ", ".join(effect.sends[:SENDS_SHOWN])
    yield f"    {shown}" + (f" and {number - SENDS_SHOWN} more" if number > SENDS_SHOWN else "")


def _count(changes: Iterable[Change]) -> str:
    """How many parts of each kind are added, removed, changed and rewired."""
    found = Counter((each.kind, each.how) for change in changes for each in (change, *change.inner))
    return "; ".join(f"{number} {_plural(kind, number)} {how}" for (kind, how), number in found.items())


def _plural(kind: str, number: int) -> str:
    noun, rest = ("span", " of quiet hours") if kind == "quiet hours" else (kind, "")
    return f"{noun}{'' if number == 1 else 's'}{rest}"
