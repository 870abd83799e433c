"""An entry of the ledger: one act, by whom, when, on what; chained to the entry before it by digest.

The digest covers everything in the entry and the digest of the one before, so that no entry can be changed, removed, put in or
moved without every later digest being another. Stamps never go back: an entry made while the clock stands behind the last
entry carries that entry's stamp.
"""

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from pilotage.audit.canonical import NotCanonical, canonical, is_digest

GENESIS = "0" * 64
"""What the first entry has for the digest before it."""
SAFE = 2**53 - 1
"""The largest whole number that every reader of JSON reads exactly."""
NAME_MAX = 1_000
"""How many characters an actor, an act or a subject may have."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One act. `sequence` counts from 1; `at_us` is when; `actor` is a person's id or `system:part`; `act` is what was done, such as
    `proposal.made`; `subject` is what it was done to, such as `proposal:1f0c`; `data` is a JSON map that says more; `previous` and
    `digest` chain it."""

    sequence: int
    at_us: int
    actor: str
    act: str
    subject: str
    data: dict[str, Any]
    previous: str
    digest: str


class EntryRefused(ValueError):
    """An act cannot become an entry. Name who acts, what is done and what it is done to, and describe it in JSON."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this act cannot enter the ledger: {reason}")


def chained(previous: Entry | None, at_us: int, actor: str, act: str, subject: str, data: dict[str, Any]) -> Entry:
    """The entry of an act after another entry (None: the first). `EntryRefused` where it names nobody or nothing, or its data are
    not JSON."""
    for name, text in (("actor", actor), ("act", act), ("subject", subject)):
        if not text or len(text) > NAME_MAX or text != text.strip():
            raise EntryRefused(f"its {name} {text[:40]!r} must have 1 to {NAME_MAX} characters, without blanks around them")
    sequence = previous.sequence + 1 if previous else 1
    stamp_us = max(at_us, previous.at_us) if previous else at_us
    try:
        read_back = msgspec.json.decode(canonical(data), type=dict[str, Any])  # what is stored is what every reader will digest
        unsigned = Entry(sequence, stamp_us, actor, act, subject, read_back, previous.digest if previous else GENESIS, "")
        return msgspec.structs.replace(unsigned, digest=digest_of_entry(unsigned))
    except msgspec.DecodeError:
        raise EntryRefused("its data are no map") from None
    except NotCanonical as fault:
        raise EntryRefused(str(fault)) from None


def digest_of_entry(entry: Entry) -> str:
    """The digest that an entry must have: of all its fields but the digest itself; `NotCanonical` where data are not JSON."""
    return hashlib.sha256(canonical_entry(entry)).hexdigest()


def canonical_entry(entry: Entry) -> bytes:
    """The canonical bytes that an entry's digest is of. Its own keys are written out in their canonical order here, and only what is in
    them is made canonical: a million entries verify in two thirds of the time."""
    if abs(entry.at_us) > SAFE or abs(entry.sequence) > SAFE:
        raise NotCanonical("its number or its time is beyond 2^53 - 1")
    return b'{"act":%b,"actor":%b,"at_us":%d,"data":%b,"previous":%b,"sequence":%d,"subject":%b}' % (
        _text(entry.act),
        _text(entry.actor),
        entry.at_us,
        canonical(entry.data),
        b'"%b"' % entry.previous.encode() if is_digest(entry.previous) else canonical(entry.previous),
        entry.sequence,
        _text(entry.subject),
    )


@lru_cache(maxsize=4_096)
def _text(text: str) -> bytes:
    """The canonical bytes of a text; actors, acts and subjects are few."""
    return canonical(text)
