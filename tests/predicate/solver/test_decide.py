"""Tests of questions about conditions: proofs, customers that Python confirms, and an honest unknown."""

import msgspec
import pytest
from hypothesis import given, reject, settings

from pilotage.predicate.ir import Predicate, Type
from pilotage.predicate.parse import PredicateError, Scope, parse
from pilotage.predicate.python import compile_functions
from pilotage.predicate.solver.decide import (
    Answer,
    Verdict,
    always_false,
    always_true,
    disjoint,
    equivalent,
    implies,
    satisfiable,
)
from pilotage.predicate.solver.logic import Limits
from pilotage.predicate.solver.problem import World
from pilotage.predicate.solver.witness import Inquiry
from tests.predicate.histories import SCOPE as DRAWN
from tests.predicate.histories import ZONES
from tests.predicate.strategies import conditions

SCOPE = Scope(
    attributes={
        "tier": Type.STRING,
        "age": Type.INTEGER,
        "balance": Type.NUMBER,
        "vip": Type.BOOLEAN,
        "born": Type.DATE,
        "seen": Type.TIMESTAMP,
        "tags": Type.LIST,
        "traits": Type.MAP,
    },
    events={"order.placed": {"total": Type.NUMBER, "items": Type.INTEGER}, "app.opened": {}},
    trigger=("order.placed",),
    purposes={"news": ("email", "sms")},
    audiences=("vips", "rich"),
    journeys={"growth.cart": "growth", "service.care": "service"},
    zone="Europe/Berlin",
)
WORLD = World(ZONES)


def _parse(text: str) -> Predicate:
    return parse(text, SCOPE)


NEVER = [
    "age > 5 and age < 3",
    "age = null",
    "tier = 'gold' and tier = 'silver'",
    "tier like 'go%' and tier = 'silver'",
    "tier > 'b' and tier < 'a'",
    "lower(tier) = 'gold' and tier = 'SILVER'",
    "length(tier) = 2 and starts_with(tier, 'abc')",
    "tier || 'x' = 'goldy'",
    "balance * 1.19 > 10 and balance < 1",
    "balance / 0 > 1",
    "age % 2 = 2",
    "age + 1 < age",
    "round(balance, 1) = 12.55",
    "hour(seen) > 23",
    "month(born) = 2 and day(born) = 30",
    "day_of_year(born) = 366 and year(born) = 2023",
    "years_between(born, today()) >= 18 and born > today()",
    "add_months(born, 1) < born",
    "now() < timestamp '1960-01-01'",
    "count('order.placed', '7d') > 3 and count('order.placed', '30d') < 3",
    "count('order.placed', '7d', event.total > 50) > count('order.placed', '7d')",
    "count('order.placed', '30d', event.total > 5) > count('order.placed', '30d', event.total > 3)",
    "count('order.placed', '30d', event.total > 5 and event.total < 3) > 0",
    "count('order.placed', '7d', event.items > 5) + count('order.placed', '7d', event.items < 3) > count('order.placed', '7d')",
    "performed('order.placed', '7d') and since_last('order.placed') > '10d'",
    "performed('order.placed', '7d') and not performed('order.placed')",
    "since_last('order.placed', event.items > 1) < since_last('order.placed')",
    "avg('order.placed', 'total', '30d') > 100 and max('order.placed', 'total', '30d') < 50",
    "sum('order.placed', 'total', '30d') < 100 and min('order.placed', 'total', '30d') > 100",
    "last('order.placed', 'total', '7d') <> last('order.placed', 'total', '30d')",
    "sequence('app.opened', 'order.placed', '1d') and not performed('order.placed')",
    "sequence('order.placed', 'order.placed', '1d', '7d') and count('order.placed', '7d') = 1",
    "'vip' in tags and length(tags) = 0",
    "traits['x'] = '5' and not 'x' in traits",
    "stage = 'growth' and not in_journey('growth.cart')",
    "stage = 'launch'",
    "entered('growth.cart', '1d') and not entered('growth.cart')",
    "consent('news', 'email') is null",
]


@pytest.mark.parametrize("text", NEVER)
def test_what_contradicts_itself_is_proved_to(text: str) -> None:
    """A condition that contradicts arithmetic, the calendar, texts or any past is proved never to be true."""
    assert Answer(Verdict.PROVED, False) == satisfiable(_parse(text), WORLD)
    assert Answer(Verdict.PROVED, True) == always_false(_parse(text), WORLD)


