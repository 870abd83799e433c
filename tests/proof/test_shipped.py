"""What we bring passes its own gates: the library, the starting workspace, the demo and the examples."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from pilotage.app.gates import Findings
from pilotage.app.library import fragments, library
from pilotage.app.starter import init
from pilotage.app.workspace import Workspace, compile_workspace, load
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Report, Severity
from pilotage.journey.template import instantiated
from pilotage.source.zones import packaged_zones
from tests.proof.model_workspace import found
from tests.tree import ROOT

DEMO = ROOT / "pilotage" / "simulate" / "demo"


def _serious(findings: Findings) -> list[str]:
    return [finding.text for finding in findings.verdict.findings if finding.severity is not Severity.NOTE and finding.rule != "W003"]


@pytest.mark.parametrize("folder", ["examples/shop", "examples/cdnow", "pilotage/simulate/demo"])
def test_what_is_shown_has_neither_errors_nor_warnings(folder: str) -> None:
    """The demo and the examples pass every gate but for notes."""
    assert [] == _serious(found(load(ROOT / folder, {})))


def test_the_starting_workspace_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    """What `pilotage init` writes has notes that tell a newcomer what to do next, and nothing worse."""
    init(tmp_path / "shop", write_key="key")
    findings = found(load(tmp_path / "shop", {}))
    assert [] == _serious(findings)
    assert {"N003", "N008", "N010", "N020"} == {finding.rule for finding in findings.verdict.findings}


def test_the_library_has_neither_errors_nor_warnings() -> None:
    """All templates of the library, begun together with their defaults in one workspace, pass every gate but for notes."""
    demo = load(DEMO, {})
    kept = tuple(document for document in demo.documents if document.kind in ("profile", "policy"))
    bare = msgspec.structs.replace(demo, documents=kept)
    contracts = {contract.event: contract for contract in compile_workspace(bare, packaged_zones()).contracts}
    texts = {fragment.document.path: fragment.document.source for fragment in fragments()}
    for template in library():
        texts |= instantiated(template, template.name, demo.company, {}, contracts)
    findings = found(_with(bare, texts.items()))
    assert findings.compiled.plan is not None and len(findings.compiled.plan.journeys) >= 16
    assert [] == _serious(findings)


def _with(workspace: Workspace, texts: Iterable[tuple[str, str]]) -> Workspace:
    report = Report()
    read = [read_document(text.encode(), path, report) for path, text in texts]
    assert not report.failed
    added: list[Document] = [document for document in read if document is not None]
    return msgspec.structs.replace(workspace, documents=(*workspace.documents, *added))
