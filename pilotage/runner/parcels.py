"""Parcels: events that one subject hands over to another, on their way between shards.

A parcel is written in the very batch that commits the record it came of, under the shard's own sequence: the record's position and
its place among what that record handed over. The shard it goes to applies it once: it keeps, for each shard that sends it any, the
highest sequence seen, in the batch that commits what came of it. So a parcel that is brought again after a crash changes nothing,
however late it comes. One that the kernel refuses is remembered beside it until its sender brings what lies behind: by then it is in
the quarantine. Brought again before, it is refused again, and not taken for one that was applied.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from pilotage.journey.outcome import Handed
from pilotage.runner.arrival import Arrival
from pilotage.runner.layout import HEADER, body_of, position_key, position_of
from pilotage.runner.store import Batch, Store

AccountSubject = Callable[[str], bytes]
"""The subject id of an account, by its name."""

PLACES = 1 << 16
"""How many parcels one record can make: more than the accounts of a person times the events that one may lead to."""

_HEARD = b"heard"
_REFUSED = b"heard: refused"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Handed)
_heard_decoder = msgspec.msgpack.Decoder(dict[int, int])
_refused_decoder = msgspec.msgpack.Decoder(dict[int, list[int]])


def sequence_of(position: int, place: int) -> int:
    """The sequence of the parcel at a place among those of a record."""
    return position * PLACES + place


def put_parcel(batch: Batch, sequence: int, handed: Handed) -> None:
    """Add a parcel to the batch that commits what it came of."""
    batch.put("parcel", position_key(sequence), HEADER + _encoder.encode(handed))


def parcels_after(store: Store, sequence: int, durable: int) -> Iterator[tuple[int, Handed]]:
    """The parcels that lie ready behind a sequence, in order: those of records up to the position `durable`. What is being written may
    be seen before it is on disk, and a crash could still take it back."""
    for key, value in store.scan("parcel", position_key(sequence + 1), position_key(sequence_of(durable + 1, 0))):
        yield position_of(key), _decoder.decode(body_of("parcel", value))


def parcel_key(sequence: int) -> bytes:
    """The key of a parcel."""
    return position_key(sequence)


def arrival_of(handed: Handed, sender: int, sequence: int, account_subject: AccountSubject, received_us: int = 0) -> Arrival:
    """A parcel as it arrives; with no `sequence` it is not counted."""
    subject = account_subject(handed.account) if handed.account else handed.subject
    return Arrival(subject, handed.event, received_us, sender=sender, sequence=sequence)


class Heard:
    """The highest sequence seen of each shard that sent any, and those below it that were refused and may not be in the quarantine
    yet."""

    def __init__(self, store: Store) -> None:
        value, refused = store.get("meta", _HEARD), store.get("meta", _REFUSED)
        self._highest: dict[int, int] = {} if value is None else _heard_decoder.decode(body_of("meta", value))
        self._refused: dict[int, list[int]] = {} if refused is None else _refused_decoder.decode(body_of("meta", refused))
        self._more = self._more_refused = False

    def turn_to(self, arrivals: Sequence[Arrival]) -> None:
        """Parcels have come: what was refused before the first of their sender is in the quarantine, since a sender brings nothing
        new before, and what it brings again it brings from the first that it has not let go of."""
        if not self._refused:
            return
        firsts: dict[int, int] = {}
        for arrival in arrivals:
            if arrival.sequence:
                firsts.setdefault(arrival.sender, arrival.sequence)
        for sender, first in firsts.items():
            refused = self._refused.get(sender, [])
            if refused and refused[0] < first:
                self._put_refused(sender, [each for each in refused if each >= first])

    def knows(self, arrival: Arrival) -> bool:
        """Whether this parcel, or a later one of its sender, was applied before."""
        return arrival.sequence <= self._highest.get(arrival.sender, 0) and arrival.sequence not in self._refused.get(arrival.sender, ())

    def note(self, arrival: Arrival) -> None:
        """A parcel was applied."""
        refused = self._refused.get(arrival.sender, ())
        if arrival.sequence in refused:
            self._put_refused(arrival.sender, [each for each in refused if each != arrival.sequence])
        self._highest[arrival.sender] = max(arrival.sequence, self._highest.get(arrival.sender, 0))
        self._more = True

    def refuse(self, arrival: Arrival) -> None:
        """A parcel was refused by the kernel."""
        refused = self._refused.get(arrival.sender, [])
        if arrival.sequence not in refused:
            self._put_refused(arrival.sender, sorted((*refused, arrival.sequence)))

    def _put_refused(self, sender: int, sequences: list[int]) -> None:
        self._refused[sender], self._more_refused = sequences, True
        if not sequences:
            del self._refused[sender]

    def put(self, batch: Batch) -> None:
        """Add what is new to the batch that commits what came of the parcels."""
        if self._more:
            batch.put("meta", _HEARD, HEADER + _encoder.encode(self._highest))
        if self._more_refused:
            batch.put("meta", _REFUSED, HEADER + _encoder.encode(self._refused))
        self._more = self._more_refused = False
