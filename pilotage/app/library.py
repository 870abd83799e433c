"""The library that comes with Pilotage: templates to begin journeys from, and fragments to use in them.

A template is found by its name, by the last part of it, or as a file of one's own. Nothing is written unless the workspace,
with what would be written, makes a plan and the new journey's tests pass.
"""

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from pilotage.app.exits import NO_INPUT, USAGE, Trouble
from pilotage.app.workspace import Workspace, compile_workspace
from pilotage.event.zone import Zones
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Finding, Report, Severity, suggestion
from pilotage.journey.forms import FORMS
from pilotage.journey.names import Fragment
from pilotage.journey.parse_fragment import parse_fragment
from pilotage.journey.playbook import Playbook, parse_playbook
from pilotage.journey.shape import check
from pilotage.journey.template import BadSetting, Template, instantiated, parse_template
from pilotage.simulate.document_tests import report_failures, run_tests

FOLDER = "library"
PLAYBOOKS = "playbooks"
FRAGMENTS = "fragments"
"""Where fragments lie: in the library, and in a workspace."""


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
    documents = _documents(resources.files("pilotage") / FOLDER, FOLDER, report)
    found = [parse_template(document, report) for document in documents]
    _expect_sound(report)
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


def fragments() -> tuple[Fragment, ...]:
    """The fragments that come with Pilotage, by name."""
    report = Report()
    documents = _documents(resources.files("pilotage") / FOLDER / FRAGMENTS, FRAGMENTS, report)
    for document in documents:
        check(document.root, FORMS["fragment"], "the fragment", document, report)
    found = [parse_fragment(document, report) for document in documents]
    _expect_sound(report)
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


def _documents(folder: Traversable, path: str, report: Report) -> list[Document]:
    files = [each for each in folder.iterdir() if each.name.endswith(".yaml")]
    found = [read_document(each.read_bytes(), f"{path}/{each.name}", report) for each in files]
    return [document for document in found if document is not None]


def _expect_sound(report: Report) -> None:
    if report.failed:
        raise AssertionError("\n".join(finding.text for finding in report.findings))


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


def playbooks() -> tuple[Playbook, ...]:
    """The playbooks that come with Pilotage, by name."""
    report = Report()
    documents = _documents(resources.files("pilotage") / FOLDER / PLAYBOOKS, PLAYBOOKS, report)
    found = [parse_playbook(document, report) for document in documents]
    _expect_sound(report)
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


def playbook_named(name: str) -> Playbook:
    """The playbook of a name, or of a file."""
    if Path(name).is_file():
        report = Report()
        document = read_document(Path(name).read_bytes(), name, report)
        found = parse_playbook(document, report) if document is not None else None
        if found is None:
            raise Trouble("\n".join(finding.text for finding in report.findings), NO_INPUT, "correct the playbook")
        return found
    known = {each.name: each for each in playbooks()}
    if name not in known:
        cure = suggestion(name, known, "playbooks") + "; 'pilotage new --list' tells of each"
        raise Trouble(f"no playbook is called {name!r}", USAGE, cure)
    return known[name]


def begin_all(workspace: Workspace, playbook: Playbook, settings: Mapping[str, str], zones: Zones) -> Begun:
    """All journeys of a playbook and its document, tried together in their workspace. A setting is for each template that has it."""
    contracts = {contract.event: contract for contract in compile_workspace(workspace, zones).contracts}
    documents = {f"{PLAYBOOKS}/{playbook.name}.yaml": playbook.source}
    templates = [(part, template_named(part.template)) for part in playbook.parts]
    stray = set(settings) - {parameter.name for _, template in templates for parameter in template.parameters}
    if stray:
        raise Trouble(
            f"no template of {playbook.name} has a parameter {min(stray)!r}",
            USAGE,
            suggestion(min(stray), {each.name for _, template in templates for each in template.parameters}, "parameters"),
        )
    for part, template in templates:
        own = {parameter.name for parameter in template.parameters}
        given = {**part.settings, **{key: value for key, value in settings.items() if key in own}}
        try:
            added = instantiated(template, part.name, workspace.company, given, contracts)
        except BadSetting as bad:
            raise Trouble(f"{part.template}: {bad}", USAGE, bad.cure) from bad
        documents |= added
    return _tried(workspace, documents, zones)


def fragment_named(name: str) -> Fragment:
    """The fragment of a name."""
    known = {each.name: each for each in fragments()}
    if name not in known:
        cure = suggestion(name, known, "fragments") + "; 'pilotage new --list' tells of each"
        raise Trouble(f"no fragment is called {name!r}", USAGE, cure)
    return known[name]


def begin(workspace: Workspace, template: Template, name: str, settings: Mapping[str, str], zones: Zones) -> Begun:
    """A journey begun from a template, tried in its workspace. `Trouble` where a setting is none."""
    try:
        contracts = {contract.event: contract for contract in compile_workspace(workspace, zones).contracts}
        documents = instantiated(template, name, workspace.company, settings, contracts)
    except BadSetting as bad:
        raise Trouble(str(bad), USAGE, bad.cure) from bad
    return _tried(workspace, documents, zones)


def bring(workspace: Workspace, fragment: Fragment, zones: Zones) -> Begun:
    """A fragment of the library brought to a workspace, tried there."""
    return _tried(workspace, {fragment.document.path: fragment.document.source}, zones)


def _tried(workspace: Workspace, documents: dict[str, str], zones: Zones) -> Begun:
    """The documents with what the workspace would have against them."""
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
