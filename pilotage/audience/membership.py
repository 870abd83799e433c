"""Who is in which audience: kept in the subject's own state, and moved only where something that is read has changed.

A state holds since when the subject is in each of its audiences, the next instant at which time alone can change each that
time changes, and the name of the set of audiences that it was asked about. A pass asks the audiences that were touched, and
those that read one that changed, each once and in topological order. A section is copied before its first change.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Any

from pilotage.audience.program import AudienceProgram, Audiences
from pilotage.profile.state import State

NOTHING: dict[str, Any] = {}
"""There are no variables where an audience is asked. Never written to."""

Own = Callable[[str], Any]
"""Gives a section of the state, copied the first time it is about to change."""


class Change:
    """A subject has entered (`joined`) or left an audience, and what its condition looked at."""

    __slots__ = ("audience", "inputs", "joined")

    def __init__(self, audience: AudienceProgram, joined: bool, inputs: dict[str, Any]) -> None:
        self.audience = audience
        self.joined = joined
        self.inputs = inputs


def unknown(state: State) -> bool:
    """Whether nothing at all is known of a subject: such a one has not been there when the audiences were released."""
    return not (state.attributes or state.consents or state.features or state.entries or state.visits or state.budget or state.audience_set)


def recompute(audiences: Audiences, state: State, own: Own, now: int, touched: Iterable[int]) -> list[Change]:
    """Ask the audiences at the places given, and those that read one that changes; what changed, in topological order."""
    changes: list[Change] = []
    ahead = [*touched]
    heapify(ahead)
    last = -1
    while ahead:
        index = heappop(ahead)
        if index == last:
            continue
        last = index
        each = audiences.all[index]
        name = each.name
        holds = each.truth(state, None, NOTHING, now, "")
        if holds is not (name in state.audiences) and not _excluded(state, own, name, holds):
            changes.append(Change(each, holds, each.inputs(state, None, NOTHING, now, "")))
            members = own("audiences")
            if holds:
                members[name] = now
            else:
                del members[name]
            for dependent in each.dependents:
                heappush(ahead, dependent)
        elif not holds and name in state.excluded:
            own("excluded").remove(name)
        if each.flip is not None:
            _expect(state, own, name, each.flip(state, None, NOTHING, now))
    return changes


def _excluded(state: State, own: Own, name: str, holds: bool) -> bool:
    """Whether the subject stays out although the condition holds, because it did so when the audience was released."""
    return holds and name in state.excluded


def _expect(state: State, own: Own, name: str, at_us: int) -> None:
    """Note the next instant at which time alone can change an audience (0: never), and the earliest of all."""
    known_us = state.flips.get(name, 0)
    if at_us == known_us:
        return
    flips = own("flips")
    if at_us:
        flips[name] = at_us
    else:
        del flips[name]
    if at_us and (at_us <= state.flip_us or not state.flip_us):
        state.flip_us = at_us
    elif known_us == state.flip_us:
        state.flip_us = min(flips.values(), default=0)


def due(audiences: Audiences, state: State, now: int) -> list[int]:
    """The places of the audiences that time alone may have changed by an instant."""
    return [audiences.by_name[name].index for name, at_us in state.flips.items() if at_us <= now]


def adopt(audiences: Audiences, state: State, own: Own, now: int) -> list[Change]:
    """Ask a subject that was there before about the audiences that are new to it; what changed, to be recorded and not told:
    whoever meets an audience's condition already has not just come to meet it.

    An audience of the same digest keeps its members; one that changed keeps those that still meet it; one that is gone has
    none any more.
    """
    known = audiences.earlier.get(state.audience_set, {})
    if not known and state.audience_set:
        known = dict.fromkeys((*state.audiences, *state.excluded), "")
    _forget(audiences, state, own)
    changes: list[Change] = []
    for each in audiences.all:
        if known.get(each.name) != each.digest:
            changes += _ask_first(each, state, own, now, each.excludes and each.name not in known)
    own("audiences")
    state.audience_set = audiences.digest
    return changes


def _ask_first(each: AudienceProgram, state: State, own: Own, now: int, exclude: bool) -> list[Change]:
    name = each.name
    holds, inside = each.truth(state, None, NOTHING, now, ""), name in state.audiences
    if each.flip is not None:
        _expect(state, own, name, each.flip(state, None, NOTHING, now))
    if holds is inside:
        return []
    if holds and (exclude or name in state.excluded):
        if name not in state.excluded:
            own("excluded").append(name)
        return []
    if holds:
        own("audiences")[name] = now
    else:
        del own("audiences")[name]
    return [Change(each, holds, each.inputs(state, None, NOTHING, now, ""))]


def _forget(audiences: Audiences, state: State, own: Own) -> None:
    """Drop what is kept about audiences that are no more."""
    for section in ("audiences", "flips"):
        for name in [name for name in getattr(state, section) if name not in audiences.by_name]:
            del own(section)[name]
    for name in [name for name in state.excluded if name not in audiences.by_name]:
        own("excluded").remove(name)
    state.flip_us = min(state.flips.values(), default=0)
