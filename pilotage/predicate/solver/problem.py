"""One problem: conditions over one set of unknowns, with the facts about them held, ready to be asked whether something can be.

Two kinds. An *open* problem leaves the past open and holds what is true of every past: what it cannot contain is impossible. A
*remembered* one has a bounded past: what it contains is a customer.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pilotage.event.zone import Zones
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Aggregate, Call, Count, Expr, Performed, Predicate
from pilotage.predicate.ir import Sequence as Followed
from pilotage.predicate.solver import filters, openings, windows
from pilotage.predicate.solver.histories import Remembering
from pilotage.predicate.solver.logic import Limits, Logic, Session
from pilotage.predicate.solver.samples import texts_of
from pilotage.predicate.solver.symbols import Symbols, Truth
from pilotage.predicate.solver.texts import Marks, Sequences, Texts
from pilotage.predicate.solver.translate import Translator

BURSTS_MAX = 8
"""How many bursts of one event type a remembered past can have."""


_INSIDE = frozenset(
    (
        *("concat", "length", "left", "right", "substring", "starts_with", "ends_with", "contains", "position", "like", "ilike"),
        *("lower", "upper", "trim", "ltrim", "rtrim", "text_of_boolean", "text_of_integer"),
    )
)
"""What is known of texts as sequences and left open of texts as marks."""


class World(msgspec.Struct, frozen=True):
    """What is known beside the conditions: the zone tables (without them any clock is possible), the definitions of audiences
    (without one, membership is open), and what a check may use."""

    zones: Zones | None = None
    audiences: Mapping[str, Predicate] = {}
    limits: Limits = Limits()


class Problem:
    """Conditions in logic. `truths` are theirs, in order; `session` holds everything that is so anyway."""

    def __init__(self, predicates: Sequence[Predicate], world: World, *, exact: bool, remembered: bool) -> None:
        self.predicates, self.world = predicates, world
        needed = [*predicates, *(world.audiences[name] for name in _audiences(predicates, world))]
        self.features = {feature.key: feature for predicate in needed for feature in predicate.features}
        parts = [part for feature in self.features.values() for part in (feature.where, feature.value) if part is not None]
        self.samples = texts_of([*(predicate.expr for predicate in needed), *parts])
        self.samples += [feature.event for feature in self.features.values()]
        self.logic = Logic()
        self.texts: Texts = Sequences(self.logic) if exact else Marks(self.logic, self.samples)
        self.symbols = Symbols(self.logic, self.texts, world.zones)
        self.translator = self._translator(needed, remembered)
        self.truths: list[Truth] = [self.translator.truth(predicate.expr) for predicate in predicates]
        self.session: Session = self.logic.session(world.limits)
        self._hold(remembered)
        self.within = self.logic.all_of(*self.translator.bounds)

    def _translator(self, needed: Sequence[Predicate], remembered: bool) -> Translator:
        definitions = {name: predicate.expr for name, predicate in self.world.audiences.items()}
        if not remembered:
            return Translator(self.logic, self.texts, self.symbols, definitions)
        return Remembering(self.logic, self.texts, self.symbols, self.features, _bursts(needed), definitions)

    def _hold(self, remembered: bool) -> None:
        if isinstance(self.translator, Remembering):
            self.session.hold(*windows.standing(self.translator, list(self.symbols.known)))
            for each in self._of_events():
                self.session.hold(*openings.facts(each, self.samples))
            self.session.hold(*self.translator.conditions())
        else:
            relations = filters.relations(self.features, self.logic, self.texts, self.world.limits)
            self.session.hold(*windows.facts(self.translator, relations))
        self.session.hold(*openings.facts(self.translator, self.samples))
        # What is held so far has made its last symbols: now what is possible of each.
        self.session.hold(*self.symbols.possible, *self.translator.links)

    def _of_events(self) -> list[Translator]:
        past = self.translator.past if isinstance(self.translator, Remembering) else {}
        return [burst.translator for bursts in past.values() for burst in bursts]


def looks_inside(predicates: Sequence[Predicate], world: World) -> bool:
    """Whether conditions ask for what texts consist of."""
    needed = [*predicates, *(world.audiences[name] for name in _audiences(predicates, world))]
    asked: list[Expr] = [predicate.expr for predicate in needed]
    asked += [part for predicate in needed for feature in predicate.features for part in (feature.where, feature.value) if part is not None]
    return any(isinstance(part, Call) and part.name in _INSIDE for expr in asked for part in walk(expr))


def _audiences(predicates: Iterable[Predicate], world: World) -> list[str]:
    """The audiences whose definitions matter, each behind those that it is made of."""
    found: dict[str, None] = {}
    pending = [name for predicate in predicates for name in predicate.audiences]
    while pending:
        name = pending.pop()
        if name in world.audiences and name not in found:
            found[name] = None
            pending += world.audiences[name].audiences
    return list(found)


def _bursts(predicates: Iterable[Predicate]) -> int:
    """How many bursts let each thing that is asked differ: one for each window, and one beyond."""
    asked = {
        part for predicate in predicates for part in walk(predicate.expr) if isinstance(part, Count | Performed | Aggregate | Followed)
    }
    per_event: dict[str, int] = {}
    for part in asked:
        for event in part.events if isinstance(part, Followed) else (part.event,):
            per_event[event] = per_event.get(event, 1) + 1
    return min(BURSTS_MAX, max(per_event.values(), default=1) + 1)
