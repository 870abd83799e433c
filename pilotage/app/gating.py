"""What evidence is made of: everything that can be found wrong with a workspace, and what its documents' tests came to.

It asks where the command `check` asks (`app.gates`), so that a rule which is added there is a gate of every review from then on.
Waivers take no finding away here: reviews judge them by people and approvals.
"""

from pathlib import Path

import msgspec

from pilotage.app.commands_test import counts
from pilotage.app.gates import findings_of_workspace
from pilotage.app.workspace import Compiled, Workspace, load
from pilotage.journey.findings import Finding
from pilotage.source.zones import packaged_zones


class Gated(msgspec.Struct, frozen=True):
    """A workspace as compiled, everything found, and how many of its documents' tests there are and fail."""

    workspace: Workspace
    compiled: Compiled
    findings: tuple[Finding, ...]
    tests: dict[str, int]


def gated(folder: Path, environ: dict[str, str], now_us: int) -> Gated:
    """What the gates find in a workspace as of an instant. `WorkspaceInvalid` where it cannot be read at all."""
    workspace = load(folder, environ)
    found = findings_of_workspace(workspace, packaged_zones(), now_us)
    findings = tuple(finding for finding in found.all if finding.rule != "W003")  # what is set where it is checked is no matter
    return Gated(workspace, found.compiled, findings, counts(found.results))
