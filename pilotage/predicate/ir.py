"""The typed intermediate form of a condition: plain structs that a plan stores and each back end reads.

Values have kernel representations, which are what generated code computes on: a BOOLEAN is a bool, an INTEGER an int64,
a NUMBER an int64 scaled by 10**6 (exact decimals), a STRING a str, a TIMESTAMP int64 microseconds UTC, a DATE days since
1970-01-01, an INTERVAL int64 microseconds. NULL is None in every type. An expression's type is fixed when it is parsed.
"""

from enum import StrEnum

import msgspec

SCALE = 1_000_000
"""A NUMBER is stored as an integer count of millionths."""


class Type(StrEnum):
    """The type of a value in a condition."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DATE = "date"
    INTERVAL = "interval"
    NULL = "null"


class Node(msgspec.Struct, frozen=True, tag_field="op", array_like=False):
    """What every expression node has: its type. Its source position is not part of it, so spellings hash alike."""


class Literal(Node, frozen=True, tag="lit"):
    """A constant, in kernel representation."""

    type: Type
    value: bool | int | str | None


class Attribute(Node, frozen=True, tag="attr"):
    """An attribute of the subject's profile."""

    type: Type
    name: str


class Field(Node, frozen=True, tag="field"):
    """A field of an event's data by its dotted path: of the event at hand (`of='trigger'`) or of the event being
    counted inside a window filter (`of='event'`). The path `type` is the event's type itself."""

    type: Type
    of: str
    path: str


class Variable(Node, frozen=True, tag="var"):
    """A variable of the journey entry at hand (`journey.x`)."""

    type: Type
    name: str


class Call(Node, frozen=True, tag="call"):
    """An operator or scalar function over expressions: `and`, `or`, `not`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `add`,
    `sub`, `mul`, `div`, `mod`, `neg`, `is_null`, `is_true`, `is_false`, `in`, `between`, `like`, `ilike`, `case`,
    `coalesce`, `lower`, `upper`, `length`, `to_number`. `case` has conditions and results in turn, then the default if there
    is one; `like` and `ilike` have text, pattern and, if given, the escape character."""

    type: Type
    name: str
    args: tuple["Expr", ...]


class Count(Node, frozen=True, tag="count"):
    """How many events of a type the subject has had in the window (now − window, now] of occurred time."""

    feature: str
    event: str
    window_us: int
    type: Type = Type.INTEGER


class Performed(Node, frozen=True, tag="performed"):
    """Whether at least one event of a type lies in the window; `window_us` 0 means ever."""

    feature: str
    event: str
    window_us: int
    type: Type = Type.BOOLEAN


class SinceLast(Node, frozen=True, tag="since_last"):
    """The time since the last event of a type occurred, an INTERVAL; NULL if it never did."""

    feature: str
    event: str
    type: Type = Type.INTERVAL


class Consent(Node, frozen=True, tag="consent"):
    """Whether the subject has granted a purpose on a channel, by the later of the words about the channel and about all
    channels; never NULL: missing means no."""

    purpose: str
    channel: str
    type: Type = Type.BOOLEAN


Expr = Literal | Attribute | Field | Variable | Call | Count | Performed | SinceLast | Consent


class Predicate(msgspec.Struct, frozen=True):
    """A parsed condition: the text as written, its expression, and what it depends on.

    `events` are the event types whose arrival can change its truth, `attributes` the profile attributes it reads,
    `features` the aggregates it needs, `timed` whether the passing of time alone can change its truth, `purposes` the
    `purpose|channel` pairs it reads.
    """

    text: str
    expr: Expr
    events: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    features: tuple["Feature", ...] = ()
    purposes: tuple[str, ...] = ()
    timed: bool = False


class Feature(msgspec.Struct, frozen=True):
    """A per-subject aggregate a plan needs: the occurred instants of the events of one type that pass a filter.

    `key` is the name it has in the subject's state: the event type, followed by `#` and a digest of the filter where
    there is one; two predicates that need the same instants share it. `window_us` is how far back instants are kept;
    0 keeps only the last one.
    """

    key: str
    event: str
    window_us: int
    where: Expr | None = None
