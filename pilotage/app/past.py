"""Reaching the history of a data folder: through the process that runs on it, or from its stores when nobody does.

The files are read where they lie either way; of a running system only the extents and the tail are asked for. If files were
joined while they were being listed, they are listed again.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
import msgspec

from pilotage.app import views
from pilotage.app.exits import NO_INPUT, UNAVAILABLE, Trouble
from pilotage.app.remote import answered, running_at
from pilotage.event.time import DAY_US
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import FolderBusy, open_folder, read_environment
from pilotage.runner.history.parquet import FileGone
from pilotage.runner.history.parts import HistoryBroken
from pilotage.runner.history.progress import ShardBackfill, read_filled
from pilotage.runner.history.reader import History
from pilotage.runner.history.rest import compact_at_rest, states_of, tail_of
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import Segment
from pilotage.runner.station import open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS

COMPACTING_S = 3_600.0
"""How long a running process may take to bring its history up to date."""

ATTEMPTS = 3
Found = TypeVar("Found")


class Keeper(Protocol):
    """Whoever knows how far the history of a folder is. `running` says whether a process is at work on it."""

    running: bool

    def status(self) -> views.HistoryView:
        """How far history is."""

    def compact(self) -> views.HistoryView:
        """Bring history up to date; how it is then."""

    def backfill(self) -> views.BackfillView:
        """How far the past that a release asks for is filled in."""

    def extents(self) -> list[ShardHistory]:
        """How far each shard's files and log reach now."""

    def tail(self, shard: int, after: int) -> Iterable[Segment]:
        """The segments of a shard's log that hold the positions above one."""


class _Running:
    """The keeper that asks a running process."""

    running = True

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def status(self) -> views.HistoryView:
        return self._ask("GET", "/history", views.HistoryView)

    def compact(self) -> views.HistoryView:
        return self._ask("POST", "/history/compact", views.HistoryView)

    def backfill(self) -> views.BackfillView:
        return self._ask("GET", "/history/backfill", views.BackfillView)

    def extents(self) -> list[ShardHistory]:
        return [ShardHistory(each.shard, each.after, each.cursor, each.durable) for each in self.status().shards]

    def tail(self, shard: int, after: int) -> Iterator[Segment]:
        while True:
            page = self._ask("GET", f"/history/tail?shard={shard}&after={after}", views.LogPage)
            segments = msgspec.msgpack.decode(page.segments, type=list[Segment])
            if not segments:
                return
            yield from segments
            after = segments[-1].last

    def _ask(self, method: str, path: str, kind: type[Found]) -> Found:
        try:
            answer = self._client.request(method, f"/api/v1{path}")
        except httpx.HTTPError as fault:
            raise Trouble(f"the running process does not answer: {fault}", UNAVAILABLE, "see its log") from fault
        return answered(answer, kind)


class _AtRest:
    """The keeper of a folder that this process has to itself."""

    running = False

    def __init__(self, data: Path, stores: dict[int, Store]) -> None:
        self._data = data
        self._stores = stores
        self.tail = tail_of(stores)

    def status(self) -> views.HistoryView:
        return views.history_view(self.extents())

    def compact(self) -> views.HistoryView:
        compact_at_rest(self._data, self._stores, SystemClock().now_us() // DAY_US)
        return self.status()

    def backfill(self) -> views.BackfillView:
        recording = read_environment(self._data).recording
        if recording is None:
            return views.backfill_view([], [])
        filled = [ShardBackfill(shard, read_filled(store, shard, recording.plan)) for shard, store in sorted(self._stores.items())]
        return views.backfill_view(sorted(recording.known), filled)

    def extents(self) -> list[ShardHistory]:
        return states_of(self._data, self._stores)


@contextlib.contextmanager
def keeper_of(data: Path) -> Iterator[Keeper]:
    """The keeper of a data folder's history. `Trouble` if there is no folder, or its process cannot be asked."""
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        url, headers = running_at(data, busy)
        with httpx.Client(base_url=url, headers=headers, timeout=COMPACTING_S, trust_env=False) as client:
            yield _Running(client)
        return
    stores: dict[int, Store] = {}
    try:
        stores = open_stores(data, range(SHARDS))
        yield _AtRest(data, stores)
    finally:
        for store in stores.values():
            store.close()
        folder.close()


def of_history(data: Path, question: Callable[[History], Found]) -> Found:
    """The answer to a question about all of a folder's history, as it is now."""
    with keeper_of(data) as keeper:
        for attempt in range(ATTEMPTS):
            try:
                with History(data, keeper.extents(), keeper.tail) as history:
                    return question(history)
            except (FileGone, HistoryBroken):
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.1)  # files are being joined or removed just now
    raise AssertionError("the last attempt returns or raises")
