"""Reaching a data folder from the command line: through the process that runs on it, or by opening it oneself.

A folder has one owner at a time. If a process holds it, its API is asked; if nobody does, the folder is opened for reading until
the command is done. Which of the two it is turns out only then, so the other's libraries are never loaded.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pilotage.app import audience_views as about
from pilotage.app import journey_views as about_journeys
from pilotage.app import views
from pilotage.app.exits import NO_INPUT, Trouble
from pilotage.app.lists import Listing
from pilotage.app.tasks import Completed, TasksPage, TaskView
from pilotage.app.under_views import UnderView
from pilotage.journey.plan import Plan
from pilotage.runner.folder import FolderBusy, open_folder, read_environment
from pilotage.runner.outbox import Status


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


@contextlib.asynccontextmanager
async def reach(data: Path) -> AsyncIterator[Reader]:
    """A reader of a data folder. `Trouble` if there is none, or its process cannot be asked."""
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        remote = import_module("pilotage.app.remote")  # a client of HTTP, which a folder at rest does not need
        async with remote.client_of(data, busy) as client:
            yield remote.Remote(client)
        return
    try:
        local = import_module("pilotage.app.local")  # all that shards are read with, which a running process has loaded itself
        async with local.opened(folder) as reader:
            yield reader
    finally:
        folder.close()
