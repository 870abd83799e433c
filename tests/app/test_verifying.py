"""What was run live, decided again: verified byte for byte, told under its own plan, and rehearsed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.app.cli import invoke
from pilotage.app.demo import START_US, scene
from pilotage.app.exits import BUSY, NO_INPUT
from pilotage.app.reach import reach
from pilotage.app.smoke import live
from pilotage.app.under_views import UnderView
from pilotage.app.verifying import verify_folder
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Outcome
from pilotage.profile.state import State
from pilotage.runner.clock import VirtualClock
from pilotage.runner.folder import open_folder, read_environment

DAYS = 3


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of some days of the demo, run live through HTTP, dispatcher and mail room."""
    folder = tmp_path_factory.mktemp("lived")

    async def scenario() -> None:
        clock = VirtualClock(START_US)
        async with scene(folder, 150, 3, clock, 0) as played:
            await live(played.system, clock, played.retailer, START_US + DAYS * DAY_US)

    asyncio.run(scenario())
    return folder / "data"


def test_a_day_run_live_is_decided_again(lived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every decision of a day that was run live comes out byte for byte, and so does every state."""
    assert 0 == invoke(["rehearse", "--verify", "--data", str(lived), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (True, None, 0) == (told["same"], told["first"], told["before"])
    assert told["records"] == told["identical"] and told["subjects"] == told["states"]
    assert told["records"] > 300 and told["decisions"] > 50


def test_it_is_told_in_words(lived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json the counts are told, in two lines where all is the same."""
    assert 0 == invoke(["rehearse", "--verify", "--data", str(lived)])
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("come out as they did")
    assert second.startswith("compared: ")


def test_the_first_difference_in_time_is_told(lived: Path) -> None:
    """Of differences in several shards the first in time is told, with shard, position, subject and event."""

    def other(program: Any, state: State, event: Event, now_us: int) -> Outcome:
        outcome = advance(program, state, event, now_us)
        outcome.decisions = [msgspec.structs.replace(each, reason="no reason") for each in outcome.decisions]
        return outcome

    parity = verify_folder(lived, kernel=other)
    assert parity.first is not None and parity.counts["different"] > 1
    assert min(fault.received_us for fault in parity.faults) == parity.first.received_us
    assert ("decisions[0].reason", "no reason") == (parity.first.field, parity.first.found)


def test_a_folder_that_is_run_on_is_left_alone(lived: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where another process runs, or there is no folder, the command says so and ends with the code for it."""
    environment = read_environment(lived)
    folder = open_folder(lived, environment.name, production=environment.production)
    try:
        assert BUSY == invoke(["rehearse", "--verify", "--data", str(lived)])
        assert "another process runs on" in capsys.readouterr().err
    finally:
        folder.close()
    assert NO_INPUT == invoke(["rehearse", "--verify", "--data", str(tmp_path)])


def test_everybody_is_the_same_under_the_same_plan(lived: Path) -> None:
    """Under the plan that was live everybody's story is decided all the same, whatever messages and tasks came of it."""
    digest = read_environment(lived).plans[-1]

    async def scenario() -> list[UnderView]:
        async with reach(lived) as reader:
            page = await reader.subjects("", 1_000)
            return [await reader.under(bytes.fromhex(subject), digest[:12], None) for subject in page.subjects]

    found = asyncio.run(scenario())
    assert len(found) > 50 and sum(len(each.lines) for each in found) > 300
    assert [] == [each.subject for each in found if not (each.same and each.whole)]


def test_live_history_is_rehearsed_as_it_was_decided(lived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rehearsal of the live plan over live history, companies and all, has as many entries of each journey as were made."""
    assert 0 == invoke(["rehearse", str(lived.parent / "workspace"), "--data", str(lived), "--json"])
    report = json.loads(capsys.readouterr().out)
    [among] = report["versions"]
    entered = {each["journey"]: each["entered"] for each in among["journeys"] if each["entered"]}
    query = "select journey, count(*) from decisions where verb = 'entered' and journey <> '' group by journey"
    assert 0 == invoke(["history", "query", query, "--data", str(lived), "--json"])
    assert dict(json.loads(capsys.readouterr().out)["rows"]) == entered
    assert "renewal.accounts.contract_ending" in entered
    assert report["rates"]["email"]["handed"] > 0
