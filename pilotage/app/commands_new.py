"""The command that begins a journey from a template of the library, or brings a fragment of it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pilotage.app.exits import CONFIG, NEGATIVE, OK, USAGE, Trouble
from pilotage.app.library import (
    Begun,
    begin,
    begin_all,
    bring,
    fragment_named,
    fragments,
    library,
    playbook_named,
    playbooks,
    template_named,
)
from pilotage.app.options import AsJson, WorkspaceFolder
from pilotage.app.terminal import console, print_json, table
from pilotage.app.workspace import load
from pilotage.journey.names import Fragment
from pilotage.journey.playbook import Playbook
from pilotage.journey.scalars import NAME
from pilotage.journey.template import Template
from pilotage.source.zones import packaged_zones

From = Annotated[str, Parameter(name="--from", help="The template: its name, the last part of it, or a file.")]
Settings = Annotated[list[str] | None, Parameter(name="--set", help="A parameter and its value, as key=value.", negative="")]
Listed = Annotated[bool, Parameter(name="--list", help="List the templates and fragments of the library.", negative="")]


def new_command(
    kind: Literal["journey", "fragment", "playbook"] = "journey",
    name: str = "",
    *,
    template: From = "",
    settings: Settings = None,
    workspace: WorkspaceFolder = Path("."),
    listed: Listed = False,
    json: AsJson = False,
) -> int:
    """Begin a journey from a template: its document, with tests, and what it needs; bring a fragment, or all journeys of a playbook.

    Nothing is written unless the workspace with them makes a plan and the tests pass; nothing is overwritten. Without a name, the
    template is explained: what it is for and what can be set.

    Example: pilotage new journey growth.offers.second_order --from second_purchase --set patience=10d --workspace shop

    Parameters
    ----------
    kind
        What to begin.
    name
        The name of the new journey, as stage.purpose.name; or of a fragment or playbook of the library.
    """
    if kind == "fragment" and name and not listed:
        begun = bring(load(workspace, os.environ), fragment_named(name), packaged_zones())
        return _write(begun, f"name it in a step of a journey: fragment: {name}", workspace, json)
    if kind == "playbook" and name and not listed:
        playbook = playbook_named(name)
        begun = begin_all(load(workspace, os.environ), playbook, pairs(settings or []), packaged_zones())
        if not json and not begun.failed:
            _tell(playbook)
        return _write(begun, f"pilotage check {workspace}", workspace, json)
    if kind == "playbook" and template and not listed:
        return _tell(playbook_named(template), json)
    if listed or not template:
        return _list(json)
    found = template_named(template)
    if not name:
        return _explain(found, json)
    if not re.fullmatch(NAME, name):
        raise Trouble(f"{name!r} is no name for a {kind}", USAGE, "write stage.purpose.name, such as growth.recovery.abandoned_cart")
    begun = begin(load(workspace, os.environ), found, name, pairs(settings or []), packaged_zones())
    return _write(begun, f"pilotage test {name} --workspace {workspace}", workspace, json)


def _list(json: bool) -> int:
    templates, brought, together = library(), fragments(), playbooks()
    if json:
        told = [{"kind": "template", "name": each.name, "stage": each.stage, "description": each.description} for each in templates]
        print_json(
            [
                *told,
                *({"kind": "fragment", "name": each.name, "description": _description(each)} for each in brought),
                *({"kind": "playbook", "name": each.name, "description": each.description} for each in together),
            ]
        )
        return OK
    out = console()
    rows = table("template", "what it is for")
    for each in templates:
        rows.add_row(each.name, each.description)
    out.print(rows)
    out.print(f"{len(templates)} templates; 'pilotage new journey --from TEMPLATE' explains one\n")
    rows = table("fragment", "what it does")
    for fragment in brought:
        rows.add_row(fragment.name, _description(fragment))
    out.print(rows)
    out.print(f"{len(brought)} fragments; 'pilotage new fragment FRAGMENT' brings one\n")
    rows = table("playbook", "what it is for")
    for playbook in together:
        rows.add_row(playbook.name, playbook.description)
    out.print(rows)
    out.print(f"{len(together)} playbooks; 'pilotage new playbook PLAYBOOK' begins all journeys of one")
    return OK


def _tell(playbook: Playbook, json: bool = False) -> int:
    if json:
        print_json(playbook)
        return OK
    out = console()
    out.print(playbook.name, style="bold", markup=False)
    out.print(f"{playbook.description}\n\n{playbook.guide}\n", markup=False)
    rows = table("figure", "what it means", "target")
    for figure in playbook.kpis:
        rows.add_row(figure.kpi, figure.meaning, figure.target)
    out.print(rows)
    rows = table("when", "do", "who")
    for rule in playbook.runbook:
        rows.add_row(rule.when, rule.do, rule.who)
    out.print(rows)
    out.print(f"journeys: {', '.join(part.name for part in playbook.parts)}\n", markup=False, soft_wrap=True)
    return OK


def _description(fragment: Fragment) -> str:
    return fragment.document.root.text("description")


def _explain(template: Template, json: bool) -> int:
    if json:
        print_json(template)
        return OK
    out = console()
    out.print(template.name, style="bold", markup=False)
    out.print(f"{template.description}\n\n{template.guide}\n", markup=False)
    rows = table("parameter", "type", "default", "what it means")
    for each in template.parameters:
        rows.add_row(each.name, each.type, each.default, each.description)
    out.print(rows)
    return OK


def pairs(settings: Sequence[str]) -> dict[str, str]:
    """What settings written as key=value set."""
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise Trouble(f"{setting!r} sets nothing", USAGE, "write --set key=value")
        found[key.strip()] = value.strip()
    return found


def _write(begun: Begun, then: str, workspace: Path, json: bool) -> int:
    paths = {workspace / path: text for path, text in begun.documents.items()}
    for path in paths:
        if path.exists():
            raise Trouble(f"{path} exists already", CONFIG, "give the new one another name, or move the file away")
    out = console()
    if begun.failed:
        if json:
            print_json({"written": [], "findings": begun.findings})
        else:
            for finding in begun.findings:
                out.print(finding.text, markup=False, soft_wrap=True)
            out.print("nothing was written: give the workspace what it needs, or --set what it calls it")
        return NEGATIVE
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if json:
        print_json({"written": [str(path) for path in paths], "findings": begun.findings})
        return OK
    for path in paths:
        out.print(f"wrote {path}", markup=False)
    out.print(f"\nNext: {then}", markup=False)
    return OK
