"""How acts on a running system enter the ledger: the entry first, then the act.

An act without an entry cannot be, whatever crashes. An entry whose act was cut short can: what fails is told by another entry
(`act.failed`), and each start says in one what holds (`system.started`), so that a crash between the two leaves no doubt either.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from pilotage.review.ledger import SYSTEM, Ledger
from pilotage.runner.controls import standing
from pilotage.runner.folder import DataFolder
from pilotage.runner.switches import read_switches
from pilotage.source.intake import IntakePolicy

SWITCH_SET, SWITCH_LIFTED = "switch.set", "switch.lifted"
RESUBMITTED, DISCARDED = "quarantine.resubmitted", "quarantine.discarded"
POLICY_CHANGED = "quarantine.policy_changed"
REDRIVEN = "actions.redriven"
LIST_CHANGED = "list.changed"
PROOF_SENT = "proof.sent"
ARCHIVED = "journey.archived"
POOL_FILLED = "coupons.filled"
STARTED, STOPPED = "system.started", "system.stopped"
FAILED = "act.failed"

RUNNER = f"{SYSTEM}runner"
API = f"{SYSTEM}api"
"""Whoever holds the API's token and did not say who they are."""

_POLICY = "intake.policy"


class NotAPerson(ValueError):
    """Only the system acts under a name that begins with `system:`. Say who you are."""

    def __init__(self, by: str) -> None:
        super().__init__(f"{by!r} is no person: only the system acts under a name that begins with {SYSTEM!r}; say who you are")


def actor_of(by: str) -> str:
    """The actor of an act by somebody who said who they are, or nothing; `NotAPerson`."""
    if by.strip().startswith(SYSTEM):
        raise NotAPerson(by)
    return by.strip() or API


@asynccontextmanager
async def noted(ledger: Ledger, by: str, act: str, subject: str, data: Mapping[str, Any]) -> AsyncIterator[None]:
    """Have an act enter the ledger before it is done; if it fails, that enters it too."""
    actor = actor_of(by)
    entry = await asyncio.to_thread(ledger.append, actor, act, subject, dict(data))
    try:
        yield
    except Exception as fault:
        told = {"entry": entry.sequence, "act": act, "fault": f"{type(fault).__name__}: {fault}"[:500]}
        await asyncio.to_thread(ledger.append, actor, FAILED, subject, told)
        raise


def note_policy(ledger: Ledger, policy: IntakePolicy) -> None:
    """Note what intake does with events beyond their contracts, if that is another policy than before."""
    with ledger.transaction() as transaction:
        before = transaction.get(_POLICY, "", IntakePolicy)
        if before == policy:
            return
        told = {"policy": msgspec.to_builtins(policy), "before": msgspec.to_builtins(before)}
        transaction.append(RUNNER, POLICY_CHANGED, "quarantine", told)
        transaction.put(_POLICY, "", policy)


def note_started(ledger: Ledger, folder: DataFolder, workers: int, log_days: int) -> None:
    """Note that the system starts, and what holds as it does: plan, kill switches, pauses and stops, how long the log is kept."""
    held = standing(folder.environment.controls)
    told = {
        "environment": folder.environment.name,
        "production": folder.environment.production,
        "plan": folder.environment.plans[-1],
        "workers": workers,
        "log_days": log_days,
        "switches": msgspec.to_builtins(read_switches(folder.path).off),
        "controls": [msgspec.to_builtins(each) for each in held.values()],
    }
    ledger.append(RUNNER, STARTED, f"environment:{folder.environment.name}", told)
