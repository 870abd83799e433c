"""What one may ask the owner of some shards, and the shape of each answer.

Questions cross to worker processes, so they and their answers are plain data with one encoding.
"""

from typing import Any

import msgspec

from pilotage.runner.anchors import Anchor, LogVerdict
from pilotage.runner.arrival import Told
from pilotage.runner.digests import Digests
from pilotage.runner.history.progress import ShardBackfill
from pilotage.runner.history.state import ShardHistory
from pilotage.runner.log import Segment
from pilotage.runner.outbox import ActionRow, Status
from pilotage.runner.switches import Switches
from pilotage.runner.telemetry import Snapshot


class ReadState(msgspec.Struct, frozen=True, tag="state"):
    """A subject's state. Answer: `Known`, or None for an unknown subject."""

    subject: bytes


class ReadStory(msgspec.Struct, frozen=True, tag="story"):
    """A subject's records with what was decided, newest first, at most `limit`, only those before position `before`
    (0: from the newest). Answer: list of `Told`."""

    subject: bytes
    limit: int = 1_000
    before: int = 0


class ReadActions(msgspec.Struct, frozen=True, tag="actions"):
    """A subject's actions that are still listed. Answer: list of `ActionRow`."""

    subject: bytes


class ListSubjects(msgspec.Struct, frozen=True, tag="subjects"):
    """Subjects of partitions first to last in order of (partition, subject), after one. Answer: list of ids."""

    first: int = 0
    last: int = 1023
    after: bytes = b""
    limit: int = 100


class ReadStates(msgspec.Struct, frozen=True, tag="states"):
    """The states of known subjects in order of (partition, subject), after one. Answer: list of `Known`."""

    after: bytes = b""
    limit: int = 500


class ListActions(msgspec.Struct, frozen=True, tag="listed"):
    """Action rows of some statuses in key order after a key: dead letters, unknown fates, what waits. Answer: list of
    `ActionRow`."""

    statuses: tuple[Status, ...]
    limit: int = 100
    after: bytes = b""


class Redrive(msgspec.Struct, frozen=True, tag="redrive"):
    """Put dead letters back with all their attempts. Answer: how many."""

    rows: tuple[ActionRow, ...]


class ReadRows(msgspec.Struct, frozen=True, tag="rows"):
    """Rows of a table with start ≤ key < stop, over the owner's shards in order (reverse: backwards). Answer: list of
    (key, value)."""

    table: str
    start: bytes
    stop: bytes
    limit: int = 1_000
    reverse: bool = False


class PutRows(msgspec.Struct, frozen=True, tag="put"):
    """Write rows durably (value None removes); keys begin with their partition. Answer: how many."""

    table: str
    rows: tuple[tuple[bytes, bytes | None], ...]


class SwitchesChanged(msgspec.Struct, frozen=True, tag="switches"):
    """The kill switches that are set, all of them. Answer: how many."""

    switches: Switches = Switches()


class ReadDigests(msgspec.Struct, frozen=True, tag="digests"):
    """Digests of everything decided, made and known. Answer: `Digests`."""


class ReadTelemetry(msgspec.Struct, frozen=True, tag="telemetry"):
    """Answer: `Snapshot`."""


class ReadHealth(msgspec.Struct, frozen=True, tag="health"):
    """Answer: `Health`."""


class ReadHistory(msgspec.Struct, frozen=True, tag="history"):
    """How far the history of each shard is. Answer: list of `ShardHistory`."""


class CompactHistory(msgspec.Struct, frozen=True, tag="compact"):
    """File everything that is durable now, and join what is to be joined. Answer: list of `ShardHistory`."""


class ReadLog(msgspec.Struct, frozen=True, tag="log"):
    """The segments of a shard's log that hold the positions above `after`, as many as have `records` records or a few more. Answer:
    list of `Segment`."""

    shard: int
    after: int
    records: int = 2_000


class AdoptPlan(msgspec.Struct, frozen=True, tag="adopt"):
    """Go on under the plan of a digest, which the data folder holds as its newest. Answer: the digest."""

    plan: str


class FillFeatures(msgspec.Struct, frozen=True, tag="fill"):
    """Fill in the past of the features in `known` under the recording plan in force, of a digest, unless that is under way
    already. `known` says how far back each was kept before (None: not at all). Answer: list of `ShardBackfill`, as far as it is."""

    plan: str
    known: dict[str, int | None]


class MakeAnchor(msgspec.Struct, frozen=True, tag="anchor"):
    """The digest of what a shard's log has after an anchor (None: of all of it). Answer: list of the one `Anchor`, or of none where
    nothing follows."""

    shard: int
    before: Anchor | None = None


class CheckAnchors(msgspec.Struct, frozen=True, tag="anchors"):
    """Compare a shard's log with its anchors, the oldest first; what was received before `forgotten_us` need not be kept. Answer:
    `LogVerdict`."""

    shard: int
    anchors: tuple[Anchor, ...]
    forgotten_us: int = 0


Question = (
    FillFeatures
    | ReadState
    | ReadStory
    | ReadActions
    | ListSubjects
    | ReadStates
    | ListActions
    | Redrive
    | ReadRows
    | PutRows
    | SwitchesChanged
    | ReadDigests
    | ReadTelemetry
    | ReadHealth
    | ReadHistory
    | CompactHistory
    | ReadLog
    | AdoptPlan
    | MakeAnchor
    | CheckAnchors
)


class Known(msgspec.Struct, frozen=True):
    """A subject's canonical state bytes (see `profile.state.decode_state`), and the log position they are at."""

    state: bytes
    position: int


class Health(msgspec.Struct, frozen=True):
    """How an owner is: `queued` events, `lag` records to advance again after a crash now, `stuck` subjects that cannot be
    woken, `next_due_us` the next wake-up (0: none), `dispatch` (waiting, busy) per queue, `memory` sizes."""

    queued: int
    lag: int
    stuck: int
    next_due_us: int
    dispatch: dict[str, tuple[int, int]]
    memory: dict[str, int]


ANSWERS: dict[type, Any] = {
    ReadState: Known | None,
    ReadStory: list[Told],
    ReadActions: list[ActionRow],
    ListSubjects: list[bytes],
    ReadStates: list[Known],
    ListActions: list[ActionRow],
    Redrive: int,
    ReadRows: list[tuple[bytes, bytes]],
    PutRows: int,
    SwitchesChanged: int,
    ReadDigests: Digests,
    ReadTelemetry: Snapshot,
    ReadHealth: Health,
    ReadHistory: list[ShardHistory],
    CompactHistory: list[ShardHistory],
    ReadLog: list[Segment],
    AdoptPlan: str,
    FillFeatures: list[ShardBackfill],
    MakeAnchor: list[Anchor],
    CheckAnchors: LogVerdict,
}

_encoder = msgspec.msgpack.Encoder()
_question_decoder = msgspec.msgpack.Decoder(Question)
_answer_decoders = {kind: msgspec.msgpack.Decoder(answer) for kind, answer in ANSWERS.items()}


def encode(value: Any) -> bytes:
    """The bytes of a question or an answer."""
    return _encoder.encode(value)


def decode_question(raw: bytes) -> Question:
    """The question of its bytes."""
    question: Question = _question_decoder.decode(raw)
    return question


def decode_answer(question: Question, raw: bytes) -> Any:
    """The answer to a question, of its bytes."""
    return _answer_decoders[type(question)].decode(raw)


__all__ = ["ANSWERS", "Health", "Known", "Question", "decode_answer", "decode_question", "encode"]
