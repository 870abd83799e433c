"""Asking the process that runs on a data folder: through its API, with the address and token it left in the folder."""

import getpass
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from pilotage.app import audience_views as about
from pilotage.app import journey_views as about_journeys
from pilotage.app import views
from pilotage.app.access import RUNNING_FILE, TOKEN_FILE, Running
from pilotage.app.exits import BUSY, NEGATIVE, UNAVAILABLE, Trouble
from pilotage.app.lists import Listing
from pilotage.app.tasks import Completed, TasksPage, TaskView
from pilotage.app.under_views import UnderView
from pilotage.journey.plan import Plan
from pilotage.runner.folder import FolderBusy
from pilotage.runner.outbox import Status

ASKING_S = 60.0
View = TypeVar("View")


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


def client_of(data: Path, busy: FolderBusy) -> httpx.AsyncClient:
    """A client for the API of the process that holds a folder."""
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
