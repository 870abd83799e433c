"""From the syntax tree to the typed form: every name is looked up, every operator checked, every constant read.

What is allowed is what has a method here; any other node of the tree is refused. Constants take the type of what they are
compared with, an INTEGER beside a NUMBER is converted, and nothing else is converted silently. Every fault names its place.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import ClassVar, NoReturn

from sqlglot import exp

from pilotage.predicate import scope as names
from pilotage.predicate.error import PredicateError
from pilotage.predicate.ir import SCALE, Attribute, Call, Expr, Feature, Field, Literal, Stage, Type, Variable, Zone
from pilotage.predicate.literals import FROM_STRING, INT64_MAX, BadLiteral, interval, number
from pilotage.predicate.scope import Scope, Unresolved
from pilotage.predicate.wording import NUMERIC, article, mismatch_cure

CASES_MAX = 64
"""How many `when` branches a `case` may have."""

NESTING_MAX = 40
"""How deep operators may nest once typed. Generated code has up to four brackets a level, and Python takes 200."""

_COMPARISONS: dict[type[exp.Expr], str] = {exp.EQ: "eq", exp.NEQ: "ne", exp.LT: "lt", exp.LTE: "le", exp.GT: "gt", exp.GTE: "ge"}
_LITERAL_TYPES = {exp.DataType.Type.DATE: Type.DATE, exp.DataType.Type.TIMESTAMP: Type.TIMESTAMP}
_ROOTS = ("trigger", "journey", "event")

Typed = tuple[Expr, exp.Expr]
"""An expression with the node it was written as, which knows its position."""


class Typer:
    """Types one condition. `features` are the aggregates met so far by key and window, `places` where each part that time
    changes was written, by the identity of its expression."""

    methods: ClassVar[dict[type[exp.Expr], str]] = {
        exp.Literal: "constant",
        exp.Boolean: "constant",
        exp.Null: "constant",
        exp.Interval: "interval",
        exp.Cast: "typed_literal",
        exp.Column: "name",
        exp.Not: "negation",
        exp.Or: "disjunction",
        exp.And: "conjunction",
        **dict.fromkeys(_COMPARISONS, "comparison"),
        exp.Between: "between",
        exp.Is: "is_constant",
        exp.Case: "case",
        exp.Anonymous: "function",
    }

    def __init__(self, text: str, scope: Scope, call: "Callable[[Typer, exp.Anonymous], Expr]") -> None:
        self.text = text
        self.scope = scope
        self.call = call
        self.counted: str | None = None
        """The type of the event being counted, inside a filter."""
        self.narrowed: tuple[str, ...] | None = None
        """The types the event at hand can have under the conjuncts around, None if they say nothing."""
        self.features: dict[tuple[str, int], Feature] = {}
        self.places: list[tuple[Expr, exp.Expr]] = []
        self.depth = 0

    def refuse(self, node: exp.Expr, message: str, cure: str) -> NoReturn:
        raise PredicateError(self.text, message, cure, node.meta.get("start", 0), node.meta.get("end", len(self.text)))

    def source(self, node: exp.Expr) -> str:
        """The text of a node as the author wrote it, shortened."""
        written = " ".join(self.text[node.meta.get("start", 0) : node.meta.get("end", len(self.text))].split())
        return written if len(written) <= 40 else written[:37] + "…"

    def look_up(self, node: exp.Expr, find: Callable[[], Type]) -> Type:
        try:
            return find()
        except Unresolved as error:
            self.refuse(node, error.message, error.cure)

    def read(self, node: exp.Expr, read: Callable[[str], Literal], text: str) -> Literal:
        try:
            return read(text)
        except BadLiteral as error:
            self.refuse(node, error.message, error.cure)

    def expression(self, node: exp.Expr) -> Expr:
        """The typed form of a node of any type."""
        method = self.methods.get(type(node))
        if method is None:
            self.refuse(node, f"{self.source(node)} is not part of the condition language", "see the reference of conditions")
        if self.depth >= NESTING_MAX:
            self.refuse(node, f"operators nest deeper than {NESTING_MAX} levels", "split the condition")
        self.depth += 1
        try:
            found: Expr = getattr(self, method)(node)
            return found
        finally:
            self.depth -= 1

    def boolean(self, node: exp.Expr) -> Expr:
        """The typed form of a node that must be true, false or NULL."""
        expr = self.expression(node)
        if expr.type not in (Type.BOOLEAN, Type.NULL):
            cure = "compare it with a value, for example with = or >"
            self.refuse(node, f"{self.source(node)} is {article(expr.type)}, not a condition", cure)
        return retyped(expr, Type.BOOLEAN)

    def alike(self, operands: Sequence[Typed], doing: str) -> tuple[list[Expr], Type]:
        """The expressions brought to one type; refuses those that have none in common."""
        types = {expr.type for expr, _ in operands} - {Type.NULL}
        target = self.common(operands, types)
        if target is None:
            self.mismatch(operands, doing)
        return [self.converted(expr, node, target) for expr, node in operands], target

    def common(self, operands: Sequence[Typed], types: set[Type]) -> Type | None:
        if len(types) < 2:
            return next(iter(types), Type.NULL)
        if types <= set(NUMERIC):
            return Type.NUMBER
        rest = types - {Type.STRING}
        strings_are_constants = all(isinstance(expr, Literal) for expr, _ in operands if expr.type == Type.STRING)
        other = next(iter(rest))
        return other if len(rest) == 1 and other in FROM_STRING and strings_are_constants else None

    def converted(self, expr: Expr, node: exp.Expr, target: Type) -> Expr:
        if expr.type == target:
            return expr
        if expr.type == Type.NULL:
            return retyped(expr, target)
        if target == Type.NUMBER:
            return self.to_number(expr, node)
        assert isinstance(expr, Literal)
        return self.read(node, FROM_STRING[target], str(expr.value))

    def to_number(self, expr: Expr, node: exp.Expr) -> Expr:
        if not isinstance(expr, Literal) or not isinstance(expr.value, int):
            return Call(Type.NUMBER, "to_number", (expr,))
        if abs(expr.value) > INT64_MAX // SCALE:
            self.refuse(node, f"{expr.value} is too large for a decimal", f"the largest is {INT64_MAX // SCALE}")
        return Literal(Type.NUMBER, expr.value * SCALE)

    def mismatch(self, operands: Sequence[Typed], doing: str) -> NoReturn:
        pairs = combinations([pair for pair in operands if pair[0].type != Type.NULL], 2)
        apart = (pair for pair in pairs if self.common(pair, {expr.type for expr, _ in pair}) is None)
        (first, first_node), (other, other_node) = next(apart)
        message = f"{self.source(first_node)} is {article(first.type)} and {self.source(other_node)} is {article(other.type)}: {doing}"
        self.refuse(other_node, message, mismatch_cure(first, other, self.source(other_node)))

    def constant(self, node: exp.Expr) -> Expr:
        if isinstance(node, exp.Null):
            return Literal(Type.NULL, None)
        if isinstance(node, exp.Boolean):
            return Literal(Type.BOOLEAN, bool(node.this))
        if not node.is_string:
            return self.bounded(node, self.read(node, number, node.name))
        return Literal(Type.STRING, node.name)

    def bounded(self, node: exp.Expr, literal: Literal) -> Literal:
        if isinstance(literal.value, int) and literal.value > INT64_MAX:
            self.refuse(node, f"{self.source(node)} is too large", f"the largest integer is {INT64_MAX}")
        return literal

    def interval(self, node: exp.Expr) -> Expr:
        return self.read(node, interval, node.name)

    def typed_literal(self, node: exp.Expr) -> Expr:
        return self.read(node, FROM_STRING[_LITERAL_TYPES[node.args["to"].this]], node.this.name)

    def name(self, node: exp.Expr) -> Expr:
        path: tuple[str, ...] = node.meta["path"]
        root, rest = path[0], ".".join(path[1:])
        if root in _ROOTS and rest and not node.meta["quoted"]:
            return self.rooted(node, root, rest)
        if self.counted is not None:
            fields = self.scope.events.get(self.counted, {})
            cure = f"write event.{'.'.join(path)}" if ".".join(path) in fields else "it reads the counted event only: event.field"
            self.refuse(node, f"a filter cannot read {'.'.join(path)}", cure)
        if path == ("stage",) and "stage" not in self.scope.attributes and self.scope.journeys:
            return self.stage()
        try:
            return Attribute(names.attribute(self.scope, ".".join(path)), ".".join(path))
        except Unresolved as error:
            cure = f"a string is written in single quotes: '{path[0]}'" if node.meta["quoted"] else error.cure
            self.refuse(node, error.message, cure)

    def rooted(self, node: exp.Expr, root: str, path: str) -> Expr:
        if self.counted is not None and root != "event":
            self.refuse(node, f"a filter cannot read {root}.{path}", "it reads the counted event only: event.field")
        if root == "journey":
            return Variable(self.look_up(node, lambda: names.variable(self.scope, path)), path)
        if root == "trigger":
            return Field(self.look_up(node, lambda: names.trigger_field(self.scope, path, self.narrowed)), "trigger", path)
        if self.counted is None:
            self.refuse(node, "event is only known inside a filter", f"write trigger.{path} for the event at hand")
        counted = self.counted
        return Field(self.look_up(node, lambda: names.event_field(self.scope, counted, path)), "event", path)

    def stage(self) -> Expr:
        """The stage the subject is in, by the journeys in force."""
        return Stage(tuple(sorted(self.scope.journeys.items())))

    def zone(self, node: exp.Expr) -> Zone:
        """The subject's zone; a filter, which reads the counted event only, has none."""
        if self.counted is not None:
            self.refuse(node, "a filter cannot read the customer's clock", "it reads the counted event only: event.field")
        own = self.scope.zone_attribute
        return Zone(own if self.scope.attributes.get(own) == Type.STRING else "", self.scope.zone)

    def negation(self, node: exp.Expr) -> Expr:
        return Call(Type.BOOLEAN, "not", (self.boolean(node.this),))

    def disjunction(self, node: exp.Expr) -> Expr:
        return Call(Type.BOOLEAN, "or", tuple(self.boolean(part) for part in _operands(node, exp.Or)))

    def conjunction(self, node: exp.Expr) -> Expr:
        """All of several. A conjunct that fixes the type of the event at hand counts for the others and comes first, so
        that their fields are read of such events only."""
        parts = _operands(node, exp.And)
        guards = [part for part in parts if self.guard(part) is not None]
        outer = self.narrowed
        for part in guards:
            self.narrow(part, self.guard(part) or ())
        try:
            ordered = guards + [part for part in parts if not any(part is guard for guard in guards)]
            return Call(Type.BOOLEAN, "and", tuple(self.boolean(part) for part in ordered))
        finally:
            self.narrowed = outer

    def guard(self, node: exp.Expr) -> tuple[str, ...] | None:
        """The event types that `trigger.type = '…'` or `trigger.type in (…)` leaves; None for any other condition."""
        if isinstance(node, exp.EQ) and _is_trigger_type(node.expression):
            values = [node.this]
        elif isinstance(node, exp.EQ | exp.In) and _is_trigger_type(node.this):
            values = [node.expression] if isinstance(node, exp.EQ) else node.expressions
        else:
            return None
        return tuple(value.name for value in values) if all(isinstance(v, exp.Literal) and v.is_string for v in values) else None

    def narrow(self, node: exp.Expr, events: tuple[str, ...]) -> None:
        for event in events:
            self.known_event(node, event)
        within = self.narrowed if self.narrowed is not None else self.scope.trigger or tuple(self.scope.events)
        left = tuple(event for event in within if event in events)
        if not left:
            self.refuse(node, f"the event at hand is never {' or '.join(events)}", f"here it is {' or '.join(within[:4])}")
        self.narrowed = left

    def known_event(self, node: exp.Expr, event: str) -> None:
        try:
            names.event_fields(self.scope, event)
        except Unresolved as error:
            self.refuse(node, error.message, error.cure)

    def comparison(self, node: exp.Expr) -> Expr:
        operands = [(self.expression(part), part) for part in (node.this, node.expression)]
        self.check_event_types(operands)
        args = self.comparable(operands)
        return Call(Type.BOOLEAN, _COMPARISONS[type(node)], tuple(args))

    def comparable(self, operands: Sequence[Typed]) -> list[Expr]:
        """The expressions brought to one type whose values can be compared; lists and maps cannot."""
        for expr, part in operands:
            if expr.type in (Type.LIST, Type.MAP):
                self.refuse(part, f"{self.source(part)} is {article(expr.type)}: it cannot be compared", "ask for an item: 'vip' in tags")
        return self.alike(operands, "they cannot be compared")[0]

    def check_event_types(self, operands: Sequence[Typed]) -> None:
        """A constant compared with `trigger.type` must be a declared event type."""
        if any(isinstance(expr, Field) and expr.path == "type" for expr, _ in operands):
            for expr, node in operands:
                if isinstance(expr, Literal) and isinstance(expr.value, str):
                    self.known_event(node, expr.value)

    def between(self, node: exp.Expr) -> Expr:
        operands = [(self.expression(part), part) for part in (node.this, node.args["low"], node.args["high"])]
        args = self.comparable(operands)
        return Call(Type.BOOLEAN, "between", tuple(args))

    def is_constant(self, node: exp.Expr) -> Expr:
        wanted = node.expression
        if isinstance(wanted, exp.Null):
            return Call(Type.BOOLEAN, "is_null", (self.expression(node.this),))
        return Call(Type.BOOLEAN, "is_true" if wanted.this else "is_false", (self.boolean(node.this),))

    def string(self, node: exp.Expr) -> Expr:
        """The typed form of a node that must be a string."""
        expr = self.expression(node)
        if expr.type not in (Type.STRING, Type.NULL):
            self.refuse(node, f"{self.source(node)} is {article(expr.type)}, not a string", "use a string here")
        return retyped(expr, Type.STRING)

    def case(self, node: exp.Expr) -> Expr:
        ifs, default, operand = node.args["ifs"], node.args.get("default"), node.this
        if len(ifs) > CASES_MAX:
            self.refuse(node, f"case has more than {CASES_MAX} branches", "use in, or split the condition")
        conditions = [self.boolean(part.this) for part in ifs] if operand is None else self.matches(operand, ifs)
        written = [part.args["true"] for part in ifs] + ([default] if default is not None else [])
        results, kind = self.alike([(self.expression(part), part) for part in written], "the results of case have one type")
        pairs = [arg for pair in zip(conditions, results, strict=False) for arg in pair]
        return Call(kind, "case", tuple(pairs + results[len(ifs) :]))

    def matches(self, operand: exp.Expr, ifs: list[exp.Expr]) -> list[Expr]:
        """The conditions of `case operand when value …`: the operand equals the value."""
        if not isinstance(operand, exp.Column):
            self.refuse(operand, "only a name can stand between case and when", "write case when … = … then … end")
        values = [(self.expression(part.this), part.this) for part in ifs]
        args = self.comparable([(self.expression(operand), operand), *values])
        return [Call(Type.BOOLEAN, "eq", (args[0], value)) for value in args[1:]]

    def function(self, node: exp.Expr) -> Expr:
        assert isinstance(node, exp.Anonymous)
        return self.call(self, node)


def _operands(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The operands of a chain of one connective, in order, without recursion."""
    found: list[exp.Expr] = []
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, kind):
            pending += [part.args["expression"], part.this]
        else:
            found.append(part)
    return found


def _is_trigger_type(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and node.meta["path"] == ("trigger", "type")


def retyped(expr: Expr, kind: Type) -> Expr:
    """A bare NULL as a constant of a type; any other expression as it is."""
    return Literal(kind, None) if isinstance(expr, Literal) and expr.value is None else expr
