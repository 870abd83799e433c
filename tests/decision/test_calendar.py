"""Calendars: the first instant that they allow, beside quiet hours, through clock changes, as a plain walk over minutes finds it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.consent.policy import Calendar, Closing, Policy, Purpose, QuietHours
from pilotage.decision.calendar import Closings, Spans, closed_until
from pilotage.decision.eligibility import ALLOWED, Later, Verdict, recheck
from pilotage.decision.rules import Candidate, ContactRules
from pilotage.event.time import instant_us, parse_instant_us
from pilotage.profile.state import State
from tests.journey.scenario import DAY, HOUR, MINUTE, ZONES
from tests.properties.test_quiet import ZONES as CHANGING
from tests.properties.test_quiet import wall_minute, wall_time

QUARTER = 15 * MINUTE


REGIONS = ("DE-BE", "DE-BY", "FR-57")
"""All regions of the countries in which the tests' calendars tell them apart."""


def closing(start_us: int, end_us: int, *places: str, fixed: bool = False) -> Closing:
    countries, regions = (tuple(place for place in places if ("-" in place) is kind) for kind in (False, True))
    return Closing(start_us, end_us, "closed", countries, fixed, regions)


def closings(*spans: Closing) -> tuple[Spans, Spans]:
    return Closings((Calendar("company", ("marketing",), (), spans),)).of("", "")


def wall(text: str) -> int:
    """A wall time as closings have it."""
    return instant_us(datetime.fromisoformat(text))


def rules(spans: tuple[Closing, ...], quiet: tuple[QuietHours, ...] = (), country: str = "") -> ContactRules:
    """The rules of a marketing purpose under a calendar and quiet hours."""
    policy = Policy(
        purposes=(Purpose("news", "marketing", "legal_obligation"), Purpose("payment", "service", "contract")),
        quiet_hours=quiet,
        calendars=(Calendar("company", ("marketing",), ("email",), spans),),
        country=country,
        country_attribute="country",
        region_attribute="region",
        regions=REGIONS,
    )
    return ContactRules(policy, {}, ZONES)


def asked(
    found: ContactRules, at_us: int, zone: str, country: str = "DE", channel: str = "email", purpose: str = "news", region: str = ""
) -> Verdict:
    """What becomes of a message at an instant."""
    attributes = {"timezone": zone, **({"country": country} if country else {}), **({"region": region} if region else {})}
    state = State(b"\x01" * 16, attributes)
    return recheck(found, state, Candidate(channel, purpose, "j", 2**62), at_us)


def test_a_day_is_the_customers_own() -> None:
    """A closed day begins and ends at the midnights of the customer's wall clock, to the microsecond."""
    day = closings(closing(wall("2026-12-24"), wall("2026-12-25")))
    begins, ends = (parse_instant_us(f"2026-12-{date}T15:00:00Z") for date in (23, 24))  # midnight in Tokyo
    assert (0, "", "") == closed_until(day, ZONES, "Asia/Tokyo", begins - 1)
    assert (ends, "company", "closed") == closed_until(day, ZONES, "Asia/Tokyo", begins)
    assert (ends, "company", "closed") == closed_until(day, ZONES, "Asia/Tokyo", ends - 1)
    assert (0, "", "") == closed_until(day, ZONES, "Asia/Tokyo", ends)


def test_what_is_fixed_is_the_same_instant_everywhere() -> None:
    """A span between instants ends at once for everybody."""
    begins, ends = parse_instant_us("2026-11-27T10:00:00Z"), parse_instant_us("2026-11-27T12:00:00Z")
    span = closings(closing(begins, ends, fixed=True))
    for zone in ("Asia/Tokyo", "America/New_York"):
        assert (ends, "company", "closed") == closed_until(span, ZONES, zone, begins)


def test_a_span_that_ends_in_a_skipped_hour_ends_with_the_change() -> None:
    """Where the clock jumps over a span's end, the first allowed instant is the jump; where it falls back into the span, the span
    holds again."""
    jump = parse_instant_us("2026-03-29T01:00:00Z")  # Berlin, 02:00 becomes 03:00
    assert (
        jump == closed_until(closings(closing(wall("2026-03-29T01:00"), wall("2026-03-29T02:30"))), ZONES, "Europe/Berlin", jump - HOUR)[0]
    )
    back = parse_instant_us("2026-10-25T01:00:00Z")  # Berlin, 03:00 becomes 02:00
    late = closings(closing(wall("2026-10-25T01:00"), wall("2026-10-25T02:30")))
    assert back - HOUR // 2 == closed_until(late, ZONES, "Europe/Berlin", back - HOUR)[0]
    assert back + HOUR // 2 == closed_until(late, ZONES, "Europe/Berlin", back)[0]


