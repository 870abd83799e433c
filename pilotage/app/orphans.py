"""Journeys that nobody answers for: read from the documents alone, so that listing them compiles nothing."""

from pathlib import Path

from pilotage.app.bundling import document_files
from pilotage.app.ruling import rules_of
from pilotage.event.time import moment
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.review.ownership import Gone, gone


def orphans_of(workspace: Path, now_us: int) -> tuple[Gone, ...]:
    """The journeys whose accountable person or team is not there any more. Documents that cannot be read are `check`'s business."""
    report = Report()
    read = (read_document(raw, path, report) for path, raw in document_files(workspace).items() if path.startswith("journeys/"))
    documents = [document for document in read if document is not None]
    return gone(documents, rules_of(workspace).people, moment(now_us).date())
