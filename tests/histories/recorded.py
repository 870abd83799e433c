"""A recorded history: plans, who was told what and when under which of them, and a mark of everything that `advance` answered.

It carries all it needs: plans in their stored form, the zone tables they read, the controls. So it can be replayed whatever becomes of
the documents and the world that it was recorded in. A mark is a short hash of an outcome: state, actions, decisions, wake-up, cancelled.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pilotage.event.envelope import Event, wake_event
from pilotage.event.zone import Zones
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Outcome
from pilotage.journey.pause import Controls
from pilotage.journey.plan import decode_plan
from pilotage.journey.program import Program, controlled, load
from pilotage.profile.state import State, encode_state

FOLDER = Path(__file__).parent
SUFFIX = ".history"
MARK_BYTES = 5
REFUSED = b"\xff" * MARK_BYTES
"""The mark of an event that the kernel refuses."""


class Reign(msgspec.Struct, frozen=True, array_like=True):
    """From which record on which plan was in force, under which controls; entries of the plans before it go on."""

    first: int
    plan: int
    controls: Controls = Controls()


class Told(msgspec.Struct, frozen=True, array_like=True):
    """One record: a subject, how many microseconds after the record before, and the event (None: a wake-up)."""

    subject: int
    after_us: int
    event: Event | None = None


class Recorded(msgspec.Struct, frozen=True, array_like=True):
    """A history of one kernel version; `marks` are those of all records, one after another."""

    kernel: int
    environment: str
    zones: bytes
    plans: tuple[bytes, ...]
    reigns: tuple[Reign, ...]
    begins_us: int
    told: tuple[Told, ...]
    marks: bytes

    @property
    def expected(self) -> Iterator[bytes]:
        """The mark of each record."""
        return (self.marks[place : place + MARK_BYTES] for place in range(0, len(self.marks), MARK_BYTES))


class Differs(AssertionError):
    """A kernel answers a record of its own version otherwise than it did. If that is meant, it is a new kernel version: raise `KERNEL`,
    keep the old behaviour for plans that name the old one, and record histories of the new one with `make history`."""


_canonical = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Recorded)


def mark_of(outcome: Outcome) -> bytes:
    """A short hash of everything an outcome says."""
    said = (encode_state(outcome.state), outcome.actions, outcome.decisions, outcome.wake_at_us, outcome.cancelled)
    return hashlib.blake2b(_canonical.encode(said), digest_size=MARK_BYTES).digest()


def programs(zones: bytes, plans: Sequence[bytes], reigns: Sequence[Reign], environment: str) -> list[Program]:
    """The program of each reign."""
    tables, known = Zones(zones), [decode_plan(raw) for raw in plans]
    compiled = [load(known[place], tables, environment, known[:place][::-1]) for place in range(len(known))]
    return [controlled(compiled[reign.plan], reign.controls) for reign in reigns]


def lived(history: Recorded, kernel: Callable[[Any, State, Event, int], Outcome] = advance) -> Iterator[tuple[Told, int, bytes]]:
    """Each record with its instant and the mark of what a kernel answers to it now."""
    running = programs(history.zones, history.plans, history.reigns, history.environment)
    firsts = {reign.first: program for reign, program in zip(history.reigns, running, strict=True)}
    states: dict[int, State] = {}
    now_us, program = history.begins_us, running[0]
    for place, told in enumerate(history.told):
        now_us += told.after_us
        program = firsts.get(place, program)
        state = states.get(told.subject) or State(subject_of(told.subject))
        try:
            outcome = kernel(program, state, told.event or wake_event(now_us), now_us)
        except ValueError:
            yield told, now_us, REFUSED
            continue
        states[told.subject] = outcome.state
        yield told, now_us, mark_of(outcome)


def check(history: Recorded, kernel: Callable[[Any, State, Event, int], Outcome] = advance) -> int:
    """Replay a history; how many records it has. `Differs` names the first that is answered otherwise."""
    count = 0
    for (told, now_us, mark), expected in zip(lived(history, kernel), history.expected, strict=True):
        if mark != expected:
            what = told.event.type if told.event is not None else "a wake-up"
            raise Differs(f"record {count} differs: {what} for subject {told.subject} at {now_us} ({mark.hex()}, not {expected.hex()})")
        count += 1
    return count


def subject_of(number: int) -> bytes:
    """The id of a subject of a history."""
    return hashlib.blake2b(number.to_bytes(4, "big"), digest_size=16).digest()


def read(path: Path) -> Recorded:
    """A stored history."""
    return _decoder.decode(zlib.decompress(path.read_bytes()))


def write(path: Path, history: Recorded) -> None:
    """Store a history, compressed."""
    path.write_bytes(zlib.compress(_canonical.encode(history), 9))


def stored() -> list[Path]:
    """All histories there are."""
    return sorted(FOLDER.glob(f"*{SUFFIX}"))