def test_countries_tell_customers_apart() -> None:
    """A closing for countries holds for customers in them; the company's country stands in for one that is unknown, and where
    neither is known every closing holds."""
    spans = (closing(wall("2026-07-14"), wall("2026-07-15"), "FR"),)
    noon = parse_instant_us("2026-07-14T10:00:00Z")
    assert ALLOWED == asked(rules(spans), noon, "Europe/Paris", "DE")
    assert isinstance(asked(rules(spans), noon, "Europe/Paris", "fr"), Later)
    assert ALLOWED == asked(rules(spans, country="DE"), noon, "Europe/Paris", "")
    assert isinstance(asked(rules(spans, country="FR"), noon, "Europe/Paris", ""), Later)
    assert isinstance(asked(rules(spans), noon, "Europe/Paris", ""), Later)


@pytest.mark.parametrize(
    ("home", "held"),
    [
        (("DE", "BY"), True),
        (("DE", "de-by"), True),
        (("DE", "BE"), False),
        (("DE", "DE-BE"), False),
        (("DE", ""), True),
        (("DE", "Bayern"), True),  # no region that is known, and not to be sent on what may be a holiday
        (("DE", "FR-57"), True),
        (("FR", "57"), False),
        (("FR", "DE-BY"), False),  # a region of another country: nothing of DE holds in FR
        (("AT", ""), False),
        (("", "DE-BE"), False),
        (("", "DE-BY"), True),
        (("", "BE"), True),
        (("", ""), True),
    ],
)
def test_regions_tell_customers_of_a_country_apart(home: tuple[str, str], held: bool) -> None:
    """A closing for a region holds for customers in it and for those of its country, or of none, whose region is not known."""
    found = rules((closing(wall("2026-06-04"), wall("2026-06-05"), "DE-BY"),))
    country, region = home
    assert held is isinstance(asked(found, parse_instant_us("2026-06-04T10:00:00Z"), "Europe/Berlin", country, region=region), Later)


def test_a_region_is_read_within_the_companys_country() -> None:
    """Where a customer's own country is unknown a bare code is read within the company's; a code with a country says it itself."""
    found = rules((closing(wall("2026-06-04"), wall("2026-06-05"), "DE-BY"),), country="DE")
    noon = parse_instant_us("2026-06-04T10:00:00Z")
    assert ALLOWED == asked(found, noon, "Europe/Berlin", "", region="BE")
    assert isinstance(asked(found, noon, "Europe/Berlin", "", region="by"), Later)
    assert isinstance(asked(found, noon, "Europe/Berlin", ""), Later)
    assert ALLOWED == asked(found, noon, "Europe/Paris", "", region="FR-57")


def test_only_its_classes_and_channels_keep_still() -> None:
    """A calendar holds back messages of its classes on its channels and no others."""
    spans, noon = (closing(wall("2026-07-14"), wall("2026-07-15")),), parse_instant_us("2026-07-14T10:00:00Z")
    assert isinstance(asked(rules(spans), noon, "UTC"), Later)
    assert ALLOWED == asked(rules(spans), noon, "UTC", channel="sms")
    assert ALLOWED == asked(rules(spans), noon, "UTC", purpose="payment")


