"""All rules there are, by id, and what the gates among them find."""

from collections.abc import Iterable

from pilotage.journey.findings import RULES, WARNINGS, Finding, Severity
from pilotage.proof.accessibility import ACCESSIBILITY
from pilotage.proof.browsed import BROWSED
from pilotage.proof.contact import CONTACT
from pilotage.proof.links import LINKS
from pilotage.proof.messages import MESSAGES
from pilotage.proof.ownership import OWNERSHIP
from pilotage.proof.premises import Premises
from pilotage.proof.reading import READING
from pilotage.proof.rule import Rule
from pilotage.proof.waivers import WAIVERS
from pilotage.proof.ways import WAYS

GATES: tuple[Rule, ...] = (*OWNERSHIP, *WAYS, *CONTACT, *MESSAGES, *LINKS, *ACCESSIBILITY)
"""The rules that look at a workspace whose documents make a plan."""


def _of_readers() -> Iterable[Rule]:
    """The rules of those who read documents. An error of theirs keeps a plan from being made, so nobody can waive it."""
    told = {rule.id: rule for rule in READING}
    for name, title in RULES.items():
        severity = Severity.WARNING if name in WARNINGS else Severity.ERROR
        yield told.get(name) or Rule(name, title, severity, "", "", waivable=name in WARNINGS)


ALL: dict[str, Rule] = {rule.id: rule for rule in (*_of_readers(), *GATES, BROWSED, *WAIVERS)}
"""Every rule by its id."""


def gate_findings(premises: Premises, gates: Iterable[Rule] = GATES) -> tuple[Finding, ...]:
    """What the gates find, in the order of files and lines."""
    found = set()
    for rule in gates:
        for each in rule.check(premises) if rule.check is not None else ():
            found.add(Finding(each.path, *each.place, rule.id, rule.severity, each.message, each.cure or rule.cure))
    return tuple(sorted(found))
