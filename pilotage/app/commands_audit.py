"""The command `audit`: what people and the system did, and whether the account of it is as it was written."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from pilotage.app.auditing import (
    LAST,
    DecisionsView,
    EntryView,
    VerdictView,
    Wanted,
    export,
    newest,
    read_kept,
    read_key,
    since_us,
    verdict_of_data,
    verdict_of_export,
    verdict_view,
)
from pilotage.app.control import open_ledger, public_key_at
from pilotage.app.exits import NEGATIVE, OK
from pilotage.app.options import DATA, AsJson, Data
from pilotage.app.terminal import console, counted, number, print_json, table
from pilotage.runner.clock import SystemClock

DATA_SHOWN = 90

audit = App(name="audit", help="The ledger: what people and the system did; verified, exported, signed.")


@audit.command(name="log")
def audit_log(
    *,
    actor: str = "",
    act: str = "",
    subject: str = "",
    since: str = "",
    limit: int = 50,
    before: int = LAST,
    data: Data = DATA,
    json: AsJson = False,
) -> int:
    """List what was done, the newest first: when, by whom, what, to what.

    Example: pilotage audit log --act switch. --since 2026-11-01

    Parameters
    ----------
    actor
        Only what this person did, or a part of the system, such as system:runner.
    act
        Only this act, or with a dot at the end all of a kind: person.
    subject
        Only what was done to this, or with a colon at the end to all of a kind: journey:
    since
        Only from this date, or date and time, on (UTC where it says no other).
    limit
        How many at most.
    before
        Go on below this entry.
    """
    found = newest(data, Wanted(actor, act, subject, since_us(since)), before, limit)
    if json:
        print_json(found)
        return OK
    rows = table("entry", "at", "actor", "act", "subject", "data", right=("entry",))
    for each in found:
        rows.add_row(str(each.sequence), each.at, each.actor, each.act, each.subject, _short(each))
    out = console()
    if found:
        out.print(rows, markup=False)
    out.print(f"{counted(len(found), 'entry').replace('entrys', 'entries')}")
    if found and len(found) == limit and found[-1].sequence > 1:
        out.print(f"[dim]more: --before {found[-1].sequence}[/]")
    return OK


@audit.command(name="verify")
def audit_verify(
    export: Path | None = None,
    *,
    key: str = "",
    kept: Annotated[list[Path] | None, Parameter(negative="")] = None,
    decisions: bool = True,
    data: Data = DATA,
    json: AsJson = False,
) -> int:
    """Verify the ledger of a data folder, or an export of one, which needs nothing else. Exits 1 if it does not hold.

    Example: pilotage audit verify ledger.jsonl --key installation.pub

    Parameters
    ----------
    export
        A file that 'pilotage audit export' wrote; without it, the ledger of the data folder.
    key
        The installation's public key, or a file with it. Without it the key that comes with the ledger counts.
    kept
        A checkpoint that was kept elsewhere, as 'pilotage audit checkpoint --json' printed it; several times for several.
    decisions
        Also compare the data folder's log of decisions with the digests in its ledger.
    """
    trusted, checkpoints = read_key(key), [read_kept(path) for path in kept or ()]
    if export:
        return _told(verdict_view(verdict_of_export(export, trusted, checkpoints)), None, bool(key), json)
    verdict = verdict_view(verdict_of_data(data, trusted, checkpoints))
    logged: DecisionsView | None = None
    if decisions and verdict.holds and (data / "environment.json").exists():
        # what reads the log of decisions, which the other commands of the ledger do without
        logged = import_module("pilotage.app.decisions").decisions_of(data)
    return _told(verdict, logged, bool(key), json)


@audit.command(name="export")
def audit_export(to: Path = Path("ledger.jsonl"), *, data: Data = DATA, json: AsJson = False) -> int:
    """Write the ledger as one file, which 'pilotage audit verify' verifies anywhere.

    Example: pilotage audit export ledger.jsonl

    Parameters
    ----------
    to
        The file; replaced whole if it is there.
    """
    entries = export(data, to)
    if json:
        print_json({"file": str(to), "entries": entries, "public_key": public_key_at(data)})
    else:
        console().print(f"wrote {to}: {number(entries)} entries, to be verified with the key {public_key_at(data)}", markup=False)
    return OK


@audit.command(name="checkpoint")
def audit_checkpoint(*, data: Data = DATA, json: AsJson = False) -> int:
    """Sign how far the ledger goes now. Kept elsewhere, it finds a ledger that is set back or written anew.

    Example: pilotage audit checkpoint --json

    """
    ledger = open_ledger(data, SystemClock().now_us, create=False)
    try:
        made = ledger.checkpoint()
    finally:
        ledger.close()
    if json:
        print_json(made)
    else:
        console().print(f"entry {number(made.sequence)} has the digest {made.digest}", markup=False)
        console().print(f"signed {made.signature}", markup=False)
    return OK


def _short(entry: EntryView) -> str:
    text = msgspec.json.encode(entry.data).decode()
    return text if len(text) <= DATA_SHOWN else text[: DATA_SHOWN - 1] + "…"


def _told(verdict: VerdictView, decisions: DecisionsView | None, given: bool, as_json: bool) -> int:
    holds = verdict.holds and (decisions is None or decisions.holds)
    if as_json:
        print_json(msgspec.structs.asdict(verdict) | ({"decisions": decisions} if decisions is not None else {}))
        return OK if holds else NEGATIVE
    code = _told_of_ledger(verdict, given)
    if decisions is not None:
        _tell_of_decisions(decisions)
    return code if holds else NEGATIVE


def _tell_of_decisions(decisions: DecisionsView) -> None:
    out = console()
    for fault in decisions.faults:
        out.print(fault, style="red", markup=False)
    covered = f"{counted(decisions.segments, 'segment')} under {counted(decisions.anchors, 'anchor')}"
    rest = [f"{number(decisions.forgotten)} of what is not kept any more"] if decisions.forgotten else []
    rest += [f"{number(decisions.open)} records not anchored yet"] if decisions.open else []
    says = "decisions are as they were made" if decisions.holds else "decisions do not hold"
    out.print(f"{says}: {', '.join([covered, *rest])}", markup=False)


def _told_of_ledger(verdict: VerdictView, given: bool) -> int:
    out = console()
    for fault in verdict.faults:
        out.print(fault.message, style="red", markup=False)
    held = f"{number(verdict.entries)} entries and {counted(verdict.checkpoints, 'checkpoint')}"
    if verdict.holds:
        out.print(f"holds: {held}, signed with {verdict.public_key}", markup=False)
        if not given:
            out.print("the key is the one that came with it: compare it with one that you know, or name that with --key", style="dim")
        return OK
    first = verdict.faults[0]
    name = f"entry {first.first}" if first.first == first.last else f"one of entries {first.first} to {first.last}"
    out.print(f"does not hold: {held}; the first bad one is {name}", markup=False)
    return NEGATIVE
