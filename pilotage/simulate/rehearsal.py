"""A rehearsal: several versions of a plan, each over the same population, part by part.

A part is some subjects that need no other: people alone, or people with the accounts that they belong to. Parts come to the same
whatever process runs them, in whatever order, and what they come to can be added up; so a rehearsal runs on any number of
processes, stops and goes on between parts, and holds no more in memory than one part needs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import msgspec

from pilotage.event.digest import digest
from pilotage.event.zone import Zones
from pilotage.journey.plan import Plan, decode_plan
from pilotage.journey.program import load
from pilotage.runner.history.parquet import Parquet
from pilotage.runner.history.passages import Passage, passages
from pilotage.simulate.contrast import Contrast
from pilotage.simulate.course import Course
from pilotage.simulate.reactions import Habits, Reactor
from pilotage.simulate.residents import Residents
from pilotage.simulate.tally import Tally
from pilotage.simulate.watcher import Watcher
from pilotage.source.intake import Intake

ALONE, AMONG, BEFORE = "alone", "among", "before"
"""The versions: the candidate journeys by themselves, among all others, and the plan before them."""


class WorldPart(msgspec.Struct, frozen=True, tag="world"):
    """Customers `first` to `last` of the demo world of a seed that begins at an instant; they react by themselves."""

    seed: int
    first: int
    last: int
    start_us: int


class HistoryPart(msgspec.Struct, frozen=True, tag="history"):
    """The subjects of partitions `first` to `last` in the files of each shard; those in `apart` run with others, and not here. With
    `together` it is these groups instead."""

    first: int
    last: int
    apart: tuple[bytes, ...] = ()
    together: tuple[tuple[bytes, ...], ...] = ()


class SpoolPart(msgspec.Struct, frozen=True, tag="spool"):
    """What a file of the spool holds, put there before."""

    name: str


Part = WorldPart | HistoryPart | SpoolPart

Group = tuple[tuple[bytes, ...], list[Passage]]
"""Subjects that run together, and all their events in order. Without names they are those the events are about."""


class Rehearsal(msgspec.Struct, frozen=True):
    """Everything that a rehearsal's outcome depends on but the events themselves. `plans` are the digests of the versions, `changed` the
    candidate journeys. What lies before `from_us` is run and not reported. Of every 2³² subjects `sample` take part, by a hash.
    `events` names the population."""

    plans: dict[str, str]
    changed: tuple[str, ...]
    from_us: int
    until_us: int
    seed: int
    environment: str
    secret: bytes
    habits: Habits
    parts: tuple[Part, ...]
    events: str
    sample: int = 1 << 32

    @property
    def digest(self) -> str:
        """The name of everything that decides what it comes to."""
        return digest(self)


class Outcome(msgspec.Struct):
    """What some parts came to: each version's tally, and how the candidate among all others differs from the plan before."""

    tallies: dict[str, Tally] = {}
    contrast: Contrast = msgspec.field(default_factory=Contrast)

    def plus(self, other: "Outcome") -> None:
        """Add another's."""
        for version, tally in other.tallies.items():
            self.tallies.setdefault(version, Tally()).plus(tally)
        self.contrast.plus(other.contrast)


class Stopped(Exception):
    """The rehearsal was asked to stop; the part at hand is to be run again."""