def test_a_holiday_ends_in_the_morning_after() -> None:
    """Midnight after a closed day is quiet, so what waits leaves in the morning; the last of the two decides and is named."""
    night = (QuietHours("night", (), ("marketing",), 21 * 60, 8 * 60),)
    found = asked(
        rules((closing(wall("2026-12-24"), wall("2026-12-27")),), night), parse_instant_us("2026-12-23T22:00:00Z"), "Europe/Berlin"
    )
    assert Later(parse_instant_us("2026-12-27T07:00:00Z"), "quiet_hours:night", "quiet hours night, then calendar company: closed") == found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[str, int, tuple[Closing, ...], tuple[QuietHours, ...], tuple[str, str]]:
    """A zone near a change of its clock, an instant, spans about there, perhaps a night, and a country and region."""
    zone = draw(st.sampled_from(sorted(CHANGING)))
    change_us = parse_instant_us(CHANGING[zone][draw(st.integers(0, 1))].replace("Z", ":00Z"))
    local_us = instant_us(wall_time(change_us, zone).replace(tzinfo=None)) // QUARTER * QUARTER
    spans = []
    for _ in range(draw(st.integers(1, 4))):
        fixed = draw(st.booleans())
        start = (change_us if fixed else local_us) + draw(st.integers(-12, 12)) * QUARTER
        places = draw(st.lists(st.sampled_from(["DE", "FR", *REGIONS]), max_size=2, unique=True))
        spans.append(closing(start, start + draw(st.integers(1, 20)) * QUARTER, *places, fixed=fixed))
    night = (QuietHours("night", (), ("marketing",), draw(st.integers(0, 95)) * 15, draw(st.integers(0, 95)) * 15),)
    asked_us = change_us + draw(st.integers(-8 * 60, 4 * 60)) * MINUTE
    home = draw(st.sampled_from(["DE", "FR", "AT", ""])), draw(st.sampled_from(["BY", "BE", "57", "DE-BY", "DE-BE", "FR-57", "Bayern", ""]))
    return zone, asked_us, tuple(spans), night if night[0].start_minute != night[0].end_minute and draw(st.booleans()) else (), home


HOMES = {
    **{("DE", text): {"DE", "DE-BY"} for text in ("BY", "DE-BY")},
    **{("DE", text): {"DE", "DE-BE"} for text in ("BE", "DE-BE")},
    **{("FR", text): {"FR", "FR-57"} for text in ("57", "FR-57")},
    **{("", region): {region[:2], region} for region in REGIONS},
}
"""Where a customer is known to be, with the region; otherwise in any region of the country, or anywhere."""


def may_be_in(home: tuple[str, str]) -> set[str]:
    """The places in which a customer may be."""
    everywhere = {"DE", "FR", *REGIONS}
    return HOMES.get(home, {place for place in everywhere if place[:2] == home[0]} if home[0] else everywhere)


def allowed(at_us: int, zone: str, spans: tuple[Closing, ...], night: tuple[QuietHours, ...], home: tuple[str, str]) -> bool:
    """Whether a minute is allowed for somebody, asked of the standard library's clock."""
    local_us = instant_us(wall_time(at_us, zone).replace(tzinfo=None))
    mine = [each for each in spans if not (places := {*each.countries, *each.regions}) or places & may_be_in(home)]
    if any(each.start_us <= (at_us if each.fixed else local_us) < each.end_us for each in mine):
        return False
    return not any((wall_minute(at_us, zone) - rule.start_minute) % 1440 < (rule.end_minute - rule.start_minute) % 1440 for rule in night)


@given(world=worlds())
def test_the_first_allowed_instant_is_what_a_walk_over_minutes_finds(
    world: tuple[str, int, tuple[Closing, ...], tuple[QuietHours, ...], tuple[str, str]],
) -> None:
    """Around clock changes, with spans by wall clock and by instant, those of other countries and regions and a night: a message leaves
    at the very first minute that all of them allow. Only a night that a repeated hour interrupts may hold on to the end of the repeat."""
    zone, asked_us, spans, night, (country, region) = world
    found = asked(rules(spans, night), asked_us, zone, country, region=region)
    leaves_us = found.at_us if isinstance(found, Later) else asked_us
    first_us = asked_us
    while not allowed(first_us, zone, spans, night, (country, region)):
        first_us += MINUTE
    assert allowed(leaves_us, zone, spans, night, (country, region))
    if leaves_us != first_us:
        assert night
        assert first_us < leaves_us <= first_us + DAY
        repeated = [
            at_us
            for at_us in range(asked_us, first_us + 1, MINUTE)
            if wall_minute(at_us, zone) != (wall_minute(at_us - MINUTE, zone) + 1) % 1440
        ]
        assert repeated


@pytest.mark.parametrize("days", [1, 400])
def test_days_that_follow_each_other_are_waited_out_together(days: int) -> None:
    """However many closed days follow each other, the first open one is found."""
    first = datetime(2026, 1, 1)
    spans = [closing(instant_us(first + timedelta(days=n)), instant_us(first + timedelta(days=n + 1))) for n in range(days)]
    end_us = closed_until(closings(*spans), ZONES, "UTC", instant_us(datetime(2026, 1, 1, 12, tzinfo=UTC)))[0]
    assert instant_us(first + timedelta(days=days)) == end_us
