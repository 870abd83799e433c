"""Expressions as SQL text: the operators of DuckDB, with every place where its meaning is not the language's own wrapped.

A value has one SQL type for each type of the language: a BOOLEAN is boolean, an INTEGER bigint, a NUMBER decimal(19, 6), a STRING
varchar, a TIMESTAMP and an INTERVAL bigint microseconds, a DATE date, a LIST varchar[], a MAP map(varchar, varchar). Instants are
integers so that no engine's own time zones take part. Where the language has an error (a number that does not fit), SQL has NULL:
one subject must not stop a batch. The printers of other dialects change what is theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pilotage.predicate.clock import SPANS_US
from pilotage.predicate.ir import SCALE, Call, Expr, Literal, Now, Type, Zone
from pilotage.predicate.literals import date_text, number_plain
from pilotage.predicate.texts import PLACE_MAX, TEXT_MAX, lower

SHIFT_DAYS = 1_000_000
"""Whole days added before a division, so that instants long before 1970 round down too."""

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_CLOCK_US = {"hour": (HOUR_US, 24), "minute": (MINUTE_US, 60), "second": (SECOND_US, 60)}


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


class Printer:
    """Prints expressions for DuckDB. `source` says where values are read."""

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

    def held(self, codes: Sequence[str], write: Callable[..., str]) -> str:
        """What `write` makes of names for the codes, each of which is then calculated once; names and constants stay."""
        if all(_atomic(code) for code in codes):
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

    # -- operators ------------------------------------------------------------------------------------------------------

    def call(self, expr: Call) -> str:
        """The SQL of an operator."""
        name, args = expr.name, expr.args
        if name in ("and", "or"):
            return "(" + f" {name} ".join(self.value(arg) for arg in args) + ")"
        if name in _SIGNS:
            return f"({self.ordered(args[0])} {_SIGNS[name]} {self.ordered(args[1])})"
        method = _METHODS.get(name)
        if method is not None:
            return method(self, expr)
        return self.function(name, expr, [self.value(arg) for arg in args])

    def ordered(self, expr: Expr) -> str:
        """A value to be compared: strings by code point in every engine."""
        return self.value(expr)

    def logical(self, expr: Call) -> str:
        inner = self.value(expr.args[0])
        return {
            "not": f"(not {inner})",
            "is_null": f"({inner} is null)",
            "is_true": f"({inner} is true)",
            "is_false": f"({inner} is false)",
        }[expr.name]

    def between(self, expr: Call) -> str:
        operand, low, high = (self.ordered(arg) for arg in expr.args)
        return f"({operand} between {low} and {high})"

    def member(self, expr: Call) -> str:
        operand, *constants = (self.value(arg) for arg in expr.args)
        return f"({operand} in ({', '.join(constants)}))"

    def like(self, expr: Call) -> str:
        """Letters of `ilike` are compared in small form. The escape character is always named, since some engines have one."""
        text, pattern, *escape = expr.args
        assert isinstance(pattern, Literal)
        found, wanted = self.value(text), str(pattern.value)
        mark = str(escape[0].value) if escape and isinstance(escape[0], Literal) else ""
        if expr.name == "ilike":
            found, wanted = self.function("lower", expr, [found]), lower(wanted)
        return f"({found} like {self.text(wanted)}{self.escape(wanted, lower(mark) if expr.name == 'ilike' else mark)})"

    def escape(self, pattern: str, mark: str) -> str:
        """The escape clause of a pattern."""
        return f" escape {self.text(mark)}" if mark else ""

    def case(self, expr: Call) -> str:
        parts = [self.value(arg) for arg in expr.args]
        branches = "".join(f" when {parts[at]} then {parts[at + 1]}" for at in range(0, len(parts) - 1, 2))
        return f"(case{branches}{f' else {parts[-1]}' if len(parts) % 2 else ''} end)"

    def arithmetic(self, expr: Call) -> str:
        left, right = (self.value(arg) for arg in expr.args)
        kinds = (expr.args[0].type, expr.args[1].type)
        sign = {"add": "+", "sub": "-", "mul": "*"}[expr.name]
        if kinds == (Type.DATE, Type.DATE):
            return self.days_from(left, right)
        if expr.type == Type.DATE:
            return self.add_days(left, right if sign == "+" else f"-({right})")
        if expr.type == Type.NUMBER and sign == "*":
            return self.rounded_ratio(f"{self.scaled(left)} * {self.scaled(right)}", str(SCALE))
        return self.fitting(f"{left} {sign} {right}", expr.type)

    def quotient(self, expr: Call) -> str:
        left, right = (self.value(arg) for arg in expr.args)
        if expr.args[0].type == Type.NUMBER:
            left, right = self.scaled(left), self.scaled(right)
        return self.rounded_ratio(f"cast({left} as {self.wide}) * {SCALE}", right)

    def remainder(self, expr: Call) -> str:
        left, right = (self.value(arg) for arg in expr.args)
        return self.fitting(f"{left} % nullif({right}, 0)", expr.type)

    def negative(self, expr: Call) -> str:
        return self.fitting(f"-({self.value(expr.args[0])})", expr.type)

    def to_number(self, expr: Call) -> str:
        return self.try_cast(self.value(expr.args[0]), Type.NUMBER)

    # -- dates and times ------------------------------------------------------------------------------------------------

    def clock(self, expr: Call) -> str:
        """A part of an instant's wall time, or of a date."""
        if len(expr.args) == 1:
            return self.part(expr.name, self.value(expr.args[0]))
        wall = f"({self.wall(expr.args[0], expr.args[1])} + {SHIFT_DAYS * DAY_US})"
        if expr.name in _CLOCK_US:
            unit_us, size = _CLOCK_US[expr.name]
            return self.fitting(f"{self.div(wall, str(unit_us))} % {size}", Type.INTEGER)
        if expr.name == "local_time":
            return self.fitting(f"{wall} % {DAY_US}", Type.INTEGER)
        day = self.date_of(self.fitting(f"{self.div(wall, str(DAY_US))} - {SHIFT_DAYS}", Type.INTEGER))
        return day if expr.name == "date" else self.part(expr.name, day)

    def part(self, name: str, day: str) -> str:
        """A part of a date."""
        field = {"day_of_week": "isodow", "day_of_year": "doy"}.get(name, name)
        return f"cast(extract({field} from {day}) as {self.types[Type.INTEGER]})"

    def wall(self, instant: Expr, zone: Expr) -> str:
        """The wall time of an instant in the subject's zone, microseconds as if it were UTC."""
        assert isinstance(zone, Zone)
        starts, offsets = self.source.zone(zone, "starts"), self.source.zone(zone, "offsets")
        code = self.value(instant)
        if isinstance(instant, Now):
            return f"({code} + {self.source.zone(zone, 'offset_now')})"
        return self.held([code], lambda us: f"({us} + {self.at(offsets, self.reached(starts, us))})")

    def instant_of(self, wall: str, zone: Zone) -> str:
        """The instant of a wall time."""
        walls, offsets = self.source.zone(zone, "walls"), self.source.zone(zone, "offsets")
        return self.held([wall], lambda us: f"({us} - {self.at(offsets, self.reached(walls, us))})")

    def reached(self, starts: str, us: str) -> str:
        """How many of the starts are not after an instant."""
        return f"len(list_filter({starts}, lambda start: start <= {us}))"

    def at(self, offsets: str, place: str) -> str:
        """The element of a list of integers at a place, the first being 1."""
        return f"{offsets}[{place}]"

    def date_of(self, days: str) -> str:
        """The date so many days after 1 January 1970."""
        return f"(date '1970-01-01' + try_cast({days} as integer))"

    def days_from(self, day: str, other: str) -> str:
        """The days from the second date to the first."""
        return f"({day} - {other})"

    def add_days(self, day: str, days: str) -> str:
        """The date so many days later."""
        return f"cast(try({day} + try_cast({days} as integer)) as date)"

    def add_months(self, day: str, months: str) -> str:
        """The date so many months later."""
        return f"cast(try({day} + to_months(try_cast({months} as integer))) as date)"

    def beginning(self, unit: str, day: str) -> str:
        """The first day of the unit that a date lies in."""
        return f"cast(date_trunc('{unit}', {day}) as date)"

    def date_trunc(self, expr: Call) -> str:
        cut, unit, *zone = expr.args
        assert isinstance(unit, Literal)
        if not zone:
            return self.beginning(str(unit.value), self.value(cut))
        assert isinstance(zone[0], Zone)
        if unit.value == "hour":
            past = Call(Type.INTEGER, "local_time", (cut, zone[0]))
            return self.fitting(f"{self.value(cut)} - {self.value(past)} % {HOUR_US}", Type.INTEGER)
        day = self.beginning(str(unit.value), self.value(Call(Type.DATE, "date", (cut, zone[0]))))
        return self.instant_of(self.midnight(day), zone[0])

    def midnight(self, day: str) -> str:
        """The wall time at which a date begins."""
        return f"{self.days_from(day, self.literal(Literal(Type.DATE, 0)))} * {DAY_US}"

    def timestamp(self, expr: Call) -> str:
        day, time, zone = expr.args
        assert isinstance(zone, Zone)
        return self.instant_of(self.fitting(f"{self.midnight(self.value(day))} + {self.value(time)}", Type.INTEGER), zone)

    def years_between(self, expr: Call) -> str:
        def between(first: str, second: str) -> str:
            def full(born: str, then: str) -> str:
                early = f"{self.day_in_year(then)} < {self.day_in_year(born)}"
                return f"{self.part('year', then)} - {self.part('year', born)} - case when {early} then 1 else 0 end"

            return f"(case when {first} <= {second} then {full(first, second)} else -({full(second, first)}) end)"

        return self.held([self.value(arg) for arg in expr.args], between)

    def day_in_year(self, day: str) -> str:
        """A number that orders the days of a year by month and day."""
        return f"({self.part('month', day)} * 100 + {self.part('day', day)})"

    def span(self, expr: Call) -> str:
        return self.div(self.value(expr.args[0]), str(SPANS_US[expr.name]))

    # -- functions ------------------------------------------------------------------------------------------------------

    def rounding(self, expr: Call) -> str:
        decimals = str(expr.args[1].value) if len(expr.args) > 1 and isinstance(expr.args[1], Literal) else "0"
        return self.try_cast(f"round({self.value(expr.args[0])}, {decimals})", expr.type)

    def item(self, expr: Call) -> str:
        listed, place = (self.value(arg) for arg in expr.args)
        return self.held([listed, place], lambda held, at: f"(case when {at} >= 1 then {held}[{at}] end)")

    def split_part(self, expr: Call) -> str:
        def piece(text: str, separator: str, place: str) -> str:
            whole = f"when {separator} = '' then case when {place} = 1 then {text} else '' end"
            least = f"least({place}, {PLACE_MAX})"
            null = f"when {text} is null or {separator} is null or {place} is null then null"
            return f"(case {null} when {place} < 1 then '' {whole} else split_part({text}, {separator}, {self.small(least)}) end)"

        return self.held([self.value(arg) for arg in expr.args], piece)

    def small(self, code: str) -> str:
        """An integer as the engine's functions of text take it."""
        return code

    def substring(self, expr: Call) -> str:
        def cut(text: str, start: str, length: str = str(PLACE_MAX)) -> str:
            first, size = (f"greatest(least({code}, {PLACE_MAX}), -{PLACE_MAX})" for code in (start, length))
            taken = f"greatest(least({size}, {first} + {size} - 1), 0)"
            return f"substring({text}, {self.small(f'greatest({first}, 1)')}, {self.small(taken)})"

        return self.strict([self.value(arg) for arg in expr.args], cut)

    def strict(self, codes: list[str], write: Callable[..., str]) -> str:
        """What `write` makes of the codes, NULL if one of them is: for functions of SQL that pass NULLs over."""

        def guarded(*names: str) -> str:
            missing = " or ".join(f"{name} is null" for name in names if not _constant(name))
            return f"(case when {missing} then null else {write(*names)} end)" if missing else write(*names)

        return self.held(codes, guarded)

    def function(self, name: str, expr: Call, args: list[str]) -> str:
        """A function of values that has a name in SQL."""
        pattern = self.functions.get(name)
        if pattern is None:
            raise UnknownInSql(name)
        return pattern.format(*args, all=", ".join(args))

    def sized(self, expr: Call) -> str:
        """`left` and `right`, which take no more than so many characters and none below one."""
        text, length = (self.value(arg) for arg in expr.args)
        return (
            f"{expr.name}({text}, {self.small(f'least(greatest({length}, 0), {PLACE_MAX})')})"
            if _constant(length)
            else self.strict(
                [text, length], lambda held, size: f"{expr.name}({held}, {self.small(f'least(greatest({size}, 0), {PLACE_MAX})')})"
            )
        )

    def trimmed(self, expr: Call) -> str:
        args = [self.value(arg) for arg in expr.args]
        return f"{expr.name}({args[0]}, {args[1] if len(args) > 1 else self.text(' ')})"

    def replaced(self, expr: Call) -> str:
        args = [self.value(arg) for arg in expr.args]
        return self.strict(args, lambda text, part, other: f"left(replace({text}, {part}, {other}), {TEXT_MAX})")

    def parsed(self, expr: Call) -> str:
        """The number that a text says."""
        pattern = "[+-]?[0-9]{1,18}" if expr.name == "integer" else "[+-]?[0-9]{1,12}([.][0-9]{1,6})?"
        return self.held(
            [self.value(expr.args[0])], lambda text: f"(case when {self.matches(text, pattern)} then {self.try_cast(text, expr.type)} end)"
        )

    def matches(self, text: str, pattern: str) -> str:
        """Whether the whole text matches a regular expression."""
        return f"regexp_full_match({text}, {self.text(pattern)})"

    def plain_number(self, expr: Call) -> str:
        return f"rtrim(rtrim(cast({self.value(expr.args[0])} as varchar), '0'), '.')"

    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce({all})",
        "least": "least({all})",
        "greatest": "greatest({all})",
        "lower": "lower({0})",
        "upper": "upper({0})",
        "length": "length({0})",
        "concat": "({0} || {1})",
        "starts_with": "starts_with({0}, {1})",
        "ends_with": "ends_with({0}, {1})",
        "contains": "contains({0}, {1})",
        "position": "strpos({0}, {1})",
        "text_of_integer": "cast({0} as varchar)",
        "text_of_boolean": "cast({0} as varchar)",
        "text_of_date": "cast({0} as varchar)",
        "abs": "try(abs({0}))",
        "sign": "cast(sign({0}) as bigint)",
        "floor": "try_cast(floor({0}) as bigint)",
        "ceil": "try_cast(ceil({0}) as bigint)",
        "list_length": "len({0})",
        "map_length": "cast(cardinality({0}) as bigint)",
        "list_contains": "list_contains({0}, {1})",
        "map_contains": "(case when {0} is null or {1} is null then null else {0}[{1}] is not null end)",
        "value": "{0}[{1}]",
    }


