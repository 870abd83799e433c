"""Waivers: findings that somebody answers for, so that they do not block, until a date.

They are a document of the workspace (`waivers.yaml`), part of the evidence that approvers sign: nobody waives for himself alone. A
waiver is for one rule in one document, or in all (`*`); one that has expired waives nothing, and keeps what it waived from being
released.
"""

from collections.abc import Iterable, Iterator

from pilotage.journey.document import Document, Fields
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms import FORMS
from pilotage.journey.shape import check
from pilotage.proof.gates import ALL
from pilotage.proof.waivers import FILE as FILE
from pilotage.proof.waivers import Waiver, end_us

LATEST_US = 7_258_118_400_000_000
"""The latest instant a waiver may end, 2200-01-01: also what canonical JSON can write."""


def parse_waivers(document: Document, people: Iterable[str], report: Report) -> tuple[Waiver, ...]:
    """The waivers of a document; `people` are the ids of those who may own one. Those that are not right are reported."""
    own, known = Report(), set(people)
    check(document.root, FORMS["waivers"], "the waivers", document, own)
    found = () if own.failed else tuple(_waivers(document, known, own))
    report.extend(own.findings)
    return found


def _waivers(document: Document, people: set[str], report: Report) -> Iterator[Waiver]:
    for fields in document.root.list("waivers"):
        if not isinstance(fields, Fields):
            continue
        rule, owner = fields.scalar("rule"), fields.scalar("owner")
        if rule is not None and rule.text not in ALL:
            report.add("V001", document.path, rule.place, f"unknown rule {rule.text!r}", "write the id of a rule, such as J021")
        if owner is not None and owner.text not in people:
            report.add("V003", document.path, owner.place, f"unknown person {owner.text!r}", suggestion(owner.text, people, "people"))
        until = fields.scalar("until")
        if end_us(until) > LATEST_US:
            report.add(
                "V008", document.path, fields.key("until").place, "a waiver that does not end is none", "write a day before 2200-01-01"
            )
            continue
        yield Waiver(fields.text("rule"), fields.text("document"), fields.text("owner"), fields.text("reason"), end_us(until))
