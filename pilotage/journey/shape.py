"""Shapes: what keys and values a document of each kind may have, as data.

One description serves three readers: `check` reports every way in which a document departs from its shape, `schema` turns
it into a JSON Schema for editors, and a person reads the meanings. What a document means is checked later, by the parsers.
"""

import re
from collections.abc import Callable

import msgspec

from pilotage.journey.document import Document, Fields, Items, Scalar, Tree
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.scalars import PARAMETER, SCALAR_KINDS, Unreadable, shown


class Value(msgspec.Struct, frozen=True):
    """A single value of a kind (see `scalars.SCALAR_KINDS`), or one of the choices. Where it is `open`, `$name` may stand
    for it: a parameter, whose value is checked where it is filled in."""

    kind: str = "text"
    choices: tuple[str, ...] = ()
    open: bool = False


class Anything(msgspec.Struct, frozen=True):
    """Any value at all: one whose shape something else knows, such as the contract of an event."""


class Listing(msgspec.Struct, frozen=True):
    """A list whose items have one shape; it may not be empty unless `empty`."""

    item: "Shape"
    empty: bool = False


class Mapped(msgspec.Struct, frozen=True):
    """A map with names of the author's own as keys, whose values have one shape."""

    value: "Shape"
    key: str = "word"
    empty: bool = False


class Key(msgspec.Struct, frozen=True):
    """One key of a form: its name, what its value looks like, and what it means."""

    name: str
    shape: "Shape"
    meaning: str
    required: bool = False


class Form(msgspec.Struct, frozen=True):
    """A map with fixed keys; `more` is the shape of values under any other key, where others are allowed."""

    title: str
    keys: tuple[Key, ...]
    more: "Shape | None" = None


class Either(msgspec.Struct, frozen=True):
    """A short form or a long one: a single value, or a map."""

    short: "Value"
    long: "Form | Mapped"


class Variants(msgspec.Struct, frozen=True):
    """A map that is one of several forms, told apart by which form's first key it has; `shared` keys may be in all."""

    title: str
    shared: tuple[Key, ...]
    forms: tuple[Form, ...]

    def form_of(self, fields: Fields) -> tuple[Form, ...]:
        """The forms whose first key is written."""
        written = set(fields.names())
        return tuple(form for form in self.forms if form.keys[0].name in written)


class Later(msgspec.Struct, frozen=True):
    """A shape that may hold itself: its name in a JSON Schema, and what gives it once it is made."""

    name: str
    of: Callable[[], "Shape"]


Shape = Value | Anything | Listing | Mapped | Form | Either | Variants | Later

STANDS_FOR = re.compile(rf"\$({PARAMETER})")
"""How a parameter is written where a value stands."""


def check(tree: Tree, shape: Shape, what: str, document: Document, report: Report) -> None:
    """Report every way in which a tree departs from its shape; `what` names the value in messages."""
    if isinstance(shape, Either):
        shape = shape.short if isinstance(tree, Scalar) else shape.long
    if isinstance(shape, Anything):
        return
    if isinstance(shape, Later):
        check(tree, shape.of(), what, document, report)
    elif isinstance(shape, Value):
        _check_value(tree, shape, what, document, report)
    elif isinstance(shape, Listing):
        _check_list(tree, shape, what, document, report)
    elif not isinstance(tree, Fields):
        keys = _first_keys(shape)
        report.add("D011", document.path, tree.place, f"{what} must be a map, not {_sort(tree)}", f"write {{{keys}}}")
    elif isinstance(shape, Mapped):
        _check_map(tree, shape, what, document, report)
    elif isinstance(shape, Variants):
        _check_variants(tree, shape, what, document, report)
    else:
        _check_form(tree, shape, what, document, report)


def _check_value(tree: Tree, shape: Value, what: str, document: Document, report: Report) -> None:
    if not isinstance(tree, Scalar):
        report.add("D011", document.path, tree.place, f"{what} must be a single value, not {_sort(tree)}", SCALAR_KINDS[shape.kind].cure)
        return
    if shape.choices:
        if tree.text not in shape.choices:
            message = f"{what} cannot be {shown(tree)}"
            report.add("D016", document.path, tree.place, message, suggestion(tree.text, shape.choices, "choices"))
        return
    if shape.open and STANDS_FOR.fullmatch(tree.text):
        return
    kind = SCALAR_KINDS[shape.kind]
    try:
        kind.read(tree)
    except Unreadable as fault:
        rule = "D011" if tree.value is None else kind.rule
        report.add(rule, document.path, tree.place, f"{what}: {fault}", kind.cure)


def _check_list(tree: Tree, shape: Listing, what: str, document: Document, report: Report) -> None:
    if not isinstance(tree, Items):
        message = f"{what} must be a list, not {_sort(tree)}"
        report.add("D011", document.path, tree.place, message, "write [first, second], or lines with '-'")
        return
    if not tree.items and not shape.empty:
        report.add("D020", document.path, tree.place, f"{what} is empty", "write at least one, or remove the key")
    for number, item in enumerate(tree.items, 1):
        check(item, shape.item, f"{what}, item {number}", document, report)


def _check_map(tree: Fields, shape: Mapped, what: str, document: Document, report: Report) -> None:
    if not tree.fields and not shape.empty:
        report.add("D020", document.path, tree.place, f"{what} is empty", "write at least one, or remove the key")
    for key, value in tree.fields:
        _check_value(key, Value(shape.key), f"a key of {what}", document, report)
        check(value, shape.value, f"'{key.text}'", document, report)


def _check_variants(tree: Fields, shape: Variants, what: str, document: Document, report: Report) -> None:
    forms = shape.form_of(tree)
    named = tree.text("id")
    what = f"{shape.title} '{named}'" if named else what
    if len(forms) == 1:
        _check_form(tree, Form(shape.title, forms[0].keys + shape.shared, forms[0].more), what, document, report)
        return
    kinds = [form.keys[0].name for form in shape.forms]
    if forms:
        both = " and ".join(f"'{form.keys[0].name}'" for form in forms)
        report.add("J006", document.path, tree.place, f"{what} has {both}", "split it into one step each")
        return
    shared = {key.name for key in shape.shared} | {key.name for form in shape.forms for key in form.keys}
    stray = [key for key, _ in tree.fields if key.text not in shared]
    cure = suggestion(stray[0].text if stray else "", kinds, "kinds of steps")
    place = stray[0].place if stray else tree.place
    report.add("J006", document.path, place, f"{what} does not say what to do", cure)


def _check_form(tree: Fields, shape: Form, what: str, document: Document, report: Report) -> None:
    known = {key.name: key for key in shape.keys}
    for key, value in tree.fields:
        if key.text in known:
            check(value, known[key.text].shape, f"'{key.text}'", document, report)
        elif shape.more is not None:
            check(value, shape.more, f"'{key.text}'", document, report)
        else:
            message = f"unknown key {key.text!r} in {what}"
            report.add("D009", document.path, key.place, message, suggestion(key.text, known, "keys"))
    for name, required in known.items():
        if required.required and tree.get(name) is None:
            report.add("D010", document.path, tree.place, f"{what} has no '{name}'", f"add '{name}': {required.meaning}")


def _first_keys(shape: Shape) -> str:
    keys = shape.keys if isinstance(shape, Form) else shape.shared if isinstance(shape, Variants) else ()
    return ", ".join(f"{key.name}: …" for key in keys[:2]) or "name: …"


def _sort(tree: Tree) -> str:
    if isinstance(tree, Scalar):
        return shown(tree)
    return "a list" if isinstance(tree, Items) else "a map"
