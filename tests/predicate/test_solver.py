"""Tests of conditions in logic: the terms come to what Python computes, and the facts that proofs rest on hold of every past."""

from random import Random
from typing import Any

import msgspec
from hypothesis import given, note, settings
from hypothesis import strategies as st

from pilotage.predicate.ir import Predicate
from pilotage.predicate.parse import parse_expression
from pilotage.predicate.python import compile_functions
from pilotage.predicate.solver.evaluate import Evaluator
from pilotage.predicate.terms import EVER_US
from pilotage.profile.features import derive
from tests.predicate.histories import SCOPE, ZONES, Live, draw_history, draw_instant, edges
from tests.predicate.strategies import CONDITIONS, VALUES

ASKED = 4
"""About how many subjects, each at two instants, a drawn expression is asked."""


def compared(predicate: Predicate, seed: int, facts: bool) -> None:
    """Check that logic and Python agree about an expression and subjects drawn from a seed."""
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
            note(f"{predicate.text}\n{history}\nnow {at}\n{found}")
            agrees(found, function, state, at)


def agrees(found: Any, function: Any, state: Any, now: int) -> None:
    """Where everything fits, Python answers the same; where something does not, it refuses, or had no need to compute it."""
    try:
        expected = function(state, None, {}, now, "")
    except ArithmeticError:
        assert not found.fits
        return
    assert (expected, type(expected)) == (found.value, type(found.value))
    assert 0 == found.broken


@settings(max_examples=settings.default.max_examples * 4)
@given(text=CONDITIONS, seed=st.integers(0, 2**32))
def test_conditions_have_the_same_truth_in_logic_and_python(text: str, seed: int) -> None:
    """Random conditions about random subjects at random instants are true, false or NULL in logic exactly where Python says so."""
    compared(parse_expression(text, SCOPE), seed, facts=False)


@settings(max_examples=settings.default.max_examples)
@given(text=VALUES, seed=st.integers(0, 2**32))
def test_values_are_the_same_in_logic_and_python(text: str, seed: int) -> None:
    """Random values of every type are the same in logic and in Python."""
    compared(parse_expression(text, SCOPE), seed, facts=False)


@settings(max_examples=settings.default.max_examples)
@given(text=CONDITIONS, other=CONDITIONS, seed=st.integers(0, 2**32))
def test_what_proofs_rest_on_holds_of_every_past(text: str, other: str, seed: int) -> None:
    """Whatever is drawn, the facts about windows, aggregates, sequences, stages and open calls hold of the subject."""
    compared(parse_expression(f"({text}) and ({other})", SCOPE), seed, facts=True)
