"""Whom a purpose is for, and whether a journey's own conditions let anybody else come to a step.

What was asked on every way to a step still holds when an entry comes to it where nothing can have changed it: it reads attributes that
stay, it lasts once it is true (an age by date of birth), or it was asked at that very instant. From that it is derived that whoever
comes is one of those whom the purpose is for.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET

from pilotage.consent.policy import Policy
from pilotage.event.zone import Zones
from pilotage.journey.plan import Send
from pilotage.predicate.canonical import canonical
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import (
    Attribute,
    Call,
    Entered,
    Expr,
    Field,
    InAudience,
    InJourney,
    Literal,
    Now,
    Predicate,
    Stage,
    Type,
    Variable,
    Zone,
)
from pilotage.predicate.solver.problem import World
from pilotage.proof.acts import Footprint, Setting, as_attributes
from pilotage.proof.domains import conjuncts
from pilotage.proof.passages import Span
from pilotage.proof.separation import SOLVER, Reason, impossible_under, nobody, said

Part = tuple[Expr, bool]
_COUNTED = frozenset(("days", "hours", "minutes", "seconds", "year", "date"))
"""Functions whose value grows with that of their first argument."""


class Restriction(msgspec.Struct, frozen=True):
    """That the messages of a purpose are for those only of whom a condition is true."""

    purpose: str
    only: Predicate

    @property
    def parts(self) -> tuple[Expr, ...]:
        """What must all be true."""
        return tuple(dict.fromkeys(expr for expr, _ in conjuncts(self.only.expr)))


def restrictions_of(policy: Policy) -> dict[str, Restriction]:
    """The purposes of a policy that are not for everybody, by name."""
    return {each.name: Restriction(each.name, each.only) for each in policy.purposes if each.only is not UNSET}


def denied(expr: Expr) -> Expr:
    """That a condition is false, as a comparison where it is one."""
    return canonical(Call(Type.BOOLEAN, "not", (expr,)))


class Exclusions:
    """Decides who is kept out of the steps of a plan's journeys by what these ask."""

    def __init__(self, setting: Setting, zones: Zones) -> None:
        self.setting = setting
        self.definitions = {audience.name: audience.when for audience in setting.plan.audiences}
        self.features = {feature.key: feature for feature in setting.plan.features}
        # Who is in an audience is brought up to date after what an entry does: of one that reads what journeys set, only that somebody
        # is or is not in it is known at one instant, and nothing of why.
        lasting = {name: when for name, when in self.definitions.items() if self.stays(when.expr)}
        self.world = World(zones, lasting, SOLVER)
        self.asked: dict[frozenset[Part], bool] = {}

    def never(self, restriction: Restriction) -> bool:
        """Whether a restriction is proved to be true of nobody."""
        return impossible_under(restriction.only, World(self.world.zones, self.definitions, SOLVER))

    def own(self, footprint: Footprint, step: str, restriction: Restriction) -> Reason | None:
        """Why nobody comes to a step whom a purpose is not for; None where that is not known."""
        known = frozenset(self._at_arrival(footprint, step))
        return self._excluded(known, restriction)

    def at_sending(self, footprint: Footprint, step: Send, restriction: Restriction) -> Reason | None:
        """Why nobody is sent a step's message, under a purpose of its own, whom another purpose is not for."""
        standing = self.setting.rules.standing(step.channel, step.purpose, footprint.journey.name)
        asked: list[Part] = [] if standing.purpose.only is UNSET else list(conjuncts(standing.purpose.only.expr))
        for rule, _ in standing.suppressions:
            asked += conjuncts(denied(rule.when.expr))
        if step.role is UNSET:
            at_once = not (standing.quiet_hours or standing.closings or standing.budgets or standing.slot)
            asked += self._at_arrival(footprint, step.id, later=not at_once)
        return self._excluded(frozenset(asked), restriction)

    def _excluded(self, known: frozenset[Part], restriction: Restriction) -> Reason | None:
        if not all(self._nobody(known | {(part, False)}) for part in restriction.parts):
            return None
        names = _read(restriction.only.expr)
        concerned = [(expr, holds) for expr, holds in known if _read(expr) & names]
        read = names.union(*(_read(expr) for expr, _ in concerned))
        assumes = tuple(sorted(name[1:] for name in read if name.startswith("@") and name[1:] in self.setting.changing))
        text = " and ".join(sorted(said(expr, holds) for expr, holds in concerned))
        return Reason(f"nobody else can come to it: {text}" if text else "nobody comes to it", assumes)

    def _nobody(self, needs: frozenset[Part]) -> bool:
        if needs not in self.asked:
            self.asked[needs] = nobody(needs, self.features, self.world)
        return self.asked[needs]

    def _at_arrival(self, footprint: Footprint, step: str, *, later: bool = False) -> Iterator[Part]:
        """What is so whenever an entry comes to a step or, `later`, whenever it is still there."""
        for whole, holds, asked in footprint.passages.said[step]:
            at_once = not later and _span(footprint, asked, step) == Span(0, 0)
            for expr, true in conjuncts(whole, holds):
                part = as_attributes(expr, footprint.journey, self.setting) if true and not asked else expr
                if self.stays(part) or (true and self._lasts(part)) or (at_once and _untouched(footprint, part, asked)):
                    yield part, true

    def stays(self, expr: Expr) -> bool:
        """Whether an expression's value stays as it is while attributes do that no journey sets."""
        if isinstance(expr, Attribute):
            return expr.name in self.setting.steady
        if isinstance(expr, Zone):
            return not expr.attribute or expr.attribute in self.setting.steady
        if isinstance(expr, InAudience):
            return expr.audience in self.definitions and self.stays(self.definitions[expr.audience].expr)
        return isinstance(expr, Literal) or (isinstance(expr, Call) and all(map(self.stays, expr.args)))

    def _lasts(self, expr: Expr) -> bool:
        """Whether a condition that is true stays true. A calendar on which a day comes twice is left aside."""
        if self.stays(expr):
            return True
        if not isinstance(expr, Call):
            return False
        if expr.name in ("and", "or", "is_true"):
            return all(map(self._lasts, expr.args))
        if expr.name in ("ge", "gt", "le", "lt") and len(expr.args) == 2:
            more, less = expr.args if expr.name in ("ge", "gt") else expr.args[::-1]
            return self._grows(more) and self.stays(less)
        return False

    def _grows(self, expr: Expr) -> bool:
        """Whether a value is never less later."""
        if isinstance(expr, Now) or self.stays(expr):
            return True
        if not isinstance(expr, Call):
            return False
        first, *others = expr.args
        if expr.name in _COUNTED or expr.name == "sub":
            return self._grows(first) and all(map(self.stays, others))
        if expr.name == "years_between":
            return self.stays(first) and self._grows(others[0])
        return expr.name == "add" and all(map(self._grows, expr.args))


def _span(footprint: Footprint, asked: str, step: str) -> Span | None:
    """The time from where a condition was asked (empty: the entrance) to a step."""
    spans = footprint.passages.spans_from(asked) if asked else footprint.passages.spans
    return spans.get(step)


def _untouched(footprint: Footprint, expr: Expr, asked: str) -> bool:
    """Whether what an entry does on its way at one instant leaves a condition as it was: entering changes where somebody is, setting an
    attribute changes that."""
    for part in walk(expr):
        if isinstance(part, Field | Variable) or (not asked and isinstance(part, InJourney | Entered | Stage)):
            return False
        if isinstance(part, Attribute) and part.name in footprint.sets:
            return False
        if isinstance(part, Zone) and part.attribute in footprint.sets:
            return False
    return True


def _read(expr: Expr) -> frozenset[str]:
    """The names of what a condition reads, attributes with @ before them."""
    return frozenset(_names(walk(expr)))


def _names(parts: Iterable[Expr]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Attribute):
            yield f"@{part.name}"
        elif isinstance(part, InAudience):
            yield f"#{part.audience}"
        elif not isinstance(part, Call | Literal | Zone | Now):
            yield repr(part)
