"""Tests that no condition can hang or exhaust an engine: what costs too much is refused, and what is accepted is quick."""

import time
from typing import Any

import pytest

from pilotage.predicate.canonical import canonical
from pilotage.predicate.cost import COST_MAX, cost
from pilotage.predicate.error import PredicateError, TextOverflow
from pilotage.predicate.grammar import LENGTH_MAX
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.parse import parse
from pilotage.predicate.python import compile_functions
from pilotage.predicate.sql.select import select
from pilotage.predicate.text import canonical_text
from tests.predicate.histories import DAY, SCOPE, ZONES, History, Live
from tests.predicate.tables import answers, database, fill

FULL = History(attributes={"s1": "a" * 60_000, "s2": "b" * 60_000, "l1": ["x"] * 10_000, "i1": 1, "b1": True})


def _repeated(part: str, joined: str = " or ") -> str:
    return joined.join([part] * (LENGTH_MAX // len(part + joined)))


def _nested(around: str, innermost: str, times: int) -> str:
    for _ in range(times):
        innermost = around.format(innermost)
    return innermost


WIDE = {
    "comparisons": _repeated("i1=1"),
    "sums": _repeated("sum('a','i',event.i>1)=1"),
    "texts": _repeated("s1 like '%a%b%'"),
    "lists": _repeated("s1 in l1"),
    "clock": _repeated("hour(now())=1"),
    "nots": _nested("not ({} and b1)", "b2", 15),
    "cases": _nested("case when b1 then {} else i1 end", "i2", 30) + " = 1",
    "texts inside": _nested("replace({}, 'x', s1)", "s1", 28) + " = 'a'",
    "members": _nested("case when {} in l1 then s1 end", "s2", 18) + " = 'a'",
    "ends": _nested("ends_with(s1, text({}))", "b1", 15),
    "hours": _nested("date_trunc('hour', {})", "t1", 30) + " = t2",
    "quotients": _nested("({} / n1)", "n2", 28) + " > 1",
    "years": _nested("years_between(d1, d2 + {})", "i1", 15) + " = 1",
    "pieces": _nested("split_part({}, s2, length({}))".replace("{}", "{0}", 1).replace("{}", "{0}"), "s1", 4) + " = 'a'",
}


@pytest.mark.parametrize("name", WIDE)
def test_what_is_accepted_is_quick_in_every_back_end(name: str) -> None:
    """As wide and as deep as the language accepts, a condition is read, put in canonical form, compiled, asked and printed in a
    moment, and its SQL is not much longer than what it says."""
    begun = time.process_time()
    parsed = parse(WIDE[name], SCOPE)
    assert canonical_text(parsed)
    made = compile_functions({"it": parsed.expr, "canonical": canonical(parsed.expr)}, zones=ZONES)
    flip = compile_flips({"it": parsed.expr}, zones=ZONES)["it"]
    state = Live(parsed.features).state(FULL, 60 * DAY)
    for ask in (lambda: made["it"](state, None, {}, 60 * DAY, ""), lambda: flip(state, None, {}, 60 * DAY)):
        _asked(ask)
    printed = select({"it": parsed}, 60 * DAY)
    assert len(printed) < 500 * len(WIDE[name])
    for dialect in ("postgres", "spark"):
        assert len(select({"it": parsed}, 60 * DAY, dialect)) < 1000 * len(WIDE[name])
    assert time.process_time() - begun < 10


def _asked(ask: Any) -> Any:
    try:
        return ask()
    except ArithmeticError:
        return None


@pytest.mark.parametrize("name", ["nots", "members", "hours", "quotients", "years"])
def test_deep_conditions_run_in_duckdb(name: str) -> None:
    """DuckDB plans and answers what nests as deep as the language accepts."""
    with database() as tables:
        fill(tables, [FULL, History()])
        begun = time.process_time()
        assert 2 == len(answers(tables, {"it": parse(WIDE[name], SCOPE)}, 60 * DAY)["it"])
        assert time.process_time() - begun < 20


def test_a_condition_with_too_many_steps_is_refused() -> None:
    """Sequences and sums are counted at the most events a feature keeps; beyond the bound the condition is refused."""
    with pytest.raises(PredicateError, match="steps, more than 100000") as caught:
        parse(_repeated("sequence('a','b','1d')"), SCOPE)
    assert caught.value.cure
    assert cost(parse("i1 = 1 and b1", SCOPE).expr) == 5
    assert cost(parse("sequence('a','b','1d')", SCOPE).expr) < COST_MAX


def test_no_text_grows_without_end() -> None:
    """A text beyond 65,536 characters raises instead of filling memory."""
    made = compile_functions({"it": parse("replace(s1, 'a', s2) = 'x'", SCOPE).expr, "joined": parse("s1 || s2 = 'x'", SCOPE).expr})
    state = Live(()).state(FULL, 0)
    for name in made:
        with pytest.raises(TextOverflow, match="is too long"):
            made[name](state, None, {}, 0, "")
