"""What contact slots, an order of classes, priorities and a calendar cost an event, and what a journey costs the events it listens to."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import workload
from bench.turns import Compared, compared
from pilotage.app.workspace import compile_workspace, load
from pilotage.journey.plan import Plan
from pilotage.source.zones import packaged_zones

LISTENING = 40
"""How many further journeys listen to one type of event."""
HEARD = "product.viewed"

_POLICY = """
order: [service, marketing]
slots:
  - {name: email-hour, classes: [marketing], channels: [email], length: 1h, limit: 1}
"""
_CALENDAR = """\
schema: 1
kind: calendar
name: stocktaking
owner: {responsible: lifecycle-team, accountable: head-of-crm}
classes: [marketing]
days: [{from: 2000-01-03, to: 2000-01-04, reason: stocktaking}, {from: 2099-01-03, to: 2099-01-04, reason: stocktaking}]
"""
_JOURNEY = """\
schema: 1
kind: journey
name: adoption.listening.journey_{number}
owner: {{responsible: lifecycle-team, accountable: head-of-crm}}
purpose: marketing.loyalty
stage: adoption
enter: {{on: product.viewed, where: "trigger.price > {price} and tier = 'gold'", reentry: {{after: 30d}}}}
goal: {{when: "trigger.type = 'order.placed'", within: 30d, kpi: orders}}
steps:
  - {{id: wait, wait: {{for: 2d}}}}
  - {{id: offer, send: email, content: offer, recipient: email, expires: 2d, on_blocked: end, on_failure: end}}
"""


class Listening(msgspec.Struct, frozen=True):
    """Microseconds of CPU that one event takes more for each further journey that listens to it."""

    us_each: float
    compared: Compared


def arbitrated(events: int) -> Compared:
    """The workspace's plan against the same with slots, an order of classes, priorities and a calendar, and what waits coming due."""
    return compared(workload.plan(), _plan(_with_slots), events)


def listening(events: int) -> Listening:
    """The workspace's plan against the same with journeys that listen to over a third of all events, and enter few."""
    found = compared(workload.plan(), _plan(_with_listeners), events, 0)
    share = sum(weight for weight, kind in workload.MIX if kind == HEARD) / sum(weight for weight, _ in workload.MIX)
    return Listening((found.ratio - 1) * found.us[0] / (LISTENING * share), found)


def _plan(change: Callable[[Path], None]) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder, "workspace")
        shutil.copytree(workload.WORKSPACE, workspace)
        change(workspace)
        found = compile_workspace(load(workspace, {}), packaged_zones())
    if found.plan is None:
        raise ValueError("\n".join(finding.text for finding in found.findings))
    return found.plan


def _with_slots(workspace: Path) -> None:
    policy = workspace / "policies" / "contact.yaml"
    policy.write_text(policy.read_text(encoding="utf-8") + _POLICY, encoding="utf-8")
    (workspace / "calendars").mkdir()
    (workspace / "calendars" / "stocktaking.yaml").write_text(_CALENDAR, encoding="utf-8")
    for number, path in enumerate(sorted((workspace / "journeys").glob("*.yaml"))):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("send: email,", f"send: email, priority: {number},"), encoding="utf-8")


def _with_listeners(workspace: Path) -> None:
    for number in range(LISTENING):
        text = _JOURNEY.format(number=number, price=300 + number)
        (workspace / "journeys" / f"listening-{number}.yaml").write_text(text, encoding="utf-8")
