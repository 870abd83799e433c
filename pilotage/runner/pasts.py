"""What a backfill has found of subjects' pasts, waiting beside the log until each subject is looked at next.

Putting such a row aside costs a fraction of reading, changing and saving the state that it is for, and the subject's next event,
wake-up or the sweep after the release reads that state anyway. The row goes in the commit that holds the record by which
the subject is told, so nobody is told twice and nobody is left out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pilotage.event.envelope import Event
from pilotage.journey.backfill import filled_event, with_past
from pilotage.profile.state import State
from pilotage.runner.layout import HEADER, body_of, state_key, subject_of
from pilotage.runner.store import Batch, Store


class Brought(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was brought to a subject under the recording plan of a digest (see `journey.backfill.Tally.end`); `account` is the name of one
    (empty: a person)."""

    plan: str
    past: bytes
    account: str = ""


Found = tuple[bytes, bytes, str]
"""A subject, its past, and the name of the account that it is (empty: a person)."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Brought]).decode

_Rows = dict[bytes, list[Brought]]


class Pasts:
    """The pasts that wait in one shard's table `past`, and what of it is not durable yet. `waiting` is False when there are
    none; it may stay True for a while after the last one was taken."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: _Rows = {}
        self._flying: deque[_Rows] = deque()
        self._loaded: _Rows = {}
        self._alone = ""  # the plan under which alone something was brought since nothing waited
        self.waiting = any(True for _ in store.scan("past"))

    def load(self, subjects: Iterable[bytes]) -> None:
        """Look up what waits for some subjects; `tell` gives it from then on until the next call."""
        self._loaded = self._find(subjects) if self.waiting else {}

    def waits(self, subject: bytes) -> bool:
        """Whether something waits for a loaded subject."""
        return bool(self._loaded.get(subject))

    def tell(self, subject: bytes, at_us: int, apply: Callable[[bytes, Event, int], object]) -> bool:
        """Let a loaded subject take in what waits for it, before anything else is asked of it; whether anything did. What was
        applied goes with the segment that is open; what `apply` refuses waits on."""
        told = False
        while rows := self._loaded.get(subject):
            apply(subject, filled_event(rows[0].plan, subject, at_us, rows[0].past, rows[0].account), at_us)
            self._open[subject] = self._loaded[subject] = rows[1:]
            told = True
        return told

    def bring(self, plan: str, pasts: Sequence[Found]) -> None:
        """Put aside what a backfill under a plan found of subjects, each once, behind what waits for them already."""
        if not self.waiting:
            self._alone = plan
        found = self._find(subject for subject, _, _ in pasts) if self._alone != plan else {}
        for subject, past, account in pasts:
            self._open[subject] = [*found.get(subject, ()), Brought(plan, past, account)]
        self.waiting = self.waiting or bool(pasts)

    @property
    def changed(self) -> bool:
        """Whether anything has changed since the last seal."""
        return bool(self._open)

    def seal(self, batch: Batch) -> None:
        """Add what has changed to a segment's batch."""
        for subject, rows in self._open.items():
            if rows:
                batch.put("past", state_key(subject), HEADER + _encode(rows))
            else:
                batch.delete("past", state_key(subject))
        self._flying.append(self._open)
        self._open = {}

    def committed(self) -> None:
        """The oldest sealed segment is on disk."""
        self._flying.popleft()

    def after(self, key: bytes, limit: int) -> list[bytes]:
        """Up to `limit` subjects, in order of their keys, for whom something waited on disk, those after a key."""
        found: list[bytes] = []
        for each, _ in self._store.scan("past", key + b"\0" if key else b""):
            found.append(subject_of(each))
            if len(found) == limit:
                break
        return found

    def rest(self) -> bool:
        """Look whether anything is left; afterwards `waiting` says so."""
        self.waiting = any(self._open.values()) or any(any(rows.values()) for rows in self._flying) or bool(self.after(b"", 1))
        return self.waiting

    def known(self, subject: bytes, state: State, now_us: int) -> State:
        """A subject's state as it will be once what waits for it is taken in at an instant."""
        for brought in self._find([subject]).get(subject, ()) if self.waiting else ():
            state = with_past(state, brought.past, now_us, brought.account)
        return state

    def _find(self, subjects: Iterable[bytes]) -> _Rows:
        found: _Rows = {}
        stored: list[bytes] = []
        recent = (self._open, *reversed(self._flying))
        for subject in dict.fromkeys(subjects):
            rows = next((each[subject] for each in recent if subject in each), None)
            if rows is None:
                stored.append(subject)
            elif rows:
                found[subject] = rows
        for subject, value in zip(stored, self._store.get_many("past", list(map(state_key, stored))), strict=True):
            if value is not None:
                found[subject] = _decode(body_of("past", value))
        return found
