"""Calendar documents: what they come to in a plan, how messages wait for them, and what is wrong with them."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest

from pilotage.consent.policy import Closing
from pilotage.event.time import instant_us, parse_instant_us
from pilotage.journey.advance import wake_at
from pilotage.journey.almanac import Almanac
from pilotage.journey.findings import Report
from pilotage.journey.parse_calendar import report_ends
from pilotage.journey.plan import Plan, decode_plan, encode_plan
from pilotage.journey.program import load
from pilotage.journey.recheck import recheck_action
from pilotage.source.almanac import packaged_almanac
from tests.journey.sample import FILES, SURROUNDINGS, compiled, document_of, texts
from tests.journey.scenario import DAY, HOUR, MINUTE, ZONES, Subject

PROFILE = FILES["profile.yaml"] + "  country: {type: string}\n  timezone: {type: string}\n"
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
    assert {"calendars", "country", "country_attribute"}.isdisjoint(msgspec.to_builtins(plan)["policy"])


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
