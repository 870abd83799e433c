"""Calendar documents: what they come to in a plan, how messages wait for them, and what is wrong with them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import holidays
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.consent.policy import Closing
from pilotage.decision.calendar import closed_until
from pilotage.decision.rules import ContactRules
from pilotage.event.time import instant_us, parse_instant_us
from pilotage.journey.advance import wake_at
from pilotage.journey.almanac import Almanac
from pilotage.journey.findings import Report
from pilotage.journey.parse_calendar import report_ends
from pilotage.journey.plan import Plan, decode_plan, encode_plan
from pilotage.journey.program import load
from pilotage.journey.recheck import recheck_action
from pilotage.profile.state import State
from pilotage.source.almanac import packaged_almanac
from tests.journey.sample import FILES, SURROUNDINGS, compiled, document_of, texts
from tests.journey.scenario import DAY, HOUR, MINUTE, ZONES, Subject

PROFILE = FILES["profile.yaml"] + "  country: {type: string}\n  region: {type: string}\n  timezone: {type: string}\n"
JOURNEY = """\
schema: 1
kind: journey
name: growth.recovery.cart
owner: {responsible: shop-team}
purpose: marketing.cart
stage: growth
enter: {on: cart.added, reentry: always}
steps:
  - {id: remind, send: email, content: reminder, expires: 5d, on_blocked: end}
