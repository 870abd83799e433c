"""Exact arithmetic in logic, operation by operation as `predicate.arithmetic` computes it, on whole numbers without bounds.

What leaves 64 bits is an error in the product, not a value; the bound is therefore kept beside the term (`translate`), and a
term means what the product computes wherever the product computes it.
"""

from pilotage.predicate.ir import SCALE
from pilotage.predicate.solver.logic import Logic, Term

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def fits(logic: Logic, value: Term) -> Term:
    """Whether a number fits in 64 bits."""
    return logic.all_of(value >= INT64_MIN, value <= INT64_MAX)


def half_even(logic: Logic, numerator: Term, denominator: Term | int) -> Term:
    """The quotient rounded to the nearest whole number, a tie to the even one, for a positive denominator."""
    quotient, twice = numerator / denominator, (numerator % denominator) * 2
    up = logic.any_of(twice > denominator, logic.all_of(logic.same(twice, denominator), logic.same(quotient % 2, 1)))
    return quotient + logic.choose(up, logic.integer(1), logic.integer(0))


def times(logic: Logic, left: Term, right: Term) -> Term:
    """The product of two NUMBERs."""
    return half_even(logic, left * right, SCALE)


def divided(logic: Logic, left: Term, right: Term) -> Term:
    """The NUMBER that two INTEGERs or two NUMBERs divide to, where the divisor is not 0."""
    turned = right < 0
    return half_even(logic, logic.choose(turned, -left, left) * SCALE, logic.choose(turned, -right, right))


def remainder(logic: Logic, left: Term, right: Term) -> Term:
    """What division towards zero leaves, with the sign of the dividend, where the divisor is not 0."""
    rest = absolute(logic, left) % absolute(logic, right)
    return logic.choose(left < 0, -rest, rest)


def absolute(logic: Logic, value: Term) -> Term:
    """The number without its sign."""
    return logic.choose(value < 0, -value, value)


def sign(logic: Logic, value: Term) -> Term:
    """−1, 0 or 1."""
    return logic.choose(value > 0, logic.integer(1), logic.choose(value < 0, logic.integer(-1), logic.integer(0)))


def nearest(logic: Logic, value: Term, unit: int) -> Term:
    """How many units a number is nearest to, a half away from zero."""
    up, down = (value * 2 + unit) / (2 * unit), -((-value * 2 + unit) / (2 * unit))
    return logic.choose(value < 0, down, up)


def whole(logic: Logic, value: Term, unit: int) -> Term:
    """How often a unit fits into a number, rounded towards zero."""
    return logic.choose(value < 0, -(-value / unit), value / unit)


def smaller(logic: Logic, one: Term, other: Term) -> Term:
    """The smaller of two numbers."""
    return logic.choose(one <= other, one, other)


def larger(logic: Logic, one: Term, other: Term) -> Term:
    """The larger of two numbers."""
    return logic.choose(one >= other, one, other)
