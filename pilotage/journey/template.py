"""Templates: journeys with parameters, from which journeys of one's own are begun.

A template holds the journey as text, so that what is written in the end has its comments, its tests and its layout. `${name}`
stands for a parameter. Three are there without being declared: `${name}`, the new journey's name, `${slug}`, its last part as
contents are named, and `${company}`. In tests, `${example:EVENT}` stands for the smallest data that keep the contract of an event
type, and `${example:EVENT price=30}` for data with this value, where the contract declares the field.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from pilotage.contract.example import example
from pilotage.contract.model import Contract
from pilotage.journey.document import Document, Fields, Scalar, Tree, scalar_value, text_place
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms import FORMS
from pilotage.journey.forms_of_templates import PARAMETER_TYPES
from pilotage.journey.letter import Letter, Note, content_document, read_letter, read_note
from pilotage.journey.scalars import SCALAR_KINDS, Unreadable
from pilotage.journey.shape import check

GIVEN = ("name", "slug", "company")
"""What every template may use without declaring it."""
_USE = re.compile(r"\$\{([A-Za-z0-9_\-]+)\}")
_EXAMPLE = re.compile(r"\$\{example:([^} ]+)([^}]*)\}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_UNSAFE = re.compile(r'["\\\n]')


class BadSetting(ValueError):
    """A parameter cannot have this value, or there is no such parameter. `cure` says what can be set."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


class Parameter(msgspec.Struct, frozen=True):
    """What can be set of a template."""

    name: str
    type: str
    default: str
    description: str


BESIDE = {"audience": "audiences", "catalogue": "catalogues"}
"""The kinds of documents that a template may bring beside its journey, and the folder of each."""


class Template(msgspec.Struct, frozen=True):
    """A template: the journey's document without its head, the words of the contents it sends, by name, and what it brings `beside`,
    by kind."""

    name: str
    description: str
    guide: str
    parameters: tuple[Parameter, ...]
    journey: str
    contents: dict[str, Letter | Note]
    beside: dict[str, str] = {}

    @property
    def stage(self) -> str:
        return self.name.partition(".")[0]


def parse_template(document: Document, report: Report) -> Template | None:
    """The template of a document; None, with findings, where it is not right."""
    root, before = document.root, len(report.findings)
    check(root, FORMS["template"], "the template", document, report)
    if len(report.findings) > before:
        return None
    parameters = tuple(_parameters(root))
    _check_parameters(document, parameters, report)
    written = root.map("contents")
    contents = {key.text: _words(value) for key, value in (written.fields if written else ()) if isinstance(value, Fields)}
    name, description = root.text("name"), root.text("description")
    beside = {kind: root.text(kind) for kind in BESIDE if root.get(kind) is not None}
    template = Template(name, description, root.text("guide").strip(), parameters, root.text("journey"), contents, beside)
    return template if len(report.findings) == before else None


def instantiated(
    template: Template, name: str, company: str, settings: Mapping[str, str], contracts: Mapping[str, Contract]
) -> dict[str, str]:
    """The documents of a new journey by their paths: the journey first, then what it needs beside, then its contents. `contracts` are
    those in force, by event type. `BadSetting` where a setting is none."""
    slug = slug_of(name)
    values = {**_values(template, settings), "name": name, "slug": slug, "company": company}
    head = f"# Begun from the template {template.name}.\nschema: 1\nkind: journey\nname: {name}\ndescription: {template.description}\n"
    documents = {f"journeys/{slug.replace('-', '_')}.yaml": head + _with_examples(_filled(template.journey, values), contracts)}
    for kind, text in template.beside.items():
        head = f"# Begun from the template {template.name}.\nschema: 1\nkind: {kind}\nname: {slug}\n"
        documents[f"{BESIDE[kind]}/{slug}.yaml"] = head + _filled(text, values)
    for key, words in template.contents.items():
        documents[f"content/{slug}-{key}.yaml"] = _filled(content_document(f"{slug}-{key}", words, company), values)
    return documents


