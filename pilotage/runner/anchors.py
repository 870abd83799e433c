"""Anchors: digests of stretches of a shard's log, which the ledger keeps, so that what was decided cannot be altered unseen.

An anchor is made now and then of what became durable since the last one, by reading it back: deciding itself pays nothing for it.
It covers the bytes of each segment as stored, chained to the anchor before. So that the first altered segment can be named, it also
holds the running digest at up to sixteen places on the way: where a stretch has no more segments than that, after each.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

import msgspec

from pilotage.runner.layout import position_key, position_of
from pilotage.runner.log import decode_segment
from pilotage.runner.store import Store

NOTHING = "0" * 64
"""What the first anchor of a shard has for the digest before it."""
BLOCKS_MAX = 16
SEGMENTS_MAX = 20_000
"""How many segments one anchor covers at most; what is left gets another."""
BLOCK_DIGITS = 16


class Block(msgspec.Struct, frozen=True, array_like=True):
    """The running digest (its first digits) after the segment that ends at the position `last`."""

    last: int
    digest: str


class Anchor(msgspec.Struct, frozen=True):
    """The digest of a shard's log at the positions `first` to `last`, received from `first_us` to `last_us`, in so many segments."""

    shard: int
    first: int
    last: int
    segments: int
    first_us: int
    last_us: int
    previous: str
    digest: str
    blocks: tuple[Block, ...]


class LogFault(msgspec.Struct, frozen=True):
    """What is wrong with a shard's log: the first altered segment holds positions among `first` to `last`."""

    shard: int
    first: int
    last: int
    message: str


class LogVerdict(msgspec.Struct, frozen=True):
    """What a shard's log is like against its anchors: how many of these were verified, how many are of what is not kept any more (whole
    or in part), how many positions no anchor covers yet, and what is wrong."""

    shard: int
    verified: int
    segments: int
    forgotten: int
    open: int
    faults: tuple[LogFault, ...]


def anchor_of(store: Store, shard: int, durable: int, before: Anchor | None) -> Anchor | None:
    """The anchor of what follows another one (None: of all there is) up to a durable position; None if nothing does."""
    after = before.last if before is not None else 0
    previous = before.digest if before is not None else NOTHING
    found: list[tuple[int, str]] = []
    first_value = last_value = b""
    following = 0
    for first, value, digest in _running(store, previous, after + 1, durable):
        if len(found) == SEGMENTS_MAX:
            following = first
            break
        found.append((first, digest))
        first_value, last_value = first_value or value, value
    if not found:
        return None
    last_us = decode_segment(last_value).records[-1].received_us
    last = following - 1 if following else decode_segment(last_value).last
    ends = [*(first - 1 for first, _ in found[1:]), last]
    digests = [digest for _, digest in found]
    count = len(found)
    places = sorted({count * part // BLOCKS_MAX - 1 for part in range(1, BLOCKS_MAX + 1)} - {-1} if count > BLOCKS_MAX else range(count))
    blocks = tuple(Block(ends[place], digests[place][:BLOCK_DIGITS]) for place in places)
    first_us = decode_segment(first_value).records[0].received_us
    return Anchor(shard, found[0][0], last, count, first_us, last_us, previous, digests[-1], blocks)


def check_log(store: Store, shard: int, durable: int, anchors: Sequence[Anchor], forgotten_us: int) -> LogVerdict:
    """Compare a shard's log with its anchors, the oldest first. What was received before `forgotten_us` need not be kept."""
    faults: list[LogFault] = []
    verified = segments = forgotten = 0
    before: Anchor | None = None
    for anchor in anchors:
        if before is not None and (anchor.first, anchor.previous) != (before.last + 1, before.digest):
            faults.append(
                LogFault(shard, anchor.first, anchor.last, f"the anchor of positions {_span(anchor)} does not follow the one before")
            )
        before = anchor
        kept = next((position_of(key) for key, _ in store.scan("log", position_key(anchor.first), position_key(anchor.last + 1))), 0)
        if kept != anchor.first and not verified and anchor.first_us < forgotten_us:
            forgotten += 1
            continue
        fault = _altered(store, anchor)
        if fault is not None:
            faults.append(fault)
        verified += 1
        segments += anchor.segments
    end = before.last if before is not None else 0
    if durable < end:
        faults.append(LogFault(shard, durable + 1, end, f"shard {shard}: the log ends at position {durable}, and was anchored up to {end}"))
    return LogVerdict(shard, verified, segments, forgotten, max(0, durable - end), tuple(faults))


def _altered(store: Store, anchor: Anchor) -> LogFault | None:
    """Where what is stored departs first from what was anchored."""
    rows = [(first, digest) for first, _, digest in _running(store, anchor.previous, anchor.first, anchor.last)]
    if rows and rows[0][0] == anchor.first and len(rows) == anchor.segments and rows[-1][1] == anchor.digest:
        return None
    first = anchor.first
    for block in anchor.blocks:
        at = bisect_right(rows, block.last, key=itemgetter(0))
        if not at or rows[at - 1][1][:BLOCK_DIGITS] != block.digest:
            what = "was altered, or one was removed or put in" if any(first <= begun <= block.last for begun, _ in rows) else "is missing"
            told = f"shard {anchor.shard}: the segment of positions {first} to {block.last} {what}"
            return LogFault(anchor.shard, first, block.last, told)
        first = block.last + 1
    return LogFault(anchor.shard, anchor.first, anchor.last, f"shard {anchor.shard}: the anchor of positions {_span(anchor)} was altered")


def _running(store: Store, previous: str, first: int, last: int) -> Iterator[tuple[int, bytes, str]]:
    """Each stored segment that begins at the positions first to last: where, its bytes, and the running digest after it."""
    running = hashlib.sha256(bytes.fromhex(previous))
    for key, value in store.scan("log", position_key(first), position_key(last + 1)):
        running.update(key + len(value).to_bytes(8, "big"))
        running.update(value)
        yield position_of(key), value, running.hexdigest()


def _span(anchor: Anchor) -> str:
    return f"{anchor.first} to {anchor.last}"
