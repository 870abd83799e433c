"""What a condition looks at, by the names its author writes: the inputs that decision records keep.

`trigger.total: '12.50'`, `count('order.placed', '30d'): 3`, `tier: 'gold'`: enough to see why a condition was true.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from pilotage.event.zone import Zones
from pilotage.predicate.arithmetic import day, instant, number
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Call, Expr, Feature, Field, Literal, Type
from pilotage.predicate.leaves import Access
from pilotage.predicate.literals import readable
from pilotage.predicate.python import Writer, compile_bodies
from pilotage.predicate.text import expression_text, filters_of

Gather = Callable[[Any, Any, Mapping[str, Any], int, str], dict[str, bool | int | str | None]]
"""`h(state, event, variables, now_us, event_type)`: the inputs of an expression by readable name."""

_SHOWN = {kind: f"show_{kind}" for kind in (Type.NUMBER, Type.DATE, Type.TIMESTAMP, Type.INTERVAL)}


def compile_inputs(
    expressions: Mapping[str, Expr], features: Iterable[Feature] = (), *, trigger: Access = "payload", zones: Zones | None = None
) -> dict[str, Gather]:
    """A function `h(state, event, variables, now_us, event_type)` per expression, by name: what the expression reads, each
    under the name its author writes, in the order written.

    Numbers are decimal text, instants RFC 3339, dates ISO 8601, durations number-unit text, lists and maps JSON text; NULL is
    None. `features` are the plan's: a filtered count shows its filter from them, and the digest of it where it is not among
    them. `trigger` and `zones` are as for `compile_functions`.
    """
    writer = Writer(trigger, zones)
    writer.names.update(show=_show, show_decimal=_show_decimal, show_listed=_show_listed)
    writer.names.update({name: partial(readable, kind) for kind, name in _SHOWN.items()})
    filters = filters_of(tuple(features))
    bodies = {expr: _body(expr, writer, filters) for expr in expressions.values()}
    return compile_bodies(expressions, bodies, "s, e, v, now, t", writer.names)


def _body(expr: Expr, writer: Writer, filters: Mapping[str, Feature]) -> str:
    read = {expression_text(part, filters): part for part in walk(expr) if not isinstance(part, Call | Literal)}
    items = (f"{name!r}: {_shown(part, writer)}" for name, part in read.items())
    return f"    return {{{', '.join(items)}}}\n"


def _shown(part: Expr, writer: Writer) -> str:
    """Code for a readable value. A field of an event is shown by what the event holds: all inputs are read, also behind a
    test of the event's type that does not hold, where the field can be of another type than the condition's."""
    received = isinstance(part, Field) and not (part.of == "trigger" and writer.trigger == "kept")
    code = writer.received(part) if received and isinstance(part, Field) else writer.value(part)
    if part.type in (Type.LIST, Type.MAP):
        return f"show_listed({code})"
    if received:
        return f"{'show_decimal' if part.type == Type.NUMBER else 'show'}({code})"
    return f"{_SHOWN.get(part.type, '')}({code})"


def _show(value: Any) -> bool | int | str | None:
    if type(value) is str:  # by far the most frequent
        return value
    match value:
        case Decimal() | float():
            return readable(Type.NUMBER, number(value))
        case datetime():
            return readable(Type.TIMESTAMP, instant(value))
        case date():
            return readable(Type.DATE, day(value))
        case bool() | int() | str() | None:
            return value
        case _:
            return str(value)


def _show_listed(value: Any) -> str | None:
    """A list or map as its JSON text."""
    return None if value is None else msgspec.json.encode(value).decode()


def _show_decimal(value: Any) -> bool | int | str | None:
    if type(value) is Decimal:
        text = str(value)
        if text[-3:-2] == "." and text[-2:] != "00":  # an amount as it is mostly written: its text is already what is shown
            return text
    return str(value) if type(value) is int else _show(value)
