"""Tests of arithmetic in logic: it is the product's, to the last tie."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from pilotage.predicate import arithmetic, clock
from pilotage.predicate.solver import numbers
from pilotage.predicate.solver.logic import Logic, Term

LOGIC = Logic()
EDGES = (0, 1, -1, 2, 3, -3, 7, 499_999, 500_000, -500_000, 500_001, 1_000_000, 1_500_000, -1_500_000, 2_500_000, 12_345_678, -7_654_321)
PAIRS = list(product(EDGES, EDGES))


@pytest.mark.parametrize(
    ("computed", "translated"),
    [
        (arithmetic.times, numbers.times),
        (lambda one, other: arithmetic.quotient(one, other or 1), lambda logic, one, other: numbers.divided(logic, one, _or_one(other))),
        (lambda one, other: arithmetic.remainder(one, other or 1), lambda logic, one, other: numbers.remainder(logic, one, _or_one(other))),
        (min, numbers.smaller),
        (max, numbers.larger),
    ],
    ids=["times", "quotient", "remainder", "least", "greatest"],
)
def test_two_numbers_come_to_the_same(computed: Callable[[int, int], Any], translated: Callable[..., Term]) -> None:
    """Products, quotients and remainders of two numbers are the same in logic as the product computes them, ties to the even one."""
    for one, other in PAIRS:
        assert computed(one, other) == LOGIC.valued(translated(LOGIC, LOGIC.integer(one), LOGIC.integer(other)), []), (one, other)


def _or_one(divisor: Term) -> Term:
    return LOGIC.choose(LOGIC.same(divisor, 0), LOGIC.integer(1), divisor)


@pytest.mark.parametrize("value", EDGES)
def test_one_number_comes_to_the_same(value: int) -> None:
    """Signs, sizes, roundings and whole units of one number are the same in logic as the product computes them."""
    term = LOGIC.integer(value)
    assert arithmetic.absolute(value) == LOGIC.valued(numbers.absolute(LOGIC, term), [])
    assert arithmetic.sign(value) == LOGIC.valued(numbers.sign(LOGIC, term), [])
    for unit in (10, 1_000, 1_000_000):
        assert arithmetic.nearest(value, unit) == LOGIC.valued(numbers.nearest(LOGIC, term, unit), [])
        assert clock.whole(value, unit) == LOGIC.valued(numbers.whole(LOGIC, term, unit), [])
