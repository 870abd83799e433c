"""The library of templates that comes with Pilotage, and beginning a journey from one of them.

A template is found by its name, by the last part of it, or as a file of one's own. Nothing is written unless the workspace,
with what would be written, makes a plan and the new journey's tests pass.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec

from pilotage.app.exits import NO_INPUT, USAGE, Trouble
from pilotage.app.workspace import Workspace, compile_workspace
from pilotage.event.zone import Zones
from pilotage.journey.document import read_document
from pilotage.journey.findings import Finding, Report, Severity, suggestion
from pilotage.journey.template import BadSetting, Template, instantiated, parse_template
from pilotage.simulate.document_tests import report_failures, run_tests

FOLDER = "library"


class Begun(msgspec.Struct, frozen=True):
    """What would be written, by path, and what is wrong with it."""

    documents: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def library() -> tuple[Template, ...]:
    """The templates that come with Pilotage, by name."""
    report = Report()
    files = [each for each in (resources.files("pilotage") / FOLDER).iterdir() if each.name.endswith(".yaml")]
    documents = [read_document(each.read_bytes(), f"{FOLDER}/{each.name}", report) for each in files]
    found = [parse_template(document, report) for document in documents if document is not None]
    if report.failed:
        raise AssertionError("\n".join(finding.text for finding in report.findings))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


def template_named(name: str) -> Template:
    """The template of a name, of the last part of one, or of a file."""
    if Path(name).is_file():
        report = Report()
        document = read_document(Path(name).read_bytes(), name, report)
        template = parse_template(document, report) if document is not None else None
        if template is None:
            raise Trouble("\n".join(finding.text for finding in report.findings), NO_INPUT, "correct the template")
        return template
    known = {each.name: each for each in library()}
    found = [each for each in known.values() if name in (each.name, each.name.rpartition(".")[2])]
    if len(found) != 1:
        raise Trouble(
            f"no template is called {name!r}", USAGE, suggestion(name, known, "templates") + "; 'pilotage new --list' tells of each"
        )
    return found[0]


def begin(workspace: Workspace, template: Template, name: str, settings: Mapping[str, str], zones: Zones) -> Begun:
    """A journey begun from a template, tried in its workspace. `Trouble` where a setting is none."""
    try:
        contracts = {contract.event: contract for contract in compile_workspace(workspace, zones).contracts}
        documents = instantiated(template, name, workspace.company, settings, contracts)
    except BadSetting as bad:
        raise Trouble(str(bad), USAGE, bad.cure) from bad
    report = Report()
    read = [read_document(text.encode(), path, report) for path, text in documents.items()]
    added = tuple(document for document in read if document is not None)
    whole = msgspec.structs.replace(workspace, documents=(*workspace.documents, *added))
    compiled = compile_workspace(whole, zones)
    report.extend(compiled.findings)
    if compiled.plan is not None and not report.failed:
        report_failures(run_tests(added, compiled.plan, zones, report), report)
    findings = [finding for finding in report.findings if finding.path in documents or finding.severity is Severity.ERROR]
    return Begun(documents, tuple(findings))
