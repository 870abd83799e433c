"""Playbooks: templates that belong together, with the figures to watch and what to do when something goes wrong.

A playbook is for people. What it puts into a workspace are journeys like any others; of the playbook itself the workspace keeps the
document, as the place where its owners look things up.
"""

import msgspec

from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import Report
from pilotage.journey.forms import FORMS
from pilotage.journey.shape import check


class Figure(msgspec.Struct, frozen=True):
    """A key figure, what it means, and what it should come to."""

    kpi: str
    meaning: str
    target: str


class Part(msgspec.Struct, frozen=True):
    """A template of a playbook, the name of the journey begun from it, and what is set for it."""

    template: str
    name: str
    settings: dict[str, str]


class Rule(msgspec.Struct, frozen=True):
    """What to do when something happens, and who does it."""

    when: str
    do: str
    who: str


class Playbook(msgspec.Struct, frozen=True):
    """A playbook as written; `source` is its document."""

    name: str
    description: str
    guide: str
    kpis: tuple[Figure, ...]
    parts: tuple[Part, ...]
    runbook: tuple[Rule, ...]
    source: str


def parse_playbook(document: Document, report: Report) -> Playbook | None:
    """The playbook of a document; None, with findings, where it is not right."""
    root, before = document.root, len(report.findings)
    check(root, FORMS["playbook"], "the playbook", document, report)
    if len(report.findings) > before:
        return None
    return Playbook(
        name=root.text("name"),
        description=root.text("description"),
        guide=root.text("guide").strip(),
        kpis=tuple(Figure(each.text("kpi"), each.text("meaning"), each.text("target")) for each in _items(root, "kpis")),
        parts=tuple(_part(each) for each in _items(root, "templates")),
        runbook=tuple(Rule(each.text("when"), each.text("do"), each.text("who")) for each in _items(root, "runbook")),
        source=document.source,
    )


def _items(fields: Fields, key: str) -> list[Fields]:
    return [item for item in fields.list(key) if isinstance(item, Fields)]


def _part(fields: Fields) -> Part:
    written = fields.map("set")
    settings = {key.text: value.text for key, value in (written.fields if written else ()) if isinstance(value, Scalar)}
    return Part(fields.text("template"), fields.text("name", fields.text("template")), settings)
