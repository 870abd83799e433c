"""The terms of the field: what the customer did (`count`, `sum`, `sequence`, …) and where the customer stands (`consent`, …).

What is counted becomes a feature of the subject: the events of one type that pass a filter, a condition over the counted event
alone, so that a subject's state need keep only their instants and, where one is asked for, a value of each.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from pilotage.predicate import scope as names
from pilotage.predicate.canonical import canonical, expression_digest
from pilotage.predicate.ir import (
    Aggregate,
    Consent,
    Count,
    Entered,
    Expr,
    Feature,
    Field,
    InAudience,
    InJourney,
    Literal,
    Performed,
    SinceLast,
    Type,
)
from pilotage.predicate.ir import Sequence as Followed
from pilotage.predicate.literals import EVER_US, interval
from pilotage.predicate.scope import Unresolved
from pilotage.predicate.signature import Function
from pilotage.predicate.typed import Typer
from pilotage.predicate.wording import NUMERIC, article

Build = Callable[[Typer, exp.Anonymous, Function], Expr]


def _constant(typer: Typer, node: exp.Expr, function: Function) -> str:
    if not (isinstance(node, exp.Literal) and node.is_string):
        typer.refuse(node, f"{typer.source(node)} is not a string in quotes", f"write {function.signature}")
    return node.name


def _window_us(typer: Typer, node: exp.Expr, function: Function) -> int:
    found = typer.interval(node) if isinstance(node, exp.Interval) else typer.read(node, interval, _constant(typer, node, function))
    assert isinstance(found, Literal) and isinstance(found.value, int)
    if found.value <= 0:
        typer.refuse(node, "a window is longer than nothing", "write for example '30d'")
    return found.value


def _is_window(node: exp.Expr) -> bool:
    return isinstance(node, exp.Interval) or (isinstance(node, exp.Literal) and node.is_string)


def _outside(typer: Typer, node: exp.Expr, function: Function) -> None:
    if typer.counted is not None:
        typer.refuse(node, f"{function.name} cannot stand inside a filter", "a filter reads the counted event only: event.field")


def _feature(
    typer: Typer, event: exp.Expr, window_us: int, function: Function, where: exp.Expr | None = None, value: exp.Expr | None = None
) -> tuple[Feature, Expr | None]:
    """The feature that holds the instants of an event type, those that pass the filter if there is one, with a value of each
    if one is asked for; and that value as written."""
    name = _constant(typer, event, function)
    typer.known_event(event, name)
    passing = _inside(typer, name, lambda: typer.boolean(where)) if where is not None else None
    worth = _inside(typer, name, lambda: _value(typer, name, value, function)) if value is not None else None
    key = (
        name
        + ("" if passing is None else f"#{expression_digest(passing)[:12]}")
        + ("" if worth is None else f"={expression_digest(worth)[:12]}")
    )
    kept = canonical(passing) if passing is not None else None
    feature = Feature(key, name, window_us, kept, canonical(worth) if worth is not None else None)
    typer.features[key, window_us] = feature
    return feature, worth


def _inside(typer: Typer, event: str, read: Callable[[], Expr]) -> Expr:
    typer.counted = event
    try:
        return read()
    finally:
        typer.counted = None


def _value(typer: Typer, event: str, node: exp.Expr, function: Function) -> Expr:
    """What an event is worth: a field by its path in quotes, or an expression over the event. A mean is one of NUMBERs."""
    if isinstance(node, exp.Literal) and node.is_string:
        worth: Expr = Field(typer.look_up(node, lambda: names.event_field(typer.scope, event, node.name)), "event", node.name)
    else:
        worth = typer.expression(node)
    if worth.type in (Type.LIST, Type.MAP, Type.NULL):
        typer.refuse(
            node, f"{typer.source(node)} is {article(worth.type)}: it has no {function.name}", "name a field that is a single value"
        )
    if function.name in ("sum", "avg") and worth.type not in NUMERIC:
        typer.refuse(node, f"{typer.source(node)} is {article(worth.type)}, not a number", f"{function.name} adds numbers up")
    return typer.converted(worth, node, Type.NUMBER) if function.name == "avg" else worth


def _windowed(
    typer: Typer, node: exp.Anonymous, function: Function, given: Sequence[exp.Expr], ever_us: int, value: exp.Expr | None = None
) -> tuple[Feature, Expr | None]:
    """The feature of a call whose arguments behind the event type (and value) are a window and a filter, each optional."""
    _outside(typer, node, function)
    event, *rest = given
    window_us = _window_us(typer, rest.pop(0), function) if rest and (_is_window(rest[0]) or len(rest) > 1) else ever_us
    if len(rest) > 1:
        typer.refuse(node, f"{function.name} takes a window and a filter", f"write {function.signature}")
    return _feature(typer, event, window_us, function, rest[0] if rest else None, value)


def _count(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    feature, _ = _windowed(typer, node, function, node.expressions, EVER_US)
    return Count(feature=feature.key, event=feature.event, window_us=feature.window_us)


def _performed(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    feature, _ = _windowed(typer, node, function, node.expressions, 0)
    return Performed(feature=feature.key, event=feature.event, window_us=feature.window_us)


def _since_last(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    _outside(typer, node, function)
    event, *where = node.expressions
    feature, _ = _feature(typer, event, 0, function, where[0] if where else None)
    found = SinceLast(feature=feature.key, event=feature.event)
    typer.places.append((found, node))
    return found


def _aggregate(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    event, value, *rest = node.expressions
    ever_us = 0 if function.name == "last" else EVER_US
    feature, worth = _windowed(typer, node, function, [event, *rest], ever_us, value)
    assert worth is not None
    return Aggregate(name=function.name, feature=feature.key, event=feature.event, window_us=feature.window_us, type=worth.type)


def _sequence(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    _outside(typer, node, function)
    first, then, within, *window = node.expressions
    within_us = _window_us(typer, within, function)
    window_us = _window_us(typer, window[0], function) if window else EVER_US
    if within_us > window_us:
        typer.refuse(
            within, "what lies within the window is never further apart than it is long", "write a shorter duration, or a longer window"
        )
    features = [_feature(typer, event, window_us, function)[0] for event in (first, then)]
    return Followed(features[0].key, features[1].key, (features[0].event, features[1].event), within_us, window_us)


def _consent(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    _outside(typer, node, function)
    purpose, channel = (_constant(typer, part, function) for part in node.expressions)
    try:
        names.consent_pair(typer.scope, purpose, channel)
    except Unresolved as error:
        typer.refuse(node.expressions[1 if "no channel" in error.message else 0], error.message, error.cure)
    return Consent(purpose=purpose, channel=channel)


def _declared(typer: Typer, node: exp.Anonymous, function: Function, known: Sequence[str], what: str) -> str:
    _outside(typer, node, function)
    name = _constant(typer, node.expressions[0], function)
    try:
        names.declared(name, known, what)
    except Unresolved as error:
        typer.refuse(node.expressions[0], error.message, error.cure)
    return name


def _in_audience(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    return InAudience(_declared(typer, node, function, typer.scope.audiences, "audience"))


def _in_journey(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    return InJourney(_declared(typer, node, function, tuple(typer.scope.journeys), "journey"))


def _entered(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    name = _declared(typer, node, function, tuple(typer.scope.journeys), "journey")
    window_us = _window_us(typer, node.expressions[1], function) if len(node.expressions) > 1 else 0
    return Entered(name, window_us)


def _stage(typer: Typer, node: exp.Anonymous, function: Function) -> Expr:
    _outside(typer, node, function)
    if not typer.scope.journeys:
        typer.refuse(node, "there are no journeys here, so there is no stage", "use an attribute")
    return typer.stage()


TERMS: Mapping[str, tuple[int, int, Build]] = {
    "count": (1, 3, _count),
    "performed": (1, 3, _performed),
    "since_last": (1, 2, _since_last),
    **dict.fromkeys(("sum", "min", "max", "avg", "first", "last"), (2, 4, _aggregate)),
    "sequence": (3, 4, _sequence),
    "consent": (2, 2, _consent),
    "in_audience": (1, 1, _in_audience),
    "in_journey": (1, 1, _in_journey),
    "entered": (1, 2, _entered),
    "stage": (0, 0, _stage),
}
"""For each term: the least and most arguments it takes, and how it is built."""
