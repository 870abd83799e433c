"""YAML documents as trees of nodes that know where they stand.

A document is read with the scalar rules of the YAML 1.2 core schema, so that `on` and `yes` are text and `21:00` is not a
number. Size, depth and the expansion of aliases are bounded, keys written twice are refused, and every mistake is
reported with its line and column. A position inside a scalar (of a fault in a condition, say) can be traced back to the
file, whether the scalar is plain, quoted or a block.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from pilotage.journey.findings import Report

BYTES_MAX = 1 << 20
"""The largest document that is read."""
DEPTH_MAX = 40
"""How deeply a document may be nested."""
NODES_MAX = 50_000
"""How many values a document may hold once its aliases are expanded."""

ScalarValue = None | bool | int | float | str


class Node(msgspec.Struct, frozen=True):
    """What every node has: where it begins, as line and column counted from 1."""

    line: int
    column: int

    @property
    def place(self) -> tuple[int, int]:
        return self.line, self.column


class Scalar(Node, frozen=True):
    """A single value. `text` is what was written, without quotes; `start` and `end` are its offsets in the source;
    `style` is empty for a plain scalar, else its quote or block mark."""

    value: ScalarValue
    text: str
    start: int = 0
    end: int = 0
    style: str = ""


class Items(Node, frozen=True):
    """A list."""

    items: tuple["Tree", ...]


class Fields(Node, frozen=True):
    """A map, in the order written; keys are always text."""

    fields: tuple[tuple[Scalar, "Tree"], ...]

    def get(self, name: str) -> "Tree | None":
        """The value of a key, or None."""
        return next((value for key, value in self.fields if key.text == name), None)

    def key(self, name: str) -> "Node":
        """Where a key is written (the map itself if it is not)."""
        return next((key for key, _ in self.fields if key.text == name), self)

    def names(self) -> tuple[str, ...]:
        """The keys as written."""
        return tuple(key.text for key, _ in self.fields)

    def scalar(self, name: str) -> Scalar | None:
        """The value of a key if it is a single, non-null value."""
        value = self.get(name)
        return value if isinstance(value, Scalar) and value.value is not None else None

    def text(self, name: str, default: str = "") -> str:
        """The text of a key's single value."""
        found = self.scalar(name)
        return default if found is None else found.text

    def map(self, name: str) -> "Fields | None":
        """The value of a key if it is a map."""
        value = self.get(name)
        return value if isinstance(value, Fields) else None

    def list(self, name: str) -> tuple["Tree", ...]:
        """The items of a key's list, or none."""
        value = self.get(name)
        return value.items if isinstance(value, Items) else ()


Tree = Scalar | Items | Fields


class Document(msgspec.Struct, frozen=True):
    """One file: its path relative to the workspace, its text, and its root, which is always a map."""

    path: str
    source: str
    root: Fields

    @property
    def kind(self) -> str:
        return self.root.text("kind")

    @property
    def name(self) -> str:
        return self.root.text("name")


class Breach(Exception):
    """A document breaks a bound; carries the rule and the place."""

    def __init__(self, rule: str, place: tuple[int, int], message: str, cure: str) -> None:
        super().__init__(message)
        self.rule, self.place, self.message, self.cure = rule, place, message, cure


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML's scanner, parser and composer, without its YAML 1.1 resolver: implicit tags are left empty."""

    def __init__(self, source: str) -> None:
        Reader.__init__(self, source)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Leave a node without an explicit tag untagged: scalars are read by `scalar_value`."""
        return ""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose as PyYAML does, but not deeper than allowed (it recurses)."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
            message = f"nested deeper than {DEPTH_MAX} levels"
            raise Breach("D007", _place(event.start_mark), message, "flatten the document")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read_document(raw: bytes, path: str, report: Report) -> Document | None:
    """The document of a file's bytes; None, with findings, where there is none to be had."""
    if len(raw) > BYTES_MAX:
        report.add("D001", path, (0, 0), f"the document has {len(raw)} bytes", f"keep it below {BYTES_MAX}, or split it")
        return None
    try:
        source = raw.decode()
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        report.add("D002", path, (line, 1), f"byte {fault.start} is not UTF-8", "save the file as UTF-8")
        return None
    try:
        return _read(source, path, report)
    except Breach as breach:
        report.add(breach.rule, path, breach.place, breach.message, breach.cure)
    except yaml.MarkedYAMLError as fault:
        report.add("D003", path, _place(fault.problem_mark or fault.context_mark), *_syntax(fault))
    except ReaderError as fault:
        place = place_of(source, fault.position)
        report.add("D003", path, place, f"the character U+{ord(source[fault.position]):04X} is not allowed", "remove it")
    return None


def _read(source: str, path: str, report: Report) -> Document | None:
    loader = _Loader(source)
    try:
        composed = loader.get_single_node()
    except yaml.composer.ComposerError as fault:
        if fault.context == "expected a single document in the stream":
            report.add("D008", path, _place(fault.problem_mark), "a second document begins here", "keep one document per file")
            return None
        raise
    if composed is None:
        report.add("D008", path, (0, 0), "the file is empty", "write a document, or remove the file")
        return None
    tree = _Grower(path, report).grow(composed)
    if not isinstance(tree, Fields):
        report.add("D011", path, tree.place, "a document must be a map of keys and values", "begin with 'schema: 1' and 'kind: …'")
        return None
    return Document(path, source, tree)


