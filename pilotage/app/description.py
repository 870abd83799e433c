"""The API's description of request bodies, exact to the last constraint.

What a framework derives from types leaves out the constraints of nested values and that unknown members are refused; here
the schemas come from the very types that read the bodies.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.spec import OpenAPIType, Reference, Schema

REFERENCE = "#/components/schemas/{name}"


def describe_bodies(application: Litestar, kinds: Sequence[type[msgspec.Struct]]) -> None:
    """Put the exact schemas of body types in the place of derived ones."""
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    components = application.openapi_schema.components
    if components is None or components.schemas is None:
        return
    for name, schema in schemas.items():
        if name in components.schemas:
            components.schemas[name] = _schema(schema)


def _schema(written: dict[str, Any]) -> Schema:
    """A JSON Schema as the framework keeps it."""
    return Schema(
        title=written.get("title"),
        description=written.get("description"),
        type=OpenAPIType(written["type"]) if "type" in written else None,
        properties={name: _part(part) for name, part in written["properties"].items()} if "properties" in written else None,
        required=written.get("required"),
        additional_properties=_additional(written.get("additionalProperties")),
        property_names=_part(written["propertyNames"]) if "propertyNames" in written else None,
        items=_part(written["items"]) if "items" in written else None,
        min_items=written.get("minItems"),
        max_items=written.get("maxItems"),
        min_properties=written.get("minProperties"),
        max_properties=written.get("maxProperties"),
        min_length=written.get("minLength"),
        max_length=written.get("maxLength"),
        minimum=written.get("minimum"),
        maximum=written.get("maximum"),
        pattern=written.get("pattern"),
    )


def _part(written: dict[str, Any]) -> Schema | Reference:
    return Reference(ref=written["$ref"]) if "$ref" in written else _schema(written)


def _additional(written: Any) -> bool | Schema | Reference | None:
    return _part(written) if isinstance(written, dict) else written
