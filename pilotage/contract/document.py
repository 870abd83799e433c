"""YAML documents read with their positions, so that every message can say file, line and column.

Scalars follow the core schema of YAML 1.2: `on`, `yes` and `2024-01-01` are strings. A `Reader` collects all faults of a
document instead of stopping at the first; `DocumentBroken` then carries them together.
"""

import difflib
import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

_CORE = "tag:yaml.org,2002:"
_DEPTH_MAX = 64


class Fault(msgspec.Struct, frozen=True):
    """One mistake in a document: where (lines and columns count from 1), what is wrong, and what to do."""

    path: str
    line: int
    column: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}; {self.cure}"


class DocumentBroken(ValueError):
    """A document with mistakes, one per line of the message. Correct each at the place it names."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class _Composer(yaml.CBaseLoader):
    """Composes nodes with YAML 1.2 core tags."""


def _resolve() -> None:
    """Register the core schema's scalar patterns (YAML 1.2.2, section 10.3.2)."""
    words = {
        "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
        "int": (r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
        "float": (
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
            list("-+.0123456789"),
        ),
    }
    for tag, (pattern, first) in words.items():
        _Composer.add_implicit_resolver(_CORE + tag, re.compile(pattern), first)


_resolve()


class Reader:
    """Reads one document's nodes into plain values, noting every fault with its place."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.faults: list[Fault] = []

    def fault(self, node: yaml.Node, message: str, cure: str) -> None:
        """Note a mistake at a node."""
        mark = node.start_mark
        self.faults.append(Fault(self.path, mark.line + 1, mark.column + 1, message, cure))

    def finish(self) -> None:
        """Raise `DocumentBroken` if there were faults, in the order of the text."""
        if self.faults:
            raise DocumentBroken(sorted(self.faults, key=lambda fault: (fault.line, fault.column)))

    def root(self, text: str) -> yaml.MappingNode:
        """The top mapping of the document; `DocumentBroken` at once if it is not YAML or not a mapping."""
        try:
            node = _Composer(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise DocumentBroken([Fault(self.path, line, column, f"not YAML: {error.problem}", "correct the syntax")]) from error
        except yaml.YAMLError as error:
            raise DocumentBroken([Fault(self.path, 1, 1, f"not YAML: {error}", "save the file as UTF-8 text")]) from error
        if isinstance(node, yaml.MappingNode):
            return node
        line, column = (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)
        raise DocumentBroken([Fault(self.path, line, column, "the document is not a mapping", "write `key: value` lines")])

    def members(self, node: yaml.Node | None, known: Iterable[str] | None = None) -> dict[str, yaml.Node]:
        """A mapping's values by key. Keys outside `known` and repeated keys are faults; a null value counts as absent."""
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, "expected a mapping", "write `key: value` lines here")
            return {}
        members: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fault(key, "a key must be a plain word", "quote it or rename it")
            elif key.value in members:
                self.fault(key, f"the key {key.value!r} is given twice", "keep one")
            elif known is not None and key.value not in known:
                self.fault(key, f"unknown key {key.value!r}", suggestion(key.value, known))
            elif value.tag != _CORE + "null":
                members[key.value] = value
        return members

    def items(self, node: yaml.Node | None) -> list[yaml.Node]:
        """A sequence's elements."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, "expected a list", "write one `- item` per line")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, default: str = "") -> str:
        """A scalar's text; numbers and booleans are read as they are written."""
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, "expected a text", "write one value here")
            return default
        return str(node.value)

    def needed(self, members: dict[str, yaml.Node], key: str, parent: yaml.Node) -> str:
        """The text of a key that must be there and not be empty."""
        found = self.text(members.get(key))
        if not found and (key not in members or isinstance(members[key], yaml.ScalarNode)):
            self.fault(members.get(key, parent), f"{key!r} is missing", f"add `{key}:` with a value")
        return found

    def flag(self, node: yaml.Node | None, default: bool = False) -> bool:
        """A boolean: `true` or `false`."""
        if node is None:
            return default
        if node.tag != _CORE + "bool":
            self.fault(node, "expected true or false", "write true or false, without quotes")
            return default
        return bool(node.value.lower() == "true")

    def number(self, node: yaml.Node | None) -> float | None:
        """A finite number, or None where the key is absent."""
        if node is None:
            return None
        found = plain(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            self.fault(node, "expected a number", "write a number, without quotes")
            return None
        return float(found)

    def count(self, node: yaml.Node | None) -> int | None:
        """A whole number of at least 0, or None where the key is absent."""
        found = self.number(node)
        if found is None or node is None:
            return None
        if found < 0 or found != int(found):
            self.fault(node, "expected a whole number of at least 0", "write 0, 1, 2, …")
            return None
        return int(found)


def plain(node: yaml.Node, depth: int = 0) -> Any:
    """A node as plain Python data, as the YAML 1.2 core schema reads it; `ValueError` when nested beyond 64 levels."""
    if depth > _DEPTH_MAX:
        raise ValueError(f"nested more than {_DEPTH_MAX} levels deep")
    if isinstance(node, yaml.MappingNode):
        return {str(plain(key, depth + 1)): plain(value, depth + 1) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, depth + 1) for item in node.value]
    return _scalar(str(node.value), node.tag.removeprefix(_CORE))


def _scalar(text: str, kind: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        case "float":
            special = text.lower().replace(".inf", "inf").replace(".nan", "nan")
            return float(special)
        case _:
            return text


def suggestion(word: str, known: Iterable[str]) -> str:
    """A cure for an unknown word: the nearest known one, or the list of them."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(words)}"
