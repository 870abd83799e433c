"""From typed expressions to Python: one generated module of plain functions, three-valued as SQL is.

Each expression can be generated three ways: its value (True, False or None; or any other type), whether it is true, and
whether it is false. A condition asked only for its truth then needs no NULL handling where NULL and false lead to the same,
which is what a person would write by hand. Each node is generated once in one of the ways, so code grows with the text.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pilotage.event.time import DAY_US
from pilotage.event.zone import Zones
from pilotage.predicate import arithmetic
from pilotage.predicate import ir as nodes
from pilotage.predicate.clock import CLOCK, PARTS, SPANS_US
from pilotage.predicate.ir import Call, Expr, Type
from pilotage.predicate.leaves import Access, Leaves
from pilotage.predicate.runtime import runtime
from pilotage.predicate.table import PARTIAL
from pilotage.predicate.texts import lower

Evaluate = Callable[[Any, Any, Mapping[str, Any], int, str], Any]
"""`f(state, event, variables, now_us, event_type)`: the value of an expression in kernel representation."""

_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_TESTS = frozenset({"is_null", "is_true", "is_false"})


class Writer(Leaves):
    """Writes expressions as Python. Zones are needed where an expression reads the subject's clock."""

    def __init__(self, trigger: Access = "payload", zones: Zones | None = None) -> None:
        super().__init__(trigger, runtime(zones))

    def nullable(self, expr: Expr) -> bool:
        """Whether the value can be NULL."""
        return self._nullable_call(expr) if isinstance(expr, Call) else self.leaf_nullable(expr)

    def _nullable_call(self, expr: Call) -> bool:
        if expr.name in _TESTS:
            return False
        if expr.name in ("coalesce", "least", "greatest"):
            return all(self.nullable(arg) for arg in expr.args)
        if expr.name == "case":
            return len(expr.args) % 2 == 0 or any(self.nullable(arg) for arg in (*expr.args[1::2], expr.args[-1]))
        return expr.name in PARTIAL or any(self.nullable(arg) for arg in expr.args)

    def value(self, expr: Expr) -> str:
        """Code for the value, None where it is NULL."""
        return self._call(expr) if isinstance(expr, Call) else self.leaf(expr)

    def _call(self, expr: Call) -> str:
        if expr.type == Type.BOOLEAN and not self.nullable(expr):
            return self.true(expr)
        if expr.name in ("and", "or"):
            return self._connective(expr)
        if expr.name == "case":
            return self._case(expr, self.value, "None")
        if expr.name == "coalesce":
            return self._coalesce(expr)
        if expr.name == "between":
            return self._between(expr)
        if expr.name in ("least", "greatest"):
            return f"{expr.name}({', '.join(self.value(arg) for arg in expr.args)})"
        guards, args = self._guarded(_operands(expr))
        found = self._strict(expr, args)
        return f"(None if {' or '.join(guards)} else {found})" if guards else f"({found})"

    def _guarded(self, args: tuple[Expr, ...], test: str = "is") -> tuple[list[str], list[str]]:
        """Tests that find each argument that can be NULL and hold it, and the codes of all arguments behind the tests."""
        guards, codes = [], []
        for arg in args:
            code = self.value(arg)
            if self.nullable(arg):
                held = self.temporary()
                guards.append(f"({held} := {code}) {test} None")
                code = held
            codes.append(code)
        return guards, codes

    def _strict(self, expr: Call, args: list[str]) -> str:
        """Code of an operator that is NULL if any argument is, for arguments that are not."""
        match expr.name:
            case "eq" | "ne" | "lt" | "le" | "gt" | "ge":
                return f"{args[0]} {_SIGNS[expr.name]} {args[1]}"
            case "not":
                return f"not {args[0]}"
            case "add" | "sub":
                bound = "day_of" if expr.type == Type.DATE else "int64"
                return f"{bound}({args[0]} {'+' if expr.name == 'add' else '-'} {args[1]})"
            case "mul":
                return f"times({args[0]}, {args[1]})" if expr.type == Type.NUMBER else f"int64({args[0]} * {args[1]})"
            case "neg":
                return f"int64(-({args[0]}))"
            case "to_number":
                return f"int64({args[0]} * {nodes.SCALE})"
            case "like" | "ilike":
                return self._like(expr, args[0])
            case "in":
                return self._in(expr, args[0])
            case "map_contains":
                return f"{args[1]} in {args[0]}"
            case "value":
                return f"{args[0]}.get({args[1]})"
        return self._applied(expr, args)

    def _applied(self, expr: Call, args: list[str]) -> str:
        """A function of the runtime, by the operator's name; what reads a clock is given the wall time of the zone."""
        name = f"op_{expr.name}"
        if expr.name in CLOCK or expr.name in PARTS:
            day = f"wall({args[0]}, {args[1]})" if len(args) > 1 else args[0]
            return f"{name}({day} // {DAY_US})" if expr.name in PARTS and len(args) > 1 else f"{name}({day})"
        if expr.name in SPANS_US:
            return f"whole({args[0]}, {SPANS_US[expr.name]})"
        if expr.name == "date_trunc" and expr.type == Type.DATE:
            name = "truncated"
        elif expr.name == "round":
            name = "rounded" if expr.type == Type.NUMBER else "op_round"
        elif expr.name == "sign" and expr.args[0].type == Type.NUMBER:
            name = "op_sign"
        if name not in self.names:
            raise UnknownOperator(expr.name)
        return f"{name}({', '.join(args)})"

    def _like(self, expr: Call, text: str) -> str:
        """A pattern without inner wildcards is a test of strings; others are a compiled expression."""
        constants = [str(arg.value) for arg in expr.args[1:] if isinstance(arg, nodes.Literal)]
        if expr.name == "ilike":
            constants, text = [lower(constant) for constant in constants], f"op_lower({text})"
        segments = arithmetic.like_segments(*constants)
        if all(None not in segment for segment in segments) and len(segments) <= 3:
            plain = ["".join(part or "" for part in segment) for segment in segments]
            match plain:
                case [whole]:
                    return f"{text} == {whole!r}"
                case [start, ""]:
                    return f"{text}.startswith({start!r})"
                case ["", end]:
                    return f"{text}.endswith({end!r})"
                case ["", part, ""]:
                    return f"{part!r} in {text}"
        name = f"like{len(self.names)}"
        self.names[name] = re.compile(arithmetic.like_regex(*constants), re.DOTALL).fullmatch
        return f"{name}({text}) is not None"

    def _in(self, expr: Call, text: str) -> str:
        """Behind a test that the operand is not NULL; a NULL in the list makes what is not found NULL."""
        found = f"{text} in {self._listed(expr)}"
        return f"{found} or None" if self._lists_null(expr) else found

    def _listed(self, expr: Call) -> str:
        values = [arg.value for arg in expr.args[1:] if isinstance(arg, nodes.Literal) and arg.value is not None]
        return "(" + "".join(f"{value!r}, " for value in dict.fromkeys(values)) + ")"

    def _lists_null(self, expr: Call) -> bool:
        return any(isinstance(arg, nodes.Literal) and arg.value is None for arg in expr.args[1:])

    def _connective(self, expr: Call) -> str:
        """`and` is false as soon as one part is, else NULL if one is, else true; `or` the other way round."""
        decides = expr.name == "or"
        tests, held_parts = [], []
        for arg in expr.args:
            if self.nullable(arg):
                held = self.temporary()
                held_parts.append(held)
                tests.append(f"({held} := {self.value(arg)}) is {decides}")
            else:
                tests.append(self.true(arg) if decides else self.false(arg))
        unknown = " or ".join(f"{held} is None" for held in held_parts)
        return f"({decides} if {' or '.join(tests)} else None if {unknown} else {not decides})"

    def _case(self, expr: Call, write: Callable[[Expr], str], default: str) -> str:
        branches = "".join(f"{write(expr.args[at + 1])} if {self.true(expr.args[at])} else " for at in range(0, len(expr.args) - 1, 2))
        return f"({branches}{write(expr.args[-1]) if len(expr.args) % 2 else default})"

    def _coalesce(self, expr: Call) -> str:
        code = ""
        for arg in expr.args[:-1]:
            if not self.nullable(arg):
                return f"({code}{self.value(arg)})"
            held = self.temporary()
            code += f"{held} if ({held} := {self.value(arg)}) is not None else "
        return f"({code}{self.value(expr.args[-1])})"

    def _between(self, expr: Call) -> str:
        """`low <= x and x <= high`, each bound may be NULL: outside a known bound is false, whatever the other."""
        guard, outside, held = self._bounds(expr)
        unknown = " or ".join(f"{name} is None" for name in held)
        known = f"None if {unknown} else True" if held else "True"
        inside = f"False if {outside} else {known}"
        return f"(None if {guard} else {inside})" if guard else f"({inside})"

    def _bounds(self, expr: Call) -> tuple[str, str, list[str]]:
        """For `between`: the test that the operand is NULL (empty if it cannot be), the test that it is outside a bound that
        is not NULL, and the names that hold bounds that can be NULL."""
        operand, low, high = expr.args
        subject = self.temporary()
        held_operand = f"({subject} := {self.value(operand)})"
        guard = f"{held_operand} is None" if self.nullable(operand) else ""
        first = subject if guard else held_operand
        tests: list[str] = []
        held: list[str] = []
        for sign, bound in (("<", low), (">", high)):
            code, left = self.value(bound), first if not tests else subject
            if self.nullable(bound):
                name = self.temporary()
                held.append(name)
                # The operand is bound before the test of the bound, whatever that finds.
                lead = f"{left} is not None and " if left != subject else ""
                tests.append(f"({lead}({name} := {code}) is not None and {subject} {sign} {name})")
            else:
                tests.append(f"{left} {sign} {code}")
        return guard, " or ".join(tests), held

    def true(self, expr: Expr) -> str:
        """Code for whether a BOOLEAN is true: True or False, never None."""
        if not isinstance(expr, Call):
            return self._leaf(expr, "True", "")
        name, args = expr.name, expr.args
        match name:
            case "and" | "or":
                return "(" + f" {name} ".join(self.true(arg) for arg in args) + ")"
            case "not":
                return self.false(args[0])
            case "is_null":
                return f"({self.value(args[0])} is None)" if self.nullable(args[0]) else "False"
            case "is_true":
                return self.true(args[0])
            case "is_false":
                return self.false(args[0])
            case "case":
                return self._case(expr, self.true, "False")
            case "coalesce":
                return f"({self._coalesce(expr)} is True)"
            case "between":
                return self._known_between(expr, "not ")
            case "eq" if not all(self.nullable(arg) for arg in args):
                return f"({self.value(args[0])} == {self.value(args[1])})"
            case "in":
                return f"({self.value(args[0])} in {self._listed(expr)})"
        return self._known(expr)

    def false(self, expr: Expr) -> str:
        """Code for whether a BOOLEAN is false: True or False, never None."""
        if not isinstance(expr, Call):
            return self._leaf(expr, "False", "not ")
        name, args = expr.name, expr.args
        match name:
            case "and" | "or":
                return "(" + (" or " if name == "and" else " and ").join(self.false(arg) for arg in args) + ")"
            case "not":
                return self.true(args[0])
            case "is_null" | "is_true" | "is_false":
                return f"(not {self.true(expr)})"
            case "case":
                return self._case(expr, self.false, "False")
            case "coalesce":
                return f"({self._coalesce(expr)} is False)"
            case "between":
                return self._known_between(expr, "")
            case "in" if self._lists_null(expr):
                return "False"
            case "eq" | "ne" | "lt" | "le" | "gt" | "ge":
                return self.true(Call(expr.type, _OPPOSITE[name], args))
        return self._known(expr, "not ")

    def _leaf(self, expr: Expr, constant: str, otherwise: str) -> str:
        if isinstance(expr, nodes.Literal):
            return str(repr(expr.value) == constant)
        return f"({self.value(expr)} is {constant})" if self.nullable(expr) else f"({otherwise}{self.value(expr)})"

    def _known(self, expr: Call, negate: str = "") -> str:
        """A strict operator that is true (or, with `negate`, false) and has no NULL argument."""
        guards, args = self._guarded(_operands(expr), "is not")
        found = self._strict(expr, args)
        test = f"{negate}({found})" if negate else found
        return "(" + " and ".join([*guards, test]) + ")"

    def _known_between(self, expr: Call, negate: str) -> str:
        if negate and not self.nullable(expr.args[1]) and not self.nullable(expr.args[2]):
            guards, (operand, low, high) = self._guarded(expr.args, "is not")
            return "(" + " and ".join([*guards, f"{low} <= {operand} <= {high}"]) + ")"
        return f"({self._between(expr)} is {'True' if negate else 'False'})"


