"""The state of one subject: all that `advance` knows about a person, as plain data with one canonical byte form.

Everything is addressed by string keys or ordered lists, values are kernel representations (see `predicate.ir`), and the
encoding sorts map keys, so that equal states have equal bytes in every process.
"""

from typing import TYPE_CHECKING, Any, Self

import msgspec


class Copied(msgspec.Struct):
    """What is copied for every event by `__copy__`, in a third of the time of `copy.copy`; msgspec has it, its types do not say so."""

    if TYPE_CHECKING:

        def __copy__(self) -> Self: ...


class Grant(msgspec.Struct, array_like=True, gc=False):
    """What the subject last said about one purpose on one channel, and when (received time)."""

    granted: bool
    at_us: int
    basis: str = ""


class Visit(msgspec.Struct, array_like=True, gc=False):
    """How often and when last the subject entered a journey; what re-entry rules read."""

    times: int
    entered_us: int
    left_us: int = 0


class Reservation(msgspec.Struct, array_like=True, gc=False):
    """One message's place in the contact budgets.

    It counts from the decision until a budget's window has passed since `at_us`, which is the decision's time until a
    receipt says the message was handed over, and the hand-over's afterwards. `pending` is true until then.
    """

    effect: bytes
    channel: str
    purpose: str
    journey: str
    at_us: int
    pending: bool = True


class Entry(Copied, array_like=True, gc=False):
    """One passage of the subject through a journey.

    `id` = hash(first subject id, journey, trigger event id, entry key). `version` is the journey digest it runs under.
    `step` is the step it rests on (empty: held out, waiting only for goal and end). `phase` says why it rests (see
    `journey.entry`). `deadline_us` is when the step itself ends by time, `due_us` when the entry next needs attention by
    time alone; 0 is never. `occurrence` counts how often each step acted, for effect keys. `trigger` holds the trigger's
    fields that the journey reads later. `awaited` is the effect key whose receipt the entry waits for, `expires_us` when
    its deferred candidate expires, `goal_us` when its goal was first reached (0: not yet). `rounds`
    counts the rounds begun of the repeats that it is in, by their steps. `parent` is the effect key of the step of another entry
    that awaits the end of this one. `claimed` is the person who has taken on the task that it waits for, or whom it has
    offered a message; of a message that was offered, the account. Of an entry that has
    migrated, `origins` are the step paths that effect keys are made with, where they are not the steps' own ids, and `sent` the
    contents sent under earlier versions.
    """

    id: bytes
    journey: str
    version: str
    step: str
    phase: int
    entered_us: int
    since_us: int
    deadline_us: int
    due_us: int
    trigger: dict[str, Any]
    variables: dict[str, Any]
    occurrence: dict[str, int]
    awaited: bytes = b""
    expires_us: int = 0
    goal_us: int = 0
    rounds: dict[str, int] = {}
    parent: bytes = b""
    claimed: str = ""
    origins: dict[str, str] = {}
    sent: list[str] = []


class Ties(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Whom a subject belongs with: of a person the `accounts`, each with the person's roles there in order; of an account its own
    name, `account` (empty: a person), and who has which of the `roles`: for each role the members by subject id in hex, each with
    the instant since when."""

    account: str = ""
    accounts: dict[str, list[str]] = {}
    roles: dict[str, dict[str, int]] = {}


class State(Copied, array_like=True, gc=False):
    """Everything known about one subject. `features` are what `profile.features` keeps, by key.

    `audiences` are those the subject is in, each with the instant since which. `flips` are the next instants at which time
    alone can change who is in, by audience, `flip_us` the earliest of them (0: none). `excluded` are the audiences whose
    condition the subject met already when they were released and that leave such subjects out. `audience_set` names the set of
    audiences that the subject was asked about; it is empty before the first. `keyed` are the passages through journeys whose
    entries have keys (see `journey.program`), each with the instant at which it was last entered; only those that re-entry rules
    still read. `schedules` are the next instants at which the subject may enter scheduled journeys, by journey, `schedule_us` the
    earliest of them (0: none), `schedule_set` names the set of schedules that they are of. `resumed` are the ends of pauses met last, by
    journey, `ties` those between persons and accounts (None: none). New sections go to the end: a state stored without them is
    read as one where they are empty.
    """

    subject: bytes
    attributes: dict[str, Any] = {}
    consents: dict[str, Grant] = {}
    features: dict[str, list[Any]] = {}
    entries: list[Entry] = []
    visits: dict[str, Visit] = {}
    budget: list[Reservation] = []
    audiences: dict[str, int] = {}
    flips: dict[str, int] = {}
    excluded: list[str] = []
    audience_set: bytes = b""
    flip_us: int = 0
    keyed: dict[str, int] = {}
    schedules: dict[str, int] = {}
    schedule_us: int = 0
    schedule_set: bytes = b""
    resumed: dict[str, int] = {}
    ties: Ties | None = None


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(State)


_UNTIED, _UNRESUMED = (b"\xdc" + (len(State.__struct_fields__) - left).to_bytes(2, "big") for left in (1, 2))
"""How the MessagePack array of a state begins that ends before `ties`, or before `resumed`; what is left out is a byte each."""


def encode_state(state: State) -> bytes:
    """The canonical bytes of a state. Sections at the end are left out where they and all behind them are empty: they came after
    states were stored first."""
    raw = _encoder.encode(state)
    if state.ties is not None:
        return raw
    return _UNTIED + raw[3:-1] if state.resumed else _UNRESUMED + raw[3:-2]


def decode_state(raw: bytes) -> State:
    """The state of canonical bytes; `msgspec.ValidationError` if they are not one."""
    return _decoder.decode(raw)
