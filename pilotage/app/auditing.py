"""Reading, exporting and verifying the ledger of a data folder, whether anybody runs on it or not.

Reading needs no private key, and changes nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from pilotage.app.control import ledger_at, public_key_at
from pilotage.app.exits import NO_INPUT, USAGE, Trouble
from pilotage.app.views import instant
from pilotage.audit.checkpoint import Checkpoint
from pilotage.audit.entry import Entry
from pilotage.audit.export import export_lines, verify_export
from pilotage.audit.verify import Verdict, verify
from pilotage.event.time import instant_us
from pilotage.review.database import Session

LAST = 2**53 - 1
"""A sequence that no ledger reaches."""


class EntryView(msgspec.Struct, frozen=True):
    """One entry of the ledger: when, who, what was done to what, and the digests that chain it."""

    sequence: int
    at: str
    actor: str
    act: str
    subject: str
    data: dict[str, Any]
    previous: str
    digest: str


class EntriesPage(msgspec.Struct, frozen=True):
    """Some entries in order; `after` is the cursor of the next page, or None at the end."""

    entries: list[EntryView]
    after: int | None


class FaultView(msgspec.Struct, frozen=True):
    """What is wrong; one of the entries `first` to `last` is the first bad one."""

    first: int
    last: int
    message: str


class VerdictView(msgspec.Struct, frozen=True):
    """Whether the ledger holds, how much of it was verified, with which key, and everything that is wrong."""

    holds: bool
    entries: int
    checkpoints: int
    digest: str
    public_key: str
    faults: list[FaultView]


class DecisionsView(msgspec.Struct, frozen=True):
    """What the log of decisions is like against the ledger: whether it holds, how many anchors and segments were verified, how many
    anchors are of what is not kept any more, how many positions no anchor covers yet, and what is wrong."""

    holds: bool
    anchors: int
    segments: int
    forgotten: int
    open: int
    faults: list[str]


class Wanted(msgspec.Struct, frozen=True):
    """Which entries are wanted: by an actor, of an act (or a kind of acts: `switch.`), on a subject (or a kind: `journey:`), since
    an instant. Empty: any."""

    actor: str = ""
    act: str = ""
    subject: str = ""
    since_us: int | None = None


@contextmanager
def reading(data: Path) -> Iterator[Session]:
    """One state of the ledger of a data folder."""
    database = ledger_at(data)
    try:
        with database.read() as session:
            yield session
    finally:
        database.close()


def newest(data: Path, wanted: Wanted, before: int, limit: int) -> list[EntryView]:
    """The newest entries below a sequence, the newest first."""
    with reading(data) as session:
        found = session.entries(before - 1, **msgspec.structs.asdict(wanted), newest_first=True, limit=limit)
        return [entry_view(entry) for entry in found]


def page(data: Path, wanted: Wanted, after: int, limit: int) -> EntriesPage:
    """Entries above a sequence, in order."""
    with reading(data) as session:
        found = list(session.entries(after + 1, **msgspec.structs.asdict(wanted), limit=limit + 1))
    more = len(found) > limit
    return EntriesPage([entry_view(entry) for entry in found[:limit]], found[limit - 1].sequence if more else None)


def entry_view(entry: Entry) -> EntryView:
    """An entry, for people."""
    named = (entry.actor, entry.act, entry.subject, entry.data, entry.previous, entry.digest)
    return EntryView(entry.sequence, instant(entry.at_us), *named)


def verdict_of_data(data: Path, public_key: str = "", kept: Iterable[Checkpoint] = ()) -> Verdict:
    """The verdict on the ledger of a data folder, against the key that is given, or the one that lies beside it."""
    with reading(data) as session:
        return verify(session.every(), public_key or public_key_at(data), kept)


def verdict_of_export(path: Path, public_key: str = "", kept: Iterable[Checkpoint] = ()) -> Verdict:
    """The verdict on an export."""
    if not path.is_file():
        raise Trouble(f"there is no file {path}", NO_INPUT, "name one that 'pilotage audit export' wrote")
    with path.open("rb") as file:
        return verify_export(file, public_key, kept)


def verdict_view(verdict: Verdict) -> VerdictView:
    """A verdict, for people."""
    faults = [FaultView(fault.first, fault.last, fault.message) for fault in verdict.faults]
    return VerdictView(verdict.holds, verdict.entries, verdict.checkpoints, verdict.digest, verdict.public_key, faults)


def export(data: Path, path: Path) -> int:
    """Write the ledger of a data folder as a file that can be verified anywhere; how many entries it has."""
    entries = 0

    def counted(records: Iterable[Entry | Checkpoint]) -> Iterator[Entry | Checkpoint]:
        nonlocal entries
        for record in records:
            entries += isinstance(record, Entry)
            yield record

    neighbour = path.with_name(path.name + ".new")
    with reading(data) as session, neighbour.open("wb") as file:
        file.writelines(line + b"\n" for line in export_lines(counted(session.every()), public_key_at(data)))
    neighbour.replace(path)
    return entries


def since_us(text: str) -> int | None:
    """The instant of a date, or a date and time, in UTC where it says no other; None for nothing."""
    if not text:
        return None
    try:
        return instant_us(datetime.fromisoformat(text))
    except ValueError as fault:
        raise Trouble(f"{text!r} is no instant", USAGE, "write a date such as 2026-03-02, or 2026-03-02T10:00Z") from fault


def read_kept(path: Path) -> Checkpoint:
    """A checkpoint that somebody kept: what `pilotage audit checkpoint --json` printed."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Trouble(f"{path} holds no checkpoint: {fault}", NO_INPUT, "keep what 'pilotage audit checkpoint --json' prints") from fault


def read_key(text: str) -> str:
    """A public key: its 64 hexadecimal digits, or a file that holds them."""
    path = Path(text)
    return path.read_text(encoding="utf-8").strip() if len(text) != 64 and path.is_file() else text
