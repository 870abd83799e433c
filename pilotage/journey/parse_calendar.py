"""Calendars: days written out, public holidays and the events of a file become spans, each with the countries it is for.

Spans by the wall clock are kept as wall times, those of a file's events in a zone as instants. What repeats without an end is worked
out within the horizon that the document names, so the same documents make the same plan on any day.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

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
HORIZON_DAYS_MAX = 20 * 366
SOON_DAYS = 60
"""How many days before the end of its horizon a calendar is reported."""


def parse_calendars(desks: Sequence[Desk], almanac: Almanac, country_attribute: str) -> tuple[Calendar, ...]:
    """The calendars of all documents by name; `country_attribute` is the one that is asked where a calendar tells countries apart."""
    found = [_calendar(desk, almanac, country_attribute) for desk in desks]
    return tuple(sorted(found, key=lambda each: each.name))


def _calendar(desk: Desk, almanac: Almanac, country_attribute: str) -> Calendar:
    root = desk.document.root
    countries = tuple(sorted(_countries(desk, "countries", almanac)))
    closings = [*_days(desk, countries)]
    sources = [node for key in ("holidays", "file") if (node := root.get(key)) is not None]
    horizon = _horizon(desk)
    if sources and horizon is None and root.get("horizon") is None:
        cure = "add 'horizon: {from: …, to: …}': the days are worked out when the plan is made, from one day to another"
        desk.wrong("B004", sources[0], "holidays and files have no end of their own", cure)
    if horizon is not None:
        closings += _holidays(desk, almanac, *horizon)
        closings += _file(desk, almanac, countries, *horizon)
    if not sources and root.get("days") is None:
        desk.wrong("B001", root, f"the calendar {desk.document.name!r} names no days", "add 'days', 'holidays' or 'file'")
    if any(each.countries for each in closings) and country_attribute not in desk.names.attributes:
        node = root.get("countries") or root.get("holidays") or root
        near = suggestion(country_attribute, desk.names.attributes, "attributes")
        cure = f"add it to the profile, or name another as 'country_attribute' in a policy; {near}"
        desk.wrong("J019", node, f"customers' countries are read from the unknown attribute {country_attribute!r}", cure)
    channels = (desk.known("J016", each, desk.names.channels, "channel", "channels") for each in _scalars(root, "channels"))
    return Calendar(
        name=desk.document.name,
        classes=tuple(sorted({text for text in _texts(root, "classes") if text in CLASSES})),
        channels=tuple(sorted({name for name in channels if name})),
        closings=tuple(sorted(set(closings), key=lambda each: (each.start_us, each.end_us, each.countries, each.reason, each.fixed))),
    )


def _scalars(fields: Fields, key: str) -> list[Scalar]:
    return [item for item in fields.list(key) if isinstance(item, Scalar)]


def _texts(fields: Fields, key: str) -> list[str]:
    return [item.text for item in _scalars(fields, key)]


def _countries(desk: Desk, key: str, almanac: Almanac) -> Iterator[str]:
    for item in _scalars(desk.document.root, key):
        if item.text in almanac.countries:
            yield item.text
        else:
            cure = "write its two letters of ISO 3166-1 in capitals, such as DE"
            desk.wrong("B002", item, f"unknown country {item.text!r}", cure)


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


def _days(desk: Desk, countries: tuple[str, ...]) -> Iterator[Closing]:
    for item in desk.document.root.list("days"):
        first = day_or_instant(item.scalar("from")) if isinstance(item, Fields) else None
        if not isinstance(item, Fields) or first is None:
            continue
        written = item.scalar("to")
        last = day_or_instant(written) if written is not None else first
        if last is None:
            continue
        yield from _span(desk, item.key("to") if written else item, first, last, item.text("reason"), countries)


def _span(desk: Desk, node: Node, first: date, last: date, reason: str, countries: tuple[str, ...]) -> Iterator[Closing]:
    fixed = [isinstance(end, datetime) and end.tzinfo is not None for end in (first, last)]
    start_us, end_us = _begin_us(first), _end_us(last)
    if fixed[0] is not fixed[1]:
        desk.wrong("B005", node, "one end is an instant, the other a time on the customer's clock", "give both an offset, or neither")
    elif end_us <= start_us:
        desk.wrong("B005", node, "the span ends before it begins", "let 'to' be later than 'from'")
    else:
        yield Closing(start_us, end_us, reason, countries, fixed[0])


def _begin_us(day: date) -> int:
    return instant_us(day if isinstance(day, datetime) else datetime(day.year, day.month, day.day))


def _end_us(day: date) -> int:
    """A last day ends with its midnight, a time at itself."""
    return instant_us(day) if isinstance(day, datetime) else _begin_us(day + timedelta(days=1))


def _holidays(desk: Desk, almanac: Almanac, first: date, last: date) -> Iterator[Closing]:
    for country in _countries(desk, "holidays", almanac):
        for day, name in almanac.holidays(country, first, last):
            yield Closing(_begin_us(day), _end_us(day), name, (country,))


def _file(desk: Desk, almanac: Almanac, countries: tuple[str, ...], first: date, last: date) -> Iterator[Closing]:
    written = desk.document.root.scalar("file")
    if written is None:
        return
    try:
        for each in almanac.occurrences(written.text, first, last):
            if each.end_us > each.start_us:
                yield Closing(each.start_us, each.end_us, each.reason, countries, each.fixed)
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
