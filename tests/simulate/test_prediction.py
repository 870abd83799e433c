"""Predictions: a week of the demo world, foretold from the weeks before by a rehearsal of their events, against what came."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.app.speed import DEMO
from pilotage.app.workspace import compile_workspace, load
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.plan import encode_plan
from pilotage.simulate.course import Course, no_reactions
from pilotage.simulate.prediction import RATE, next_week
from pilotage.simulate.reactions import Habits
from pilotage.simulate.rehearsal import AMONG, Company, Group, Rehearsal, spool
from pilotage.simulate.residents import Residents
from pilotage.simulate.tally import Volume
from pilotage.simulate.watcher import Watcher
from pilotage.source.intake import Intake
from pilotage.source.zones import packaged_zones
from tests.determinism.histories import demo_plan, demo_program

START_US = parse_instant_us("2026-03-02T00:00:00Z")
NOW_US = START_US + 35 * DAY_US
CUSTOMERS = 160
SECRET = b"a prediction"
BANDS = (1, 3, 10, 30, 100)
"""Where the bands of the calibration table end, by expected number a week."""


class Recording:
    """A course that remembers what it was fed from outside, and lets one watcher take over from another."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.fed: list[tuple[int, bytes, Event]] = []
        self.states = course.states

    @property
    def next_us(self) -> int:
        return self.course.next_us

    def settle(self, until_us: int) -> None:
        self.course.settle(until_us)

    def feed(self, events: Sequence[tuple[int, bytes, Event]]) -> None:
        self.fed += [each for each in events if not each[2].type.startswith("message.")]
        self.course.feed(events)


@cache
def intake() -> Intake:
    compiled = compile_workspace(load(DEMO, {}), packaged_zones())
    return Intake(compiled.contracts, compiled.segment_names)


def lived(seed: int) -> tuple[list[Group], dict[str, Volume]]:
    """What was told of the customers of a seed up to now, in groups that belong together; and how often steps acted in the week after."""
    groups: list[Group] = []
    truth = Watcher(demo_program(), NOW_US)
    for first in range(0, CUSTOMERS, Residents.BLOCK):
        residents = Residents(seed, range(first, first + Residents.BLOCK), START_US, SECRET, intake())
        course = Course(demo_program(), SECRET, truth, residents.reacting(no_reactions))
        recording = Recording(course)
        residents.live(recording, NOW_US)  # type: ignore[arg-type] # as far as it is asked, a course
        groups.append((tuple(sorted(course.states)), list(recording.fed)))
        residents.live(recording, NOW_US + 7 * DAY_US - 1)  # type: ignore[arg-type] # see above
        truth.close(course.states.values(), NOW_US)
    return groups, truth.tally.volumes


def foretold(groups: list[Group], folder: Path) -> dict[str, Volume]:
    """How often steps acted in a rehearsal of what was told."""
    (folder / demo_plan().digest).write_bytes(encode_plan(demo_plan()))
    parts = (spool(folder / "groups.msgpack", groups),)
    plans = {AMONG: demo_plan().digest}
    rehearsal = Rehearsal(plans, (), START_US, NOW_US, 1, "demo", SECRET, Habits(), parts, "lived")
    company = Company(rehearsal, folder, packaged_zones(), spool=folder)
    return company.run(parts[0]).tallies[AMONG].volumes


def test_the_next_week_lies_within_its_interval(
    pytestconfig: pytest.Config, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Over all seeds and steps, what came in the week after lies within its interval about as often as the rate says."""
    seeds = pytestconfig.getoption("--seeds") or 2
    hits: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for seed in range(seeds):
        groups, truth = lived(seed)
        for name, volume in foretold(groups, tmp_path).items():
            forecast = next_week(volume, START_US, NOW_US)
            assert forecast is not None
            band = next((f"below {end}" for end in BANDS if forecast.expected < end), f"{BANDS[-1]} and more")
            came = truth[name].total if name in truth else 0
            told[band] += 1
            hits[band] += forecast.low <= came <= forecast.high
    record_property("seeds", seeds)
    record_property("intervals", sum(told.values()))
    record_property("of them right", sum(hits.values()))
    for band in (*(f"below {end}" for end in BANDS), f"{BANDS[-1]} and more"):
        if told[band]:
            record_property(f"expected {band}", told[band])
            record_property(f"of them right ({hits[band] / told[band]:.0%})", hits[band])
    share = sum(hits.values()) / sum(told.values())
    assert RATE - 0.02 <= share <= RATE + 0.15


@given(st.lists(st.integers(0, 400), min_size=1, max_size=6), st.integers(1, 5))
def test_an_interval_holds_its_expectation(counts: list[int], cluster: int) -> None:
    """Whatever the weeks were, the expected number lies in its interval."""
    days = {(START_US // DAY_US) + 7 * week: count for week, count in enumerate(counts)}
    found = next_week(Volume(days, sum(counts) * cluster), START_US, START_US + len(counts) * 7 * DAY_US)
    assert found is not None
    assert 0 <= found.low <= found.expected <= found.high


def test_clusters_make_intervals_wider() -> None:
    """A step that comes five times to the same customer is less certain than one that comes to five customers."""
    days = {(START_US // DAY_US) + 7 * week: 40 for week in range(4)}
    tight, loose = (next_week(Volume(days, 160 * each), START_US, START_US + 28 * DAY_US) for each in (1, 5))
    assert tight is not None and loose is not None
    assert loose.high - loose.low > 1.5 * (tight.high - tight.low)


def test_even_weeks_are_expected_to_go_on() -> None:
    """Of weeks that are all alike the next is expected to be like them; of weeks that rise, above their mean."""
    days = {(START_US // DAY_US) + 7 * week: 40 for week in range(4)}
    even = next_week(Volume(days, 160), START_US, START_US + 28 * DAY_US)
    rising = {day: 40 + 40 * place for place, day in enumerate(days)}
    more = next_week(Volume(rising, sum(rising.values())), START_US, START_US + 28 * DAY_US)
    assert even is not None and more is not None
    assert abs(even.expected - 40) < 1 and more.expected > 150


def test_less_than_a_week_foretells_nothing() -> None:
    """From six days there is no forecast."""
    assert next_week(Volume({START_US // DAY_US: 3}, 3), START_US, START_US + 6 * DAY_US) is None
