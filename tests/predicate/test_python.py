"""Tests of generated code: three-valued logic, windows to the microsecond, exact numbers, and agreement with DuckDB."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.predicate.error import NumberOverflow, PredicateError
from pilotage.predicate.ir import Call, Type
from pilotage.predicate.parse import Scope, parse, parse_expression
from pilotage.predicate.python import UnknownOperator, compile_functions
from pilotage.profile.state import Grant, State

DAY_US = 86_400_000_000
NOW = 1_767_225_600_000_000
TYPES = {"p": Type.BOOLEAN, "q": Type.BOOLEAN, "a": Type.INTEGER, "b": Type.INTEGER, "x": Type.STRING, "y": Type.STRING}
SCOPE = Scope(
    attributes={**TYPES, "n": Type.NUMBER, "m": Type.NUMBER, "at": Type.TIMESTAMP},
    events={
        "order.placed": {
            "total": Type.NUMBER,
            "items": Type.INTEGER,
            "placed at": Type.TIMESTAMP,
            "due": Type.DATE,
            "class": Type.STRING,
            "shipping.country": Type.STRING,
            "a.b.c.d": Type.NUMBER,
        },
        "app.opened": {},
    },
    trigger=("order.placed",),
    variables={"attempts": Type.INTEGER},
    purposes={"news": ()},
)


class Shipping(msgspec.Struct):
    country: str | None = None


class Order(msgspec.Struct):
    total: Decimal | float | int | None = None
    items: int | None = None
    f_706c61636564206174: datetime | None = None
    due: date | None = None
    f_636c617373: str | None = None
    shipping: Shipping | None = None


def _state(attributes: dict[str, Any] | None = None, **parts: Any) -> State:
    return State(subject=b"s", attributes=attributes or {}, **parts)


def _value(text: str, state: State | None = None, event: Any = None, variables: dict[str, Any] | None = None, now: int = NOW) -> Any:
    function = compile_functions({"it": parse_expression(text, SCOPE).expr})["it"]
    return function(state or _state(), event, variables or {}, now, "order.placed")


def _all_ways(text: str, attributes: dict[str, Any]) -> Any:
    """The value of a condition, after checking that asking for its truth, and its opposite's, says the same."""
    expr = parse(text, SCOPE).expr
    opposite = Call(Type.BOOLEAN, "not", (expr,))
    values = compile_functions({"it": expr, "not": opposite})
    truths = compile_functions({"it": expr, "not": opposite}, conditions=True)
    arguments: tuple[Any, ...] = (_state(attributes), None, {}, NOW, "order.placed")
    value = values["it"](*arguments)
    assert values["not"](*arguments) is (None if value is None else not value)
    assert truths["it"](*arguments) is (value is True)
    assert truths["not"](*arguments) is (value is False)
    return value


THREE = (True, False, None)
AND = {(True, True): True, (True, None): None, (None, True): None, (None, None): None}
OR = {(False, False): False, (False, None): None, (None, False): None, (None, None): None}


@pytest.mark.parametrize(("p", "q"), list(product(THREE, THREE)))
def test_connectives_follow_sql(p: bool | None, q: bool | None) -> None:
    """`and`, `or` and `not` have SQL's truth tables: NULL is unknown, and what decides alone decides."""
    held = {"p": p, "q": q}
    assert AND.get((p, q), False) is _all_ways("p and q", held)
    assert OR.get((p, q), True) is _all_ways("p or q", held)
    assert (None if p is None else not p) is _all_ways("not p", held)
    assert (None if None in (p, q) else p == q) is _all_ways("p = q", held)


@pytest.mark.parametrize(
    ("text", "true", "false", "null"),
    [
        ("p is null", False, False, True),
        ("p is not null", True, True, False),
        ("p is true", True, False, False),
        ("p is not true", False, True, True),
        ("p is false", False, True, False),
        ("p is not false", True, False, True),
        ("coalesce(p, false)", True, False, False),
        ("case when p then true else false end", True, False, False),
        ("case when p then true end", True, None, None),
        ("case when not p then false end is null", True, False, True),
        ("p in (true, null)", True, None, None),
        ("p not in (true, null)", False, None, None),
        ("p = null", None, None, None),
        ("p between null and true", None, None, None),
    ],
)
def test_tests_of_a_boolean_follow_sql(text: str, true: bool | None, false: bool | None, null: bool | None) -> None:
    """`is`, `in`, `case` and `coalesce` treat NULL as SQL does, whichever way the condition is asked for."""
    assert (true, false, null) == tuple(_all_ways(text, {"p": p}) for p in THREE)


