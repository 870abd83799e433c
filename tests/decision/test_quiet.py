"""Tests of quiet hours on the subject's wall clock."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.consent.policy import QuietHours
from pilotage.decision.quiet import is_quiet, quiet_until
from pilotage.event.time import instant_text, parse_instant_us
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()
NIGHT = QuietHours("night", (), ("marketing",), 21 * 60, 8 * 60)
PLACES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland",
    "Africa/Casablanca", "America/Santiago", "Asia/Tokyo", "America/St_Johns", "Europe/London",
)  # fmt: skip


def test_the_evening_waits_for_the_morning() -> None:
    """A candidate at 22:30 in Berlin leaves at 08:00 there the next morning."""
    at, rule = quiet_until([NIGHT], ZONES, "Europe/Berlin", parse_instant_us("2026-01-10T21:30:00Z"))
    assert (instant_text(at), rule) == ("2026-01-11T07:00:00Z", "night")


def test_daytime_is_allowed() -> None:
    """At noon nothing is quiet."""
    assert quiet_until([NIGHT], ZONES, "Europe/Berlin", parse_instant_us("2026-01-10T11:00:00Z")) == (0, "")


def test_spans_that_follow_each_other_are_waited_out_together() -> None:
    """Two spans that touch are one wait, and the last rule is named."""
    lunch = QuietHours("early", (), ("marketing",), 8 * 60, 9 * 60)
    at, rule = quiet_until([NIGHT, lunch], ZONES, "UTC", parse_instant_us("2026-01-10T22:00:00Z"))
    assert (instant_text(at), rule) == ("2026-01-11T09:00:00Z", "early")


def test_a_whole_quiet_day_never_releases_soon() -> None:
    """Quiet hours that cover the day leave the candidate to its expiry."""
    always = [QuietHours("am", (), (), 0, 720), QuietHours("pm", (), (), 720, 0)]
    at, _ = quiet_until(always, ZONES, "UTC", 0)
    assert at > 3 * 86_400_000_000


@given(st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(PLACES), st.integers(0, 1439), st.integers(0, 1439))
def test_released_at_the_first_instant_that_is_not_quiet(second: int, zone: str, start: int, end: int) -> None:
    """In ten zones and across their clock changes, the release is not quiet and every instant before it is."""
    rule = QuietHours("q", (), (), start, end)
    now = second * 1_000_000
    at, _ = quiet_until([rule], ZONES, zone, now)
    if not at:
        assert not is_quiet(rule, ZONES.minute_of_day(now, zone))
        return
    assert start == end or not is_quiet(rule, ZONES.minute_of_day(at, zone))
    assert all(is_quiet(rule, ZONES.minute_of_day(t, zone)) for t in (now, *range(now, at, 599_000_000), at - 1))
