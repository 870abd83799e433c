"""The unknowns of a problem: one for everything a condition reads or computes that logic does not look into.

An attribute, a field, a count in a window, membership of an audience, and also what a function without a meaning in logic gives
(`lower`, `split_part`, an item of a list): each is a symbol of its type, with a second one for whether it is NULL where it can be.
Whoever knows a subject can say what each stands for, because each belongs to an expression that the Python back end computes.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from pilotage.event.zone import Zones
from pilotage.predicate.canonical import canonical
from pilotage.predicate.ir import (
    Aggregate,
    Attribute,
    Call,
    Count,
    Expr,
    Field,
    Literal,
    Now,
    SinceLast,
    Stage,
    Type,
    Variable,
    Zone,
)
from pilotage.predicate.solver.calendar import FIRST_DAY, LAST_DAY
from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.numbers import fits
from pilotage.predicate.solver.texts import Texts
from pilotage.predicate.table import PARTIAL

INSTANTS_MIN, INSTANTS_MAX = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999: what an event's timestamp can hold."""

CLOCK_MAX = INSTANTS_MAX - 366 * 86_400_000_000
"""The product's clock is in the years 1970 to 9998, in every zone."""

OFFSET = "clock_offset"
"""The symbol for how far the wall clock of a zone is ahead of UTC at an instant, in µs: `Call(INTERVAL, OFFSET, (instant, zone))`."""

OFFSET_MAX_US = 26 * 3_600_000_000
"""No clock has ever been further from UTC."""


class Value(NamedTuple):
    """What an expression comes to, where it is not NULL, and whether it is. Of a LIST or MAP only the second is known."""

    value: Term
    null: Term


class Truth(NamedTuple):
    """Whether a BOOLEAN is true, and whether it is false; NULL is neither."""

    true: Term
    false: Term


class Symbol(msgspec.Struct, frozen=True):
    """An unknown: what it stands for, its value (of a LIST or MAP a truth that says nothing), and whether it is NULL."""

    expr: Expr
    value: Term
    null: Term


class Symbols:
    """The unknowns of one problem, or of one event in it (`prefix`). `possible` are what holds of them by their types."""

    def __init__(self, logic: Logic, texts: Texts, zones: Zones | None = None, prefix: str = "") -> None:
        self._logic, self._texts, self._zones, self._prefix = logic, texts, zones, prefix
        self.known: dict[Expr, Symbol] = {}
        self.possible: list[Term] = []

    def of(self, expr: Expr) -> Symbol:
        """The symbol of an expression, the same for all its spellings."""
        key = canonical(expr)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._made(key)
        return found

    def _made(self, expr: Expr) -> Symbol:
        name = f"{self._prefix}{len(self.known)}"
        logic = self._logic
        value = self._symbol(expr.type, name)
        null = logic.truth_symbol(f"{name}?") if can_be_null(expr) else logic.false
        if isinstance(value, Term) and expr.type not in (Type.BOOLEAN, Type.LIST, Type.MAP):
            self.possible.append(logic.any_of(null, self._range(expr, value)))
        return Symbol(expr, value, null)

    def _symbol(self, kind: Type, name: str) -> Term:
        if kind in (Type.BOOLEAN, Type.LIST, Type.MAP):
            return self._logic.truth_symbol(name)
        return self._texts.symbol(name) if kind == Type.STRING else self._logic.integer_symbol(name)

    def _range(self, expr: Expr, value: Term) -> Term:
        logic = self._logic
        match expr:
            case Stage():
                return logic.any_of(*(logic.same(value, self._texts.constant(stage)) for stage in sorted({s for _, s in expr.stages})))
            case Count() | SinceLast():
                return logic.all_of(value >= 0, fits(logic, value))
            case Now():
                return logic.all_of(value >= 0, value <= CLOCK_MAX)
            case Field(type=Type.TIMESTAMP):
                return logic.all_of(value >= INSTANTS_MIN, value <= INSTANTS_MAX)
            case Call(name="length" | "list_length" | "map_length" | "position"):
                return value >= 0
            case Call(name=name) if name == OFFSET:
                return self.offsets(expr, value)
        return self._by_type(expr.type, value)

    def _by_type(self, kind: Type, value: Term) -> Term:
        logic = self._logic
        if kind == Type.STRING:
            return self._texts.possible(value)
        return logic.all_of(value >= FIRST_DAY, value <= LAST_DAY) if kind == Type.DATE else fits(logic, value)

    def offsets(self, expr: Call, offset: Term) -> Term:
        """What a clock's distance from UTC can be: one that the zone's table lists, or where the zone is the subject's own,
        any within the day."""
        logic, zone = self._logic, expr.args[-1]
        if isinstance(zone, Zone) and not zone.attribute and self._zones is not None:
            listed = sorted(set(self._zones.shifts(zone.default).offsets))
            return logic.any_of(*(logic.same(offset, us) for us in listed))
        return logic.all_of(offset >= -OFFSET_MAX_US, offset <= OFFSET_MAX_US)


def can_be_null(expr: Expr) -> bool:
    """Whether what a symbol stands for can be NULL by itself; of a call, though no argument is."""
    match expr:
        case Field():
            return expr.path != "type"
        case Call():
            return expr.name in PARTIAL
        case Literal():
            return False
        case _:
            return isinstance(expr, Attribute | Variable | SinceLast | Aggregate | Stage)


Leaf = Callable[[Expr], Symbol]
