"""Customers of the demo world in a rehearsal: their world goes on as fast as they are run, and they answer what they are sent.

A company's members have numbers that follow each other, so customers live in blocks that no company reaches out of. Each version of a
plan gets a world of its own; with the same seed it differs only by what the version sends.
"""

from collections.abc import Iterable

import msgspec

from pilotage.event.envelope import Event
from pilotage.journey.outcome import Action
from pilotage.profile.identity import Unidentified, resolve, subject_id
from pilotage.runner.seen import event_hash
from pilotage.simulate.companies import APART, MEMBERS
from pilotage.simulate.course import NEVER_US, Course, Reaction, Reacts
from pilotage.simulate.sources import RawEvent
from pilotage.simulate.world import World
from pilotage.source.intake import Intake


class Residents:
    """Some customers of the world of a seed. `intake` lets in what their systems say, as it does live."""

    BLOCK = APART * MEMBERS
    """How many customers follow each other so that no company has members in two blocks."""

    def __init__(self, seed: int, numbers: range, start_us: int, secret: bytes, intake: Intake) -> None:
        self.world = World(seed, numbers, start_us)
        self._secret = secret
        self._intake = intake
        self._links: dict[bytes, bytes] = {}
        self._seen: set[bytes] = set()
        self._names = {subject_id(secret, "user_id", f"c{number:06d}"): f"c{number:06d}" for number in numbers}

    def reacting(self, otherwise: Reacts) -> Reacts:
        """What comes of an action: the customers themselves answer messages, and the world tells of it; of anything else `otherwise`
        says."""

        def reacts(action: Action, at_us: int) -> Iterable[Reaction]:
            if action.kind != "send" or action.subject not in self._names:
                return otherwise(action, at_us)
            name, effect = self._names[action.subject], action.effect.hex()
            self.world.message(name, effect, action.target, action.journey, action.step, at_us, action.purpose)
            return ()

        return reacts

    def live(self, course: Course, until_us: int) -> int:
        """Live up to an instant; how many events were taken in."""
        taken = 0
        while True:
            next_us = self.world.next_us or NEVER_US
            if min(next_us, course.next_us) > until_us:
                break
            if course.next_us <= next_us:
                course.settle(course.next_us)  # what is handed over now may be answered before anything else happens
                continue
            found = [passage for raw in self.world.events(next_us) if (passage := self._passage(raw)) is not None]
            taken += len(found)
            course.feed(found)
        return taken

    def _passage(self, raw: RawEvent) -> tuple[int, bytes, Event] | None:
        """An event as it is let in; None if it is refused or known."""
        event = Event(raw.id, raw.source, raw.type, raw.occurred_us, msgspec.json.encode(raw.data), raw.identifiers)
        admitted = self._intake.event(event, raw.arrives_us)
        if not isinstance(admitted, Event):
            return None
        hashed = event_hash(admitted)
        if hashed in self._seen:
            return None
        self._seen.add(hashed)
        try:
            resolution = resolve(self._secret, admitted, self._links.get)
        except Unidentified:
            return None
        self._links.update(resolution.links)
        return raw.arrives_us, resolution.subject, admitted
