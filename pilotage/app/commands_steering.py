"""The commands `pause`, `resume`, `stop` and `journeys`: on a running system at once, at rest from the next start on."""

import asyncio
import getpass
from pathlib import Path
from typing import Literal

import httpx

from pilotage.app.commands_records import asked
from pilotage.app.control import ledger_of
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, UNAVAILABLE, Trouble
from pilotage.app.journey_views import Controlled, ControlView, JourneyCount
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.remote import answered, running_at
from pilotage.app.steering import ControlRefused, JourneyUnknown, control_view, steer, with_states
from pilotage.app.terminal import console, number, print_json, table
from pilotage.runner.clock import SystemClock
from pilotage.runner.controls import Control, Kind, standing
from pilotage.runner.folder import FolderBusy, open_folder, read_environment


def pause_command(
    journey: str,
    *,
    deadlines: Literal["shift", "expire"] = "shift",
    entries: Literal["queue", "refuse"] = "queue",
    reason: str = "",
    by: str = "",
    data: Data = DATA,
    json: AsJson = False,
) -> int:
    """Pause a journey: from now on none of its steps acts, whoever is in it. What people wait for is noticed all the same.

    Example: pilotage pause growth.recovery.cart --deadlines shift --entries queue --reason "wrong price"

    Parameters
    ----------
    journey
        The journey's name; all its versions are paused.
    deadlines
        At the end: shift all by the pause's length, or let those that have passed expire at once.
    entries
        Those that begin meanwhile: queue before their first step, or refuse them.
    reason
        Why; it is kept and shown.
    by
        Who; the account's name without it.
    """
    return _controlled(data, journey, "pause", json, by, reason, deadlines=deadlines, entries=entries)


def resume_command(journey: str, *, by: str = "", data: Data = DATA, json: AsJson = False) -> int:
    """Resume a journey that is paused or stopped.

    Example: pilotage resume growth.recovery.cart

    Parameters
    ----------
    journey
        The journey's name.
    by
        Who; the account's name without it.
    """
    return _controlled(data, journey, "resume", json, by, "")


def stop_command(
    journey: str,
    *,
    under_way: Literal["finish", "exit"] = "finish",
    reason: str = "",
    by: str = "",
    data: Data = DATA,
    json: AsJson = False,
) -> int:
    """Stop a journey: nobody enters it any more. Those under way finish, or exit.

    Example: pilotage stop growth.recovery.cart --under-way exit --reason "the campaign is over"

    Parameters
    ----------
    journey
        The journey's name.
    under_way
        What becomes of those in it: finish, or exit at once; what was not handed over does not leave then.
    reason
        Why; it is kept and shown.
    by
        Who; the account's name without it.
    """
    return _controlled(data, journey, "stop", json, by, reason, under_way=under_way)


def journeys_command(*, data: Data = DATA, json: AsJson = False) -> int:
    """List the journeys of the plan in force: whether they run, are paused or stopped, and how many people are under way.

    Example: pilotage journeys
    """
    _check(data)
    found = _journeys(data)
    if json:
        print_json(found)
        return OK
    rows = table("journey", "state", "under way", "since", "by", "reason")
    for each in found:
        held = each.control
        rows.add_row(each.journey, _state(held), number(each.waiting), held.since, held.by, held.reason)
    console().print(rows, markup=False)
    return OK


def _controlled(data: Path, journey: str, kind: Kind, as_json: bool, by: str, reason: str, **terms: str) -> int:
    _check(data)
    wanted = Control(journey, kind, SystemClock().now_us(), by or getpass.getuser(), reason, **terms)
    environment = read_environment(data)
    try:
        folder = open_folder(data, environment.name, production=environment.production, create=False)
    except FolderBusy as busy:
        return _told(_asked(data, busy, wanted), as_json)
    folder.close()
    return _told(_at_rest(data, wanted), as_json)


def _at_rest(data: Path, wanted: Control) -> Controlled:
    """Control a journey of a folder that nobody runs on."""
    before = {each.journey: waiting_of(each) for each in _journeys(data)}.get(wanted.journey, {})
    environment = read_environment(data)
    folder = open_folder(data, environment.name, production=environment.production, create=False)
    try:
        with ledger_of(data) as ledger:
            folder.witness = ledger.append
            changed = asyncio.run(steer(folder, wanted, _nobody))
        held = standing(folder.environment.controls).get(wanted.journey)
    except JourneyUnknown as unknown:
        raise Trouble(str(unknown), NO_INPUT) from unknown
    except ControlRefused as refused:
        raise Trouble(str(refused), NEGATIVE) from refused
    finally:
        folder.close()
    return Controlled(wanted.journey, changed, control_view(held), before, before)


def _asked(data: Path, busy: FolderBusy, wanted: Control) -> Controlled:
    url, headers = running_at(data, busy)
    told = ("journey", "by", "reason", "deadlines", "entries", "under_way")
    body = {"to": wanted.kind, **{name: getattr(wanted, name) for name in told}}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            return answered(client.post("/api/v1/journeys/control", json=body), Controlled)
    except httpx.HTTPError as fault:
        raise Trouble(f"the running process does not answer: {fault}", UNAVAILABLE, "see its log") from fault


def _journeys(data: Path) -> list[JourneyCount]:
    return with_states(asked(data, lambda reader: reader.journeys()), read_environment(data).controls)


def waiting_of(count: JourneyCount) -> dict[str, int]:
    """How many rest on each step, where anybody does."""
    return {step.step: step.waiting for step in count.steps if step.waiting}


def _check(data: Path) -> None:
    if not (data / "environment.json").exists():
        raise Trouble(f"there is no data folder at {data}", NO_INPUT, "name it with --data, or make one with 'pilotage run'")


async def _nobody(name: str) -> None:
    """Nobody runs, so nobody is told."""


def _state(held: ControlView) -> str:
    terms = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in held.terms.items())
    return f"{held.state} ({terms})" if terms else held.state


def _told(done: Controlled, as_json: bool) -> int:
    if as_json:
        print_json(done)
        return OK
    out = console()
    held = done.control
    since = f" since {held.since} by {held.by}" if held.since else ""
    unchanged = "" if done.changed else "; nothing was changed"
    out.print(f"{done.journey} is {_state(held)}{since}{unchanged}", markup=False, soft_wrap=True)
    rows = table("rests on", "before", "after")
    for step in sorted({*done.before, *done.after}):
        rows.add_row(step or "(held out)", str(done.before.get(step, 0)), str(done.after.get(step, 0)))
    if rows.row_count:
        out.print(rows, markup=False)
    else:
        out.print("nobody is under way in it")
    return OK
