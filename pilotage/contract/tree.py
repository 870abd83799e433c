"""YAML text as a tree of nodes that know where they stand.

Scalars follow the core schema of YAML 1.2: `on`, `yes`, `21:00` and `2024-01-01` are text. Size, depth and the expansion of
aliases are bounded, tags and keys written twice are refused, and every fault is reported with its line and column.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import yaml
from yaml.reader import ReaderError

BYTES_MAX = 1 << 20
"""The largest document that is read."""
DEPTH_MAX = 40
"""How deeply a document may be nested."""
NODES_MAX = 50_000
"""How many values a document may hold once its aliases are expanded."""

ScalarValue = None | bool | int | float | str


class Fault(msgspec.Struct, frozen=True):
    """One mistake in a document: where (lines and columns count from 1; 0 is the whole file), what is wrong, and what to do.
    `rule` is the stable id of what was broken, where it has one."""

    path: str
    line: int
    column: int
    message: str
    cure: str
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}; {self.cure}"


class Node(msgspec.Struct, frozen=True):
    """What every node has: where it begins, as line and column counted from 1."""

    line: int
    column: int

    @property
    def place(self) -> tuple[int, int]:
        return self.line, self.column


class Scalar(Node, frozen=True):
    """A single value. `text` is what was written, without quotes; `start` and `end` are its offsets in the source;
    `style` is empty for a plain scalar, else its quote or block mark. Where parameters were filled in, `text` is what came
    of it, `written` what stands in the source, and `filled` says of each its offset and length in `text` and its length in
    `written`."""

    value: ScalarValue
    text: str
    start: int = 0
    end: int = 0
    style: str = ""
    written: str = ""
    filled: tuple[tuple[int, int, int], ...] = ()


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


class _Breach(Exception):
    """A document breaks a bound; carries the rule and the place."""

    def __init__(self, rule: str, place: tuple[int, int], message: str, cure: str) -> None:
        super().__init__(message)
        self.rule, self.place, self.message, self.cure = rule, place, message, cure


class _Loader(yaml.CBaseLoader):
    """The C parser without the YAML 1.1 resolver: implicit tags are left empty, scalars are read by `scalar_value`."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Leave a node without an explicit tag untagged."""
        return ""


def read_tree(raw: bytes | str, path: str) -> tuple[str, Fields | None, list[Fault]]:
    """A document's text, its root map and its faults. The root is None where there is none to be had; then the faults say why."""
    if len(raw) > BYTES_MAX:
        message = f"the document has {len(raw)} bytes"
        return "", None, [Fault(path, 0, 0, message, f"keep it below {BYTES_MAX}, or split it", "D001")]
    try:
        source = raw if isinstance(raw, str) else raw.decode()
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        return "", None, [Fault(path, line, 1, f"byte {fault.start} is not UTF-8", "save the file as UTF-8", "D002")]
    grower = _Grower(path)
    try:
        return source, _root(source, grower), grower.faults
    except _Breach as breach:
        grower.add(breach.rule, breach.place, breach.message, breach.cure)
    except yaml.MarkedYAMLError as fault:
        grower.add("D003", _place(fault.problem_mark or fault.context_mark), *_syntax(fault))
    except ReaderError as fault:
        place = place_of(source, len(source.encode("utf-8", "surrogatepass")[: fault.position].decode("utf-8", "replace")))
        grower.add("D003", place, f"the character U+{_code(fault):04X} is not allowed", "remove it")
    except UnicodeEncodeError as fault:
        grower.add("D003", place_of(source, fault.start), "half of a surrogate pair is not text", "remove it")
    return source, None, grower.faults


def _root(source: str, grower: "_Grower") -> Fields | None:
    _bound_depth(source)
    try:
        composed = _Loader(source).get_single_node()
    except yaml.composer.ComposerError as fault:
        if fault.context == "expected a single document in the stream":
            grower.add("D008", _place(fault.problem_mark), "a second document begins here", "keep one document per file")
            return None
        raise
    if composed is None:
        grower.add("D008", (0, 0), "the file is empty", "write a document, or remove the file")
        return None
    tree = grower.grow(composed)
    if not isinstance(tree, Fields):
        grower.add("D011", tree.place, "a document must be a map of keys and values", "begin with 'schema: 1' and 'kind: …'")
        return None
    return tree


def _bound_depth(source: str) -> None:
    """Refuse what is nested too deeply before it is composed, which recurses."""
    depth = 0
    for event in yaml.parse(source, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise _Breach("D007", _place(event.start_mark), f"nested deeper than {DEPTH_MAX} levels", "flatten the document")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Grower:
    """Turns composed nodes into trees, counting what aliases expand to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.faults: list[Fault] = []
        self.count = self.depth = 0

    def add(self, rule: str, place: tuple[int, int], message: str, cure: str) -> None:
        self.faults.append(Fault(self.path, *place, message, cure, rule))

    def grow(self, node: yaml.Node) -> Tree:
        self.count += 1
        place = _place(node.start_mark)
        if self.count > NODES_MAX or self.depth > DEPTH_MAX:
            raise _Breach("D005", place, "anchors and aliases expand too far", "write the values out instead of aliasing them")
        if node.tag:
            self.add("D006", place, f"the tag {node.tag!r} is not allowed", "remove it; types follow from the key")
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
                self.add("D011", key.place, "a key must be a single value", "write the key as text")
            elif key.text in fields:
                first = fields[key.text][0].line
                message = f"the key {key.text!r} is written twice; it stands on line {first} already"
                self.add("D004", key.place, message, "keep one of them")
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


def _code(fault: ReaderError) -> int:
    return fault.character if isinstance(fault.character, int) else ord(fault.character[:1] or "?")
