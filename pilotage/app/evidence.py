"""Evidence: what was shown about plans, as files named by digest, beside the data or in the workspace.

A rehearsal's report is one JSON file, whose name begins with the digest of the candidate plan. Whoever decides about a plan asks
`evidence_of` what there is.
"""

from pathlib import Path

import msgspec

from pilotage.app.proven import FOLDER as FOLDER
from pilotage.app.proven import folder_of as folder_of
from pilotage.event.digest import digest
from pilotage.event.time import instant_us, moment
from pilotage.runner.folder import write_file
from pilotage.simulate.report import Report

SUFFIX = ".json"


class Evidence(msgspec.Struct, frozen=True):
    """A report on file: the digest of its content, the plans it is about, and since when it is there (µs UTC)."""

    kind: str
    digest: str
    plan: str
    before: str
    candidate: list[str]
    events: str
    begins: str
    until: str
    since_us: int
    path: str


class EvidenceUnknown(LookupError):
    """There is no evidence of this name. 'pilotage rehearse list' says what there is."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no evidence {name!r}; 'pilotage rehearse list' says what there is")


def keep(folder: Path, report: Report) -> Path:
    """Put a report on file; the same report has the same name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.kind}-{report.plan[:16]}-{digest(report)[:16]}{SUFFIX}"
    write_file(path, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return path


def all_evidence(folder: Path) -> list[Evidence]:
    """Everything on file, the newest last. A file that is none is passed over."""
    found = []
    for path in folder.glob(f"*-*-*{SUFFIX}"):
        try:
            report = read(path)
        except (msgspec.DecodeError, UnicodeDecodeError, OSError):
            continue
        since_us = instant_us(moment(path.stat().st_mtime_ns // 1000))
        about = (report.plan, report.before, report.candidate, report.events, report.begins, report.until)
        found.append(Evidence(report.kind, digest(report), *about, since_us, str(path)))
    return sorted(found, key=lambda each: (each.since_us, each.digest))


def evidence_of(folder: Path, plan: str) -> list[Evidence]:
    """What was shown about the plan of a digest, or of how it begins; the newest last."""
    return [each for each in all_evidence(folder) if each.plan.startswith(plan)]


def read(path: Path) -> Report:
    """A report on file."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def read_named(folder: Path, name: str) -> Report:
    """The report whose digest begins so, or the newest on a plan whose digest does; `EvidenceUnknown`."""
    for each in reversed(all_evidence(folder)):
        if name and (each.digest.startswith(name) or each.plan.startswith(name)):
            return read(Path(each.path))
    raise EvidenceUnknown(name)
