"""Expressions as SQL text: the operators and functions of DuckDB, with every place where its meaning is not the language's own wrapped.

Where the language has an error (a number that does not fit), SQL has NULL: one subject must not stop a batch. The printers of
other dialects change what is theirs.
"""

from collections.abc import Callable
from typing import ClassVar

from pilotage.predicate.clock import SPANS_US
from pilotage.predicate.ir import SCALE, Call, Expr, Literal, Type
from pilotage.predicate.sql.times import Times
from pilotage.predicate.sql.values import UnknownInSql, constant
from pilotage.predicate.texts import PLACE_MAX, TEXT_MAX, lower

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Printer(Times):
    """Prints expressions for DuckDB."""

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
            return self.add_days(left, right if sign == "+" else self.fitting(f"-{self.widened(f'({right})')}", Type.INTEGER))
        if expr.type == Type.NUMBER and sign == "*":
            return self.rounded_ratio(f"{self.scaled(left)} * {self.scaled(right)}", str(SCALE))
        return self.fitting(f"{self.widened(left)} {sign} {right}", expr.type)

    def quotient(self, expr: Call) -> str:
        left, right = (self.value(arg) for arg in expr.args)
        if expr.args[0].type == Type.NUMBER:
            left, right = self.scaled(left), self.scaled(right)
        return self.rounded_ratio(f"cast({left} as {self.wide}) * {SCALE}", right)

    def remainder(self, expr: Call) -> str:
        left, right = (self.value(arg) for arg in expr.args)
        if expr.type == Type.INTEGER:  # the least integer divided by -1 leaves nothing, but does not fit on the way
            left = f"cast({left} as {self.wide})"
        return self.try_cast(f"{left} % nullif({right}, 0)", expr.type)

    def negative(self, expr: Call) -> str:
        return self.fitting(f"-{self.widened(f'({self.value(expr.args[0])})')}", expr.type)

    def to_number(self, expr: Call) -> str:
        return self.try_cast(self.value(expr.args[0]), Type.NUMBER)

    def rounding(self, expr: Call) -> str:
        decimals = str(expr.args[1].value) if len(expr.args) > 1 and isinstance(expr.args[1], Literal) else "0"
        return self.try_cast(f"round({self.value(expr.args[0])}, {decimals})", expr.type)

    def item(self, expr: Call) -> str:
        listed, place = (self.value(arg) for arg in expr.args)
        return self.held([listed, place], lambda held, at: f"(case when {at} >= 1 then {self.element(held, at)} end)")

    def element(self, listed: str, place: str) -> str:
        """The item of a list at a place from 1 on; NULL beyond its end."""
        return f"{listed}[{place}]"

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
            missing = " or ".join(f"{name} is null" for name in names if not constant(name))
            return f"(case when {missing} then null else {write(*names)} end)" if missing else write(*names)

        return self.held(codes, guarded)

    def function(self, name: str, expr: Call, args: list[str]) -> str:
        """A function of values that has a name in SQL."""
        pattern = self.functions.get(name)
        if pattern is None:
            raise UnknownInSql(name)
        if any(pattern.count(f"{{{at}}}") > 1 for at in range(len(args))):
            return self.held(args, pattern.format)
        return pattern.format(*args, all=", ".join(args))

    def sized(self, expr: Call) -> str:
        """`left` and `right`, which take no more than so many characters and none below one."""
        text, length = (self.value(arg) for arg in expr.args)
        return (
            f"{expr.name}({text}, {self.small(f'least(greatest({length}, 0), {PLACE_MAX})')})"
            if constant(length)
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
            [self.value(expr.args[0])], lambda text: f"(case when {self.matches(text, pattern)} then {self.read_as(text, expr.type)} end)"
        )

    def read_as(self, text: str, kind: Type) -> str:
        """A text that is known to say a number as one."""
        return self.try_cast(text, kind)

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
