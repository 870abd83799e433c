"""The typed intermediate form of a condition: plain structs that a plan stores and each back end reads.

Values have kernel representations, which are what generated code computes on: a BOOLEAN is a bool, an INTEGER an int64,
a NUMBER an int64 scaled by 10**6 (exact decimals), a STRING a str, a TIMESTAMP int64 microseconds UTC, a DATE days since
1970-01-01, an INTERVAL int64 microseconds, a LIST a list of strs and a MAP a dict of strs to strs: what in either is no text
stands as its JSON text, an item of a LIST can be NULL, and a key of a MAP whose value is NULL is not in it. NULL is None in
every type. An expression's type is fixed when it is parsed.
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
    LIST = "list"
    MAP = "map"
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


class Zone(Node, frozen=True, tag="zone"):
    """The IANA name of the subject's time zone: what the attribute holds where that is a zone of the tables, else the
    default. `attribute` is empty where subjects have no zones of their own."""

    attribute: str
    default: str
    type: Type = Type.STRING


class Now(Node, frozen=True, tag="now"):
    """The instant at which the condition is asked, a TIMESTAMP."""

    type: Type = Type.TIMESTAMP


class Call(Node, frozen=True, tag="call"):
    """An operator or scalar function over expressions.

    Not NULL merely because an argument is: `and`, `or`, `is_null`, `is_true`, `is_false`, `in`, `between`, `case`, `coalesce`,
    `least`, `greatest`. All others are NULL if any argument is, and some of them also otherwise (see `table.PARTIAL`).

    `case` has conditions and results in turn, then the default if there is one; `like` and `ilike` have text, pattern and,
    if given, the escape character; `in` has the operand, then constants. What reads the wall clock of an instant (`hour`,
    `day`, `date`, `date_trunc`, `local_time`, `timestamp` and the like) has the instant first and its `Zone` last; of a DATE
    the same operators have no zone. The operators are listed in `table.OPERATORS` with what they take and mean.
    """

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


class Aggregate(Node, frozen=True, tag="aggregate"):
    """The `sum`, `min`, `max`, `avg`, `first` or `last` (its `name`) of the values of the events of one type in the window,
    in the order they occurred and, at one instant, arrived. Events whose value is NULL do not count; NULL if none counts."""

    name: str
    feature: str
    event: str
    window_us: int
    type: Type


class Sequence(Node, frozen=True, tag="sequence"):
    """Whether an event of the feature `first` was followed by one of `then`: later by at most `within_us` and not at the
    same instant, both in the window."""

    first: str
    then: str
    events: tuple[str, str]
    within_us: int
    window_us: int
    type: Type = Type.BOOLEAN


class Consent(Node, frozen=True, tag="consent"):
    """Whether the subject has granted a purpose on a channel, by the later of the words about the channel and about all
    channels; never NULL: missing means no."""

    purpose: str
    channel: str
    type: Type = Type.BOOLEAN


class InAudience(Node, frozen=True, tag="in_audience"):
    """Whether the subject is in an audience; never NULL."""

    audience: str
    type: Type = Type.BOOLEAN


class InJourney(Node, frozen=True, tag="in_journey"):
    """Whether the subject is on its way through a journey (one held out of it is not); never NULL."""

    journey: str
    type: Type = Type.BOOLEAN


class Entered(Node, frozen=True, tag="entered"):
    """Whether the subject last entered a journey within the window (now − window, now], held out or not; `window_us` 0 means
    ever. Never NULL."""

    journey: str
    window_us: int
    type: Type = Type.BOOLEAN


class Stage(Node, frozen=True, tag="stage"):
    """The stage of the journey, among those the subject is on its way through, that it entered last (of two entered at one
    instant, the one whose name is later in the alphabet); NULL if in none. `stages` are (journey, stage) pairs by name."""

    stages: tuple[tuple[str, str], ...]
    type: Type = Type.STRING


Windowed = Count | Performed | SinceLast | Aggregate
"""What reads one feature of the subject."""

Expr = (
    Literal
    | Attribute
    | Field
    | Variable
    | Zone
    | Now
    | Call
    | Count
    | Performed
    | SinceLast
    | Aggregate
    | Sequence
    | Consent
    | InAudience
    | InJourney
    | Entered
    | Stage
)


class Feature(msgspec.Struct, frozen=True):
    """A per-subject aggregate a plan needs: the occurred instants of the events of one type that pass a filter, and with
    `value` also what they are worth.

    `key` is the name it has in the subject's state: the event type, followed by `#` and twelve digits of the filter's digest
    where there is one, and `=` and twelve digits of the value's where there is one; two predicates that need the same share
    it. `window_us` is how far back instants are kept; 0 keeps only the last one that has occurred. `where` and `value` are in
    canonical form. An event whose value is NULL is not kept.
    """

    key: str
    event: str
    window_us: int
    where: Expr | None = None
    value: Expr | None = None


class Predicate(msgspec.Struct, frozen=True):
    """A parsed condition: the text as written, its expression, and what it depends on.

    `events` are the event types whose arrival can change its truth, `attributes` the profile attributes it reads (that of
    the time zone among them), `features` the aggregates it needs, `timed` whether the passing of time alone can change its
    truth, `purposes` the `purpose|channel` pairs, `audiences` and `journeys` the names it reads.
    """

    text: str
    expr: Expr
    events: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ()
    purposes: tuple[str, ...] = ()
    timed: bool = False
    audiences: tuple[str, ...] = ()
    journeys: tuple[str, ...] = ()
