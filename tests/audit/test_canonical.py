"""Canonical JSON: one sequence of bytes for one value, and what has none is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.audit.canonical import NotCanonical, canonical, digest_of, is_digest

SAFE = 2**53 - 1
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_bytes_read_as_the_value(value: Any) -> None:
    """Canonical bytes are JSON, and whoever reads them has the value again, numbers compared as numbers."""
    assert value == json.loads(canonical(value), parse_int=lambda text: int(text) if abs(int(text)) <= SAFE else float(text))


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=6))
def test_the_order_of_keys_changes_nothing(value: dict[str, Any]) -> None:
    """Two maps with the same keys and values have one digest, in whichever order they were put together."""
    turned = dict(reversed(list(value.items())))
    assert digest_of(value) == digest_of(turned)
    assert is_digest(digest_of(value))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "inf"),
        (SAFE + 1, "9007199254740992"),
        ({1: "a"}, "keys"),
        ({"\ud800": 1}, "surrogates"),
        ("\ud800", "UTF-8"),
        ({"a": object()}, "unsupported"),
        (b"bytes", "unsupported"),
    ],
)
def test_what_json_cannot_hold_is_refused(value: object, says: str) -> None:
    """NaN, infinities, numbers that a reader would round, keys that are no text and half characters are refused with the cure."""
    with pytest.raises(NotCanonical, match=says) as refused:
        canonical(value)
    assert "write whole numbers beyond 2^53 - 1 as text" in str(refused.value)


def test_what_is_nested_too_deeply_is_refused() -> None:
    """A value nested beyond what can be walked is refused, not a fault of ours."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(NotCanonical, match="too deeply"):
        canonical(nested)
    while nested:  # taken apart by hand: letting go of it all at once would recurse
        nested = nested.pop()