"""
HEAD = "schema: 1\nkind: calendar\nname: closed\nclasses: [marketing]\n"
ICS = "\r\n".join(
    (
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN", "BEGIN:VEVENT", "UID:1", "DTSTAMP:20260101T000000Z",
        "DTSTART;VALUE=DATE:20260301", "RRULE:FREQ=MONTHLY", "SUMMARY:stocktaking", "END:VEVENT", "END:VCALENDAR", "",
    )
)  # fmt: skip


def around(folder: Path) -> Almanac:
    return packaged_almanac(folder, ZONES)


def with_calendar(text: str, folder: Path = Path("."), **files: str) -> tuple[Plan | None, list[str]]:
    """The plan of the sample under one more calendar, and what is wrong with it."""
    documents = {**FILES, "profile.yaml": PROFILE, "journeys/cart.yaml": JOURNEY, "calendars/closed.yaml": HEAD + text, **files}
    surroundings = msgspec.structs.replace(SURROUNDINGS, zones=ZONES.names, zones_digest=ZONES.digest, almanac=around(folder))
    plan, findings = compiled(documents, surroundings)
    return plan, texts(findings)


def closings(text: str, folder: Path = Path(".")) -> Sequence[Closing]:
    """The closings that a calendar comes to."""
    plan, findings = with_calendar(text, folder)
    assert plan is not None, findings
    assert decode_plan(encode_plan(plan)) == plan
    return (plan.policy.calendars or ())[0].closings


def wall(text: str) -> int:
    return instant_us(datetime.fromisoformat(text))


def test_days_and_times_become_spans() -> None:
    """Days last from midnight to midnight, times as written; with an offset they are instants."""
    found = closings(
        "countries: [DE]\ndays:\n  - {from: 2026-12-24, to: 2026-12-26, reason: Christmas}\n  - {from: 2026-05-01}\n"
        "  - {from: 2026-11-27T18:00, to: 2026-11-28T06:00}\n  - {from: 2026-06-01T18:00+02:00, to: 2026-06-01T20:00+02:00}\n"
    )
    assert (
        Closing(wall("2026-05-01"), wall("2026-05-02"), "", ("DE",)),
        Closing(parse_instant_us("2026-06-01T16:00:00Z"), parse_instant_us("2026-06-01T18:00:00Z"), "", ("DE",), fixed=True),
        Closing(wall("2026-11-27T18:00"), wall("2026-11-28T06:00"), "", ("DE",)),
        Closing(wall("2026-12-24"), wall("2026-12-27"), "Christmas", ("DE",)),
    ) == found


def test_holidays_and_files_are_written_into_the_plan(tmp_path: Path) -> None:
    """What holidays and files come to within the horizon is part of the plan and of its digest; the file itself is asked no more."""
    (tmp_path / "closed.ics").write_text(ICS)
    text = "holidays: [FR]\nfile: closed.ics\nhorizon: {from: 2026-01-01, to: 2026-05-31}\n"
    found = closings(text, tmp_path)
    assert Closing(wall("2026-05-01"), wall("2026-05-02"), "Labor Day", ("FR",)) in found
    assert [wall(f"2026-0{month}-01") for month in (3, 4, 5)] == [each.start_us for each in found if each.reason == "stocktaking"]
    before = with_calendar(text, tmp_path)[0]
    (tmp_path / "closed.ics").write_text(ICS.replace("20260301", "20260302"))
    after = with_calendar(text, tmp_path)[0]
    assert before is not None and after is not None and before.digest != after.digest


def test_a_plan_without_calendars_is_stored_as_ever() -> None:
    """Nothing of calendars is stored where there are none."""
    plan, _ = compiled(FILES)
    assert plan is not None
    assert {"calendars", "country", "country_attribute", "region_attribute", "regions"}.isdisjoint(msgspec.to_builtins(plan)["policy"])


def test_a_plan_without_regions_is_stored_as_ever() -> None:
    """Calendars that tell countries apart, and no regions, are stored as before there were regions."""
    plan, _ = with_calendar("holidays: [FR]\ndays: [{from: 2026-12-24}]\nhorizon: {from: 2026-07-14, to: 2026-07-14}\n")
    assert plan is not None
    policy = msgspec.to_builtins(plan)["policy"]
    assert {"region_attribute", "regions"}.isdisjoint(policy)
    spans = ("2026-07-14", "National Day", {"countries": ("FR",)}), ("2026-12-24", "", {})
    assert (
        tuple({"start_us": wall(day), "end_us": wall(day) + DAY, "reason": reason} | places for day, reason, places in spans)
        == policy["calendars"][0]["closings"]
    )


def test_days_may_be_for_regions() -> None:
    """Holidays of a region are for the customers in it, those that regions share one closing for all; `countries` narrows days to
    regions too. The plan knows the other regions of the country, to tell them from what is no region."""
    text = "holidays: [DE-BY, DE-BW, DE]\ncountries: [DE-BE, AT]\ndays: [{from: 2026-05-08}]\nhorizon: {from: 2026-05-25, to: 2026-06-04}\n"
    plan, findings = with_calendar(text)
    assert plan is not None, findings
    (calendar,) = plan.policy.calendars or ()
    assert (
        Closing(wall("2026-05-08"), wall("2026-05-09"), "", ("AT",), regions=("DE-BE",)),
        Closing(wall("2026-05-25"), wall("2026-05-26"), "Pentecost Monday", regions=("DE-BW", "DE-BY")),
        Closing(wall("2026-05-25"), wall("2026-05-26"), "Pentecost Monday", ("DE",)),
        Closing(wall("2026-06-04"), wall("2026-06-05"), "Corpus Christi", regions=("DE-BW", "DE-BY")),
    ) == calendar.closings
    assert ("region", 16) == (plan.policy.region_attribute, len(plan.policy.regions or ()))
    assert decode_plan(encode_plan(plan)) == plan


def subject(text: str, at: str, country: str = "DE", zone: str = "Europe/Berlin") -> Subject:
    plan, findings = with_calendar(text)
    assert plan is not None, findings
    found = Subject(plan=plan, start_us=parse_instant_us(at) - DAY)
    found.state.attributes.update(email="a@example.test", country=country, timezone=zone)
    return found.consent()


def test_a_message_waits_for_the_end_of_a_holiday() -> None:
    """A candidate that comes up on a holiday leaves in the morning after, and says why it waited; in another country it leaves at
    once."""
    text = "holidays: [DE, FR]\nhorizon: {from: 2026-01-01, to: 2026-12-31}\n"
    late = subject(text, "2026-10-02T21:30:00Z").event("cart.added", DAY, sku="a", price=1)  # 23:30 on the eve of the 3rd, a night
    assert parse_instant_us("2026-10-04T06:00:00Z") == wake_at(late.state)
    noon = subject(text, "2026-10-03T10:00:00Z").event("cart.added", DAY, sku="a", price=1)
    deferred = noon.last("deferred")
    assert (parse_instant_us("2026-10-04T06:00:00Z"), "quiet_hours:night") == (deferred.inputs["until_us"], deferred.rule)
    noon.now = wake_at(noon.state)
    assert "sent remind" in noon.wake().verbs
    abroad = subject(text, "2026-10-03T10:00:00Z", "FR").event("cart.added", DAY, sku="a", price=1)
    assert "sent remind" in abroad.verbs


def test_what_would_expire_first_is_blocked_with_the_calendar_as_reason() -> None:
    """A message that expires before the calendar allows it is blocked, and the calendar is named."""
    found = subject("days: [{from: 2026-05-01, to: 2026-05-09, reason: works holiday}]\n", "2026-05-02T10:00:00Z").event(
        "cart.added", DAY, sku="a", price=1
    )
    blocked = found.last("blocked")
    assert ("quiet_hours:night", "calendar closed: works holiday, then quiet hours night, beyond its expiry") == (
        blocked.rule,
        blocked.reason,
    )
    open_late = FILES["policies/contact.yaml"].replace('"21:00", to: 08:00', '"03:00", to: 04:00')
    plan, _ = with_calendar("days: [{from: 2026-05-01, to: 2026-05-09, reason: works holiday}]\n", **{"policies/contact.yaml": open_late})
    assert plan is not None
    found.program = load(plan, ZONES, "test")
    blocked = found.event("cart.added", HOUR, sku="a", price=1).last("blocked")
    assert ("calendar:closed", "calendar closed: works holiday, beyond its expiry") == (blocked.rule, blocked.reason)


def test_after_an_outage_nothing_leaves_on_a_closed_day() -> None:
    """A message that was decided before midnight and comes to be handed over on the closed day is put off by the last check."""
    found = subject("days: [{from: 2026-05-01}]\n", "2026-04-30T17:00:00Z").event("cart.added", DAY, sku="a", price=1)
    (action,) = found.actions
    at_us = parse_instant_us("2026-05-01T08:00:00Z")
    verdict = recheck_action(found.program, found.state, action, at_us)
    assert ("quiet_hours:night", parse_instant_us("2026-05-02T06:00:00Z")) == (verdict.rule, verdict.at_us)  # type: ignore[union-attr]
    assert "Allowed" == type(recheck_action(found.program, found.state, action, action.not_before_us + MINUTE)).__name__


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "calendars/closed.yaml:1:1: error B001 the calendar 'closed' names no days"),
        ("days: [{from: 2026-12-24, to: 2026-12-23}]", "calendars/closed.yaml:5:27: error B005 the span ends before it begins"),
        ("days: [{from: 2026-12-24, to: 2026-12-24T10:00Z}]", "calendars/closed.yaml:5:27: error B005 one end is an instant"),
        ("days: [{from: 2026-13-24}]", "calendars/closed.yaml:5:15: error D023 'from': '2026-13-24' is not a date"),
        ("holidays: [DE]", "calendars/closed.yaml:5:11: error B004 holidays and files have no end of their own"),
        ("holidays: [XX]\nhorizon: {from: 2026-01-01, to: 2026-12-31}", "calendars/closed.yaml:5:12: error B002 unknown country 'XX'"),
        ("holidays: [DE]\nhorizon: {from: 2027-01-01, to: 2026-12-31}", "calendars/closed.yaml:6:29: error B005 the horizon ends before"),
        ("file: gone.ics\nhorizon: {from: 2026-01-01, to: 2026-12-31}", "calendars/closed.yaml:5:7: error B003 there is no file gone.ics"),
        (
            "holidays: [FR, DE-BX]\nhorizon: {from: 2026-01-01, to: 2026-12-31}",
            "calendars/closed.yaml:5:16: error B002 unknown region 'DE-BX'; regions of DE are: DE-BB, DE-BE,",
        ),
        (
            "holidays: [SM-01]\nhorizon: {from: 2026-01-01, to: 2026-12-31}",
            "calendars/closed.yaml:5:12: error B002 unknown region 'SM-01'; write SM: none of its regions are known",
        ),
        ("countries: [XX-BY]\ndays: [{from: 2026-12-24}]", "calendars/closed.yaml:5:13: error B002 unknown country 'XX-BY'"),
        ("holidays: [DE-Augsburg]\nhorizon: {from: 2026-01-01, to: 2026-12-31}", "calendars/closed.yaml:5:12: error B002 unknown region"),
        ("channels: [fax]\ndays: [{from: 2026-12-24}]", "calendars/closed.yaml:5:12: error J016 unknown channel 'fax'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, says: str) -> None:
    """Every fault of a calendar names file, line, column and cure."""
    plan, findings = with_calendar(text)
    assert plan is None
    assert [each for each in findings if each.startswith(says) and "; " in each], findings


def test_countries_need_an_attribute() -> None:
    """A calendar that tells countries apart asks for the attribute that holds them, by the name that the policy gives it."""
    text, profile = HEAD + "countries: [DE]\ndays: [{from: 2026-12-24}]\n", FILES["profile.yaml"]
    surroundings = msgspec.structs.replace(SURROUNDINGS, almanac=around(Path()))
    _, findings = compiled({**FILES, "calendars/closed.yaml": text}, surroundings)
    assert [each for each in texts(findings) if "calendars/closed.yaml:5:12: error J019" in each and "'country'" in each]
    named = FILES["policies/contact.yaml"] + "country: AT\ncountry_attribute: tier\n"
    plan, findings = compiled(
        {**FILES, "profile.yaml": profile, "policies/contact.yaml": named, "calendars/closed.yaml": text}, surroundings
    )
    assert plan is not None, texts(findings)
    assert ("AT", "tier") == (plan.policy.country, plan.policy.country_attribute)


def test_regions_need_an_attribute() -> None:
    """A calendar that tells regions apart asks for the attribute that holds them too, by the name that the policy gives it."""
    text, profile = HEAD + "countries: [DE-BY]\ndays: [{from: 2026-12-24}]\n", FILES["profile.yaml"] + "  country: {type: string}\n"
    surroundings = msgspec.structs.replace(SURROUNDINGS, almanac=around(Path()))
    files = {**FILES, "profile.yaml": profile, "calendars/closed.yaml": text}
    _, findings = compiled(files, surroundings)
    (said,) = [each for each in texts(findings) if "J019" in each]
    assert said.startswith("calendars/closed.yaml:5:12: error J019 customers' regions are read from the unknown attribute 'region'; add it")
    named = {"policies/contact.yaml": FILES["policies/contact.yaml"] + "region_attribute: tier\n"}
    plan, findings = compiled(files | named, surroundings)
    assert plan is not None, texts(findings)
    assert "tier" == plan.policy.region_attribute
    _, findings = compiled(files | {"policies/contact.yaml": FILES["policies/contact.yaml"] + "region_attribute: land\n"}, surroundings)
    assert [each for each in texts(findings) if "policies/contact.yaml" in each and "J019 unknown attribute 'land'" in each]


LANDS = ("BY", "BE", "SN", "DE-TH", "", "Bayern")
WHERE = [("DE", land) for land in LANDS] + [("ES", region) for region in ("CT", "MD", "")] + [("FR", ""), ("", "CH-GE"), ("", "")]
NAMED = ("DE", "DE-BY", "DE-SN", "DE-TH", "ES", "ES-CT", "ES-MD", "CH-GE", "CH-TI")


def kept(place: str, day: date) -> bool:
    """Whether a day is a public holiday, asked of the package itself."""
    country, _, region = place.partition("-")
    return day in holidays.country_holidays(country, subdiv=region or None, years=day.year)


def could_be(home: tuple[str, str], place: str, named: set[str]) -> bool:
    """Whether a customer could be in a place, as far as is known of them: of a country only its regions are known that calendars
    tell apart."""
    country, region = home
    if country == "" and not any(each.startswith(f"{region[:2]}-") for each in named):
        return True
    country, region = (country or region[:2]), region[-2:]
    if region not in ("BY", "BE", "SN", "TH", "CT", "MD", "GE"):
        return place[:2] == country
    return place in (country, f"{country}-{region}")


@cache
def rules_of(named: tuple[str, ...]) -> ContactRules:
    """The rules of a plan whose calendar has the holidays of some places."""
    plan, findings = with_calendar(f"holidays: [{', '.join(named)}]\nhorizon: {{from: 2026-01-01, to: 2026-12-31}}\n")
    assert plan is not None, findings
    return load(plan, ZONES, "test").rules


@given(named=st.sets(st.sampled_from(NAMED), min_size=1), home=st.sampled_from(WHERE), nth=st.integers(0, 364))
def test_holidays_hold_back_whom_they_may_concern(named: set[str], home: tuple[str, str], nth: int) -> None:
    """Whatever countries and regions a calendar names, a message on any day of a year waits just where the day is a public holiday of
    a place that the customer is in, or may be in as far as is known."""
    day, rules = date(2026, 1, 1) + timedelta(days=nth), rules_of(tuple(sorted(named)))
    closings = rules.standing("email", "marketing.cart", "growth.recovery.cart").closings
    assert closings is not None
    state = State(b"\x01" * 16, {name: text for name, text in zip(("country", "region"), home, strict=True) if text})
    until_us, _, _ = closed_until(closings.of(*rules.home_of(state)), ZONES, "UTC", wall(f"{day}T12:00"))
    assert any(kept(place, day) for place in named if could_be(home, place, named)) is (until_us > 0)


def test_the_end_of_the_horizon_is_told_in_time() -> None:
    """Sixty days before what a calendar knows ends there is a warning, and an error afterwards, at the day to change."""
    document = document_of(HEAD + "holidays: [DE]\nhorizon: {from: 2026-01-01, to: 2026-12-31}\n", "calendars/closed.yaml")

    def told(today: date) -> list[str]:
        report = Report()
        report_ends([document], today, report)
        return [text.partition("; ")[0] for text in texts(report.findings)]

    assert [] == told(date(2026, 10, 31))
    assert ["calendars/closed.yaml:6:29: warning B006 the calendar 'closed' holds nothing back after 2026-12-31, 31 days from now"] == told(
        date(2026, 11, 30)
    )
    assert ["calendars/closed.yaml:6:29: error B007 the calendar 'closed' has held nothing back since 2026-12-31"] == told(date(2027, 1, 1))
