"""How far each shard's past is filled in, kept beside its log and moved in the very commit that brings it to subjects."""

import msgspec

from pilotage.runner.layout import HEADER, UnreadableValue, body_of
from pilotage.runner.store import Store

_KEY = b"backfill"


class Filled(msgspec.Struct, frozen=True, array_like=True):
    """Under the recording plan `plan`, the past was brought to the subjects up to `subject` of `partition`, in (partition,
    subject) order; to all of them once `done`. `subjects` and `events` count what was brought, `unfit` the events left out
    because they do not keep today's contract."""

    plan: str
    partition: int
    subject: bytes = b""
    subjects: int = 0
    events: int = 0
    unfit: int = 0
    done: bool = False


class ShardBackfill(msgspec.Struct, frozen=True):
    """One shard's backfill: what was brought, out of about how many events (None: not counted yet). `fault` says what kept
    the last attempt from going on, or nothing."""

    shard: int
    filled: Filled
    total: int | None = None
    fault: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Filled)


def read_filled(store: Store, shard: int, plan: str) -> Filled:
    """How far a shard's past is filled in under a plan."""
    found = _last_filled(store)
    return found if found is not None and found.plan == plan else Filled(plan, shard * 128)


def records(store: Store, plan: str) -> bool:
    """Whether a plan is the one that last recorded for another: until that comes into force, pasts only wait."""
    found = _last_filled(store)
    return found is not None and found.plan == plan


def _last_filled(store: Store) -> Filled | None:
    """How far a shard's past is filled in under the last plan that recorded; None if none has. `UnreadableValue` if another
    release was filling it in."""
    value = store.get("meta", _KEY)
    if value is None:
        return None
    try:
        return _decoder.decode(body_of("meta", value))
    except msgspec.ValidationError as fault:
        raise UnreadableValue("meta", value) from fault


def filled_row(filled: Filled) -> tuple[str, bytes, bytes]:
    """The row that says so."""
    return "meta", _KEY, HEADER + _encoder.encode(filled)
