"""The workspace: a folder of documents, read from disk and made a plan.

`load` reads every file once, keeps what is wrong with it as findings, and takes the environment's bindings from
pilotage.yaml, where `${NAME}` reads an environment variable. `compile_workspace` adds the data contracts and the channels
and makes the plan. Nothing of the bindings reaches the plan but the names of endpoints and channels.
"""

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from pilotage.app.bindings import check_endpoints, parts_of_channels
from pilotage.app.places import CONTRACT_SUFFIX as CONTRACT_SUFFIX
from pilotage.app.places import CONTRACTS, FOLDERS, PROFILE_FILE
from pilotage.app.places import SETTINGS_FILE as SETTINGS_FILE
from pilotage.app.pools import check_pools
from pilotage.app.ruling import read_rules
from pilotage.channel.render import lint
from pilotage.channel.template import variables_of
from pilotage.contract.builtin import builtin_contracts
from pilotage.contract.document import DocumentBroken
from pilotage.contract.model import Contract
from pilotage.contract.odcs import ContractFile, read_odcs
from pilotage.contract.validate import field_kinds
from pilotage.event.time import DAY_US
from pilotage.event.zone import Zones
from pilotage.journey.almanac import NO_ALMANAC, Almanac
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import Document, Fields, Scalar, Tree, read_document, text_place
from pilotage.journey.findings import Finding, Report, Severity
from pilotage.journey.forms import WORKSPACE
from pilotage.journey.names import Examine, Surroundings
from pilotage.journey.parse_policy import suggestion_of_zone
from pilotage.journey.parse_profile import roles_of
from pilotage.journey.plan import Content, Plan
from pilotage.journey.scalars import duration_or, flag_or
from pilotage.journey.shape import check
from pilotage.proof.waivers import FILE as WAIVERS_FILE
from pilotage.review.people import PEOPLE_FILE, People, read_people
from pilotage.runner.retention import LOG_DAYS
from pilotage.source.intake import IntakePolicy

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SECRETS = ("secret", "password", "token", "api_key")


