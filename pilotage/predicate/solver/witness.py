"""A concrete customer: what a proof's opposite is shown by, and what the Python back end says about them.

Nothing here is believed of the solver: the attributes and the history are written down, the state is made of them the way the
product does, and the conditions are asked in Python.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec

from pilotage.contract.validate import attribute_name
from pilotage.event.time import instant_text, moment
from pilotage.event.zone import Zones
from pilotage.predicate.clock import calendar
from pilotage.predicate.ir import Attribute, Expr, Feature, Field, Type, Variable
from pilotage.predicate.literals import interval_text, readable
from pilotage.predicate.python import compile_functions
from pilotage.predicate.text import expression_text

FAILED = "a number or text does not fit"
"""What Python answers where a condition is not calculated to its end."""

EVENTS_MAX = 20_000
"""How many events a witness can have."""


class Held(msgspec.Struct, frozen=True):
    """A value in kernel form, with its type."""

    type: Type
    value: Any


class Happened(msgspec.Struct, frozen=True):
    """So many equal events at one instant (µs UTC), with the fields that matter by path."""

    event: str
    occurred_us: int
    times: int
    fields: dict[str, Held]


class Passage(msgspec.Struct, frozen=True):
    """A way through a journey; under way, unless `step` is empty."""

    journey: str
    entered_us: int
    step: str = ""


class Witness(msgspec.Struct, frozen=True):
    """One customer at an instant: attributes, what happened, consents (`purpose|channel`), memberships, passages under way and
    last entries. `trigger` is the event at hand, `trigger_type` its type; `variables` are the journey's."""

    now_us: int
    attributes: dict[str, Held] = {}
    happened: tuple[Happened, ...] = ()
    trigger_type: str = ""
    trigger: dict[str, Held] = {}
    variables: dict[str, Held] = {}
    consents: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    under_way: tuple[Passage, ...] = ()
    visits: tuple[Passage, ...] = ()

    @property
    def text(self) -> str:
        """The customer in words, a line each."""
        lines = [f"at {instant_text(self.now_us)}"]
        lines += [_said(Attribute(held.type, name), held) for name, held in sorted(self.attributes.items())]
        lines += [_said(Variable(held.type, name), held) for name, held in sorted(self.variables.items())]
        lines += [f"trigger.type = '{self.trigger_type}'"] if self.trigger_type else []
        lines += [_said(Field(held.type, "trigger", path), held) for path, held in sorted(self.trigger.items())]
        lines += [_story(each, self.now_us) for each in self.happened]
        lines += [f"consent to {pair.replace('|', ' by ')}" for pair in self.consents]
        lines += [f"in the audience {name}" for name in self.audiences]
        lines += [f"on the way through {passage.journey}" for passage in self.under_way]
        lines += [f"entered {passage.journey} {_ago(self.now_us - passage.entered_us)}" for passage in self.visits]
        return "\n".join(lines)


def _said(expr: Expr, held: Held) -> str:
    shown = readable(held.type, held.value) if isinstance(held.value, int) else held.value
    return f"{expression_text(expr)} = {shown!r}"


def _story(each: Happened, now_us: int) -> str:
    fields = ", ".join(f"{path} = {readable(held.type, held.value)!r}" for path, held in sorted(each.fields.items()))
    times = f"{each.times} times " if each.times > 1 else ""
    return f"{times}{each.event} {_ago(now_us - each.occurred_us)}" + (f" with {fields}" if fields else "")


def _ago(us: int) -> str:
    return "at that instant" if not us else f"{interval_text(us)} before" if us % 1000 == 0 else f"{us} µs before"


class Inquiry:
    """Asks in Python about customers: the values of expressions, from states made with the features they need."""

    def __init__(self, expressions: Mapping[str, Expr], features: Iterable[Feature], zones: Zones | None) -> None:
        self.names = tuple(expressions)
        self._functions = compile_functions(expressions, zones=zones)
        self._features = {feature.key: feature for feature in features}
        parts = {(key, "where"): feature.where for key, feature in self._features.items()}
        parts |= {(key, "value"): feature.value for key, feature in self._features.items()}
        self._parts = compile_functions({"|".join(name): expr for name, expr in parts.items() if expr is not None})

    def __call__(self, witness: Witness) -> dict[str, Any]:
        """The value of each expression, or `FAILED`."""
        about = self.subject(witness)
        return {name: _asked(function, about) for name, function in self._functions.items()}

    def subject(self, witness: Witness) -> tuple[Any, Any, dict[str, Any], int, str]:
        """What a function of `predicate.python` is called with: state, event, variables, instant and event type."""
        variables = {name: held.value for name, held in witness.variables.items()}
        return self.state(witness), payload(witness.trigger), variables, witness.now_us, witness.trigger_type

    def state(self, witness: Witness) -> Any:
        """The state of a customer."""
        return SimpleNamespace(
            attributes={name: held.value for name, held in witness.attributes.items()},
            features={key: kept for key, feature in self._features.items() if (kept := self._kept(feature, witness))},
            consents={pair: SimpleNamespace(granted=True, at_us=0) for pair in witness.consents},
            audiences=dict.fromkeys(witness.audiences, 0),
            entries=list(witness.under_way),
            visits={passage.journey: passage for passage in witness.visits},
        )

    def _kept(self, feature: Feature, witness: Witness) -> list[Any]:
        instants: list[int] = []
        values: list[Any] = []
        passing, worth = (self._parts.get(f"{feature.key}|{name}") for name in ("where", "value"))
        for each in sorted(witness.happened, key=lambda each: each.occurred_us):
            about: tuple[Any, ...] = (None, payload(each.fields), {}, witness.now_us, each.event)
            if each.event != feature.event or (passing is not None and _asked(passing, about) is not True):
                continue
            value = _asked(worth, about) if worth is not None else None
            if worth is None or value not in (None, FAILED):
                instants += [each.occurred_us] * each.times
                values += [value] * each.times
        return [instants, values] if worth is not None and instants else instants


def _asked(function: Any, about: tuple[Any, ...]) -> Any:
    try:
        return function(*about)
    except ArithmeticError:
        return FAILED


def payload(fields: Mapping[str, Held]) -> Any:
    """An event as decoding would give it: attributes by field, at any depth."""
    event = SimpleNamespace()
    for path, held in fields.items():
        *outer, last = (attribute_name(part) for part in path.split("."))
        place = event
        for name in outer:
            if not hasattr(place, name):
                setattr(place, name, SimpleNamespace())
            place = getattr(place, name)
        setattr(place, last, _received(held))
    return event


def _received(held: Held) -> Any:
    """A value as events have it."""
    if held.value is None:
        return None
    match held.type:
        case Type.NUMBER:
            return Decimal(held.value).scaleb(-6)
        case Type.TIMESTAMP:
            return moment(held.value)
        case Type.DATE:
            return calendar(held.value)
        case _:
            return held.value
