"""Fragments: what a fragment document leaves open, and which one, filled in how, a step of a journey means.

A fragment is checked twice: once for itself (its form, and where its parameters stand), and once in each place that uses it,
where its names and conditions get their meaning.
"""

from collections.abc import Callable, Iterable
from typing import cast

from pilotage.event.digest import text_digest
from pilotage.journey.document import Document, Fields, Scalar, inner_place
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms import FRAGMENT_STEP
from pilotage.journey.names import Desk, Fragment, Names, Parameter
from pilotage.journey.parameters import PARAMETER_KINDS, Argument, filled
from pilotage.journey.scalars import END, SCALAR_KINDS, Unreadable
from pilotage.journey.shape import STANDS_FOR, check

DIGEST = "sha256:"
DIGEST_DIGITS_MIN = 12
"""How many digits of a digest name a version at least."""

NAMED: dict[str, tuple[str, Callable[[Names], Iterable[str]], str, str]] = {
    "event": ("J004", lambda names: names.events, "event type", "event types"),
    "content": ("J017", lambda names: names.contents, "content", "contents"),
    "channel": ("J016", lambda names: names.channels, "channel", "channels"),
    "purpose": ("J005", lambda names: names.purposes, "purpose", "purposes"),
    "endpoint": ("J022", lambda names: names.endpoints, "endpoint", "endpoints"),
    "attribute": ("J019", lambda names: names.attributes, "attribute", "attributes"),
    "audience": ("U004", lambda names: names.audiences, "audience", "audiences"),
}
"""The types of parameters whose values are names: the rule that an unknown one breaks, and what there is."""


def parse_fragment(document: Document, report: Report) -> Fragment | None:
    """The fragment of a document whose form is checked; None where it has no name."""
    root = document.root
    if not root.text("name"):
        return None
    parameters = {}
    for key, value in (root.map("parameters") or Fields(0, 0, ())).fields:
        if isinstance(value, Fields) and value.text("type") in PARAMETER_KINDS:
            parameters[key.text] = Parameter(key.text, value.text("type"), value.scalar("default"))
            _check_default(document, key.text, value, report)
    steps = tuple(step for step in root.list("steps") if isinstance(step, Fields))
    _check_uses(document, parameters, steps, report)
    return Fragment(
        document=document,
        name=root.text("name"),
        version=root.text("version"),
        digest=text_digest(document.source),
        parameters=parameters,
        steps=steps,
        sound=not report.failed_in(document.path),
    )


def _check_default(document: Document, name: str, written: Fields, report: Report) -> None:
    default = written.scalar("default")
    if default is None:
        return
    if written.text("type") == "step" and default.text != END:
        fault: tuple[str, str] | None = (f"the parameter '{name}' cannot lead to a step of its own", f"write '{END}', the fragment's end")
    else:
        fault = _unfit(name, written.text("type"), default)
    if fault is not None:
        report.add("F006", document.path, default.place, *fault)


def _unfit(name: str, kind: str, scalar: Scalar) -> tuple[str, str] | None:
    """Why a value is not of a parameter's type, and the cure; None if it is."""
    sort = SCALAR_KINDS[PARAMETER_KINDS[kind]]
    try:
        sort.read(scalar)
    except Unreadable as fault:
        return f"the parameter '{name}' is of type {kind}: {fault}", sort.cure
    return None


def _check_uses(document: Document, parameters: dict[str, Parameter], steps: Iterable[Fields], report: Report) -> None:
    """Report parameters that are not declared, not used, or used where their type does not fit."""
    used: set[str] = set()
    declared = (document.root.map("parameters") or Fields(0, 0, ())).names()

    def note(scalar: Scalar, name: str, offset: int, kind: str) -> Argument | None:
        used.add(name)
        place = inner_place(document, scalar, offset)
        parameter = parameters.get(name)
        if name not in declared:
            message = f"the fragment has no parameter '{name}'"
            report.add("F005", document.path, place, message, suggestion(name, declared, "parameters"))
        elif parameter is not None and (parameter.type == "step") is not (kind == "step") and kind != "setting":
            cure = "use a parameter of type step for 'next' and other edges, and only there"
            report.add("F007", document.path, place, f"the parameter '{name}' is of type {parameter.type} and does not fit here", cure)
        return None

    for step in steps:
        filled(step, FRAGMENT_STEP, note)
    for name in parameters:
        if name not in used:
            place = (document.root.map("parameters") or document.root).key(name).place
            report.add("F008", document.path, place, f"no step uses the parameter '{name}'", f"use it as ${name}, or remove it")


