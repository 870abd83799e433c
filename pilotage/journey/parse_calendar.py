"""Calendars: days written out, public holidays and the events of a file become spans, each with the countries and
regions it is for.

Spans by the wall clock are kept as wall times, those of a file's events in a zone as instants. What repeats without an end is worked
out within the horizon that the document names, so the same documents make the same plan on any day.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from pilotage.consent.policy import Calendar, Closing
from pilotage.event.time import instant_us
from pilotage.journey.almanac import Almanac, FileBroken
from pilotage.journey.document import Document, Fields, Node, Scalar
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms_of_policies import CLASSES
from pilotage.journey.names import Desk
from pilotage.journey.scalars import day_or_instant

COUNTRY_ATTRIBUTE = "country"
"""The attribute that holds a customer's country where no policy names another."""
REGION_ATTRIBUTE = "region"
"""The attribute that holds a customer's region where no policy names another."""
HORIZON_DAYS_MAX = 20 * 366
SOON_DAYS = 60
"""How many days before the end of its horizon a calendar is reported."""


class Homes(msgspec.Struct, frozen=True):
    """The attributes that hold a customer's country and region."""

    country_attribute: str
    region_attribute: str


class Places(msgspec.Struct, frozen=True):
    """Countries by ISO 3166-1 and regions by ISO 3166-2, each in their order."""

    countries: tuple[str, ...]
    regions: tuple[str, ...]


def parse_calendars(desks: Sequence[Desk], almanac: Almanac, homes: Homes) -> tuple[Calendar, ...]:
    """The calendars of all documents by name; `homes` is asked where a calendar tells countries or regions apart."""
    found = [_calendar(desk, almanac, homes) for desk in desks]
    return tuple(sorted(found, key=lambda each: each.name))


def regions_beside(calendars: Iterable[Calendar], almanac: Almanac) -> tuple[str, ...]:
    """All regions of the countries of which calendars name one: who is in another is known not to be in that one."""
    named = {_country_of(region) for calendar in calendars for each in calendar.closings for region in each.regions}
    return tuple(sorted(region for region in almanac.regions if _country_of(region) in named))


def _country_of(region: str) -> str:
    return region.partition("-")[0]


def _calendar(desk: Desk, almanac: Almanac, homes: Homes) -> Calendar:
    root = desk.document.root
    places = _places(desk, "countries", almanac)
    closings = [*_days(desk, places)]
    sources = [node for key in ("holidays", "file") if (node := root.get(key)) is not None]
    horizon = _horizon(desk)
    if sources and horizon is None and root.get("horizon") is None:
        cure = "add 'horizon: {from: …, to: …}': the days are worked out when the plan is made, from one day to another"
        desk.wrong("B004", sources[0], "holidays and files have no end of their own", cure)
    if horizon is not None:
        closings += _holidays(desk, almanac, *horizon)
        closings += _file(desk, almanac, places, *horizon)
    if not sources and root.get("days") is None:
        desk.wrong("B001", root, f"the calendar {desk.document.name!r} names no days", "add 'days', 'holidays' or 'file'")
    _check_homes(desk, closings, homes)
    channels = (desk.known("J016", each, desk.names.channels, "channel", "channels") for each in _scalars(root, "channels"))
    return Calendar(
        name=desk.document.name,
        classes=tuple(sorted({text for text in _texts(root, "classes") if text in CLASSES})),
        channels=tuple(sorted({name for name in channels if name})),
        closings=tuple(
            sorted(set(closings), key=lambda each: (each.start_us, each.end_us, each.countries, each.regions, each.reason, each.fixed))
        ),
    )


def _scalars(fields: Fields, key: str) -> list[Scalar]:
    return [item for item in fields.list(key) if isinstance(item, Scalar)]


def _texts(fields: Fields, key: str) -> list[str]:
    return [item.text for item in _scalars(fields, key)]


def _check_homes(desk: Desk, closings: Sequence[Closing], homes: Homes) -> None:
    """Report an attribute that customers' countries or regions would be read from and that the profile does not have."""
    root = desk.document.root
    asked = (
        ("countries", "country_attribute", homes.country_attribute, any(each.countries or each.regions for each in closings)),
        ("regions", "region_attribute", homes.region_attribute, any(each.regions for each in closings)),
    )
    for what, key, attribute, needed in asked:
        if needed and attribute not in desk.names.attributes:
            near = suggestion(attribute, desk.names.attributes, "attributes")
            cure = f"add it to the profile, or name another as {key!r} in a policy; {near}"
            node = root.get("countries") or root.get("holidays") or root
            desk.wrong("J019", node, f"customers' {what} are read from the unknown attribute {attribute!r}", cure)


def _places(desk: Desk, key: str, almanac: Almanac) -> Places:
    written = _scalars(desk.document.root, key)
    for item in written:
        if item.text not in almanac.countries and item.text not in almanac.regions:
            _unknown_place(desk, item, almanac)
    texts = sorted(item.text for item in written)
    return Places(tuple(text for text in texts if text in almanac.countries), tuple(text for text in texts if text in almanac.regions))


