"""What holds between the terms of the field, whatever a customer did: counts in windows, aggregates, sequences, stages.

The past itself is left open: there is one number per feature and window, not a list of events. These facts keep the numbers
together: a longer window holds at least as many events, a filtered count is no larger than that of all events, the last event is
recent exactly where a short window counts one, the mean lies between the least and the greatest. They hold of every past, so what
contradicts them contradicts itself; not every assignment that keeps them is a past (`histories` looks for one).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise, permutations
from typing import Literal

import msgspec

from pilotage.predicate.ir import Aggregate, Count, Entered, Expr, InJourney, Sequence, SinceLast, Stage, Type
from pilotage.predicate.solver.logic import Term
from pilotage.predicate.solver.symbols import Symbol
from pilotage.predicate.solver.translate import Translator

_LEAST_FIRST = ("min", "max")
_EXACT_COUNTS = 4


class Relation(msgspec.Struct, frozen=True):
    """What the filters of two features of an event type say of each other: no event is `never` in the one, those of the one are
    all `among` those of the other, or the two are `apart`."""

    kind: Literal["never", "among", "apart"]
    one: str
    other: str
    event: str


def facts(translator: Translator, relations: Iterable[Relation] = ()) -> Iterator[Term]:
    """What holds of the symbols of a problem, by what they stand for and by the filters of its features. It makes further
    symbols."""
    asked = list(translator.symbols.known)
    windows = Windows(translator, asked)
    yield from windows.related([each for each in relations if {each.one, each.other} <= set(windows.features)])
    yield from windows.counts()
    yield from windows.last()
    yield from windows.aggregates()
    yield from windows.sequences()
    yield from standing(translator, asked)


def standing(translator: Translator, asked: list[Expr]) -> Iterator[Term]:
    """What holds of where the customer stands, whatever the past."""
    yield from _entered(translator, asked)
    yield from _stages(translator, asked)


def _width(window_us: int) -> float:
    """For order: window 0 is ever."""
    return window_us or float("inf")


class Windows:
    """The features of a problem, with all windows that anything about their event types asks for."""

    def __init__(self, translator: Translator, asked: list[Expr]) -> None:
        self.translator, self.logic = translator, translator.logic
        self.lasts = [expr for expr in asked if isinstance(expr, SinceLast)]
        self.tallies = [expr for expr in asked if isinstance(expr, Aggregate)]
        self.followed = [expr for expr in asked if isinstance(expr, Sequence)]
        self.features: dict[str, str] = {}
        """The event type of each feature."""
        self.widths: dict[str, set[int]] = {}
        """The windows asked about, by event type."""
        for expr in asked:
            if isinstance(expr, Count | Aggregate):
                self._ask(expr.feature, expr.event, expr.window_us)
        for expr in self.lasts:
            self._ask(expr.feature, expr.event, 0)
        for expr in self.followed:
            for feature, event in zip((expr.first, expr.then), expr.events, strict=True):
                self._ask(feature, event, expr.window_us)

    def _ask(self, feature: str, event: str, window_us: int) -> None:
        self.features[feature] = event
        self.widths.setdefault(event, set()).add(window_us)

    def count(self, feature: str, window_us: int) -> Term:
        return self.translator.symbols.of(Count(feature, self.features[feature], window_us)).value

    def windows(self, feature: str) -> list[int]:
        return sorted(self.widths[self.features[feature]], key=_width)

    def counts(self) -> Iterator[Term]:
        """A longer window holds at least as many; what passes a filter, or has a value, is among all."""
        for feature in self.features:
            for shorter, longer in pairwise(self.windows(feature)):
                yield self.count(feature, shorter) <= self.count(feature, longer)
        for narrow, wide in permutations(self.features, 2):
            if self.features[narrow] == self.features[wide] and narrow[len(wide) : len(wide) + 1] in ("#", "=") and narrow.startswith(wide):
                yield from self.among(narrow, wide)

    def related(self, relations: list[Relation]) -> Iterator[Term]:
        """What the filters say."""
        for each in relations:
            self.features.setdefault(each.event, each.event)
            if each.kind == "never":
                yield from (self.logic.same(self.count(each.one, window), 0) for window in self.windows(each.one))
            elif each.kind == "among":
                yield from self.among(each.one, each.other)
            else:
                yield from self.apart(each.one, each.other, each.event)

    def among(self, narrow: str, wide: str) -> Iterator[Term]:
        """The events of one feature are among those of another, in each window and between any two."""
        windows = self.windows(narrow)
        for window in windows:
            yield self.count(narrow, window) <= self.count(wide, window)
        for shorter, longer in pairwise(windows):
            added = (self.count(feature, longer) - self.count(feature, shorter) for feature in (narrow, wide))
            yield next(added) <= next(added)

    def apart(self, one: str, other: str, among: str) -> Iterator[Term]:
        """No event belongs to both of two features, whose events are all among those of a third."""
        for window in self.windows(one):
            yield self.count(one, window) + self.count(other, window) <= self.count(among, window)

    def last(self) -> Iterator[Term]:
        """The last event is as old as the shortest window without one."""
        logic = self.logic
        for expr in self.lasts:
            found = self.translator.symbols.of(expr)
            yield _exactly(self.translator, found.null, logic.same(self.count(expr.feature, 0), 0))
            for window in self.windows(expr.feature):
                if window:
                    recent = _exactly(self.translator, found.value < window, self.count(expr.feature, window) > 0)
                    yield logic.any_of(found.null, recent)
        for one, other in permutations(self.lasts, 2):
            if other.feature.startswith(f"{one.feature}#"):
                of_all, of_some = (self.translator.symbols.of(expr) for expr in (one, other))
                yield logic.any_of(of_some.null, logic.all_of(logic.negated(of_all.null), of_all.value <= of_some.value))

    def aggregates(self) -> Iterator[Term]:
        """An aggregate is NULL where nothing counts; those of one feature and window keep their order."""
        logic, symbol = self.logic, self.translator.symbols.of
        for expr in self.tallies:
            yield _exactly(self.translator, symbol(expr).null, logic.same(self.count(expr.feature, expr.window_us), 0))
        for one, other in permutations(self.tallies, 2):
            if one.feature == other.feature and _width(one.window_us) <= _width(other.window_us):
                some = self.count(one.feature, one.window_us)
                for then in self._pair(one, other, symbol(one), symbol(other)):
                    yield logic.follows(some > 0, then)

    def _pair(self, one: Aggregate, other: Aggregate, inner: Symbol, outer: Symbol) -> Iterator[Term]:
        """What holds of an aggregate over a window and another over the same or a longer one, where the first is not NULL."""
        logic, number = self.logic, one.type in (Type.INTEGER, Type.NUMBER)
        few, many = self.count(one.feature, one.window_us), self.count(other.feature, other.window_us)
        if one.name == other.name and one.window_us != other.window_us:
            yield logic.follows(logic.same(few, many), logic.same(inner.value, outer.value))
        if one.name == other.name == "last":
            yield logic.same(inner.value, outer.value)
        if one.name != "sum" and other.name in _LEAST_FIRST:
            low, high = (outer, inner) if other.name == "min" else (inner, outer)
            yield self.translator.compared("le", one.type, low.value, high.value)
        single = logic.all_of(logic.same(few, 1), logic.same(many, 1))
        if "avg" not in (one.name, other.name):
            yield logic.follows(single, logic.same(inner.value, outer.value))
        if number and one.window_us == other.window_us:
            yield from self._sums(one, other, inner.value, outer.value, few)
        if number and one.name == other.name == "sum":
            yield from self._growing(one, other, inner.value, outer.value)

    def _sums(self, one: Aggregate, other: Aggregate, first: Term, second: Term, count: Term) -> Iterator[Term]:
        """A sum lies between as many times the least and the greatest: exactly for few events, by its sign for many."""
        if one.name != "sum" or other.name not in _LEAST_FIRST:
            return
        least = other.name == "min"
        for times in range(1, _EXACT_COUNTS + 1):
            bound = second * times
            yield self.logic.follows(self.logic.same(count, times), bound <= first if least else bound >= first)
        yield self.logic.follows(second >= 0, second <= first) if least else self.logic.follows(second <= 0, second >= first)

    def _growing(self, one: Aggregate, other: Aggregate, inner: Term, outer: Term) -> Iterator[Term]:
        """Where nothing in the longer window is below zero, it adds up to no less."""
        least = Aggregate("min", other.feature, other.event, other.window_us, other.type)
        if least in self.tallies:
            yield self.logic.follows(self.translator.symbols.of(least).value >= 0, inner <= outer)

    def sequences(self) -> Iterator[Term]:
        """A sequence needs its events; a longer time for it, or a longer window, holds it too."""
        logic, symbol = self.logic, self.translator.symbols.of
        for expr in self.followed:
            least = 2 if expr.first == expr.then else 1
            for feature in (expr.first, expr.then):
                yield logic.follows(symbol(expr).value, self.count(feature, expr.window_us) >= least)
        for one, other in permutations(self.followed, 2):
            alike = (one.first, one.then) == (other.first, other.then)
            if alike and one.within_us <= other.within_us and one.window_us <= other.window_us:
                yield logic.follows(symbol(one).value, symbol(other).value)


def _exactly(translator: Translator, one: Term, other: Term) -> Term:
    """The one where, and only where, the other."""
    return translator.logic.same(one, other)


def _entered(translator: Translator, asked: list[Expr]) -> Iterator[Term]:
    """Who entered within a window entered within any longer one."""
    entered = [expr for expr in asked if isinstance(expr, Entered)]
    for one, other in permutations(entered, 2):
        if one.journey == other.journey and _width(one.window_us) <= _width(other.window_us):
            yield translator.logic.follows(translator.symbols.of(one).value, translator.symbols.of(other).value)


def _stages(translator: Translator, asked: list[Expr]) -> Iterator[Term]:
    """Who is in a stage is on the way through one of its journeys, and the other way round in some stage."""
    logic, symbol = translator.logic, translator.symbols.of
    for expr in asked:
        if isinstance(expr, Stage):
            found = symbol(expr)
            under = {journey: symbol(InJourney(journey)).value for journey, _ in expr.stages}
            yield _exactly(translator, found.null, logic.negated(logic.any_of(*under.values())))
            for stage in sorted({stage for _, stage in expr.stages}):
                there = logic.all_of(logic.negated(found.null), logic.same(found.value, translator.texts.constant(stage)))
                yield logic.follows(there, logic.any_of(*(under[journey] for journey, its in expr.stages if its == stage)))
