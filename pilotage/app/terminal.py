"""Talking to a person at a terminal: the consoles, JSON where asked for, and the small pieces of text all commands share."""

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 160


def console() -> Console:
    """Where answers go. Without a terminal lines are wide, so that nothing is folded in a pipe; NO_COLOR is respected."""
    return Console(soft_wrap=not sys.stdout.isatty(), highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def error_console() -> Console:
    """Where troubles and progress go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
    sys.stdout.write(text + "\n")


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table in the house style: no frame, a rule under the header."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    return made


def number(value: int) -> str:
    """A count as people read it: 31,106."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """So many of something: 1 row, 31,106 rows."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"
