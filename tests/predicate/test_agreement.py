"""Tests that all back ends agree: whatever is drawn of the language and of histories, Python and DuckDB give one value, the
canonical form gives it too, and between one declared flip and the next nothing changes by time.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

from pilotage.predicate.canonical import canonical
from pilotage.predicate.ir import Literal, Predicate
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.parse import PredicateError, parse, parse_expression
from pilotage.predicate.python import compile_functions
from pilotage.predicate.text import expression_text, filters_of
from pilotage.profile.features import derive
from tests.predicate.histories import SCOPE, ZONES, History, Live, draw_history, draw_instant, edges
from tests.predicate.strategies import CONDITIONS, VALUES
from tests.predicate.tables import answers, database, fill

AT_ONCE, SUBJECTS, WATCHED = 20, 24, 3
"""How many conditions share a query, how many subjects it is about, and how many of these are watched over time."""

FAILED = "does not fit"
TRIED: Counter[str] = Counter()
"""What the test at hand has tried, to be recorded."""


@pytest.fixture(autouse=True)
def recorded(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Record how much each test has tried."""
    TRIED.clear()
    yield
    for name, count in TRIED.items():
        record_property(name, count)


@pytest.fixture(scope="module")
def tables() -> Any:
    """A DuckDB connection of its own, with the tables of conditions."""
    with database() as connection:
        yield connection


def _parsed(text: str) -> Predicate:
    """The condition, or, where its flips cannot be computed, the value."""
    try:
        return parse(text, SCOPE)
    except PredicateError:
        return parse_expression(text, SCOPE)


def _asked(function: Any, state: Any, now: int) -> Any:
    """A value in Python, or that it does not fit."""
    try:
        return function(state, None, {}, now, "")
    except ArithmeticError:
        return FAILED


def _compare(tables: Any, predicates: dict[str, Predicate], histories: list[History], now: int) -> list[Any]:
    """Check every condition about every history; answers the states."""
    TRIED["conditions and values drawn"] += len(predicates)
    fill(tables, histories)
    found = answers(tables, predicates, now)
    live = Live(derive(predicates.values()))
    states = [live.state(history, now) for history in histories]
    values = compile_functions({name: p.expr for name, p in predicates.items()}, zones=ZONES)
    canonicals = compile_functions({name: canonical(p.expr) for name, p in predicates.items()}, zones=ZONES)
    for name, predicate in predicates.items():
        for subject, state in enumerate(states):
            expected = _asked(values[name], state, now)
            if expected is FAILED:
                continue  # such an event never becomes part of a state; SQL goes on with the others
            got = found[name][subject]
            TRIED["answers compared"] += 1
            assert (expected, type(expected)) == (got, type(got)), f"{predicate.text}\n{histories[subject]}\nnow {now}"
            other = _asked(canonicals[name], state, now)
            assert other in (expected, FAILED), f"canonical: {predicate.text}"
    return states


def _watch(predicates: dict[str, Predicate], states: list[Any], histories: list[History], now: int, random: Random) -> None:
    """Check that no value changes before its declared flip, at all instants where it could."""
    timed = {name: p.expr for name, p in predicates.items() if p.timed}
    values, flips = compile_functions(timed, zones=ZONES), compile_flips(timed, zones=ZONES)
    truths = compile_functions({n: e for n, e in timed.items() if predicates[n].expr.type == "boolean"}, conditions=True, zones=ZONES)
    for subject in random.sample(range(len(states)), WATCHED):
        state, watched = states[subject], edges(histories[subject], now, random)
        for name in timed:
            value = _asked(values[name], state, now)
            if name in truths:
                assert value is FAILED or truths[name](state, None, {}, now, "") is (value is True), predicates[name].text
            if value is FAILED:
                continue
            flip = flips[name](state, None, {}, now)
            TRIED["flips watched"] += 1
            assert flip == 0 or flip > now
            for at in watched:
                if flip and at >= flip:
                    break
                then = _asked(values[name], state, at)
                assert then == value, f"{predicates[name].text}\n{histories[subject]}\nnow {now}, flip {flip}, changed by {at}"


@settings(max_examples=settings.default.max_examples * 2)
@given(texts=st.lists(CONDITIONS, min_size=AT_ONCE, max_size=AT_ONCE), seed=st.integers(0, 2**32))
def test_conditions_are_true_for_the_same_subjects_in_python_and_duckdb(tables: Any, texts: list[str], seed: int) -> None:
    """Random conditions about random histories at random instants have one value, true, false or NULL, in generated Python and in
    DuckDB; their canonical form has it too; and until its declared flip, no value changes by time."""
    random = Random(seed)
    now = draw_instant(random)
    note(f"now {now}")
    histories = [draw_history(random, now) for _ in range(SUBJECTS)]
    predicates = {f"p{at}": _parsed(text) for at, text in enumerate(texts)}
    states = _compare(tables, predicates, histories, now)
    flipping = {name: p for name, p in predicates.items() if _flips(p)}
    _watch(flipping, states, histories, now, random)


def _flips(predicate: Predicate) -> bool:
    try:
        parse(predicate.text, SCOPE)
    except PredicateError:
        return False
    return True


@given(texts=st.lists(VALUES, min_size=AT_ONCE, max_size=AT_ONCE), seed=st.integers(0, 2**32))
def test_values_are_the_same_in_python_and_duckdb(tables: Any, texts: list[str], seed: int) -> None:
    """Random values of every type are the same in generated Python and in DuckDB."""
    random = Random(seed)
    now = draw_instant(random)
    histories = [draw_history(random, now) for _ in range(SUBJECTS)]
    _compare(tables, {f"p{at}": parse_expression(text, SCOPE) for at, text in enumerate(texts)}, histories, now)


@settings(max_examples=settings.default.max_examples * 4)
@example("i1 = -(-(0))")
@example("null between i1 and null")
@example("n1 = -(-(-1.5))")
@given(text=st.one_of(CONDITIONS, VALUES))
def test_text_and_typed_form_are_each_others(text: str) -> None:
    """What is written from a typed form reads as that form, and what is written from its canonical form as the canonical form."""
    parsed = parse_expression(text, SCOPE)
    features = filters_of(parsed.features)
    assert parsed.expr == parse_expression(expression_text(parsed.expr, features), SCOPE).expr
    form = canonical(parsed.expr)
    assert form == canonical(form)
    if isinstance(form, Literal) and form.value is None:
        return  # a bare NULL says no type of its own
    written = expression_text(form, features)
    assert form == canonical(parse_expression(written, SCOPE).expr)
    assert written == expression_text(canonical(parse_expression(written, SCOPE).expr), features)