SOMETIMES = [
    "age > 5 and tier <> 'gold'",
    "age * 1000000 > 9000000000000000000",
    "lower(tier) = 'gold' and tier <> 'gold'",
    "length(tier) > 3 and tier like '%old'",
    "tier || 'x' = 'goldx'",
    "number(tier) > 5",
    "hour(seen) = 9 and day(seen) = 29 and month(seen) = 2",
    "years_between(born, today()) >= 18 and month(born) = month(today())",
    "date_trunc('month', seen) = timestamp '2026-02-01T00:00:00+01:00'",
    "hour(now()) between 9 and 17 and day_of_week(today()) = 3",
    "count('order.placed', '7d') > 100 and not performed('app.opened')",
    "count('order.placed', '7d') > 3 and count('order.placed', '30d', event.total > 50) = 2 and sum('order.placed', 'total', '30d') < 100",
    "since_last('order.placed') > '10d' and performed('order.placed', '30d')",
    "avg('order.placed', 'total', '30d') = 0.333333",
    "first('order.placed', 'items') > last('order.placed', 'items')",
    "sequence('app.opened', 'order.placed', '1d', '30d') and count('order.placed', '30d') = 1",
    "'vip' in tags and length(tags) = 2",
    "traits['x'] = '5'",
    "stage = 'growth' and entered('growth.cart', '1d') and not entered('growth.cart', '1h')",
    "consent('news', 'email') and in_audience('vips')",
    "trigger.total > 5 and trigger.type = 'order.placed'",
    "tier is null and born is null and vip is null",
]


@pytest.mark.parametrize("text", SOMETIMES)
def test_what_can_be_true_is_shown_by_a_customer(text: str) -> None:
    """A condition that can be true is answered with a customer of whom Python says that it is true."""
    predicate = _parse(text)
    answer = satisfiable(predicate, WORLD)
    assert (Verdict.WITNESS, True) == (answer.verdict, answer.holds)
    assert answer.witness is not None
    assert {"it": True} == Inquiry({"it": predicate.expr}, predicate.features, ZONES)(answer.witness)


def test_a_customer_is_told_in_words() -> None:
    """A witness reads as lines: the instant, what is known, and what happened when."""
    answer = satisfiable(_parse("tier = 'gold' and count('order.placed', '7d', event.total > 50) = 1 and consent('news', 'sms')"), WORLD)
    assert answer.witness is not None
    lines = answer.witness.text.splitlines()
    assert ["at 2026-01-15T10:00:00Z", "tier = 'gold'"] == lines[:2]
    assert lines[2].startswith("order.placed ") and " with total = '" in lines[2]
    assert "consent to news by sms" == lines[3]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("age > 5 or age <= 5 or age is null", True),
        ("age > 5 or age <= 5", False),
        ("coalesce(tier, 'none') is not null", True),
        ("count('order.placed', '7d') >= 0", True),
        ("day(today()) <= 31", True),
        ("vip is true or vip is not true", True),
        ("performed('order.placed', '7d') or not performed('order.placed', '1d')", True),
        ("performed('order.placed', '1d') or not performed('order.placed', '7d')", False),
        ("length(coalesce(tier, '')) >= 0", True),
    ],
)
def test_what_is_always_true_is_proved(text: str, holds: bool) -> None:
    """A condition is always true only where it is so for customers of whom nothing is known, too: NULL is not true."""
    answer = always_true(_parse(text), WORLD)
    assert (Verdict.PROVED if holds else Verdict.WITNESS, holds) == (answer.verdict, answer.holds)


@pytest.mark.parametrize(
    ("one", "other", "forth", "back", "apart"),
    [
        ("age > 5", "age > 3", True, False, False),
        ("age > 5", "age < 3", False, False, True),
        ("tier = 'gold'", "tier in ('gold', 'silver')", True, False, False),
        ("tier = 'gold'", "tier like 'go%'", True, False, False),
        ("not (age > 5)", "age <= 5", True, True, False),
        ("count('order.placed', '7d') >= 2", "performed('order.placed', '30d')", True, False, False),
        ("count('order.placed', '7d') > 0", "performed('order.placed', '7d')", True, True, False),
        ("since_last('order.placed') < '7d'", "performed('order.placed', '7d')", True, True, False),
        ("performed('order.placed', '7d', event.items > 3)", "performed('order.placed', '7d', event.items > 1)", True, False, False),
        ("year(born) < 2000", "born < '2000-01-01'", True, True, False),
        ("born between '1990-01-01' and '1999-12-31'", "year(born) between 1990 and 1999", True, True, False),
        ("age is null", "age > 0", False, False, True),
        ("balance > 1.5", "balance * 2 > 3", True, True, False),
    ],
)
def test_two_conditions_are_compared(one: str, other: str, forth: bool, back: bool, apart: bool) -> None:
    """Which condition implies which, whether they are equivalent, and whether they exclude each other."""
    first, second = _parse(one), _parse(other)
    found = (implies(first, second, WORLD).holds, implies(second, first, WORLD).holds, disjoint(first, second, WORLD).holds)
    assert (forth, back, apart) == found
    assert (forth and back) == equivalent(first, second, WORLD).holds


