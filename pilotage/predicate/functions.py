"""The functions of conditions: the field's terms (`count`, `performed`, `since_last`, `consent`) and a few on values.

Each has a signature that is shown where it is called wrongly. A count's filter is a condition over the counted event alone,
so that a subject's state need keep only the instants of the events that pass it.
"""

from collections.abc import Callable, Sequence

from sqlglot import exp

from pilotage.event.digest import digest
from pilotage.predicate import scope as names
from pilotage.predicate.ir import Call, Consent, Count, Expr, Feature, Literal, Performed, SinceLast, Type
from pilotage.predicate.literals import interval
from pilotage.predicate.scope import Unresolved, suggestion
from pilotage.predicate.typed import Typer


def call(typer: Typer, node: exp.Anonymous) -> Expr:
    """The typed form of a function call; refuses a function that does not exist and arguments it does not take."""
    name = node.name.lower()
    if name not in _FUNCTIONS:
        listed = ", ".join(sorted(_FUNCTIONS))
        cure = suggestion(name, _FUNCTIONS, "functions")
        cure = cure if cure.startswith("did") else f"there are these functions: {listed}"
        typer.refuse(node, f"there is no function {node.name}", cure)
    least, most, signature, build = _FUNCTIONS[name]
    if not least <= len(node.expressions) <= most:
        given = f"{len(node.expressions)} argument{'' if len(node.expressions) == 1 else 's'}"
        typer.refuse(node, f"{name} does not take {given}", f"write {signature}")
    if typer.counted is not None and name in _AGGREGATES:
        typer.refuse(node, f"{name} cannot stand inside a filter", "a filter reads the counted event only: event.field")
    return build(typer, node, node.expressions)


def _constant(typer: Typer, node: exp.Expr, signature: str) -> str:
    if not (isinstance(node, exp.Literal) and node.is_string):
        typer.refuse(node, f"{typer.source(node)} is not a string in quotes", f"write {signature}")
    return node.name


def _window_us(typer: Typer, node: exp.Expr, signature: str) -> int:
    found = typer.interval(node) if isinstance(node, exp.Interval) else typer.read(node, interval, _constant(typer, node, signature))
    assert isinstance(found, Literal) and isinstance(found.value, int)
    if found.value <= 0:
        typer.refuse(node, "a window is longer than nothing", "write for example '30d'")
    return found.value


def _feature(typer: Typer, event: exp.Expr, window_us: int, where: exp.Expr | None, signature: str) -> Feature:
    """The feature that holds the instants of an event type, those that pass the filter if there is one."""
    name = _constant(typer, event, signature)
    typer.known_event(event, name)
    passing = _filter(typer, name, where) if where is not None else None
    key = name if passing is None else f"{name}#{digest(passing)[:12]}"
    feature = Feature(key=key, event=name, window_us=window_us, where=passing)
    typer.features[key, window_us] = feature
    return feature


def _filter(typer: Typer, event: str, where: exp.Expr) -> Expr:
    typer.counted = event
    try:
        return typer.boolean(where)
    finally:
        typer.counted = None


def _count(typer: Typer, _: exp.Expr, given: Sequence[exp.Expr]) -> Expr:
    window_us = _window_us(typer, given[1], _COUNT)
    feature = _feature(typer, given[0], window_us, given[2] if len(given) > 2 else None, _COUNT)
    return Count(feature=feature.key, event=feature.event, window_us=window_us)


def _performed(typer: Typer, _: exp.Expr, given: Sequence[exp.Expr]) -> Expr:
    window_us = _window_us(typer, given[1], _PERFORMED) if len(given) > 1 else 0
    feature = _feature(typer, given[0], window_us, given[2] if len(given) > 2 else None, _PERFORMED)
    return Performed(feature=feature.key, event=feature.event, window_us=window_us)


def _since_last(typer: Typer, node: exp.Expr, given: Sequence[exp.Expr]) -> Expr:
    feature = _feature(typer, given[0], 0, given[1] if len(given) > 1 else None, _SINCE_LAST)
    found = SinceLast(feature=feature.key, event=feature.event)
    typer.places.append((found, node))
    return found


def _consent(typer: Typer, node: exp.Expr, given: Sequence[exp.Expr]) -> Expr:
    purpose, channel = (_constant(typer, part, _CONSENT) for part in given)
    try:
        names.consent_pair(typer.scope, purpose, channel)
    except Unresolved as error:
        typer.refuse(given[1] if "no channel" in error.message else given[0], error.message, error.cure)
    return Consent(purpose=purpose, channel=channel)


def _of_string(name: str, kind: Type) -> Callable[[Typer, exp.Expr, Sequence[exp.Expr]], Expr]:
    def build(typer: Typer, _: exp.Expr, given: Sequence[exp.Expr]) -> Expr:
        return Call(kind, name, (typer.string(given[0]),))

    return build


def _coalesce(typer: Typer, _: exp.Expr, given: Sequence[exp.Expr]) -> Expr:
    args, kind = typer.alike([(typer.expression(part), part) for part in given], "the arguments of coalesce have one type")
    return Call(kind, "coalesce", tuple(args))


_COUNT = "count('event.type', '30d') or count('event.type', '30d', event.field > 1)"
_PERFORMED = "performed('event.type'), performed('event.type', '7d') or performed('event.type', '7d', event.field > 1)"
_SINCE_LAST = "since_last('event.type') or since_last('event.type', event.field > 1)"
_CONSENT = "consent('purpose', 'channel')"
_AGGREGATES = ("count", "performed", "since_last", "consent")
_Build = Callable[[Typer, exp.Expr, Sequence[exp.Expr]], Expr]
_FUNCTIONS: dict[str, tuple[int, int, str, _Build]] = {
    "count": (2, 3, _COUNT, _count),
    "performed": (1, 3, _PERFORMED, _performed),
    "since_last": (1, 2, _SINCE_LAST, _since_last),
    "consent": (2, 2, _CONSENT, _consent),
    "lower": (1, 1, "lower(text)", _of_string("lower", Type.STRING)),
    "upper": (1, 1, "upper(text)", _of_string("upper", Type.STRING)),
    "length": (1, 1, "length(text)", _of_string("length", Type.INTEGER)),
    "coalesce": (1, 64, "coalesce(a, b, …)", _coalesce),
}