def slug_of(name: str) -> str:
    """The last part of a journey's name, as the names of its contents begin."""
    return name.rpartition(".")[2].replace("_", "-")


def _words(fields: Fields) -> Letter | Note:
    letter, note = fields.map("letter"), fields.map("note")
    return read_letter(letter) if letter is not None else read_note(note or fields)


def _parameters(root: Fields) -> list[Parameter]:
    written = root.map("parameters")
    return [
        Parameter(key.text, value.text("type"), value.text("default"), value.text("description"))
        for key, value in (written.fields if written else ())
        if isinstance(value, Fields)
    ]


def _check_parameters(document: Document, parameters: tuple[Parameter, ...], report: Report) -> None:
    """Report parameters that are not declared or not used, and defaults that are not of their type."""
    root = document.root
    declared, used = {each.name: each for each in parameters}, set[str]()
    written = root.map("parameters") or root
    for scalar in (text for key in ("journey", *BESIDE, "contents") for text in _texts(root.get(key))):
        for use in _USE.finditer(scalar.text):
            used.add(use.group(1))
            if use.group(1) not in (*declared, *GIVEN):
                line, column = scalar.text.count("\n", 0, use.start()) + 1, use.start() - scalar.text.rfind("\n", 0, use.start())
                cure = suggestion(use.group(1), (*declared, *GIVEN), "parameters")
                report.add("L001", document.path, text_place(document, scalar, line, column), f"unknown parameter {use.group(1)!r}", cure)
    for name, each in declared.items():
        if name not in used:
            report.add(
                "L002", document.path, written.key(name).place, f"parameter {name!r} is not used", f"write ${{{name}}}, or remove it"
            )
        try:
            _checked(each, each.default)
        except BadSetting as bad:
            report.add("L003", document.path, written.key(name).place, str(bad), bad.cure)


def _texts(tree: Tree | None) -> list[Scalar]:
    """Every single value of a tree."""
    if isinstance(tree, Scalar):
        return [tree]
    if isinstance(tree, Fields):
        return [found for _, value in tree.fields for found in _texts(value)]
    return [found for item in tree.items for found in _texts(item)] if tree is not None else []


def _values(template: Template, settings: Mapping[str, str]) -> dict[str, str]:
    declared = {each.name: each for each in template.parameters}
    for name in settings:
        if name not in declared:
            raise BadSetting(f"the template {template.name} has no parameter {name!r}", suggestion(name, declared, "parameters"))
    return {name: _checked(each, settings.get(name, each.default)) for name, each in declared.items()}


def _checked(parameter: Parameter, value: str) -> str:
    """A value that a parameter can have, as text."""
    kind = SCALAR_KINDS[PARAMETER_TYPES[parameter.type]]
    plain = kind is SCALAR_KINDS["text"] or kind is SCALAR_KINDS["condition"]
    try:
        kind.read(Scalar(0, 0, value if plain else scalar_value(value), value))
    except Unreadable as fault:
        raise BadSetting(f"{parameter.name}: {fault}", kind.cure) from None
    if _UNSAFE.search(value):
        raise BadSetting(
            f"{parameter.name}: {value!r} has a double quote, a backslash or a line break", "leave it out, or change the journey later"
        )
    return value


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _USE.sub(lambda use: values[use.group(1)], text)


def _with_examples(text: str, contracts: Mapping[str, Contract]) -> str:
    """The text with the data of events filled in; of an event type without a contract there are none."""

    def shown(use: re.Match[str]) -> str:
        contract = contracts.get(use.group(1))
        given = dict(pair.partition("=")[::2] for pair in use.group(2).split())
        plain = {name: scalar_value(value) for name, value in given.items()}
        return _flow(example(contract, plain)) if contract is not None else "{}"

    return _EXAMPLE.sub(shown, text)


def _flow(value: Any) -> str:
    """Plain data as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _WORD.fullmatch(value) and isinstance(scalar_value(value), str):
        return value
    return msgspec.json.encode(value).decode()
