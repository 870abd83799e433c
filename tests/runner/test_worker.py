"""Worker processes: shards spread over processes decide alike, and one that is killed loses nothing."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pilotage.contract.builtin import CUSTOMER_IDENTIFIED
from pilotage.event.envelope import Event
from pilotage.profile.identity import subject_id as identified
from pilotage.profile.state import decode_state
from pilotage.runner.clock import VirtualClock
from pilotage.runner.digests import Digests, unite
from pilotage.runner.front import Front
from pilotage.runner.memory import MemoryStore
from pilotage.runner.question import ListSubjects, ReadDigests, ReadHealth, ReadRows, ReadState, ReadStory, ReadTelemetry
from pilotage.runner.station import open_station, open_stores
from pilotage.runner.supervisor import Remote, Supervisor
from pilotage.runner.telemetry import unite as unite_counts
from pilotage.runner.ticket import shard_of
from pilotage.runner.wire import Assignment
from pilotage.source.intake import Admitted
from pilotage.source.sink import Overloaded, Unavailable
from tests.runner.rig import assignments, equip
from tests.runner.toy_kernel import START_US

SECRET = b"a secret of the tests"


def run(scenario: Callable[[], Awaitable[Any]]) -> Any:
    """Run a scenario in a loop of its own; a minute is far more than any needs."""
    return asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def events(numbers: Sequence[int], subjects: int = 60) -> list[Event]:
    """Toy events with identifiers; every seventh stops its subject."""
    kinds = {n: "toy.stop" if n % 7 == 6 else "toy.add" for n in numbers}
    return [Event(f"e{n}", "shop", kind, START_US, b"{}", {"user_id": f"u{n % subjects}"}) for n, kind in kinds.items()]


def make_front(owners: Sequence[Any]) -> Front:
    """A front in memory over some owners."""
    return Front(MemoryStore(), SECRET, owners, VirtualClock(START_US), lambda items: Admitted([], list(items)))


async def in_one_process(folder: Path, everything: list[Event], group: int) -> Digests:
    """The digests after feeding events to a station in this process, in groups."""
    numbers = tuple(range(8))
    station = await open_station(open_stores(folder, numbers), equip(Assignment(str(folder), numbers, "")))
    await station.start()
    front = make_front([station])
    for first in range(0, len(everything), group):
        await front.submit(everything[first : first + group], [])
    found: Digests = await station.ask(ReadDigests())
    await front.close()
    await station.stop()
    return found


async def in_workers(folder: Path, workers: int, everything: list[Event], group: int) -> Digests:
    """The digests after feeding events to worker processes, in groups."""
    supervisor = Supervisor(assignments(folder, workers), pytest.fail)
    await supervisor.start()
    front = make_front(supervisor.remotes)
    for first in range(0, len(everything), group):
        await front.submit(everything[first : first + group], [])
    found = unite(*[await remote.ask(ReadDigests()) for remote in supervisor.remotes])
    await front.close()
    await supervisor.stop()
    return found


def test_a_repeat_after_a_link_is_known_to_another_process(tmp_path: Path) -> None:
    """An event that a browser's own subject has had, in one worker, is a duplicate when it comes for the person, in another."""

    async def scenario() -> None:
        shards = {name: shard_of(identified(SECRET, "anonymous_id", name)) % 2 for name in map(str, range(50))}
        person = shard_of(identified(SECRET, "user_id", "u")) % 2
        browser = next(name for name, shard in shards.items() if shard != person)
        supervisor = Supervisor(assignments(tmp_path, 2), pytest.fail)
        await supervisor.start()
        front = make_front(supervisor.remotes)
        once = Event("once", "shop", "toy.add", START_US, b"{}", {"anonymous_id": browser})
        known = Event("known", "shop", CUSTOMER_IDENTIFIED, START_US, b"{}", {"user_id": "u", "anonymous_id": browser})
        answers = [await front.submit(part, []) for part in ([once], [known], [once])]
        assert [0, 0, 1] == [answer.duplicates for answer in answers]
        await front.close()
        await supervisor.stop()

    run(scenario)


def test_one_process_and_two_workers_decide_alike(tmp_path: Path) -> None:
    """The same events through one process or two workers, in other groups, give the same digests."""

    async def scenario() -> None:
        everything = events(range(1_500))
        alone = await in_one_process(tmp_path / "one", everything, 100)
        spread = await in_workers(tmp_path / "two", 2, everything, 333)
        assert alone == spread
        assert alone.counts[0] == len(everything)

    run(scenario)


