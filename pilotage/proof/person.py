"""Somebody for whom conditions are true: attributes, fields of the events that begin journeys, and a past.

Conditions are met part by part, a choice of an `or` after the other, until nothing contradicts. Nothing here is believed: whoever is
made up is enacted, and counts only if what was looked for comes about.
"""

from collections.abc import Iterable, Iterator
from copy import copy, deepcopy
from decimal import Decimal
from typing import Any

import msgspec

from pilotage.contract.example import example
from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.time import HOUR_US, MINUTE_US
from pilotage.event.zone import Zones
from pilotage.journey.parse_calendar import COUNTRY_ATTRIBUTE
from pilotage.journey.plan import Plan
from pilotage.journey.values import json_value
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import (
    SCALE,
    Aggregate,
    Attribute,
    Call,
    Consent,
    Count,
    Entered,
    Expr,
    Feature,
    Field,
    InAudience,
    InJourney,
    Literal,
    Now,
    Performed,
    Sequence,
    SinceLast,
    Type,
)
from pilotage.predicate.solver.decide import satisfiable
from pilotage.predicate.solver.logic import Limits
from pilotage.predicate.solver.problem import World
from pilotage.proof.domains import Comparison, Domain, comparison, conjuncts, key_of, narrowed
from pilotage.proof.separation import conjoined

COUNTRIES = ("FR", "US", "JP", "BR", "NG", "AU")
"""Where somebody lives of whom it does not matter."""
EVENTS_MAX = 30
"""How many earlier events of one type somebody is given at most."""
SOLVER = Limits(work=400_000, timeout_ms=60_000)

_TURNED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_AGAINST = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}


class Past(msgspec.Struct, frozen=True):
    """An earlier event: its type, how long before a journey's trigger (empty: the first one), and its fields in kernel form with their
    types."""

    event: str
    age_us: int
    fields: tuple[tuple[str, Type, Any], ...] = ()
    before: str = ""


class Knowledge:
    """What people are made up from: a plan's contracts, attributes, audiences and features, and the zone tables."""

    def __init__(self, plan: Plan, zones: Zones) -> None:
        self.plan = plan
        self.world = World(zones, limits=SOLVER)
        self.contracts: dict[str, Contract] = {contract.event: contract for contract in plan.contracts}
        self.features: dict[str, Feature] = {feature.key: feature for feature in plan.features}
        self.audiences = {audience.name: audience.when for audience in plan.audiences}
        self.country = plan.policy.country_attribute or COUNTRY_ATTRIBUTE
        self.types = {attribute.name: attribute.type for attribute in plan.attributes}
        self.fed = {(event, path): each for each in plan.attributes for event, path in each.sources}
        self.examples: dict[str, dict[str, Any]] = {}
        self.solved: dict[frozenset[tuple[Expr, bool]], Any] = {}


class Person:
    """A draft of a customer, narrowed as conditions are met. `fields` are those of each journey's trigger."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.attributes: dict[str, Domain] = {}
        self.fields: dict[str, dict[str, Domain]] = {}
        self.past: list[Past] = []
        self.consents: set[str] = set()
        self.unsettled: list[tuple[Expr, bool]] = []

    def copy(self) -> "Person":
        """Another that can be narrowed."""
        new = copy(self)
        new.attributes = {name: domain.copy() for name, domain in self.attributes.items()}
        new.fields = {journey: {path: domain.copy() for path, domain in each.items()} for journey, each in self.fields.items()}
        new.past, new.consents, new.unsettled = [*self.past], {*self.consents}, [*self.unsettled]
        return new

    def become(self, other: "Person") -> None:
        """Be as another."""
        self.attributes, self.fields, self.past, self.consents = other.attributes, other.fields, other.past, other.consents
        self.unsettled = other.unsettled

    def domain(self, of: Attribute | Field, journey: str, event: str) -> Domain:
        """What is left of something that a condition reads; a field that feeds an attribute is that attribute."""
        fed = self.knowledge.fed.get((event, of.path)) if isinstance(of, Field) else None
        if isinstance(of, Attribute) or fed is not None:
            name = of.name if isinstance(of, Attribute) else fed.name if fed is not None else ""
            if name not in self.attributes:
                self.attributes[name] = self.fed_domain(name, of.type)
            return self.attributes[name]
        known = self.fields.setdefault(journey, {})
        if of.path not in known:
            known[of.path] = _declared(self.knowledge.contracts.get(event), of.path, of.type)
        return known[of.path]

    def fed_domain(self, name: str, type: Type) -> Domain:
        domain = Domain(type)
        for (event, path), each in self.knowledge.fed.items():
            if each.name == name:
                declared = _declared(self.knowledge.contracts.get(event), path, type)
                if declared.allowed is not None:
                    domain.among(declared.allowed)
        return domain

    def values(self) -> dict[str, Any]:
        """A value for each attribute that must have one."""
        return {name: value for name, domain in self.attributes.items() if domain.null is False for value in self._likely(name, domain)}

    def _likely(self, name: str, domain: Domain) -> tuple[Any, ...]:
        """A value for an attribute: of a country whose name is left open, one that there is."""
        if name != self.knowledge.country or domain.allowed is not None or domain.type != Type.STRING:
            return _first(domain)
        return tuple(country for country in COUNTRIES if country not in domain.excluded)[:1] or _first(domain)

    def data(self, journey: str, event: str) -> dict[str, Any]:
        """Data of the event that begins a journey: what its contract requires, and the fields that matter."""
        fields = [(path, domain.type, value) for path, domain in self.fields.get(journey, {}).items() if domain.null is False
                  for value in _first(domain)]  # fmt: skip
        return self.event_data(event, fields)

    def event_data(self, event: str, fields: Iterable[tuple[str, Type, Any]]) -> dict[str, Any]:
        """Data of an event with some fields; what feeds an attribute has the attribute's value."""
        contract = self.knowledge.contracts[event]
        if event not in self.knowledge.examples:
            self.knowledge.examples[event] = example(contract, {})
        data = deepcopy(self.knowledge.examples[event])
        values = self.values()
        fed = [
            (path, each.type, values[each.name])
            for (type, path), each in self.knowledge.fed.items()
            if type == event and each.name in values
        ]
        for path, kind, value in (*fed, *fields):
            _put(data, path, json_value(kind, value))
        return data


