"""Tests of local time from pinned zone tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import instant_text, instant_us, moment, parse_instant_us
from pilotage.event.zone import UnknownZone, Zones
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()
PLACES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Tokyo",
    "America/St_Johns",
    "Europe/London",
)


def test_a_skipped_wall_time_is_read_with_the_offset_before() -> None:
    """A wall time in a DST gap is the RFC 5545 instant: 02:30 in Berlin on 29 March 2026 is 03:30 summer time."""
    before = parse_instant_us("2026-03-29T00:30:00Z")
    assert instant_text(ZONES.next_at(before, "Europe/Berlin", 150)) == "2026-03-29T01:30:00Z"


def test_what_ends_in_a_gap_ends_when_the_clock_jumps() -> None:
    """A span that ends at a skipped wall time ends at the instant of the clock change."""
    before = parse_instant_us("2026-03-29T00:30:00Z")
    assert instant_text(ZONES.next_reached(before, "Europe/Berlin", 150)) == "2026-03-29T01:00:00Z"


def test_a_minute_that_was_skipped_already_is_reached_the_day_after() -> None:
    """Right after the clock has jumped over 02:30, the next time it is reached is tomorrow, not the same jump again."""
    jump = parse_instant_us("2026-03-29T01:00:00Z")
    assert instant_text(ZONES.next_reached(jump, "Europe/Berlin", 150)) == "2026-03-30T00:30:00Z"


def test_a_repeated_wall_time_is_reached_twice() -> None:
    """Between the two passes of a repeated hour, the next time the clock reads 02:30 is its second pass."""
    between = parse_instant_us("2026-10-25T00:40:00Z")
    assert instant_text(ZONES.next_at(between, "Europe/Berlin", 150)) == "2026-10-25T01:30:00Z"


@given(st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(PLACES), st.integers(0, 1439))
def test_next_reached_is_never_past_the_first_such_minute(second: int, zone: str, minute: int) -> None:
    """No minute of the wall clock at or after the wanted one passes between now and the instant found, in ten zones."""
    now = second * 1_000_000
    found = ZONES.next_reached(now, zone, minute)
    assert now < found <= now + 26 * 3_600_000_000
    assert ZONES.minute_of_day(found, zone) >= minute or ZONES.minute_of_day(found - 1, zone) < minute
    for step in range(now + 60_000_000, found, 600_000_000):
        assert ZONES.minute_of_day(step, zone) != minute or step - now < 60_000_000


def test_equal_tables_have_equal_digests() -> None:
    """The digest names the tables: the same bytes, the same name."""
    assert ZONES.digest == Zones(ZONES.packed).digest


def test_an_unknown_zone_is_refused() -> None:
    """A name that is no IANA zone is refused with an example."""
    with pytest.raises(UnknownZone, match="Europe/Berlin"):
        ZONES.local(0, "Berlin")


@given(st.integers(-5_000_000_000, 4_100_000_000), st.integers(0, 999_999), st.sampled_from(PLACES))
def test_the_listed_clock_changes_say_what_the_tables_say(second: int, micros: int, zone: str) -> None:
    """Wall times and instants by the list of a zone's clock changes are those of its table, skipped and repeated ones too."""
    us = second * 1_000_000 + micros
    table = ZONES._zone(zone)
    assert instant_us(ZONES.local(us, zone).replace(tzinfo=None)) == ZONES.wall_us(us, zone)
    assert instant_us(moment(us).replace(tzinfo=table)) == ZONES.instant_of(us, zone)


def test_the_next_clock_change_is_the_instant_of_it() -> None:
    """The clock of Berlin is next changed, seen from the first of March, on the last Sunday of it at one o'clock UTC."""
    spring = parse_instant_us("2026-03-29T01:00:00Z")
    assert spring == ZONES.next_shift(parse_instant_us("2026-03-01T00:00:00Z"), "Europe/Berlin")
    assert spring < ZONES.next_shift(spring, "Europe/Berlin") == parse_instant_us("2026-10-25T01:00:00Z")
    assert 0 == ZONES.next_shift(spring, "Asia/Tokyo")
