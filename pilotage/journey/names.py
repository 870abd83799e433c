"""What documents may refer to, and the desk at which one document is worked on.

`Surroundings` come from outside the documents (contracts, channels, endpoints, zones); `Names` are all names in force once
the profile, the policies and the contents are read. A `Desk` ties one document to both and to the report, and turns its
conditions into typed predicates whose faults point into the file.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from pilotage.contract.model import Contract
from pilotage.contract.validate import field_kinds
from pilotage.journey.almanac import NO_ALMANAC, Almanac
from pilotage.journey.document import Document, Fields, Node, Scalar, inner_place, text_place
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.plan import Assignment
from pilotage.journey.scalars import Unreadable, expression_of
from pilotage.predicate.clauses import Doubt
from pilotage.predicate.ir import Call, Expr, Predicate, Type
from pilotage.predicate.parse import PredicateError, Scope, parse, parse_expression

SCALAR_TYPES = {
    "string": Type.STRING,
    "integer": Type.INTEGER,
    "number": Type.NUMBER,
    "boolean": Type.BOOLEAN,
    "date": Type.DATE,
    "timestamp": Type.TIMESTAMP,
}
"""The type a condition sees for each kind of field that is a single value."""

FIELD_TYPES = {**SCALAR_TYPES, "array": Type.LIST, "object": Type.MAP}
"""The type a condition sees for each kind of field: an array is a list, an object, read as a whole, a map."""

ATTRIBUTE_TYPES = {**SCALAR_TYPES, "list": Type.LIST, "map": Type.MAP}
"""The types a profile attribute can have."""


class ChannelParts(msgspec.Struct, frozen=True):
    """The parts a content of a channel must have and may have, and the attribute that holds the address by default
    (empty: the subject itself)."""

    required: frozenset[str]
    allowed: frozenset[str]
    recipient: str = ""


Examine = Callable[[Predicate, Scope], Iterable[Doubt]]
"""What is doubtful about a condition that can be read, in the scope it was read in."""

DOUBT_RULES = {"never": "E003", "always": "E004", "idle": "E005", "unexamined": "E006"}


class Surroundings(msgspec.Struct, frozen=True):
    """What lies around the documents. `variables_of` gives the dotted names a template reads, and raises ValueError
    (with `line` and `column`, where it knows them) if it is
    not well-formed. `zone` is the company's own; `zones_digest` names the zone tables in force. `examine`, if given, looks at
    each condition for what is doubtful about it; it has no part in the plan. `almanac` knows the world's days, for calendars."""

    contracts: tuple[Contract, ...]
    channels: Mapping[str, ChannelParts]
    endpoints: frozenset[str]
    zones: frozenset[str]
    variables_of: Callable[[str], Iterable[str]]
    zones_digest: str = ""
    zone: str = "UTC"
    examine: Examine | None = None
    almanac: Almanac = NO_ALMANAC


class ContentDraft(msgspec.Struct, frozen=True):
    """A content as written: its parts with their places, in each of its other languages too, and for each dotted name its templates
    read, one place; what it claims, and which claims it excludes."""

    document: Document
    name: str
    channel: str
    templates: dict[str, Scalar]
    reads: dict[str, tuple[Scalar, int]]
    locales: dict[str, dict[str, Scalar]] = {}
    brand: str = ""
    claims: tuple[Scalar, ...] = ()
    excludes: tuple[Scalar, ...] = ()


class Brand(msgspec.Struct, frozen=True):
    """A brand as written: its own purposes, whom its e-mails come from, and what templates read of it by name."""

    document: Document
    purposes: frozenset[str]
    sender: str
    values: dict[str, str]


class Asset(msgspec.Struct, frozen=True):
    """An asset as written: what templates read of it by name, and the instant from which it may not be shown (None: never)."""

    document: Document
    values: dict[str, str]
    until_us: int | None


class Languages(msgspec.Struct, frozen=True):
    """In which languages customers are written to: the attribute that holds theirs, the languages that every content must have, and
    which language stands in for another."""

    attribute: str = "locale"
    required: tuple[str, ...] = ()
    fallback: dict[str, str] = {}


class Parameter(msgspec.Struct, frozen=True):
    """What a fragment leaves open: its type, and its value where none is given (None: one must be given)."""

    name: str
    type: str
    default: Scalar | None


class Fragment(msgspec.Struct, frozen=True):
    """A fragment as written: its version (empty: none declared), the digest of its document, and its steps. `sound` says whether
    it can be used: what is wrong with the rest is reported already."""

    document: Document
    name: str
    version: str
    digest: str
    parameters: dict[str, Parameter]
    steps: tuple[Fields, ...]
    sound: bool