def fragment_named(desk: Desk, step: Fields) -> Fragment | None:
    """The fragment that a step names, in the version it names; None, with a finding, where there is none."""
    fragments = desk.names.fragments
    name = desk.known("F001", step.scalar("fragment"), sorted({each.name for each in fragments}), "fragment", "fragments")
    version = step.scalar("version")
    if not name or version is None:
        return None
    versions = [each for each in fragments if each.name == name]
    wanted = version.text
    for each in versions:
        if _is_version(each, wanted):
            return each if each.sound else None
    known = ", ".join(f"{each.version!r}" if each.version else f"{DIGEST}{each.digest[:16]}" for each in versions)
    message = f"the fragment {name!r} has no version {wanted!r}"
    desk.wrong("F002", version, message, f"what there is: {known}; see what has changed, then name it")
    return None


def _is_version(fragment: Fragment, wanted: str) -> bool:
    digits = wanted.removeprefix(DIGEST)
    if digits == wanted:
        return fragment.version == wanted
    return len(digits) >= DIGEST_DIGITS_MIN and fragment.digest.startswith(digits)


def filled_steps(desk: Desk, step: Fields, fragment: Fragment) -> tuple[Fields, ...] | None:
    """The steps of a fragment with what a step gives filled in; None, with findings, where that cannot be used."""
    arguments = _arguments(desk, step, fragment)
    if arguments is None:
        return None

    def give(scalar: Scalar, name: str, offset: int, kind: str) -> Argument | None:
        argument = arguments.get(name)
        return None if argument is None or argument.type == "step" else argument

    steps = tuple(cast(Fields, filled(each, FRAGMENT_STEP, give)) for each in fragment.steps)
    for number, each in enumerate(steps, 1):
        check(each, FRAGMENT_STEP, f"'steps', item {number}", fragment.document, desk.report)
    return None if desk.report.failed_in(fragment.document.path) else steps


def _arguments(desk: Desk, step: Fields, fragment: Fragment) -> dict[str, Argument] | None:
    given = step.map("with") or Fields(0, 0, ())
    found = {name: Argument(each.type, each.default) for name, each in fragment.parameters.items() if each.default is not None}
    sound = True
    for key, value in given.fields:
        parameter = fragment.parameters.get(key.text)
        if parameter is None:
            cure = suggestion(key.text, fragment.parameters, "parameters")
            desk.wrong("F005", key, f"the fragment {fragment.name!r} has no parameter '{key.text}'", cure)
            sound = False
        elif isinstance(value, Scalar):
            sound = _fits(desk, parameter, value) and sound
            found[key.text] = Argument(parameter.type, value)
    for name, parameter in fragment.parameters.items():
        if name not in found:
            message = f"the fragment {fragment.name!r} needs the parameter '{name}'"
            desk.wrong("F004", step.map("with") or step, message, f"add '{name}' under 'with', of type {parameter.type}")
            sound = False
    return found if sound else None


def _fits(desk: Desk, parameter: Parameter, value: Scalar) -> bool:
    if parameter.type == "step" and STANDS_FOR.fullmatch(value.text):
        return True
    fault = _unfit(parameter.name, parameter.type, value)
    if fault is not None:
        desk.wrong("F006", value, *fault)
        return False
    if parameter.type not in NAMED:
        return True
    rule, names, what, plural = NAMED[parameter.type]
    return bool(desk.known(rule, value, names(desk.names), what, plural))
