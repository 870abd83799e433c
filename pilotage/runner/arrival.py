"""What goes into a shard and what comes out of it: arrivals, results, sealed group commits, told stories, and limits.

They are plain data, so that the engine and the worker processes can hand them on.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pilotage.event.envelope import Event
from pilotage.journey.outcome import Action, Decision, Outcome
from pilotage.profile.state import State
from pilotage.runner.log import Record, Segment
from pilotage.runner.recovery import Marker
from pilotage.runner.store import Batch

Advance = Callable[[Any, State, Event, int], Outcome]
"""`advance(program, state, event, now_us)`: the kernel."""


class Limits(msgspec.Struct, frozen=True):
    """How much one shard keeps in memory and how far saving may fall behind. The defaults are an eighth of a process's:
    100,000 decoded states, 600 MB of encoded ones, 160,000 records to advance again after a crash."""

    decoded_max: int = 12_500
    packed_bytes_max: int = 75_000_000
    lag_max: int = 20_000


class Arrival(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event and the subject it is about. `received_us` 0 means now; replay gives the instant itself. A `probe` only asks
    whether the event was applied before (then it is a duplicate); it is never applied itself. What a shard handed over
    carries that shard's number, `sender`, and its `sequence` (0: it was not handed over); it is applied if no later one was."""

    subject: bytes
    event: Event
    received_us: int = 0
    probe: bool = False
    sender: int = 0
    sequence: int = 0


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What became of an arrival. It may be acknowledged once the shard's `durable` ≥ `position` (for a duplicate: its
    first arrival's, 0 when long durable). With an `error` nothing was applied and the event is to be quarantined."""

    position: int
    duplicate: bool = False
    error: Exception | None = None


class Sealed(msgspec.Struct, frozen=True):
    """One group commit: write `batch` durably, then call `committed`. Only after that hand out the rest: `actions` to
    dispatch, `cancelled` (subject, effect) that must not leave, and the segment's decisions. `marker` is set when the
    batch also moves the marker; `parcels` is how many it made ready for other subjects."""

    batch: Batch
    segment: Segment
    actions: list[Action]
    cancelled: list[tuple[bytes, bytes]]
    marker: Marker | None = None
    parcels: int = 0


class Told(msgspec.Struct, frozen=True, array_like=True):
    """One record of a subject's story, what was decided then, and the name of the plan it was decided under."""

    position: int
    record: Record
    decisions: list[Decision]
    plan: str = ""


class Stuck(msgspec.Struct, frozen=True):
    """A subject whose wake-up fails. It is tried again with its next event, and after a restart."""

    subject: bytes
    due_us: int
    error: Exception


class NotSettled(RuntimeError):
    """A wake-up was handled, yet the subject asks to be woken at an instant that has passed: the kernel would spin."""


class OutOfOrder(RuntimeError):
    """Sealed batches were committed in another order than they were sealed in; the shard must be opened anew."""
