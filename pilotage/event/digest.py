"""Stable hashes: canonical bytes of plain data, and the keyed and unkeyed digests that name things.

Everything that is named by what it holds (documents, plans, effect keys, entry ids) gets its name here, so that the same
thing has the same name in every process and release.
"""

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

_canonical = msgspec.msgpack.Encoder(order="deterministic")


def canonical(value: Any) -> bytes:
    """One byte string per value: MessagePack with map keys in order."""
    return _canonical.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, as 64 hex digits: the name of a document or a plan."""
    return hashlib.sha256(canonical(value)).hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, as 64 hex digits: what `sha256sum` says of the file that holds it."""
    return hashlib.sha256(text.encode()).hexdigest()


def key128(*parts: str | bytes | int) -> bytes:
    """A 16-byte BLAKE2b hash of parts, each length-prefixed so that no two lists of parts collide by joining."""
    joined = b""
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        joined += len(raw).to_bytes(4, "big") + raw
    return hashlib.blake2b(joined, digest_size=16).digest()


def bucket(salt: str, subject: bytes, buckets: int) -> int:
    """The subject's bucket in [0, buckets) under a salt: uniform, stable, and independent between salts."""
    hashed = _salted(salt).copy()
    hashed.update(subject)
    return int.from_bytes(hashed.digest(), "big") % buckets


@lru_cache(1024)
def _salted(salt: str) -> "hashlib.blake2b":
    """A hasher that has read its key; copying it costs a third of keying a new one."""
    return hashlib.blake2b(digest_size=8, key=hashlib.blake2b(salt.encode(), digest_size=32).digest())


@lru_cache(65_536)
def partition_of(subject: bytes) -> int:
    """The virtual partition of a subject id, fixed for ever: BLAKE2b-64 of the id, modulo 1,024."""
    return int.from_bytes(hashlib.blake2b(subject, digest_size=8).digest(), "big") % PARTITIONS


PARTITIONS = 1024
"""How many virtual partitions there are; part of every key, never changed."""
