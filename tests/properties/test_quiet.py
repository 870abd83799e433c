"""Quiet hours across clock changes: ten zones north and south, by half an hour, at midnight, in Ramadan, and never.

The wall clock of the judge is the standard library's over the tzdata package, walked minute by minute.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import parse_instant_us
from pilotage.journey.advance import wake_at
from tests.journey.scenario import DAY, HOUR, MINUTE
from tests.properties.plans import MARKETING, program_of
from tests.properties.play import Play

ZONES = {
    "Europe/Berlin": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "America/New_York": ("2026-03-08T07:00Z", "2026-11-01T06:00Z"),
    "America/St_Johns": ("2026-03-08T05:30Z", "2026-11-01T04:30Z"),
    "Australia/Sydney": ("2026-10-03T16:00Z", "2026-04-04T16:00Z"),
    "Australia/Lord_Howe": ("2026-10-03T15:30Z", "2026-04-04T15:00Z"),
    "Pacific/Chatham": ("2026-09-26T14:00Z", "2026-04-04T14:00Z"),
    "Asia/Beirut": ("2026-03-28T22:00Z", "2026-10-24T21:00Z"),
    "Africa/Cairo": ("2026-04-23T22:00Z", "2026-10-29T21:00Z"),
    "Africa/Casablanca": ("2026-03-22T02:00Z", "2026-02-15T02:00Z"),
    "America/Santiago": ("2026-09-06T04:00Z", "2026-04-05T03:00Z"),
    "Asia/Kathmandu": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "Asia/Tokyo": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
}
"""Zones, each with two instants: where the clocks change in 2026, forward and back; the last two have no such change."""

LETTER = json.dumps(
    {
        "schema": 1,
        "kind": "journey",
        "name": "growth.recovery.letter",
        "owner": {"responsible": "a", "accountable": "b"},
        "purpose": MARKETING,
        "stage": "growth",
        "enter": {"on": "cart.added", "reentry": "always"},
        "steps": [{"id": "m", "send": "email", "content": "plain", "recipient": "email", "expires": "5d", "on_blocked": "end"}],
    }
)
YEAR_US = parse_instant_us("2026-01-01T00:00:00Z")


def quiet_policy(start: int, end: int) -> str:
    """A policy whose only rule is a quiet span, in minutes of the local day."""
    times = {"from": f"{start // 60:02d}:{start % 60:02d}", "to": f"{end // 60:02d}:{end % 60:02d}"}
    span = {"name": "night", "classes": ["marketing"], **times}
    purposes = {MARKETING: {"class": "marketing", "basis": "consent"}}
    return json.dumps({"schema": 1, "kind": "policy", "name": "contact", "zone": "UTC", "purposes": purposes, "quiet_hours": [span]})


@cache
def table(zone: str) -> ZoneInfo:
    """The zone as the tzdata package has it; the machine's own tables may be older."""
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as raw:
        return ZoneInfo.from_file(raw)


def wall_time(at_us: int, zone: str) -> datetime:
    """What the wall clock shows."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(table(zone))


def wall_minute(at_us: int, zone: str) -> int:
    """What the wall clock shows, in minutes of the day."""
    wall = wall_time(at_us, zone)
    return wall.hour * 60 + wall.minute


def quiet(at_us: int, zone: str, start: int, end: int) -> bool:
    """Whether the wall clock shows a minute of the span."""
    return (wall_minute(at_us, zone) - start) % 1440 < (end - start) % 1440


def sent_at(zone: str, start: int, end: int, asked_us: int) -> int:
    """When a message that is wanted at an instant is decided to leave, with timely wake-ups."""
    played = Play(program_of(quiet_policy(start, end), LETTER), zone, asked_us - 1)
    played.consent(MARKETING, "email", True)
    played.now = asked_us
    played.event("cart.added")
    for _ in range(5):
        if not played.book and wake_at(played.state):
            played.settle_next()
    [sent] = played.book
    return sent.decided_us


@pytest.mark.parametrize(("zone", "forward"), [(zone, forward) for zone in sorted(ZONES) for forward in (True, False)])
def test_the_clocks_change_where_the_tests_look(zone: str, forward: bool) -> None:
    """At the instants of the table the wall clock jumps, forward and back; in Kathmandu and Tokyo it never does."""
    at_us = parse_instant_us(ZONES[zone][not forward].replace("Z", ":00Z"))
    before, after = wall_time(at_us - MINUTE, zone).utcoffset(), wall_time(at_us, zone).utcoffset()
    assert before is not None
    assert after is not None
    if zone in ("Asia/Kathmandu", "Asia/Tokyo"):
        assert before == after
    else:
        assert (after - before > timedelta()) is forward


@pytest.mark.parametrize("zone", sorted(ZONES))
@given(
    late=st.one_of(st.integers(-5, 6), st.integers(-48, 48)),
    length=st.integers(1, 95),
    change=st.integers(0, 1),
    offset_us=st.one_of(st.integers(-4 * HOUR, 2 * HOUR), st.integers(-26 * HOUR, 26 * HOUR)),
)
def test_quiet_hours_hold_across_clock_changes(zone: str, late: int, length: int, change: int, offset_us: int) -> None:
    """Around both clock changes of a year, nothing leaves while the wall clock shows a quiet minute, and what may leave
    does so at once or when the span has ended: at the first allowed minute, but for an hour that the clock repeats.

    The span ends so many quarters of an hour after the change (`late`) and is so many long."""
    change_us = parse_instant_us(ZONES[zone][change].replace("Z", ":00Z"))
    asked_us = change_us + offset_us
    end = (wall_minute(change_us, zone) + 15 * late) % 1440
    start = (end - 15 * length) % 1440
    leaves_us = sent_at(zone, start, end, asked_us)
    assert not quiet(leaves_us, zone, start, end)
    if not quiet(asked_us, zone, start, end):
        assert leaves_us == asked_us
        return
    first_us = asked_us // MINUTE * MINUTE + MINUTE
    while quiet(first_us, zone, start, end):
        first_us += MINUTE
    assert first_us <= leaves_us
    if leaves_us > first_us:
        assert wall_minute(first_us, zone) < wall_minute(first_us - MINUTE, zone) or quiet_again(first_us, leaves_us, zone, start, end)


def quiet_again(first_us: int, leaves_us: int, zone: str, start: int, end: int) -> bool:
    """Whether the span begins anew in between."""
    return any(quiet(at_us, zone, start, end) for at_us in range(first_us, leaves_us, MINUTE))


@given(zone=st.sampled_from(sorted(ZONES)), minute=st.integers(0, 1439), day=st.integers(0, 364), offset_us=st.integers(0, DAY - 1))
def test_a_wait_for_a_local_time_ends_when_the_wall_clock_reads_it(zone: str, minute: int, day: int, offset_us: int) -> None:
    """A wait for a time of day ends within a day and the hour of a change, when the wall clock reads it or has skipped it."""
    journey = json.loads(LETTER)
    journey["steps"] = [{"id": "w", "wait": {"at": f"{minute // 60:02d}:{minute % 60:02d}"}}, *journey["steps"]]
    start_us = YEAR_US + day * DAY + offset_us
    played = Play(program_of(quiet_policy(0, 1), json.dumps(journey)), zone, start_us)
    played.event("cart.added")
    due_us = wake_at(played.state)
    assert start_us < due_us <= start_us + 25 * HOUR + MINUTE
    if wall_minute(due_us, zone) == minute:
        return
    assert not any(wall_minute(at_us, zone) == minute for at_us in range(start_us // MINUTE * MINUTE + MINUTE, due_us, MINUTE))
