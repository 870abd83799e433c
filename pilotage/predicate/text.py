"""From the typed form back to the text an author would write: how decision records and explanations name things."""

from collections.abc import Mapping

from pilotage.predicate.ir import (
    Attribute,
    Call,
    Consent,
    Count,
    Expr,
    Feature,
    Field,
    Literal,
    Performed,
    SinceLast,
    Type,
    Variable,
)
from pilotage.predicate.literals import interval_text, readable

_INFIX = {
    "and": "and",
    "or": "or",
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "mod": "%",
}
_POSTFIX = {"is_null": "is null", "is_true": "is true", "is_false": "is false"}
_QUOTED = {Type.TIMESTAMP: "timestamp ", Type.DATE: "date ", Type.INTERVAL: "interval ", Type.STRING: ""}


def expression_text(expr: Expr, filters: Mapping[str, Expr] | None = None) -> str:
    """The text of an expression. `filters` gives, by feature key, the filters of the counts in it; a count whose filter is
    not among them shows its key's digest instead."""
    return _text(expr, filters or {})


def filters_of(features: tuple[Feature, ...]) -> dict[str, Expr]:
    """The filters of features by key, as `expression_text` wants them."""
    return {feature.key: feature.where for feature in features if feature.where is not None}


def _text(expr: Expr, filters: Mapping[str, Expr]) -> str:
    match expr:
        case Literal():
            return _literal(expr)
        case Attribute():
            return _name(expr.name)
        case Variable():
            return f"journey.{expr.name}"
        case Field():
            return f"{expr.of}.{expr.path}"
        case Consent():
            return f"consent({_string(expr.purpose)}, {_string(expr.channel)})"
        case Call():
            return _call(expr, filters)
        case Count() | Performed() | SinceLast():
            return _aggregate(expr, filters)


def _aggregate(expr: Count | Performed | SinceLast, filters: Mapping[str, Expr]) -> str:
    name = "since_last" if isinstance(expr, SinceLast) else "count" if isinstance(expr, Count) else "performed"
    window_us = 0 if isinstance(expr, SinceLast) else expr.window_us
    arguments = [_string(expr.event)] + ([_string(interval_text(window_us))] if window_us else [])
    if expr.feature in filters:
        arguments.append(_text(filters[expr.feature], filters))
    elif "#" in expr.feature:
        arguments.append(expr.feature[expr.feature.rindex("#") :])
    return f"{name}({', '.join(arguments)})"


def _literal(expr: Literal) -> str:
    if expr.value is None:
        return "null"
    if expr.type in _QUOTED:
        return _QUOTED[expr.type] + _string(str(readable(expr.type, expr.value)))
    return str(readable(expr.type, expr.value)).lower()


def _name(name: str) -> str:
    return name if name.replace(".", "_").isidentifier() else '"' + name.replace('"', '""') + '"'


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _call(expr: Call, filters: Mapping[str, Expr]) -> str:
    parts = [_text(arg, filters) for arg in expr.args]
    wrapped = [f"({part})" if isinstance(arg, Call) and _is_operator(arg) else part for arg, part in zip(expr.args, parts, strict=True)]
    if expr.name in _INFIX:
        return f" {_INFIX[expr.name]} ".join(wrapped)
    if expr.name in _POSTFIX:
        return f"{wrapped[0]} {_POSTFIX[expr.name]}"
    match expr.name:
        case "not":
            return f"not {wrapped[0]}"
        case "neg":
            return f"-{wrapped[0]}"
        case "to_number":
            return parts[0]
        case "in":
            return f"{wrapped[0]} in ({', '.join(parts[1:])})"
        case "between":
            return f"{wrapped[0]} between {wrapped[1]} and {wrapped[2]}"
        case "like" | "ilike":
            return f"{wrapped[0]} {expr.name} {wrapped[1]}" + (f" escape {wrapped[2]}" if len(wrapped) > 2 else "")
        case "case":
            return _case(parts)
        case _:
            return f"{expr.name}({', '.join(parts)})"


def _case(parts: list[str]) -> str:
    branches = "".join(f" when {parts[at]} then {parts[at + 1]}" for at in range(0, len(parts) - 1, 2))
    default = f" else {parts[-1]}" if len(parts) % 2 else ""
    return f"case{branches}{default} end"


def _is_operator(call: Call) -> bool:
    return call.name not in ("case", "coalesce", "lower", "upper", "length", "to_number")
