"""Expressions as SQL for Spark, from version 4 on: higher-order functions hold what is used twice, `try_` functions fail softly, and
decimals round half to even by `bround`."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from pilotage.predicate.ir import Call, Field, Type
from pilotage.predicate.sql.dialects import Dialect
from pilotage.predicate.sql.printer import Printer
from pilotage.predicate.sql.values import atomic

_TRIED = {"+": "try_add", "-": "try_subtract", "*": "try_multiply"}
_MARKS = "|~^!#"


class SparkPrinter(Printer):
    """Prints expressions for Spark."""

    types: ClassVar[Mapping[Type, str]] = {
        **Printer.types,
        Type.STRING: "string",
        Type.LIST: "array<string>",
        Type.MAP: "map<string, string>",
    }
    wide: ClassVar[str] = "decimal(38, 0)"

    def text(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def held(self, codes: Sequence[str], write: Callable[..., str]) -> str:
        if all(atomic(code) for code in codes):
            return write(*codes)
        self._held += 1
        name = f"x{self._held}"
        fields = ", ".join(f"'f{at}', {code}" for at, code in enumerate(codes))
        body = write(*(f"{name}.f{at}" for at in range(len(codes))))
        return f"transform(array(named_struct({fields})), {name} -> {body})[0]"

    def inner(self, code: str) -> str:
        return code

    def fitting(self, code: str, kind: Type) -> str:
        """Sums and products are tried where they are made (`arithmetic`); what is left cannot fail."""
        return self.try_cast(code, kind)

    def arithmetic(self, expr: Call) -> str:
        sign = {"add": "+", "sub": "-", "mul": "*"}[expr.name]
        if expr.type == Type.DATE or expr.args[0].type == Type.DATE:
            return super().arithmetic(expr)
        left, right = (self.value(arg) for arg in expr.args)
        tried = f"{_TRIED[sign]}({left}, {right})"
        return self.try_cast(f"bround({tried}, 6)" if expr.type == Type.NUMBER else tried, expr.type)

    def negative(self, expr: Call) -> str:
        return self.try_cast(f"try_subtract({self.cast('0', expr.type)}, {self.value(expr.args[0])})", expr.type)

    def rounded_ratio(self, numerator: str, denominator: str) -> str:
        ratio = f"try_divide(cast({numerator} as decimal(38, 0)), cast({denominator} as decimal(38, 0)))"
        return self.try_cast(f"bround({ratio}, 0) * 0.000001", Type.NUMBER)

    def quotient(self, expr: Call) -> str:
        left, right = (self.value(arg) for arg in expr.args)
        if expr.args[0].type != Type.NUMBER:
            left, right = self.cast(left, Type.NUMBER), self.cast(right, Type.NUMBER)
        return self.try_cast(f"bround(try_divide({left}, {right}), 6)", Type.NUMBER)

    def scaled(self, code: str) -> str:
        return f"cast({code} * 1000000 as decimal(38, 0))"

    def div(self, left: str, right: str) -> str:
        return f"({left} div {right})"

    def escape(self, pattern: str, mark: str) -> str:
        return f" escape {self.text(mark or next(free for free in _MARKS if free not in pattern))}"

    def reached(self, starts: str, us: str) -> str:
        return f"size(filter({starts}, start -> start <= {us}))"

    def at(self, offsets: str, place: str) -> str:
        return f"element_at({offsets}, {place})"

    def element(self, listed: str, place: str) -> str:
        return f"get({listed}, cast(least({place}, 1000000000) - 1 as int))"

    def part(self, name: str, day: str) -> str:
        field = {"day_of_week": "dayofweek_iso", "day_of_year": "doy"}.get(name, name)
        return f"cast(extract({field} from {day}) as bigint)"

    def date_of(self, days: str) -> str:
        return f"date_add(date '1970-01-01', try_cast({days} as int))"

    def days_from(self, day: str, other: str) -> str:
        return f"cast(datediff({day}, {other}) as bigint)"

    def add_days(self, day: str, days: str) -> str:
        return f"date_add({day}, try_cast({days} as int))"

    def add_months(self, day: str, months: str) -> str:
        return f"add_months({day}, try_cast({months} as int))"

    def beginning(self, unit: str, day: str) -> str:
        return day if unit == "day" else f"trunc({day}, '{unit}')"

    def small(self, code: str) -> str:
        return f"cast({code} as int)"

    def matches(self, text: str, pattern: str) -> str:
        return f"{text} rlike {self.text(f'^(?:{pattern})' + chr(92) + 'z')}"

    def plain_number(self, expr: Call) -> str:
        return f"trim(trailing '.' from trim(trailing '0' from cast({self.value(expr.args[0])} as string)))"

    def trimmed(self, expr: Call) -> str:
        side = {"trim": "both", "ltrim": "leading", "rtrim": "trailing"}[expr.name]
        args = [self.value(arg) for arg in expr.args]
        return f"trim({side} {args[1] if len(args) > 1 else self.text(' ')} from {args[0]})"

    def function(self, name: str, expr: Call, args: list[str]) -> str:
        if name == "upper":
            return f"upper(translate({args[0]}, 'ß', 'ẞ'))"
        return super().function(name, expr, args)

    functions: ClassVar[dict[str, str]] = {
        **Printer.functions,
        "length": "cast(char_length({0}) as bigint)",
        "starts_with": "startswith({0}, {1})",
        "ends_with": "endswith({0}, {1})",
        "position": "cast(instr({0}, {1}) as bigint)",
        "text_of_integer": "cast({0} as string)",
        "text_of_boolean": "cast({0} as string)",
        "text_of_date": "cast({0} as string)",
        "abs": "(case when {0} < 0 then try_subtract(0, {0}) else {0} end)",
        "list_length": "cast(size({0}) as bigint)",
        "map_length": "cast(size({0}) as bigint)",
        "list_contains": "(case when {0} is not null and {1} is not null then coalesce(array_contains({0}, {1}), false) end)",
        "map_contains": "(case when {0} is not null and {1} is not null then try_element_at({0}, {1}) is not null end)",
        "value": "try_element_at({0}, {1})",
    }


class Spark(Dialect):
    """Spark."""

    name_of = "spark"
    printers = SparkPrinter

    def name(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def text(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def outermost(self, which: str, value: str, order: tuple[str, str], tests: Sequence[str]) -> str:
        return self.filtered(f"{'max_by' if which == 'last' else 'min_by'}({value}, struct({', '.join(order)}))", tests)

    def field(self, printer: Printer, expr: Field) -> str:
        text = self.json_text(expr.path.split("."))
        if expr.type in (Type.LIST, Type.MAP):
            return f"from_json({text}, '{printer.types[expr.type]}')"
        if expr.type == Type.NUMBER:
            return f"try_cast(bround(try_cast({text} as decimal(38, 12)), 6) as decimal(19, 6))"
        return super().field(printer, expr)

    def json_path(self, path: Sequence[str]) -> str:
        return self.text("$" + "".join(f"['{part}']" for part in path))

    def json_text(self, path: Sequence[str]) -> str:
        return f"get_json_object(data, {self.json_path(path)})"

    def instant(self, text: str) -> str:
        zoned = f"case when {text} rlike '([Zz]|[+-][0-9]{{2}}:?[0-9]{{2}})$' then {text} else concat({text}, 'Z') end"
        return f"unix_micros(try_cast({zoned} as timestamp))"
