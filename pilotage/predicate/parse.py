"""From the text of a condition to a `Predicate`: parsed, typed in its scope, with all it depends on.

The text is SQL as marketing-operations and data people read it, cut down to one expression (see `grammar`), with the field's
terms as functions (see `functions`).
"""

from collections.abc import Iterable

from pilotage.predicate.cost import COST_MAX, cost
from pilotage.predicate.error import PredicateError
from pilotage.predicate.flips import is_timed, uncomputable, walk
from pilotage.predicate.functions import call
from pilotage.predicate.grammar import syntax
from pilotage.predicate.ir import (
    Attribute,
    Call,
    Consent,
    Entered,
    Expr,
    Field,
    InAudience,
    InJourney,
    Literal,
    Predicate,
    Stage,
    Type,
    Zone,
)
from pilotage.predicate.operators import OperatorTyper
from pilotage.predicate.scope import Scope
from pilotage.predicate.typed import Typer

__all__ = ["PredicateError", "Scope", "parse", "parse_expression"]

CONSENT_CHANGED = "consent.changed"
"""The type of the event that changes what `consent(…)` answers."""


def parse(text: str, scope: Scope) -> Predicate:
    """The condition a text says; `PredicateError` if it is none, or if its next flip could not be computed."""
    tree = syntax(text)
    typer = OperatorTyper(text, scope, call)
    expr = typer.boolean(tree)
    lost = uncomputable(expr)
    if lost is not None:
        node = next(node for found, node in typer.places if found is lost)
        message = "when this changes by time cannot be computed"
        typer.refuse(node, message, "compare it, for example since_last('app.opened') > '7d' or now() > last_login + '30d'")
    return _predicate(text, expr, typer)


def parse_expression(text: str, scope: Scope) -> Predicate:
    """The value of any type a text says (its type is `.expr.type`); `PredicateError` if it says none.

    A value is calculated when it is asked for, so `now()` and `since_last` may stand anywhere in it."""
    tree = syntax(text)
    typer = OperatorTyper(text, scope, call)
    return _predicate(text, typer.expression(tree), typer)


def _predicate(text: str, expr: Expr, typer: Typer) -> Predicate:
    features = tuple(typer.features[key] for key in sorted(typer.features))
    steps = cost(expr, features)
    if steps > COST_MAX:
        cure = "ask for fewer sequences and sums, or split the condition"
        raise PredicateError(text, f"this takes up to {steps} steps, more than {COST_MAX}", cure, 0, len(text))
    pairs = {f"{part.purpose}|{part.channel}" for part in walk(expr) if isinstance(part, Consent)}
    events = {feature.event for feature in features} | _trigger_events(expr, typer.scope)
    zones = {part.attribute for part in walk(expr) if isinstance(part, Zone) and part.attribute}
    journeys = {part.journey for part in walk(expr) if isinstance(part, InJourney | Entered)}
    journeys |= {journey for part in walk(expr) if isinstance(part, Stage) for journey, _ in part.stages}
    return Predicate(
        text=text,
        expr=expr,
        events=tuple(sorted(events | ({CONSENT_CHANGED} if pairs else set()))),
        attributes=_sorted({part.name for part in walk(expr) if isinstance(part, Attribute)} | zones),
        features=features,
        purposes=tuple(sorted(pairs)),
        timed=is_timed(expr),
        audiences=_sorted(part.audience for part in walk(expr) if isinstance(part, InAudience)),
        journeys=_sorted(journeys),
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _trigger_events(expr: Expr, scope: Scope) -> set[str]:
    """The types of the events at hand that can make the expression true or not: where a conjunct fixes the type, those;
    elsewhere all it can have."""
    if not any(isinstance(part, Field) and part.of == "trigger" for part in walk(expr)):
        return set()
    fixed = _fixed_type(expr)
    if fixed is not None:
        return fixed
    if isinstance(expr, Call) and expr.name in ("and", "or"):
        parts = [_trigger_events(arg, scope) for arg in expr.args]
        guards = [found for arg in expr.args if expr.name == "and" and (found := _fixed_type(arg)) is not None]
        return set.intersection(*guards) if guards else set().union(*parts)
    return set(scope.trigger) or set(scope.events)


def _fixed_type(expr: Expr) -> set[str] | None:
    """The types `trigger.type = '…'` or `trigger.type in (…)` leaves; None for any other expression."""
    if not isinstance(expr, Call) or expr.name not in ("eq", "in"):
        return None
    constants = {str(arg.value) for arg in expr.args if isinstance(arg, Literal) and arg.type == Type.STRING}
    names_type = any(isinstance(arg, Field) and arg.of == "trigger" and arg.path == "type" for arg in expr.args)
    return constants if names_type and len(expr.args) > 1 and constants else None
