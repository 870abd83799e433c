"""Tests of instants and durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import BadDuration, duration_text, duration_us, instant_text, parse_instant_us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("30d", 30 * 86_400_000_000),
        ("1h30m", 5_400_000_000),
        ("250ms", 250_000),
        ("PT1H", 3_600_000_000),
        ("P1DT2H", 93_600_000_000),
        ("2w", 14 * 86_400_000_000),
    ],
)
def test_duration_forms(text: str, us: int) -> None:
    """A duration is number-unit pairs or ISO 8601, and a day is 86,400 seconds."""
    assert us == duration_us(text)


@pytest.mark.parametrize("text", ["", "soon", "1", "1x", "P", "PT", "-1h", "1h later"])
def test_bad_durations_are_refused(text: str) -> None:
    """What is not a duration is refused with an example of one."""
    with pytest.raises(BadDuration, match="30d"):
        duration_us(text)


@given(st.integers(min_value=0, max_value=10**14).map(lambda ms: ms * 1000))
def test_duration_text_round_trips(us: int) -> None:
    """The text of a duration reads back as the same duration, to the millisecond."""
    assert us == duration_us(duration_text(us))


@given(st.integers(min_value=-(10**15), max_value=4 * 10**15))
def test_instant_text_round_trips(us: int) -> None:
    """The text of an instant reads back as the same instant, to the microsecond."""
    assert us == parse_instant_us(instant_text(us))


def test_an_instant_without_a_zone_is_utc() -> None:
    """Text without an offset is read as UTC."""
    assert parse_instant_us("2026-01-01T00:00:00Z") == parse_instant_us("2026-01-01T00:00:00")
