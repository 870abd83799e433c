"""Tests of the canonical form: spellings of one condition are one, and what differs in three-valued logic stays apart."""

import pytest

from pilotage.predicate.canonical import canonical
from pilotage.predicate.ir import Call, Literal, Type
from pilotage.predicate.parse import parse
from pilotage.predicate.text import canonical_text, formatted, predicate_digest
from tests.predicate.histories import SCOPE


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("b1 and b2", "b2 and b1"),
        ("(b1 and b2) and i1 = 1", "b1 and (i1 = 1 and b2)"),
        ("b1 or b2 or b1", "b2 or b1"),
        ("i1 <> 1", "i1 != 1"),
        ("i1 = 1", "1 = i1"),
        ("i1 < i2", "i2 > i1"),
        ("not i1 = 1", "i1 <> 1"),
        ("not i1 < 1", "i1 >= 1"),
        ("not (b1 and i1 = 1)", "not b1 or i1 <> 1"),
        ("not not b1", "b1"),
        ("i1 between 1 and 5", "5 >= i1 and i1 >= 1"),
        ("i1 not between 1 and 5", "i1 < 1 or i1 > 5"),
        ("i1 in (3, 1, 3)", "i1 in (1, 3)"),
        ("i1 in (1)", "i1 = 1"),
        ("i1 not in (1)", "i1 <> 1"),
        ("n1 > 5", "n1 > 5.00"),
        ("i1 + i2 = 3", "i2 + i1 = 3"),
        ("b1 and true", "b1"),
        ("b1 or true", "true"),
        ("COUNT('a', '1d') > 1", "count('a', '24h')   > 1 -- a comment"),
        ("count('a', interval '1 day') > 1", "1 < count('a', 'P1D')"),
        ("count('a', '1d', event.i > 1 and event.b) > 1", "count('a', '1d', event.b and 1 < event.i) > 1"),
        ("sum('a', 'n', '1d') > 1", "sum('a', event.n, '1d') > 1"),
        ("t1 > '2026-01-01'", "t1 > timestamp '2026-01-01T01:00:00+01:00'"),
        ("extract(hour from t1) = 1", "hour(t1) = 1"),
        ("today() = d1", "d1 = date(now())"),
        ("s1 like 'a%' escape '!'", "s1 like 'a%'"),
        ("'x' in l1", "contains(l1, 'x')"),
        ("(i1 = 1) is true is true", "(i1 = 1) is true"),
        ("greatest(i1, i2, i1) = 1", "greatest(i2, i1) = 1"),
    ],
)
def test_spellings_of_one_condition_have_one_digest(first: str, second: str) -> None:
    """Order where it does not matter, repetitions, brackets, negations that meet, names of operators, and ways to write constants
    leave no trace in a condition's canonical text and digest."""
    one, other = parse(first, SCOPE), parse(second, SCOPE)
    assert canonical_text(one) == canonical_text(other)
    assert predicate_digest(one) == predicate_digest(other)
    assert predicate_digest(one) == predicate_digest(parse(canonical_text(one), SCOPE))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("i1 = 1", "coalesce(i1 = 1, false)"),
        ("i1 = 1", "(i1 = 1) is true"),
        ("not b1", "b1 is not true"),
        ("not (i1 in (1, null))", "i1 <> 1"),
        ("i1 - i2 = 1", "i2 - i1 = 1"),
        ("(i1 + i2) + 1 > 0", "i1 + (i2 + 1) > 0"),
        ("s1 || s2 = 'ab'", "s2 || s1 = 'ab'"),
        ("i1 / i2 > 1", "i1 > i2"),
        ("count('a', '1d') > 1", "count('a', '1d', true) > 1"),
        ("sequence('a', 'b', '1d')", "sequence('b', 'a', '1d')"),
        ("case when b1 then b2 end", "b1 and b2"),
        ("s1 like 'A%'", "s1 ilike 'A%'"),
    ],
)
def test_what_can_differ_stays_apart(first: str, second: str) -> None:
    """Conditions that differ for NULL, by order of what cannot be exchanged, or where a sum leaves 64 bits, keep digests of their
    own."""
    assert predicate_digest(parse(first, SCOPE)) != predicate_digest(parse(second, SCOPE))


def test_the_formatter_keeps_the_authors_order() -> None:
    """Formatting changes spelling and spacing, not the order in which an author thought."""
    written = "b1   AND  not(i1<>2)  or COUNT('a','24h')>=3 and performed('b', '90 minutes', event.n>1)"
    expected = "(b1 and (not (i1 <> 2))) or ((count('a', '1d') >= 3) and performed('b', '1h30m', event.n > 1))"
    assert expected == formatted(parse(written, SCOPE))
    assert expected == formatted(parse(expected, SCOPE))


def test_a_part_that_decides_is_all_there_is() -> None:
    """`false` beside anything is false, and `null` stays: it decides nothing."""
    assert Literal(Type.BOOLEAN, False) == canonical(parse("b1 and false", SCOPE).expr)
    kept = canonical(parse("b1 and null", SCOPE).expr)
    assert isinstance(kept, Call) and "and" == kept.name
