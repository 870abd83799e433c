"""The command `rehearse`: what a plan would do, before it does it; and whether what was decided would be decided again."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from pilotage.app.options import AsJson, RunData
from pilotage.app.verifying import verify

rehearse = App(name="rehearse", help="Try a plan on the whole population before launch; or decide again what was decided live.")


@rehearse.default
def rehearse_command(
    workspace: Path = Path("."),
    *,
    data: RunData = None,
    check: Annotated[bool, Parameter(name="--verify", negative="")] = False,
    json: AsJson = False,
) -> int:
    """Try a plan on the whole population before launch.

    Example: pilotage rehearse --verify --data data

    Parameters
    ----------
    check
        Decide everything in the data folder's log once more, and compare it byte for byte. Exits 1 if anything differs.
    """
    return verify(data or workspace / "data", json=json)
