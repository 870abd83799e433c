"""The ways through a journey's steps: which steps can be reached, and which cycles let no time pass."""

import math
from collections.abc import Iterable, Sequence

from pilotage.journey.plan import AnyStep, Branch, Call, Decide, Enter, Repeat, Send, Split, Task, Wait

INSTANT_STEPS_MAX = 500
"""How many steps a repeat may take at one instant: half of what the kernel allows an entry (`entry.STEPS_MAX`)."""


def ways_out(step: AnyStep) -> tuple[str, ...]:
    """The steps that may follow a step, each once; the journey's end is left out."""
    onward: list[str] = [] if isinstance(step, Task) else [step.next]
    if isinstance(step, Branch):
        onward += [edge.goto for edge in step.edges]
    elif isinstance(step, Split):
        onward += [arm.goto for arm in step.arms]
    elif isinstance(step, Send):
        onward += [step.on_blocked, step.on_failure, step.on_lost or ""]
    elif isinstance(step, Wait):
        onward.append(step.on_timeout)
    elif isinstance(step, Call):
        onward += [step.on_failure, step.on_timeout]
    elif isinstance(step, Decide):
        onward += [option.goto for option in step.options]
    elif isinstance(step, Enter | Task):
        onward += [*(goto for _, goto in step.outcomes), step.on_failure, step.on_timeout]
    elif isinstance(step, Repeat):
        onward.append(step.body)
    return tuple(dict.fromkeys(name for name in onward if name))


def unreachable(steps: Sequence[AnyStep]) -> tuple[str, ...]:
    """The steps that no way from the first one leads to, in the order written."""
    ways = {step.id: ways_out(step) for step in steps}
    reached: set[str] = set()
    ahead = [steps[0].id] if steps else []
    while ahead:
        name = ahead.pop()
        if name not in reached and name in ways:
            reached.add(name)
            ahead.extend(ways[name])
    return tuple(step.id for step in steps if step.id not in reached)


def repeated(steps: Sequence[AnyStep]) -> frozenset[str]:
    """The steps that some way leads from back to themselves."""
    ways = {step.id: ways_out(step) for step in steps}
    return frozenset(name for name, out in ways.items() if name in _reach(out, ways))


def timeless_cycles(steps: Sequence[AnyStep]) -> tuple[tuple[str, ...], ...]:
    """Cycles that a subject could run through for ever at one instant, each as the steps it passes.

    Waiting for a duration, an event or a time of day takes time; waiting for a condition may not, since the condition may
    hold already. The rounds of a repeat are counted, so the way from its steps back to it closes no cycle. Of each knot of
    steps that reach each other one cycle is given, beginning with the step written first.
    """
    ways = _timeless_ways(steps)
    ways = {name: tuple(onward for onward in out if not name.startswith(f"{onward}/")) for name, out in ways.items()}
    found: list[tuple[str, ...]] = []
    knotted: set[str] = set()
    for name in ways:
        cycle = () if name in knotted else _cycle(name, ways)
        if cycle:
            found.append(cycle)
            knotted |= _between(name, ways)
    return tuple(found)


def restless(steps: Sequence[AnyStep]) -> tuple[tuple[str, int], ...]:
    """The repeats that may take more than `INSTANT_STEPS_MAX` steps at one instant, each with how many at most: those a round
    of which may let no time pass, by what all their rounds come to."""
    ways = _timeless_ways(steps)
    found = []
    for step in steps:
        if isinstance(step, Repeat) and step.id in _reach(ways[step.id], ways):
            count = _round(step, steps) * step.times
            if count > INSTANT_STEPS_MAX:
                found.append((step.id, count))
    return tuple(found)


def _round(repeat: Repeat, steps: Sequence[AnyStep]) -> int:
    """How many steps a round takes at most: each inner step counts as often as the inner repeats around it have rounds."""
    inner = [step for step in steps if step.id.startswith(f"{repeat.id}/")]
    repeats = [step for step in inner if isinstance(step, Repeat)]
    return 1 + sum(math.prod(each.times for each in repeats if step.id.startswith(f"{each.id}/")) for step in inner)


def _timeless_ways(steps: Sequence[AnyStep]) -> dict[str, tuple[str, ...]]:
    """The ways between the steps at which no time need pass."""
    ways = {step.id: ways_out(step) for step in steps if not _takes_time(step)}
    return {name: tuple(onward for onward in out if onward in ways) for name, out in ways.items()}


def _takes_time(step: AnyStep) -> bool:
    return isinstance(step, Task) or (isinstance(step, Wait) and step.when is None)


def _cycle(start: str, ways: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The shortest way from a step back to itself, or nothing."""
    before: dict[str, str] = {}
    ahead = [start]
    for name in ahead:
        for onward in ways[name]:
            if onward == start:
                return _trail(name, start, before)
            if onward not in before:
                before[onward] = name
                ahead.append(onward)
    return ()


def _trail(name: str, start: str, before: dict[str, str]) -> tuple[str, ...]:
    trail = [name]
    while trail[-1] != start:
        trail.append(before[trail[-1]])
    return tuple(reversed(trail))


def _between(start: str, ways: dict[str, tuple[str, ...]]) -> set[str]:
    """The steps that lie on some cycle through a step."""
    return {name for name in _reach((start,), ways) if start in _reach(ways[name], ways)} | {start}


def _reach(starts: Iterable[str], ways: dict[str, tuple[str, ...]]) -> set[str]:
    reached: set[str] = set()
    ahead = list(starts)
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(ways[name])
    return reached
