"""Waivers: rules that do not count for a while, because somebody said so, with a reason and a last day.

A waiver keeps a finding visible and takes its weight; once its day has passed the finding counts again and says since when. What
is wrong with waivers is a finding too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from fnmatch import fnmatchcase

import msgspec

from pilotage.event.time import DAY_US, instant_us, moment
from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import Finding, Severity
from pilotage.journey.scalars import day_or_instant
from pilotage.proof.rule import Example, Rule

DAYS_MAX = 366
FILE = "waivers.yaml"
"""Where the waivers lie in a workspace."""


class Waiver(msgspec.Struct, frozen=True):
    """A rule that does not count in the documents whose paths are like `document`, in which * stands for anything, until an instant, and
    where that is written."""

    rule: str
    document: str
    owner: str
    reason: str
    until_us: int
    place: tuple[int, int] = (0, 0)

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is of this rule and in such a document."""
        return finding.rule == self.rule and fnmatchcase(finding.path, self.document)


class Standing(msgspec.Struct, frozen=True):
    """How waivers stand to a finding: those that are for it, the one of them that holds (of several the one that lasts longest), and
    where none does the one that has ended last."""

    matching: tuple[Waiver, ...] = ()
    held: Waiver | None = None
    ended: Waiver | None = None


def standing(finding: Finding, waivers: Iterable[Waiver], rules: Mapping[str, Rule], now_us: int) -> Standing:
    """How waivers stand to a finding now, for whoever checks and whoever reviews; of a rule that cannot be waived none counts."""
    rule = rules.get(finding.rule)
    matching = tuple(each for each in waivers if each.covers(finding)) if rule is not None and rule.waivable else ()
    last = max(matching, key=lambda each: each.until_us, default=None)
    if last is None or last.until_us <= now_us:
        return Standing(matching, ended=last)
    return Standing(matching, held=last)


class Waived(msgspec.Struct, frozen=True):
    """A finding that does not count, and who answers for that, how long and why."""

    finding: Finding
    owner: str
    until: str
    reason: str
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


def waivers_of(document: Document | None) -> tuple[Waiver, ...]:
    """The waivers of the document that has them, in the order written."""
    found = []
    for item in document.root.list("waivers") if document is not None else ():
        until_us = end_us(item.scalar("until")) if isinstance(item, Fields) else 0
        if isinstance(item, Fields) and until_us:
            found.append(Waiver(item.text("rule"), item.text("document"), item.text("owner"), item.text("reason"), until_us, item.place))
    return tuple(found)


def end_us(scalar: Scalar | None) -> int:
    """The instant a waiver ends: of a day its end, in UTC; 0 where none is written."""
    found = day_or_instant(scalar)
    if found is None:
        return 0
    if isinstance(found, datetime):
        return instant_us(found if found.tzinfo else found.replace(tzinfo=UTC))
    return instant_us(datetime.combine(found, time(), UTC)) + DAY_US


def _day(until_us: int) -> str:
    """The last day on which a waiver holds, in UTC."""
    return f"{moment(until_us - 1):%Y-%m-%d}"


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


def raise_severities(findings: Iterable[Finding], documents: Iterable[Document]) -> tuple[Finding, ...]:
    """The findings, with the severity that policies raise them to; none is lowered."""
    higher = raised(documents)
    return tuple(
        msgspec.structs.replace(finding, severity=higher[finding.rule][0])
        if finding.rule in higher and finding.severity is not Severity.ERROR
        else finding
        for finding in findings
    )


