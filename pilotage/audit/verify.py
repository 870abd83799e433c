"""The verifier: it takes entries and checkpoints one by one, in order, and says which is the first that is not as it was made.

It needs nothing but what is verified and, better, the installation's public key from elsewhere: without it the ledger's own first
entry says which key it is, and a forger who rewrote everything would have put in another. The memory it needs does not
grow with the ledger.
"""

from collections.abc import Iterable

import msgspec

from pilotage.audit.canonical import NotCanonical
from pilotage.audit.checkpoint import EVERY, Checkpoint, digest_of_checkpoint, is_signed
from pilotage.audit.entry import GENESIS, Entry, digest_of_entry
from pilotage.audit.keys import BEGUN, Keys
from pilotage.audit.signature import BadKey

FAULTS_MAX = 100
"""After so many faults the rest are not looked for."""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong: one of the entries `first` to `last` is the first bad one (mostly the two are the same)."""

    first: int
    last: int
    message: str


class Verdict(msgspec.Struct, frozen=True):
    """What was verified: how many entries and checkpoints, the digest they end with, the key that signed, and all that is wrong, in
    the order met."""

    entries: int
    checkpoints: int
    digest: str
    public_key: str
    faults: tuple[Fault, ...]

    @property
    def holds(self) -> bool:
        return not self.faults


class Verifier:
    """Call `entry` and `checkpoint` in the order of the ledger, a checkpoint right after the entry it is over, then `end`. `public_key`
    is the installation's, from elsewhere; `known` are checkpoints and heads that somebody kept, which must be of this ledger."""

    def __init__(self, public_key: str = "", known: Iterable[Checkpoint] = ()) -> None:
        self.keys = Keys()
        self._trusted = public_key
        self._known = sorted(known, key=lambda each: each.sequence)
        self._faults: list[Fault] = []
        self._last: Entry | None = None
        self._entries = self._checkpoints = 0
        self._checkpoint: Checkpoint | None = None
        self._sound = 0
        """The last entry that a valid checkpoint was over."""

    @property
    def full(self) -> bool:
        """Whether so much is wrong that the rest need not be looked at."""
        return len(self._faults) >= FAULTS_MAX

    def note(self, message: str) -> None:
        """Note something wrong with what the ledger is written in, at the entry that would come next."""
        self._add(self._at + 1, self._at + 1, message)

    def entry(self, entry: Entry) -> None:
        """Verify the next entry."""
        self._entries += 1
        last = self._last
        expected = last.sequence + 1 if last else 1
        if last is not None and last.sequence % EVERY == 0 and entry.sequence > last.sequence and self._covered < last.sequence:
            self._add(last.sequence, last.sequence, f"the checkpoint over entry {last.sequence} is missing")
        if entry.sequence > expected:
            missing = f"entry {expected} is" if entry.sequence == expected + 1 else f"entries {expected} to {entry.sequence - 1} are"
            self._add(expected, entry.sequence - 1, f"{missing} missing")
        elif entry.sequence < expected:
            self._add(entry.sequence, entry.sequence, f"entry {entry.sequence} stands after entry {expected - 1}: put in, or moved")
        if not _digest_holds(entry):
            self._add(entry.sequence, entry.sequence, f"entry {entry.sequence} was changed: its digest is another")
        elif entry.sequence == expected and entry.previous != (last.digest if last else GENESIS):
            between = f"entry {expected - 1} or {expected} was changed" if last else "something stood before the first entry"
            self._add(max(1, expected - 1), expected, f"entry {expected} does not follow the one before it: {between}")
        elif last is not None and entry.at_us < last.at_us:
            self._add(entry.sequence, entry.sequence, f"entry {entry.sequence} has an earlier time than the one before it")
        self._see(entry)
        self._last = entry
        while self._known and self._known[0].sequence <= entry.sequence:
            self._check_known(self._known.pop(0))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Verify a checkpoint over the last entry."""
        self._checkpoints += 1
        self._check_standing(checkpoint, "checkpoint")
        self._check_signed(checkpoint, f"the checkpoint over entry {checkpoint.sequence}")
        self._checkpoint = checkpoint

    def end(self, head: Checkpoint | None) -> Verdict:
        """Verify the head, which must be over the last entry; the verdict on all."""
        last = self._last
        for kept in self._known:
            self._check_known(kept)
        digest = last.digest if last else GENESIS
        if head is None:
            if last is not None or self._checkpoints:
                self._add(self._sound + 1, self._at + 1, "the head is missing: an end may have been cut off")
        else:
            self._check_standing(head, "head")
            self._check_signed(head, "the head")
            if last is not None and last.sequence % EVERY == 0 and self._covered < last.sequence:
                self._add(last.sequence, last.sequence, f"the checkpoint over entry {last.sequence} is missing")
        return Verdict(self._entries, self._checkpoints, digest, self._trusted or self.keys.installation, tuple(self._faults))

    @property
    def _at(self) -> int:
        return self._last.sequence if self._last else 0

    @property
    def _covered(self) -> int:
        return self._checkpoint.sequence if self._checkpoint else 0

    def _add(self, first: int, last: int, message: str) -> None:
        if not self.full:
            self._faults.append(Fault(max(1, first), max(1, first, last), message))

    def _see(self, entry: Entry) -> None:
        if (entry.sequence == 1) is not (entry.act == BEGUN):
            self._add(
                entry.sequence, entry.sequence, f"entry {entry.sequence} is {entry.act!r}; the first entry, and only it, is {BEGUN!r}"
            )
        fault = self.keys.see(entry)
        if fault:
            # who it is signed by follows from entries before, and those since the last checkpoint are not proven yet
            self._add(min(self._sound + 1, entry.sequence), entry.sequence, f"entry {entry.sequence}: {fault}")
        if entry.sequence == 1 and self._trusted and self.keys.installation != self._trusted:
            self._add(1, 1, "the ledger was begun with another key than the one it is verified with")

    def _check_standing(self, checkpoint: Checkpoint, standing: str) -> None:
        name = f"the {standing}"
        if checkpoint.standing != standing:
            self._add(checkpoint.sequence, checkpoint.sequence, f"{name} is signed as a {checkpoint.standing}")
        if checkpoint.sequence > self._at:
            self._add(self._at + 1, checkpoint.sequence, f"{name} is over {checkpoint.sequence} entries, and there are {self._at}")
        elif checkpoint.sequence < self._at:
            end = self._at + 1 if standing == "head" else self._at
            self._add(checkpoint.sequence, end, f"{name} over entry {checkpoint.sequence} stands after entry {self._at}")
        elif self._last is not None and checkpoint.digest != self._last.digest:
            message = f"{name} over entry {self._at} has another digest: an entry since {self._sound + 1} was changed, or it was"
            self._add(self._sound + 1, self._at, message)

    def _check_signed(self, checkpoint: Checkpoint, name: str, in_order: bool = True) -> None:
        trusted = self._trusted or self.keys.installation
        before = len(self._faults)
        unproven = min(self._sound + 1, checkpoint.sequence), self._at + 1 if checkpoint.standing == "head" else checkpoint.sequence
        if checkpoint.public_key != trusted:
            self._add(*unproven, f"{name} is signed with another key than the installation's")
        try:
            if not is_signed(checkpoint):
                self._add(*unproven, f"{name} is not as it was signed")
        except BadKey as fault:
            self._add(*unproven, f"{name}: {fault}")
        if in_order and checkpoint.previous != digest_of_checkpoint(self._checkpoint):
            self._add(self._covered, checkpoint.sequence, f"before {name} a checkpoint is missing, or was put in")
        if len(self._faults) == before and not self._faults:
            self._sound = checkpoint.sequence

    def _check_known(self, checkpoint: Checkpoint) -> None:
        last = self._last
        if last is None or last.sequence != checkpoint.sequence:
            self._add(
                self._at + 1, checkpoint.sequence, f"the ledger ends before entry {checkpoint.sequence}, which a kept checkpoint is over"
            )
        elif last.digest != checkpoint.digest:
            message = f"entry {checkpoint.sequence} is another than when the kept checkpoint was made"
            self._add(min(self._sound + 1, checkpoint.sequence), checkpoint.sequence, message)
        self._check_signed(checkpoint, "the kept checkpoint", in_order=False)


def verify(records: Iterable[Entry | Checkpoint], public_key: str = "", known: Iterable[Checkpoint] = ()) -> Verdict:
    """The verdict on a ledger: its entries, each followed by the checkpoints over it, and the head at the end. `public_key` is the
    installation's, from elsewhere; `known` are checkpoints and heads that somebody kept."""
    verifier = Verifier(public_key, known)
    head: Checkpoint | None = None
    for record in records:
        if isinstance(record, Checkpoint):
            if record.standing == "head":
                head = record
            else:
                verifier.checkpoint(record)
            continue
        if verifier.full:
            break
        verifier.entry(record)
    return verifier.end(head)


def _digest_holds(entry: Entry) -> bool:
    try:
        return digest_of_entry(entry) == entry.digest
    except NotCanonical:
        return False
