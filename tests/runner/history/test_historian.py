"""The historian: history follows live events, at a stop and on demand, and whatever fails there stops nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from pilotage.event.time import DAY_US
from pilotage.runner.clock import VirtualClock
from pilotage.runner.cursor import history_bound
from pilotage.runner.history import historian as module
from pilotage.runner.history.historian import HistoryLimits
from pilotage.runner.history.parquet import HistoryUnwritable, Parquet
from pilotage.runner.history.parts import Rules
from pilotage.runner.log import segments_from
from pilotage.runner.memory import MemoryStore
from pilotage.runner.question import CompactHistory, ReadHistory, ReadLog
from pilotage.runner.station import Equipment, Station, open_station
from pilotage.runner.telemetry import samples
from tests.runner.history.past import opened, plainly
from tests.runner.rig import arrivals, memory_stores, results_of, routed, small_limits
from tests.runner.toy_kernel import START_US, advance

SOON = HistoryLimits(rules=Rules(records_max=40, fan=3, sparse_records=20), every_s=0.05, retry_s=0.05)


class Site:
    """A station over stores in memory that keeps its history in a folder."""

    def __init__(self, data: Path, limits: HistoryLimits = SOON, stores: Sequence[MemoryStore] = ()) -> None:
        self.data = data
        self.stores = list(stores) or memory_stores()
        self.clock = VirtualClock(START_US)
        self.limits = limits

    async def open(self) -> Station:
        """Recover and start."""
        equipment = Equipment("test", "", lambda plan: "program", advance, self.clock, shard_limits=small_limits())
        equipment.history, equipment.history_limits = self.data, self.limits
        self.station = await open_station(dict(enumerate(self.stores)), equipment)
        await self.station.start()
        return self.station

    def is_the_log(self) -> bool:
        """Whether files and tail of all shards are what their logs have, each once."""
        stores = dict(enumerate(self.stores))
        for number, store in stores.items():
            store.reopen()
            with opened(self.data, {number: store}) as history:
                told = list(history.events()), list(history.decisions())
            if told != plainly(list(segments_from(store, 1))):
                return False
        return True

    def behind(self) -> int:
        """How many records are in the logs alone."""
        assert self.station.historian is not None
        return sum(state.behind for state in self.station.historian.states())


async def until(true: Callable[[], bool]) -> None:
    """Return as soon as something has come true; the scenario's time limit bounds the wait."""
    while not true():
        await asyncio.sleep(0.005)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in a loop of its own."""
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def test_history_follows_live_events(tmp_path: Path) -> None:
    """While events come history is filed and joined, whole at every look, and at rest nothing is behind after a while."""

    async def scenario() -> None:
        site = Site(tmp_path)
        station = await site.open()
        for first in range(0, 600, 50):
            assert 50 == results_of(await station.submit(routed(arrivals(range(first, first + 50)))))
            site.clock.advance(DAY_US // 5)
        await until(lambda: site.behind() == 0)
        assert site.is_the_log()
        station.historian.measure()  # type: ignore[union-attr]
        snapshot = station.telemetry.snapshot()
        assert 600 == sum(count for (table,), count in samples(snapshot.counts["history_rows"]) if table == "events")
        assert {0} == {count for _, count in samples(snapshot.gauges["history_behind_records"])}
        await station.stop()
        assert site.is_the_log()

    run(scenario)


def test_a_stop_files_what_there_is(tmp_path: Path) -> None:
    """At a stop everything is filed, though neither its time nor its number had come; the next start goes on from there."""

    async def scenario() -> None:
        site = Site(tmp_path, HistoryLimits())
        for first in (0, 100):
            station = await site.open()
            await station.submit(routed(arrivals(range(first, first + 100))))
            assert 100 == site.behind()
            await station.stop()
            assert 0 == site.behind()
            assert site.is_the_log()

    run(scenario)


def test_history_is_brought_up_to_date_on_demand(tmp_path: Path) -> None:
    """Asked to, a station files everything at once and says so; its tail can be read until then."""

    async def scenario() -> None:
        site = Site(tmp_path, HistoryLimits())
        station = await site.open()
        await station.submit(routed(arrivals(range(200))))
        before = await station.ask(ReadHistory())
        tail = [await station.ask(ReadLog(state.shard, state.cursor)) for state in before]
        assert 200 == sum(len(segment.records) for segments in tail for segment in segments) == sum(each.behind for each in before)
        after = await station.ask(CompactHistory())
        assert (0, 200) == (sum(each.behind for each in after), sum(each.cursor for each in after))
        assert [[]] * 8 == [await station.ask(ReadLog(state.shard, state.cursor)) for state in after]
        await station.stop()

    run(scenario)


def test_a_disk_that_takes_no_history_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While history cannot be written events go on, the fault is told, the log keeps everything, and it follows by itself."""

    class Full(Parquet):
        """Takes nothing while it is full."""

        full = True

        def write(self, rows, path) -> None:  # type: ignore[no-untyped-def]  # as in Parquet
            """Refuse, or write."""
            if Full.full:
                raise HistoryUnwritable("no space left")
            super().write(rows, path)

    monkeypatch.setattr(module, "Parquet", Full)

    async def scenario() -> None:
        site = Site(tmp_path)
        station = await site.open()
        await station.submit(routed(arrivals(range(300))))
        states = station.historian.states  # type: ignore[union-attr]
        await until(lambda: any("no space left" in state.fault for state in states()))
        assert 100 == results_of(await station.submit(routed(arrivals(range(300, 400)))))
        assert {0} == {history_bound(store) for store in site.stores}
        with pytest.raises(HistoryUnwritable):
            await station.ask(CompactHistory())
        Full.full = False
        await until(lambda: site.behind() == 0)
        assert {""} == {state.fault for state in states()}
        await station.stop()
        assert site.is_the_log()

    run(scenario)


def test_old_history_goes_and_the_log_goes_behind_it(tmp_path: Path) -> None:
    """Files are kept for the retention and little longer; what is younger is whole."""

    async def scenario() -> None:
        site = Site(tmp_path, HistoryLimits(retention_days=20, rules=SOON.rules))
        station = await site.open()
        for day in range(0, 61, 4):
            site.clock.set(START_US + day * DAY_US)
            await station.submit(routed(arrivals(range(day * 40, day * 40 + 40))))
            await station.ask(CompactHistory())
        with opened(site.data, dict(enumerate(site.stores))) as history:
            days = {(each.received_us - START_US) // DAY_US for each in history.events()}
        assert set(range(40, 61, 4)) <= days
        assert set() == days & set(range(37))
        await station.stop()

    run(scenario)
