"""YAML documents read into plain values, so that every message can say file, line and column.

A `Reader` collects all faults of a document instead of stopping at the first; `DocumentBroken` then carries them together.
How the text becomes a tree, and within which bounds, is in `tree`.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any

from pilotage.contract.tree import Fault, Fields, Items, Node, Scalar, Tree, read_tree

__all__ = ["DocumentBroken", "Fault", "Reader", "plain", "suggestion"]


class DocumentBroken(ValueError):
    """A document with mistakes, one per line of the message. Correct each at the place it names."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Reader:
    """Reads one document's nodes into plain values, noting every fault with its place."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.faults: list[Fault] = []

    def fault(self, node: Node, message: str, cure: str) -> None:
        """Note a mistake at a node."""
        self.faults.append(Fault(self.path, *node.place, message, cure))

    def finish(self) -> None:
        """Raise `DocumentBroken` if there were faults, in the order of the text."""
        if self.faults:
            raise DocumentBroken(sorted(self.faults, key=lambda fault: (fault.line, fault.column)))

    def root(self, text: str) -> Fields:
        """The top mapping of the document; `DocumentBroken` at once if it is not YAML or not a mapping."""
        _, root, faults = read_tree(text, self.path)
        if root is None:
            raise DocumentBroken(faults)
        self.faults += faults
        return root

    def members(self, node: Tree | None, known: Iterable[str] | None = None) -> dict[str, Tree]:
        """A mapping's values by key. Keys outside `known` are faults; a null value counts as absent."""
        if node is None:
            return {}
        if not isinstance(node, Fields):
            self.fault(node, "expected a mapping", "write `key: value` lines here")
            return {}
        members: dict[str, Tree] = {}
        for key, value in node.fields:
            if known is not None and key.text not in known:
                self.fault(key, f"unknown key {key.text!r}", suggestion(key.text, known))
            elif not isinstance(value, Scalar) or value.value is not None:
                members[key.text] = value
        return members

    def items(self, node: Tree | None) -> list[Tree]:
        """A sequence's elements."""
        if node is None:
            return []
        if not isinstance(node, Items):
            self.fault(node, "expected a list", "write one `- item` per line")
            return []
        return list(node.items)

    def text(self, node: Tree | None, default: str = "") -> str:
        """A scalar's text; numbers and booleans are read as they are written."""
        if node is None:
            return default
        if not isinstance(node, Scalar):
            self.fault(node, "expected a text", "write one value here")
            return default
        return node.text

    def needed(self, members: dict[str, Tree], key: str, parent: Tree) -> str:
        """The text of a key that must be there and not be empty."""
        found = self.text(members.get(key))
        if not found and (key not in members or isinstance(members[key], Scalar)):
            self.fault(members.get(key, parent), f"{key!r} is missing", f"add `{key}:` with a value")
        return found

    def flag(self, node: Tree | None, default: bool = False) -> bool:
        """A boolean: `true` or `false`."""
        if node is None:
            return default
        if not isinstance(node, Scalar) or not isinstance(node.value, bool):
            self.fault(node, "expected true or false", "write true or false, without quotes")
            return default
        return node.value

    def number(self, node: Tree | None) -> float | None:
        """A finite number, or None where the key is absent."""
        if node is None:
            return None
        found = node.value if isinstance(node, Scalar) else None
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            self.fault(node, "expected a number", "write a number, without quotes")
            return None
        return float(found)

    def count(self, node: Tree | None) -> int | None:
        """A whole number of at least 0, or None where the key is absent."""
        found = self.number(node)
        if found is None or node is None:
            return None
        if found < 0 or found != int(found):
            self.fault(node, "expected a whole number of at least 0", "write 0, 1, 2, …")
            return None
        return int(found)


def plain(node: Tree) -> Any:
    """A tree as plain Python data."""
    if isinstance(node, Fields):
        return {key.text: plain(value) for key, value in node.fields}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value


def suggestion(word: str, known: Iterable[str]) -> str:
    """A cure for an unknown word: the nearest known one, or the list of them."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(words)}"
