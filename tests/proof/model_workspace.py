"""The model workspace: one without a single finding, and the same with an excerpt of one document exchanged."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec

from pilotage.app.gates import Findings, findings_of_workspace
from pilotage.app.workspace import Workspace, load
from pilotage.contract.odcs import read_odcs
from pilotage.event.time import instant_us
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.review.waiver import parse_waivers
from pilotage.source.zones import packaged_zones

MODEL = Path(__file__).parent / "model"
NOW_US = instant_us(datetime(2026, 11, 26, 12))


@cache
def model() -> Workspace:
    """The model workspace, read once."""
    return load(MODEL, {})


def exchanged(path: str, old: str, new: str) -> Workspace:
    """The model workspace with an excerpt of one of its documents exchanged; the excerpt must stand there exactly once."""
    if not (MODEL / path).is_file():
        assert old == "", f"there is no {path}"
        return with_texts({path: new})
    text = (MODEL / path).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path} has this {text.count(old)} times:\n{old}"
    return with_texts({path: text.replace(old, new)})


def with_texts(texts: Mapping[str, str]) -> Workspace:
    """The model workspace with other texts of some of its documents; a path that is new adds one."""
    whole, report = model(), Report()
    texts, waivers = dict(texts), texts.get("waivers.yaml")
    if texts.pop("waivers.yaml", None) is not None and waivers is not None:
        document = read_document(waivers.encode(), "waivers.yaml", report)
        assert document is not None
        parse_waivers(document, [person.id for person in whole.people.people], report)
        findings = report.findings
        report = Report()
        whole = msgspec.structs.replace(whole, waivers=document, findings=findings)
    read = {path: read_document(text.encode(), path, report) for path, text in texts.items() if not path.endswith(".odcs.yaml")}
    assert not report.failed, report.findings
    if (settings := read.pop("pilotage.yaml", None)) is not None:
        bindings = settings.root.map("bindings")
        assert bindings is not None
        endpoints = bindings.map("endpoints")
        bound = {key.text: {"url": value.text("url")} for key, value in (endpoints.fields if endpoints else ())}  # type: ignore[union-attr]
        whole = msgspec.structs.replace(whole, settings=settings, endpoints=bound)
    contracts = tuple(read_odcs(text, path) for path, text in texts.items() if path.endswith(".odcs.yaml"))
    documents = {document.path: document for document in whole.documents} | {path: each for path, each in read.items() if each is not None}
    files = (*(each for each in whole.contract_files if not contracts), *contracts)
    return msgspec.structs.replace(whole, documents=tuple(documents[path] for path in sorted(documents)), contract_files=files)


def found(workspace: Workspace, *, tests: bool = False) -> Findings:
    """What is found in a workspace on a fixed day, under the usual zones."""
    return findings_of_workspace(workspace, packaged_zones(), NOW_US, tests=tests)
