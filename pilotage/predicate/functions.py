"""From a call to its typed form: functions of values by their overloads, and the choosing and calendar ones built by hand.

What exists and how it is written stands in `table`; the field's terms (`count`, `consent`, …) are built in `terms`. A function
that does not exist, a wrong number of arguments and an argument of a wrong type are refused with the signature.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from sqlglot import exp

from pilotage.predicate.clock import PARTS
from pilotage.predicate.ir import Call, Expr, Literal, Now, Type
from pilotage.predicate.literals import FROM_STRING
from pilotage.predicate.scope import suggestion
from pilotage.predicate.signature import Function, Overload
from pilotage.predicate.table import FUNCTIONS, UNITS
from pilotage.predicate.terms import TERMS
from pilotage.predicate.typed import Typed, Typer, retyped
from pilotage.predicate.wording import NUMERIC, article

ARGUMENTS_MAX = 64
"""How many arguments `coalesce`, `concat`, `least` and `greatest` take."""

Build = Callable[[Typer, exp.Anonymous, Function], Expr]


def call(typer: Typer, node: exp.Anonymous) -> Expr:
    """The typed form of a function call; refuses a function that does not exist and arguments it does not take."""
    name = node.name.lower()
    function = FUNCTIONS.get(name)
    if function is None or name in ("in", "[ ]", "extract"):
        known = [each for each in FUNCTIONS if each.isidentifier() and each not in ("in", "extract")]
        cure = suggestion(name, known, "functions")
        cure = cure if cure.startswith("did") else "see the reference of functions"
        typer.refuse(node, f"there is no function {node.name}", cure)
    least, most = _ARGUMENTS[name]
    if not least <= len(node.expressions) <= most:
        given = f"{len(node.expressions)} argument{'' if len(node.expressions) == 1 else 's'}"
        typer.refuse(node, f"{name} does not take {given}", f"write {function.signature}")
    return _BUILD[name](typer, node, function)


def _of_values(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    """The first overload whose types the arguments have, or can be read as."""
    given = [(_instant_of(typer.expression(part), function), part) for part in node.expressions]
    for overload in function.overloads:
        args = _taken(typer, overload, given)
        if args is not None:
            zone = (typer.zone(node),) if overload.zoned else ()
            return (
                args[0]
                if overload.operator == "identity"
                else _placed(typer, Call(overload.result, overload.operator, (*args, *zone)), node)
            )
    _refuse_types(typer, function, given)


def _instant_of(expr: Expr, function: Function) -> Expr:
    """Where a part of the date of an instant is asked for, the instant: the month of `today()` is that of `now()`."""
    dated = isinstance(expr, Call) and expr.name == "date" and function.name in PARTS
    return expr.args[0] if dated and isinstance(expr, Call) else expr


def _placed(typer: Typer, expr: Expr, node: exp.Expr) -> Expr:
    typer.places.append((expr, node))
    return expr


def _taken(typer: Typer, overload: Overload, given: Sequence[Typed]) -> list[Expr] | None:
    """The arguments as the overload takes them; None if it does not."""
    if not len(overload.takes) - overload.optional <= len(given) <= len(overload.takes):
        return None
    pairs = list(zip(given, overload.takes, strict=False))
    return [_as(typer, *typed, kind) for typed, kind in pairs] if all(_fits(typed[0], kind) for typed, kind in pairs) else None


def _fits(expr: Expr, kind: Type) -> bool:
    readable = kind in FROM_STRING and expr.type == Type.STRING and isinstance(expr, Literal)
    return expr.type in (kind, Type.NULL) or (kind == Type.NUMBER and expr.type == Type.INTEGER) or readable


def _as(typer: Typer, expr: Expr, node: exp.Expr, kind: Type) -> Expr:
    return typer.converted(expr, node, kind)


def _refuse_types(typer: Typer, function: Function, given: Sequence[Typed]) -> NoReturn:
    """Names the first argument that no overload takes in its place."""
    shown = f"write {function.signature}"
    for at, (expr, node) in enumerate(given):
        taken = {overload.takes[at] for overload in function.overloads if at < len(overload.takes)}
        if not any(_fits(expr, kind) for kind in taken):
            wanted = " or ".join(article(kind) for kind in sorted(taken, key=str))
            bare = {Type.STRING: "a string", Type.BOOLEAN: "true or false"}.get(next(iter(taken)), wanted) if len(taken) == 1 else wanted
            if taken == {Type.STRING}:
                typer.refuse(node, f"{typer.source(node)} is {article(expr.type)}, not a string", "use a string here")
            typer.refuse(node, f"{typer.source(node)} is {article(expr.type)}, not {bare}", shown)
    expr, node = given[0]
    typer.refuse(node, f"{function.name} does not take {article(expr.type)} here", shown)


def _coalesce(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    given = [(typer.expression(part), part) for part in node.expressions]
    args, kind = typer.alike(given, f"the arguments of {function.name} have one type")
    if function.name != "coalesce":
        args = typer.comparable(list(zip(args, node.expressions, strict=True)))
    return Call(kind, function.name, tuple(args))


def _concat(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    empty = Literal(Type.STRING, "")
    parts = [Call(Type.STRING, "coalesce", (typer.string(part), empty)) for part in node.expressions]
    found: Expr = parts[0]
    for part in parts[1:]:
        found = Call(Type.STRING, "concat", (found, part))
    return found


def _position(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    """`position(part in text)`, which the grammar reads as an argument of its own kind."""
    asked = node.expressions[0]
    texts = [asked.args["field"]] if asked.args.get("field") is not None else asked.expressions
    if not isinstance(asked, exp.In) or len(texts) != 1:
        typer.refuse(node, "position asks where a part is in a text", f"write {function.signature}")
    return Call(Type.INTEGER, "position", (typer.string(texts[0]), typer.string(asked.this)))


def _round(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    expr, part = typer.expression(node.expressions[0]), node.expressions[0]
    if expr.type not in (*NUMERIC, Type.NULL):
        typer.refuse(part, f"{typer.source(part)} is {article(expr.type)}, not a number", f"write {function.signature}")
    if len(node.expressions) == 1:
        return expr if expr.type == Type.INTEGER else Call(Type.INTEGER, "round", (retyped(expr, Type.NUMBER),))
    decimals, written = typer.expression(node.expressions[1]), node.expressions[1]
    if not (isinstance(decimals, Literal) and decimals.type == Type.INTEGER and decimals.value in range(7)):
        typer.refuse(written, f"{typer.source(written)} is not a number of decimals from 0 to 6", f"write {function.signature}")
    return Call(Type.NUMBER, "round", (typer.converted(expr, part, Type.NUMBER), decimals))


def _now(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    if typer.counted is not None:
        typer.refuse(node, f"{function.name} cannot stand inside a filter", "a filter reads the counted event only: event.field")
    if function.name == "now":
        return _placed(typer, Now(), node)
    return _placed(typer, Call(Type.DATE, "date", (Now(), typer.zone(node))), node)


def _timestamp(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    day = _single(typer, node.expressions[0], Type.DATE, function)
    time: Expr = Literal(Type.INTERVAL, 0)
    if len(node.expressions) > 1:
        time = _single(typer, node.expressions[1], Type.INTERVAL, function)
    return Call(Type.TIMESTAMP, "timestamp", (day, time, typer.zone(node)))


def _single(typer: Typer, node: exp.Expr, kind: Type, function: Function) -> Expr:
    expr = typer.expression(node)
    if not _fits(expr, kind):
        typer.refuse(node, f"{typer.source(node)} is {article(expr.type)}, not {article(kind)}", f"write {function.signature}")
    return typer.converted(expr, node, kind)


def _date_trunc(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    unit, cut = node.expressions
    expr = typer.expression(cut)
    if expr.type not in (Type.TIMESTAMP, Type.DATE, Type.NULL):
        typer.refuse(cut, f"{typer.source(cut)} is {article(expr.type)}, not a timestamp or date", f"write {function.signature}")
    units = UNITS[:-1] if expr.type == Type.DATE else UNITS
    if not (isinstance(unit, exp.Literal) and unit.is_string and unit.name.lower() in units):
        listed = ", ".join(f"'{each}'" for each in units)
        typer.refuse(unit, f"{typer.source(unit)} is nothing to cut to", f"write one of {listed}")
    name = Literal(Type.STRING, unit.name.lower())
    if expr.type == Type.DATE:
        return Call(Type.DATE, "date_trunc", (expr, name))
    return _placed(typer, Call(Type.TIMESTAMP, "date_trunc", (retyped(expr, Type.TIMESTAMP), name, typer.zone(node))), node)


_SPECIAL: Mapping[str, tuple[int, int, Build]] = {
    **TERMS,
    "coalesce": (1, ARGUMENTS_MAX, _coalesce),
    "least": (1, ARGUMENTS_MAX, _coalesce),
    "greatest": (1, ARGUMENTS_MAX, _coalesce),
    "concat": (1, ARGUMENTS_MAX, _concat),
    "position": (1, 1, _position),
    "round": (1, 2, _round),
    "now": (0, 0, _now),
    "today": (0, 0, _now),
    "timestamp": (1, 2, _timestamp),
    "date_trunc": (2, 2, _date_trunc),
}


def _numbers(function: Function) -> tuple[int, int]:
    if function.name in _SPECIAL:
        return _SPECIAL[function.name][:2]
    sizes = [len(overload.takes) - missing for overload in function.overloads for missing in (0, overload.optional)]
    return min(sizes, default=0), max(sizes, default=0)


_ARGUMENTS = {name: _numbers(function) for name, function in FUNCTIONS.items()}
_BUILD: dict[str, Build] = {name: _SPECIAL[name][2] if name in _SPECIAL else _of_values for name in FUNCTIONS}
