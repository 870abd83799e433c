"""Random things that a forger might do to a ledger or to an export of one, each with the first entry that is not as it was made.

Everything is drawn from hashes of a seed, so that a failing one repeats.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from pilotage.audit.checkpoint import Checkpoint, make_checkpoint
from pilotage.audit.entry import Entry, chained, digest_of_entry
from pilotage.audit.signature import signer_of
from tests.audit.chains import BEN

Records = list[Entry | Checkpoint]
FORGER = signer_of(bytes(range(9, 41)))


class Draw:
    """Numbers drawn from a seed, by name."""

    def __init__(self, *seed: object) -> None:
        self._seed = " ".join(map(str, seed))

    def __call__(self, what: str, below: int) -> int:
        drawn = blake2b(f"{self._seed} {what}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") % below


class Mutated(msgspec.Struct, frozen=True):
    """What became of the records, and the first entry (or the entry under the first checkpoint) that is not as it was made."""

    records: Records
    first: int


def change(records: Records, draw: Draw) -> Mutated:
    """Change a field of an entry, and perhaps its digest so that it fits."""
    at = entry_at(records, draw("entry", entries(records)))
    entry = records[at]
    assert isinstance(entry, Entry)
    fields: dict[str, object] = {"at_us": entry.at_us + 1, "actor": "eve", "act": "x.y", "subject": "thing:9", "data": {"x": 1}}
    name = list(fields)[draw("field", len(fields))]
    forged = msgspec.structs.replace(entry, **{name: fields[name]})
    if draw("fit", 2):
        forged = msgspec.structs.replace(forged, digest=digest_of_entry(forged))
    return Mutated([*records[:at], forged, *records[at + 1 :]], entry.sequence)


def rewrite(records: Records, draw: Draw) -> Mutated:
    """Change an entry and make every later one anew, chained as it should be; the signatures cannot be."""
    number = 1 + draw("entry", entries(records))
    made: Records = []
    last: Entry | None = None
    for each in records:
        if isinstance(each, Entry):
            subject = "thing:9" if each.sequence == number else each.subject
            each = last = chained(last, each.at_us, each.actor, each.act, subject, each.data)
        made.append(each)
    return Mutated(made, number)


def delete(records: Records, draw: Draw) -> Mutated:
    """Take out a record: an entry, a checkpoint or the head."""
    at = draw("record", len(records))
    gone = records[at]
    return Mutated([*records[:at], *records[at + 1 :]], gone.sequence + (1 if is_head(gone) else 0))


def insert(records: Records, draw: Draw) -> Mutated:
    """Put in an entry: one that is there already, or a forged one that follows."""
    at = 1 + draw("place", entries(records) - 1)
    place = entry_at(records, at)
    before = records[entry_at(records, at - 1)]
    assert isinstance(before, Entry)
    forged = (
        records[entry_at(records, draw("copied", at))] if draw("copy", 2) else chained(before, before.at_us, "eve", "x.y", "thing:9", {})
    )
    return Mutated([*records[:place], forged, *records[place:]], min(forged.sequence, before.sequence + 1))


def reorder(records: Records, draw: Draw) -> Mutated:
    """Let two records change places."""
    one, other = sorted((draw("one", len(records) - 1), draw("other", len(records) - 1)))
    if one == other:
        other = one + 1 if one + 1 < len(records) - 1 else one
        one = one if other != one else one - 1
    made = list(records)
    made[one], made[other] = made[other], made[one]
    return Mutated(made, records[one].sequence + (1 if isinstance(records[one], Checkpoint) else 0))


def truncate(records: Records, draw: Draw) -> Mutated:
    """Cut off the end, with the head or but for it, or with a checkpoint in the head's place."""
    kept = draw("kept", entries(records) - 1) + 1
    rest: Records = [each for each in records if each.sequence <= kept and not is_head(each)]
    ends: list[Callable[[], Records]] = [
        lambda: [],
        lambda: [each for each in records if is_head(each)],
        lambda: [msgspec.structs.replace(each, standing="head") for each in rest if isinstance(each, Checkpoint)][-1:],
    ]
    return Mutated([*rest, *ends[draw("end", len(ends))]()], kept + 1)


def swap_key(records: Records, draw: Draw) -> Mutated:
    """Sign a checkpoint or the head with a key of one's own, name another key on it, or give a person another key."""
    if draw("person", 3) == 0:
        made = [
            msgspec.structs.replace(each, data={**each.data, "public_key": BEN.public_key})
            if isinstance(each, Entry) and each.sequence == 2
            else each
            for each in records
        ]
        return Mutated(made, 2)
    signed = [at for at, each in enumerate(records) if isinstance(each, Checkpoint)]
    at = signed[draw("checkpoint", len(signed))]
    old = records[at]
    assert isinstance(old, Checkpoint)
    before = next((each for each in reversed(records[:at]) if isinstance(each, Checkpoint)), None)
    forged = make_checkpoint(FORGER, old.sequence, old.digest, old.at_us, before, old.standing)
    if draw("named", 2):
        forged = msgspec.structs.replace(old, public_key=FORGER.public_key)
    return Mutated([*records[:at], forged, *records[at + 1 :]], old.sequence)


MUTATIONS: dict[str, Callable[[Records, Draw], Mutated]] = {
    "change": change,
    "rewrite": rewrite,
    "delete": delete,
    "insert": insert,
    "reorder": reorder,
    "truncate": truncate,
    "swap key": swap_key,
}


def entries(records: Records) -> int:
    """How many entries there are."""
    return sum(isinstance(each, Entry) for each in records)


def entry_at(records: Records, number: int) -> int:
    """Where an entry stands, counted from 0."""
    return [at for at, each in enumerate(records) if isinstance(each, Entry)][number]


def is_head(record: Entry | Checkpoint) -> bool:
    """Whether a record is the head."""
    return isinstance(record, Checkpoint) and record.standing == "head"
