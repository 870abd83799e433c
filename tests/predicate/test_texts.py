"""Tests of what conditions do with text, lists and maps."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.predicate.ir import SCALE
from pilotage.predicate.literals import number_plain
from pilotage.predicate.texts import (
    integer,
    item,
    left,
    list_contains,
    lower,
    pairs,
    parsed_number,
    right,
    split_part,
    substring,
    texts,
    upper,
)


@given(text=st.text())
def test_letters_change_one_by_one(text: str) -> None:
    """A text has as many characters in capitals and in small letters, and each depends on its own letter alone."""
    assert len(text) == len(upper(text)) == len(lower(text))
    assert upper(text) == "".join(upper(letter) for letter in text)
    assert lower(text) == "".join(lower(letter) for letter in text)


@given(text=st.text(max_size=8), start=st.integers(-10, 12), length=st.integers(-3, 12))
def test_a_substring_is_what_stands_at_its_places(text: str, start: int, length: int) -> None:
    """The characters whose places lie from the start on for the length, as standard SQL has it."""
    assert "".join(letter for place, letter in enumerate(text, 1) if start <= place < start + length) == substring(text, start, length)
    assert "".join(letter for place, letter in enumerate(text, 1) if place >= start) == substring(text, start)
    assert (text[: max(length, 0)], text[len(text) - min(max(length, 0), len(text)) :]) == (left(text, length), right(text, length))


@given(value=st.integers(-(10**18) + 1, 10**18 - 1))
def test_a_number_and_its_text_are_each_others(value: int) -> None:
    """A number's text, without zeros at its end, reads as the number; so does an integer's."""
    assert value == parsed_number(number_plain(value))
    assert value == integer(str(value))
    assert Decimal(value) / SCALE == Decimal(number_plain(value))


def test_what_is_no_number_is_null() -> None:
    """Spaces, exponents, too many digits and other signs make a text no number."""
    for text in ("", " 1", "1e3", "1.", ".5", "1.0000000", "1234567890123", "١", "--1"):
        assert parsed_number(text) is None
    assert integer("1" * 19) is None


def test_pieces_are_counted_from_one() -> None:
    """A piece that is not there is empty, and without a separator there is one piece."""
    assert ["a", "", "b", "", ""] == [split_part("a,,b", ",", place) for place in (1, 2, 3, 4, 0)]
    assert ["a,b", ""] == [split_part("a,b", "", place) for place in (1, 2)]


def test_items_that_are_no_texts_have_their_json_text() -> None:
    """In a list a null is NULL and in a map it is no entry; numbers and truth values are texts, decimals without zeros at the end."""
    assert ["a", None, "1", "true", "2.5", '{"x":1}'] == texts(["a", None, 1, True, Decimal("2.50"), {"x": 1}])
    assert {"a": "1", "c": "x"} == pairs({"a": 1, "b": None, "c": "x"})
    assert {"street": "High Street"} == pairs(msgspec.defstruct("Address", [("street", str), ("zip", str | None, None)])("High Street"))
    assert (None, None) == (texts(None), pairs(None))
    assert [None, "a", None] == [item(["a"], place) for place in (0, 1, 2)]
    assert not list_contains([None], "a")
