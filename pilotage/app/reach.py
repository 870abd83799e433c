"""Reaching a data folder from the command line: through the process that runs on it, or by opening it oneself.

A folder has one owner at a time. If a process holds it, its API is asked, with the address and token it left in the folder;
if nobody does, the folder is opened for reading until the command is done.
"""

import contextlib
import gc
import getpass
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from pilotage.app import audience_views as about
from pilotage.app import journey_views as about_journeys
from pilotage.app import views
from pilotage.app.access import RUNNING_FILE, TOKEN_FILE, Running
from pilotage.app.audiences import AudienceRecords, AudiencesApart, AudienceUnknown
from pilotage.app.equipment import Programs
from pilotage.app.exits import BUSY, NEGATIVE, NO_INPUT, UNAVAILABLE, Trouble
from pilotage.app.lists import Listing
from pilotage.app.ran import released_by
from pilotage.app.records import Records, SubjectUnknown, links_of
from pilotage.app.tasks import Completed, TaskRecords, TasksPage, TaskUnknown, TaskView
from pilotage.app.under import UnderView, plan_of, under
from pilotage.journey.advance import advance
from pilotage.journey.plan import Plan
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import DataFolder, FolderBusy, open_folder, read_environment
from pilotage.runner.history.rest import states_of
from pilotage.runner.log import last_segment
from pilotage.runner.outbox import Status
from pilotage.runner.quarantine import NotQuarantined, Quarantine
from pilotage.runner.rocks import RocksStore
from pilotage.runner.station import Equipment, Station, open_station, open_stores
from pilotage.runner.store import Store
from pilotage.runner.ticket import SHARDS

ASKING_S = 60.0
View = TypeVar("View")


class Reader(Protocol):
    """What commands ask of a data folder."""

    async def find(self, identifiers: dict[str, str]) -> str:
        """The id of the subject that an identifier names."""

    async def subjects(self, after: str, limit: int) -> views.SubjectsPage:
        """A page of subject ids."""

    async def resting(self) -> list[views.RestingView]:
        """How many people rest on each step of each version."""

    async def journeys(self) -> list[about_journeys.JourneyCount]:
        """The journeys of the plan in force, counted."""

    async def subject(self, subject: bytes) -> views.SubjectView:
        """A subject's state."""

    async def timeline(self, subject: bytes, before: int, limit: int) -> views.Timeline:
        """A part of a subject's story."""

    async def under(self, subject: bytes, digest: str, plan: Plan | None) -> UnderView:
        """A subject's story under another plan: one that the data folder holds, by its digest, or one that is given."""

    async def quarantined(self, after: int, limit: int, status: str) -> views.QuarantinePage:
        """A page of refused events."""

    async def quarantined_event(self, number: int) -> views.QuarantinedWhole:
        """One refused event."""

    async def resubmit(self, numbers: Sequence[int]) -> views.Resubmission:
        """Put refused events through again."""

    async def discard(self, numbers: Sequence[int]) -> views.Discarded:
        """Give refused events up."""

    async def actions(self, statuses: Iterable[Status], after: str, limit: int) -> views.ActionsPage:
        """A page of listed actions."""

    async def redrive(self, pairs: Sequence[tuple[bytes, bytes]]) -> int:
        """Put dead letters back."""

    async def audiences(self) -> list[about.AudienceView]:
        """The audiences of the plan in force."""

    async def preview(self, name: str, when: str, limit: int, accounts: bool = False) -> about.PreviewView:
        """Who is in an audience, or meets a condition."""

    async def membership(self, name: str, subject: bytes) -> about.WhyView:
        """Why a subject is in an audience or not."""

    async def overlap(self, names: list[str], accounts: bool = False) -> about.OverlapView:
        """How audiences overlap."""

    async def reconcile(self, limit: int) -> about.ReconciliationView:
        """What is kept live against batch evaluation."""

    async def change_list(self, listing: Listing, members: Sequence[Mapping[str, str]]) -> about.UploadView:
        """Tell the system who is on a static list, or not any more."""

    async def tasks(self, team: str, person: str, after: str, limit: int) -> TasksPage:
        """A page of open tasks."""

    async def task(self, task: str) -> TaskView:
        """One open task."""

    async def claim_task(self, task: str, person: str) -> TaskView:
        """Take a task on."""

    async def complete_task(self, task: str, person: str, outcome: str, note: str) -> Completed:
        """Say what came of a task."""


