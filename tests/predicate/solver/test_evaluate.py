"""Tests of conditions in logic: the terms come to what Python computes, and the facts that proofs rest on hold of every past."""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from pilotage.predicate.ir import Predicate
from pilotage.predicate.parse import PredicateError, parse_expression
from pilotage.predicate.python import compile_functions
from pilotage.predicate.solver.evaluate import Evaluator
from pilotage.predicate.terms import EVER_US
from pilotage.profile.features import derive
from tests.predicate.histories import SCOPE, ZONES, Live, draw_history, draw_instant, edges
from tests.predicate.strategies import CONDITIONS, VALUES

PINNED = (
    "i1 = hour(t2) or local_time(t2) > '06:00' and minute(t1) < i1",  # an instant whose wall time no clock shows
    "s2 between l1[1] and s2",  # the simplifier leaves a comparison with the empty text
    "(consent('news', 'sms') or (('A' || s2) ilike 'bxbA')) and in_audience('vips')",  # a fact about an open call, whose argument is NULL
    "week(d1) = 53 or day_of_year(add_months(d1, i1)) = 366 or date_trunc('quarter', d2) < d1",
    "substring(s1, i1, i2) = right(s2, i1) or position(s1 in s2) > 1 or s1 like '_%\\'",
    "sum('a', 'i', '1d') > min('a', 'i', '7d') and sequence('a', 'a', '1h', '1d') and since_last('a', event.i > 1) < '1d'",
)
"""Disagreements met, and what is easiest to get wrong."""

ASKED = 4
"""About how many subjects, each at two instants, a drawn expression is asked."""


TRIED: Counter[str] = Counter()
"""What the test at hand has tried, to be recorded."""


@pytest.fixture(autouse=True)
def recorded(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Record how much each test has tried."""
    TRIED.clear()
    yield
    for name, count in TRIED.items():
        record_property(name, count)


def parsed(text: str) -> Predicate:
    """The typed form; the few texts drawn that are none are passed over."""
    try:
        return parse_expression(text, SCOPE)
    except PredicateError:
        reject()


def compared(predicate: Predicate, seed: int, facts: bool) -> None:
    """Check that logic and Python agree about an expression and subjects drawn from a seed."""
    TRIED["conditions and values put into logic"] += 1
    random = Random(seed)
    evaluate = Evaluator(predicate.expr, ZONES, facts=facts)
    function = compile_functions({"it": predicate.expr}, zones=ZONES)["it"]
    live = Live(tuple(msgspec.structs.replace(feature, window_us=EVER_US) for feature in derive([predicate])))
    for _ in range(ASKED):
        now = draw_instant(random)
        history = draw_history(random, now)
        for at in (now, random.choice(edges(history, now, random))):
            state = live.state(history, at)
            found = evaluate(state, None, {}, at)
            TRIED["answers of logic compared"] += 1
            agrees(found, function, state, at, f"{predicate.text}\n{history}\nnow {at}\n{found}")


def agrees(found: Any, function: Any, state: Any, now: int, shown: str) -> None:
    """Where everything fits, Python answers the same; where something does not, it refuses, or had no need to compute it."""
    try:
        expected = function(state, None, {}, now, "")
    except ArithmeticError:
        assert not found.fits, shown
        return
    assert (expected, type(expected)) == (found.value, type(found.value)), shown
    assert 0 == found.broken, shown


@settings(max_examples=settings.default.max_examples * 5)
@given(text=CONDITIONS, seed=st.integers(0, 2**32))
def test_conditions_have_the_same_truth_in_logic_and_python(text: str, seed: int) -> None:
    """Random conditions about random subjects at random instants are true, false or NULL in logic exactly where Python says so."""
    compared(parsed(text), seed, facts=False)


@settings(max_examples=settings.default.max_examples * 2)
@given(text=VALUES, seed=st.integers(0, 2**32))
def test_values_are_the_same_in_logic_and_python(text: str, seed: int) -> None:
    """Random values of every type are the same in logic and in Python."""
    compared(parsed(text), seed, facts=False)


@settings(max_examples=settings.default.max_examples)
@given(text=CONDITIONS, other=CONDITIONS, seed=st.integers(0, 2**32))
def test_what_proofs_rest_on_holds_of_every_past(text: str, other: str, seed: int) -> None:
    """Whatever is drawn, the facts about windows, aggregates, sequences, stages and open calls hold of the subject."""
    compared(parsed(f"({text}) and ({other})"), seed, facts=True)


@pytest.mark.parametrize("text", PINNED)
def test_what_was_once_otherwise_stays_the_same(text: str, seed: int) -> None:
    """Conditions about which logic and Python once disagreed, and those easiest to get wrong, agree about many subjects."""
    for offset in range(4):
        compared(parsed(text), seed * 1000 + offset, facts=True)
