"""The quarantine: every refused event, kept whole and in the order received, until somebody resubmits it.

Rows are numbered and lie in the front's store. A delivery that is repeated byte for byte is recognised and kept once, so a
sender that retries does not fill the list. A resubmitted row stays, marked, as the record of what happened.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pilotage.event.digest import key128
from pilotage.runner.layout import HEADER, body_of
from pilotage.runner.store import Batch, Store
from pilotage.source.quarantine import Quarantined

COUNTS_KEY = b"quarantine counts"
SEEN_PREFIX = b"quarantine seen "

HELD = "held"
RESUBMITTED = "resubmitted"
DISCARDED = "discarded"


class Held(msgspec.Struct, frozen=True, array_like=True):
    """One row: its number, the refused event, its status (`held`, `resubmitted` or `discarded`) and since when."""

    number: int
    event: Quarantined
    status: str = HELD
    since_us: int = 0


class QuarantineCount(msgspec.Struct, frozen=True, array_like=True):
    """How many events were refused at a stage, of a source and type; `held` are those still to be dealt with."""

    stage: str
    source: str
    type: str
    refused: int
    held: int


class _Counts(msgspec.Struct, array_like=True):
    last: int = 0
    refused: dict[str, int] = {}
    held: dict[str, int] = {}


class NotQuarantined(LookupError):
    """No row of the quarantine has this number. List the quarantine to see which there are."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no quarantined event {number}; list the quarantine to see which there are")
        self.number = number


_encoder = msgspec.msgpack.Encoder()
_row_decoder = msgspec.msgpack.Decoder(Held)
_counts_decoder = msgspec.msgpack.Decoder(_Counts)


class Quarantine:
    """The rows in a store. Changes are put into a batch; the caller writes it durably, in the order of the calls."""

    def __init__(self, store: Store) -> None:
        self._store = store
        raw = store.get("meta", COUNTS_KEY)
        counts = _counts_decoder.decode(body_of("meta", raw)) if raw is not None else _Counts()
        self._last = counts.last
        self._refused: Counter[str] = Counter(counts.refused)
        self._held: Counter[str] = Counter(counts.held)
        self._fresh: set[bytes] = set()

    def add(self, batch: Batch, events: Iterable[Quarantined]) -> int:
        """Keep refused events; returns how many were new."""
        new = 0
        for event in events:
            seen = SEEN_PREFIX + key128(event.source, event.id, event.raw)
            if seen in self._fresh or self._store.get("meta", seen) is not None:
                continue
            new += 1
            self._last += 1
            self._fresh.add(seen)
            self._count(event, refused=1, held=1)
            batch.put("meta", seen, HEADER + self._last.to_bytes(8, "big"))
            self._put(batch, Held(self._last, event, HELD, event.received_us))
        if new:
            self._put_counts(batch)
        return new

    def written(self) -> None:
        """Everything added so far is durable."""
        self._fresh.clear()

    def amend(self, batch: Batch, number: int, event: Quarantined) -> None:
        """A row was tried again and is still refused, perhaps for another reason; it keeps its number and what it holds."""
        row = self.get(number)
        why = msgspec.structs.replace(row.event, reason=event.reason, path=event.path, cure=event.cure)
        self._put(batch, msgspec.structs.replace(row, event=why))

    def mark(self, batch: Batch, numbers: Sequence[int], status: str, now_us: int) -> None:
        """Say of held rows that they were resubmitted or discarded; rows that are no longer held stay as they are."""
        for number in dict.fromkeys(numbers):
            row = self.get(number)
            if row.status == HELD:
                self._count(row.event, refused=0, held=-1)
                self._put(batch, msgspec.structs.replace(row, status=status, since_us=now_us))
        self._put_counts(batch)

    def get(self, number: int) -> Held:
        """One row; `NotQuarantined` if there is none of this number."""
        value = self._store.get("quarantine", _key(number))
        if value is None:
            raise NotQuarantined(number)
        return _row_decoder.decode(body_of("quarantine", value))

    def rows(self, after: int = 0, *, status: str = "") -> Iterator[Held]:
        """Rows with a number above `after`, in the order received; only those of a status where one is given."""
        for _, value in self._store.scan("quarantine", _key(after + 1)):
            row = _row_decoder.decode(body_of("quarantine", value))
            if not status or row.status == status:
                yield row

    def counts(self) -> list[QuarantineCount]:
        """How many were refused and are held, by stage, source and type."""
        kinds = ((key.split("\x1f"), key) for key in sorted(self._refused))
        return [QuarantineCount(stage, source, kind, self._refused[key], self._held[key]) for (stage, source, kind), key in kinds]

    @property
    def held(self) -> int:
        """How many rows wait to be dealt with."""
        return sum(self._held.values())

    def _count(self, event: Quarantined, *, refused: int, held: int) -> None:
        key = "\x1f".join(part.replace("\x1f", " ") for part in (event.stage, event.source, event.type))
        if key not in self._refused and len(self._refused) >= KINDS_MAX:
            key = f"{event.stage}\x1f\x1f"
        self._refused[key] += refused
        self._held[key] += held

    def _put(self, batch: Batch, row: Held) -> None:
        batch.put("quarantine", _key(row.number), HEADER + _encoder.encode(row))

    def _put_counts(self, batch: Batch) -> None:
        batch.put("meta", COUNTS_KEY, HEADER + _encoder.encode(_Counts(self._last, dict(self._refused), dict(self._held))))


KINDS_MAX = 2_000
"""How many (stage, source, type) are counted apart; the rest are counted by stage alone, so nobody can fill memory with names."""


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")