class Company:
    """What runs parts: the programs of all versions, loaded once in a process. `plans` is a folder with a file for each digest,
    `files` are those of history by shard, `spool` is where those of spooled parts lie, `intake` reads what the demo world's systems say."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        plans: Path,
        zones: Zones,
        files: dict[int, list[Path]] | None = None,
        intake: Intake | None = None,
        spool: Path = Path("."),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._rehearsal = rehearsal
        self._files = files or {}
        self._intake = intake
        self._spool = spool
        self._stopping = stopping
        read: dict[str, Plan] = {each: decode_plan((plans / each).read_bytes()) for each in set(rehearsal.plans.values())}
        self._programs = {version: load(read[each], zones, rehearsal.environment) for version, each in rehearsal.plans.items()}
        self._identified = any(program.accounts is not None for program in self._programs.values())
        self._kept = _kept([read[each] for version, each in rehearsal.plans.items() if version in (AMONG, BEFORE)])
        self._parquet = Parquet()

    def run(self, part: Part) -> Outcome:
        """What a part comes to. Raises `Stopped` when asked to."""
        rehearsal = self._rehearsal
        watchers = {version: Watcher(program, rehearsal.from_us) for version, program in self._programs.items()}
        reactors = {version: Reactor(rehearsal.habits, rehearsal.seed) for version in watchers}
        outcome = Outcome()
        if isinstance(part, WorldPart):
            for first in range(part.first, part.last + 1, Residents.BLOCK):
                self._check()
                block = range(first, min(first + Residents.BLOCK, part.last + 1))
                self._close(outcome, watchers, self._live(part, block, watchers, reactors))
        else:
            for group in self._groups(part):
                self._check()
                self._close(outcome, watchers, self._pass(group, watchers, reactors))
        for version, watcher in watchers.items():
            for (where, what), count in reactors[version].told.items():
                found = watcher.tally.reactions.setdefault(where, {})
                found[what] = found.get(what, 0) + count
            outcome.tallies[version] = watcher.tally
        return outcome

    def _check(self) -> None:
        if self._stopping():
            raise Stopped

    def _pass(self, group: Group, watchers: dict[str, Watcher], reactors: dict[str, Reactor]) -> dict[str, Course]:
        """Let a group pass through every version."""
        courses = {}
        for version, program in self._programs.items():
            course = courses[version] = Course(program, self._rehearsal.secret, watchers[version], reactors[version])
            course.feed(group[1])
            course.settle(self._rehearsal.until_us)
            watchers[version].tally.events += len(group[1])
        return courses

    def _live(self, part: WorldPart, block: range, watchers: dict[str, Watcher], reactors: dict[str, Reactor]) -> dict[str, Course]:
        """Let customers of the demo world live under every version, each in a world of its own."""
        assert self._intake is not None
        courses = {}
        for version, program in self._programs.items():
            residents = Residents(part.seed, block, part.start_us, self._rehearsal.secret, self._intake)
            course = courses[version] = Course(program, self._rehearsal.secret, watchers[version], residents.reacting(reactors[version]))
            watchers[version].tally.events += residents.live(course, self._rehearsal.until_us)
        return courses

    def _close(self, outcome: Outcome, watchers: dict[str, Watcher], courses: dict[str, Course]) -> None:
        if AMONG in watchers and BEFORE in watchers:
            subjects = len({*courses[AMONG].states, *courses[BEFORE].states})
            outcome.contrast.take(watchers[BEFORE].contacts, watchers[AMONG].contacts, subjects, self._kept)
        for version, watcher in watchers.items():
            watcher.close(courses[version].states.values(), self._rehearsal.until_us)

    def _groups(self, part: HistoryPart | SpoolPart) -> Iterator[Group]:
        sampled = self._rehearsal.sample
        for group in _spooled(self._spool / part.name) if isinstance(part, SpoolPart) else self._of_history(part):
            first = min(group[0]) if group[0] else group[1][0][1]
            if int.from_bytes(first[:4], "big") < sampled:  # ids are keyed hashes already
                yield group

    def _of_history(self, part: HistoryPart) -> Iterator[Group]:
        partitions, until_us = range(part.first, part.last + 1), self._rehearsal.until_us
        if not part.together:
            pages = passages(self._parquet, self._files, partitions, until_us, without=part.apart, identified=self._identified)
            for subject, own in groupby(_flat(pages), itemgetter(1)):
                yield (subject,), list(own)
            return
        home = {subject: number for number, subjects in enumerate(part.together) for subject in subjects}
        groups: dict[int, list[Passage]] = {}
        for page in passages(self._parquet, self._files, partitions, until_us, only=tuple(home), identified=self._identified):
            for passage in page:
                groups.setdefault(home[passage[1]], []).append(passage)
        for number, found in sorted(groups.items()):
            found.sort(key=itemgetter(0))
            yield part.together[number], found


def _kept(plans: Sequence[Plan]) -> frozenset[str]:
    """The journeys that some plans have, all alike."""
    versions = [{journey.name: journey.digest for journey in plan.journeys} for plan in plans]
    return frozenset(name for name, found in versions[0].items() if all(each.get(name) == found for each in versions))


def _flat(pages: Iterable[list[Passage]]) -> Iterator[Passage]:
    for page in pages:
        yield from page


_decoder = msgspec.msgpack.Decoder(list[tuple[tuple[bytes, ...], list[Passage]]])


def _spooled(path: Path) -> list[Group]:
    return _decoder.decode(path.read_bytes())


def spool(path: Path, groups: Sequence[Group]) -> SpoolPart:
    """Put groups into a file, as a part."""
    path.write_bytes(msgspec.msgpack.encode(groups))
    return SpoolPart(path.name)
