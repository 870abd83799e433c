"""Findings: what is wrong with a workspace's documents, where exactly, and what to do about it.

A document is never refused at its first mistake: every reader adds to one report, and a person sees all of it at once, in
the order of files and lines. Rule ids are stable, so that they can be looked up, waived and counted.
"""

import difflib
from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad a finding is. An error of reading keeps a plan from being made, an error of a gate keeps a workspace from passing; a
    warning does neither; a note says what would be better."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong, at a place (line and column count from 1; 0 means the whole file), with its cure."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    cure: str

    @property
    def text(self) -> str:
        """The one-line form, such as `journeys/x.yaml:12:5: error J012 unknown step 'foo'; did you mean 'fo1'?`."""
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.severity} {self.rule} {self.message}" + (f"; {self.cure}" if self.cure else "")


RULES = {
    "D001": "a document is too large",
    "D002": "a document is not UTF-8 text",
    "D003": "a document is not well-formed YAML",
    "D004": "a key is written twice",
    "D005": "anchors and aliases expand too far",
    "D006": "a YAML tag is not allowed",
    "D007": "a document is nested too deeply",
    "D008": "a file must hold exactly one document",
    "D009": "unknown key",
    "D010": "missing key",
    "D011": "a value has the wrong type",
    "D012": "unknown schema version",
    "D013": "unknown kind of document",
    "D014": "two documents of a kind have the same name",
    "D015": "a name is not well-formed",
    "D016": "a value is not one of the choices",
    "D017": "a duration is not well-formed",
    "D018": "a percentage is not well-formed",
    "D019": "a time of day is not well-formed",
    "D020": "a list or map is empty",
    "D021": "a number is out of its range",
    "D022": "a schedule is not well-formed",
    "D023": "a date or time is not well-formed",
    "E001": "a condition or value cannot be read",
    "E002": "a value has another type than what it is assigned to",
    "E003": "a condition is never true",
    "E004": "a condition is always true",
    "E005": "a part of a condition changes nothing",
    "E006": "conditions were not examined, for want of time",
    "J001": "a journey's name does not follow stage.purpose.name",
    "J002": "a journey has no owner",
    "J003": "unknown lifecycle stage",
    "J004": "unknown event type",
    "J005": "unknown purpose",
    "J006": "a step has no kind, or more than one",
    "J007": "two steps have the same id",
    "J008": "a step id is reserved",
    "J009": "a wait has no form, or more than one",
    "J010": "a wait for an event or a condition has no timeout",
    "J011": "a wait has a key that its form does not use",
    "J012": "unknown step",
    "J013": "a step cannot be reached",
    "J014": "a cycle passes no wait",
    "J015": "shares do not add up to 100 %",
    "J016": "unknown channel",
    "J017": "unknown content",
    "J018": "a content is written for another channel",
    "J019": "unknown attribute",
    "J020": "a send has no purpose",
    "J021": "a send does not say what happens when a policy blocks it",
    "J022": "unknown endpoint",
    "J023": "emitted data do not keep the event's contract",
    "J024": "an entry variable is used with two types",
    "J025": "an attribute of another type cannot hold an address",
    "J026": "an event of this type may not be emitted",
    "J027": "an entrance or exit has two forms",
    "J028": "a repeat takes too many steps at one instant",
    "J029": "the key of entries cannot be set",
    "J030": "unknown journey",
    "J031": "a task does not say what becomes of it in time",
    "J032": "a task is for nobody, or for a team and a person",
    "J033": "unknown catalogue",
    "J034": "unknown action of a catalogue",
    "J035": "an action has nothing that it could be chosen by",
    "J036": "a migration names no version",
    "J037": "there are no accounts",
    "J038": "a message of a journey on accounts does not say whom it goes to, or one of persons does",
    "J039": "unknown role",
    "J040": "a message to somebody at an account is ranked by what the account knows",
    "J041": "a message is sent on the same channel twice",
    "F001": "unknown fragment",
    "F002": "unknown version of a fragment",
    "F003": "a fragment contains itself",
    "F004": "a parameter is missing",
    "F005": "unknown parameter",
    "F006": "a parameter is given a value of another type",
    "F007": "a fragment's parameter is used where it does not fit",
    "F008": "a fragment does not use a parameter",
    "F009": "a journey has too many steps",
    "C001": "a content has a part that its channel does not know",
    "C002": "a content lacks a part that its channel needs",
    "C003": "a template reads a variable that does not exist",
    "C004": "a template is not well-formed",
    "C005": "a template's variable has two types in two journeys",
    "C006": "no journey uses a content",
    "C007": "a template's markup would lose something",
    "C008": "a template's markup cannot be read",
    "C009": "the end of rights is not an instant",
    "C010": "a content shows an asset whose rights have ended",
    "C011": "the rights of an asset end soon",
    "C012": "a content lacks a language",
    "C013": "a brand's content is sent for a purpose that is not the brand's",
    "C014": "unknown brand",
    "C015": "customers' languages are not known",
    "C016": "a content excludes a claim that no other content makes",
    "Q001": "unknown coupon pool",
    "Q002": "the codes of a coupon pool cannot be read",
    "Q003": "a coupon code stands twice",
    "P001": "unknown time zone",
    "P002": "quiet hours begin and end at the same time",
    "P003": "two policy rules have the same name",
    "P004": "two policies give different values for one setting",
    "P005": "unknown journey in a policy",
    "P006": "a marketing purpose rests on a basis that does not allow marketing",
    "P007": "messages would wait for two contact slots",
    "P008": "a purpose belongs to two brands",
    "B001": "a calendar names no days",
    "B002": "unknown country or region",
    "B003": "the file of a calendar cannot be read",
    "B004": "a calendar does not say from when to when it knows its days",
    "B005": "a span of a calendar ends before it begins",
    "B006": "a calendar's days end soon",
    "B007": "a calendar's days have ended",
    "U001": "an audience has no owner",
    "U002": "an audience does not say who is in it",
    "U003": "audiences are made of each other",
    "U004": "unknown audience",
    "A001": "two profiles are declared",
    "A002": "an attribute's source does not exist",
    "A003": "an attribute's source has another type",
    "G001": "two people have the same id",
    "G002": "a public key is not an Ed25519 key",
    "G003": "two people have the same public key",
    "G004": "unknown team",
    "K001": "a data contract cannot be read",
    "K002": "an event type is declared twice",
    "K003": "a constraint of a contract is not enforced",
    "K004": "a contract leaves out what the system needs of an event type of its own",
    "T001": "a test names something that does not exist",
    "T002": "an event of a test does not keep its contract",
    "T003": "a test goes back in time",
    "T004": "two tests of a journey have the same name",
    "T005": "an attribute of a test has a value of another type",
    "T006": "a test asks for what cannot be",
    "T007": "a test fails",
    "T008": "no test of the journey takes an edge",
    "L001": "a template uses a parameter that it does not declare",
    "L002": "a template declares a parameter that it does not use",
    "L003": "a parameter's default is not of its type",
    "V001": "a review policy or waiver names something that does not exist",
    "V002": "the tiers or points of a review policy make no sense",
    "V003": "a waiver is owned by nobody",
    "V008": "a waiver does not end",
    "W001": "a workspace file is missing",
    "W002": "a document lies in the wrong folder",
    "W003": "an environment variable is not set",
    "W004": "a write key is used twice",
    "W005": "a channel of this name is not installed",
    "W006": "a secret is written into a file of a production workspace",
    "W007": "the settings of a channel or endpoint are not what it needs",
}
"""Every rule there is, by its stable id: D documents, E expressions, J journeys, F fragments, C contents, Q coupons, P policies, B
calendars, U audiences, A attributes, K contracts, T tests, L templates, V reviews, W workspaces."""

