"""From the typed form back to the text an author would write: how decision records and explanations name things."""

import re
from collections.abc import Mapping

from pilotage.event.time import DAY_US
from pilotage.predicate import ir as nodes
from pilotage.predicate.canonical import canonical, expression_digest
from pilotage.predicate.ir import (
    SCALE,
    Aggregate,
    Attribute,
    Call,
    Consent,
    Count,
    Entered,
    Expr,
    Feature,
    Field,
    InAudience,
    InJourney,
    Literal,
    Now,
    Performed,
    Predicate,
    SinceLast,
    Stage,
    Type,
    Variable,
    Windowed,
    Zone,
)
from pilotage.predicate.literals import EVER_US, interval_text, readable
from pilotage.predicate.table import WALL
from pilotage.predicate.wording import WORDS

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
    "concat": "||",
}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROOTS = ("trigger", "journey", "event")
_POSTFIX = {"is_null": "is null", "is_true": "is true", "is_false": "is false"}
_QUOTED = {Type.TIMESTAMP: "timestamp ", Type.DATE: "date ", Type.INTERVAL: "interval ", Type.STRING: ""}


def expression_text(expr: Expr, features: Mapping[str, Feature] | None = None) -> str:
    """The text of an expression. `features` gives what the counts in it count, by key; of a feature that is not among them
    the digests of its filter and value stand in their place."""
    return _text(expr, features or {})


def formatted(predicate: Predicate) -> str:
    """A condition as the formatter writes it: as its author put it, with one spelling of words, names and constants."""
    return _text(predicate.expr, filters_of(predicate.features))


def canonical_text(predicate: Predicate) -> str:
    """The canonical text of a condition: one for all spellings that mean the same by `canonical`. It reads as a condition with
    the same digest."""
    return _text(canonical(predicate.expr), filters_of(predicate.features))


def predicate_digest(predicate: Predicate) -> str:
    """The digest of what a condition says, 64 hex digits: alike for two spellings of one condition."""
    return expression_digest(predicate.expr)


def filters_of(features: tuple[Feature, ...]) -> dict[str, Feature]:
    """Features by key, as `expression_text` wants them."""
    return {feature.key: feature for feature in features}


def _text(expr: Expr, features: Mapping[str, Feature]) -> str:
    match expr:
        case Literal():
            return _literal(expr)
        case Attribute():
            return name_text(expr.name)
        case Variable():
            return f"journey.{path_text(expr.name)}"
        case Field():
            return f"{expr.of}.{path_text(expr.path)}"
        case Zone():
            return name_text(expr.attribute) if expr.attribute else string_text(expr.default)
        case Call():
            return _call(expr, features)
        case nodes.Sequence():
            window = [string_text(_interval(expr.window_us))] if expr.window_us != EVER_US else []
            return f"sequence({', '.join([*map(string_text, expr.events), string_text(_interval(expr.within_us)), *window])})"
        case Count() | Performed() | SinceLast() | Aggregate():
            return _windowed(expr, features)
        case _:
            return _standing(expr)


def _standing(expr: Now | Consent | InAudience | InJourney | Entered | Stage) -> str:
    match expr:
        case Now():
            return "now()"
        case Consent():
            return f"consent({string_text(expr.purpose)}, {string_text(expr.channel)})"
        case InAudience():
            return f"in_audience({string_text(expr.audience)})"
        case InJourney():
            return f"in_journey({string_text(expr.journey)})"
        case Entered():
            window = f", {string_text(_interval(expr.window_us))}" if expr.window_us else ""
            return f"entered({string_text(expr.journey)}{window})"
        case Stage():
            return "stage()"


def _windowed(expr: Windowed, features: Mapping[str, Feature]) -> str:
    names = {Count: "count", Performed: "performed", SinceLast: "since_last"}
    name = expr.name if isinstance(expr, Aggregate) else names[type(expr)]
    window_us = 0 if isinstance(expr, SinceLast) else expr.window_us
    known = features.get(expr.feature)
    arguments = [string_text(expr.event)]
    rest = expr.feature[len(expr.event) :]
    if isinstance(expr, Aggregate):
        arguments.append(_text(known.value, features) if known and known.value else rest[rest.rindex("=") :])
    if window_us not in (0, EVER_US):
        arguments.append(string_text(_interval(window_us)))
    if known and known.where is not None:
        arguments.append(_text(known.where, features))
    elif known is None and "#" in rest:
        arguments.append(rest[rest.index("#") : rest.index("#") + 13])
    return f"{name}({', '.join(arguments)})"


def _interval(value: int) -> str:
    """The text of a duration, exact to the microsecond."""
    if value % 1000 == 0:
        return interval_text(value)
    days, rest = divmod(value, DAY_US)
    return (f"{days} days " if days else "") + f"{rest} microseconds"


