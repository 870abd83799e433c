"""Expressions as SQL for PostgreSQL, from version 17 on: no conversions that fail softly, so results are looked at before they are
converted; maps are jsonb; strings are compared by code point whatever the database's collation."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from pilotage.predicate.ir import Call, Expr, Field, Literal, Type
from pilotage.predicate.sql.dialects import Dialect
from pilotage.predicate.sql.printer import Printer
from pilotage.predicate.sql.values import atomic
from pilotage.predicate.texts import PLACE_MAX

_COLLATED = ' collate "C"'
_LEAST, _MOST = "(-9223372036854775807 - 1)", "9223372036854775807"


class PostgresPrinter(Printer):
    """Prints expressions for PostgreSQL."""

    types: ClassVar[Mapping[Type, str]] = {
        **Printer.types,
        Type.NUMBER: "numeric(19, 6)",
        Type.STRING: "text",
        Type.LIST: "text[]",
        Type.MAP: "jsonb",
    }
    wide: ClassVar[str] = "numeric"

    def held(self, codes: Sequence[str], write: Callable[..., str]) -> str:
        if all(atomic(code) for code in codes):
            return write(*codes)
        self._held += 1
        name = f"x{self._held}"
        fields = ", ".join(f"{code} as f{at}" for at, code in enumerate(codes))
        return f"(select {write(*(f'{name}.f{at}' for at in range(len(codes))))} from (select {fields}) as {name})"

    def try_cast(self, code: str, kind: Type) -> str:
        if kind == Type.NUMBER:
            return self.held(
                [code], lambda found: f"(case when {found} between -9999999999999 and 9999999999999 then {self.cast(found, kind)} end)"
            )
        if kind in (Type.INTEGER, Type.TIMESTAMP, Type.INTERVAL):
            return self.held([code], lambda found: f"(case when {found} between {_LEAST} and {_MOST} then {self.cast(found, kind)} end)")
        return self.cast(code, kind)

    def inner(self, code: str) -> str:
        return code

    def fitting(self, code: str, kind: Type) -> str:
        return self.try_cast(code, kind)

    def widened(self, code: str) -> str:
        return f"cast({code} as numeric)"

    def millionths(self, code: str) -> str:
        return f"{code} * 0.000001"

    def div(self, left: str, right: str) -> str:
        return f"div({left}, {right})"

    def ordered(self, expr: Expr) -> str:
        return f"({self.value(expr)}{_COLLATED})" if expr.type == Type.STRING else self.value(expr)

    def escape(self, pattern: str, mark: str) -> str:
        return f" escape {self.text(mark)}"

    def wall(self, instant: Expr, zone: Expr) -> str:
        return f"cast({super().wall(instant, zone)} as numeric)"

    def reached(self, starts: str, us: str) -> str:
        return f"width_bucket(cast({us} as bigint), {starts})"

    def at(self, offsets: str, place: str) -> str:
        return f"({offsets})[{place}]"

    def element(self, listed: str, place: str) -> str:
        return f"({listed})[least({place}, {PLACE_MAX})]"

    def date_of(self, days: str) -> str:
        return self.held(
            [days], lambda n: f"(case when {n} between -1000000 and 3000000 then date '1970-01-01' + cast({n} as integer) end)"
        )

    def add_days(self, day: str, days: str) -> str:
        return self.date_of(f"cast({self.days_from(day, self.literal(Literal(Type.DATE, 0)))} as numeric) + ({days})")

    def add_months(self, day: str, months: str) -> str:
        def later(held: str, n: str) -> str:
            month = f"extract(year from {held}) * 12 + extract(month from {held}) + {n}"
            span = f"make_interval(months => cast(greatest(least({n}, 200000), -200000) as integer))"
            return f"(case when {month} between 1 and 200000 then cast({held} + {span} as date) end)"

        return self.held([day, months], later)

    def part(self, name: str, day: str) -> str:
        field = {"day_of_week": "isodow", "day_of_year": "doy"}.get(name, name)
        return self.cast(f"extract({field} from {day})", Type.INTEGER)

    def beginning(self, unit: str, day: str) -> str:
        return f"cast(date_trunc('{unit}', cast({day} as timestamp)) as date)"

    def small(self, code: str) -> str:
        return f"cast({code} as integer)"

    def matches(self, text: str, pattern: str) -> str:
        return f"{text} ~ {self.text(f'^({pattern})$')}"

    def read_as(self, text: str, kind: Type) -> str:
        return self.cast(f"cast({text} as text)", kind)

    def plain_number(self, expr: Call) -> str:
        return f"cast(trim_scale({self.value(expr.args[0])}) as text)"

    def trimmed(self, expr: Call) -> str:
        name = "btrim" if expr.name == "trim" else expr.name
        args = [self.value(arg) for arg in expr.args]
        return f"{name}({args[0]}, {args[1] if len(args) > 1 else self.text(' ')})"

    def function(self, name: str, expr: Call, args: list[str]) -> str:
        if name in ("least", "greatest") and expr.type == Type.STRING:
            args = [f"{arg}{_COLLATED}" for arg in args]
        if name in ("lower", "upper"):
            first = f"translate({args[0]}, 'ß', 'ẞ')" if name == "upper" else args[0]
            return f'{name}(cast({first} as text) collate "pg_c_utf8")'
        if name == "abs":
            return self.fitting(f"abs({self.widened(args[0])})", expr.type)
        return super().function(name, expr, args)

    functions: ClassVar[dict[str, str]] = {
        **Printer.functions,
        "length": "cast(char_length({0}) as bigint)",
        "ends_with": "(right({0}, char_length({1})) = {1})",
        "contains": "(strpos({0}, {1}) > 0)",
        "position": "cast(strpos({0}, {1}) as bigint)",
        "text_of_integer": "cast({0} as text)",
        "text_of_boolean": "cast({0} as text)",
        "text_of_date": "to_char({0}, 'YYYY-MM-DD')",
        "sign": "cast(sign(cast({0} as numeric)) as bigint)",
        "floor": "cast(floor({0}) as bigint)",
        "ceil": "cast(ceil({0}) as bigint)",
        "list_length": "cast(cardinality({0}) as bigint)",
        "map_length": "(case when {0} is not null then (select count(*) from jsonb_object_keys({0})) end)",
        "list_contains": "(case when {0} is not null and {1} is not null then coalesce({1} = any(array_remove({0}, null)), false) end)",
        "map_contains": "(case when {0} is not null and {1} is not null then ({0} ->> {1}) is not null end)",
        "value": "({0} ->> {1})",
    }


class Postgres(Dialect):
    """PostgreSQL."""

    name_of = "postgres"
    printers = PostgresPrinter

    def extreme(self, name: str, value: str, kind: Type) -> str:
        if kind == Type.BOOLEAN:
            return f"{'bool_and' if name == 'min' else 'bool_or'}({value})"
        return f"{name}({value}{_COLLATED if kind == Type.STRING else ''})"

    def outermost(self, which: str, value: str, order: tuple[str, str], tests: Sequence[str]) -> str:
        way = " desc" if which == "last" else ""
        columns = ", ".join(f"{column}{_COLLATED if column == 'journey' else ''}{way}" for column in order)
        return f"({self.filtered(f'array_agg({value} order by {columns})', tests)})[1]"

    def field(self, printer: Printer, expr: Field) -> str:
        path = expr.path.split(".")
        if expr.type == Type.LIST:
            items = "select array_agg(item order by place) from jsonb_array_elements_text({}) with ordinality as items(item, place)"
            held = printer.held(
                [self.json(path)],
                lambda found: f"(case jsonb_typeof({found}) when 'array' then coalesce(({items.format(found)}), '{{}}') end)",
            )
            return held
        if expr.type == Type.MAP:
            return printer.held([self.json(path)], lambda found: f"(case jsonb_typeof({found}) when 'object' then {found} end)")
        if expr.type == Type.NUMBER:
            return printer.held([f"cast({self.json_text(path)} as numeric)"], self.half_even)
        if expr.type == Type.INTEGER:
            return printer.try_cast(f"cast({self.json_text(path)} as numeric)", expr.type)
        return super().field(printer, expr)

    def half_even(self, value: str) -> str:
        near = f"round({value}, 6)"
        tie = f"abs({value} - {near}) = 0.0000005 and ({near} * 1000000) % 2 <> 0"
        held = f"case when {tie} then {near} - sign({value}) * 0.000001 else {near} end"
        return f"(case when abs({value}) < 9999999999999 then cast({held} as numeric(19, 6)) end)"

    def json_text(self, path: Sequence[str]) -> str:
        return f"(cast(data as jsonb) #>> {self.path(path)})"

    def json(self, path: Sequence[str]) -> str:
        return f"(cast(data as jsonb) #> {self.path(path)})"

    def path(self, path: Sequence[str]) -> str:
        """A path as an array of names."""
        return f"array[{', '.join(self.text(part) for part in path)}]"

    def instant(self, text: str) -> str:
        zoned = f"case when {text} ~ '([Zz]|[+-][0-9]{{2}}:?[0-9]{{2}})$' then {text} else {text} || 'Z' end"
        return f"cast(extract(epoch from cast({zoned} as timestamptz)) * 1000000 as bigint)"
