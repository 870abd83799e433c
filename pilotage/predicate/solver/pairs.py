"""Every pair of many conditions: which implies which, and which exclude each other.

Thousands of pairs take seconds because customers are shared: whoever was found for one pair is asked about by all conditions in
Python, and settles every pair that they show something of; so does whoever is like two of them at once. Only what nobody shows
goes to the solver, a pair at a time.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Literal

import msgspec

from pilotage.predicate.ir import Predicate, Type
from pilotage.predicate.solver.decide import disjoint, implies, placed, satisfiable
from pilotage.predicate.solver.problem import World
from pilotage.predicate.solver.witness import Held, Inquiry, Witness

APART_MAX = 3
"""On how many attributes that differ two customers are mixed both ways."""

OTHERS_MAX = 16
"""With how many others a customer is mixed, to be one of whom only the first of two conditions is true."""


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
        self.alone = {name: Inquiry({name: each.expr}, each.features, world.zones) for name, each in predicates.items()}
        self.some = list(predicates)[:OTHERS_MAX]
        for witness in self.own.values():
            self.meet(witness)

    def holds(self, question: Question, one: str, other: str) -> bool | None:
        """Whether it holds of two conditions: the cheapest ways to know first."""
        if self.shown(question, one, other) or self.guessed(question, one, other):
            return False
        ask = implies if question == "implies" else disjoint
        answer = ask(self.predicates[one], self.predicates[other], self.world, plain=False)
        self.meet(answer.witness)
        return answer.holds

    def guessed(self, question: Question, one: str, other: str) -> bool:
        """Whether some mixture of known customers shows that it does not hold; whoever does is known from then on."""
        wanted = question == "disjoint"
        mine, others = self.own[one], [self.own[other]] if wanted else [self.own[name] for name in self.some]
        for witness in (mixed for their in others for mixed in _mixtures(mine, their)):
            if self.alone[one](witness)[one] is True and self.alone[other](witness)[other] in ((True,) if wanted else (False, None)):
                self.meet(witness)
                if self.shown(question, one, other):
                    return True
        return False

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


def _mixtures(one: Witness | None, other: Witness | None) -> Iterator[Witness]:
    """Customers who are partly like the one and partly like the other. Nobody promises that such a one shows anything."""
    if one is None or other is None or one.now_us != other.now_us:
        return
    apart = [name for name in one.attributes if name in other.attributes and one.attributes[name] != other.attributes[name]][:APART_MAX]
    pasts = dict.fromkeys(((True, True), (True, False), (False, True)) if one.happened and other.happened else ((True, True),))
    for choices, (mine, theirs) in product(product((False, True), repeat=len(apart)), pasts):
        attributes = {**other.attributes, **one.attributes}
        for name, turned in zip(apart, choices, strict=True):
            attributes[name] = _mixed(one.attributes[name], other.attributes[name], turned)
        yield msgspec.structs.replace(
            one,
            attributes=attributes,
            happened=(*(one.happened if mine else ()), *(other.happened if theirs else ())),
            consents=tuple(sorted({*one.consents, *other.consents})),
            audiences=tuple(sorted({*one.audiences, *other.audiences})),
            under_way=tuple({passage.journey: passage for passage in (*other.under_way, *one.under_way)}.values()),
            visits=tuple({passage.journey: passage for passage in (*other.visits, *one.visits)}.values()),
        )


def _mixed(one: Held, other: Held, turned: bool) -> Held:
    """The one value, or the other; of lists and maps what is in both."""
    if one.type == Type.LIST:
        return Held(one.type, [*one.value, *other.value])
    if one.type == Type.MAP:
        return Held(one.type, {**other.value, **one.value})
    return other if turned else one