def test_audiences_stand_for_their_definitions() -> None:
    """With the definitions of audiences, membership is what they say, through any nesting; without, it is open."""
    defined = {"rich": _parse("balance > 1000"), "vips": _parse("in_audience('rich') and vip")}
    world = msgspec.structs.replace(WORLD, audiences=defined)
    one, other = _parse("in_audience('vips')"), _parse("balance > 500")
    assert (True, False) == (implies(one, other, world).holds, implies(one, other, WORLD).holds)
    shown = satisfiable(one, world).witness
    assert shown is not None and ("rich", "vips") == shown.audiences


def test_a_clock_that_depends_on_the_season_is_found() -> None:
    """A witness about the wall clock is one by the zone's own table, summer time included; what no clock shows is refuted."""
    assert satisfiable(_parse("hour(seen) = 9 and seen = timestamp '2026-07-01T07:30:00Z'"), WORLD).holds is True
    assert satisfiable(_parse("hour(seen) = 12 and seen = timestamp '2026-07-01T07:30:00Z'"), WORLD).holds is False


def test_what_cannot_be_told_is_unknown_and_says_why() -> None:
    """Where logic does not look into a function and no customer is found, the answer is unknown, with the reason."""
    answer = satisfiable(_parse("replace(tier, 'a', 'bb') = 'bbxbb' and split_part(tier, 'x', 3) = 'q'"), WORLD)
    assert (Verdict.UNKNOWN, None) == (answer.verdict, answer.holds)
    assert "logic does not look into replace, split_part" in answer.reason


def test_the_limits_end_every_question() -> None:
    """With next to no work allowed, the answer is unknown and names the limit; the same work gives the same answer."""
    hard = _parse("age * age * age + balance * balance = 33 and years_between(born, today()) * age = 91")
    tight = msgspec.structs.replace(WORLD, limits=Limits(work=300))
    answer = satisfiable(hard, tight)
    assert (Verdict.UNKNOWN, answer) == (answer.verdict, satisfiable(hard, tight))
    assert "its work limit" in answer.reason


def test_a_number_that_does_not_fit_is_no_answer() -> None:
    """A condition that is true only where a number leaves 64 bits is not shown to be true: Python does not answer there."""
    answer = satisfiable(_parse("age > 9223372036854775806 and age + 1 > 0"), WORLD)
    assert answer.holds is not True


@settings(max_examples=settings.default.max_examples // 2)
@given(text=conditions(2))
def test_no_answer_is_wrong(text: str) -> None:
    """Whatever is drawn: where a condition is proved never true, its opposite is not; a customer is one whom Python confirms."""
    try:
        predicate = parse(text, DRAWN)
    except PredicateError:
        reject()
    world = World(ZONES, limits=Limits(work=150_000, timeout_ms=2_000))
    can, must = satisfiable(predicate, world), always_true(predicate, world)
    assert not (can.holds is False and must.holds is True)
    ask = Inquiry({"it": predicate.expr}, predicate.features, ZONES)
    if can.witness is not None:
        assert ask(can.witness)["it"] is True
    if must.witness is not None:
        assert ask(must.witness)["it"] in (False, None)


def test_python_is_asked_with_the_product_s_own_functions() -> None:
    """The customer of an answer is asked by the very functions that `advance` runs."""
    predicate = _parse("balance > 1 and tier is null")
    shown = satisfiable(predicate, WORLD).witness
    assert shown is not None
    about = Inquiry({}, predicate.features, ZONES).subject(shown)
    assert compile_functions({"it": predicate.expr}, conditions=True, zones=ZONES)["it"](*about) is True