def _first(domain: Domain) -> tuple[Any, ...]:
    return tuple(value for value, _ in zip(domain.values(), range(1), strict=False))


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        data = data.setdefault(name, {})
    data[last] = _plain(value) if isinstance(value, Decimal) else value


def _plain(value: Decimal) -> int | float:
    """A number as JSON has it, so that a scenario is the same when it is read again."""
    return int(value) if value == value.to_integral_value() else float(value)


def _declared(contract: Contract | None, path: str, type: Type) -> Domain:
    """What a contract leaves of one of its fields."""
    domain = Domain(type)
    spec = _spec(contract.fields if contract is not None else (), path)
    if spec is None:
        return domain
    if spec.enum and type == Type.STRING:
        domain.among(spec.enum)
    scale = SCALE if type == Type.NUMBER else 1
    if type in (Type.INTEGER, Type.NUMBER):
        if spec.minimum is not None:
            domain.low = int(spec.minimum * scale)
        elif spec.exclusive_minimum is not None:
            domain.low = int(spec.exclusive_minimum * scale) + 1
        if spec.maximum is not None:
            domain.high = int(spec.maximum * scale)
    return domain


def _spec(fields: Iterable[FieldSpec], path: str) -> FieldSpec | None:
    name, _, rest = path.partition(".")
    found = next((each for each in fields if each.name == name), None)
    return _spec(found.fields, rest) if found is not None and rest else found


def meet(person: Person, journey: str, event: str, parts: Iterable[tuple[Expr, bool]]) -> bool:
    """Narrow a person until all parts are met, for a journey that begins with an event; whether that can be."""
    unread: list[tuple[Expr, bool]] = []
    for whole, holds in parts:
        if not all(_part(person, journey, event, expr, true, unread) for expr, true in conjuncts(whole, holds)):
            return False
    of_events = [part for part in unread if any(isinstance(each, Field) for each in walk(part[0]))]
    person.unsettled += [part for part in unread if part not in of_events]
    return not of_events or _by_solver(person, journey, event, of_events)


def settle(person: Person) -> bool:
    """Meet together what several journeys ask of a person and what comparisons do not say; whether that can be."""
    return not person.unsettled or _by_solver(person, "", "", person.unsettled)


def _part(person: Person, journey: str, event: str, expr: Expr, holds: bool, unread: list[tuple[Expr, bool]]) -> bool:
    if isinstance(expr, Literal):
        return (expr.value is True) is holds
    said = comparison(expr, holds)
    if said is not None:
        return narrowed(person.domain(said.of, journey, event), said)
    if isinstance(expr, Call) and expr.name in ("or", "and"):
        return _choice(person, journey, event, expr.args, holds, unread)
    if isinstance(expr, Call) and expr.name == "not":
        return all(_part(person, journey, event, part, true, unread) for part, true in conjuncts(expr.args[0], not holds))
    if isinstance(expr, Consent):
        (person.consents.add if holds else person.consents.discard)(f"{expr.purpose}|{expr.channel}")
        return True
    if isinstance(expr, InAudience):
        when = person.knowledge.audiences.get(expr.audience)
        return not holds or (when is not None and meet(person, journey, event, ((when.expr, True),)))
    if isinstance(expr, InJourney | Entered):
        return not holds
    past = _of_past(person, journey, event, expr, holds)
    if past is None:
        unread.append((expr, holds))
    return past is not False


