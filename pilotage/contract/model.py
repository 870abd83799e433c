"""What a contract says, as plain data: the event type, its fields, and which of them are personal.

It is read from an ODCS v3 file at the edge, stored in the plan, and turned into a validator by `validate`.
"""

import msgspec


class FieldSpec(msgspec.Struct, frozen=True):
    """One field of an event's data.

    `kind` is an ODCS logical type: string, integer, number, boolean, date, timestamp, object or array. `fields` are an
    object's own; `items` describes an array's elements. `classification` is the ODCS classification, or empty; the
    kernel never sees the description.
    """

    name: str
    kind: str
    required: bool = False
    fields: tuple["FieldSpec", ...] = ()
    items: "FieldSpec | None" = None
    enum: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    length_min: int | None = None
    length_max: int | None = None
    classification: str = ""


class Contract(msgspec.Struct, frozen=True):
    """The declaration of one event type. `open` allows fields the contract does not name (they are kept, not read)."""

    event: str
    version: str
    fields: tuple[FieldSpec, ...]
    open: bool = False
    status: str = "active"
