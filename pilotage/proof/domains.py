"""What a conjunction of plain comparisons leaves of each value that it reads: the quick way to a contradiction, and to somebody.

Conditions of journeys mostly compare an attribute or a field with constants. Such parts are decided here exactly; what is left over
is said to be so, and goes to the solver.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import msgspec

from pilotage.predicate.ir import SCALE, Attribute, Call, Expr, Field, Literal, Type, Zone

Readable = Attribute | Field
_TURNED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}


class Domain:
    """The values that are left, unless it is NULL: among `allowed` (None: any), none of `excluded`, from `low` to `high` inclusive.
    `null` is True where it must be NULL, False where it must not; `dead` says that it would have to be both."""

    __slots__ = ("allowed", "dead", "excluded", "high", "low", "null", "type")

    def __init__(self, type: Type) -> None:
        self.type = type
        self.allowed: frozenset[Any] | None = None
        self.excluded: frozenset[Any] = frozenset()
        self.low: int | None = None
        self.high: int | None = None
        self.null: bool | None = None
        self.dead = False

    def copy(self) -> "Domain":
        """Another that can be narrowed."""
        new = Domain(self.type)
        new.allowed, new.excluded, new.low, new.high = self.allowed, self.excluded, self.low, self.high
        new.null, new.dead = self.null, self.dead
        return new

    def narrow(self, name: str, value: Any) -> None:
        """Keep what compares so with a constant."""
        if name == "eq":
            self.allowed = frozenset((value,)) if self.allowed is None else self.allowed & {value}
        elif name == "ne":
            self.excluded |= {value}
        elif isinstance(value, int) and name in ("gt", "ge"):
            bound = value + (name == "gt")
            self.low = bound if self.low is None else max(self.low, bound)
        elif isinstance(value, int) and name in ("lt", "le"):
            bound = value - (name == "lt")
            self.high = bound if self.high is None else min(self.high, bound)

    def among(self, values: Iterable[Any]) -> None:
        """Keep what is one of some constants."""
        self.allowed = frozenset(values) if self.allowed is None else self.allowed & frozenset(values)

    def must_be_null(self, null: bool) -> None:
        """Say whether it is NULL."""
        self.dead = self.dead or (self.null is not None and self.null is not null)
        self.null = null

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        if self.dead or self.null is not False or self.type in (Type.LIST, Type.MAP, Type.NULL):
            return self.dead
        return next(self.values(), None) is None

    def values(self) -> Iterator[Any]:
        """Some of the values that are left, plain ones first."""
        if self.allowed is not None:
            yield from (value for value in sorted(self.allowed, key=repr) if value not in self.excluded and self._within(value))
            return
        yield from (value for value in self._tried() if value not in self.excluded and self._within(value))

    def _tried(self) -> Iterator[Any]:
        if self.type == Type.BOOLEAN:
            yield from (True, False)
        elif self.type == Type.STRING:
            yield "a"
            yield from (f"a{number}" for number in range(len(self.excluded) + 1))
        elif self.type in (Type.INTEGER, Type.NUMBER, Type.TIMESTAMP, Type.DATE, Type.INTERVAL):
            unit = SCALE if self.type == Type.NUMBER else 1
            start = self.low if self.low is not None else self.high if self.high is not None else unit
            if self.low is not None and self.type == Type.NUMBER:
                whole = -(-start // unit) * unit
                yield from (whole + step * unit for step in range(len(self.excluded) + 1))
            step = -1 if self.low is None and self.high is not None else 1
            yield from (start + step * number for number in range(len(self.excluded) + 1))

    def _within(self, value: Any) -> bool:
        if self.low is None and self.high is None:
            return True
        return isinstance(value, int) and (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class Comparison(msgspec.Struct, frozen=True):
    """A readable compared with constants: by `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `in`, `out` (not in), `between`, `null` or `value`.
    `nullable` says that it holds of NULL too."""

    of: Readable
    name: str
    values: tuple[Any, ...] = ()
    nullable: bool = False


def conjuncts(expr: Expr, holds: bool = True) -> Iterator[tuple[Expr, bool]]:
    """The parts that must all be true (or, with False, not true) for an expression to be true (or not true)."""
    if isinstance(expr, Call):
        if expr.name == ("and" if holds else "or"):
            for arg in expr.args:
                yield from conjuncts(arg, holds)
            return
        if expr.name == "is_true":
            yield from conjuncts(expr.args[0], holds)
            return
    yield expr, holds


def comparison(expr: Expr, holds: bool) -> Comparison | None:
    """A part as a comparison that is true exactly where the part is true (or, with False, not true: false or NULL); None where it is
    none."""
    if _readable(expr) and expr.type == Type.BOOLEAN:
        return Comparison(expr, "eq", (holds,), nullable=not holds)
    if not isinstance(expr, Call):
        return None
    if expr.name == "or" and holds:
        return _either(expr)
    if expr.name == "is_null" and _readable(expr.args[0]):
        return Comparison(expr.args[0], "null" if holds else "value")
    if expr.name == "not":
        inner = expr.args[0]
        if isinstance(inner, Call) and inner.name == "not":
            return comparison(inner.args[0], holds)
        if isinstance(inner, Call) and inner.name == "is_null":
            return comparison(inner, not holds)
        said = comparison(inner, True)
        if said is None:
            return None
        return opposite(said) if holds else msgspec.structs.replace(said, nullable=True)
    said = _plain(expr)
    if said is None or holds:
        return said
    against = opposite(said)
    return msgspec.structs.replace(against, nullable=not said.nullable) if against is not None else None


def _either(expr: Call) -> Comparison | None:
    """Alternatives that each name constants for one readable, or say that it is NULL, as one comparison."""
    said = [comparison(arg, True) for arg in expr.args]
    if any(each is None or each.name not in ("eq", "in", "null") for each in said):
        return None
    of = {each.of for each in said if each is not None}
    values = tuple(value for each in said if each is not None for value in each.values if value is not None)
    nullable = any(each is not None and (each.name == "null" or each.nullable) for each in said)
    return Comparison(of.pop(), "in", values, nullable=nullable) if len(of) == 1 and values else None


def _plain(expr: Call) -> Comparison | None:
    if expr.name in _TURNED and len(expr.args) == 2:
        left, right = (unscaled(arg) for arg in expr.args)
        if _readable(left) and isinstance(right, Literal) and right.value is not None:
            return Comparison(left, expr.name, (right.value,))
        if _readable(given := _given(left, right)) and isinstance(right, Literal) and expr.name == "eq":
            return Comparison(given, "eq", (right.value,), nullable=True)
        if _readable(right) and isinstance(left, Literal) and left.value is not None:
            return Comparison(right, _TURNED[expr.name], (left.value,))
    if expr.name == "in" and _readable(expr.args[0]) and all(isinstance(arg, Literal) for arg in expr.args[1:]):
        return Comparison(expr.args[0], "in", tuple(arg.value for arg in expr.args[1:] if isinstance(arg, Literal)))
    if (
        expr.name == "between"
        and _readable(expr.args[0])
        and all(isinstance(arg, Literal) and arg.value is not None for arg in expr.args[1:])
    ):
        return Comparison(expr.args[0], "between", tuple(arg.value for arg in expr.args[1:] if isinstance(arg, Literal)))
    return None


def _given(expr: Expr, otherwise: Expr) -> Expr:
    """What stands in `coalesce(…, otherwise)`; the expression itself where it is none."""
    if isinstance(expr, Call) and expr.name == "coalesce" and len(expr.args) == 2 and expr.args[1] == otherwise:
        return expr.args[0]
    return otherwise


def opposite(said: Comparison) -> Comparison | None:
    """What is true exactly where a comparison is false."""
    if said.name == "in":
        return None if None in said.values else Comparison(said.of, "out", said.values)
    if said.name == "out":
        return Comparison(said.of, "in", said.values)
    if said.name not in _OPPOSITE:
        return None
    if said.of.type == Type.BOOLEAN:
        return Comparison(said.of, "eq" if said.name == "eq" else "ne", (not said.values[0],))
    return Comparison(said.of, _OPPOSITE[said.name], said.values)


def _readable(expr: Expr) -> TypeGuard[Readable]:
    return isinstance(expr, Attribute | Field) and not (isinstance(expr, Field) and expr.path == "type")


def unscaled(expr: Expr) -> Expr:
    """A constant or readable behind a conversion to NUMBER: whole numbers compare alike either way where it is a constant."""
    if isinstance(expr, Call) and expr.name == "to_number" and isinstance(expr.args[0], Literal) and isinstance(expr.args[0].value, int):
        return Literal(Type.NUMBER, expr.args[0].value * SCALE)
    return expr


def narrowed(domain: Domain, said: Comparison) -> bool:
    """Narrow a domain by a comparison; whether anything is left."""
    if not said.nullable:
        domain.must_be_null(said.name == "null")
    if said.name == "in":
        domain.among(value for value in said.values if value is not None)
    elif said.name == "out":
        for value in said.values:
            domain.narrow("ne", value)
    elif said.name == "between":
        domain.narrow("ge", said.values[0])
        domain.narrow("le", said.values[1])
    elif said.values:
        domain.narrow(said.name, said.values[0])
    return not domain.empty


class Box(msgspec.Struct):
    """What a conjunction leaves of each readable, by name; `rest` are the parts that are no comparisons; `empty` says that it cannot be
    true."""

    domains: dict[str, Domain]
    rest: tuple[tuple[Expr, bool], ...] = ()
    empty: bool = False


def box_of(parts: Iterable[tuple[Expr, bool]]) -> Box:
    """The box of parts that are all true or (with False) not true."""
    domains: dict[str, Domain] = {}
    rest: list[tuple[Expr, bool]] = []
    empty = False
    for expr, holds in parts:
        if isinstance(expr, Literal):
            empty = empty or (expr.value is True) is not holds
            continue
        said = comparison(expr, holds)
        if said is None:
            rest.append((expr, holds))
            continue
        name = key_of(said.of)
        domain = domains.setdefault(name, Domain(said.of.type))
        empty = not narrowed(domain, said) or empty
    return Box(domains, tuple(rest), empty)


def met(one: Box, other: Box) -> bool:
    """Whether two boxes have something in common, as far as comparisons say."""
    if one.empty or other.empty:
        return False
    few, many = sorted((one.domains, other.domains), key=len)
    return all(_common(domain, many[name]) for name, domain in few.items() if name in many)


def _common(one: Domain, other: Domain) -> bool:
    both = one.copy()
    both.dead = one.dead or other.dead
    if other.null is not None:
        both.must_be_null(other.null)
    if other.allowed is not None:
        both.allowed = other.allowed if both.allowed is None else both.allowed & other.allowed
    both.excluded |= other.excluded
    for name in ("low", "high"):
        mine, theirs = getattr(both, name), getattr(other, name)
        if theirs is not None:
            setattr(both, name, theirs if mine is None else (max if name == "low" else min)(mine, theirs))
    return not both.empty


def key_of(of: Readable) -> str:
    """How a readable is called: `@country` for an attribute, `trigger.total` for a field."""
    return f"@{of.name}" if isinstance(of, Attribute) else f"{of.of}.{of.path}"


def reads_only(expr: Expr, steady: frozenset[str]) -> bool:
    """Whether an expression reads nothing but constants and attributes that stay as they are."""
    if isinstance(expr, Attribute):
        return expr.name in steady
    if isinstance(expr, Call):
        return all(reads_only(arg, steady) for arg in expr.args)
    return isinstance(expr, Literal) or (isinstance(expr, Zone) and expr.attribute in steady)