def _constant(code: str) -> bool:
    """Whether a code is a constant that is not NULL."""
    return (
        code.isdigit()
        or (code[:1] == "'" and code.count("'") == 2)
        or (code.startswith("cast(") and code[5:].split(" ")[0].lstrip("-").isdigit())
    )


def _atomic(code: str) -> bool:
    """Whether a code is so short that it may stand several times."""
    return _constant(code) or all(part.isidentifier() for part in code.replace('"', "").split("."))


_METHODS: dict[str, Callable[[Printer, Call], str]] = {
    **dict.fromkeys(("not", "is_null", "is_true", "is_false"), lambda printer, expr: printer.logical(expr)),
    "between": lambda printer, expr: printer.between(expr),
    "in": lambda printer, expr: printer.member(expr),
    **dict.fromkeys(("like", "ilike"), lambda printer, expr: printer.like(expr)),
    "case": lambda printer, expr: printer.case(expr),
    **dict.fromkeys(("add", "sub", "mul"), lambda printer, expr: printer.arithmetic(expr)),
    "div": lambda printer, expr: printer.quotient(expr),
    "mod": lambda printer, expr: printer.remainder(expr),
    "neg": lambda printer, expr: printer.negative(expr),
    "to_number": lambda printer, expr: printer.to_number(expr),
    "date_trunc": lambda printer, expr: printer.date_trunc(expr),
    "timestamp": lambda printer, expr: printer.timestamp(expr),
    "add_months": lambda printer, expr: printer.add_months(*(printer.value(arg) for arg in expr.args)),
    "years_between": lambda printer, expr: printer.years_between(expr),
    **dict.fromkeys(SPANS_US, lambda printer, expr: printer.span(expr)),
    **dict.fromkeys(
        ("year", "quarter", "month", "week", "day", "day_of_week", "day_of_year", "hour", "minute", "second", "date", "local_time"),
        lambda printer, expr: printer.clock(expr),
    ),
    "round": lambda printer, expr: printer.rounding(expr),
    "item": lambda printer, expr: printer.item(expr),
    "split_part": lambda printer, expr: printer.split_part(expr),
    "substring": lambda printer, expr: printer.substring(expr),
    **dict.fromkeys(("left", "right"), lambda printer, expr: printer.sized(expr)),
    **dict.fromkeys(("trim", "ltrim", "rtrim"), lambda printer, expr: printer.trimmed(expr)),
    "replace": lambda printer, expr: printer.replaced(expr),
    **dict.fromkeys(("integer", "number"), lambda printer, expr: printer.parsed(expr)),
    "text_of_number": lambda printer, expr: printer.plain_number(expr),
}
