"""Reading a data folder that nobody runs on: it is opened until the command is done. Nothing is decided and nothing leaves."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.app import audience_views as about
from pilotage.app import views
from pilotage.app.exits import NEGATIVE, NO_INPUT, UNAVAILABLE, Trouble
from pilotage.app.lists import Listing
from pilotage.app.programs import Programs
from pilotage.app.ran import released_by
from pilotage.app.records import Records, SubjectUnknown, links_of
from pilotage.app.tasks import Completed, TaskRecords, TaskUnknown, TaskView
from pilotage.app.under import plan_of, under
from pilotage.app.under_views import UnderView
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import DataFolder
from pilotage.runner.history.rest import states_of
from pilotage.runner.interpreter import unsettle
from pilotage.runner.log import last_segment
from pilotage.runner.quarantine import NotQuarantined, Quarantine
from pilotage.runner.rocks import RocksStore
from pilotage.runner.station import Equipment, Station, open_station, open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS

if TYPE_CHECKING:
    from pilotage.app.audiences import AudienceRecords


class Local:
    """The reader of a folder that nobody runs on. What would change something needs a running process."""

    def __init__(self, records: Records, data: Path, stores: Mapping[int, Store]) -> None:
        self._records = records
        self._data = data
        self._stores = stores
        self.find = records.find
        self.resting = records.resting
        self.journeys = records.journeys
        self.subjects = records.subjects
        self.subject = records.subject
        self.timeline = records.timeline
        self.actions = records.actions
        tasks = TaskRecords(records, SystemClock().now_us)
        self.tasks = tasks.tasks
        self.task = tasks.task

    @cached_property
    def _audiences(self) -> "AudienceRecords":
        """Answers about audiences. They take SQL and the grammar of conditions, which few questions do: loaded with the first."""
        made: AudienceRecords = import_module("pilotage.app.audiences").AudienceRecords(
            self._records, self._data, partial(states_of, self._data, self._stores)
        )
        return made

    async def audiences(self) -> list[about.AudienceView]:
        """See `Reader`."""
        return await self._audiences.audiences()

    async def under(self, subject: bytes, digest: str, plan: Plan | None) -> UnderView:
        """See `Reader`."""
        told = await self._records.told(subject)
        ends = [last.records[-1].received_us for store in self._stores.values() if (last := last_segment(store)) is not None]
        return under(self._data, plan or plan_of(self._data, digest), subject, told, max(ends, default=0))

    async def quarantined(self, after: int, limit: int, status: str) -> views.QuarantinePage:
        """See `Reader`."""
        return self._records.quarantined(after, limit, status)

    async def quarantined_event(self, number: int) -> views.QuarantinedWhole:
        """See `Reader`."""
        return self._records.quarantined_event(number)

    async def resubmit(self, numbers: Sequence[int]) -> views.Resubmission:
        """Refused: it needs a running process."""
        raise _not_running()

    async def discard(self, numbers: Sequence[int]) -> views.Discarded:
        """Refused: it needs a running process."""
        raise _not_running()

    async def redrive(self, pairs: Sequence[tuple[bytes, bytes]]) -> int:
        """Refused: it needs a running process."""
        raise _not_running()

    async def preview(self, name: str, when: str, limit: int, accounts: bool = False) -> about.PreviewView:
        """See `Reader`; as of the last thing known."""
        return await self._audiences.preview(name, when, limit, 0, accounts)

    async def membership(self, name: str, subject: bytes) -> about.WhyView:
        """See `Reader`; as of the last thing known."""
        return await self._audiences.why(name, subject, 0)

    async def overlap(self, names: list[str], accounts: bool = False) -> about.OverlapView:
        """See `Reader`; as of the last thing known."""
        return await self._audiences.overlap(names, 0, accounts)

    async def reconcile(self, limit: int) -> about.ReconciliationView:
        """See `Reader`; as of the last thing known."""
        return await self._audiences.reconcile(limit, 0)

    async def change_list(self, listing: Listing, members: Sequence[Mapping[str, str]]) -> about.UploadView:
        """Refused: it needs a running process."""
        raise _not_running()

    async def claim_task(self, task: str, person: str) -> TaskView:
        """Refused: it needs a running process."""
        raise _not_running()

    async def complete_task(self, task: str, person: str, outcome: str, note: str) -> Completed:
        """Refused: it needs a running process."""
        raise _not_running()


@contextlib.asynccontextmanager
async def opened(folder: DataFolder) -> AsyncIterator[Local]:
    """The reader of a folder that this process owns for now. `Trouble` where it holds nothing, or not what is asked for."""
    if not folder.environment.plans:
        raise Trouble(f"{folder.path} holds nothing yet", NO_INPUT, "start 'pilotage run' with it, or 'pilotage replay --data'")
    programs = Programs(folder.path)
    newest = folder.environment.plans[-1]
    front = RocksStore(folder.front)
    station: Station | None = None
    try:
        stores = open_stores(folder.path, range(SHARDS))
        equipment = Equipment(folder.environment.name, newest, programs, advance, SystemClock())
        station = await open_station(stores, equipment)
        records = Records([station], Quarantine(front), links_of(front), folder.secret, programs(newest), released_by(folder.path))
        yield Local(records, folder.path, stores)
    except (SubjectUnknown, NotQuarantined, about.AudienceUnknown, TaskUnknown) as unknown:
        raise Trouble(str(unknown), NEGATIVE, _cure(unknown)) from unknown
    except about.AudiencesApart as apart:
        raise Trouble(str(apart), NEGATIVE) from apart
    finally:
        if station is not None:
            for shard in station.engine.shards.values():
                shard.store.close()
        front.close()
        unsettle()


def _cure(unknown: LookupError) -> str:
    return "'pilotage subjects' lists who is known" if isinstance(unknown, SubjectUnknown) else ""


def _not_running() -> Trouble:
    return Trouble("no process runs on this data folder", UNAVAILABLE, "start one with 'pilotage run', then try again")