def _choice(person: Person, journey: str, event: str, args: Iterable[Expr], holds: bool, unread: list[tuple[Expr, bool]]) -> bool:
    for arg in args:
        other, more = person.copy(), list[tuple[Expr, bool]]()
        if all(_part(other, journey, event, part, true, more) for part, true in conjuncts(arg, holds)):
            person.become(other)
            unread += more
            return True
    return False


def _of_past(person: Person, journey: str, event: str, expr: Expr, holds: bool) -> bool | None:
    """Give the person the past that a part asks for; None where it asks for something else, or in a way that is not looked into."""
    if isinstance(expr, Performed):
        return not holds or _add(person, journey, expr.feature, expr.event, 0 if expr.event == event else 1, MINUTE_US)
    if isinstance(expr, Sequence):
        first, then = ((expr.first, expr.events[0], 2 * MINUTE_US), (expr.then, expr.events[1], MINUTE_US))
        return not holds or all(_add(person, journey, feature, of, 1, age_us) for feature, of, age_us in (first, then))
    if not isinstance(expr, Call) or expr.name not in _TURNED or len(expr.args) != 2:
        return None
    left, right, name = *expr.args, expr.name
    if isinstance(left, Literal):
        left, right, name = right, left, _TURNED[name]
    if isinstance(left, Call) and left.name == "to_number":
        left = left.args[0]
    if isinstance(left, Count) and isinstance(right, Count):
        return name in ("eq", "le", "ge") if holds else name in ("ne", "lt", "gt") or None
    if not isinstance(right, Literal) or not isinstance(right.value, int):
        return None
    name = name if holds else _AGAINST[name]
    if isinstance(left, Count):
        wanted = right.value // (SCALE if right.type == Type.NUMBER else 1) + (name == "gt")
        own = 1 if left.event == event else 0
        return name not in ("ge", "gt", "eq") or _add(person, journey, left.feature, left.event, wanted - own, MINUTE_US)
    if isinstance(left, SinceLast):
        age_us = right.value + HOUR_US if name in ("gt", "ge") else right.value // 2
        return not holds or _add(person, journey, left.feature, left.event, 1, age_us)
    if isinstance(left, Aggregate):
        value = right.value + {"gt": 1, "lt": -1}.get(name, 0)
        return not holds or _add(person, journey, left.feature, left.event, 1, MINUTE_US, value)
    return None


def _add(person: Person, journey: str, feature: str, event: str, times: int, age_us: int, value: Any = None) -> bool:
    """Give the person so many earlier events that pass a feature's filter."""
    if times > EVENTS_MAX:
        return False
    known = person.knowledge.features.get(feature)
    other = Person(person.knowledge)
    if known is not None and known.where is not None and not meet(other, "", event, ((known.where, True),)):
        return False
    if value is not None and known is not None and isinstance(known.value, Field):
        narrowed(other.domain(known.value, "", event), Comparison(known.value, "eq", (value,)))
    fields = tuple((path, domain.type, found) for path, domain in other.fields.get("", {}).items() for found in _first(domain))
    person.past += [Past(event, age_us + number * MINUTE_US, fields, journey) for number in range(times)]
    return True


def _by_solver(person: Person, journey: str, event: str, unread: list[tuple[Expr, bool]]) -> bool:
    """Ask the solver for values of what the rest reads, beside what is known of it already; best effort."""
    still = [each for each in unread if not any(isinstance(part, Now) for part in walk(each[0]))]
    if not still:
        return True
    parts = frozenset(still)
    solved = person.knowledge.solved
    if parts not in solved:
        solved[parts] = satisfiable(conjoined(parts, person.knowledge.features), person.knowledge.world).witness
    witness = solved[parts]
    if witness is None:
        return len(still) < len(unread)
    readable = {key_of(part): part for expr, _ in still for part in walk(expr) if isinstance(part, Attribute | Field)}
    held = {f"@{name}": each.value for name, each in witness.attributes.items()}
    held |= {f"trigger.{path}": each.value for path, each in witness.trigger.items()}
    return all(
        narrowed(person.domain(of, journey, event), Comparison(of, "eq", (held[name],))) for name, of in readable.items() if name in held
    )


def pinned(expr: Expr, at_us: int) -> Expr:
    """An expression as it is asked at an instant."""
    if isinstance(expr, Now):
        return Literal(Type.TIMESTAMP, at_us)
    return Call(expr.type, expr.name, tuple(pinned(arg, at_us) for arg in expr.args)) if isinstance(expr, Call) else expr


def ages(person: Person) -> Iterator[Past]:
    """The person's past, the oldest first."""
    yield from sorted(person.past, key=lambda past: -past.age_us)
