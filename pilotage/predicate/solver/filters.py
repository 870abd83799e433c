"""What the filters of counted events say of each other: which can never pass, which passes only where another does, which never
where another does. Found once per problem, about one event of each type, and then said of all counts (`windows`)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations

from pilotage.predicate.ir import Expr, Feature, Field, Literal, Type
from pilotage.predicate.solver.logic import Limits, Logic, Outcome, Term
from pilotage.predicate.solver.symbols import Symbols, Value
from pilotage.predicate.solver.texts import Texts
from pilotage.predicate.solver.translate import Translator
from pilotage.predicate.solver.windows import Relation

FEATURES_MAX = 8
"""How many filtered features of one event type are compared with each other."""


class OfEvent(Translator):
    """Translates filters and values about one event, whose type is known."""

    def __init__(self, logic: Logic, texts: Texts, symbols: Symbols, event: str) -> None:
        super().__init__(logic, texts, symbols)
        self.event = event

    def leaf(self, expr: Expr) -> Value:
        """What is read: the event's type is no unknown."""
        if isinstance(expr, Field) and expr.path == "type":
            return self.literal(Literal(Type.STRING, self.event))
        return super().leaf(expr)

    def passes(self, feature: Feature) -> Term:
        """Whether the event belongs to a feature: it passes the filter, and where a value is asked for has one."""
        passing = self.truth(feature.where).true if feature.where is not None else self.logic.true
        worth = self.value(feature.value).null if feature.value is not None else self.logic.false
        return self.logic.all_of(passing, self.logic.negated(worth))


def relations(features: Mapping[str, Feature], logic: Logic, texts: Texts, limits: Limits) -> tuple[Relation, ...]:
    """What is proved of the features' filters; what is not decided in time is left out."""
    by_event: dict[str, list[Feature]] = defaultdict(list)
    for feature in features.values():
        by_event[feature.event].append(feature)
    return tuple(each for event, alike in sorted(by_event.items()) for each in _of_event(event, alike, logic, texts, limits))


def _of_event(event: str, features: Iterable[Feature], logic: Logic, texts: Texts, limits: Limits) -> Iterator[Relation]:
    filtered = sorted((each for each in features if each.where is not None), key=lambda each: each.key)[:FEATURES_MAX]
    if not filtered:
        return
    translator = OfEvent(logic, texts, Symbols(logic, texts, prefix=f"{event}."), event)
    passes = {each.key: translator.passes(each) for each in filtered}
    session = logic.session(limits)
    session.hold(*translator.symbols.possible, *translator.links)
    never = {key for key in passes if session.check(passes[key]) is Outcome.NONE}
    yield from (Relation("never", key, key, event) for key in sorted(never))
    for one, other in permutations(sorted(set(passes) - never), 2):
        if session.check(passes[one], logic.negated(passes[other])) is Outcome.NONE:
            yield Relation("among", one, other, event)
        if one < other and session.check(passes[one], passes[other]) is Outcome.NONE:
            yield Relation("apart", one, other, event)
