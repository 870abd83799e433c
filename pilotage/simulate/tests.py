"""The tests that a journey's document carries, as data: what is given, what happens, what is expected, and where each stands.

Everything is resolved: instants are microseconds UTC, attributes have kernel representations, events are JSON that keeps its
contract. `parse_tests` makes them of a document, `trial` runs them, `verdict` compares.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pilotage.journey.plan import Enter, Journey

Place = tuple[int, int]
"""A line and a column of the journey's document."""


class Happening(msgspec.Struct, frozen=True):
    """An event of a test. `of` is the send step whose latest message it is about; its effect key is filled in when it happens. `by` is
    the member of the account that it is about (empty: the account or customer itself)."""

    at_us: int
    type: str
    data: dict[str, Any]
    of: str
    place: Place
    by: str = ""


class Member(msgspec.Struct, frozen=True):
    """A person who belongs to the account of a test, as a customer of a test is given."""

    name: str
    roles: tuple[str, ...]
    attributes: dict[str, Any]
    consents: dict[tuple[str, str], bool]


class Fate(msgspec.Struct, frozen=True):
    """What becomes of what a step hands over (see `journey.forms_of_tests`), and how long after the step that is known."""

    fate: str
    after_us: int = 0
    reason: str = ""
    body: bytes = b"{}"
    outcome: str = ""
    person: str = ""


class HandedOver(msgspec.Struct, frozen=True):
    """A message, call or task that is expected; what is empty may be anything. `target` is the channel, the endpoint, or who is told
    of the task; `content` is a content's name, or what is told. `at_us` is 0 where any time will do."""

    place: Place
    step: str = ""
    target: str = ""
    content: str = ""
    recipient: str = ""
    values: dict[str, Any] = {}
    at_us: int = 0


class Ending(msgspec.Struct, frozen=True):
    """How the latest entry is expected to end."""

    place: Place
    reason: str = ""
    at_us: int = 0


class Expectation(msgspec.Struct, frozen=True):
    """What must come of a test; None is not asked about. `decisions` are (verb, step) pairs."""

    places: dict[str, Place]
    enters: bool | None = None
    steps: tuple[str, ...] | None = None
    messages: tuple[HandedOver, ...] | None = None
    calls: tuple[HandedOver, ...] | None = None
    tasks: tuple[HandedOver, ...] | None = None
    decisions: tuple[tuple[str, str], ...] = ()
    ends: Ending | None = None
    rests: str = ""
    attributes: dict[str, Any] = {}


class DocumentTest(msgspec.Struct, frozen=True):
    """One test of a journey. `consents` leads from (purpose, channel) to what the customer said before the start. `until_us` is 0
    where the test ends when nothing is left to happen. A journey `on_account` has `members`, those longest there first."""

    journey: str
    path: str
    name: str
    place: Place
    start_us: int
    zone: str
    expect: Expectation
    attributes: dict[str, Any] = {}
    consents: dict[tuple[str, str], bool] = {}
    arms: dict[str, str] = {}
    held_out: bool = False
    beside: tuple[str, ...] = ()
    events: tuple[Happening, ...] = ()
    fates: dict[str, Fate] = {}
    until_us: int = 0
    members: tuple[Member, ...] = ()
    on_account: bool = False


def running_with(journeys: Mapping[str, Journey], names: Iterable[str]) -> frozenset[str]:
    """Journeys, and those that they have the customer enter; unknown ones are left out."""
    found, ahead = set[str](), [name for name in names if name in journeys]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [step.journey for step in journeys[name].steps if isinstance(step, Enter)]
    return frozenset(found)
