"""Who acts at the command line, and where: a person by their id, on a workspace and its data folder."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pilotage.app.exits import USAGE, Trouble
from pilotage.app.reviewing import ReviewDesk
from pilotage.runner.clock import SystemClock

PERSON = "PILOTAGE_PERSON"
As = Annotated[str, Parameter(name="--as", help=f"Who acts: an id in people.yaml; the environment variable {PERSON} without it.")]


def acting(person: str) -> str:
    """Who acts. `Trouble` where nobody is named."""
    found = person or os.environ.get(PERSON, "")
    if not found:
        raise Trouble("it is not said who acts", USAGE, f"write --as PERSON, or set {PERSON}")
    return found


def desk_at(workspace: Path, data: Path | None) -> ReviewDesk:
    """Where acts of review happen, on the machine's clock."""
    return ReviewDesk(workspace, data or workspace / "data", SystemClock().now_us)
