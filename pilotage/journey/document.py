"""Documents of a workspace: YAML trees with their path and text.

A position inside a scalar (of a fault in a condition, say) can be traced back to the file, whether the scalar is plain,
quoted or a block. How a tree is read, and its bounds, is in `contract.tree`.
"""

import msgspec

from pilotage.contract.tree import BYTES_MAX, Fields, Items, Node, Scalar, Tree, place_of, read_tree, scalar_value
from pilotage.journey.findings import Report

__all__ = [
    "BYTES_MAX",
    "Document",
    "Fields",
    "Items",
    "Node",
    "Scalar",
    "Tree",
    "inner_place",
    "read_document",
    "scalar_value",
    "text_place",
]


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


def read_document(raw: bytes, path: str, report: Report) -> Document | None:
    """The document of a file's bytes; None, with findings, where there is none to be had."""
    source, root, faults = read_tree(raw, path)
    for fault in faults:
        report.add(fault.rule, path, (fault.line, fault.column), fault.message, fault.cure)
    return Document(path, source, root) if root is not None else None


def inner_place(document: Document, scalar: Scalar, offset: int) -> tuple[int, int]:
    """The file's line and column of an offset in a scalar's text.

    The text's visible characters stand in the source in the same order, with indentation, folding and escapes between
    them, so walking both side by side finds each. What a parameter filled in lies where the parameter is written.
    """
    if scalar.filled:
        offset, scalar = _written_offset(scalar, offset), msgspec.structs.replace(scalar, text=scalar.written, filled=())
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


def _written_offset(scalar: Scalar, offset: int) -> int:
    """The offset in what was written of an offset in the text that came of it."""
    shift = 0
    for at, length, width in scalar.filled:
        if offset < at:
            break
        if offset < at + length:
            return at + shift
        shift += width - length
    return offset + shift


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
