"""Tests of flips: between one flip and the next nothing changes by time, and each change is foretold."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.predicate.clock import whole
from pilotage.predicate.flips import reach, span_flip, window_flip
from pilotage.predicate.ir import Type
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.parse import PredicateError, Scope, parse, parse_expression
from pilotage.predicate.python import compile_functions
from pilotage.profile.state import State

SCOPE = Scope(
    attributes={"tier": Type.STRING, "n": Type.INTEGER, "age": Type.INTERVAL},
    events={"a": {}, "b": {"total": Type.NUMBER}},
)
MS_US = 1_000

COMPARISONS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
WINDOWS = st.sampled_from(["1ms", "2ms", "5ms"])
EVENTS = st.sampled_from(["a", "b"])
TIMED = (
    st.builds("count('{}', '{}') {} {}".format, EVENTS, WINDOWS, COMPARISONS, st.integers(0, 3))
    | st.builds("count('a', '{}') {} count('b', '{}')".format, WINDOWS, COMPARISONS, WINDOWS)
    | st.builds("performed('{}', '{}')".format, EVENTS, WINDOWS)
    | st.builds("performed('{}')".format, EVENTS)
    | st.builds("since_last('{}') {} '{}'".format, EVENTS, COMPARISONS, WINDOWS)
    | st.builds("'{}' {} since_last('{}')".format, WINDOWS, COMPARISONS, EVENTS)
    | st.builds("since_last('{}') between '{}' and '{}'".format, EVENTS, WINDOWS, WINDOWS)
    | st.builds("since_last('{}') in ('{}', '{}')".format, EVENTS, WINDOWS, WINDOWS)
    | st.builds("since_last('a') {} since_last('b')".format, COMPARISONS)
    | st.builds("since_last('{}') is null".format, EVENTS)
)
CONDITIONS = st.recursive(
    TIMED,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("(not {})".format, inner)
        | st.builds("(case when {} then {} else {} end)".format, inner, inner, inner)
    ),
    max_leaves=4,
)
INSTANTS = st.lists(st.integers(-6 * MS_US, 6 * MS_US), max_size=5).map(sorted)


@given(text=CONDITIONS, a=INSTANTS, b=INSTANTS, start=st.integers(-8 * MS_US, 8 * MS_US))
def test_truth_is_constant_between_flips(text: str, a: list[int], b: list[int], start: int) -> None:
    """From any instant to just before the next flip a condition keeps its value, and after the last flip for ever."""
    expr = parse(text, SCOPE).expr
    evaluate, flip = compile_functions({"it": expr})["it"], compile_flips({"it": expr})["it"]
    state = State(subject=b"s", features={"a": a, "b": b})
    # The value can only change at these instants or one microsecond later, so looking there is looking everywhere.
    edges = {occurred + age for occurred in a + b for age in (0, MS_US, 2 * MS_US, 5 * MS_US)}
    watched = sorted({edge + near for edge in edges for near in (-1, 0, 1, 2)} | {10**9})
    now, flips = start, 0
    while now:
        value, then = evaluate(state, None, {}, now, ""), flip(state, None, {}, now)
        assert not then or then > now
        changed = [at for at in watched if now < at and (not then or at < then) and evaluate(state, None, {}, at, "") is not value]
        assert [] == changed
        now, flips = then, flips + 1
    assert flips <= 100


@given(instants=INSTANTS, window=st.integers(1, 5 * MS_US), now=st.integers(-8 * MS_US, 8 * MS_US))
def test_a_window_flips_when_an_event_enters_or_leaves(instants: list[int], window: int, now: int) -> None:
    """A window's next flip is the earliest instant to come at which an event occurs or is one window old."""
    coming = [at for occurred in instants for at in (occurred, occurred + window) if at > now]
    assert min(coming, default=0) == window_flip(instants, window, now)
    assert min((at for at in instants if at > now), default=0) == window_flip(instants, 0, now)


def test_what_moves_is_passed_one_microsecond_after_it_is_reached() -> None:
    """`since_last(…) > '7d'` becomes true one microsecond after `>= '7d'` does; both instants are foretold."""
    assert 110 == reach(5, 10, 105)
    assert 111 == reach(10, 10, 110)
    assert 0 == reach(11, 10, 111)
    assert 0 == reach(None, 10, 105) == reach(5, None, 105)
    assert 0 == reach(-(2**63), 2**63 - 1, 105)


def test_what_does_not_fit_is_no_reason_to_fail() -> None:
    """A flip is foretold though two instants lie further apart than 64 bits hold, and though a branch that is not taken has a
    number that does not fit."""
    scope = msgspec.structs.replace(SCOPE, attributes={**SCOPE.attributes, "at": Type.TIMESTAMP})
    state = State(subject=b"s", attributes={"at": -(2**63) + 5}, features={"a": [0]})
    texts = {
        "apart": "now() > at",
        "branch": "case when tier = 'x' then at - '365d' > now() else since_last('a') > '1ms' end",
    }
    flips = compile_flips({name: parse(text, scope).expr for name, text in texts.items()})
    assert {"apart": 0, "branch": MS_US + 1} == {name: flip(state, None, {}, 10) for name, flip in flips.items()}


@given(value=st.integers(-30, 30), direction=st.sampled_from([1, -1]), now=st.integers(-5, 5))
def test_whole_units_step_when_one_is_full(value: int, direction: int, now: int) -> None:
    """The number of whole units in a moving interval, rounded towards zero, changes first at the instant foretold."""
    flip = span_flip(value, 7, direction, now)
    units = [whole(value + direction * passed, 7) for passed in range(flip - now + 1)]
    assert flip > now
    assert len(set(units[:-1])) == 1 and units[-1] != units[0]


def test_what_does_not_change_by_time_never_flips() -> None:
    """A condition over attributes has no next flip."""
    flips = compile_flips({"it": parse("tier = 'gold' and n > 1", SCOPE).expr})
    assert 0 == flips["it"](State(subject=b"s"), None, {}, 5)


@pytest.mark.parametrize(
    "text",
    [
        "greatest(since_last('a'), '1d') > '7d'",
        "since_last('a') > '7d' - since_last('b')",
        "coalesce(since_last('a'), '1d') > '7d'",
        "case when tier = 'x' then since_last('a') end < '1d'",
        "n = 1 or since_last('a') * 2 > '1d'",
    ],
)
def test_a_flip_that_cannot_be_computed_is_refused(text: str) -> None:
    """A choice among ages of events, a multiple of one, or a comparison of two that move apart at twice the speed is refused as
    a condition where it is written; as a value it is allowed."""
    with pytest.raises(PredicateError, match="when this changes by time cannot be computed") as caught:
        parse(text, SCOPE)
    assert text.index("since_last") + 1 == caught.value.column
    assert Type.BOOLEAN == parse_expression(text, SCOPE).expr.type
