"""Events of history subject by subject: what a rehearsal feeds on, some partitions at a time.

What the system itself said is left out (receipts, what subjects told each other, pasts): whoever decides anew says it anew. The order
of one subject's events is that of its log.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pilotage.contract.builtin import FEATURES_FILLED, HANDED_ONLY
from pilotage.event.digest import PARTITIONS
from pilotage.event.envelope import Event
from pilotage.runner.history.parquet import Parquet, scan

ROWS_AT_ONCE = 5_000

Passage = tuple[int, bytes, Event]
"""An event at its received instant, with its subject."""

_decode = msgspec.json.Decoder(dict[str, str]).decode
_NOBODY: dict[str, str] = {}
_SAID_INSIDE = ("message.%", "call.%", "task.%")


def passages(
    parquet: Parquet,
    files: Mapping[int, Sequence[Path]],
    partitions: range,
    until_us: int,
    *,
    only: Sequence[bytes] = (),
    without: Sequence[bytes] = (),
    identified: bool = True,
) -> Iterator[list[Passage]]:
    """The events of some partitions subject by subject, or `only` those of some subjects of any partition, up to an instant; `files` are
    those of each shard. Without `identified` events come without their identifiers, which only accounts need."""
    wanted = range(0, PARTITIONS) if only else partitions
    shards = {partition // 128 for partition in wanted}
    paths = [path for shard in sorted(shards) for path in files.get(shard, ())]
    if not paths:
        return
    for rows in parquet.stream(_query(paths, partitions, until_us, only, without, identified), ROWS_AT_ONCE):
        yield [_passage(row, identified) for row in rows]


def _query(
    paths: Sequence[Path], partitions: range, until_us: int, only: Sequence[bytes], without: Sequence[bytes], identified: bool
) -> str:
    where = [f"received_us <= {until_us}", f"type not in ({_texts((*HANDED_ONLY, FEATURES_FILLED))})"]
    where += [f"type not like '{pattern}'" for pattern in _SAID_INSIDE]
    if only:
        where.append(f"subject in ({_blobs(only)})")
    else:
        where.append(f"partition between {partitions[0]} and {partitions[-1]}")
    if without:
        where.append(f"subject not in ({_blobs(without)})")
    fields = f"subject, received_us, id, source, type, occurred_us, data{', identifiers' if identified else ''}"
    return f"select {fields} from {scan(paths)} where {' and '.join(where)} order by partition, subject, position"


def _passage(row: tuple[Any, ...], identified: bool) -> Passage:
    subject, received_us, name, source, kind, occurred_us, data = row[:7]
    return received_us, subject, Event(name, source, kind, occurred_us, data.encode(), _decode(row[7]) if identified else _NOBODY)


def _texts(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _blobs(values: Sequence[bytes]) -> str:
    return ", ".join(f"from_hex('{value.hex()}')" for value in values)
