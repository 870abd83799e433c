"""The command that explains the rules which `check` keeps."""

import textwrap
from typing import Any

from pilotage.app.exits import OK, USAGE, Trouble
from pilotage.app.options import AsJson
from pilotage.app.terminal import console, print_json, table
from pilotage.journey.findings import suggestion
from pilotage.proof.gates import ALL
from pilotage.proof.rule import Rule


def rules_command(*names: str, json: AsJson = False) -> int:
    """List the rules that 'pilotage check' keeps, or explain some: why they are there, an example, and what to do.

    Example: pilotage rules H005

    Parameters
    ----------
    names
        The ids of rules; all of them, a line each, without any.
    """
    for name in names:
        if name not in ALL:
            raise Trouble(f"there is no rule {name!r}", USAGE, suggestion(name, ALL, "rules"))
    chosen = [ALL[name] for name in names] if names else [ALL[name] for name in sorted(ALL)]
    if json:
        print_json({"rules": [told(rule) for rule in chosen]})
    elif names:
        for rule in chosen:
            _explain(rule)
    else:
        rows = table("rule", "severity", "what is wrong")
        for rule in chosen:
            rows.add_row(rule.id, str(rule.severity), rule.title)
        console().print(rows)
    return OK


def told(rule: Rule) -> dict[str, Any]:
    """A rule as data."""
    example = rule.example
    shown = {"path": example.path, "wrong": example.wrong, "right": example.right} if example else None
    words = {"id": rule.id, "title": rule.title, "severity": rule.severity, "why": rule.why, "cure": rule.cure, "standard": rule.standard}
    return {**words, "waivable": rule.waivable, "example": shown}


def _explain(rule: Rule) -> None:
    lines = [f"{rule.id}  {rule.severity}  {rule.title}" + (f"  ({rule.standard})" if rule.standard else "")]
    if rule.why:
        lines += ["", *textwrap.wrap(rule.why, 100), "", *textwrap.wrap(f"What to do: {rule.cure}", 100)]
    if rule.example is not None:
        lines += ["", f"In {rule.example.path}, wrong:", *_indented(rule.example.wrong), "right:", *_indented(rule.example.right)]
    lines += ["", "It can be waived by a policy." if rule.waivable else "It cannot be waived."]
    console().print("\n".join((*lines, "")), markup=False)


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in textwrap.dedent(text).rstrip().splitlines()] or ["  (nothing)"]