async def submit_until_taken(front: Front, batch: list[Event]) -> None:
    """What a sender does: try again until it is acknowledged."""
    while True:
        try:
            await front.submit(batch, [])
            return
        except (Unavailable, Overloaded):
            await asyncio.sleep(0.02)


def test_a_killed_worker_is_started_again_and_loses_nothing(tmp_path: Path) -> None:
    """Under SIGKILLs between and during submissions, with a sender that retries, everything is decided exactly once."""

    async def scenario() -> None:
        everything = events(range(1_200))
        supervisor = Supervisor(assignments(tmp_path / "killed", 2), pytest.fail)
        await supervisor.start()
        front = make_front(supervisor.remotes)
        for round_number, first in enumerate(range(0, len(everything), 100)):
            sending = asyncio.ensure_future(submit_until_taken(front, everything[first : first + 100]))
            if round_number % 4 == 1:
                await asyncio.sleep(0.001 * round_number)
                os.kill(supervisor.remotes[round_number % 8 // 4].pid, signal.SIGKILL)
            await sending
        await until(lambda: supervisor.ready)
        found = unite(*[await remote.ask(ReadDigests()) for remote in supervisor.remotes])
        assert 3 == sum(remote.restarts for remote in supervisor.remotes)
        await front.close()
        await supervisor.stop()
        assert await in_one_process(tmp_path / "reference", everything, 100) == found

    run(scenario)


def test_the_other_shards_go_on_while_a_worker_is_down(tmp_path: Path) -> None:
    """While one worker is dead its subjects are `Unavailable` and the front is not ready; the other's are served."""

    async def scenario() -> None:
        supervisor = Supervisor(assignments(tmp_path, 2), pytest.fail)
        await supervisor.start()
        front = make_front(supervisor.remotes)
        dead, alive = supervisor.remotes
        os.kill(dead.pid, signal.SIGKILL)
        await until(lambda: not dead.ready)
        assert not supervisor.ready
        of = {number in dead.numbers: n for n in range(60) if (number := shard_of(identified(SECRET, "user_id", f"u{n}"))) is not None}
        with pytest.raises(Unavailable):
            await front.submit(events([of[True]]), [])
        assert 1 == (await front.submit(events([of[False]]), [])).accepted
        assert alive.ready
        await until(lambda: supervisor.ready)
        assert 1 == (await front.submit(events([of[True]]), [])).accepted
        await front.close()
        await supervisor.stop()

    run(scenario)


def test_a_worker_ends_when_its_front_is_gone(tmp_path: Path) -> None:
    """When the socket to the front closes, the process exits by itself and frees its shards."""

    async def scenario() -> None:
        [assignment] = assignments(tmp_path, 1)
        remote = Remote(assignment, pytest.fail)
        remote.start()
        await remote.started
        remote._stopping.set()
        assert remote._wire is not None
        await remote._wire.close()
        await remote.stop()
        again = open_stores(tmp_path, assignment.numbers)
        assert 8 == len(again)
        for store in again.values():
            store.close()

    run(scenario)


def test_questions_have_the_same_answers_in_a_worker(tmp_path: Path) -> None:
    """State, story, subjects, rows, counters and health cross the wire as they are in the process that owns them."""

    async def scenario() -> None:
        supervisor = Supervisor(assignments(tmp_path, 1), pytest.fail)
        await supervisor.start()
        [remote] = supervisor.remotes
        front = make_front([remote])
        await front.submit(events(range(120)), [])
        subject = identified(SECRET, "user_id", "u1")
        known = await remote.ask(ReadState(subject))
        assert 2 == decode_state(known.state).attributes["count"]
        told = await remote.ask(ReadStory(subject))
        assert ["e61", "e1"] == [each.record.event.id for each in told]
        assert ["e1"] == [each.record.event.id for each in await remote.ask(ReadStory(subject, before=told[0].position))]
        everyone = await remote.ask(ListSubjects(limit=1_000))
        assert 60 == len(everyone)
        assert everyone[10:15] == await remote.ask(ListSubjects(after=everyone[9], limit=5))
        assert [] == await remote.ask(ReadRows("action", b"", b"\xff"))
        counters = unite_counts([await remote.ask(ReadTelemetry())])
        assert {"": 120} == counters.counts["events"]
        assert (await remote.ask(ReadHealth())).next_due_us > START_US
        assert None is await remote.ask(ReadState(bytes(16)))
        await front.close()
        await supervisor.stop()

    run(scenario)


async def until(true: Callable[[], bool]) -> None:
    """Return as soon as something has come true; the scenario's time limit bounds the wait."""
    while not true():
        await asyncio.sleep(0.005)
