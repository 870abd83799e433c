"""The terms of logic put to the test: what they come to about a concrete subject, to be what the Python back end answers.

Each unknown is given the value that Python computes for what it stands for; the term is then simplified to a constant.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pilotage.event.zone import Zones
from pilotage.predicate.ir import Call, Count, Expr, Type
from pilotage.predicate.python import compile_functions
from pilotage.predicate.solver import openings, windows
from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.symbols import OFFSET, Symbols
from pilotage.predicate.solver.texts import Sequences
from pilotage.predicate.solver.translate import Translator

Ask = Callable[..., Any]
"""`f(state, event, variables, now_us, event_type)`, as in `predicate.python`."""


class Evaluated(msgspec.Struct, frozen=True):
    """The value of an expression (NULL: None); whether everything on the way fitted, so that Python must answer too; and how
    many of the facts that proofs rest on do not hold of the subject, which is never any."""

    value: bool | int | str | None
    fits: bool
    broken: int


class Evaluator:
    """One expression as terms, to be asked about many subjects. `facts` adds those that proofs rest on."""

    def __init__(self, expr: Expr, zones: Zones | None = None, *, facts: bool = False) -> None:
        self.logic = Logic()
        texts = Sequences(self.logic)
        self.symbols = Symbols(self.logic, texts, zones)
        self.translator = Translator(self.logic, texts, self.symbols)
        self.kind = expr.type
        self.value = self.translator.value(expr)
        self.fits = self.logic.all_of(*self.translator.bounds)
        self.facts = self._facts() if facts else []
        self._ask = {symbol.expr: value_of(symbol.expr, zones) for symbol in self.symbols.known.values()}

    def _facts(self) -> list[Term]:
        return [
            *windows.facts(self.translator),
            *openings.facts(self.translator, ("A", "é ")),
            *self.symbols.possible,
            *self.translator.links,
        ]

    def __call__(self, state: Any, event: Any, variables: Mapping[str, Any], now: int, event_type: str = "") -> Evaluated:
        """What the expression comes to about a subject at an instant."""
        fits, values = True, []
        for expr, symbol in self.symbols.known.items():
            try:
                found = self._ask[expr](state, event, variables, now, event_type)
            except ArithmeticError:
                found, fits = None, False
            if symbol.null is not self.logic.false:
                values.append((symbol.null, self.logic.truth(found is None)))
            values.append((symbol.value, self._constant(expr, found)))
        null = self.logic.valued(self.value.null, values)
        value = None if null else self.logic.valued(self.value.value, values)
        assert null is not None and (null or value is not None), "the term did not come to a constant"
        fits = fits and self.logic.valued(self.fits, values) is True
        broken = sum(self.logic.valued(fact, values) is not True for fact in self.facts) if fits else 0
        return Evaluated(value, fits, broken)

    def _constant(self, expr: Expr, found: Any) -> Term:
        if expr.type in (Type.BOOLEAN, Type.LIST, Type.MAP):
            return self.logic.truth(found is True)
        if found is None:
            found = "" if expr.type == Type.STRING else 0
        return openings.constant(self.translator, expr.type, found)


def value_of(expr: Expr, zones: Zones | None) -> Ask:
    """What an unknown stands for, as a function of a subject."""
    match expr:
        case Call(name=name) if name == OFFSET:
            return _offset(expr, zones)
        case Count() if "=" in expr.feature[len(expr.event) :]:
            return lambda state, event, variables, now, event_type: _valued(state.features.get(expr.feature), expr.window_us, now)
    return compile_functions({"": expr}, zones=zones)[""]


def _offset(expr: Call, zones: Zones | None) -> Ask:
    asked = compile_functions({"instant": expr.args[0], "zone": expr.args[1]}, zones=zones)

    def offset(*subject: Any) -> int:
        instant = asked["instant"](*subject)
        assert zones is not None
        return 0 if instant is None else zones.wall_us(instant, asked["zone"](*subject)) - instant

    return offset


def _valued(kept: list[list[Any]] | None, window_us: int, now: int) -> int:
    """How many of the events of a feature with values count."""
    if not kept:
        return 0
    return bisect_right(kept[0], now) - (bisect_right(kept[0], now - window_us) if window_us else 0)
