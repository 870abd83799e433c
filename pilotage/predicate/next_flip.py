"""Python that answers when time alone can next change an expression's value: generated beside the functions of values.

Each part that time changes contributes the next instant at which it can (see `flips`); the earliest is looked at, and passed
over if the value there is what it is now, a few times: a condition that waits for the fourth event does not wake for each.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pilotage.event.zone import Zones
from pilotage.predicate.clock import SPANS_US
from pilotage.predicate.flips import (
    COMPARING,
    earliest,
    is_wall,
    reach,
    span_flip,
    speed,
    unit_of,
    walk,
    wall_flip,
    window_flip,
)
from pilotage.predicate.ir import Aggregate, Call, Count, Entered, Expr, Field, Performed, Sequence, SinceLast
from pilotage.predicate.leaves import Access
from pilotage.predicate.python import Writer, compile_bodies
from pilotage.predicate.tallies import entered_flip

NextFlip = Callable[..., int]
"""`g(state, event, variables, now_us)`: the next instant at which time alone can change a value; 0 if there is none."""

_FLIPS = (earliest, window_flip, reach, span_flip, wall_flip, entered_flip)

LOOKS_MAX = 8
"""How many instants are passed over, because the value there is still the same, before one is answered all the same: each costs
about what asking the condition does, and is asked for at each event that the condition reads."""

CLOCK_LOOKS_MAX = 64
"""The same for what reads the clock and no events: enough for the next such hour, weekday or day of the month."""


def compile_flips(expressions: Mapping[str, Expr], *, trigger: Access = "payload", zones: Zones | None = None) -> dict[str, NextFlip]:
    """A function `g(state, event, variables, now_us)` per expression: the earliest instant after `now_us` at which time
    alone changes its value, 0 if there is none. Never late. It is early, with nothing changed, only behind `LOOKS_MAX` (or
    `CLOCK_LOOKS_MAX`) instants at which it could have changed, and where the expression reads the event at hand, which will not
    be at hand then. The functions are called with the same state, event and variables as `python.compile_functions`'s."""
    writer = Writer(trigger, zones)
    writer.names.update({function.__name__: function for function in _FLIPS}, zones=zones)
    bodies = {expr: _body(expr, writer) for expr in expressions.values()}
    candidates = compile_bodies(expressions, bodies, "s, e, v, now, t=''", writer.names)
    seeing = Writer(trigger, zones)
    values = compile_bodies(
        expressions, {expr: f"    return {seeing.value(expr)}\n" for expr in expressions.values()}, "s, e, v, now, t=''", seeing.names
    )
    return {
        name: candidates[name] if trigger == "payload" and _reads_trigger(expr) else _exact(candidates[name], values[name], _looks(expr))
        for name, expr in expressions.items()
    }


def _reads_trigger(expr: Expr) -> bool:
    return any(isinstance(part, Field) and part.of == "trigger" for part in walk(expr))


def _looks(expr: Expr) -> int:
    counting = (Count, Performed, SinceLast, Aggregate, Sequence)
    return LOOKS_MAX if any(isinstance(part, counting) for part in walk(expr)) else CLOCK_LOOKS_MAX


def _exact(candidate: NextFlip, value: Callable[..., Any], looks: int) -> NextFlip:
    """The first candidate at which the value is another; the last one looked at, if the value stays the same for long."""

    def flip(state: Any, event: Any, variables: Mapping[str, Any], now: int) -> int:
        at = candidate(state, event, variables, now)
        if not at:
            return 0
        try:
            before = value(state, event, variables, now)
            for _ in range(looks):
                if value(state, event, variables, at) != before:
                    return at
                at = candidate(state, event, variables, at)
                if not at:
                    return 0
        except ArithmeticError:
            return at  # what does not fit, now or then, is for whoever asks at that instant
        return at

    return flip


def _body(expr: Expr, writer: Writer) -> str:
    """What does not fit is passed over: it stands in a branch that is not taken, or asking the value fails as well."""
    calls = list(dict.fromkeys(code for part in walk(expr) for code in _sources(part, writer)))
    looks = "".join(f"    try:\n        at = earliest(at, {call})\n    except ArithmeticError:\n        pass\n" for call in calls)
    return f"    at = 0\n{looks}    return at\n"


def _sources(part: Expr, writer: Writer) -> Iterator[str]:
    """Code for the instants at which one part, with its own parts as they are now, changes next."""
    match part:
        case Count() | Performed():
            yield f"window_flip(s.features.get({part.feature!r}), {part.window_us}, now)"
        case SinceLast():
            yield f"window_flip(s.features.get({part.feature!r}), 0, now)"
        case Aggregate():
            yield f"window_flip((s.features.get({part.feature!r}) or (None,))[0], {part.window_us}, now)"
        case Sequence():
            for feature in (part.first, part.then):
                yield f"window_flip(s.features.get({feature!r}), {part.window_us}, now)"
        case Entered() if part.window_us:
            yield f"entered_flip(s.visits, {part.journey!r}, {part.window_us}, now)"
        case Call() if part.name in COMPARING:
            yield from _reaches(part, writer)
        case Call() if part.name in SPANS_US and speed(part.args[0]):
            yield f"span_flip({writer.value(part.args[0])}, {SPANS_US[part.name]}, {speed(part.args[0])}, now)"
        case Call() if is_wall(part):
            yield f"wall_flip(zones, {unit_of(part)!r}, {writer.value(part.args[0])}, {writer.value(part.args[-1])}, now)"


def _reaches(part: Call, writer: Writer) -> Iterator[str]:
    moving, *others = part.args
    for other in others:
        pace = speed(moving) - speed(other)
        if pace:
            ahead, behind = (moving, other) if pace > 0 else (other, moving)
            yield f"reach({writer.value(ahead)}, {writer.value(behind)}, now)"
