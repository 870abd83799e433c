"""Comparing the log of decisions with the ledger from the command line: through the process that runs on the folder, or by opening it."""

from pathlib import Path

import httpx

from pilotage.app.anchors import decisions_at_rest
from pilotage.app.auditing import DecisionsView
from pilotage.app.exits import UNAVAILABLE, Trouble
from pilotage.app.remote import answered, running_at
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import FolderBusy, open_folder, read_environment

VERIFYING_S = 3_600.0
"""How long a running process may take to read its log."""


def decisions_of(data: Path) -> DecisionsView:
    """What the log of a data folder is like against its ledger."""
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        return _asked(data, busy)
    try:
        return decisions_at_rest(data, SystemClock().now_us())
    finally:
        folder.close()


def _asked(data: Path, busy: FolderBusy) -> DecisionsView:
    url, headers = running_at(data, busy)
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=VERIFYING_S, trust_env=False) as client:
            return answered(client.get("/api/v1/audit/decisions"), DecisionsView)
    except httpx.HTTPError as fault:
        raise Trouble(f"the running process does not answer: {fault}", UNAVAILABLE, "see its log") from fault
