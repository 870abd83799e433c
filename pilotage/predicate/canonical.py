"""The canonical form of an expression: one form for the spellings that SQL's three-valued logic makes the same.

What is done is what keeps the value, NULL included, for every subject: `and` and `or` are flattened, their parts put in order
and repetitions dropped; `not` moves inwards (De Morgan holds with NULL); `between` becomes two comparisons; constants stand on
the right of comparisons; the operands of `=`, `<>`, `+`, `*`, `least` and `greatest` and the constants of `in` are put in order.
Sums are not regrouped: which of them leaves 64 bits would change. The form is for digests and comparing; what runs is what was
written, in its order.
"""

from collections.abc import Callable, Iterable

from pilotage.event.digest import canonical as packed
from pilotage.event.digest import digest
from pilotage.predicate.ir import Call, Expr, Literal, Type

_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
_TESTS = frozenset({"is_null", "is_true", "is_false"})


def expression_digest(expr: Expr) -> str:
    """The digest of an expression, as 64 hex digits: the same for all its spellings that `canonical` brings together."""
    return digest(canonical(expr))


def canonical(expr: Expr) -> Expr:
    """The canonical form of an expression; the canonical form of a canonical form is itself."""
    if not isinstance(expr, Call):
        return expr
    rule = _RULES.get(expr.name)
    if rule is not None:
        return rule(expr)
    return _call(expr, expr.name, map(canonical, expr.args))


def _call(expr: Call, name: str, args: Iterable[Expr]) -> Call:
    return Call(expr.type, name, tuple(args))


def _in_order(args: Iterable[Expr]) -> list[Expr]:
    return sorted(args, key=packed)


def _connective(expr: Call) -> Expr:
    """Parts in order without repetitions; a part that decides alone is all there is, one that decides nothing is dropped."""
    decisive = expr.name == "or"
    parts: dict[Expr, None] = {}
    for part in map(canonical, expr.args):
        inner = part.args if isinstance(part, Call) and part.name == expr.name else (part,)
        parts.update(dict.fromkeys(inner))
    if Literal(Type.BOOLEAN, decisive) in parts:
        return Literal(Type.BOOLEAN, decisive)
    parts.pop(Literal(Type.BOOLEAN, not decisive), None)
    if len(parts) < 2:
        return next(iter(parts), Literal(Type.BOOLEAN, not decisive))
    return _call(expr, expr.name, _in_order(parts))


def _negation(expr: Call) -> Expr:
    """The opposite of what is negated, where that has one: `not (a = b)` is NULL exactly where `a <> b` is."""
    inner = canonical(expr.args[0])
    if isinstance(inner, Literal):
        return Literal(Type.BOOLEAN, None if inner.value is None else not inner.value)
    if isinstance(inner, Call):
        if inner.name == "not":
            return inner.args[0]
        if inner.name in _OPPOSITE:
            return _comparison(_call(inner, _OPPOSITE[inner.name], inner.args))
        if inner.name in ("and", "or"):
            return _connective(_call(inner, "or" if inner.name == "and" else "and", (_call(expr, "not", (arg,)) for arg in inner.args)))
    return _call(expr, "not", (inner,))


def _comparison(expr: Call) -> Expr:
    """A constant stands on the right; of two others the smaller one on the left. NULL beside NULL says no type."""
    left, right = (canonical(arg) for arg in expr.args)
    if left == right and isinstance(left, Literal) and left.value is None:
        left = right = Literal(Type.NULL, None)
    turned = isinstance(left, Literal) and not isinstance(right, Literal)
    if isinstance(left, Literal) == isinstance(right, Literal):
        turned = packed(right) < packed(left)
    return _call(expr, _MIRRORED[expr.name], (right, left)) if turned else _call(expr, expr.name, (left, right))


def _bounds(expr: Call) -> Call:
    operand, low, high = expr.args
    return Call(Type.BOOLEAN, "and", (_call(expr, "ge", (operand, low)), _call(expr, "le", (operand, high))))


def _between(expr: Call) -> Expr:
    return canonical(_bounds(expr))


def _member(expr: Call) -> Expr:
    constants = _in_order(dict.fromkeys(expr.args[1:]))
    if len(constants) == 1:
        return _comparison(_call(expr, "eq", (expr.args[0], constants[0])))
    return _call(expr, "in", (canonical(expr.args[0]), *constants))


def _commutative(expr: Call) -> Expr:
    return _call(expr, expr.name, _in_order(map(canonical, expr.args)))


def _extreme(expr: Call) -> Expr:
    return _call(expr, expr.name, _in_order(dict.fromkeys(map(canonical, expr.args))))


def _like(expr: Call) -> Expr:
    """A pattern that has nothing to escape needs no escape character."""
    text, pattern, *escape = expr.args
    if escape and isinstance(pattern, Literal) and isinstance(escape[0], Literal) and str(escape[0].value) not in str(pattern.value):
        escape = []
    return _call(expr, expr.name, (canonical(text), pattern, *escape))


def _tested(expr: Call) -> Expr:
    inner = canonical(expr.args[0])
    if isinstance(inner, Call) and inner.name in _TESTS and expr.name != "is_null":
        return inner if expr.name == "is_true" else _call(expr, "not", (inner,))
    return _call(expr, expr.name, (inner,))


def _sum(expr: Call) -> Expr:
    """Operands in order where they are alike; an instant stays before its interval."""
    return _commutative(expr) if len({arg.type for arg in expr.args}) == 1 else _call(expr, expr.name, map(canonical, expr.args))


_RULES: dict[str, Callable[[Call], Expr]] = {
    "and": _connective,
    "or": _connective,
    "not": _negation,
    **dict.fromkeys(_MIRRORED, _comparison),
    "between": _between,
    "in": _member,
    "add": _sum,
    "mul": _sum,
    "least": _extreme,
    "greatest": _extreme,
    "like": _like,
    "ilike": _like,
    **dict.fromkeys(_TESTS, _tested),
}
