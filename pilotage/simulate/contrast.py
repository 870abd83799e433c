"""How two versions differ, subject by subject: which messages one of them sends and the other does not, and whom that concerns.

A message is the same under both if it has the same effect key: the same step of the same entry, for the same time. Where customers
react to what they get, their events come to differ too, and with them entries and keys; so of what is left on both sides the first of
a step goes with the first, the second with the second.
"""

import hashlib
import heapq
from collections.abc import Mapping, Sequence

import msgspec

from pilotage.simulate.tally import Counts, Spread, add_counts
from pilotage.simulate.watcher import Contact

EXAMPLES_MAX = 8
"""How many subjects are shown as examples: those of all that differ whose hashed ids come first, whoever is counted where."""


class Told(msgspec.Struct, frozen=True):
    """A message in an example; `fate` is kept, new, gone, earlier or later."""

    at_us: int
    channel: str
    journey: str
    step: str
    fate: str


class Example(msgspec.Struct, frozen=True, order=True):
    """A subject for whom two versions differ, with every message of either."""

    order: str
    subject: str
    messages: list[Told]


Pair = tuple[Contact | None, Contact | None]
"""A message under the version before and after; None where it does not send it."""


class Contrast(msgspec.Struct):
    """What a version after does otherwise than one before. `new` and `gone` count messages by step, `moved` those that leave at
    another instant, `delays` how much later. `displaced` are those gone of journeys that both versions have alike."""

    subjects: int = 0
    differing: int = 0
    new: Counts = {}
    gone: Counts = {}
    displaced: Counts = {}
    moved: Counts = {}
    delays: Spread = msgspec.field(default_factory=Spread)
    examples: list[Example] = []

    def plus(self, other: "Contrast") -> None:
        """Add another's counts; of the examples of both those stay whose hashes come first."""
        self.subjects += other.subjects
        self.differing += other.differing
        for mine, its in ((self.new, other.new), (self.gone, other.gone), (self.displaced, other.displaced), (self.moved, other.moved)):
            add_counts(mine, its)
        self.delays.plus(other.delays)
        self.examples = heapq.nsmallest(EXAMPLES_MAX, [*self.examples, *other.examples])

    def take(
        self, before: Mapping[bytes, Sequence[Contact]], after: Mapping[bytes, Sequence[Contact]], subjects: int, kept: frozenset[str]
    ) -> None:
        """Compare what both versions sent to some subjects. `kept` are the journeys that both have alike."""
        self.subjects += subjects
        for subject in {*before, *after}:
            pairs = _paired(before.get(subject, ()), after.get(subject, ()))
            if any(one is None or two is None or one.at_us != two.at_us for one, two in pairs):
                self.differing += 1
                self._differs(subject, pairs, kept)

    def _differs(self, subject: bytes, pairs: Sequence[Pair], kept: frozenset[str]) -> None:
        told = []
        for before, after in pairs:
            if before is None and after is not None:
                told.append(_told(after, "new"))
                _count(self.new, after)
            elif after is None and before is not None:
                told.append(_told(before, "gone"))
                _count(self.gone, before)
                if before.journey in kept:
                    _count(self.displaced, before)
            elif before is not None and after is not None:
                told.append(_told(after, "kept" if before.at_us == after.at_us else "later" if after.at_us > before.at_us else "earlier"))
                if before.at_us != after.at_us:
                    _count(self.moved, after)
                if after.at_us > before.at_us:
                    self.delays.add(after.at_us - before.at_us)
        order = hashlib.blake2b(subject, digest_size=8, person=b"examples").hexdigest()
        told.sort(key=lambda each: (each.at_us, each.journey, each.step))
        self.examples = heapq.nsmallest(EXAMPLES_MAX, [*self.examples, Example(order, subject.hex(), told)])


def _count(counts: Counts, contact: Contact) -> None:
    name = f"{contact.journey}/{contact.step}"
    counts[name] = counts.get(name, 0) + 1


def _told(contact: Contact, fate: str) -> Told:
    return Told(contact.at_us, contact.channel, contact.journey, contact.step, fate)


def _paired(before: Sequence[Contact], after: Sequence[Contact]) -> list[Pair]:
    """The messages of both versions side by side."""
    keys = {contact.effect: contact for contact in after}
    pairs: list[Pair] = [(contact, keys.pop(contact.effect)) for contact in before if contact.effect in keys]
    same = {one.effect for one, _ in pairs if one is not None}
    gone = [contact for contact in before if contact.effect not in same]
    left: dict[tuple[str, str], list[Contact]] = {}
    for contact in after:
        if contact.effect in keys:
            left.setdefault((contact.journey, contact.step), []).append(contact)
    for contact in gone:
        others = left.get((contact.journey, contact.step))
        pairs.append((contact, others.pop(0) if others else None))
    pairs += ((None, contact) for contacts in left.values() for contact in contacts)
    return pairs
