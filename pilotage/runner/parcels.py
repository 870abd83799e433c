"""Parcels: events that one subject hands over to another, on their way between shards.

A parcel is written in the very batch that commits the record it came of, under the shard's own sequence: the record's position and
its place among what that record handed over. The shard it goes to applies it once: it keeps, for each shard that sends it any, the
highest sequence seen, in the batch that commits what came of it. So a parcel that is brought again after a crash changes nothing,
however late it comes.
"""

from collections.abc import Callable, Iterator

import msgspec

from pilotage.journey.outcome import Handed
from pilotage.runner.arrival import Arrival
from pilotage.runner.layout import HEADER, body_of, position_key, position_of
from pilotage.runner.store import Batch, Store

AccountSubject = Callable[[str], bytes]
"""The subject id of an account, by its name."""

PLACES = 1 << 16
"""How many parcels one record can make."""

_HEARD = b"heard"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Handed)
_heard_decoder = msgspec.msgpack.Decoder(dict[int, int])


class TooManyParcels(ValueError):
    """One event is handed over to more subjects than a record can name. Let the person leave some accounts."""


def sequence_of(position: int, place: int) -> int:
    """The sequence of the parcel at a place among those of a record."""
    if place >= PLACES:
        raise TooManyParcels(f"one event is handed over to more than {PLACES} subjects; let the person leave some accounts")
    return position * PLACES + place


def put_parcel(batch: Batch, sequence: int, handed: Handed) -> None:
    """Add a parcel to the batch that commits what it came of."""
    batch.put("parcel", position_key(sequence), HEADER + _encoder.encode(handed))


def parcels_after(store: Store, sequence: int) -> Iterator[tuple[int, Handed]]:
    """The parcels that lie ready behind a sequence, in order."""
    for key, value in store.scan("parcel", position_key(sequence + 1)):
        yield position_of(key), _decoder.decode(body_of("parcel", value))


def parcel_key(sequence: int) -> bytes:
    """The key of a parcel."""
    return position_key(sequence)


def arrival_of(handed: Handed, sender: int, sequence: int, account_subject: AccountSubject, received_us: int = 0) -> Arrival:
    """A parcel as it arrives; with no `sequence` it is not counted."""
    subject = account_subject(handed.account) if handed.account else handed.subject
    return Arrival(subject, handed.event, received_us, sender=sender, sequence=sequence)


class Heard:
    """The highest sequence seen of each shard that sent any."""

    def __init__(self, store: Store) -> None:
        value = store.get("meta", _HEARD)
        self._highest: dict[int, int] = {} if value is None else _heard_decoder.decode(body_of("meta", value))
        self._more = False

    def knows(self, arrival: Arrival) -> bool:
        """Whether this parcel, or a later one of its sender, was applied before."""
        return arrival.sequence <= self._highest.get(arrival.sender, 0)

    def note(self, arrival: Arrival) -> None:
        """A parcel was applied."""
        self._highest[arrival.sender], self._more = arrival.sequence, True

    def put(self, batch: Batch) -> None:
        """Add what is new to the batch that commits what came of the parcels."""
        if self._more:
            batch.put("meta", _HEARD, HEADER + _encoder.encode(self._highest))
            self._more = False
