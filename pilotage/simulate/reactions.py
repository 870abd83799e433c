"""How customers and staff react in a rehearsal: rates measured from receipts where there are any, stated assumptions otherwise.

Whether this message is opened is a hash of the rehearsal's seed and the message's effect key, held against the rate. The same message
has the same effect key under every version of a plan, so it has the same reactions too, and what differs between two versions is
what they do and not chance.
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from pilotage.event.envelope import Event
from pilotage.event.time import HOUR_US, MINUTE_US, SECOND_US
from pilotage.journey.outcome import Action
from pilotage.journey.task_steps import OPENED
from pilotage.simulate.course import Reaction
from pilotage.simulate.draws import weighted

SOURCE = "rehearsal"
WEIGHT = 20
"""How many messages of its channel's rate a step's own rate is mixed with, so that a few messages prove nothing."""

FATES = ("delivered", "opened", "clicked", "complained", "converted")
LEFT_UNDONE = 0.1
"""The share of tasks that nobody gets to."""

OPENED_WITHIN_US = 18 * HOUR_US
COMPLAINED_WITHIN_US = 12 * HOUR_US
TASK_WITHIN_US = 40 * HOUR_US
_UNIT = 1.0 / (1 << 64)


class Rates(msgspec.Struct, frozen=True):
    """Shares in [0, 1]: of messages handed over that arrive, of those that arrive that are opened or complained of, of those opened
    that are clicked, of those clicked that are followed by the goal. They rest on `handed` messages; 0: they are assumed."""

    delivered: float
    opened: float
    clicked: float
    complained: float
    converted: float
    handed: int = 0


ASSUMED = {
    "email": Rates(0.98, 0.35, 0.12, 0.0006, 0.10),
    "inbox": Rates(0.99, 0.35, 0.15, 0.0, 0.10),
    "sms": Rates(0.97, 0.80, 0.08, 0.001, 0.10),
}
"""What is assumed of a channel of which nothing was measured."""
OTHERS = Rates(0.97, 0.30, 0.10, 0.001, 0.10)
"""The same for channels not named there."""


class TaskHabit(msgspec.Struct, frozen=True):
    """How often a task had which outcome, and how long it took on average, in hours."""

    outcomes: dict[str, int]
    hours: float


class Habits(msgspec.Struct, frozen=True):
    """What reactions are drawn by: the rates of channels, of steps (`journey/step`), and how tasks were done."""

    channels: dict[str, Rates] = {}
    steps: dict[str, Rates] = {}
    tasks: dict[str, TaskHabit] = {}

    def of(self, action: Action) -> Rates:
        """The rates of a message: its step's, else its channel's, else what is assumed."""
        found = self.steps.get(f"{action.journey}/{action.step}") or self.channels.get(action.target)
        return found or ASSUMED.get(action.target, OTHERS)


Counts = tuple[int, int, int, int, int, int]
"""How many messages were handed over, delivered, opened, clicked, complained of and followed by their goal."""


def measured(counts: Mapping[tuple[str, str], Counts], tasks: Mapping[str, TaskHabit]) -> Habits:
    """The rates that counts by (channel, `journey/step`) show, each mixed with that of its channel, and those with what is
    assumed, by `WEIGHT`."""
    by_channel: dict[str, Counts] = {}
    for (channel, _), found in counts.items():
        before = by_channel.get(channel, (0, 0, 0, 0, 0, 0))
        by_channel[channel] = tuple(a + b for a, b in zip(before, found, strict=True))  # type: ignore[assignment] # six of each
    channels = {channel: _rates(found, ASSUMED.get(channel, OTHERS)) for channel, found in sorted(by_channel.items())}
    steps = {step: _rates(found, channels[channel]) for (channel, step), found in sorted(counts.items())}
    return Habits(channels, steps, dict(sorted(tasks.items())))


def _rates(counts: Counts, otherwise: Rates) -> Rates:
    handed, delivered, opened, clicked, complained, converted = counts
    if not handed:
        return otherwise

    def share(part: int, whole: int, prior: float) -> float:
        return (min(part, whole) + WEIGHT * prior) / (whole + WEIGHT)

    return Rates(
        delivered=share(delivered, handed, otherwise.delivered),
        opened=share(opened, delivered, otherwise.opened),
        clicked=share(clicked, opened, otherwise.clicked),
        complained=share(complained, delivered, otherwise.complained),
        converted=share(converted, clicked, otherwise.converted),
        handed=handed,
    )


class Reactor:
    """Draws what comes of each action. `told` counts, by (channel or `task`, what), everything that was drawn."""

    def __init__(self, habits: Habits, seed: int) -> None:
        self.habits = habits
        self.told: dict[tuple[str, str], int] = {}
        self._keyed = hashlib.blake2b(digest_size=8, key=str(seed).encode())

    def __call__(self, action: Action, at_us: int) -> Iterator[Reaction]:
        """What an action that was handed over at an instant leads to."""
        if action.kind == "send":
            yield from self._read(action, at_us)
        elif action.kind == "task" and action.variables["told"] == OPENED:
            yield from self._done(action, at_us)

    def _read(self, action: Action, at_us: int) -> Iterator[Reaction]:
        rates = self.habits.of(action)
        arrived_us = at_us + 2 * SECOND_US + int(self._unit(action, "delivery") * MINUTE_US)
        if self._unit(action, "delivered") >= rates.delivered:
            yield self._say(action, "bounced", arrived_us)
            return
        yield self._say(action, "delivered", arrived_us)
        if self._unit(action, "complained") < rates.complained:
            yield self._say(action, "complained", arrived_us + MINUTE_US + int(self._unit(action, "complaint") * COMPLAINED_WITHIN_US))
        if self._unit(action, "opened") >= rates.opened:
            return
        opened_us = arrived_us + int(self._unit(action, "opening") ** 3 * OPENED_WITHIN_US)
        yield self._say(action, "opened", opened_us)
        if self._unit(action, "clicked") >= rates.clicked:
            return
        yield self._say(action, "clicked", opened_us + 5 * SECOND_US + int(self._unit(action, "click") * 5 * MINUTE_US))
        if self._unit(action, "converted") < rates.converted:
            self._count(action.target, "converted")

    def _say(self, action: Action, fate: str, at_us: int) -> Reaction:
        self._count(action.target, fate)
        data = {"effect": action.effect.hex(), "channel": action.target, "purpose": action.purpose, "journey": action.journey}
        return at_us, Event(f"{action.effect.hex()}:{fate}", SOURCE, f"message.{fate}", at_us, msgspec.json.encode(data), {})

    def _done(self, action: Action, at_us: int) -> Iterator[Reaction]:
        """Somebody gets to a task, or nobody does. Of what was never done before each outcome is as likely."""
        habit = self.habits.tasks.get(f"{action.journey}/{action.step}")
        known = habit.outcomes if habit else {}
        outcomes = [(each, known.get(each, 1)) for each in action.variables["outcomes"]]
        if self._unit(action, "undone") < LEFT_UNDONE or not outcomes:
            self._count("task", "undone")
            return
        chosen = weighted([each for each, _ in outcomes], [count for _, count in outcomes], self._unit(action, "outcome"))
        unit = self._unit(action, "got to")
        took_us = int(2 * unit * habit.hours * HOUR_US) if habit else 30 * MINUTE_US + int(unit**2 * TASK_WITHIN_US)
        self._count("task", chosen)
        data = {"effect": action.effect.hex(), "outcome": chosen, "person": SOURCE}
        event = Event(f"{action.effect.hex()}:done", SOURCE, "task.completed", at_us + took_us, msgspec.json.encode(data), {})
        yield at_us + took_us, event

    def _count(self, where: str, what: str) -> None:
        self.told[where, what] = self.told.get((where, what), 0) + 1

    def _unit(self, action: Action, purpose: str) -> float:
        """A number in [0, 1) for a purpose: the same in every rehearsal of this seed, whatever the plan."""
        hashed = self._keyed.copy()
        hashed.update(action.effect + purpose.encode())
        return int.from_bytes(hashed.digest(), "big") * _UNIT