class WorkspaceInvalid(ValueError):
    """The workspace cannot be read at all; `findings` say why. Correct pilotage.yaml, or run `pilotage init` in an empty
    folder."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(finding.text for finding in findings))
        self.findings = findings


class Environment(msgspec.Struct, frozen=True):
    """Which environment this is. Outside production only recipients that match a pattern of `allow` are reached."""

    name: str
    production: bool = False
    allow: tuple[str, ...] = ()


class Workspace(msgspec.Struct, frozen=True):
    """A folder as read. `channels` and `endpoints` are the bindings with their variables filled in, `write_keys` leads
    from key to source, `unset` names the environment variables that bindings need and that are not set; with any of
    them a workspace can be checked but must not run. `people` are those of people.yaml, `waivers` is waivers.yaml, `findings` those of
    reading alone. History is kept `history_days` (0: for ever), the log `log_days`."""

    folder: str
    company: str
    environment: Environment
    zone: str
    channels: dict[str, dict[str, Any]]
    endpoints: dict[str, dict[str, Any]]
    intake: IntakePolicy
    write_keys: dict[str, str]
    documents: tuple[Document, ...]
    contract_files: tuple[ContractFile, ...]
    settings: Document
    unset: tuple[str, ...]
    findings: tuple[Finding, ...]
    history_days: int = 0
    log_days: int = LOG_DAYS
    people: People = People()
    waivers: Document | None = None


class Compiled(msgspec.Struct, frozen=True):
    """What a workspace comes to: the plan (None if a finding is an error), all findings in order, the contracts in force,
    and the event type for each Segment event name that a contract gives one."""

    plan: Plan | None
    findings: tuple[Finding, ...]
    contracts: tuple[Contract, ...]
    segment_names: dict[str, str]


def load(folder: Path, environ: Mapping[str, str]) -> Workspace:
    """Read a workspace; `WorkspaceInvalid` if there is no readable pilotage.yaml."""
    report = Report()
    settings = _settings(folder, report)
    binder = _Binder(settings, environ, report)
    root = settings.root
    bindings = root.map("bindings") or Fields(root.line, root.column, ())
    environment = root.map("environment")
    people = _people(folder, report)
    read_rules(folder, people, report)
    return Workspace(
        folder=str(folder),
        company=root.text("company"),
        environment=_environment(environment) if environment else Environment("development"),
        zone=root.text("zone", "UTC"),
        channels=binder.maps(bindings.map("channels")),
        endpoints=binder.maps(bindings.map("endpoints")),
        intake=_intake(root.map("intake")),
        write_keys=_write_keys(bindings.map("write_keys"), binder),
        documents=tuple(_documents(folder, report)),
        contract_files=tuple(_contract_files(folder, report)),
        settings=settings,
        unset=tuple(sorted(binder.unset)),
        people=people,
        waivers=_waivers(folder),
        findings=report.findings,
        history_days=_kept_days(root.map("history"), 0),
        log_days=_kept_days(root.map("log"), LOG_DAYS),
    )


def compile_workspace(workspace: Workspace, zones: Zones, examine: Examine | None = None) -> Compiled:
    """The plan of a workspace among the given zone tables, and everything wrong with it. `examine` also looks for what is
    doubtful about conditions that can be read, which takes longer than all the rest (`app.examiner`)."""
    report = Report()
    report.extend(workspace.findings)
    profile = next((document for document in workspace.documents if document.kind == "profile"), None)
    roles = roles_of(profile) if profile is not None and profile.root.map("accounts") is not None else None
    declared = _declared(workspace.contract_files, builtin_contracts({}, roles), report)
    contracts = tuple(builtin_contracts(declared, roles).values())
    surroundings = Surroundings(
        contracts=contracts,
        channels=parts_of_channels(workspace.channels, workspace.endpoints, workspace.settings, report),
        endpoints=frozenset(workspace.endpoints),
        zones=zones.names,
        variables_of=variables_of,
        zones_digest=zones.digest,
        zone=workspace.zone,
        examine=examine,
        almanac=_almanac(workspace, zones),
    )
    check_endpoints(workspace.endpoints, workspace.settings, report)
    _check_zone(workspace, zones, report)
    _check_markup(workspace.documents, report)
    check_pools(Path(workspace.folder), workspace.documents, report)
    plan, findings = compile_plan(workspace.documents, surroundings)
    report.extend(findings)
    segment_names = {name: event for file in workspace.contract_files for name, event in file.segment_names.items()}
    return Compiled(None if report.failed else plan, report.findings, contracts, segment_names)


def _almanac(workspace: Workspace, zones: Zones) -> Almanac:
    """What is known of the world's days. It is loaded only where a calendar may ask: that takes half a second, more than most
    commands."""
    if all(document.kind != "calendar" for document in workspace.documents):
        return NO_ALMANAC
    almanac: Almanac = import_module("pilotage.source.almanac").packaged_almanac(Path(workspace.folder), zones)
    return almanac


def errors(findings: Iterable[Finding]) -> int:
    """How many findings are errors."""
    return sum(finding.severity is Severity.ERROR for finding in findings)


def _settings(folder: Path, report: Report) -> Document:
    path = folder / SETTINGS_FILE
    if not path.is_file():
        report.add("W001", SETTINGS_FILE, (0, 0), f"{folder} has no {SETTINGS_FILE}", "run 'pilotage init' to begin a workspace")
        raise WorkspaceInvalid(report.findings)
    document = read_document(path.read_bytes(), SETTINGS_FILE, report)
    if document is not None:
        check(document.root, WORKSPACE, SETTINGS_FILE, document, report)
    if document is None or report.failed:
        raise WorkspaceInvalid(report.findings)
    return document


def _environment(fields: Fields) -> Environment:
    allow = tuple(item.text for item in fields.list("allow") if isinstance(item, Scalar))
    return Environment(fields.text("name"), flag_or(fields.scalar("production"), False), allow)


def _intake(fields: Fields | None) -> IntakePolicy:
    if fields is None:
        return IntakePolicy()
    usual = IntakePolicy()
    return IntakePolicy(
        undeclared=cast(Literal["quarantine", "accept", "drop"], fields.text("undeclared", usual.undeclared)),
        future_tolerance_us=duration_or(fields.scalar("future_tolerance"), usual.future_tolerance_us),
        ancient_us=duration_or(fields.scalar("ancient"), usual.ancient_us),
    )


def _kept_days(fields: Fields | None, otherwise: int) -> int:
    """How many days something is kept; what is less than a day counts as one."""
    written = fields.scalar("retention") if fields else None
    return max(1, -(-duration_or(written, 0) // DAY_US)) if written else otherwise


class _Binder:
    """Fills `${NAME}` and `${NAME:-otherwise}` in bindings from environment variables, and notes those that are not set."""

    def __init__(self, settings: Document, environ: Mapping[str, str], report: Report) -> None:
        self.settings, self.environ, self.report = settings, environ, report
        self.unset: set[str] = set()
        environment = settings.root.map("environment")
        self.production = bool(environment and flag_or(environment.scalar("production"), False))

    def maps(self, fields: Fields | None) -> dict[str, dict[str, Any]]:
        """A map of maps, such as the channels with their settings."""
        found = ((key.text, self.plain(value, key.text)) for key, value in (fields.fields if fields else ()))
        return {name: value for name, value in found if isinstance(value, dict)}

    def plain(self, tree: Tree, name: str) -> Any:
        """A binding as plain data."""
        if isinstance(tree, Fields):
            return {key.text: self.plain(value, key.text) for key, value in tree.fields}
        if isinstance(tree, Scalar):
            return self.filled(tree, name in _SECRETS) if isinstance(tree.value, str) else tree.value
        return [self.plain(item, name) for item in tree.items]

    def filled(self, scalar: Scalar, secret: bool) -> str:
        """A text with its variables filled in; one that is not set becomes empty."""
        if secret and self.production and not _VARIABLE.search(scalar.text):
            cure = "write ${NAME} and set the environment variable NAME"
            self.report.add("W006", SETTINGS_FILE, scalar.place, "a secret is written into the file", cure)
        return _VARIABLE.sub(lambda match: self._value(match, scalar), scalar.text)

    def _value(self, match: re.Match[str], scalar: Scalar) -> str:
        name, otherwise = match.group(1), match.group(2)
        value = self.environ.get(name) or otherwise
        if value is None:
            self.unset.add(name)
            message = f"the environment variable {name} is not set"
            self.report.add("W003", SETTINGS_FILE, scalar.place, message, f"set {name} before running")
        return value or ""


def _write_keys(fields: Fields | None, binder: _Binder) -> dict[str, str]:
    """From write key to source, the other way round than written."""
    sources: dict[str, str] = {}
    for source, value in fields.fields if fields else ():
        if not isinstance(value, Scalar):
            continue
        key = binder.filled(value, secret=True)
        if key in sources:
            message = f"the sources {sources[key]!r} and {source.text!r} have the same write key"
            binder.report.add("W004", SETTINGS_FILE, value.place, message, "give each source a key of its own")
        elif key:
            sources[key] = source.text
    return sources


def _documents(folder: Path, report: Report) -> Iterable[Document]:
    """Every document of the workspace, in the order of paths; those whose kind does not fit their folder are reported."""
    if (folder / PROFILE_FILE).is_file():
        yield from _document(folder, folder / PROFILE_FILE, "profile", report)
    for place, kind in FOLDERS.items():
        for path in _files(folder, place, report):
            yield from _document(folder, path, kind, report)


def _waivers(folder: Path) -> Document | None:
    """The document of waivers, if there is one; `read_rules` reports what is wrong with it."""
    path = folder / WAIVERS_FILE
    return read_document(path.read_bytes(), WAIVERS_FILE, Report()) if path.is_file() else None


def _people(folder: Path, report: Report) -> People:
    """Everybody in people.yaml, if there is one."""
    path = folder / PEOPLE_FILE
    return read_people(path.read_bytes(), report)[1] if path.is_file() else People()


def _document(folder: Path, path: Path, kind: str, report: Report) -> Iterable[Document]:
    name = path.relative_to(folder).as_posix()
    document = read_document(path.read_bytes(), name, report)
    if document is None:
        return
    if document.kind and document.kind != kind and document.kind in (*FOLDERS.values(), "profile"):
        place = next((place for place, its in FOLDERS.items() if its == document.kind), "")
        cure = f"move it to {place}/" if place else f"move it to {PROFILE_FILE}"
        report.add("W002", name, document.root.key("kind").place, f"a {document.kind} does not belong here", cure)
    yield document


def _contract_files(folder: Path, report: Report) -> Iterable[ContractFile]:
    for path in _files(folder, CONTRACTS, report):
        name = path.relative_to(folder).as_posix()
        if not name.endswith(CONTRACT_SUFFIX):
            report.add("W002", name, (0, 0), "not a contract by its name", f"rename it to end in {CONTRACT_SUFFIX}")
            continue
        try:
            file = read_odcs(path.read_text(encoding="utf-8"), name)
        except UnicodeDecodeError:
            report.add("D002", name, (0, 0), "the file is not UTF-8", "save it as UTF-8")
            continue
        except DocumentBroken as broken:
            for fault in broken.faults:
                report.add("K001", fault.path, (fault.line, fault.column), fault.message, fault.cure)
            continue
        for note in file.notes:
            report.add("K003", note.path, (note.line, note.column), note.message, note.cure)
        yield file


def _files(folder: Path, place: str, report: Report) -> list[Path]:
    """The YAML files below a folder of the workspace, sorted; a file that ends otherwise is reported, a hidden one is not
    looked at."""
    found = []
    for path in sorted((folder / place).rglob("*")):
        inner = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in inner.parts):
            continue
        if path.suffix == ".yaml":
            found.append(path)
        elif path.suffix in (".yml", ".json"):
            report.add("W002", inner.as_posix(), (0, 0), f"a {path.suffix} file is not read", "rename it to end in .yaml")
    return found


def _declared(files: Iterable[ContractFile], builtin: Mapping[str, Contract], report: Report) -> dict[str, Contract]:
    """The workspace's contracts by event type; of two declarations of one type the first counts."""
    declared: dict[str, Contract] = {}
    where: dict[str, str] = {}
    for file in files:
        for contract in file.contracts:
            if contract.event in declared:
                message = f"the event type {contract.event!r} is declared by the contracts {where[contract.event]!r} and {file.id!r}"
                report.add("K002", "contracts", (0, 0), message, "keep one declaration")
            _check_own_event(contract, builtin.get(contract.event), report)
            declared.setdefault(contract.event, contract)
            where.setdefault(contract.event, file.id)
    return declared


