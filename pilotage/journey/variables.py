"""The types of a journey's variables, found from what its steps set them to and what its calls return.

A value may read other variables, and even its own (`coalesce(journey.n, 0) + 1`), so types are found by trying: first the
values that read nothing unknown, again and again, then those that only hold together if a type is assumed.
"""

from collections.abc import Callable, Iterable

import msgspec

from pilotage.journey.document import Fields, Scalar
from pilotage.journey.names import SCALAR_TYPES, Desk, readable
from pilotage.predicate.ir import Type
from pilotage.predicate.parse import PredicateError, Scope, parse_expression

_ASSUMED = (Type.INTEGER, Type.NUMBER, Type.STRING, Type.BOOLEAN, Type.TIMESTAMP, Type.DATE, Type.INTERVAL)


class Setting(msgspec.Struct, frozen=True):
    """One place where a variable gets its value: from an expression, or with a declared type from a call's answer. `desk` is
    that of the document it is written in."""

    desk: Desk
    name: Scalar
    value: Scalar | None = None
    kind: Type | None = None


def settings_of(steps: Iterable[tuple[Desk, Fields]]) -> list[Setting]:
    """All places of a journey where variables get values, in the order written."""
    found = []
    for desk, step in steps:
        written = step.map("set")
        variables = written.map("variables") if written else None
        for key, value in variables.fields if variables else ():
            if isinstance(value, Scalar):
                found.append(Setting(desk, key, value=value))
        if (pool := step.scalar("coupon")) is not None:
            found.append(Setting(desk, step.scalar("as") or _named("coupon", pool), kind=Type.STRING))
        returned = step.map("returns")
        for key, value in returned.fields if returned else ():
            if isinstance(value, Fields) and value.text("type") in SCALAR_TYPES:
                found.append(Setting(desk, key, kind=SCALAR_TYPES[value.text("type")]))
    return found


def _named(name: str, place: Scalar) -> Scalar:
    """A name that nobody wrote, at the place where it comes from."""
    return msgspec.structs.replace(place, value=name, text=name)


def type_variables(
    steps: Iterable[tuple[Desk, Fields]], scope_of: Callable[[dict[str, Type]], Scope], fixed: frozenset[str]
) -> dict[str, Type]:
    """The type of each variable, by name; two places that do not agree are reported. A variable whose every value is
    unreadable is left out of the judgement: it counts as text, so that only the values themselves are reported. Variables that
    are `fixed` may not be set."""
    settings = []
    for setting in settings_of(steps):
        if setting.name.text in fixed:
            setting.desk.wrong("J029", setting.name, f"'{setting.name.text}' is the entry's key", "give the variable another name")
        else:
            settings.append(setting)
    types: dict[str, Type] = {}
    for setting in settings:
        if setting.kind is not None:
            _agree(setting, setting.kind, types)
    waiting = [setting for setting in settings if setting.kind is None]
    while waiting:
        left = [setting for setting in waiting if not _settle(setting, types, scope_of)]
        if len(left) == len(waiting):
            assumed = next((setting for setting in left if _assume(setting, types, scope_of)), None)
            if assumed is None:
                break
            left.remove(assumed)
        waiting = left
    for setting in waiting:
        types.setdefault(setting.name.text, Type.STRING)
    return dict(sorted(types.items()))


def _settle(setting: Setting, types: dict[str, Type], scope_of: Callable[[dict[str, Type]], Scope]) -> bool:
    kind = _try(setting, scope_of(types))
    if kind is None or (kind is Type.NULL and setting.name.text not in types):
        return False
    _agree(setting, kind, types)
    return True


def _assume(setting: Setting, types: dict[str, Type], scope_of: Callable[[dict[str, Type]], Scope]) -> bool:
    for kind in _ASSUMED:
        if setting.name.text not in types and _try(setting, scope_of({**types, setting.name.text: kind})) is kind:
            types[setting.name.text] = kind
            return True
    return False


def _try(setting: Setting, scope: Scope) -> Type | None:
    text = readable(setting.value)
    if text is None:
        return None
    try:
        return parse_expression(text, scope).expr.type
    except PredicateError:
        return None


def _agree(setting: Setting, kind: Type, types: dict[str, Type]) -> None:
    """Note a variable's type; an integer and a number make a number, other differences are reported."""
    known = types.get(setting.name.text, kind)
    if known is kind or kind is Type.NULL:
        types[setting.name.text] = known
    elif {known, kind} == {Type.INTEGER, Type.NUMBER}:
        types[setting.name.text] = Type.NUMBER
    else:
        message = f"the variable '{setting.name.text}' is of type {known} elsewhere and of type {kind} here"
        setting.desk.wrong("J024", setting.name, message, "use one type, or two variables")