def _unknown_place(desk: Desk, item: Scalar, almanac: Almanac) -> None:
    country, dash, _ = item.text.partition("-")
    if not dash or country not in almanac.countries:
        cure = "write its two letters of ISO 3166-1 in capitals, such as DE, or a region of it by ISO 3166-2, such as DE-BY"
        desk.wrong("B002", item, f"unknown country {item.text!r}", cure)
        return
    regions = ", ".join(sorted(region for region in almanac.regions if _country_of(region) == country))
    cure = f"regions of {country} are: {regions}" if regions else f"write {country}: none of its regions are known"
    desk.wrong("B002", item, f"unknown region {item.text!r}", cure)


def _horizon(desk: Desk) -> tuple[date, date] | None:
    written = desk.document.root.map("horizon")
    if written is None:
        return None
    first, last = day_or_instant(written.scalar("from")), day_or_instant(written.scalar("to"))
    if first is None or last is None or isinstance(first, datetime) or isinstance(last, datetime):
        return None
    if last < first:
        desk.wrong("B005", written.key("to"), "the horizon ends before it begins", "write a later day")
        return None
    if (last - first).days > HORIZON_DAYS_MAX:
        desk.wrong("B005", written.key("to"), "the horizon is longer than twenty years", "write an earlier day")
        return None
    return first, last


def _days(desk: Desk, places: Places) -> Iterator[Closing]:
    for item in desk.document.root.list("days"):
        first = day_or_instant(item.scalar("from")) if isinstance(item, Fields) else None
        if not isinstance(item, Fields) or first is None:
            continue
        written = item.scalar("to")
        last = day_or_instant(written) if written is not None else first
        if last is None:
            continue
        yield from _span(desk, item.key("to") if written else item, first, last, item.text("reason"), places)


def _span(desk: Desk, node: Node, first: date, last: date, reason: str, places: Places) -> Iterator[Closing]:
    fixed = [isinstance(end, datetime) and end.tzinfo is not None for end in (first, last)]
    start_us, end_us = _begin_us(first), _end_us(last)
    if fixed[0] is not fixed[1]:
        desk.wrong("B005", node, "one end is an instant, the other a time on the customer's clock", "give both an offset, or neither")
    elif end_us <= start_us:
        desk.wrong("B005", node, "the span ends before it begins", "let 'to' be later than 'from'")
    else:
        yield Closing(start_us, end_us, reason, places.countries, fixed[0], places.regions)


def _begin_us(day: date) -> int:
    return instant_us(day if isinstance(day, datetime) else datetime(day.year, day.month, day.day))


def _end_us(day: date) -> int:
    """A last day ends with its midnight, a time at itself."""
    return instant_us(day) if isinstance(day, datetime) else _begin_us(day + timedelta(days=1))


def _holidays(desk: Desk, almanac: Almanac, first: date, last: date) -> Iterator[Closing]:
    places, kept = _places(desk, "holidays", almanac), dict[tuple[date, str], list[str]]()
    for country in places.countries:
        for day, name in almanac.holidays(country, first, last):
            yield Closing(_begin_us(day), _end_us(day), name, (country,))
    for region in dict.fromkeys(places.regions):
        for found in almanac.holidays(region, first, last):
            kept.setdefault(found, []).append(region)
    for (day, name), regions in kept.items():  # one closing for all: a country has many regions, and most keep the same days
        yield Closing(_begin_us(day), _end_us(day), name, regions=tuple(regions))


def _file(desk: Desk, almanac: Almanac, places: Places, first: date, last: date) -> Iterator[Closing]:
    written = desk.document.root.scalar("file")
    if written is None:
        return
    try:
        for each in almanac.occurrences(written.text, first, last):
            if each.end_us > each.start_us:
                yield Closing(each.start_us, each.end_us, each.reason, places.countries, each.fixed, places.regions)
    except FileBroken as fault:
        if fault.line:
            desk.report.add("B003", written.text, (fault.line, 1), str(fault), fault.cure)
        else:
            desk.wrong("B003", written, str(fault), fault.cure)


def report_ends(documents: Iterable[Document], today: date, report: Report) -> None:
    """Report the calendars whose horizon has ended, or does soon: beyond it they hold nothing back."""
    for document in documents:
        written = document.root.map("horizon") if document.kind == "calendar" else None
        last = day_or_instant(written.scalar("to")) if written is not None else None
        if written is None or last is None or isinstance(last, datetime):
            continue
        left, place = (last - today).days, written.key("to").place
        cure = "write a later day: its holidays and events are worked out anew"
        if left < 0:
            report.add("B007", document.path, place, f"the calendar {document.name!r} has held nothing back since {last}", cure)
        elif left <= SOON_DAYS:
            message = f"the calendar {document.name!r} holds nothing back after {last}, {left} days from now"
            report.add("B006", document.path, place, message, cure)
