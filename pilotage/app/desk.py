"""What the API asks of the running system, and how it is handed to the handlers."""

from typing import TYPE_CHECKING, Protocol

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilotage.app.access import Access
from pilotage.app.problems import BadAsk
from pilotage.app.records import Records
from pilotage.app.releasing import Releaser
from pilotage.app.reviewing import ReviewDesk
from pilotage.app.workspace import Workspace
from pilotage.review.ledger import Ledger
from pilotage.review.release import Release
from pilotage.runner.clock import Clock
from pilotage.runner.folder import DataFolder
from pilotage.runner.front import Front
from pilotage.runner.station import Station
from pilotage.runner.supervisor import Supervisor
from pilotage.source.http import Ingest


class Desk(Protocol):
    """The running system as the API sees it; what is None has not been made yet."""

    records: Records | None
    front: Front | None
    station: Station | None
    supervisor: Supervisor | None
    ingest: Ingest | None
    releaser: Releaser | None
    access: Access
    review_desk: ReviewDesk
    release: Release | None
    clock: Clock
    folder: DataFolder
    workspace: Workspace
    ledger: Ledger

    async def take_over(self) -> Release:
        """Go on under the newest release, without a stop."""

    async def come_into_force(self, name: str) -> None:
        """Have every process go on under the plan of a name, which the data folder has as its newest."""

    @property
    def unready(self) -> str:
        """Why the system cannot take events now, or nothing."""


if TYPE_CHECKING:
    At = Desk
else:
    At = NamedDependency[SkipValidation[object]]
"""The type of a handler's parameter `desk`."""


def records_of(desk: Desk) -> Records:
    """The reader; 503 until the shards have recovered."""
    if desk.records is None:
        raise BadAsk(503, f"Not yet: {desk.unready}.", {"Retry-After": "2"})
    return desk.records


def front_of(desk: Desk) -> Front:
    """The front; 503 until the shards have recovered."""
    if desk.front is None:
        raise BadAsk(503, f"Not yet: {desk.unready}.", {"Retry-After": "2"})
    return desk.front
