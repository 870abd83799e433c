"""From an assignment to the customer it means, and what to tell the solver where the product computes something else.

Whoever is found is asked about in Python (`witness`). Where that answers something else, it is because a call that logic does not
look into comes to another value, or the clock of the customer's zone is not as far from UTC as assumed: what it really is is
then said to the solver, which looks for somebody else.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from pilotage.event.zone import Zones
from pilotage.predicate.ir import (
    Attribute,
    Call,
    Consent,
    Entered,
    Expr,
    Field,
    InAudience,
    InJourney,
    Literal,
    Stage,
    Type,
    Variable,
    Zone,
)
from pilotage.predicate.solver import openings
from pilotage.predicate.solver.histories import Remembering
from pilotage.predicate.solver.logic import Model, Term
from pilotage.predicate.solver.symbols import OFFSET, Symbol
from pilotage.predicate.solver.witness import Happened, Held, Passage, Witness


def customer(translator: Remembering, model: Model) -> Witness:
    """The customer of an assignment."""
    read = _Reader(translator, model)
    now = int(model.value(translator.now))
    under_way = tuple(read.under_way(now))
    return Witness(
        now_us=now,
        attributes={expr.name: held for expr, held in read.held(Attribute)},
        happened=tuple(sorted(read.happened(now), key=lambda each: each.occurred_us)),
        trigger_type=next((str(held.value) for expr, held in read.held(Field) if expr.path == "type"), ""),
        trigger={expr.path: held for expr, held in read.held(Field) if expr.path != "type"},
        variables={expr.name: held for expr, held in read.held(Variable)},
        consents=tuple(f"{expr.purpose}|{expr.channel}" for expr in read.true(Consent)),
        audiences=tuple(expr.audience for expr in read.true(InAudience)),
        under_way=under_way,
        visits=tuple(read.visits(now)),
    )


class _Reader:
    def __init__(self, translator: Remembering, model: Model) -> None:
        self.translator, self.model = translator, model
        self.symbols = translator.symbols.known

    def value(self, symbol: Symbol, symbols: dict[Expr, Symbol]) -> Any:
        """What a symbol stands for, in kernel form; None for NULL."""
        if self.model.value(symbol.null):
            return None
        if symbol.expr.type in (Type.LIST, Type.MAP):
            return _Collection(self, symbol.expr, symbols).value()
        found = self.model.value(symbol.value)
        return self.translator.texts.text(found) if symbol.expr.type == Type.STRING else found

    def held(self, kind: type[Any]) -> Iterator[tuple[Any, Held]]:
        """What is read of one kind and is not NULL."""
        for expr, symbol in self.symbols.items():
            if isinstance(expr, kind):
                found = self.value(symbol, self.symbols)
                if found is not None:
                    yield expr, Held(expr.type, found)

    def true(self, kind: type[Any]) -> Iterator[Any]:
        """What holds of one kind."""
        return (expr for expr, symbol in self.symbols.items() if isinstance(expr, kind) and self.model.value(symbol.value))

    def happened(self, now: int) -> Iterator[Happened]:
        for bursts in self.translator.past.values():
            for burst in bursts:
                times = int(self.model.value(burst.times))
                if times:
                    known = burst.translator.symbols.known
                    found = {s.expr.path: Held(s.expr.type, self.value(s, known)) for s in known.values() if isinstance(s.expr, Field)}
                    fields = {path: held for path, held in found.items() if held.value is not None}
                    yield Happened(burst.event, now - int(self.model.value(burst.age)), times, fields)

    def under_way(self, now: int) -> Iterator[Passage]:
        """The passages under way; the one of the customer's stage is the last entered."""
        stage = next(((expr, held.value) for expr, held in self.held(Stage)), None)
        inside = [expr.journey for expr in self.true(InJourney)]
        latest = next((j for j, its in stage[0].stages if its == stage[1] and j in inside), None) if stage else None
        return (Passage(journey, now - (journey != latest), "step") for journey in inside)

    def visits(self, now: int) -> Iterator[Passage]:
        """Last entries: so long ago that the windows that hold one do, and the others do not."""
        asked = [expr for expr in self.symbols if isinstance(expr, Entered)]
        for journey in sorted({expr.journey for expr in asked}):
            truths = {expr.window_us: bool(self.model.value(self.symbols[expr].value)) for expr in asked if expr.journey == journey}
            if any(truths.values()):
                yield Passage(journey, now - max((window for window, true in truths.items() if not true), default=0))