def _operands(expr: Call) -> tuple[Expr, ...]:
    """The arguments that are computed: those of `in`, `like` and `ilike` after the first are constants."""
    return expr.args[:1] if expr.name in ("in", "like", "ilike") else expr.args


class UnknownOperator(LookupError):
    """The plan names an operator this release does not know. Run it with the release that compiled it, or a later one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no operator {name!r}; run the plan with the release that compiled it, or a later one")
        self.name = name


def compile_functions(
    expressions: Mapping[str, Expr], *, trigger: Access = "payload", conditions: bool = False, zones: Zones | None = None
) -> dict[str, Evaluate]:
    """A function `f(state, event, variables, now_us, event_type)` per expression, by name.

    It answers the value in kernel representation, None for NULL. With `conditions` the expressions are BOOLEAN and the
    answer is True or False: NULL counts as not true, and the code is shorter. `state` has `attributes`, `features` (see
    `profile.features`), `consents`, `audiences`, `entries` and `visits`; `event` is the decoded event, or None; with
    `trigger='kept'`, `trigger.*` is read from `event`, then a dict of kernel values by path. `zones` are needed by what reads
    the subject's clock (`ZonesMissing`). Equal expressions share one function. Raises `NumberOverflow` and `TextOverflow` when
    called where a value does not fit.
    """
    writer = Writer(trigger, zones)
    write = writer.true if conditions else writer.value
    bodies = {expr: f"    return {write(expr)}\n" for expr in expressions.values()}
    return compile_bodies(expressions, bodies, "s, e, v, now, t", writer.names)


def compile_bodies(expressions: Mapping[str, Expr], bodies: Mapping[Expr, str], arguments: str, names: dict[str, Any]) -> dict[str, Any]:
    """Compile one function per distinct expression as one module, and give each name its expression's function."""
    numbers = {expr: at for at, expr in enumerate(bodies)}
    source = "\n".join(f"def f{numbers[expr]}({arguments}):\n{body}" for expr, body in bodies.items())
    exec(compile(source, "<conditions>", "exec"), names)
    return {name: names[f"f{numbers[expr]}"] for name, expr in expressions.items()}
