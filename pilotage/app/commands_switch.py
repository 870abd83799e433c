"""The command `switch`: kill switches, on a running system at once, at rest from the next start on."""

import asyncio
import getpass
from pathlib import Path

import httpx
from cyclopts import App

from pilotage.app.control import ledger_of
from pilotage.app.exits import NO_INPUT, OK, UNAVAILABLE, USAGE, Trouble
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.remote import answered, running_at
from pilotage.app.switching import SCOPES, SwitchUnknown, change_switch
from pilotage.app.terminal import console, print_json, table
from pilotage.app.views import SwitchesView, switches_view
from pilotage.runner.clock import SystemClock
from pilotage.runner.folder import FolderBusy, open_folder, read_environment
from pilotage.runner.switches import Scope, Switch, Switches, read_switches

switch = App(name="switch", help="Kill switches: hold back everything, a channel, a journey or a step at once.")


@switch.command(name="list")
def switch_list(*, data: Data = DATA, json: AsJson = False) -> int:
    """List the kill switches that are set.

    Example: pilotage switch list

    """
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    return _told(switches_view(read_switches(data)), json)


@switch.command(name="off")
def switch_off(scope: Scope, name: str = "", *, reason: str = "", by: str = "", data: Data = DATA, json: AsJson = False) -> int:
    """Switch off: nothing of it leaves any more until it is switched on. Deciding goes on; what waits may expire.

    Example: pilotage switch off journey growth.recovery.cart --reason "wrong price in the mail"

    Parameters
    ----------
    scope
        all, channel, journey or step.
    name
        The channel's or journey's name; of a step, journey/step.
    reason
        Why; it is kept and shown.
    by
        Who; the account's name without it.
    """
    return _told(_changed(data, scope, name, True, by, reason), json)


@switch.command(name="on")
def switch_on(scope: Scope, name: str = "", *, by: str = "", data: Data = DATA, json: AsJson = False) -> int:
    """Switch on again: what was held back leaves now, if its time is not over.

    Example: pilotage switch on journey growth.recovery.cart

    Parameters
    ----------
    scope
        all, channel, journey or step.
    name
        The channel's or journey's name; of a step, journey/step.
    by
        Who; the account's name without it.
    """
    return _told(_changed(data, scope, name, False, by, ""), json)


def _changed(data: Path, scope: Scope, name: str, off: bool, by: str, reason: str) -> SwitchesView:
    if bool(name) == (scope == "all"):
        raise Trouble("name what is meant, and nothing with 'all'", USAGE, f"the scopes are {', '.join(SCOPES)}")
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")
    wanted = Switch(scope, name, SystemClock().now_us(), by or getpass.getuser(), reason)
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        return _asked(data, busy, wanted, off)
    try:
        plans = folder.plans()
        if not plans:
            raise Trouble(f"{data} has no plan yet", NO_INPUT, "start 'pilotage run' with it")
        with ledger_of(data) as ledger:
            return switches_view(asyncio.run(change_switch(data, ledger, plans[-1], wanted, off, _nobody)))
    except SwitchUnknown as unknown:
        raise Trouble(str(unknown), NO_INPUT) from unknown
    finally:
        folder.close()


def _asked(data: Path, busy: FolderBusy, wanted: Switch, off: bool) -> SwitchesView:
    url, headers = running_at(data, busy)
    body = {"scope": wanted.scope, "name": wanted.name, "to": "off" if off else "on", "by": wanted.by, "reason": wanted.reason}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            return answered(client.post("/api/v1/switches/change", json=body), SwitchesView)
    except httpx.HTTPError as fault:
        raise Trouble(f"the running process does not answer: {fault}", UNAVAILABLE, "see its log") from fault


async def _nobody(switches: Switches) -> None:
    """Nobody runs, so nobody is told."""


def _told(view: SwitchesView, as_json: bool) -> int:
    if as_json:
        print_json(view)
        return OK
    out = console()
    if not view.off:
        out.print("nothing is switched off")
        return OK
    rows = table("switched off", "name", "since", "by", "reason")
    for each in view.off:
        rows.add_row(each.scope, each.name, each.since, each.by, each.reason)
    out.print(rows, markup=False)
    return OK
