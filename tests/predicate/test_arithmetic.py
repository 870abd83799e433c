"""Tests of exact arithmetic against Python's own decimals and fractions."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.predicate.arithmetic import int64, like_regex, number, quotient, remainder, times
from pilotage.predicate.error import NumberOverflow

SCALE = 1_000_000
NUMBERS = st.integers(-(10**9), 10**9) | st.sampled_from([0, 1, -1, 500_000, 1_500_000, -2_500_000])


@given(left=NUMBERS, right=NUMBERS)
def test_products_and_quotients_are_nearest_and_ties_go_to_even(left: int, right: int) -> None:
    """A product or quotient is the exact fraction rounded to six decimals, half to even, as Python rounds fractions."""
    assert round(Fraction(left * right, SCALE)) == times(left, right)
    assert (round(Fraction(left * SCALE, right)) if right else None) == quotient(left, right)


@given(left=st.integers(-1000, 1000), right=st.integers(-20, 20))
def test_a_remainder_has_the_sign_of_the_dividend(left: int, right: int) -> None:
    """`left = right · trunc(left / right) + remainder`; by zero it is NULL."""
    assert (left - right * int(Fraction(left, right)) if right else None) == remainder(left, right)


@pytest.mark.parametrize(
    ("value", "millionths"),
    [
        (None, None),
        (3, 3_000_000),
        (Decimal("0.1"), 100_000),
        (0.1, 100_000),
        (Decimal("1.0000005"), 1_000_000),
        (Decimal("1.0000015"), 1_000_002),
        (-0.0, 0),
        (Decimal("9223372036854.775807"), 2**63 - 1),
        (Decimal("1E-30"), 0),
    ],
)
def test_numbers_of_events_become_millionths(value: Decimal | float | None, millionths: int | None) -> None:
    """Integers, decimals and floats become exact millionths, half to even; a float counts as its shortest text."""
    assert millionths == number(value)


@pytest.mark.parametrize(
    "value", [Decimal("9223372036854.775808"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), 1e300, 2**62]
)
def test_numbers_that_do_not_fit_are_refused(value: Decimal | float) -> None:
    """What is no number or has no place in 64 bits raises."""
    with pytest.raises(NumberOverflow):
        number(value)


def test_int64_holds_its_bounds() -> None:
    """The smallest and largest 64-bit integers fit, their neighbours do not."""
    assert (-(2**63), 2**63 - 1) == (int64(-(2**63)), int64(2**63 - 1))
    for beyond in (-(2**63) - 1, 2**63):
        with pytest.raises(NumberOverflow) as caught:
            int64(beyond)
        assert beyond == caught.value.value


def test_an_escaped_wildcard_is_itself() -> None:
    """Behind the escape character `%` and `_` stand for themselves."""
    assert r"100%.*a.b_" == like_regex("100!%%a_b!_", "!").replace("\\%", "%")
