"""What holds of calls that logic does not look into: one value for equal arguments, and the true one for constants.

Each fact is about what the product computes: `lower('DE')` is `'de'`, and a text in small letters is as long as the text.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from pilotage.predicate.ir import Attribute, Call, Expr, Literal, Type
from pilotage.predicate.python import compile_functions
from pilotage.predicate.solver.logic import Term
from pilotage.predicate.solver.symbols import Value
from pilotage.predicate.solver.texts import Sequences
from pilotage.predicate.solver.translate import Translator

_AS_LONG = frozenset({"lower", "upper"})
_WITHIN = frozenset({"trim", "ltrim", "rtrim"})


def facts(translator: Translator, known: Iterable[str]) -> Iterator[Term]:
    """What holds of a problem's open calls. `known` are the texts to say the value of, for each with one text that varies."""
    opened = [(call, args) for call, args in translator.opened.items() if isinstance(call, Call)]
    texts = sorted(filter(translator.texts.speaks, known))
    for call, args in opened:
        yield from _of_kind(translator, call, args)
        for text in texts if call.args[0].type == Type.STRING else ():
            yield from at(translator, call, args, {0: text})
    for (one, first), (other, second) in combinations(opened, 2):
        if one.name == other.name and one.type == other.type and len(first) == len(second):
            yield _congruent(translator, one, other, first, second)


def at(translator: Translator, call: Call, args: tuple[Value, ...], values: Mapping[int, Any]) -> Iterator[Term]:
    """What a call comes to where the arguments at these places have these values and the others are constants."""
    exprs = [Literal(arg.type, values[place]) if place in values else arg for place, arg in enumerate(call.args)]
    if not all(isinstance(expr, Literal) for expr in exprs):
        return
    try:
        found = compile_functions({"": Call(call.type, call.name, tuple(exprs))})[""](None, None, {}, 0, "")
    except ArithmeticError:
        return
    if isinstance(found, str) and not translator.texts.speaks(found):
        return
    known = (translator.logic.negated(arg.null) for arg in args)
    given = (
        translator.logic.same(args[place].value, constant(translator, call.args[place].type, value)) for place, value in values.items()
    )
    yield translator.logic.follows(translator.logic.all_of(*known, *given), comes_to(translator, call, found))


def comes_to(translator: Translator, expr: Expr, found: Any) -> Term:
    """That a symbol has this value, or where it can be NULL is NULL."""
    symbol, logic = translator.symbols.of(expr), translator.logic
    if found is None:
        return symbol.null if symbol.null is not logic.false else logic.true
    return logic.all_of(logic.negated(symbol.null), logic.same(symbol.value, constant(translator, expr.type, found)))


def constant(translator: Translator, kind: Type, value: Any) -> Term:
    """A value of the kernel as a constant term."""
    return translator.literal(Literal(kind, value)).value


def _congruent(translator: Translator, one: Call, other: Call, first: tuple[Value, ...], second: tuple[Value, ...]) -> Term:
    """Equal arguments, equal values; of lists and maps only the same ones are known to be equal."""
    logic = translator.logic
    equal = []
    for mine, yours, left, right in zip(one.args, other.args, first, second, strict=False):
        if mine.type in (Type.LIST, Type.MAP) and mine != yours:
            return logic.true
        equal += [logic.negated(left.null), logic.negated(right.null), logic.same(left.value, right.value)]
    if one.args[len(first) :] != other.args[len(first) :]:
        return logic.true
    here, there = translator.symbols.of(one), translator.symbols.of(other)
    return logic.follows(logic.all_of(*equal), logic.all_of(logic.same(here.value, there.value), logic.same(here.null, there.null)))


def _of_kind(translator: Translator, call: Call, args: tuple[Value, ...]) -> Iterator[Term]:
    logic = translator.logic
    found = translator.symbols.of(call)
    null = logic.any_of(*(arg.null for arg in args), found.null)
    if isinstance(translator.texts, Sequences) and call.name in _AS_LONG:
        yield logic.any_of(null, logic.same(logic.length(found.value), logic.length(args[0].value)))
    if isinstance(translator.texts, Sequences) and call.name in _WITHIN:
        yield logic.any_of(null, logic.contains(args[0].value, found.value))
    if call.name in ("list_contains", "map_contains"):
        length = Call(Type.INTEGER, "list_length" if call.name == "list_contains" else "map_length", call.args[:1])
        yield logic.any_of(null, logic.follows(found.value, translator.value(length).value > 0))
    if call.name == "value" and isinstance(call.args[0], Attribute):
        held = translator.value(Call(Type.BOOLEAN, "map_contains", call.args))
        yield logic.any_of(*(arg.null for arg in args), logic.same(found.null, logic.negated(held.value)))
