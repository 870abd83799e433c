"""Parameters: what a fragment leaves open, and how what a journey gives is put in its place.

In a fragment's steps `$name` stands for a parameter: alone where a name, a duration or a number belongs, anywhere in a
condition or value, where text comes to stand in quotes. Filled in text remembers what was written, so that a fault in it is
found in the fragment's file. A parameter of type `step` is an edge: it is resolved by whoever uses the fragment.
"""

import re
from collections.abc import Callable, Mapping

import msgspec

from pilotage.journey.document import Fields, Items, Scalar, Tree
from pilotage.journey.scalars import PARAMETER
from pilotage.journey.shape import STANDS_FOR, Either, Form, Key, Later, Listing, Mapped, Shape, Value, Variants
from pilotage.predicate.text import string_text

PARAMETER_KINDS: Mapping[str, str] = {
    "string": "line",
    "integer": "integer",
    "number": "number",
    "boolean": "flag",
    "duration": "duration",
    "time": "time",
    "condition": "condition",
    "expression": "expression",
    "event": "name",
    "content": "name",
    "channel": "name",
    "purpose": "name",
    "endpoint": "name",
    "attribute": "name",
    "audience": "name",
    "step": "step",
}
"""The types of parameters, each with the kind of single value that it is."""

PARAMETER_TYPES = tuple(PARAMETER_KINDS)
_AS_WRITTEN = frozenset(("integer", "number", "boolean"))
_CONDITIONS = frozenset(("condition", "expression"))
_FIXED = frozenset(("word", "parameter", "schema"))
"""Kinds of values that are never left open: ids, on which state and figures hang, and names of parameters."""
_IN_TEXT = re.compile(rf"'(?:[^']|'')*'|\$({PARAMETER})")


class Argument(msgspec.Struct, frozen=True):
    """What a parameter is filled in with: its type, and the value as written."""

    type: str
    scalar: Scalar

    @property
    def in_condition(self) -> str:
        """How the value stands in a condition: text and durations in quotes, conditions in brackets."""
        if self.type in _AS_WRITTEN:
            return self.scalar.text
        return f"({self.scalar.text})" if self.type in _CONDITIONS else string_text(self.scalar.text)


Give = Callable[[Scalar, str, int, str], Argument | None]
"""What stands for a parameter, asked with the scalar it is written in, its name, its offset there and the kind of value; None
leaves it as it is."""


def parametric(shape: Shape, again: Later) -> Shape:
    """The shape with every value open to a parameter, but for ids and choices; `again` is what it holds itself by."""
    if isinstance(shape, Value):
        return shape if shape.choices or shape.kind in _FIXED else Value(shape.kind, open=True)
    if isinstance(shape, Listing):
        return Listing(parametric(shape.item, again), shape.empty)
    if isinstance(shape, Mapped):
        return Mapped(parametric(shape.value, again), shape.key, shape.empty)
    if isinstance(shape, Form):
        return _parametric_form(shape, again)
    if isinstance(shape, Either):
        short, long = parametric(shape.short, again), parametric(shape.long, again)
        assert isinstance(short, Value) and isinstance(long, Form | Mapped)
        return Either(short, long)
    if isinstance(shape, Variants):
        forms = tuple(_parametric_form(form, again) for form in shape.forms)
        return Variants(shape.title, _parametric_keys(shape.shared, again), forms)
    return again


def _parametric_form(form: Form, again: Later) -> Form:
    return Form(form.title, _parametric_keys(form.keys, again), parametric(form.more, again) if form.more else None)


def _parametric_keys(keys: tuple[Key, ...], again: Later) -> tuple[Key, ...]:
    return tuple(msgspec.structs.replace(key, shape=parametric(key.shape, again)) for key in keys)


def filled(tree: Tree, shape: Shape, give: Give) -> Tree:
    """The tree with its parameters filled in; the shape tells where they may stand."""
    if isinstance(shape, Later):
        shape = shape.of()
    if isinstance(shape, Either):
        shape = shape.short if isinstance(tree, Scalar) else shape.long
    if isinstance(tree, Scalar):
        return _filled_scalar(tree, shape, give) if isinstance(shape, Value) else tree
    if isinstance(tree, Items):
        if not isinstance(shape, Listing):
            return tree
        return msgspec.structs.replace(tree, items=tuple(filled(item, shape.item, give) for item in tree.items))
    shape_of = _inner_shapes(tree, shape)
    fields = ((key, value, shape_of(key.text)) for key, value in tree.fields)
    found = tuple((key, value if inner is None else filled(value, inner, give)) for key, value, inner in fields)
    return msgspec.structs.replace(tree, fields=found)


def _inner_shapes(tree: Fields, shape: Shape) -> Callable[[str], Shape | None]:
    if isinstance(shape, Mapped):
        return lambda _: shape.value
    if isinstance(shape, Variants):
        forms = shape.form_of(tree)
        keys = shape.shared + (forms[0].keys if len(forms) == 1 else ())
    else:
        keys = shape.keys if isinstance(shape, Form) else ()
    return {key.name: key.shape for key in keys}.get


def _filled_scalar(scalar: Scalar, value: Value, give: Give) -> Scalar:
    if value.choices or value.kind in _FIXED or not isinstance(scalar.value, str):
        return scalar
    if value.kind in _CONDITIONS:
        return _filled_text(scalar, value, give)
    whole = STANDS_FOR.fullmatch(scalar.text)
    argument = give(scalar, whole[1], 0, value.kind) if whole else None
    if argument is None:
        return scalar
    text = argument.scalar.text
    filled_in = ((0, len(text), len(scalar.text)),)
    return msgspec.structs.replace(scalar, value=argument.scalar.value, text=text, written=scalar.text, filled=filled_in)


def _filled_text(scalar: Scalar, value: Value, give: Give) -> Scalar:
    text, at, pieces = "", 0, []
    for match in _IN_TEXT.finditer(scalar.text):
        argument = give(scalar, match[1], match.start(), value.kind) if match[1] else None
        if argument is None:
            continue
        text += scalar.text[at : match.start()]
        given = argument.in_condition
        pieces.append((len(text), len(given), len(match[0])))
        text += given
        at = match.end()
    if not pieces:
        return scalar
    text += scalar.text[at:]
    return msgspec.structs.replace(scalar, value=text, text=text, written=scalar.text, filled=tuple(pieces))
