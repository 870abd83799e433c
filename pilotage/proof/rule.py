"""Rules: what is looked at, why it matters, how it is put right, with one example of each.

A rule is data and one function. The example is an excerpt of a document as it should not be and as it should; the tests put
either into a whole workspace and see that the rule, and no other, finds the first and not the second.
"""

from collections.abc import Callable, Iterable

import msgspec

from pilotage.journey.document import Document
from pilotage.journey.findings import Severity
from pilotage.proof.premises import Premises


class Flaw(msgspec.Struct, frozen=True):
    """One place at which a rule is broken: the document, line and column (from 1), what is wrong there, and the cure where it is
    another than the rule's own."""

    path: str
    place: tuple[int, int]
    message: str
    cure: str = ""


Check = Callable[[Premises], Iterable[Flaw]]


class Example(msgspec.Struct, frozen=True):
    """An excerpt of the document at a path, as it breaks the rule and as it keeps it. Empty: there is nothing where it should be."""

    path: str
    wrong: str
    right: str


class Rule(msgspec.Struct, frozen=True):
    """One rule. `why` is the rationale, in sentences; `standard` is what it comes from, such as `WCAG 2.2, 1.1.1`. Without `check`,
    readers of documents find it, and where it keeps a plan from being made it cannot be `waivable`."""

    id: str
    title: str
    severity: Severity
    why: str
    cure: str
    example: Example | None = None
    standard: str = ""
    check: Check | None = None
    waivable: bool = True


def gate(
    rule: str,
    title: str,
    severity: Severity,
    *,
    why: str,
    cure: str,
    at: str,
    wrong: str,
    right: str,
    standard: str = "",
    waivable: bool = True,
) -> Callable[[Check], Rule]:
    """Makes a rule of the function that looks for what breaks it."""
    example = Example(at, wrong, right)

    def made(check: Check) -> Rule:
        return Rule(rule, title, severity, why, cure, example, standard, check, waivable)

    return made


def flaw(document: Document, place: tuple[int, int], message: str, cure: str = "") -> Flaw:
    """A flaw in a document."""
    return Flaw(document.path, place, message, cure)
