"""Waivers: rules that do not count for a while, because somebody said so, with a reason and a last day.

A waiver keeps a finding visible and takes its weight; once its day has passed the finding counts again and says since when. What
is wrong with waivers is a finding too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase

import msgspec

from pilotage.event.time import moment
from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import Finding, Severity
from pilotage.journey.scalars import day_or_instant
from pilotage.proof.premises import texts
from pilotage.proof.rule import Example, Rule

DAYS_MAX = 366
POLICY = "policies/gates.yaml"


class Waiver(msgspec.Struct, frozen=True):
    """A rule that does not count in some documents (empty: in all) up to and with a day, and where that is written."""

    rule: str
    paths: tuple[str, ...]
    owner: str
    until: date
    reason: str
    path: str
    place: tuple[int, int]

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is of this rule and in one of its documents."""
        return finding.rule == self.rule and (not self.paths or any(fnmatchcase(finding.path, each) for each in self.paths))


class Waived(msgspec.Struct, frozen=True):
    """A finding that does not count, and who answers for that, how long and why."""

    finding: Finding
    owner: str
    until: date
    reason: str
    path: str
    line: int


class Verdict(msgspec.Struct, frozen=True):
    """What came of all rules: the findings that count, in the order of files and lines, and those that are waived."""

    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings of a severity count."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def failed(self) -> bool:
        """Whether a finding that counts is an error."""
        return self.count(Severity.ERROR) > 0


def waivers_of(documents: Iterable[Document]) -> tuple[Waiver, ...]:
    """The waivers of all policies, in the order written."""
    return tuple(waiver for document in documents if document.kind == "policy" for waiver in _waivers(document))


def _waivers(document: Document) -> Iterator[Waiver]:
    gates = document.root.map("gates")
    for item in gates.list("waivers") if gates else ():
        until = day_or_instant(item.scalar("until")) if isinstance(item, Fields) else None
        if isinstance(item, Fields) and until is not None:
            given = (item.text("rule"), texts(item, "in"), item.text("owner"), until, item.text("reason"))
            yield Waiver(*given, document.path, item.place)


def raised(documents: Iterable[Document]) -> dict[str, tuple[Severity, Document, Scalar]]:
    """The rules that policies take more seriously."""
    found: dict[str, tuple[Severity, Document, Scalar]] = {}
    for document in documents:
        gates = document.root.map("gates") if document.kind == "policy" else None
        written = gates.map("raise") if gates else None
        for key, value in written.fields if written else ():
            if isinstance(value, Scalar) and value.text in ("error", "warning"):
                found[key.text] = (Severity(value.text), document, key)
    return found


def judge(
    findings: Iterable[Finding], documents: Sequence[Document], rules: Mapping[str, Rule], now_us: int, *, whole: bool = True
) -> Verdict:
    """The findings as policies want them taken: raised, or waived while a waiver holds. What is wrong with waivers is added; that one
    waives nothing, only where the findings are the `whole` of what could be found."""
    today, higher, waivers = moment(now_us).date(), raised(documents), waivers_of(documents)
    usable = [each for each in waivers if each.rule in rules and rules[each.rule].waivable]
    counting, waived, used = list(_faults(waivers, higher, rules, today)), list[Waived](), set[Waiver]()
    for finding in findings:
        matching = [each for each in usable if each.covers(finding)]
        used |= set(matching)
        held = next((each for each in matching if each.until >= today), None)
        if finding.rule in higher and finding.severity is not Severity.ERROR:
            finding = msgspec.structs.replace(finding, severity=higher[finding.rule][0])
        if held is not None:
            waived.append(Waived(finding, held.owner, held.until, held.reason, held.path, held.place[0]))
        elif matching:
            last = max(matching, key=lambda each: each.until)
            message = f"{finding.message} (waived by {last.owner} until {last.until}, which has passed)"
            counting.append(msgspec.structs.replace(finding, message=message))
        else:
            counting.append(finding)
    counting += [_idle(each) for each in usable if whole and each not in used and each.until >= today]
    return Verdict(tuple(sorted(set(counting))), tuple(sorted(waived, key=lambda each: each.finding)))


