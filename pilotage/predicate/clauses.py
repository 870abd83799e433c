"""The parts of a condition where they are written: what stands between `and` and `or`, down to what is joined no further.

The typed form knows no places, so that spellings hash alike; whoever points at a part of a condition (a warning, an explanation of
why somebody is in or out) reads the text once more with this.
"""

from typing import Literal

import msgspec
from sqlglot import exp

from pilotage.predicate.functions import call
from pilotage.predicate.grammar import syntax
from pilotage.predicate.ir import Call, Expr
from pilotage.predicate.operators import OperatorTyper
from pilotage.predicate.scope import Scope


class Clause(msgspec.Struct, frozen=True):
    """A condition or part of one: its typed form, where it stands in the text (offsets), and the parts it is joined of, if any,
    all by `and` or all by `or` (`joined`). Brackets around it are not part of it."""

    expr: Expr
    start: int
    end: int
    joined: Literal["", "and", "or"] = ""
    parts: tuple["Clause", ...] = ()

    def text(self, whole: str) -> str:
        """The part as written, on one line, shortened."""
        written = " ".join(whole[self.start : self.end].split())
        return written if len(written) <= 60 else written[:59] + "…"


class Doubt(msgspec.Struct, frozen=True):
    """What is doubtful about a condition although it can be read: that it, or a part, is `never` or `always` true, or that a part
    is `idle`, changing nothing; or `unexamined`: that nobody looked. `line` and `column` count from 1 within the text, `end` is
    the column behind it on that line."""

    kind: Literal["never", "always", "idle", "unexamined"]
    line: int
    column: int
    end: int
    message: str
    cure: str


class _Placing(OperatorTyper):
    """Types a condition and keeps where each condition within it was written."""

    def __init__(self, text: str, scope: Scope) -> None:
        super().__init__(text, scope, call)
        self.written: dict[int, tuple[Expr, exp.Expr]] = {}

    def boolean(self, node: exp.Expr) -> Expr:
        """The typed form, its place kept by its identity (which it keeps as a part of others)."""
        expr = super().boolean(node)
        self.written[id(expr)] = (expr, node)
        return expr


def clauses(text: str, scope: Scope) -> Clause:
    """The parts of a condition; `PredicateError` if the text is none. Its typed form is that of `parse`."""
    placing = _Placing(text, scope)
    return _clause(placing.boolean(syntax(text)), placing)


def _clause(expr: Expr, placing: _Placing) -> Clause:
    node = placing.written[id(expr)][1]
    start, end = node.meta.get("start", 0), node.meta.get("end", len(placing.text))
    if not (isinstance(expr, Call) and expr.name in ("and", "or")):
        return Clause(expr, start, end)
    parts = sorted((_clause(arg, placing) for arg in expr.args), key=lambda part: part.start)
    return Clause(expr, start, end, "and" if expr.name == "and" else "or", tuple(parts))
