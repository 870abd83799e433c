"""The texts worth knowing of a problem: its constants, what functions make of them, and some that its patterns match.

They have numbers of their own among marks (`texts`), what open calls make of them is said to the solver, and customers are looked
for among them first.
"""

from collections.abc import Iterable, Iterator

from pilotage.predicate.arithmetic import like_segments
from pilotage.predicate.ir import SCALE, Call, Expr, Literal, Stage, Type
from pilotage.predicate.python import compile_functions
from pilotage.predicate.solver.texts import constants_of
from pilotage.predicate.texts import TEXT_MAX, lower, upper

SAMPLES_MAX = 48
"""How many texts are known of one problem beyond its constants."""


def texts_of(exprs: Iterable[Expr]) -> list[str]:
    """The texts worth knowing, constants first."""
    parts = [part for expr in exprs for part in _parts(expr)]
    constants = list(dict.fromkeys(_constants(parts)))
    calls = {part for part in parts if isinstance(part, Call) and _of_one_text(part)}
    made: dict[str, None] = {}
    for text in [*constants, *_matching(parts), *_numerals(parts)]:
        for other in (text, lower(text), upper(text), text[:1].upper() + text[1:].lower()) if calls else (text,):
            made[other] = None
            made |= dict.fromkeys(_results(calls, other))
    return [*constants, *[text for text in made if text not in constants][:SAMPLES_MAX]]


def _parts(expr: Expr) -> Iterator[Expr]:
    """The parts of an expression; a pattern is not a text that anything could be."""
    yield expr
    if isinstance(expr, Call):
        for arg in expr.args[:1] if expr.name in ("like", "ilike") else expr.args:
            yield from _parts(arg)


def _constants(parts: Iterable[Expr]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Literal) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, Stage):
            yield from (stage for _, stage in part.stages)


def _numerals(parts: list[Expr]) -> Iterator[str]:
    """Where texts are read as numbers: the numbers around, and beside them."""
    if any(isinstance(part, Call) and part.name in ("integer", "number") and part.args[0].type == Type.STRING for part in parts):
        for part in parts:
            if isinstance(part, Literal) and type(part.value) is int and part.type in (Type.INTEGER, Type.NUMBER):
                whole = part.value if part.type == Type.INTEGER else part.value // SCALE
                yield from (str(whole), str(whole + 1), str(whole - 1))


def _of_one_text(call: Call) -> bool:
    """Whether a call makes a text of one text that varies."""
    first, *rest = call.args
    return (
        call.type == first.type == Type.STRING and all(isinstance(arg, Literal) for arg in rest) and call.name not in ("case", "coalesce")
    )


def _results(calls: Iterable[Call], text: str) -> Iterator[str]:
    for call in calls:
        applied = Call(call.type, call.name, (Literal(Type.STRING, text), *call.args[1:]))
        try:
            found = compile_functions({"": applied})[""](None, None, {}, 0, "")
        except ArithmeticError:
            continue
        if isinstance(found, str) and len(found) < TEXT_MAX:
            yield found


def _matching(parts: Iterable[Expr]) -> Iterator[str]:
    """For each pattern the shortest text it matches."""
    for part in parts:
        if isinstance(part, Call) and part.name in ("like", "ilike"):
            yield "".join(character or "x" for segment in like_segments(*constants_of(part)) for character in segment)
