"""JSON Schemas (draft 2020-12) of every kind of document, so that editors complete and check while one types.

They are made from the same forms that documents are checked against. A schema cannot know which events, steps and contents
there are, so `pilotage check` sees more than an editor does.
"""

from typing import Any

from pilotage.journey.forms import FORMS
from pilotage.journey.scalars import SCALAR_KINDS
from pilotage.journey.shape import Anything, Either, Key, Listing, Mapped, Shape, Value, Variants

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document (`pilotage` is pilotage.yaml); KeyError for an unknown kind."""
    return {"$schema": DIALECT, "title": f"Pilotage {kind}", **_schema(FORMS[kind])}


def json_schemas() -> dict[str, dict[str, Any]]:
    """All schemas, by kind."""
    return {kind: json_schema(kind) for kind in sorted(FORMS)}


def _schema(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Value):
        return {"enum": list(shape.choices)} if shape.choices else dict(SCALAR_KINDS[shape.kind].schema)
    if isinstance(shape, Anything):
        return {}
    if isinstance(shape, Listing):
        return {"type": "array", "items": _schema(shape.item), **({} if shape.empty else {"minItems": 1})}
    if isinstance(shape, Mapped):
        names = {key: value for key, value in SCALAR_KINDS[shape.key].schema.items() if key != "type"}
        fields = {"type": "object", "propertyNames": names, "additionalProperties": _schema(shape.value)}
        return {**fields, **({} if shape.empty else {"minProperties": 1})}
    if isinstance(shape, Either):
        return {"anyOf": [_schema(shape.short), _schema(shape.long)]}
    if isinstance(shape, Variants):
        return {"oneOf": [_form(form.keys + shape.shared, None) for form in shape.forms]}
    return _form(shape.keys, shape.more)


def _form(keys: tuple[Key, ...], more: Shape | None) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: {"description": key.meaning, **_schema(key.shape)} for key in keys},
        "additionalProperties": _schema(more) if more is not None else False,
    }
    required = [key.name for key in keys if key.required]
    return {**schema, "required": required} if required else schema
