"""Live equals batch: sixty audiences kept event by event are what SQL makes of the raw files, at any instant and to the second."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import msgspec
import pytest

from pilotage.audience.batch import expanded
from pilotage.event.envelope import Event
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.journey.recheck import recheck_action
from pilotage.predicate.ir import Predicate
from pilotage.profile.identity import subject_id
from pilotage.runner.arrival import Sealed
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.runner.ticket import SHARDS, shard_of
from tests.audience.raw import Raw, Stay
from tests.audience.sixty import CDNOW, CDNOW_FIELDS, CLOCKED, ECOM, ECOM_EVENTS, ECOM_FIELDS, ZONES, plan_of

SECRET = b"live and batch"
DAY_US = 86_400_000_000
ATTRIBUTES = ("platform", "channel", "lifecycle")


class Size(msgspec.Struct, frozen=True):
    """One of how many customers are followed, at how many random instants everybody is compared, and around how many of the
    changes of each audience that reads the clock."""

    of: int
    instants: int
    clocked: int


class Live:
    """The audiences kept live by a replay over shards in memory, and every change that was decided."""

    def __init__(self, plan: Plan) -> None:
        program = load(plan, ZONES, "test")
        self.shards = [Shard(number, MemoryStore(), program, "test", advance=advance) for number in range(SHARDS)]
        for shard in self.shards:
            shard.recover()
        self.replay = _Recorded(self.shards, SECRET, partial(recheck_action, program))
        self.names: dict[bytes, str] = {}

    def feed(self, rows: list[tuple[str, str, int, int, str]]) -> None:
        """Take raw events in."""
        for subject, kind, at_us, row, data in rows:
            event = Event(f"row:{row}", "raw", kind, at_us, data.encode(), {"user_id": subject})
            self.names[subject_id(SECRET, "user_id", subject)] = subject
            self.replay.at(subject_id(SECRET, "user_id", subject), event)

    def members(self) -> set[tuple[str, str]]:
        """Who is in which audience now."""
        states = {subject: known[0] for subject in self.names if (known := self.shards[shard_of(subject)].read(subject))}
        return {(self.names[subject], audience) for subject, state in states.items() for audience in state.audiences}

    def stays(self) -> dict[str, list[Stay]]:
        """Every stay by audience, in order; what began and ended in one instant, between events of it, was none."""
        changes: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
        for subject, audience, at_us, joined in self.replay.changes:
            mine = changes[audience, self.names[subject]]
            if mine and mine[-1][0] == at_us:
                mine.pop()
            else:
                mine.append((at_us, joined))
        found: dict[str, list[Stay]] = defaultdict(list)
        for (audience, subject), mine in sorted(changes.items()):
            for place in range(0, len(mine), 2):
                assert mine[place][1]
                left = mine[place + 1][0] if place + 1 < len(mine) else None
                found[audience].append((subject, audience, mine[place][0], left))
        return found


class _Recorded(Replay):
    """A replay that keeps who joined and left what, and when."""

    changes: list[tuple[bytes, str, int, bool]]

    def _count(self, sealed: Sealed) -> None:
        if not hasattr(self, "changes"):
            self.changes = []
        for record, decisions in zip(sealed.segment.records, sealed.segment.decisions, strict=True):
            for decision in decisions:
                if decision.verb in ("joined", "left"):
                    self.changes.append((record.subject, decision.reason, decision.at_us, decision.verb == "joined"))


def compared(raw: Raw, plan: Plan, size: Size, record: Callable[[str, object], None]) -> None:
    """Follow a raw file live, and hold it against SQL: at random instants, in every stay, and around what the clock changes."""
    conditions = expanded(plan.audiences)
    live, rows, random = Live(plan), raw.histories(), Random(50)
    end_us = raw.last_us + 40 * DAY_US
    at = 0
    for instant_us in sorted(random.randrange(raw.first_us, end_us) for _ in range(size.instants)):
        upto = next((place for place in range(at, len(rows)) if rows[place][2] > instant_us), len(rows))
        live.feed(rows[at:upto])
        at = upto
        live.replay.settle(instant_us)
        assert raw.members(conditions, instant_us) == live.members(), instant_us
    live.feed(rows[at:])
    live.replay.finish(end_us)
    assert raw.members(conditions, end_us) == live.members()
    stays = live.stays()
    for name, condition in conditions.items():
        if name not in CLOCKED:
            assert raw.stays(name, condition, end_us) == stays[name], name
    looked = _around_the_clock(raw, conditions, stays, size.clocked, random)
    record("events", len(rows))
    record("audiences", len(plan.audiences))
    record("stays", sum(map(len, stays.values())))
    record("instants", size.instants + 1 + looked)


def _around_the_clock(raw: Raw, conditions: dict[str, Predicate], stays: dict[str, list[Stay]], number: int, random: Random) -> int:
    """Hold the stays of audiences that read the clock against SQL, just before and at some of their own changes."""
    looked = 0
    for name in sorted(CLOCKED & conditions.keys()):
        changes = sorted({at_us for _, _, *both in stays[name] for at_us in both if at_us})
        for change_us in random.sample(changes, min(number, len(changes))):
            for at_us in (change_us - 1, change_us):
                inside = {(subject, name) for subject, _, entered, left in stays[name] if entered <= at_us and (not left or at_us < left)}
                assert raw.members({name: conditions[name]}, at_us) == inside, (name, at_us)
                looked += 1
    return looked


@pytest.fixture
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether the whole of the data is asked for."""
    return bool(pytestconfig.getoption("--whole"))


def test_sixty_audiences_of_a_clickstream(data_folder: Path, whole: bool, record_property: Callable[[str, object], None]) -> None:
    """Over the shop's clicks, 60 live audiences equal SQL at random instants and in every entry and exit."""
    assert len(ECOM) == 60
    plan = plan_of(ECOM_FIELDS, ECOM_EVENTS, ATTRIBUTES, ECOM)
    raw = Raw(data_folder / "ecom.csv.gz", ATTRIBUTES, 1 if whole else 16)
    compared(raw, plan, Size(1, 50, 25) if whole else Size(16, 5, 3), record_property)


def test_sixty_audiences_of_purchases(data_folder: Path, whole: bool, record_property: Callable[[str, object], None]) -> None:
    """Over the music shop's purchases, 60 live audiences equal SQL at random instants and in every entry and exit."""
    assert len(CDNOW) == 60
    plan = plan_of(CDNOW_FIELDS, ("order.placed",), (), CDNOW)
    raw = Raw(data_folder / "cdnow_master.txt", (), 1 if whole else 150)
    compared(raw, plan, Size(1, 50, 25) if whole else Size(150, 5, 3), record_property)
