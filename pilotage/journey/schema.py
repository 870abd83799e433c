"""JSON Schemas (draft 2020-12) of every kind of document, so that editors complete and check while one types.

They are made from the same forms that documents are checked against. A schema cannot know which events, steps and contents
there are, so `pilotage check` sees more than an editor does.
"""

from typing import Any

from pilotage.journey.forms import FORMS
from pilotage.journey.scalars import SCALAR_KINDS
from pilotage.journey.shape import STANDS_FOR, Anything, Either, Key, Later, Listing, Mapped, Shape, Value, Variants

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document (`pilotage` is pilotage.yaml); KeyError for an unknown kind."""
    named: dict[str, dict[str, Any]] = {}
    schema = {"$schema": DIALECT, "title": f"Pilotage {kind}", **_schema(FORMS[kind], named)}
    return {**schema, "$defs": named} if named else schema


def json_schemas() -> dict[str, dict[str, Any]]:
    """All schemas, by kind."""
    return {kind: json_schema(kind) for kind in sorted(FORMS)}


def _schema(shape: Shape, named: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema of a shape; `named` gathers those of shapes that may hold themselves."""
    if isinstance(shape, Value):
        return _value(shape)
    if isinstance(shape, Later):
        if shape.name not in named:
            named[shape.name] = {}
            named[shape.name] = _schema(shape.of(), named)
        return {"$ref": f"#/$defs/{shape.name}"}
    if isinstance(shape, Anything):
        return {}
    if isinstance(shape, Listing):
        return {"type": "array", "items": _schema(shape.item, named), **({} if shape.empty else {"minItems": 1})}
    if isinstance(shape, Mapped):
        names = {key: value for key, value in SCALAR_KINDS[shape.key].schema.items() if key != "type"}
        fields = {"type": "object", "propertyNames": names, "additionalProperties": _schema(shape.value, named)}
        return {**fields, **({} if shape.empty else {"minProperties": 1})}
    if isinstance(shape, Either):
        return {"anyOf": [_schema(shape.short, named), _schema(shape.long, named)]}
    if isinstance(shape, Variants):
        return {"oneOf": [_form(form.keys + shape.shared, None, named) for form in shape.forms]}
    return _form(shape.keys, shape.more, named)


def _value(shape: Value) -> dict[str, Any]:
    if shape.choices:
        return {"enum": list(shape.choices)}
    schema = dict(SCALAR_KINDS[shape.kind].schema)
    return {"anyOf": [schema, {"type": "string", "pattern": f"^{STANDS_FOR.pattern}$"}]} if shape.open else schema


def _form(keys: tuple[Key, ...], more: Shape | None, named: dict[str, dict[str, Any]]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: {"description": key.meaning, **_schema(key.shape, named)} for key in keys},
        "additionalProperties": _schema(more, named) if more is not None else False,
    }
    required = [key.name for key in keys if key.required]
    return {**schema, "required": required} if required else schema