def test_a_known_bound_decides_between_whatever_the_other() -> None:
    """A value outside one bound of `between` is outside, even where the other bound is NULL."""
    assert _all_ways("a between 3 and b", {"a": 1}) is False
    assert _all_ways("a between b and 3", {"a": 5}) is False
    assert _all_ways("a between 3 and b", {"a": 4}) is None
    assert _all_ways("1 between a and b", {"b": 0}) is False


def test_an_event_counts_from_its_instant_until_the_window_has_passed() -> None:
    """An event counts at its own microsecond and no longer at the microsecond one window later; later events not yet."""
    state = _state(features={"order.placed": [NOW - DAY_US, NOW]})
    counts = {
        at: _value("count('order.placed', '1d')", state, now=at) for at in (NOW - DAY_US - 1, NOW - DAY_US, NOW - 1, NOW, NOW + DAY_US)
    }
    assert {NOW - DAY_US - 1: 0, NOW - DAY_US: 1, NOW - 1: 1, NOW: 1, NOW + DAY_US: 0} == counts
    assert 1 == _value("count('order.placed', '1d')", state, now=NOW + DAY_US - 1)


def test_performed_and_since_last_look_at_what_has_occurred() -> None:
    """`performed` without a window is true from the first event on; `since_last` is NULL before it and counts from the last."""
    state = _state(features={"order.placed": [NOW - 10, NOW + 10]})
    assert (False, True, True) == tuple(_value("performed('order.placed')", state, now=at) for at in (NOW - 11, NOW - 10, NOW))
    assert (False, True, False) == tuple(
        _value("performed('order.placed', '1s')", state, now=at) for at in (NOW - 11, NOW, NOW + 1_000_010)
    )
    assert (None, 0, 19, 0) == tuple(_value("since_last('order.placed')", state, now=at) for at in (NOW - 11, NOW - 10, NOW + 9, NOW + 10))
    assert (0, False, None) == tuple(
        _value(text) for text in ("count('app.opened', '1d')", "performed('app.opened')", "since_last('app.opened')")
    )


def test_missing_consent_means_no() -> None:
    """`consent` is never NULL: without a grant it is false, and a word about all channels counts if it is the later."""
    asked = "consent('news', 'email')"
    assert _value(asked) is False
    assert _value(asked, _state(consents={"news|email": Grant(True, 5)})) is True
    assert _value(asked, _state(consents={"news|sms": Grant(True, 5)})) is False
    assert _value(asked, _state(consents={"news|*": Grant(True, 5)})) is True
    assert _value(asked, _state(consents={"news|*": Grant(False, 6), "news|email": Grant(True, 5)})) is False
    assert _value(asked, _state(consents={"news|*": Grant(False, 4), "news|email": Grant(True, 5)})) is True
    assert _value(asked, _state(consents={"news|*": Grant(True, 5), "news|email": Grant(False, 5)})) is False


def test_fields_of_the_event_are_read_in_kernel_form() -> None:
    """Decimals become millionths, timestamps microseconds, dates days; a field that is missing at any depth is NULL."""
    placed = datetime(2026, 1, 1, tzinfo=UTC)
    order = Order(Decimal("12.5"), 3, placed, date(1970, 1, 3), "x", Shipping("DE"))
    texts = ("trigger.total", "trigger.items", 'trigger."placed at"', "trigger.due", "trigger.class", "trigger.shipping.country")
    assert (12_500_000, 3, NOW, 2, "x", "DE") == tuple(_value(text, event=order) for text in texts)
    for event in (Order(), None, object()):
        assert (None,) * 7 == tuple(_value(text, event=event) for text in (*texts, "trigger.a.b.c.d"))
    assert "order.placed" == _value("trigger.type", event=None)


def test_kept_fields_of_the_trigger_are_read_from_the_entry() -> None:
    """After entry, `trigger.*` reads what the entry kept of its trigger, as kernel values by path."""
    expr = parse_expression(
        "case when trigger.shipping.country = 'DE' and trigger.type = 'order.placed' then trigger.total end", SCOPE
    ).expr
    function = compile_functions({"it": expr}, trigger="kept")["it"]
    kept = {"shipping.country": "DE", "total": 7, "type": "order.placed"}
    assert 7 == function(_state(), kept, {}, NOW, "app.opened")
    assert function(_state(), {}, {}, NOW, "app.opened") is None


