"""Audiences for all subjects at once: each as one condition over attributes and past events, whatever it is nested in.

What is asked in SQL must not rest on what is kept live, or it could not find it wrong: so an audience that reads another is
asked with the other's own condition in its place, down to what is known of the subject.
"""

from collections.abc import Mapping, Sequence

import msgspec

from pilotage.audience.model import Audience
from pilotage.predicate.ir import Call, Expr, InAudience, Predicate, Type
from pilotage.profile.features import widest


def expanded(audiences: Sequence[Audience]) -> dict[str, Predicate]:
    """The condition of each audience by name, with those it reads put in; audiences are given in topological order."""
    found: dict[str, Predicate] = {}
    for audience in audiences:
        found[audience.name] = inlined(audience.when, found)
    return found


def inlined(predicate: Predicate, audiences: Mapping[str, Predicate]) -> Predicate:
    """A condition with the conditions of the audiences it reads in their places. Whoever is in one meets its condition: a
    condition that is NULL leaves the subject out, and `in_audience` is never NULL."""
    inner = [audiences[name] for name in predicate.audiences]
    return msgspec.structs.replace(
        predicate,
        expr=_inlined(predicate.expr, audiences),
        features=widest(feature for each in (predicate, *inner) for feature in each.features),
        attributes=tuple(sorted({name for each in (predicate, *inner) for name in each.attributes})),
        purposes=tuple(sorted({pair for each in (predicate, *inner) for pair in each.purposes})),
        journeys=tuple(sorted({name for each in (predicate, *inner) for name in each.journeys})),
        events=tuple(sorted({event for each in (predicate, *inner) for event in each.events})),
        timed=any(each.timed for each in (predicate, *inner)),
        audiences=(),
    )


def _inlined(expr: Expr, audiences: Mapping[str, Predicate]) -> Expr:
    if isinstance(expr, InAudience):
        return Call(Type.BOOLEAN, "is_true", (audiences[expr.audience].expr,))
    if isinstance(expr, Call):
        return Call(expr.type, expr.name, tuple(_inlined(arg, audiences) for arg in expr.args))
    return expr
