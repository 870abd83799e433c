"""A bounded past in logic: a few bursts of events per type, with everything counted from them exactly.

Where the facts about windows leave a condition possible, a past is looked for in which it is: each type of event has a few bursts,
a burst being equal events at one instant. Counts, aggregates and sequences are then no unknowns but what these events come to, so
that an assignment is a customer one can write down.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from pilotage.predicate.ir import Aggregate, Count, Expr, Feature, Now, Sequence, SinceLast
from pilotage.predicate.solver.filters import OfEvent
from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.numbers import half_even
from pilotage.predicate.solver.symbols import Symbols, Value
from pilotage.predicate.solver.texts import Texts
from pilotage.predicate.solver.translate import Translator

TIMES_MAX = 2_000
"""How many events a burst can be."""


class Burst(NamedTuple):
    """Equal events at one instant: how long ago (µs), how many, the unknowns of their fields, and by feature whether they belong
    to it and what each is worth."""

    event: str
    age: Term
    times: Term
    translator: OfEvent
    belongs: dict[str, Term]
    worth: dict[str, Value]


class Remembering(Translator):
    """Translates over a bounded past of so many bursts per event type."""

    def __init__(
        self,
        logic: Logic,
        texts: Texts,
        symbols: Symbols,
        features: Mapping[str, Feature],
        bursts: int,
        audiences: Mapping[str, Expr] | None = None,
    ) -> None:
        super().__init__(logic, texts, symbols, audiences)
        self.features = features
        self.now = symbols.of(Now()).value
        self.past = {
            event: [self._burst(event, at) for at in range(bursts)] for event in sorted({feature.event for feature in features.values()})
        }
        """The bursts of each event type, the oldest first."""
        for of_type in self.past.values():
            self.links += [older.age > newer.age for older, newer in pairwise(of_type)]

    def _burst(self, event: str, at: int) -> Burst:
        logic, prefix = self.logic, f"{event}[{at}]."
        age, times = logic.integer_symbol(f"{prefix}age"), logic.integer_symbol(f"{prefix}times")
        translator = OfEvent(logic, self.texts, Symbols(logic, self.texts, prefix=prefix), event)
        own = [feature for feature in self.features.values() if feature.event == event]
        belongs = {feature.key: translator.passes(feature) for feature in own}
        worth = {feature.key: translator.value(feature.value) for feature in own if feature.value is not None}
        # Where values are added up, events are told apart: so many times a value is no longer linear.
        apart = logic.any_of(*(belongs[key] for key in worth))
        self.links += [age >= 0, age <= self.now, times >= 0, times <= TIMES_MAX, logic.follows(apart, times <= 1)]
        self.bounds += translator.bounds
        return Burst(event, age, times, translator, belongs, worth)

    def conditions(self) -> Iterator[Term]:
        """What holds of the events."""
        for of_type in self.past.values():
            for burst in of_type:
                yield from (*burst.translator.symbols.possible, *burst.translator.links)

    def leaf(self, expr: Expr) -> Value:
        """What is read: what is counted comes from the events."""
        match expr:
            case Count():
                return Value(self._count(expr.feature, expr.event, expr.window_us), self.logic.false)
            case SinceLast():
                return self._last(expr)
            case Aggregate():
                return self._aggregate(expr)
            case Sequence():
                return Value(self._sequence(expr), self.logic.false)
        return super().leaf(expr)

    def _counts(self, burst: Burst, feature: str, window_us: int) -> Term:
        inside = burst.age < window_us if window_us else self.logic.true
        return self.logic.all_of(burst.times > 0, burst.belongs[feature], inside)

    def _count(self, feature: str, event: str, window_us: int) -> Term:
        none = self.logic.integer(0)
        found = none
        for burst in self.past[event]:
            found = found + self.logic.choose(self._counts(burst, feature, window_us), burst.times, none)
        return found

    def _last(self, expr: SinceLast) -> Value:
        found = Value(self.logic.integer(0), self.logic.true)
        for burst in self.past[expr.event]:
            found = self._replaced(found, Value(burst.age, self.logic.false), self._counts(burst, expr.feature, 0))
        return found

    def _replaced(self, found: Value, other: Value, given: Term) -> Value:
        logic = self.logic
        return Value(logic.choose(given, other.value, found.value), logic.all_of(found.null, logic.negated(given)))

    def _aggregate(self, expr: Aggregate) -> Value:
        logic = self.logic
        counting = [
            (self._counts(burst, expr.feature, expr.window_us), burst.worth[expr.feature]) for burst in self.past[expr.event] if burst.worth
        ]
        if expr.name in ("sum", "avg"):
            return self._added(expr, counting)
        found = Value(counting[0][1].value, logic.true)
        for given, worth in counting:
            taken = given
            if expr.name == "first":
                taken = logic.all_of(given, found.null)
            elif expr.name in ("min", "max"):
                name, pair = ("lt" if expr.name == "min" else "gt"), (worth.value, found.value)
                taken = logic.all_of(given, logic.any_of(found.null, self.compared(name, expr.type, *pair)))
            found = Value(logic.choose(taken, worth.value, found.value), logic.all_of(found.null, logic.negated(given)))
        return found

    def _added(self, expr: Aggregate, counting: list[tuple[Term, Value]]) -> Value:
        logic, none = self.logic, self.logic.integer(0)
        total, number = none, none
        for given, worth in counting:
            total = total + logic.choose(given, worth.value, none)
            number = number + logic.choose(given, logic.integer(1), none)
        found = total
        if expr.name == "avg":
            for times in range(2, len(counting) + 1):
                found = logic.choose(logic.same(number, times), half_even(logic, total, times), found)
        return Value(found, logic.same(number, 0))

    def _sequence(self, expr: Sequence) -> Term:
        pairs = (
            self.logic.all_of(
                self._counts(first, expr.first, expr.window_us),
                self._counts(then, expr.then, expr.window_us),
                first.age > then.age,
                first.age - then.age <= expr.within_us,
            )
            for first in self.past[expr.events[0]]
            for then in self.past[expr.events[1]]
            if first is not then
        )
        return self.logic.any_of(*pairs)