def test_a_filter_reads_the_event_alone() -> None:
    """The filter of a count runs on the counted event without any state."""
    where = parse("count('order.placed', '1d', event.total >= 50 and event.type = 'order.placed') > 0", SCOPE).features[0].where
    assert where is not None
    function = compile_functions({"it": where}, conditions=True)["it"]
    assert (True, False, False) == tuple(
        function(None, Order(total), {}, 0, "order.placed") for total in (Decimal(50), Decimal("49.999999"), None)
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("-7.5 % 2", -1_500_000),
        ("7 % 0", None),
        ("7 / 2", 3_500_000),
        ("1 / 3", 333_333),
        ("-1 / 3", -333_333),
        ("2 / 3", 666_667),
        ("7 / 0", None),
        ("7.5 / 0.0", None),
        ("0.5 / 0.25", 2_000_000),
        ("0.000001 * 0.5", 0),
        ("0.000003 * 0.5", 2),
        ("-0.000003 * 0.5", -2),
        ("1.5 * 1.5", 2_250_000),
        ("1 + 0.5", 1_500_000),
        ("-(3 - 5)", 2),
        ("9223372036854775807 + 0", 9223372036854775807),
        ("-9223372036854775808", -9223372036854775808),
        ("journey.attempts + 1", 3),
        ("length(upper('straße'))", 6),
        ("timestamp '1970-01-01T00:00:01Z' + '1s'", 2_000_000),
        ("interval '1 day 2 hours' - interval '1h'", 25 * 3_600_000_000),
        ("case journey.attempts when 1 then 'one' when 2 then 'two' end", "two"),
        ("coalesce(null, a, 5)", 5),
    ],
)
def test_arithmetic_is_exact(text: str, value: object) -> None:
    """Decimals are exact to six places and round half to even, division by zero is NULL, a remainder has the dividend's sign."""
    assert value == _value(text, variables={"attempts": 2})


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("a + 1 > 0", {"a": 2**63 - 1}),
        ("a - 2 > 0", {"a": -(2**63) + 1}),
        ("a * a > 0", {"a": 2**32}),
        ("-a > 0", {"a": -(2**63)}),
        ("n + m > 0", {"n": 2**62, "m": 2**62}),
        ("n * m > 0", {"n": 2**62, "m": 3_000_000}),
        ("n / m > 0", {"n": 2**62, "m": 1}),
        ("a > n", {"a": 2**60, "n": 1}),
        ("at + '1d' > at", {"at": 2**63 - 1}),
    ],
)
def test_overflow_is_an_error(text: str, attributes: dict[str, int]) -> None:
    """A number that leaves 64 bits raises and never wraps, whichever way the condition is asked for."""
    expr = parse(text, SCOPE).expr
    for conditions in (False, True):
        with pytest.raises(NumberOverflow):
            compile_functions({"it": expr}, conditions=conditions)["it"](_state(attributes), None, {}, NOW, "")


def test_simple_conditions_compile_to_plain_code() -> None:
    """Equal expressions share one function, and each name gets the function of its expression."""
    gold, same, other = (parse(text, SCOPE).expr for text in ("x = 'gold'", "x='gold'", "x = 'red'"))
    made = compile_functions({"gold": gold, "same": same, "other": other})
    assert made["gold"] is made["same"] is not made["other"]


def test_an_operator_of_another_release_is_refused() -> None:
    """A plan with an operator this release does not have fails when it is loaded, not when an event comes."""
    with pytest.raises(UnknownOperator, match="there is no operator 'sqrt'"):
        compile_functions({"it": Call(Type.INTEGER, "sqrt", (parse_expression("a", SCOPE).expr,))})


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("Ber%", "Berlin", "Oberberg"),
        ("%lin", "Berlin", "Berliner"),
        ("%erl%", "Berlin", "Bern"),
        ("B_r%n", "Bern", "Beern"),
        ("%a%b%a%", "xabxa", "xaxab"),
        ("a%ab", "aab", "ab"),
        ("%", "", None),
        ("", "", "a"),
        ("a.c", "a.c", "abc"),
        ("a\n%", "a\nb\nc", "ab"),
    ],
)
def test_like_matches_as_sql(pattern: str, matching: str, other: str | None) -> None:
    """`%` is any text and `_` any one character, line breaks among them; everything else is itself."""
    quoted = pattern.replace("'", "''")
    assert _all_ways(f"x like '{quoted}'", {"x": matching}) is True
    assert _all_ways(f"x like '{quoted}'", {"x": other}) is (None if other is None else False)
    assert _all_ways(f"x ilike '{quoted.upper()}'", {"x": matching}) is True


def test_no_pattern_takes_long() -> None:
    """A pattern with many `%` is decided in time linear in the text, matching or not."""
    pattern = "%a" * 40 + "%b"
    assert _all_ways(f"x like '{pattern}'", {"x": "a" * 20_000}) is False


INTEGERS = st.sampled_from(["a", "b", "0", "1", "-2", "3", "null"])
STRINGS = st.sampled_from(["x", "y", "'a'", "'ab'", "'B'", "''", "null"])


