"""The working copy of one `advance`: a new state that shares what is not changed, and what has been decided so far.

The state that was given is never touched: a section is copied before its first change, an entry is replaced, not
changed. So an `advance` that fails has changed nothing.
"""

from collections import deque
from typing import Any

from pilotage.audience.program import journey_signal
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.outcome import Action, Decision, Handed
from pilotage.journey.plan import KEY
from pilotage.journey.program import Program
from pilotage.profile.state import Entry, Reservation, State

DERIVED_MAX = 64
"""How many derived events one external event may cause before it is refused. All the audiences that one of them moves a
subject into and out of count as one."""


NOTHING: frozenset[str] = frozenset()


class TooManyDerived(ValueError):
    """The event set off a chain of derived events that does not end. Break the chain between the journeys named."""


class Derived:
    """Something that happened inside: an emitted event with its payload, or a change that conditions read."""

    __slots__ = ("event", "payload", "signals")

    def __init__(self, signals: frozenset[str], event: Event | None = None, payload: Any = None) -> None:
        self.signals = signals
        self.event = event
        self.payload = payload


class Work:
    """What one `advance` is building. `now` is the instant being decided: the event's, or the one something was due. `old` is
    the state as it came, `moves` how many entries were replaced or dropped since, `signals` what has been taken so far.
    `derived` (None: nothing yet) waits to be taken, `ended` are the passages (see `program`) that the event at hand has ended. `handed`
    (None: nothing yet) is for other subjects. `cause` names the external event at hand (empty: the passing of time), `turns` counts the
    audience events it has led to."""

    __slots__ = (
        "actions", "cancelled", "cause", "chain", "changed", "decisions", "derived", "ended", "handed", "moves", "now", "old", "program",
        "signals", "state", "turns",
    )  # fmt: skip

    def __init__(self, program: Program, state: State, now: int) -> None:
        self.program = program
        self.now = now
        self.old = state
        self.state = state.__copy__()
        self.changed = False
        self.moves = 0
        self.signals: frozenset[str] = NOTHING
        self.actions: list[Action] = []
        self.decisions: list[Decision] = []
        self.cancelled: list[bytes] = []
        self.derived: deque[Derived] | None = None
        self.handed: list[Handed] | None = None
        self.chain: tuple[str, ...] = ()
        self.ended: frozenset[str] = NOTHING
        self.cause = ""
        self.turns = 0

    def begin(self, now: int, cause: str = "") -> None:
        """Turn to the next thing to decide: what was due at an instant, or the external event of that name."""
        if now != self.now or cause:
            self.turns = 0
        self.now, self.cause = now, cause
        self.ended, self.chain = NOTHING, ()

    def own(self, section: str) -> Any:
        """The section of the state, copied the first time it is about to change."""
        present = getattr(self.state, section)
        if present is not getattr(self.old, section):
            return present
        own = present.copy()
        setattr(self.state, section, own)
        self.changed = True
        return own

    def replace(self, old: Entry) -> Entry:
        """A copy of the entry to change, put in its place."""
        self.moves += 1
        entries = self.own("entries")
        new = old.__copy__()
        entries[_place(entries, old.id)] = new
        return new

    def drop(self, entry: Entry) -> None:
        """Remove an ended entry."""
        self.moves += 1
        entries = self.own("entries")
        del entries[_place(entries, entry.id)]
        self.ended |= {self.program.journeys[entry.version].passage(entry.variables.get(KEY))}
        if entry.journey in self.state.resumed and all(each.journey != entry.journey for each in entries):
            del self.own("resumed")[entry.journey]

    def alive(self, entry: Entry) -> bool:
        """Whether the entry is still in the state, as this very copy."""
        return any(each is entry for each in self.state.entries)

    def derive(self, derived: Derived, name: str) -> None:
        """Queue something that follows from what is happening, at the same instant, after what is queued already."""
        self.link(name)
        self.queue(derived)

    def link(self, name: str) -> None:
        """Count one more thing that follows from another; `TooManyDerived` where that seems to have no end."""
        self.chain += (name,)
        if len(self.chain) > DERIVED_MAX:
            raise TooManyDerived(f"more than {DERIVED_MAX} derived events: {' → '.join(self.chain[:8])} → …")

    def queue(self, derived: Derived) -> None:
        """Queue something that is counted elsewhere."""
        if self.derived is None:
            self.derived = deque()
        self.derived.append(derived)

    def hand(self, handed: Handed) -> None:
        """Have another subject told of an event."""
        if self.handed is None:
            self.handed = []
        self.handed.append(handed)

    def passed(self, journey: str) -> None:
        """The subject has entered or left a journey: whatever reads that is told, after what is happening now. This is not counted:
        a chain without an end emits, sets an attribute or moves the subject between audiences."""
        signal = journey_signal(journey)
        if signal in self.program.passages:
            self.queue(Derived(frozenset((signal,))))

    def decide(
        self,
        entry: Entry,
        verb: str,
        reason: str = "",
        rule: str = "",
        inputs: dict[str, Any] | None = None,
        lost: tuple[str, ...] = (),
        effect: bytes = b"",
        step: str | None = None,
    ) -> None:
        """Record a decision about an entry at the instant being decided."""
        where = entry.step if step is None else step
        decided = Decision(self.now, entry.journey, entry.version, entry.id, where, verb, reason, rule, inputs or {}, lost, effect)
        self.decisions.append(decided)

    def effect(self, entry: Entry) -> bytes:
        """The effect key of the entry's step, acting once more: hash(environment, entry id, origin step path, occurrence)."""
        path = entry.origins.get(entry.step, entry.step)
        count = entry.occurrence.get(path, 0) + 1
        entry.occurrence = {**entry.occurrence, path: count}
        return key128(self.program.environment, entry.id, path, count)

    def cancel_entry(self, entry: Entry, reason: str) -> None:
        """Cancel the messages of an ended entry's journey that were not handed over; where there may be several entries of it, only its
        own."""
        journey = self.program.journeys[entry.version]
        if journey.key is None and not journey.offered:
            self.cancel_pending(reason, journey=entry.journey)
            return
        effects = (
            key128(self.program.environment, entry.id, step, count + 1)
            for step, times in entry.occurrence.items()
            for count in range(times)
        )
        self.cancel_pending(reason, journey=entry.journey, effects=frozenset(effects))

    def cancel_pending(
        self, reason: str, journey: str = "", purpose: str = "", channel: str = "", effects: frozenset[bytes] | None = None
    ) -> None:
        """Cancel messages decided but not handed over, of a journey or of a purpose (on a channel, or all), or of those only the
        ones with some effect keys. Their places in the budgets stay until the receipt says whether they left after all."""
        for held in self.state.budget:
            if effects is not None and held.effect not in effects:
                continue
            if held.pending and journey in ("", held.journey) and purpose in ("", held.purpose) and channel in ("", held.channel):
                self.cancelled.append(held.effect)
                self.decisions.append(Decision(self.now, held.journey, "", b"", "", "cancelled", reason, effect=held.effect))

    def settle_reservation(self, effect: bytes, sent: bool) -> bool:
        """Take a receipt into the budgets: handed over now, or given back. False if no reservation has this effect."""
        for place, held in enumerate(self.state.budget):
            if held.effect == effect:
                budget = self.own("budget")
                if sent:
                    budget[place] = Reservation(effect, held.channel, held.purpose, held.journey, self.now, pending=False)
                else:
                    del budget[place]
                return True
        return False


def _place(entries: list[Entry], entry_id: bytes) -> int:
    for place, entry in enumerate(entries):
        if entry.id == entry_id:
            return place
    raise LookupError("the entry is not in the state")
