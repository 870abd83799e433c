"""Calendars: days and spans on which nothing of some classes leaves, such as public holidays where the subject lives.

Most spans are read on the subject's wall clock, as quiet hours are; the others are the same instants for everybody. The first
instant that a calendar allows is exact through clock changes: the one at which the wall clock first shows a time outside.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from pilotage.consent.policy import Calendar, Closing
from pilotage.event.zone import Zones


class Spans(msgspec.Struct, frozen=True):
    """Spans that neither touch nor overlap, in their order; `labels` say of each which calendar decides when it ends, and why."""

    starts: list[int]
    ends: list[int]
    labels: list[tuple[str, str]]

    def at(self, us: int) -> int:
        """The place of the span that holds a time, or -1."""
        place = bisect_right(self.starts, us) - 1
        return place if place >= 0 and us < self.ends[place] else -1


class Closings:
    """The calendars that hold for one kind of message, by country and region of the subject. Read only; safe to share."""

    def __init__(self, calendars: Sequence[Calendar]) -> None:
        self._calendars = calendars
        self._homes: dict[tuple[str, str], tuple[Spans, Spans]] = {}

    def __bool__(self) -> bool:
        return bool(self._calendars)

    def of(self, country: str, region: str) -> tuple[Spans, Spans]:
        """The spans by the wall clock, and the fixed ones, for subjects in a region of a country; where the country is not known
        (empty), those of all countries and regions count, and where the region is not, those of all regions of the country."""
        home = country, region
        found = self._homes.get(home)
        if found is None:
            mine = [
                (each, calendar.name)
                for calendar in self._calendars
                for each in calendar.closings
                if holds_in(each.countries, each.regions, country, region)
            ]
            walls, fixed = ([pair for pair in mine if pair[0].fixed is kind] for kind in (False, True))
            found = self._homes[home] = _joined(walls), _joined(fixed)
        return found


def holds_in(countries: Sequence[str], regions: Sequence[str], country: str, region: str) -> bool:
    """Whether what is for some countries and regions (neither: for all) holds for a subject; what is not known of the subject is no
    reason for it not to."""
    if not country or not (countries or regions) or country in countries:
        return True
    return region in regions if region else any(each.startswith(f"{country}-") for each in regions)


def _joined(closings: Iterable[tuple[Closing, str]]) -> Spans:
    spans = Spans([], [], [])
    for each, name in sorted(closings, key=lambda pair: (pair[0].start_us, -pair[0].end_us, pair[1], pair[0].reason)):
        if not spans.ends or each.start_us > spans.ends[-1]:
            spans.starts.append(each.start_us)
            spans.ends.append(each.end_us)
            spans.labels.append((name, each.reason))
        elif each.end_us > spans.ends[-1]:
            spans.ends[-1], spans.labels[-1] = each.end_us, (name, each.reason)
    return spans


def closed_until(spans: tuple[Spans, Spans], zones: Zones, zone: str, now_us: int) -> tuple[int, str, str]:
    """The first instant from `now_us` on that lies in none of the spans (those by the wall clock, and the fixed ones), with the name and
    the reason of the calendar that decides it; zero and empty texts when `now_us` itself is allowed."""
    walls, fixed = spans
    at_us, label = now_us, ("", "")
    while True:
        place = fixed.at(at_us)
        if place >= 0:
            at_us, label = fixed.ends[place], fixed.labels[place]
            continue
        wall_us = zones.wall_us(at_us, zone)
        place = walls.at(wall_us)
        if place < 0:
            return (at_us, *label) if at_us > now_us else (0, "", "")
        label, end_us = walls.labels[place], at_us + walls.ends[place] - wall_us
        shift_us = zones.next_shift(at_us, zone)  # the wall clock may jump out of the span, or back into it, before it ends
        at_us = shift_us if 0 < shift_us < end_us else end_us
