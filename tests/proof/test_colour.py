"""Colours and their contrast, as CSS writes them and WCAG reckons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.proof.colour import NAMED, Rgba, contrast, over, read_colour

PARTS = st.integers(0, 255)
COLOURS = st.builds(lambda red, green, blue: (float(red), float(green), float(blue), 1.0), PARTS, PARTS, PARTS)


@pytest.mark.parametrize(
    ("written", "colour"),
    [
        ("#000", (0, 0, 0, 1)),
        ("#FFffff", (255, 255, 255, 1)),
        ("#ff000080", (255, 0, 0, 128 / 255)),
        ("RebeccaPurple", (102, 51, 153, 1)),
        ("rgb(1, 2, 3)", (1, 2, 3, 1)),
        ("rgb(1 2 3 / 50%)", (1, 2, 3, 0.5)),
        ("rgba(100%, 0%, 0%, 0.25)", (255, 0, 0, 0.25)),
        ("hsl(120, 100%, 50%)", (0, 255, 0, 1)),
        ("transparent", (0, 0, 0, 0)),
        ("#12", None),
        ("var(--ink)", None),
        ("valuexxxxx", None),
        ("rgb(a, b, c)", None),
    ],
)
def test_colours_are_read_as_css_writes_them(written: str, colour: Rgba | None) -> None:
    """Names, hexadecimal, rgb() and hsl() are read; what only a browser could tell is none."""
    assert colour == read_colour(written)


def test_there_are_as_many_names_as_css_has() -> None:
    """All 148 names of CSS Color 4 are known."""
    assert 148 == len(NAMED)


@given(COLOURS, COLOURS)
def test_contrast_has_no_direction_and_its_bounds(one: Rgba, other: Rgba) -> None:
    """Contrast is the same both ways, between 1 and 21, and 1 for a colour with itself."""
    assert contrast(one, other) == contrast(other, one)
    assert 1 <= contrast(one, other) <= 21
    assert 1 == contrast(one, one)


@pytest.mark.parametrize(("grey", "ratio"), [("#767676", 4.54), ("#777777", 4.48), ("#595959", 7.0), ("#000000", 21.0)])
def test_contrast_is_what_is_published(grey: str, ratio: float) -> None:
    """Greys on white come to the ratios that WCAG's own techniques give."""
    colour = read_colour(grey)
    assert colour is not None
    assert ratio == pytest.approx(contrast(colour, (255, 255, 255, 1)), abs=0.005)


@given(COLOURS, COLOURS, st.floats(0, 1))
def test_what_lies_over_is_between(upper: Rgba, lower: Rgba, share: float) -> None:
    """A colour that is partly opaque gives one between itself and what lies behind it."""
    seen = over((*upper[:3], share), lower)
    assert all(
        min(top, below) - 1e-9 <= part <= max(top, below) + 1e-9 for part, top, below in zip(seen[:3], upper[:3], lower[:3], strict=True)
    )