def judge(
    findings: Iterable[Finding],
    documents: Sequence[Document],
    waivers: Sequence[Waiver],
    rules: Mapping[str, Rule],
    now_us: int,
    *,
    whole: bool = True,
) -> Verdict:
    """The findings as they are to be taken: raised by policies, or waived while a waiver holds. What is wrong with waivers is added; that
    one waives nothing, only where the findings are the `whole` of what could be found."""
    usable = [each for each in waivers if each.rule in rules and rules[each.rule].waivable]
    counting, waived, used = list(_faults(waivers, raised(documents), rules, now_us)), list[Waived](), set[Waiver]()
    for finding in raise_severities(findings, documents):
        found = standing(finding, waivers, rules, now_us)
        used |= set(found.matching)
        if found.held is not None:
            waived.append(Waived(finding, found.held.owner, _day(found.held.until_us), found.held.reason, found.held.place[0]))
        elif found.ended is not None:
            message = f"{finding.message} (waived by {found.ended.owner} until {_day(found.ended.until_us)}, which has passed)"
            counting.append(msgspec.structs.replace(finding, message=message))
        else:
            counting.append(finding)
    counting += [_idle(each) for each in usable if whole and each not in used and each.until_us > now_us]
    return Verdict(tuple(sorted(set(counting))), tuple(sorted(waived, key=lambda each: each.finding)))


def _faults(
    waivers: Iterable[Waiver], higher: Mapping[str, tuple[Severity, Document, Scalar]], rules: Mapping[str, Rule], now_us: int
) -> Iterator[Finding]:
    for name, (_, document, key) in higher.items():
        if name not in rules:
            cure = "write the id of a rule; 'pilotage rules' lists all"
            yield Finding(document.path, *key.place, "V001", Severity.ERROR, f"unknown rule {name!r}", cure)
    for each in waivers:
        if each.rule in rules and not rules[each.rule].waivable:
            yield _finding(UNWAIVABLE, each, f"{each.rule} cannot be waived: {rules[each.rule].title}")
        elif each.until_us <= now_us:
            yield _finding(EXPIRED, each, f"the waiver of {each.rule} by {each.owner} ended on {_day(each.until_us)}")
        elif each.until_us - now_us > DAYS_MAX * DAY_US:
            yield _finding(ENDLESS, each, f"the waiver of {each.rule} holds until {_day(each.until_us)}, more than a year")


def _idle(waiver: Waiver) -> Finding:
    return _finding(IDLE, waiver, f"nothing breaks {waiver.rule} where this waiver holds")


def _finding(rule: Rule, waiver: Waiver, message: str) -> Finding:
    return Finding(FILE, *waiver.place, rule.id, rule.severity, message, rule.cure)


def _rule(rule: str, title: str, severity: Severity, why: str, cure: str, wrong: str) -> Rule:
    return Rule(rule, title, severity, why, cure, Example(FILE, wrong, RIGHT), waivable=False)


RIGHT = (
    "  - {rule: N008, document: journeys/digest.yaml, owner: ada, until: 2027-06-30, "
    "reason: the digest is read or not; there is nothing to compare}\n"
)

UNWAIVABLE = _rule(
    "V004",
    "a rule that cannot be waived",
    Severity.ERROR,
    "Some faults leave nothing to run: a step that does not exist, a condition that cannot be read. No signature makes them work.",
    "correct what breaks the rule, and remove the waiver",
    RIGHT + "  - {rule: J012, document: '*', owner: ada, until: 2027-06-30, reason: we will write the step later}\n",
)
EXPIRED = _rule(
    "V005",
    "a waiver has ended",
    Severity.WARNING,
    "Somebody promised to put something right by that day. What was waived counts again, and the promise has to be kept or given anew.",
    "put right what was waived and remove the waiver, or have its owner extend it",
    RIGHT + "  - {rule: N010, document: journeys/none.yaml, owner: ada, until: 2025-06-30, reason: being written}\n",
)
ENDLESS = _rule(
    "V006",
    "a waiver holds for more than a year",
    Severity.WARNING,
    "A waiver that outlives everybody who remembers it is a rule switched off. A year is long enough to look again.",
    f"choose a day within {DAYS_MAX} days",
    RIGHT.replace("2027-06-30", "2099-06-30"),
)
IDLE = _rule(
    "V007",
    "a waiver of nothing",
    Severity.NOTE,
    "What it was written for has been put right or renamed. Left in place it will wave through the next one, which nobody has looked at.",
    "remove the waiver",
    RIGHT + "  - {rule: N010, document: '*', owner: ada, until: 2027-06-30, reason: the runbooks are being written}\n",
)
WAIVERS = (UNWAIVABLE, EXPIRED, ENDLESS, IDLE)
"""The rules on waivers themselves."""