_ALIKE = frozenset({*_INFIX, "between", "in", "coalesce", "least", "greatest"} - {"and", "or"})


def _is_number(expr: Expr) -> bool:
    """Whether an expression is read as a NUMBER wherever it stands."""
    return expr.type == Type.NUMBER and not _is_whole(expr) and not (isinstance(expr, Literal) and expr.value is None)


def _is_whole(expr: Expr) -> bool:
    """Whether an expression is a NUMBER constant without decimals: alone it needs a point, beside another NUMBER it does not."""
    return isinstance(expr, Literal) and expr.type == Type.NUMBER and isinstance(expr.value, int) and expr.value % SCALE == 0


def _literal(expr: Literal) -> str:
    if expr.value is None:
        return "null"
    if _is_whole(expr):
        return f"{readable(expr.type, expr.value)}.0"
    if expr.type == Type.INTERVAL and isinstance(expr.value, int):
        return "interval " + string_text(_interval(expr.value))
    if expr.type in _QUOTED:
        return _QUOTED[expr.type] + string_text(str(readable(expr.type, expr.value)))
    return str(readable(expr.type, expr.value)).lower()


def name_text(name: str) -> str:
    """An attribute's name: as it is where it is plain and no word of the language, else in double quotes."""
    parts = name.split(".")
    plain = all(_PLAIN.fullmatch(part) for part in parts) and parts[0].upper() not in WORDS and not (len(parts) > 1 and parts[0] in _ROOTS)
    return name if plain else '"' + name.replace('"', '""') + '"'


def path_text(path: str) -> str:
    """A dotted path, with the names in double quotes that are not plain."""
    return ".".join(part if part.isidentifier() else '"' + part.replace('"', '""') + '"' for part in path.split("."))


def string_text(text: str) -> str:
    """A string constant."""
    return "'" + text.replace("'", "''") + "'"


def _call(expr: Call, features: Mapping[str, Feature]) -> str:
    parts = [_text(arg, features) for arg in expr.args]
    if expr.name in _ALIKE and any(_is_number(arg) for arg in expr.args):
        parts = [part.removesuffix(".0") if _is_whole(arg) else part for arg, part in zip(expr.args, parts, strict=True)]
    wrapped = [f"({part})" if isinstance(arg, Call) and _is_operator(arg) else part for arg, part in zip(expr.args, parts, strict=True)]
    if expr.name in _INFIX:
        return f" {_INFIX[expr.name]} ".join(wrapped)
    if expr.name in _POSTFIX:
        return f"{wrapped[0]} {_POSTFIX[expr.name]}"
    match expr.name:
        case "not":
            return f"not {wrapped[0]}"
        case "neg":
            return f"-({parts[0]})"
        case "to_number":
            return f"number({parts[0]})"
        case "in":
            return f"{wrapped[0]} in ({', '.join(parts[1:])})"
        case "between":
            return f"{wrapped[0]} between {wrapped[1]} and {wrapped[2]}"
        case "like" | "ilike":
            return f"{wrapped[0]} {expr.name} {wrapped[1]}" + (f" escape {wrapped[2]}" if len(wrapped) > 2 else "")
        case "case":
            return _case(parts)
    return _function(expr, parts, wrapped)


def _function(expr: Call, parts: list[str], wrapped: list[str]) -> str:
    """An operator that is written as a function, or as brackets behind what it is of."""
    match expr.name:
        case "list_contains" | "map_contains":
            return f"{wrapped[1]} in ({parts[0]})"
        case "item" | "value":
            return f"{wrapped[0]}[{parts[1]}]"
        case "position":
            return f"position({wrapped[1]} in {wrapped[0]})"
        case "list_length" | "map_length":
            return f"length({parts[0]})"
        case "date_trunc":
            return f"date_trunc({parts[1]}, {parts[0]})"
        case name if name.startswith("text_of_"):
            return f"text({parts[0]})"
        case "date" if isinstance(expr.args[0], Now):
            return "today()"
        case name if name in WALL and isinstance(expr.args[-1], Zone):
            return f"{name}({', '.join(parts[:-1])})"
        case "timestamp":
            return f"timestamp({', '.join(parts[:-1])})"
        case name:
            return f"{name}({', '.join(parts)})"


def _case(parts: list[str]) -> str:
    branches = "".join(f" when {parts[at]} then {parts[at + 1]}" for at in range(0, len(parts) - 1, 2))
    default = f" else {parts[-1]}" if len(parts) % 2 else ""
    return f"case{branches}{default} end"


_OPERATORS = frozenset({*_INFIX, *_POSTFIX, "not", "neg", "in", "between", "like", "ilike", "list_contains", "map_contains"})


def _is_operator(call: Call) -> bool:
    """Whether a call is written with an operator, and so needs brackets inside another."""
    return call.name in _OPERATORS