def _check_own_event(contract: Contract, own: Contract | None, report: Report) -> None:
    """A workspace may widen the contract of an event type that the system gives a meaning to, but not narrow it."""
    kinds = field_kinds(contract)
    for field in own.fields if own else ():
        if kinds.get(field.name, "" if field.required else field.kind) != field.kind:
            message = f"the contract of {contract.event!r} needs the field '{field.name}' of type {field.kind}"
            report.add("K004", "contracts", (0, 0), message, "declare it, or leave this event type to the built-in contract")


def _check_zone(workspace: Workspace, zones: Zones, report: Report) -> None:
    if workspace.zone not in zones:
        place = workspace.settings.root.key("zone").place
        report.add("P001", SETTINGS_FILE, place, f"unknown time zone {workspace.zone!r}", suggestion_of_zone(workspace.zone, zones.names))


def _check_markup(documents: Iterable[Document], report: Report) -> None:
    """Report what is wrong with the MJML, HTML and JSON of contents; their parts and Liquid are the compiler's business."""
    for document in documents:
        if document.kind != "content":
            continue
        others = document.root.map("locales")
        for fields in (document.root, *(each for _, each in (others.fields if others else ()) if isinstance(each, Fields))):
            _check_parts(document, fields, report)


def _check_parts(document: Document, fields: Fields, report: Report) -> None:
    parts = {key.text: value for key, value in fields.fields if isinstance(value, Scalar) and isinstance(value.value, str)}
    markup = {name: scalar.text for name, scalar in parts.items() if name in ("mjml", "html", "body")}
    for problem in lint(Content(document.name, document.root.text("channel"), markup)):
        if problem.rule == "liquid" and problem.part != "body":
            continue
        rule = "C008" if problem.rule in ("liquid", "mjml") else "C007"
        place = text_place(document, parts[problem.part], problem.line, problem.column)
        report.add(rule, document.path, place, problem.message, problem.cure)