WARNINGS = frozenset(
    (
        "E003",
        "E004",
        "E005",
        "E006",
        "J001",
        "J002",
        "J003",
        "J021",
        "F008",
        "U001",
        "C006",
        "C007",
        "C011",
        "C016",
        "P006",
        "B006",
        "K003",
        "T008",
        "W003",
        "W006",
    )
)
"""The rules whose findings are warnings; all others are errors."""


class Report:
    """What readers add their findings to. One report is passed through all documents of a workspace."""

    def __init__(self) -> None:
        self._findings: set[Finding] = set()

    def add(self, rule: str, path: str, place: tuple[int, int], message: str, cure: str = "") -> None:
        """Note that a rule is broken at a place (line, column) of a file."""
        severity = Severity.WARNING if rule in WARNINGS else Severity.ERROR
        assert rule in RULES, rule
        self._findings.add(Finding(path, place[0], place[1], rule, severity, message, cure))

    def extend(self, findings: Iterable[Finding]) -> None:
        """Note findings made elsewhere."""
        self._findings.update(findings)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, each once, in the order of files and lines."""
        return tuple(sorted(self._findings))

    def failed_in(self, path: str) -> bool:
        """Whether any finding in a file is an error."""
        return any(finding.severity is Severity.ERROR and finding.path == path for finding in self._findings)

    @property
    def failed(self) -> bool:
        """Whether any finding is an error."""
        return any(finding.severity is Severity.ERROR for finding in self._findings)


def suggestion(name: str, known: Iterable[str], what: str) -> str:
    """The cure for an unknown name: the nearest known one, and what there is; `what` is the plural of the thing."""
    names = sorted(known)
    if not names:
        return f"there are no {what} yet"
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    there_is = f"{what[0].upper()}{what[1:]} are: {shown}"
    return f"did you mean {near[0]!r}? {there_is}" if near else there_is
