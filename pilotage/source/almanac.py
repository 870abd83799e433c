"""Days of the world as calendars name them: public holidays of a country or a region, and the events of an iCalendar file.

Both are asked when a plan is made, and only then; what they say is written into the plan. Which holidays there are is the knowledge
of the package `holidays` that the lock file pins. Recurring events are expanded within a span of days, after RFC 5545.
"""

import re
from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

import holidays
import icalendar
import recurring_ical_events
from icalendar.error import InvalidCalendar

from pilotage.event.time import instant_us
from pilotage.event.zone import Zones
from pilotage.journey.almanac import Almanac, FileBroken, Occurrence

BYTES_MAX = 4 * 1024 * 1024
OCCURRENCES_MAX = 10_000
SUFFIX = ".ics"
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
"""How ISO 3166-2 writes a region of a country; the package knows some towns beside, by their names."""


@cache
def countries() -> frozenset[str]:
    """The countries whose public holidays are known, by ISO 3166-1 alpha-2."""
    return frozenset(code for code in holidays.list_supported_countries() if len(code) == 2)


@cache
def regions() -> frozenset[str]:
    """The regions whose public holidays are known, by ISO 3166-2, such as DE-BY."""
    found = holidays.list_supported_countries(include_aliases=False)
    return frozenset(
        f"{country}-{code}" for country, codes in found.items() if len(country) == 2 for code in codes if _SUBDIVISION.fullmatch(code)
    )


@cache
def holidays_of(place: str, first: date, last: date) -> tuple[tuple[date, str], ...]:
    """The public holidays of a country, or of one of its regions (the country's that are kept there among them), from one day to
    another, each with its English name."""
    country, _, region = place.partition("-")
    years = range(first.year, last.year + 1)
    found = holidays.country_holidays(country, subdiv=region or None, years=years, language="en_US", categories=("public",))
    return tuple((day, name) for day, name in sorted(found.items()) if first <= day <= last)


def packaged_almanac(folder: Path, zones: Zones) -> Almanac:
    """What calendars of a workspace may ask for; times in files are read by the given zone tables."""

    def occurrences(name: str, first: date, last: date) -> tuple[Occurrence, ...]:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or path.suffix != SUFFIX or not path.is_file():
            cure = f"write the path of an {SUFFIX} file of the workspace, such as calendars/closed{SUFFIX}"
            raise FileBroken(f"there is no file {name}", cure)
        return occurrences_of(path.read_bytes(), zones, first, last)

    return Almanac(countries(), holidays_of, occurrences, regions())


def occurrences_of(raw: bytes, zones: Zones, first: date, last: date) -> tuple[Occurrence, ...]:
    """The occurrences of all events of an iCalendar file that touch the days from one to another, in their order; `FileBroken` where
    the file cannot be read."""
    if len(raw) > BYTES_MAX:
        raise FileBroken(f"the file has more than {BYTES_MAX >> 20} MiB", "leave out what is long past")
    try:
        calendar = icalendar.Calendar.from_ical(raw)
        for event in calendar.walk("VEVENT"):
            _check(event)
        events = recurring_ical_events.of(calendar, components=["VEVENT"]).between(first, last + timedelta(days=1))
        found = {_occurrence(event, zones) for event in _few(events) if _blocks(event)}
    except (ValueError, KeyError, InvalidCalendar) as fault:
        if isinstance(fault, FileBroken):
            raise
        cure, line = "export it anew as iCalendar (RFC 5545)", _line_of(raw, str(fault))
        raise FileBroken(f"the file is not a calendar: {fault}", cure, line) from fault
    return tuple(sorted(found, key=lambda each: (each.start_us, each.end_us, each.reason)))


def _check(event: Any) -> None:
    """Refuse what cannot be read as days: a zone that nobody knows, and rules within a day, which have no end worth listing."""
    start = event.get("DTSTART")
    if start is None:
        raise FileBroken(f"the event {_reason(event)!r} has no DTSTART", "export it anew as iCalendar (RFC 5545)")
    zone = start.params.get("TZID", "")
    if zone and getattr(start.dt, "tzinfo", None) is None:
        raise _unknown_zone(event, zone)
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if any(key in rule for key in ("BYHOUR", "BYMINUTE", "BYSECOND")) or rule["FREQ"][0] in ("HOURLY", "MINUTELY", "SECONDLY"):
            raise FileBroken(f"the event {_reason(event)!r} repeats within a day", "repeat it daily or less often")


def _unknown_zone(event: icalendar.Event, name: str) -> FileBroken:
    cure = "give the event an IANA zone such as Europe/Berlin, or times in UTC"
    return FileBroken(f"the event {_reason(event)!r} is in the unknown zone {name!r}", cure)


def _few(events: list[icalendar.Event]) -> list[icalendar.Event]:
    if len(events) > OCCURRENCES_MAX:
        raise FileBroken(f"the file has more than {OCCURRENCES_MAX} events within the horizon", "shorten the horizon, or split the file")
    return events


def _blocks(event: icalendar.Event) -> bool:
    """Whether the event stands: one that was called off does not."""
    return str(event.get("STATUS", "")).upper() != "CANCELLED"


def _occurrence(event: icalendar.Event, zones: Zones) -> Occurrence:
    start, end = event.start, event.end
    if not isinstance(start, datetime):
        midnight = datetime(start.year, start.month, start.day)
        end = end if isinstance(end, date) and end > start else start + timedelta(days=1)
        return Occurrence(instant_us(midnight), instant_us(datetime(end.year, end.month, end.day)), False, _reason(event))
    assert isinstance(end, datetime)
    if start.tzinfo is None:
        return Occurrence(instant_us(start), instant_us(end), False, _reason(event))
    return Occurrence(_fixed_us(start, event, zones), _fixed_us(end, event, zones), True, _reason(event))


def _reason(event: icalendar.Event) -> str:
    return " ".join(str(event.get("SUMMARY", "")).split())[:200]


def _fixed_us(at: datetime, event: icalendar.Event, zones: Zones) -> int:
    """The instant of a time with a zone, by our own tables and not by those of the machine."""
    name = _zone_name(at.tzinfo)
    if name in ("UTC", "Z"):
        return instant_us(at.replace(tzinfo=None))
    if name not in zones:
        raise _unknown_zone(event, name)
    return zones.instant_of(instant_us(at.replace(tzinfo=None)), name)


def _zone_name(zone: tzinfo | None) -> str:
    return str(getattr(zone, "key", None) or getattr(zone, "zone", None) or zone)


def _line_of(raw: bytes, fault: str) -> int:
    """The line of the file that a fault quotes; 0 where it quotes none."""
    lines = raw.decode("utf-8", "replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if len(line) > 5 and line.strip() in fault), 0)