def _wider(integers: st.SearchStrategy[str], strings: st.SearchStrategy[str], conditions: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    compare = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    negated = st.sampled_from(["", "not "])
    of_integers = st.builds("({} {} {})".format, integers, compare, integers)
    of_strings = st.builds("({} {} {})".format, strings, compare, strings)
    inside = st.builds("({} {}between {} and {})".format, integers, negated, integers, integers)
    listed = st.lists(st.sampled_from(["0", "1", "-2", "null"]), min_size=1, max_size=3).map(", ".join)
    member = st.builds("({} {}in ({}))".format, integers, negated, listed)
    patterns = st.text("aB_%", max_size=4)
    like = st.builds("({} {}{} '{}')".format, strings, negated, st.sampled_from(["like", "ilike"]), patterns)
    tested = st.builds("({} is {}{})".format, conditions, negated, st.sampled_from(["null", "true", "false"]))
    both = st.builds("({} {} {})".format, conditions, st.sampled_from(["and", "or"]), conditions)
    return of_integers | of_strings | inside | member | like | tested | both | st.builds("(not {})".format, conditions)


def _calculated(conditions: st.SearchStrategy[str]) -> tuple[st.SearchStrategy[str], st.SearchStrategy[str]]:
    sums = st.builds("({} {} {})".format, INTEGERS, st.sampled_from("+-*%"), INTEGERS)
    chosen = st.builds("(case when {} then {} else {} end)".format, conditions, INTEGERS, INTEGERS)
    simple = st.builds("(case a when {} then {} when 1 then {} end)".format, INTEGERS, INTEGERS, INTEGERS)
    given_first = st.builds("coalesce({}, {}, {})".format, INTEGERS, INTEGERS, INTEGERS)
    lengths = st.builds("length({}({}))".format, st.sampled_from(["lower", "upper"]), STRINGS)
    return INTEGERS | sums | chosen | simple | given_first | lengths, STRINGS | st.builds("lower({})".format, STRINGS)


LEAVES = st.sampled_from(["p", "q", "true", "false", "null"])
CONDITIONS = st.recursive(LEAVES, lambda inner: _wider(*_calculated(inner), inner), max_leaves=12)
VALUES = st.fixed_dictionaries(
    {
        "p": st.sampled_from(THREE),
        "q": st.sampled_from(THREE),
        "a": st.sampled_from([None, -2, 0, 1, 3]),
        "b": st.sampled_from([None, -2, 0, 1, 3]),
        "x": st.sampled_from([None, "", "a", "ab", "B", "aB"]),
        "y": st.sampled_from([None, "", "a", "ab", "B", "aB"]),
    }
)
SQL_TYPES = {Type.BOOLEAN: "boolean", Type.INTEGER: "bigint", Type.STRING: "varchar"}


@pytest.fixture(scope="module")
def database() -> Any:
    """A DuckDB connection of its own, in which division by zero is NULL."""
    with duckdb.connect() as connection:
        connection.execute("set error_on_division_by_zero = false")
        yield connection


@settings(max_examples=200)
@given(text=CONDITIONS, rows=st.lists(VALUES, min_size=4, max_size=4))
def test_python_agrees_with_duckdb(database: Any, text: str, rows: list[dict[str, Any]]) -> None:
    """A condition over nullable values is true, false or NULL in generated Python exactly where DuckDB says so."""
    columns = ", ".join(f"cast(? as {SQL_TYPES[kind]}) as {name}" for name, kind in TYPES.items())
    for row in rows:
        (expected,) = database.execute(f"select cast({text} as boolean) from (select {columns})", [row[name] for name in TYPES]).fetchone()
        assert expected is _all_ways(text, row)


@pytest.mark.parametrize(
    ("innermost", "around"),
    [
        ("p", "coalesce({} or q and q, q)"),
        ("p", "not ({} or q and q)"),
        ("p", "case when q then q when q is null and (p = {}) then q end"),
        ("a", "case when 1 between a and {} then 1 end"),
        ("trigger.a.b.c.d", "coalesce(a + {} * 2, 1.5)"),
        ("a", "case " + "when q then 1 " * 64 + "else {} end"),
        ("a", "coalesce(" + "a, " * 63 + "{})"),
    ],
)
def test_what_is_accepted_can_be_compiled(innermost: str, around: str) -> None:
    """A condition nested as deep, or as wide, as the language accepts still becomes Python, whichever way it is asked for."""
    accepted, text = 0, innermost
    while accepted < 100:
        text = around.format(text)
        try:
            expr = parse(f"{text} is null", SCOPE).expr
        except PredicateError:
            break
        accepted += 1
        for conditions in (False, True):
            compile_functions({"it": expr, "not": Call(Type.BOOLEAN, "not", (expr,))}, conditions=conditions)
    assert 5 <= accepted < 100
