"""Every pair of many conditions: which implies which, and which exclude each other.

Thousands of pairs take seconds because customers are shared: whoever was found for one pair is asked about by all conditions in
Python, and settles every pair that they show something of; so does whoever is like two of them at once. Only what nobody shows
goes to the solver, a pair at a time.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import msgspec

from pilotage.predicate.ir import Predicate, Type
from pilotage.predicate.solver.decide import disjoint, implies, placed, satisfiable
from pilotage.predicate.solver.problem import World
from pilotage.predicate.solver.witness import Held, Inquiry, Witness


class Pair(msgspec.Struct, frozen=True):
    """Two conditions by name: whether the first implies the second, the second the first, and whether they are never both true;
    None where that is not known."""

    one: str
    other: str
    implies: bool | None
    implied: bool | None
    disjoint: bool | None


Question = Literal["implies", "disjoint"]


def pairs(predicates: Mapping[str, Predicate], world: World = World()) -> tuple[Pair, ...]:
    """All pairs, in the order of the names. The world's limits hold for each question that goes to the solver."""
    compared = _Compared(predicates, world)
    return tuple(
        Pair(
            one,
            other,
            compared.holds("implies", one, other),
            compared.holds("implies", other, one),
            compared.holds("disjoint", one, other),
        )
        for one, other in combinations(predicates, 2)
    )


class _Compared:
    """The conditions, with a customer for each; `true` and `known` hold, for each condition, a bit for every customer so far:
    whether it is true of them, and whether Python calculated it to its end."""

    def __init__(self, predicates: Mapping[str, Predicate], world: World) -> None:
        self.predicates, self.world = predicates, world
        needed = [*predicates.values(), *world.audiences.values()]
        features = [feature for predicate in needed for feature in predicate.features]
        self.inquiry = Inquiry({name: predicate.expr for name, predicate in predicates.items()}, features, world.zones)
        self.defined = Inquiry({name: predicate.expr for name, predicate in world.audiences.items()}, features, world.zones)
        self.true = dict.fromkeys(predicates, 0)
        self.known = dict.fromkeys(predicates, 0)
        self.customers = 0
        self.own = {name: satisfiable(predicate, world).witness for name, predicate in predicates.items()}
        for witness in self.own.values():
            self.meet(witness)

    def holds(self, question: Question, one: str, other: str) -> bool | None:
        """Whether it holds of two conditions: the cheapest ways to know first."""
        if self.shown(question, one, other):
            return False
        for first, second in ((one, other), (other, one)) if question == "disjoint" else ():
            self.meet(_both(self.own[first], self.own[second]))
            if self.shown(question, one, other):
                return False
        ask = implies if question == "implies" else disjoint
        answer = ask(self.predicates[one], self.predicates[other], self.world)
        self.meet(answer.witness)
        return answer.holds

    def shown(self, question: Question, one: str, other: str) -> bool:
        """Whether some customer shows that it does not hold."""
        if question == "disjoint":
            return bool(self.true[one] & self.true[other])
        return bool(self.true[one] & self.known[other] & ~self.true[other])

    def meet(self, witness: Witness | None) -> None:
        """Ask all conditions about a customer."""
        if witness is None:
            return
        for name, value in self.inquiry(placed(witness, self.defined)).items():
            self.true[name] |= (value is True) << self.customers
            self.known[name] |= (value in (True, False, None)) << self.customers
        self.customers += 1


def _both(one: Witness | None, other: Witness | None) -> Witness | None:
    """A customer who is like both; like the first where they differ. Nobody promises that such a one shows anything."""
    if one is None or other is None or one.now_us != other.now_us:
        return None
    attributes = {**other.attributes, **one.attributes}
    for name in set(one.attributes) & set(other.attributes):
        held, more = one.attributes[name], other.attributes[name]
        if held.type == Type.LIST:
            attributes[name] = Held(held.type, [*held.value, *more.value])
        elif held.type == Type.MAP:
            attributes[name] = Held(held.type, {**more.value, **held.value})
    return msgspec.structs.replace(
        one,
        attributes=attributes,
        happened=(*one.happened, *other.happened),
        consents=tuple(sorted({*one.consents, *other.consents})),
        audiences=tuple(sorted({*one.audiences, *other.audiences})),
        under_way=tuple({passage.journey: passage for passage in (*other.under_way, *one.under_way)}.values()),
        visits=tuple({passage.journey: passage for passage in (*other.visits, *one.visits)}.values()),
    )
