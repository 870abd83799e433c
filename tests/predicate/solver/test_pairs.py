"""Tests of comparing many conditions: every pair is answered as it is alone."""

from itertools import combinations

from pilotage.predicate.parse import parse
from pilotage.predicate.solver.decide import disjoint, implies
from pilotage.predicate.solver.pairs import Pair, pairs
from pilotage.predicate.solver.problem import World
from tests.predicate.histories import ZONES
from tests.predicate.solver.test_decide import SCOPE

WORLD = World(ZONES)
TEXTS = {
    "adults": "age >= 18",
    "grown": "age >= 21 and tier is not null",
    "minors": "age < 18",
    "gold": "tier = 'gold'",
    "buyers": "count('order.placed', '30d') >= 2",
    "rare": "not performed('order.placed', '90d') and 'vip' in tags",
}


def test_all_pairs_are_compared_as_each_is_alone() -> None:
    """Comparing all pairs at once gives for each what its own questions give."""
    predicates = {name: parse(text, SCOPE) for name, text in TEXTS.items()}
    expected = [
        Pair(one, other, implies(a, b, WORLD).holds, implies(b, a, WORLD).holds, disjoint(a, b, WORLD).holds)
        for (one, a), (other, b) in combinations(predicates.items(), 2)
    ]
    assert expected == list(pairs(predicates, WORLD))
    assert Pair("adults", "grown", False, True, False) in expected
    assert Pair("buyers", "rare", False, False, True) in expected
