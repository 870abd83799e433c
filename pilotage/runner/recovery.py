"""What a shard checks and reads when it is opened again: whose it is, how far its states were saved, and whether the log
comes out as it did.

The marker is the position up to which every derived row is on disk. Recovery advances the log again from there; since
`advance` is pure, the decisions must equal the logged ones, and if they do not, running on would rewrite history.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pilotage.journey.outcome import Decision
from pilotage.runner.layout import HEADER, body_of
from pilotage.runner.store import Batch, Store

_MARKER = b"marker"
_OWNER = b"owner"
_REIGN = b"plan"


class Marker(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything up to `position` is saved; the last stamp given then was `stamp_us`."""

    position: int = 0
    stamp_us: int = 0


class Reign(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Under which plan the newest records were made, and the first position made under it."""

    plan: str = ""
    first: int = 1


class Owner(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Which shard of which environment a store belongs to."""

    shard: int
    environment: str


class ForeignStore(RuntimeError):
    """The folder holds another shard, or another environment. Point the command at the right data folder."""

    def __init__(self, found: Owner, wanted: Owner) -> None:
        super().__init__(
            f"this folder holds shard {found.shard} of environment {found.environment!r}, not shard {wanted.shard} of "
            f"{wanted.environment!r}; point the command at the right data folder"
        )
        self.found = found
        self.wanted = wanted


class KernelDiverged(RuntimeError):
    """Advancing a logged record again did not give the decisions that were logged. Start the release of Pilotage that
    wrote the log (its kernel version is in the plan), let it save and stop, then upgrade; or accept the difference by
    starting with divergence reported as a warning."""

    def __init__(self, position: int, subject: bytes, detail: str) -> None:
        super().__init__(
            f"record {position} (subject {subject.hex()}) does not come out as it was logged: {detail}; start the release "
            "that wrote the log, stop it cleanly and upgrade then, or start with divergence reported as a warning"
        )
        self.position = position
        self.subject = subject


Diverged = Callable[[KernelDiverged], None]
"""Takes a divergence as a warning."""


class PlanMissing(RuntimeError):
    """The log was written under a plan that is not at hand. Put the plan's file back into the data folder."""

    def __init__(self, plan: str, position: int) -> None:
        super().__init__(
            f"the log from position {position} on was written under plan {plan!r}, which is not at hand; "
            "put its file back into the data folder"
        )
        self.plan = plan
        self.position = position


_marker_decoder = msgspec.msgpack.Decoder(Marker)
_reign_decoder = msgspec.msgpack.Decoder(Reign)
_owner_decoder = msgspec.msgpack.Decoder(Owner)
_canonical = msgspec.msgpack.Encoder(order="deterministic")


def read_marker(store: Store) -> Marker:
    """How far the derived tables are complete."""
    value = store.get("meta", _MARKER)
    return Marker() if value is None else _marker_decoder.decode(body_of("meta", value))


def put_marker(batch: Batch, marker: Marker) -> None:
    """Add the marker to a durable batch; everything up to it must be flushed."""
    batch.put("meta", _MARKER, HEADER + _canonical.encode(marker))


def read_reign(store: Store) -> Reign:
    """Under which plan the newest records were made."""
    value = store.get("meta", _REIGN)
    return Reign() if value is None else _reign_decoder.decode(body_of("meta", value))


def put_reign(batch: Batch, reign: Reign) -> None:
    """Add it to the batch that holds the first records made under the plan."""
    batch.put("meta", _REIGN, HEADER + _canonical.encode(reign))


def claim_store(store: Store, owner: Owner) -> None:
    """Check that a store belongs to this shard, and mark a new one as its; `ForeignStore` otherwise."""
    value = store.get("meta", _OWNER)
    if value is None:
        batch = Batch()
        batch.put("meta", _OWNER, HEADER + _canonical.encode(owner))
        store.write(batch, durable=True)
        return
    found = _owner_decoder.decode(body_of("meta", value))
    if found != owner:
        raise ForeignStore(found, owner)


def check_decisions(position: int, subject: bytes, logged: list[Decision], again: list[Decision]) -> None:
    """`KernelDiverged` unless both lists have the same bytes (a logged tuple comes back as a list, so values may differ
    in type and yet be the same)."""
    if again == logged or _canonical.encode(again) == _canonical.encode(logged):
        return
    raise KernelDiverged(position, subject, f"{_verbs(again)} instead of {_verbs(logged)}")


def _verbs(decisions: list[Decision]) -> Any:
    return [f"{d.journey}/{d.step}: {d.verb}" for d in decisions]
