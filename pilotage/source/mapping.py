"""How the rows of a file become events: a document (`kind: mapping`) that names columns, read and checked once.

It says where each row's type, time, identity and data come from, which constants are added, and which further events are
made just before the first of each subject. The format is described in docs/source.md.
"""

import re
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from pilotage.contract.document import Reader, plain, suggestion
from pilotage.contract.tree import Fields, Scalar, Tree
from pilotage.source.zones import packaged_zones

KINDS = ("string", "integer", "number", "boolean", "date", "timestamp")
FORMATS = ("csv", "jsonl", "parquet")
UNIX_FORMATS = {"unix_s": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
OTHERS = ("quarantine", "skip", "keep")
_PLACE = re.compile(r"\{([^{}]*)\}")
_DOCUMENT = ("schema", "kind", "name", "source", "file", "type", "time", "id", "identifiers", "data", "events", "first_seen")


class Value(msgspec.Struct, frozen=True):
    """Where one value comes from: a `column` read as a `kind`, a `text` whose `{column}` places are filled in, or else the
    `constant`. `time` says how a column of times is written."""

    column: str = ""
    kind: str = "string"
    text: str = ""
    constant: Any = None
    time: "TimeFormat | None" = None


class TimeFormat(msgspec.Struct, frozen=True):
    """How a time is written: ISO 8601 (empty), `unix_s`, `unix_ms`, `unix_us`, or a strptime pattern; `zone` is the IANA zone
    of wall times that carry no offset."""

    pattern: str = ""
    zone: str = "UTC"


class Extra(msgspec.Struct, frozen=True):
    """An event made just before the first row of each subject."""

    type: str
    data: dict[str, Value]


class FileMapping(msgspec.Struct, frozen=True):
    """A mapping document. `types` maps values of `type_column` to event types (an empty type leaves the row out); `others`
    says what happens to other values. `id_columns` empty: a row's id is its number. `events` holds data that only one
    type of event has."""

    source: str
    type_column: str
    types: dict[str, str]
    others: Literal["quarantine", "skip", "keep"]
    constant_type: str
    time: Value
    id_columns: tuple[str, ...]
    identifiers: dict[str, Value]
    data: dict[str, Value]
    events: dict[str, dict[str, Value]]
    first_seen: tuple[Extra, ...]
    format: str = ""
    delimiter: str = ","

    def columns(self) -> set[str]:
        """Every column the mapping reads, to be checked against the file's."""
        groups = [self.identifiers, self.data, *self.events.values(), *(extra.data for extra in self.first_seen)]
        values = [self.time, *(value for group in groups for value in group.values())]
        places = {place for value in values for place in _PLACE.findall(value.text)}
        named = {value.column for value in values} | {self.type_column} | set(self.id_columns)
        return (named | places) - {""}


def fill(text: str, row: dict[str, Any]) -> str:
    """A text with its `{column}` places filled in."""
    return _PLACE.sub(lambda place: str(row.get(place[1], "")), text)


def read_mapping(text: str, path: str) -> FileMapping:
    """Read a mapping document; `DocumentBroken` lists every mistake with file, line and column."""
    reader = _MappingReader(path)
    mapping = reader.mapping(reader.root(text))
    reader.finish()
    return mapping


class _MappingReader(Reader):
    def mapping(self, root: Fields) -> FileMapping:
        members = self.members(root, _DOCUMENT)
        for key, expected in (("schema", "1"), ("kind", "mapping")):
            if self.needed(members, key, root) not in ("", expected):
                self.fault(members[key], f"expected {expected!r}", f"write `{key}: {expected}`")
        kind = self.members(members.get("type"), ("column", "values", "others", "value"))
        if not kind:
            self.fault(root, "'type' is missing", "add `type: {column: …, values: {…}}` or `type: {value: …}`")
        elif bool(kind.get("column")) == bool(kind.get("value")):
            self.fault(members["type"], "a type needs either a column or a value", "give one of them")
        form = self.members(members.get("file"), ("format", "delimiter"))
        values = self.members(kind.get("values"))
        identifiers = self.values(members.get("identifiers"))
        if not identifiers:
            self.fault(members.get("identifiers", root), "no identifier is mapped", "add `identifiers: {user_id: <column>}`")
        return FileMapping(
            source=self.needed(members, "source", root),
            type_column=self.text(kind.get("column")),
            types={self_text: self.text(node) for self_text, node in values.items()},
            others=cast(Any, self.one_of(kind.get("others"), OTHERS, "quarantine" if values else "keep")),
            constant_type=self.text(kind.get("value")),
            time=self.time(members.get("time"), root),
            id_columns=self.id_columns(members.get("id")),
            identifiers=identifiers,
            data=self.values(members.get("data")),
            events={event: self.event_data(node) for event, node in self.members(members.get("events")).items()},
            first_seen=tuple(self.extra(node) for node in self.items(members.get("first_seen"))),
            format=self.one_of(form.get("format"), FORMATS, ""),
            delimiter=self.delimiter(form.get("delimiter")),
        )

    def one_of(self, node: Tree | None, words: tuple[str, ...], default: str) -> str:
        found = self.text(node, default)
        if node is not None and found not in words:
            self.fault(node, f"{found!r} is not known here", suggestion(found, words))
        return found

    def delimiter(self, node: Tree | None) -> str:
        found = self.text(node, ",")
        if found != "whitespace" and len(found) != 1:
            assert node is not None, "the default is one character"
            self.fault(node, "a delimiter is one character", 'write it in quotes, such as ";", or the word whitespace')
        return found

    def id_columns(self, node: Tree | None) -> tuple[str, ...]:
        members = self.members(node, ("columns",))
        return tuple(self.text(item) for item in self.items(members.get("columns")))

    def time(self, node: Tree | None, root: Tree) -> Value:
        if node is None:
            self.fault(root, "'time' is missing", "add `time: {column: …}`")
            return Value()
        members = self.members(node, ("column", "format", "zone"))
        column = self.needed(members, "column", node)
        return Value(column=column, kind="timestamp", time=self.time_format(members))

    def time_format(self, members: dict[str, Tree]) -> TimeFormat:
        pattern = self.text(members.get("format"))
        zone = self.text(members.get("zone"), "UTC")
        if zone not in packaged_zones():
            self.fault(members["zone"], f"{zone!r} is no IANA zone", "write a name such as Europe/Berlin")
            zone = "UTC"
        if pattern and pattern not in UNIX_FORMATS and not _is_pattern(pattern):
            cure = f"write a strptime pattern such as %Y-%m-%d, or one of {', '.join(UNIX_FORMATS)}"
            self.fault(members["format"], f"{pattern!r} is no format of times", cure)
        return TimeFormat(pattern, zone)

    def values(self, node: Tree | None) -> dict[str, Value]:
        return {name: self.value(member) for name, member in self.members(node).items()}

    def value(self, node: Tree) -> Value:
        """One value: a column's name, or `{column, type}`, `{text}`, `{value}`."""
        if isinstance(node, Scalar):
            return Value(column=self.text(node))
        members = self.members(node, ("column", "type", "format", "zone", "text", "value"))
        if sum(key in members for key in ("column", "text", "value")) != 1:
            self.fault(node, "a value has one of column, text or value", "give one of the three")
            return Value()
        if "column" in members:
            kind = self.one_of(members.get("type"), KINDS, "string")
            return Value(self.text(members["column"]), kind, time=self.time_format(members) if kind in ("date", "timestamp") else None)
        return Value(text=self.text(members["text"])) if "text" in members else Value(constant=plain(members["value"]))

    def event_data(self, node: Tree) -> dict[str, Value]:
        return self.values(self.members(node, ("data",)).get("data"))

    def extra(self, node: Tree) -> Extra:
        members = self.members(node, ("type", "data"))
        return Extra(self.needed(members, "type", node), self.values(members.get("data")))


def _is_pattern(pattern: str) -> bool:
    """Whether strptime reads back what strftime writes with this pattern, and there is a year in it."""
    try:
        datetime.strptime(datetime(2024, 1, 31, 13, 5, 9).strftime(pattern), pattern)
    except ValueError:
        return False
    return "%" in pattern