class _Collection:
    """Makes a LIST or MAP of what is said of it: members, items at places, a length."""

    def __init__(self, reader: _Reader, expr: Expr, symbols: dict[Expr, Symbol]) -> None:
        self.reader = reader
        self.kind = expr.type
        self.calls = [
            (each, symbol, each.args[1].value if len(each.args) > 1 and isinstance(each.args[1], Literal) else None)
            for each, symbol in symbols.items()
            if isinstance(each, Call) and each.args[:1] == (expr,)
        ]

    def value(self) -> Any:
        """A list, or a map."""
        return self.as_map() if self.kind == Type.MAP else self.as_list()

    def _members(self) -> list[str]:
        model = self.reader.model
        return [
            str(asked) for each, s, asked in self.calls if each.name in ("list_contains", "map_contains") and asked and model.value(s.value)
        ]

    def _length(self) -> int:
        return next((int(self.reader.model.value(s.value)) for each, s, _ in self.calls if each.name in ("list_length", "map_length")), 0)

    def as_map(self) -> dict[str, str]:
        found = dict.fromkeys(self._members(), "")
        for each, symbol, asked in self.calls:
            if each.name == "value" and asked is not None and not self.reader.model.value(symbol.null):
                found[str(asked)] = self.reader.translator.texts.text(self.reader.model.value(symbol.value))
        return found | {f"other {at}": "" for at in range(len(found), min(self._length(), 100))}

    def as_list(self) -> list[str | None]:
        places: dict[int, str] = {}
        for each, symbol, asked in self.calls:
            if each.name == "item" and isinstance(asked, int) and not self.reader.model.value(symbol.null):
                places[asked] = self.reader.translator.texts.text(self.reader.model.value(symbol.value))
        members = [member for member in self._members() if member not in places.values()]
        for member in members:
            places[next(at for at in range(1, len(places) + 2) if at not in places)] = member
        length = min(max([self._length(), *places]), 100)
        return [places.get(at) for at in range(1, length + 1)]


def corrections(translator: Remembering, model: Model, witness: Witness, actual: dict[Expr, Any], zones: Zones | None) -> Iterator[Term]:
    """What the open calls really come to, for the arguments that the assignment gave them; `actual` is what Python answers."""
    for expr, symbol in list(translator.symbols.known.items()):
        if not isinstance(expr, Call) or expr not in actual:
            continue
        if expr.name == OFFSET:
            yield from _clock(translator, model, expr, actual[expr], witness, zones)
        elif expr in translator.opened:
            yield _known(translator, model, expr, symbol, actual[expr])


def _known(translator: Remembering, model: Model, expr: Call, symbol: Symbol, found: Any) -> Term:
    """Equal arguments have this value."""
    logic = translator.logic
    given = []
    for arg, value in zip((arg for arg in expr.args if not isinstance(arg, Zone)), translator.opened[expr], strict=False):
        if arg.type in (Type.LIST, Type.MAP):
            return logic.true
        given.append(logic.same(value.value, _as_term(translator, arg.type, model.value(value.value))))
    if found is None or not _speakable(translator, found):
        return logic.true
    return logic.follows(logic.all_of(*given), openings.comes_to(translator, expr, found))


def _speakable(translator: Remembering, found: Any) -> bool:
    return not isinstance(found, str) or translator.texts.speaks(found)


def _as_term(translator: Remembering, kind: Type, value: bool | int | str) -> Term:
    if kind == Type.STRING and isinstance(value, int):
        return translator.logic.integer(value)  # a mark, as the assignment has it
    return openings.constant(translator, kind, value)


def _clock(translator: Remembering, model: Model, expr: Call, found: Any, witness: Witness, zones: Zones | None) -> Iterator[Term]:
    """The offset of a zone from one of its clock changes to the next; said where the zone is the default one."""
    zone, logic = expr.args[1], translator.logic
    if zones is None or not isinstance(zone, Zone) or found is None or zone.attribute in witness.attributes:
        return
    instant = translator.value(expr.args[0])
    at = int(model.value(instant.value))
    starts = zones.shifts(zone.default).starts
    place = bisect_right(starts, at)
    within = [instant.value >= starts[place - 1], *([instant.value < starts[place]] if place < len(starts) else [])]
    offset = zones.wall_us(at, zone.default) - at
    yield logic.follows(logic.all_of(*within), logic.same(translator.symbols.known[expr].value, offset))