class Names(msgspec.Struct, frozen=True):
    """All names in force. `journeys` leads from each journey to its stage, `entrances` from each to the event type it
    is entered on, `audiences` are those of audience documents. `zone` is
    the company's time zone, `zone_attribute` the attribute that holds a customer's own. Of documents about accounts they are the
    names that accounts have: then `members` are the attributes of persons, `roles` what these may be there (None: the document
    is about persons)."""

    contracts: dict[str, Contract]
    events: dict[str, dict[str, Type]]
    attributes: dict[str, Type]
    purposes: dict[str, tuple[str, ...]]
    contents: dict[str, ContentDraft]
    journeys: dict[str, str]
    channels: Mapping[str, ChannelParts]
    endpoints: frozenset[str]
    zones: frozenset[str]
    entrances: Mapping[str, str] = {}
    fragments: tuple[Fragment, ...] = ()
    catalogues: Mapping[str, Document] = {}
    audiences: tuple[str, ...] = ()
    zone: str = "UTC"
    zone_attribute: str = ""
    examine: Examine | None = None
    brands: Mapping[str, Brand] = {}
    assets: Mapping[str, Asset] = {}
    languages: Languages = Languages()
    pools: tuple[str, ...] = ()
    roles: tuple[str, ...] | None = None
    members: Mapping[str, Type] = {}


def event_fields(contracts: Iterable[Contract]) -> dict[str, dict[str, Type]]:
    """For each event type, the type of every field that a condition can read, by dotted path."""
    return {
        contract.event: {path: FIELD_TYPES[kind] for path, kind in field_kinds(contract).items() if kind in FIELD_TYPES}
        for contract in contracts
    }


class Desk:
    """One document being read, with what it may refer to. `used` gathers every predicate made, for its features."""

    def __init__(self, document: Document, names: Names, report: Report) -> None:
        self.document, self.names, self.report = document, names, report
        self.used: list[Predicate] = []

    def at(self, document: Document) -> "Desk":
        """A desk at which another document is worked on for this one: what it reads counts here."""
        desk = Desk(document, self.names, self.report)
        desk.used = self.used
        return desk

    def wrong(self, rule: str, node: Node, message: str, cure: str = "") -> None:
        """Report a broken rule at a node."""
        self.report.add(rule, self.document.path, node.place, message, cure)

    def known(self, rule: str, scalar: Scalar | None, names: Iterable[str], what: str, plural: str) -> str:
        """The name a scalar holds, if it is among the names; else a finding and empty text."""
        if scalar is None:
            return ""
        names = tuple(names)
        if scalar.text in names:
            return scalar.text
        self.wrong(rule, scalar, f"unknown {what} {scalar.text!r}", suggestion(scalar.text, names, plural))
        return ""

    def scope(self, trigger: tuple[str, ...] = (), any_trigger: bool = False, variables: dict[str, Type] | None = None) -> Scope:
        """What a condition of this document may read."""
        names = self.names
        return Scope(
            attributes=names.attributes,
            events=names.events,
            trigger=trigger,
            any_trigger=any_trigger,
            variables=variables or {},
            purposes=names.purposes,
            audiences=names.audiences,
            journeys=names.journeys,
            zone=names.zone,
            zone_attribute=names.zone_attribute,
            account=names.roles is not None,
        )

    def condition(self, scalar: Scalar | None, scope: Scope) -> Predicate | None:
        """The typed predicate of a condition; None, with a finding, where it cannot be read."""
        predicate = self._parsed(scalar, scope, parse)
        if scalar is not None and predicate is not None and self.names.examine is not None:
            for doubt in self.names.examine(predicate, scope):
                place = text_place(self.document, scalar, doubt.line, doubt.column)
                self.report.add(DOUBT_RULES[doubt.kind], self.document.path, place, doubt.message, doubt.cure)
        return predicate

    def expression(self, scalar: Scalar | None, scope: Scope) -> Predicate | None:
        """The typed form of a value of any type; None, with a finding, where it cannot be read."""
        return self._parsed(scalar, scope, parse_expression)

    def _parsed(self, scalar: Scalar | None, scope: Scope, parser: Callable[[str, Scope], Predicate]) -> Predicate | None:
        text = readable(scalar)
        if scalar is None or text is None:
            return None
        try:
            predicate = parser(text, scope)
        except PredicateError as error:
            place = text_place(self.document, scalar, error.line, error.column)
            self.report.add("E001", self.document.path, place, error.message, error.cure)
            return None
        self.used.append(predicate)
        return predicate

    def assignment(self, name: str, scalar: Scalar, scope: Scope, wanted: Type | None, rule: str = "E002") -> Assignment | None:
        """A name and its value, converted to the wanted type; a value of another type breaks the rule."""
        predicate = self.expression(scalar, scope)
        if predicate is None:
            return None
        value = predicate.expr if wanted is None else converted(predicate.expr, wanted)
        if value is None:
            message = f"'{name}' is of type {wanted}, but the value is of type {predicate.expr.type}"
            self.wrong(rule, scalar, message, f"write a value of type {wanted}")
            return None
        return Assignment(name, value)

    def place_in(self, scalar: Scalar, offset: int) -> tuple[int, int]:
        """Where an offset in a scalar's text lies in the file."""
        return inner_place(self.document, scalar, offset)


def readable(scalar: Scalar | None) -> str | None:
    """The text of a condition or value, or None where there is none (which the form's check has reported)."""
    if not isinstance(scalar, Scalar):
        return None
    try:
        return expression_of(scalar)
    except Unreadable:
        return None


def converted(value: Expr, wanted: Type) -> Expr | None:
    """The value as the wanted type: itself, an integer made a number, NULL as any type; None where types differ."""
    if value.type is wanted or value.type is Type.NULL:
        return value
    if wanted is Type.NUMBER and value.type is Type.INTEGER:
        return Call(Type.NUMBER, "to_number", (value,))
    return None
