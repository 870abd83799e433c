"""The course of subjects on a clock of their own: the same decisions as a replay through shards and log."""

from collections import defaultdict
from functools import cache, partial

import msgspec

from pilotage.event.digest import canonical
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import resolve
from pilotage.profile.state import encode_state
from pilotage.runner.log import segments_from
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import SHARDS, shard_of
from pilotage.simulate.course import Course, no_reactions
from pilotage.simulate.sources import Faults
from pilotage.simulate.world import World
from tests.determinism.histories import SECRET, START_US, demo_program

UNTIL_US = START_US + 30 * DAY_US
CUSTOMERS = 60


class Noted:
    """Takes note of everything."""

    def __init__(self) -> None:
        self.decisions: dict[bytes, list[Decision]] = defaultdict(list)
        self.gone: list[tuple[bytes, int]] = []
        self.faults: list[str] = []

    def decided(self, subject: bytes, decisions: list[Decision]) -> None:
        self.decisions[subject] += decisions

    def left(self, action: Action, at_us: int) -> None:
        self.gone.append((action.effect, at_us))

    def stayed(self, action: Action, rule: str, reason: str) -> None:
        self.faults.append(rule)

    def refused(self, event: Event, fault: Exception) -> None:
        raise fault


@cache
def history() -> list[Event]:
    """A month of the demo's customers, companies and all."""
    made, seen = [], set()
    for raw in World(11, CUSTOMERS, START_US, faults=Faults(broken=0)).events(UNTIL_US):
        if (raw.source, raw.id) not in seen:
            seen.add((raw.source, raw.id))
            made.append(Event(raw.id, raw.source, raw.type, raw.arrives_us, msgspec.json.encode(raw.data), raw.identifiers))
    return made


@cache
def subjects() -> list[tuple[int, bytes, Event]]:
    links: dict[bytes, bytes] = {}
    found = []
    for event in history():
        resolution = resolve(SECRET, event, links.get)
        links.update(resolution.links)
        found.append((event.occurred_us, resolution.subject, event))
    return found


def test_it_decides_as_a_replay_does() -> None:
    """Persons and accounts come to the same decisions in the same order, and the same states, as when the history is replayed
    through shards, log and virtual dispatcher."""
    program, noted = demo_program(), Noted()
    stores = [MemoryStore() for _ in range(SHARDS)]
    shards = [Shard(n, store, program, "demo", advance=advance) for n, store in enumerate(stores)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, SECRET, partial(recheck_action, program))
    replay.feed(history())
    replay.finish(UNTIL_US)
    course = Course(program, SECRET, noted, no_reactions)
    course.feed(subjects())
    course.settle(UNTIL_US)
    logged: dict[bytes, list[Decision]] = defaultdict(list)
    for store in stores:
        for segment in segments_from(store, 1):
            for record, decisions in zip(segment.records, segment.decisions, strict=True):
                logged[record.subject] += decisions
    made = {subject: decisions for subject, decisions in noted.decisions.items() if decisions}
    assert {s: canonical(each) for s, each in logged.items() if each} == {s: canonical(each) for s, each in made.items()}
    for subject, state in course.states.items():
        known = shards[shard_of(subject)].read(subject)
        assert known is not None and encode_state(known[0]) == encode_state(state)
    assert noted.gone