class Remote:
    """The reader that asks a running process."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def _ask(self, kind: type[View], method: str, path: str, **what: Any) -> View:
        try:
            answer = await self._client.request(method, f"/api/v1{path}", **what)
        except httpx.HTTPError as fault:
            raise Trouble(f"the running process does not answer: {fault}", UNAVAILABLE, "see its log") from fault
        return answered(answer, kind)

    async def find(self, identifiers: dict[str, str]) -> str:
        """See `Reader`."""
        return (await self._ask(views.Found, "POST", "/subjects/find", json={"identifiers": identifiers})).subject

    async def subjects(self, after: str, limit: int) -> views.SubjectsPage:
        """See `Reader`."""
        return await self._ask(views.SubjectsPage, "GET", "/subjects", params=_given(after=after, limit=limit))

    async def resting(self) -> list[views.RestingView]:
        """See `Reader`."""
        return await self._ask(list[views.RestingView], "GET", "/in-flight")

    async def journeys(self) -> list[about_journeys.JourneyCount]:
        """See `Reader`."""
        return await self._ask(list[about_journeys.JourneyCount], "GET", "/journeys")

    async def subject(self, subject: bytes) -> views.SubjectView:
        """See `Reader`."""
        return await self._ask(views.SubjectView, "GET", f"/subjects/{subject.hex()}")

    async def timeline(self, subject: bytes, before: int, limit: int) -> views.Timeline:
        """See `Reader`."""
        return await self._ask(views.Timeline, "GET", f"/subjects/{subject.hex()}/timeline", params={"before": before, "limit": limit})

    async def under(self, subject: bytes, digest: str, plan: Plan | None) -> UnderView:
        """See `Reader`; only plans that the folder holds."""
        if plan is not None:
            cure = "name a plan that the data folder holds, or stop the process first"
            raise Trouble("a running process knows only the plans of its data folder", UNAVAILABLE, cure)
        return await self._ask(UnderView, "GET", f"/subjects/{subject.hex()}/under/{quote(digest, '')}")

    async def quarantined(self, after: int, limit: int, status: str) -> views.QuarantinePage:
        """See `Reader`."""
        return await self._ask(views.QuarantinePage, "GET", "/quarantine", params=_given(after=after, limit=limit, status=status))

    async def quarantined_event(self, number: int) -> views.QuarantinedWhole:
        """See `Reader`."""
        return await self._ask(views.QuarantinedWhole, "GET", f"/quarantine/{number}")

    async def resubmit(self, numbers: Sequence[int]) -> views.Resubmission:
        """See `Reader`."""
        return await self._ask(views.Resubmission, "POST", "/quarantine/resubmit", json={"numbers": list(numbers), "by": getpass.getuser()})

    async def discard(self, numbers: Sequence[int]) -> views.Discarded:
        """See `Reader`."""
        return await self._ask(views.Discarded, "POST", "/quarantine/discard", json={"numbers": list(numbers), "by": getpass.getuser()})

    async def actions(self, statuses: Iterable[Status], after: str, limit: int) -> views.ActionsPage:
        """See `Reader`."""
        params = [("after", after), ("limit", str(limit)), *(("status", status.value) for status in statuses)]
        return await self._ask(views.ActionsPage, "GET", "/actions", params=params)

    async def redrive(self, pairs: Sequence[tuple[bytes, bytes]]) -> int:
        """See `Reader`."""
        named = [{"subject": subject.hex(), "effect": effect.hex()} for subject, effect in pairs]
        return (await self._ask(views.Redriven, "POST", "/actions/redrive", json={"actions": named, "by": getpass.getuser()})).redriven

    async def audiences(self) -> list[about.AudienceView]:
        """See `Reader`."""
        return await self._ask(list[about.AudienceView], "GET", "/audiences")

    async def preview(self, name: str, when: str, limit: int, accounts: bool = False) -> about.PreviewView:
        """See `Reader`."""
        if name:
            return await self._ask(about.PreviewView, "GET", f"/audiences/{quote(name, '')}/preview", params={"limit": limit})
        return await self._ask(about.PreviewView, "POST", "/audience-preview", json={"when": when, "limit": limit, "accounts": accounts})

    async def membership(self, name: str, subject: bytes) -> about.WhyView:
        """See `Reader`."""
        return await self._ask(about.WhyView, "GET", f"/audiences/{quote(name, '')}/why/{subject.hex()}")

    async def overlap(self, names: list[str], accounts: bool = False) -> about.OverlapView:
        """See `Reader`."""
        return await self._ask(
            about.OverlapView, "GET", "/audience-overlap", params=[*(("name", name) for name in names), ("accounts", str(accounts).lower())]
        )

    async def reconcile(self, limit: int) -> about.ReconciliationView:
        """See `Reader`."""
        return await self._ask(about.ReconciliationView, "GET", "/audience-reconciliation", params={"limit": limit})

    async def change_list(self, listing: Listing, members: Sequence[Mapping[str, str]]) -> about.UploadView:
        """See `Reader`."""
        told = {each: getattr(listing, each) for each in ("upload", "occurred_us", "basis", "listed")}
        return await self._ask(
            about.UploadView, "POST", f"/lists/{quote(listing.name, '')}", json={**told, "members": list(members), "by": getpass.getuser()}
        )

    async def tasks(self, team: str, person: str, after: str, limit: int) -> TasksPage:
        """See `Reader`."""
        return await self._ask(TasksPage, "GET", "/tasks", params=_given(team=team, person=person, after=after, limit=limit))

    async def task(self, task: str) -> TaskView:
        """See `Reader`."""
        return await self._ask(TaskView, "GET", f"/tasks/{quote(task, '')}")

    async def claim_task(self, task: str, person: str) -> TaskView:
        """See `Reader`."""
        return await self._ask(TaskView, "POST", f"/tasks/{quote(task, '')}/claim", json={"person": person})

    async def complete_task(self, task: str, person: str, outcome: str, note: str) -> Completed:
        """See `Reader`."""
        said = {"person": person, "outcome": outcome, "note": note}
        return await self._ask(Completed, "POST", f"/tasks/{quote(task, '')}/complete", json=said)


class Local:
    """The reader of a folder that nobody runs on. What would change something needs a running process."""

    def __init__(self, records: Records, data: Path, stores: Mapping[int, Store]) -> None:
        self._records = records
        self._data = data
        self._stores = stores
        self._audiences = AudienceRecords(records, data, partial(states_of, data, stores))
        self.audiences = self._audiences.audiences
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


def answered(answer: httpx.Response, kind: type[View]) -> View:
    """What the API answered; `Trouble` with its own words if it refused."""
    if answer.is_success:
        return msgspec.json.decode(answer.content, type=kind)
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {answer.status_code}"
    raise Trouble(detail, NEGATIVE if answer.status_code == 404 else UNAVAILABLE)


def _given(**parameters: str | int) -> dict[str, str | int]:
    """Query parameters without those that are empty."""
    return {name: value for name, value in parameters.items() if value != ""}


def _not_running() -> Trouble:
    return Trouble("no process runs on this data folder", UNAVAILABLE, "start one with 'pilotage run', then try again")


@contextlib.asynccontextmanager
async def reach(data: Path) -> AsyncIterator[Reader]:
    """A reader of a data folder. `Trouble` if there is none, or its process cannot be asked."""
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        async with _client(data, busy) as client:
            yield Remote(client)
        return
    try:
        async with _opened(folder) as reader:
            yield reader
    except (SubjectUnknown, NotQuarantined, AudienceUnknown, TaskUnknown) as unknown:
        raise Trouble(str(unknown), NEGATIVE, _cure(unknown)) from unknown
    except AudiencesApart as apart:
        raise Trouble(str(apart), NEGATIVE) from apart
    finally:
        folder.close()


def _cure(unknown: LookupError) -> str:
    return "'pilotage subjects' lists who is known" if isinstance(unknown, SubjectUnknown) else ""


def _client(data: Path, busy: FolderBusy) -> httpx.AsyncClient:
    url, headers = running_at(data, busy)
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=ASKING_S, trust_env=False)


def running_at(data: Path, busy: FolderBusy) -> tuple[str, dict[str, str]]:
    """Address and headers for the API of the process that holds a folder; `Trouble` if it serves none."""
    try:
        running = msgspec.json.decode((data / RUNNING_FILE).read_bytes(), type=Running)
        token = (data / TOKEN_FILE).read_text(encoding="ascii").strip()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Trouble(f"{busy}; it serves no API", BUSY, "wait for it to end, then try again") from fault
    return running.url, {"authorization": f"Bearer {token}"}


@contextlib.asynccontextmanager
async def _opened(folder: DataFolder) -> AsyncIterator[Local]:
    """The reader of a folder that this process owns for now. Nothing is decided and nothing leaves."""
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
    finally:
        if station is not None:
            for shard in station.engine.shards.values():
                shard.store.close()
        front.close()
        gc.unfreeze()  # the station froze what was alive; it may be let go of now