def _faults(
    waivers: Iterable[Waiver], higher: Mapping[str, tuple[Severity, Document, Scalar]], rules: Mapping[str, Rule], today: date
) -> Iterator[Finding]:
    for name, (_, document, key) in higher.items():
        if name not in rules:
            yield _finding(UNKNOWN, document.path, key.place, f"there is no rule {name!r}")
    for each in waivers:
        if each.rule not in rules:
            yield _finding(UNKNOWN, each.path, each.place, f"there is no rule {each.rule!r}")
        elif not rules[each.rule].waivable:
            yield _finding(UNWAIVABLE, each.path, each.place, f"{each.rule} cannot be waived: {rules[each.rule].title}")
        elif each.until < today:
            yield _finding(EXPIRED, each.path, each.place, f"the waiver of {each.rule} by {each.owner} ended on {each.until}")
        elif each.until - today > timedelta(days=DAYS_MAX):
            yield _finding(ENDLESS, each.path, each.place, f"the waiver of {each.rule} holds until {each.until}, more than a year")


def _idle(waiver: Waiver) -> Finding:
    return _finding(IDLE, waiver.path, waiver.place, f"nothing breaks {waiver.rule} where this waiver holds")


def _finding(rule: Rule, path: str, place: tuple[int, int], message: str) -> Finding:
    return Finding(path, place[0], place[1], rule.id, rule.severity, message, rule.cure)


def _rule(rule: str, title: str, severity: Severity, why: str, cure: str, wrong: str) -> Rule:
    return Rule(rule, title, severity, why, cure, Example(POLICY, wrong, RIGHT), waivable=False)


RIGHT = (
    "    - {rule: G008, in: [journeys/digest.yaml], owner: head-of-crm, until: 2027-06-30, "
    "reason: the digest is read or not; there is nothing to compare}\n"
)

UNKNOWN = _rule(
    "V001",
    "unknown rule",
    Severity.ERROR,
    "A waiver or a raise of a rule that does not exist does nothing, and whoever wrote it believes that it does.",
    "correct the id; 'pilotage rules' lists all",
    RIGHT + "    - {rule: G800, owner: head-of-crm, until: 2027-06-30, reason: there is nothing to compare}\n",
)
UNWAIVABLE = _rule(
    "V002",
    "a rule that cannot be waived",
    Severity.ERROR,
    "Some faults leave nothing to run: a step that does not exist, a condition that cannot be read. No signature makes them work.",
    "correct what breaks the rule, and remove the waiver",
    RIGHT + "    - {rule: J012, owner: head-of-crm, until: 2027-06-30, reason: we will write the step later}\n",
)
EXPIRED = _rule(
    "V003",
    "a waiver has ended",
    Severity.WARNING,
    "Somebody promised to put something right by that day. What was waived counts again, and the promise has to be kept or given anew.",
    "put right what was waived and remove the waiver, or have its owner extend it",
    RIGHT + "    - {rule: G010, in: [journeys/none.yaml], owner: head-of-crm, until: 2025-06-30, reason: being written}\n",
)
ENDLESS = _rule(
    "V004",
    "a waiver holds for more than a year",
    Severity.WARNING,
    "A waiver that outlives everybody who remembers it is a rule switched off. A year is long enough to look again.",
    f"choose a day within {DAYS_MAX} days",
    RIGHT.replace("2027-06-30", "2099-06-30"),
)
IDLE = _rule(
    "V005",
    "a waiver of nothing",
    Severity.NOTE,
    "What it was written for has been put right or renamed. Left in place it will wave through the next one, which nobody has looked at.",
    "remove the waiver",
    RIGHT + "    - {rule: G010, owner: head-of-crm, until: 2027-06-30, reason: the runbooks are being written}\n",
)
WAIVERS = (UNKNOWN, UNWAIVABLE, EXPIRED, ENDLESS, IDLE)
"""The rules on waivers themselves."""
