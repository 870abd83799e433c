"""Controls of journeys: pauses, resumptions and stops, each with the one instant from which it holds in every shard.

They are written into the data folder together with a new name for the plan in force, before any process is told. Each segment of the
log names what it was made under, so a log that is advanced again finds for every record the controls that held then.
"""

from collections.abc import Iterable
from typing import Literal, TypeVar

import msgspec

from pilotage.journey.pause import Controls, Pause, Stop

Span = TypeVar("Span", Pause, Stop)

Kind = Literal["pause", "resume", "stop"]


class Control(msgspec.Struct, frozen=True):
    """One control: since when a journey is paused, stopped, or neither any more; by whom and why. `plan` is the name under which the
    plan is in force with it. `deadlines` and `entries` are a pause's, `under_way` is a stop's (see `journey.pause`)."""

    journey: str
    kind: Kind
    effective_us: int
    by: str
    reason: str = ""
    deadlines: str = "shift"
    entries: str = "queue"
    under_way: str = "finish"
    plan: str = ""


def controls_of(controls: Iterable[Control]) -> Controls:
    """The pauses and stops that a sequence of controls makes."""
    pauses: dict[str, tuple[Pause, ...]] = {}
    stops: dict[str, tuple[Stop, ...]] = {}
    for each in controls:
        at_us, name = each.effective_us, each.journey
        if each.kind == "pause":
            pauses[name] = (*pauses.get(name, ()), Pause(at_us, 0, each.deadlines, each.entries))
        elif each.kind == "stop":
            stops[name] = (*stops.get(name, ()), Stop(at_us, 0, each.under_way))
        else:
            if name in pauses:
                pauses[name] = tuple(_ended(pause, at_us) for pause in pauses[name])
            if name in stops:
                stops[name] = tuple(_ended(stop, at_us) for stop in stops[name])
    return Controls(pauses, stops)


def standing(controls: Iterable[Control]) -> dict[str, Control]:
    """What holds now, by journey: the pause or the stop that is not over, of both the stop."""
    found: dict[str, Control] = {}
    for each in controls:
        if each.kind == "resume":
            found.pop(each.journey, None)
        elif each.kind == "stop" or each.journey not in found:
            found[each.journey] = each
    return found


def _ended(span: Span, at_us: int) -> Span:
    return msgspec.structs.replace(span, until_us=max(at_us, span.from_us + 1)) if not span.until_us else span
