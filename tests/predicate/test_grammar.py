"""Tests of the grammar: what is no expression is refused with its place, and no text can exhaust the reader."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.predicate.error import PredicateError
from pilotage.predicate.grammar import DEPTH_MAX, LENGTH_MAX, syntax


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "there is no condition"),
        ("  -- only a comment", 1, "there is no condition"),
        ("a = ", 4, "the condition ends too early"),
        ("a == 1", 4, "unexpected '='"),
        ("a = 1 b = 2", 7, "unexpected 'b'"),
        ("a = 1; b = 2", 6, "unexpected ';'"),
        ("a > 7d", 6, "unexpected 'd' after a number"),
        ("a < b < c", 7, "comparisons cannot be chained"),
        ("a = 'x", 5, "a quote or comment is not closed"),
        ("(a = 1", 7, "the condition ends too early"),
        ("a = 1)", 6, "unexpected ')'"),
        ("(a, b) = 1", 3, "a list stands only after in"),
        ("a in ()", 7, "unexpected ')'"),
        ("a in (select 1)", 14, "unexpected '1'"),
        ("a between 1 or 2", 13, "unexpected 'or'"),
        ("a not 1", 7, "unexpected '1'"),
        ("a is 1", 6, "unexpected '1'"),
        ("case a end", 8, "unexpected 'end'"),
        ("case when a 1 end", 13, "unexpected '1'"),
        ("a > 1e5", 5, "1e5 is not a number here"),
        ("a > .5", 5, "unexpected '.'"),
        ("a. = 1", 4, "unexpected '='"),
        ("a && b", 3, "unexpected '&'"),
        ("!a", 1, "unexpected '!'"),
        ("select 1", 8, "unexpected '1'"),
        ("{{ a }}", 1, "unexpected '{'"),
        ("a::text = 'x'", 2, "unexpected ':'"),
    ],
)
def test_what_is_no_condition_is_refused_where_it_goes_wrong(text: str, column: int, message: str) -> None:
    """A text that is not one expression of the language is refused at the first token that cannot stand there."""
    with pytest.raises(PredicateError) as caught:
        syntax(text)
    assert (message, 1, column) == (caught.value.message, caught.value.line, caught.value.column)
    assert caught.value.cure


@pytest.mark.parametrize("open_close", [("(", ")"), ("not ", ""), ("- ", ""), ("f(", ")"), ("case when ", " then 1 end"), ("a in (", ")")])
def test_nesting_is_bounded(open_close: tuple[str, str]) -> None:
    """Whatever nests is accepted up to the bound and refused beyond it, at once and without exhausting the reader."""
    opened, closed = open_close
    syntax(opened * DEPTH_MAX + "a" + closed * DEPTH_MAX)
    deep = LENGTH_MAX // (len(opened) + len(closed)) - 1
    with pytest.raises(PredicateError, match="nested deeper than 32 levels"):
        syntax(opened * deep + "a" + closed * deep)


def test_length_is_bounded() -> None:
    """A text longer than the bound is refused, and one just within it, of many conditions, is read in a moment."""
    with pytest.raises(PredicateError, match="longer than 10000 characters"):
        syntax("a" * (LENGTH_MAX + 1))
    many = " or ".join(["a=1"] * (LENGTH_MAX // 7))
    started = time.perf_counter()
    syntax(many)
    assert time.perf_counter() - started < 2


def test_keywords_stand_in_dotted_names_and_quotes() -> None:
    """A field may be called like a keyword: after a point as it is, elsewhere in double quotes."""
    assert ("trigger", "end") == syntax("trigger.end = 1").this.meta["path"]
    assert ("case",) == syntax('"case" = 1').this.meta["path"]


def test_not_binds_looser_than_comparison_and_tighter_than_and() -> None:
    """`not a = b and c` means `(not (a = b)) and c`, as SQL has it."""
    assert "AND(NOT(EQ),COLUMN)" == _shape("not a = b and c")
    assert "OR(COLUMN,AND(COLUMN,COLUMN))" == _shape("a or b and c")
    assert "IS(EQ(COLUMN,COLUMN),NULL)" == _shape("a = b is null")
    assert "SUB(SUB(COLUMN,COLUMN),MUL(COLUMN,COLUMN))" == _shape("a - b - c * d")


def _shape(text: str, depth: int = 2) -> str:
    def shape(node: object, left: int) -> str:
        name = type(node).__name__.upper()
        parts = [node.args[key] for key in ("this", "expression") if key in node.args]  # type: ignore[attr-defined]
        inner = [shape(part, left - 1) for part in parts if type(part).__name__ != "Identifier"]
        return f"{name}({','.join(inner)})" if left and inner else name

    return shape(syntax(text), depth)


_PIECES = [*"ab1.'\"()=<>!-+*/%,; \n", " and ", " not ", " in ", " case ", " when ", " then ", " end", " is ", " like "]


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail otherwise than by an error that points into the text."""
    try:
        syntax(text)
    except PredicateError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column < error.end
        assert str(error)


def test_chains_of_arithmetic_are_bounded() -> None:
    """Operators of arithmetic follow each other up to the bound; connectives without any but the length."""
    syntax(" + ".join(["a"] * (DEPTH_MAX + 1)))
    with pytest.raises(PredicateError, match="nested deeper than 32 levels"):
        syntax(" + ".join(["a"] * (DEPTH_MAX + 2)))
    syntax(" and ".join(["a"] * 500))
