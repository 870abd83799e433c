"""Digests of everything a shard decided, made and knows: equal exactly when two runs came out the same.

Each decision, action and state is hashed with its subject (a decision also with its place in the subject's story), and
the hashes are added modulo 2²⁵⁶. The sum does not depend on order, so shards and processes can be split as one likes and
their digests united afterwards (a multiset hash after Bellare and Micciancio, "A New Paradigm for Collision-Free
Hashing", 1997); it stands for the sorted list of hashes without holding it.
"""

from collections import Counter
from hashlib import blake2b

import msgspec

from pilotage.event.digest import canonical
from pilotage.profile.state import encode_state
from pilotage.runner.log import segments_from
from pilotage.runner.outbox import ACTION, decode_row, split_key
from pilotage.runner.shard import Shard

_MODULUS = 1 << 256


class Digests(msgspec.Struct, frozen=True):
    """Three digests, each 64 hex digits, and what they are over: how many decisions, actions and states."""

    decisions: str
    actions: str
    states: str
    counts: tuple[int, int, int]


def digests_of(shard: Shard) -> Digests:
    """The digests of one shard's stored log (seal and commit first), its action rows and its states."""
    decisions, decided = _decisions(shard)
    actions, acted = _actions(shard)
    states, known = _states(shard)
    return Digests(_hex(decisions), _hex(actions), _hex(states), (decided, acted, known))


def unite(*parts: Digests) -> Digests:
    """The digests of several shards together."""
    counts = tuple(sum(part.counts[n] for part in parts) for n in range(3))
    return Digests(
        _hex(sum(int(part.decisions, 16) for part in parts)),
        _hex(sum(int(part.actions, 16) for part in parts)),
        _hex(sum(int(part.states, 16) for part in parts)),
        (counts[0], counts[1], counts[2]),
    )


def _decisions(shard: Shard) -> tuple[int, int]:
    total, count = 0, 0
    places: Counter[bytes] = Counter()
    for segment in segments_from(shard.store, 1, trimmed=True):
        for record, decisions in zip(segment.records, segment.decisions, strict=True):
            for decision in decisions:
                place = places[record.subject]
                places[record.subject] += 1
                total += _hash(record.subject + place.to_bytes(8, "big") + canonical(decision))
                count += 1
    return total, count


def _actions(shard: Shard) -> tuple[int, int]:
    total, count = 0, 0
    for key, value in shard.store.scan("action"):
        if split_key(key)[0] == ACTION:
            total += _hash(canonical(decode_row(value).action))
            count += 1
    return total, count


def _states(shard: Shard) -> tuple[int, int]:
    total, count = 0, 0
    for subject in shard.subjects():
        known = shard.read(subject)
        if known is not None:
            total += _hash(encode_state(known[0]))
            count += 1
    return total, count


def _hash(raw: bytes) -> int:
    return int.from_bytes(blake2b(raw, digest_size=32).digest(), "big")


def _hex(total: int) -> str:
    return f"{total % _MODULUS:064x}"
