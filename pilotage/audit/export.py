"""A ledger as a file that can be verified anywhere: one JSON document a line.

First comes what it is and whose, then every entry, each followed by the checkpoints over it, then people's public keys, and last
the signed head. Whoever has the file, and the installation's public key from elsewhere, needs nothing else.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from pilotage.audit.checkpoint import Checkpoint
from pilotage.audit.entry import Entry
from pilotage.audit.keys import Keys
from pilotage.audit.verify import Verdict, Verifier

VERSION = 1


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the first line says: the format, and the public key of the installation whose ledger this is."""

    kind: Literal["pilotage.ledger"]
    version: int
    public_key: str


class Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of an export: one of these, the others left out."""

    ledger: Header | None = None
    entry: Entry | None = None
    checkpoint: Checkpoint | None = None
    people: dict[str, str] | None = None
    head: Checkpoint | None = None


class ExportNewer(ValueError):
    """The export was made by a newer release. Verify it with that release or a newer one."""


class NotAnExport(ValueError):
    """The file is no export of a ledger. Name one that `pilotage audit export` wrote."""


_DECODER = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


def export_lines(records: Iterable[Entry | Checkpoint], public_key: str) -> Iterator[bytes]:
    """The lines of an export of a ledger's records, without line breaks."""
    encode = _ENCODER.encode
    keys = Keys()
    yield encode(Line(ledger=Header("pilotage.ledger", VERSION, public_key)))
    head = None
    for record in records:
        if isinstance(record, Entry):
            keys.see(record)
            yield encode(Line(entry=record))
        elif record.standing == "head":
            head = record
        else:
            yield encode(Line(checkpoint=record))
    yield encode(Line(people=keys.people))
    yield encode(Line(head=head))


def verify_export(lines: Iterable[bytes], public_key: str = "", known: Iterable[Checkpoint] = ()) -> Verdict:
    """The verdict on an export. `public_key` is the installation's from elsewhere; without it that of the export counts. `NotAnExport`
    for another file, `ExportNewer` for one this release does not know."""
    each = iter(lines)
    header = _header(next(each, b""))
    verifier = Verifier(public_key, known)
    if public_key and header.public_key != public_key:
        verifier.note("the export names another installation's key than the one it is verified with")
    people, head, number = None, None, 1
    for number, raw in enumerate(each, 2):
        if verifier.full:
            break
        try:
            line = _line(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            verifier.note(f"line {number} cannot be read: {fault}")
            continue
        if head is not None or (people is not None) is not (line.head is not None):
            verifier.note(f"line {number} is out of its place: people's keys and the head come last, in this order")
        if line.entry is not None:
            verifier.entry(line.entry)
        elif line.checkpoint is not None:
            verifier.checkpoint(line.checkpoint)
        elif line.people is not None:
            people = line.people
        elif line.head is not None:
            head = line.head
        else:
            verifier.note(f"line {number} is none of an entry, a checkpoint, the people's keys and the head")
    if people != verifier.keys.people and not verifier.full:
        verifier.note("the people's keys in the export are not those of its entries")
    if header.public_key != verifier.keys.installation and not verifier.full:
        verifier.note("the export names another key than its first entry")
    return verifier.end(head)


def _line(raw: bytes) -> Line:
    """A line as it was written: a key told twice, say, would be read in one way by us, and seen in another by somebody else."""
    written = raw.rstrip(b"\r\n")
    line = _DECODER.decode(written)
    if _ENCODER.encode(line) != written:
        raise msgspec.DecodeError("it is not written as an export is")
    return line


def _header(raw: bytes) -> Header:
    try:
        line = _line(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise NotAnExport(f"this is no export of a ledger ({fault}); name a file that 'pilotage audit export' wrote") from None
    if line.ledger is None:
        raise NotAnExport("this is no export of a ledger: its first line does not say so; name a file that 'pilotage audit export' wrote")
    if line.ledger.version < 1:
        raise NotAnExport(f"this is no export of a ledger: there is no version {line.ledger.version}; restore the file")
    if line.ledger.version > VERSION:
        raise ExportNewer(f"the export has version {line.ledger.version}, this release reads up to {VERSION}; use a newer release")
    return line.ledger
