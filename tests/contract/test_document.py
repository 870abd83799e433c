"""YAML documents: scalars as YAML 1.2 reads them, and faults with their place."""

from typing import Any

import pytest

from pilotage.contract.document import DocumentBroken, Reader, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("2024-01-31", "2024-01-31"),
        ("1_000", "1_000"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    """Plain scalars are read by the core schema of YAML 1.2, so `on`, `no` and dates are strings."""
    assert {"x": value} == plain(Reader("x.yaml").root(f"x: {text}\n"))


@pytest.mark.parametrize(
    ("text", "place"), [("a: [", (2, 1)), ("a: b: c", (1, 5)), ("- a", (1, 1)), ("", (0, 0)), ("a: *b", (1, 4)), ("a: \x00", (1, 4))]
)
def test_what_is_no_mapping_is_refused_with_its_place(text: str, place: tuple[int, int]) -> None:
    """Text that is no YAML mapping is refused with line and column."""
    with pytest.raises(DocumentBroken) as caught:
        Reader("x.yaml").root(text)
    assert [place] == [(fault.line, fault.column) for fault in caught.value.faults]


def test_a_recursive_alias_is_refused() -> None:
    """A node that contains itself is a fault with its place."""
    with pytest.raises(DocumentBroken, match=r"x.yaml:1:4: anchors and aliases expand too far"):
        Reader("x.yaml").root("a: &x [*x]")


def test_what_is_nested_without_end_is_refused() -> None:
    """A document of nothing but brackets is refused at the first that is too deep, before it can exhaust the stack."""
    with pytest.raises(DocumentBroken, match=r"x.yaml:1:43: nested deeper than 40 levels"):
        Reader("x.yaml").root("a: " + "[" * 200_000)
