"""Pauses and stops of journeys: what the program in force says of them, and what that means for an entry at an instant.

While a journey is paused none of its steps acts. What its entries wait for is noticed all the same: whoever goes on comes to the
next step and rests before it, and begins it when the pause is over. Of deadlines, time stands still. A journey that is stopped takes
nobody any more; those under way finish, or exit. All this is read off the controls that a program carries, so pausing a journey
touches nobody.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from pilotage.event.digest import key128
from pilotage.predicate.flips import earliest
from pilotage.profile.state import Entry, State

HALTED = 5
"""The phase of an entry that rests before a step, since its journey is paused."""

PAUSED, STOPPED = "the journey is paused", "the journey is stopped"


class Pause(msgspec.Struct, frozen=True):
    """One pause, from an instant until another (0: it goes on). At its end `deadlines` shift by its length, or those that have
    passed expire at once; `entries` that begin meanwhile queue before their first step, or are refused."""

    from_us: int
    until_us: int = 0
    deadlines: str = "shift"
    entries: str = "queue"


class Stop(msgspec.Struct, frozen=True):
    """One stop, from an instant until the journey is resumed (0: it was not); those `under_way` finish, or exit."""

    from_us: int
    until_us: int = 0
    under_way: str = "finish"


class Controls(msgspec.Struct, frozen=True):
    """All pauses and stops there ever were, by journey, the earliest first."""

    pauses: dict[str, tuple[Pause, ...]] = {}
    stops: dict[str, tuple[Stop, ...]] = {}


NO_CONTROLS = Controls()

Span = TypeVar("Span", Pause, Stop)


def pause_at(controls: Controls, journey: str, at_us: int) -> Pause | None:
    """The pause that a journey is in at an instant."""
    return _during(controls.pauses, journey, at_us)


def closed(controls: Controls, journey: str, at_us: int) -> str:
    """Why nobody may enter a journey at an instant, whatever its own rules say; empty if people may."""
    if _during(controls.stops, journey, at_us) is not None:
        return STOPPED
    pause = pause_at(controls, journey, at_us)
    return PAUSED if pause is not None and pause.entries == "refuse" else ""


def meeting_us(controls: Controls, state: State) -> int:
    """The first instant at which an entry meets the end of a pause or a stop that it has not met; 0 if none does."""
    found = 0
    for entry in state.entries:
        found = earliest(found, earliest(ends_us(controls, state, entry), exits_us(controls, entry)))
    return found


def ends_us(controls: Controls, state: State, entry: Entry) -> int:
    """When an entry meets the end of the first pause whose end it has not met: 0 if there is none, or it goes on. One that rests
    before a step although no pause is left begins it as of when it came there."""
    pause = next_pause(controls, state, entry)
    if pause is not None:
        return pause.until_us
    return entry.since_us if entry.phase == HALTED else 0


def next_pause(controls: Controls, state: State, entry: Entry) -> Pause | None:
    """The first pause whose end an entry has not met."""
    pauses = controls.pauses.get(entry.journey)
    if pauses is None or not entry.step:  # whoever is held out has no step that could act, so nothing pauses that
        return None
    met_us = max(entry.since_us, state.resumed.get(entry.journey, 0))
    return next((pause for pause in pauses if not pause.until_us or pause.until_us > met_us), None)


def exits_us(controls: Controls, entry: Entry) -> int:
    """When an entry exits because its journey is stopped; 0 if it does not."""
    for stop in controls.stops.get(entry.journey, ()):
        if stop.under_way == "exit" and (not stop.until_us or entry.entered_us < stop.until_us):
            return max(stop.from_us, entry.since_us)
    return 0


def overlooked(controls: Controls, state: State) -> bool:
    """Whether nothing but a touch brings a subject to the end of a pause or a stop: it rests before a step, a deadline came while
    time stood still for it, or it is to exit. For all others the instants they wait for are early enough."""
    for entry in state.entries:
        if exits_us(controls, entry):
            return True
        passed = entry.deadline_us and not 0 < entry.due_us <= entry.deadline_us
        if (passed or entry.phase == HALTED) and ends_us(controls, state, entry):
            return True
    return False


def ended_digest(controls: Controls) -> bytes:
    """Names the pauses that are over and the stops that let nobody finish; empty if there are none."""
    ended = [(journey, each.from_us, each.until_us) for journey, pauses in controls.pauses.items() for each in pauses if each.until_us]
    exits = [(journey, each.from_us, 0) for journey, stops in controls.stops.items() for each in stops if each.under_way == "exit"]
    named = sorted((*ended, *exits))
    return key128(*(part for each in named for part in each)) if named else b""


def _during(spans: Mapping[str, tuple[Span, ...]], journey: str, at_us: int) -> Span | None:
    for each in spans.get(journey, ()):
        if each.from_us <= at_us and not 0 < each.until_us <= at_us:
            return each
    return None