class _Grower:
    """Turns composed nodes into trees, counting what aliases expand to."""

    def __init__(self, path: str, report: Report) -> None:
        self.path, self.report = path, report
        self.count = self.depth = 0

    def grow(self, node: yaml.Node) -> Tree:
        self.count += 1
        place = _place(node.start_mark)
        if self.count > NODES_MAX or self.depth > DEPTH_MAX:
            raise Breach("D005", place, "anchors and aliases expand too far", "write the values out instead of aliasing them")
        if node.tag:
            self.report.add("D006", self.path, place, f"the tag {node.tag!r} is not allowed", "remove it; types follow from the key")
        self.depth += 1
        try:
            return self._tree(node, place)
        finally:
            self.depth -= 1

    def _tree(self, node: yaml.Node, place: tuple[int, int]) -> Tree:
        if isinstance(node, yaml.SequenceNode):
            return Items(*place, tuple(self.grow(item) for item in node.value))
        if isinstance(node, yaml.MappingNode):
            return Fields(*place, self._fields(node))
        assert isinstance(node, yaml.ScalarNode)
        value = node.value if node.style else scalar_value(node.value)
        return Scalar(*place, value, node.value, node.start_mark.index, node.end_mark.index, node.style or "")

    def _fields(self, node: yaml.MappingNode) -> tuple[tuple[Scalar, Tree], ...]:
        fields: dict[str, tuple[Scalar, Tree]] = {}
        for key_node, value_node in node.value:
            key = self.grow(key_node)
            if not isinstance(key, Scalar):
                self.report.add("D011", self.path, key.place, "a key must be a single value", "write the key as text")
            elif key.text in fields:
                first = fields[key.text][0].line
                message = f"the key {key.text!r} is written twice; it stands on line {first} already"
                self.report.add("D004", self.path, key.place, message, "keep one of them")
            else:
                fields[key.text] = (key, self.grow(value_node))
        return tuple(fields.values())


_CORE: tuple[tuple[re.Pattern[str], Callable[[str], ScalarValue]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda text: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?[0-9]{1,40}"), int),
    (re.compile(r"0o[0-7]{1,40}"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,40}"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.nan|\.NaN|\.NAN"), lambda text: float(text.replace(".", ""))),
)


def scalar_value(text: str) -> ScalarValue:
    """The value of a plain scalar by the YAML 1.2 core schema (YAML 1.2.2, section 10.3.2); a number of more than 40
    characters, which no key has a use for, stays text."""
    if len(text) > 40:
        return text
    return next((convert(text) for pattern, convert in _CORE if pattern.fullmatch(text)), text)


def inner_place(document: Document, scalar: Scalar, offset: int) -> tuple[int, int]:
    """The file's line and column of an offset in a scalar's text.

    The text's visible characters stand in the source in the same order, with indentation, folding and escapes between
    them, so walking both side by side finds each.
    """
    source, at = document.source, scalar.start
    if scalar.style in ("|", ">"):
        at = source.find("\n", at) + 1
    elif scalar.style:
        at += 1
    for char in scalar.text[:offset]:
        at = _beyond(source, at, char, scalar.style)
    upcoming = scalar.text[offset : offset + 1]
    if upcoming and not upcoming.isspace():
        at = _skip_space(source, at, scalar.style)
    return place_of(source, at)


def text_place(document: Document, scalar: Scalar, line: int, column: int) -> tuple[int, int]:
    """The file's line and column of a line and column (from 1) in a scalar's text."""
    lines = scalar.text.split("\n")
    offset = sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
    return inner_place(document, scalar, min(offset, len(scalar.text.rstrip())))


_ESCAPE_WIDTHS = {"x": 4, "u": 6, "U": 10}


def _beyond(source: str, at: int, char: str, style: str) -> int:
    """The source offset after the one character of a scalar's text, which is found at or after `at`."""
    escaped = style == '"' and source[at : at + 1] == "\\" and source[at + 1 : at + 2] != "\n"
    if char.isspace() and not escaped:
        return at + 1 if source[at : at + 1] == char else at
    at = _skip_space(source, at, style)
    if style == '"' and source[at] == "\\":
        return at + _ESCAPE_WIDTHS.get(source[at + 1], 2)
    return at + (2 if style == "'" and source[at] == "'" else 1)


def _skip_space(source: str, at: int, style: str) -> int:
    while at < len(source) - 1 and (source[at].isspace() or (style == '"' and source.startswith("\\\n", at))):
        at += 1
    return at


def place_of(source: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in a text."""
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


def _place(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _syntax(fault: yaml.MarkedYAMLError) -> tuple[str, str]:
    """What a syntax error says, and its cure; tabs, the commonest one, get their own words."""
    problem = fault.problem or fault.context or "syntax error"
    if "'\\t'" in problem:
        return "a tab cannot indent in YAML", "use spaces"
    if "undefined alias" in problem:
        return f"not well-formed YAML: {problem}", "define the anchor before, or write the value out"
    context = f" {fault.context}" if fault.context and fault.problem else ""
    return f"not well-formed YAML: {problem}{context}", "check indentation, colons, brackets and quotes near here"
