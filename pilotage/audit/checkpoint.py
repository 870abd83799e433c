"""Checkpoints: the installation's signature over how far the ledger goes and the digest it has there.

There are two: checkpoints proper, which stay, and the head, which is signed anew with every entry and replaces the one before. The
two are signed for different purposes, so that an old checkpoint can never stand in for a head: cutting the end off the ledger
needs the installation's key, or an old head that somebody kept. Each names the checkpoint before it, so that none can be left out.
"""

from typing import Literal

import msgspec

from pilotage.audit.canonical import digest_of
from pilotage.audit.entry import GENESIS
from pilotage.audit.signature import Signer, sign, verify_signature

Standing = Literal["checkpoint", "head"]

EVERY = 1_000
"""How many entries lie between checkpoints at most."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ledger had `sequence` entries, the last with this `digest`; `previous` is the digest of the checkpoint before; signed with
    the private key of `public_key`."""

    sequence: int
    digest: str
    at_us: int
    previous: str
    public_key: str
    signature: str
    standing: Standing = "checkpoint"


def make_checkpoint(
    signer: Signer, sequence: int, digest: str, at_us: int, before: Checkpoint | None, standing: Standing = "checkpoint"
) -> Checkpoint:
    """A signed checkpoint, or head, after the checkpoint `before` (None: it is the first)."""
    unsigned = Checkpoint(sequence, digest, at_us, digest_of_checkpoint(before), signer.public_key, "", standing)
    return msgspec.structs.replace(unsigned, signature=sign(signer, _purpose(unsigned), _signed(unsigned)))


def digest_of_checkpoint(checkpoint: Checkpoint | None) -> str:
    """What the next checkpoint names this one by."""
    return GENESIS if checkpoint is None else digest_of([*_signed(checkpoint), checkpoint.public_key, checkpoint.signature])


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint's signature is that of the key it names; `BadKey` if that is no key."""
    return verify_signature(checkpoint.public_key, _purpose(checkpoint), _signed(checkpoint), checkpoint.signature)


def _purpose(checkpoint: Checkpoint) -> str:
    return f"ledger.{checkpoint.standing}"


def _signed(checkpoint: Checkpoint) -> list[object]:
    return [checkpoint.sequence, checkpoint.digest, checkpoint.at_us, checkpoint.previous]
