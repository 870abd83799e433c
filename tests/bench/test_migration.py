"""The migration that is measured is one that a release would carry out."""

from collections import Counter
from pathlib import Path

from bench import workload
from bench.migration import JOURNEY, taking_over
from pilotage.app.workspace import compile_workspace, load
from pilotage.journey.crossing import crossings
from pilotage.source.zones import packaged_zones


def test_everybody_in_flight_has_a_place_in_the_version_that_is_measured(tmp_path: Path) -> None:
    """Whoever waits in the cart journey goes on at the step that the map names, and nothing refuses it."""
    before = workload.plan()
    version = next(journey.digest[:16] for journey in before.journeys if journey.name == JOURNEY)
    after = compile_workspace(load(taking_over(tmp_path), {}), packaged_zones()).plan
    assert after is not None
    found = crossings([before], after, Counter({(JOURNEY, version, "hour"): 7}))
    assert [("hour", 7, "migrate", "first", "")] == [
        (each.step, each.people, each.policy, each.to, each.refusal) for each in found if each.people
    ]
