"""Values as SQL text, for DuckDB: types, constants, conversions that fail softly, and what is calculated once and used twice.

A value has one SQL type for each type of the language: a BOOLEAN is boolean, an INTEGER bigint, a NUMBER decimal(19, 6), a STRING
varchar, a TIMESTAMP and an INTERVAL bigint microseconds, a DATE date, a LIST varchar[], a MAP map(varchar, varchar). Instants are
integers so that no engine's own time zones take part.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from pilotage.predicate.ir import SCALE, Call, Expr, Literal, Type, Zone
from pilotage.predicate.literals import date_text, number_plain


class Source(Protocol):
    """Where a printer finds the values of what an expression reads."""

    def read(self, expr: Expr) -> str:
        """The SQL of anything but a call or a constant."""

    def zone(self, expr: Zone, column: str) -> str:
        """The SQL of a column of the subject's zone: `starts`, `offsets`, `walls` or `offset_now`."""


class UnknownInSql(LookupError):
    """The expression has an operator that this release cannot print. Evaluate it from the subjects' states instead."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no SQL for the operator {name!r}; evaluate the condition from the subjects' states")


class Values:
    """Prints values. `source` says where they are read."""

    types: ClassVar[Mapping[Type, str]] = {
        Type.BOOLEAN: "boolean",
        Type.INTEGER: "bigint",
        Type.NUMBER: "decimal(19, 6)",
        Type.STRING: "varchar",
        Type.TIMESTAMP: "bigint",
        Type.DATE: "date",
        Type.INTERVAL: "bigint",
        Type.LIST: "varchar[]",
        Type.MAP: "map(varchar, varchar)",
        Type.NULL: "boolean",
    }
    wide: ClassVar[str] = "hugeint"
    """The type in which products of two 64-bit integers fit."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._held = 0

    def value(self, expr: Expr) -> str:
        """The SQL of an expression's value."""
        if isinstance(expr, Literal):
            return self.literal(expr)
        return self.call(expr) if isinstance(expr, Call) else self.source.read(expr)

    def literal(self, expr: Literal) -> str:
        """The SQL of a constant."""
        value = expr.value
        if value is None:
            return self.cast("null", expr.type)
        if isinstance(value, str):
            return self.text(value)
        if expr.type == Type.BOOLEAN:
            return "true" if value else "false"
        if expr.type == Type.NUMBER:
            return self.cast(number_plain(value), Type.NUMBER)
        if expr.type == Type.DATE:
            return f"date {self.text(date_text(value))}"
        return self.cast(str(value), Type.INTEGER) if abs(value) < 2**31 else self.whole(value)

    def whole(self, value: int) -> str:
        """The SQL of a 64-bit integer; the least of them has no digits of its own in SQL."""
        return str(value) if value > -(2**63) else "(-9223372036854775807 - 1)"

    def text(self, value: str) -> str:
        """The SQL of a string constant."""
        return "'" + value.replace("'", "''") + "'"

    def cast(self, code: str, kind: Type) -> str:
        """A conversion that always succeeds."""
        return f"cast({code} as {self.types[kind]})"

    def try_cast(self, code: str, kind: Type) -> str:
        """A conversion that is NULL where it does not succeed."""
        return f"try_cast({code} as {self.types[kind]})"

    def fitting(self, code: str, kind: Type) -> str:
        """A calculation that is NULL where its result does not fit the type."""
        return self.try_cast(code, kind) if kind == Type.NUMBER else f"try({code})"

    def inner(self, code: str) -> str:
        """A sum within a larger calculation, tried by itself: DuckDB lifts what several calculations share out of the `try` around each
        of them, where its overflow fails the whole query."""
        return f"try({code})"

    def widened(self, code: str) -> str:
        """A number in a type that its sums and products fit, where calculating in its own would fail the whole query."""
        return code

    def held(self, codes: Sequence[str], write: Callable[..., str]) -> str:
        """What `write` makes of names for the codes, each of which is then calculated once; names and constants stay."""
        if all(atomic(code) for code in codes):
            return write(*codes)
        self._held += 1
        name = f"x{self._held}"
        fields = ", ".join(f"'f{at}': {code}" for at, code in enumerate(codes))
        body = write(*(f"{name}.f{at}" for at in range(len(codes))))
        return f"list_transform([{{{fields}}}], lambda {name}: {body})[1]"

    def rounded_ratio(self, numerator: str, denominator: str) -> str:
        """The NUMBER of so many millionths as two integers divide to, half to even; NULL where the second is 0."""

        def ratio(n: str, d: str) -> str:
            twice = f"2 * abs({n} % {d})"
            away = f"({twice} > abs({d}) or ({twice} = abs({d}) and {self.div(n, d)} % 2 <> 0))"
            return f"{self.div(n, d)} + case when {away} then sign({n}) * sign({d}) else 0 end"

        whole = self.held([f"cast({numerator} as {self.wide})", f"nullif(cast({denominator} as {self.wide}), 0)"], ratio)
        return self.try_cast(self.millionths(whole), Type.NUMBER)

    def millionths(self, code: str) -> str:
        """So many millionths as a decimal."""
        return f"try_cast({code} as decimal(32, 0)) * 0.000001"

    def scaled(self, code: str) -> str:
        """The millionths that a NUMBER has."""
        return f"cast({code} * {SCALE} as {self.wide})"

    def div(self, left: str, right: str) -> str:
        """The quotient of two integers, towards zero."""
        return f"({left} // {right})"

    def call(self, expr: Call) -> str:
        """The SQL of an operator."""
        raise UnknownInSql(expr.name)


def constant(code: str) -> bool:
    """Whether a code is a constant that is not NULL."""
    return (
        code.isdigit()
        or (code[:1] == "'" and code.count("'") == 2)
        or (code.startswith("cast(") and code[5:].split(" ")[0].lstrip("-").isdigit())
    )


def atomic(code: str) -> bool:
    """Whether a code is a name or a constant, so that it may stand several times."""
    return constant(code) or all(part.isidentifier() for part in code.replace('"', "").split("."))
