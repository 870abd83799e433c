"""The operators of conditions on the syntax tree: arithmetic, instants and durations, joined texts, patterns, lists and maps.

It is the second half of the typer: `typed` looks names up and types logic and comparisons, this adds what calculates. A list
of constants behind `in` is checked here too, since `in` also asks lists and maps for an item.
"""

from collections.abc import Sequence
from typing import ClassVar, NoReturn

from sqlglot import exp

from pilotage.predicate.ir import Call, Expr, Literal, Type
from pilotage.predicate.literals import INT64_MAX, escape_fault, interval, number
from pilotage.predicate.typed import Typed, Typer, retyped
from pilotage.predicate.wording import NUMERIC, article

_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "add", exp.Sub: "sub", exp.Mul: "mul", exp.Div: "div", exp.Mod: "mod"}
_TIMES = frozenset({Type.TIMESTAMP, Type.INTERVAL, Type.DATE})
_SUMS = {
    ("add", Type.TIMESTAMP, Type.INTERVAL): Type.TIMESTAMP,
    ("sub", Type.TIMESTAMP, Type.INTERVAL): Type.TIMESTAMP,
    ("sub", Type.TIMESTAMP, Type.TIMESTAMP): Type.INTERVAL,
    ("add", Type.INTERVAL, Type.INTERVAL): Type.INTERVAL,
    ("sub", Type.INTERVAL, Type.INTERVAL): Type.INTERVAL,
    ("mul", Type.INTERVAL, Type.INTEGER): Type.INTERVAL,
    ("add", Type.DATE, Type.INTEGER): Type.DATE,
    ("sub", Type.DATE, Type.INTEGER): Type.DATE,
    ("sub", Type.DATE, Type.DATE): Type.INTEGER,
}
"""What calculating with instants, dates and durations gives."""


