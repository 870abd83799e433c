"""Public holidays, and the events of iCalendar files as calendars have them."""

from datetime import date, datetime
from pathlib import Path

import pytest

from pilotage.event.time import instant_text, instant_us, parse_instant_us
from pilotage.journey.almanac import FileBroken, Occurrence
from pilotage.source.almanac import countries, holidays_of, occurrences_of, packaged_almanac, regions
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


def file_of(*events: str) -> bytes:
    """An iCalendar file with events, each given by its lines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}@example.test", "DTSTAMP:20260101T000000Z", *event.splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def read(*events: str, first: date = FIRST, last: date = LAST) -> tuple[Occurrence, ...]:
    return occurrences_of(file_of(*events), ZONES, first, last)


def wall(text: str) -> int:
    return instant_us(datetime.fromisoformat(text))


def test_whole_days_are_the_customers_own() -> None:
    """An event of whole days becomes a span by the wall clock; its end is the day after the last."""
    assert (Occurrence(wall("2026-12-24"), wall("2026-12-27"), False, "Closed for Christmas"),) == read(
        "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Closed for Christmas"
    )
    assert (Occurrence(wall("2026-05-01"), wall("2026-05-02"), False, ""),) == read("DTSTART;VALUE=DATE:20260501")


def test_times_without_a_zone_float_and_those_with_one_do_not() -> None:
    """A floating time is read on the customer's clock; a time in a zone or in UTC is one instant."""
    (floating,) = read("DTSTART:20260501T180000\nDTEND:20260501T200000")
    assert (wall("2026-05-01T18:00"), wall("2026-05-01T20:00"), False) == (floating.start_us, floating.end_us, floating.fixed)
    (berlin,) = read("DTSTART;TZID=Europe/Berlin:20260501T180000\nDURATION:PT2H")
    assert (parse_instant_us("2026-05-01T16:00:00Z"), parse_instant_us("2026-05-01T18:00:00Z"), True) == (
        berlin.start_us, berlin.end_us, berlin.fixed,
    )  # fmt: skip
    (utc,) = read("DTSTART:20260501T180000Z\nDTEND:20260501T190000Z")
    assert (parse_instant_us("2026-05-01T18:00:00Z"), True) == (utc.start_us, utc.fixed)


def test_rules_are_worked_out_within_the_horizon() -> None:
    """RRULE, EXDATE and a moved occurrence are expanded within the horizon and nowhere else, each at its wall time through the
    clock change."""
    weekly = "\n".join(
        (
            "DTSTART;TZID=Europe/Berlin:20260302T080000",
            "DTEND;TZID=Europe/Berlin:20260302T090000",
            "RRULE:FREQ=WEEKLY",
            "EXDATE;TZID=Europe/Berlin:20260316T080000",
        )
    )
    found = read(weekly, first=date(2026, 3, 1), last=date(2026, 4, 6))
    hours = ["2026-03-02T07", "2026-03-09T07", "2026-03-23T07", "2026-03-30T06", "2026-04-06T06"]
    assert hours == [instant_text(each.start_us)[:13] for each in found]


def test_what_was_called_off_does_not_hold() -> None:
    """A cancelled event is left out."""
    assert () == read("DTSTART;VALUE=DATE:20260501\nSTATUS:CANCELLED")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"hello", "the file is not a calendar"),
        (file_of("DTSTART;TZID=Middle Earth:20260501T180000\nSUMMARY:second breakfast"), "unknown zone 'Middle Earth'"),
        (file_of("DTSTART:20260101T120000\nRRULE:FREQ=HOURLY"), "repeats within a day"),
        (file_of("DTSTART:20260101T120000\nRRULE:FREQ=DAILY;BYHOUR=1,2"), "repeats within a day"),
        (file_of("SUMMARY:never"), "has no DTSTART"),
        (file_of("DTSTART;VALUE=DATE:20261332"), "the file is not a calendar"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(raw: bytes, says: str) -> None:
    """What is no calendar, names a zone nobody knows, or never ends, is refused with a cure."""
    with pytest.raises(FileBroken, match=says) as caught:
        occurrences_of(raw, ZONES, FIRST, date(2029, 12, 31))
    assert caught.value.cure


def test_a_file_lies_in_the_workspace(tmp_path: Path) -> None:
    """A path that leads out of the workspace, or to no .ics file, is not read."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "out.ics").write_bytes(file_of("DTSTART;VALUE=DATE:20260501"))
    almanac = packaged_almanac(tmp_path / "shop", ZONES)
    for name in ("../out.ics", "missing.ics", "."):
        with pytest.raises(FileBroken, match="there is no file"):
            almanac.occurrences(name, FIRST, LAST)


def test_holidays_are_those_of_a_country() -> None:
    """Fixed and moving holidays of a country between two days, whatever the machine's language."""
    assert {"DE", "FR", "US", "JP"} <= countries()
    france = dict(holidays_of("FR", FIRST, LAST))
    assert ("National Day", "Easter Monday") == (france[date(2026, 7, 14)], france[date(2026, 4, 6)])
    assert date(2026, 7, 14) not in dict(holidays_of("DE", FIRST, LAST))
    assert () == holidays_of("FR", date(2026, 7, 15), date(2026, 7, 20))


def test_holidays_are_those_of_a_region() -> None:
    """A region keeps days that its country does not keep everywhere; towns and school districts of the package are no regions."""
    assert {"DE-BY", "ES-CT", "CH-GE", "US-CA"} <= regions()
    assert {"DE-Augsburg", "FR-Zone A", "DE-XX"}.isdisjoint(regions())
    bavaria, germany = dict(holidays_of("DE-BY", FIRST, LAST)), dict(holidays_of("DE", FIRST, LAST))
    assert ("Corpus Christi", "Labor Day") == (bavaria[date(2026, 6, 4)], bavaria[date(2026, 5, 1)])
    assert date(2026, 6, 4) not in germany
    assert "National Day of Catalonia" == dict(holidays_of("ES-CT", FIRST, LAST))[date(2026, 9, 11)]
