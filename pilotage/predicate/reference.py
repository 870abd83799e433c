"""The reference of functions, written from the one table of them, so that page and product cannot differ."""

from collections.abc import Iterator

from pilotage.predicate.signature import GROUPS, Function
from pilotage.predicate.table import FUNCTIONS

_HEAD = """# Functions of conditions

Every function a [condition](predicate.md) can call. This page is written by `make reference` from the table the product itself
reads; each example is a condition, true or not, of the test that compiles it.

A function is NULL where an argument is NULL unless its line says otherwise. Windows are durations such as `'30d'`; a filter is a
condition over `event`, the event being counted. Dates and times are those of the customer's own zone.
"""


def reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for group, title in GROUPS.items():
        yield f"## {title}\n"
        yield "| function | type | value | example |\n|---|---|---|---|"
        yield "\n".join(_row(function) for function in FUNCTIONS.values() if function.group == group)
        yield ""


def _row(function: Function) -> str:
    written = "<br>".join(f"`{_cell(signature)}`" for signature in function.signatures)
    return f"| {written} | {_cell(function.result)} | {_cell(function.meaning)} | `{_cell(function.example)}` |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