class OperatorTyper(Typer):
    """Types one condition, operators and all."""

    methods: ClassVar[dict[type[exp.Expr], str]] = {
        **Typer.methods,
        exp.In: "membership",
        exp.Like: "like",
        exp.ILike: "like",
        exp.Escape: "escaped",
        exp.Neg: "negative",
        exp.DPipe: "joined",
        exp.Bracket: "item",
        **dict.fromkeys(_ARITHMETIC, "arithmetic"),
    }

    def membership(self, node: exp.Expr) -> Expr:
        if node.args.get("field") is not None:
            return self.has_item(node)
        operands = [(self.expression(part), part) for part in (node.this, *node.expressions)]
        if len(operands) == 2 and operands[1][0].type in (Type.LIST, Type.MAP):
            return self.has(operands[0], operands[1])
        for expr, part in operands[1:]:
            if not isinstance(expr, Literal):
                self.refuse(
                    part,
                    f"{self.source(part)} is not a constant",
                    "in takes a list of constants, or what holds a list or map; use = and or for others",
                )
        self.check_event_types(operands)
        args = self.comparable(operands)
        return Call(Type.BOOLEAN, "in", tuple(args))

    def has_item(self, node: exp.Expr) -> Expr:
        """`item in list` or `key in map`."""
        return self.has((self.string(node.this), node.this), (self.expression(node.args["field"]), node.args["field"]))

    def has(self, item: Typed, holder: Typed) -> Expr:
        held, node = holder
        if item[0].type not in (Type.STRING, Type.NULL):
            self.refuse(
                item[1], f"{self.source(item[1])} is {article(item[0].type)}, not a string", "items of lists and keys of maps are texts"
            )
        if held.type not in (Type.LIST, Type.MAP):
            cure = (
                f"write contains({self.source(node)}, {self.source(item[1])})"
                if held.type == Type.STRING
                else "write constants: in ('a', 'b')"
            )
            self.refuse(node, f"{self.source(node)} is {article(held.type)}, not a list or map", cure)
        return Call(Type.BOOLEAN, "list_contains" if held.type == Type.LIST else "map_contains", (held, retyped(item[0], Type.STRING)))

    def item(self, node: exp.Expr) -> Expr:
        """`list[1]` or `map['key']`."""
        held, index = self.expression(node.this), node.expressions[0]
        if held.type == Type.MAP:
            return Call(Type.STRING, "value", (held, self.string(index)))
        if held.type != Type.LIST:
            self.refuse(node.this, f"{self.source(node.this)} is {article(held.type)}, not a list or map", "only lists and maps have items")
        place = self.expression(index)
        if place.type != Type.INTEGER:
            self.refuse(index, f"{self.source(index)} is {article(place.type)}, not an integer", "the first item is [1]")
        return Call(Type.STRING, "item", (held, place))

    def joined(self, node: exp.Expr) -> Expr:
        """`text || text`."""
        return Call(Type.STRING, "concat", (self.string(node.this), self.string(node.expression)))

    def like(self, node: exp.Expr, escape: str = "") -> Expr:
        text, pattern = self.string(node.this), node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            self.refuse(pattern, "the pattern is not a constant", "write it in quotes: like 'Ber%'")
        if escape and (fault := escape_fault(pattern.name, escape)):
            self.refuse(pattern, fault, f"after {escape!r} write %, _ or {escape!r}")
        constants = (pattern.name, escape) if escape else (pattern.name,)
        name = "like" if isinstance(node, exp.Like) else "ilike"
        return Call(Type.BOOLEAN, name, (text, *(Literal(Type.STRING, constant) for constant in constants)))

    def escaped(self, node: exp.Expr) -> Expr:
        escape = node.expression
        if not (isinstance(escape, exp.Literal) and escape.is_string and len(escape.name) == 1 and escape.name not in "%_"):
            self.refuse(escape, "the escape is not one character", "write for example escape '!'")
        return self.like(node.this, escape.name)

    def negative(self, node: exp.Expr) -> Expr:
        inner = node.this
        if isinstance(inner, exp.Literal) and not inner.is_string:
            literal = self.read(inner, number, inner.name)
            assert isinstance(literal.value, int)
            return Literal(literal.type, -literal.value)
        expr = self.expression(inner)
        if isinstance(expr, Literal) and isinstance(expr.value, int) and expr.type in NUMERIC and expr.value > -INT64_MAX:
            return Literal(expr.type, -expr.value)  # as it reads when it is written out again
        if expr.type not in (*NUMERIC, Type.INTERVAL, Type.NULL):
            self.refuse(inner, f"{self.source(inner)} is {article(expr.type)}", "only numbers and durations have a sign")
        return Call(Type.INTEGER, "neg", (retyped(expr, Type.INTEGER),)) if expr.type == Type.NULL else Call(expr.type, "neg", (expr,))

    def arithmetic(self, node: exp.Expr) -> Expr:
        name = _ARITHMETIC[type(node)]
        operands = [(self.expression(part), part) for part in (node.this, node.expression)]
        if found := self.of_times(name, operands):
            return found
        for expr, part in operands:
            if expr.type not in (*NUMERIC, Type.NULL):
                self.refuse(part, f"{self.source(part)} is {article(expr.type)}, not a number", "calculate with numbers")
        args, kind = self.alike(operands, "they cannot be combined")
        kind = Type.INTEGER if kind == Type.NULL else kind
        args = [retyped(arg, kind) for arg in args]
        return Call(Type.NUMBER if name == "div" else kind, name, tuple(args))

    def of_times(self, name: str, operands: list[Typed]) -> Expr | None:
        """Calculating with instants, dates and durations, by `_SUMS`; None if neither operand is one."""
        if not {expr.type for expr, _ in operands} & _TIMES:
            return None
        (left, left_node), (right, right_node) = operands
        if right.type == Type.STRING and isinstance(right, Literal) and left.type != Type.DATE:
            right = self.read(right_node, interval, str(right.value))
        if left.type == Type.STRING and isinstance(left, Literal) and right.type == Type.INTERVAL:
            left = self.read(left_node, interval, str(left.value))
        turned = name in ("add", "mul") and (name, left.type, right.type) not in _SUMS and (name, right.type, left.type) in _SUMS
        if turned:
            left, right = right, left
        left, right = _null_typed(name, left, right)
        kind = _SUMS.get((name, left.type, right.type))
        if kind is None:
            self.mismatched_times(name, operands)
        return Call(kind, name, (left, right))

    def mismatched_times(self, name: str, operands: Sequence[Typed]) -> NoReturn:
        (left, left_node), (right, right_node) = operands
        done = {"add": "added", "sub": "subtracted"}.get(name, "combined")
        kinds = f"{self.source(left_node)} is {article(left.type)} and {self.source(right_node)} is {article(right.type)}"
        cure = "add a duration to a timestamp, or subtract one timestamp from another"
        if Type.DATE in (left.type, right.type):
            cure = "add a number of days to a date, or subtract one date from another"
        self.refuse(right_node, f"{kinds}: they cannot be {done}", cure)


def _null_typed(name: str, left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """A bare NULL as what the other operand can be combined with."""
    for _, first, second in (key for key in _SUMS if key[0] == name and Type.NULL in (left.type, right.type)):
        if left.type in (first, Type.NULL) and right.type in (second, Type.NULL):
            return retyped(left, first), retyped(right, second)
    return left, right
