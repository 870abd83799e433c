"""What differs between the engines that run conditions: names, aggregates with a filter, fields of JSON, and their printers."""

from collections.abc import Callable, Sequence

from pilotage.predicate.ir import Field, Type
from pilotage.predicate.sql.printer import Printer
from pilotage.predicate.sql.values import Source


class Dialect:
    """DuckDB, and what others share with it."""

    name_of = "duckdb"
    printers: Callable[[Source], Printer] = Printer

    def printer(self, source: Source) -> Printer:
        """A printer of expressions over a source."""
        return type(self).printers(source)

    def name(self, name: str) -> str:
        """The name of a column."""
        return '"' + name.replace('"', '""') + '"'

    def text(self, value: str) -> str:
        """A string constant."""
        return "'" + value.replace("'", "''") + "'"

    def filtered(self, aggregate: str, tests: Sequence[str]) -> str:
        """An aggregate over the rows that pass the tests."""
        return f"{aggregate} filter (where {' and '.join(tests)})" if tests else aggregate

    def extreme(self, name: str, value: str, kind: Type) -> str:
        """The least or greatest value; strings by code point."""
        return f"{name}({value})"

    def outermost(self, which: str, value: str, order: tuple[str, str], tests: Sequence[str]) -> str:
        """The value of the `first` or `last` row by two columns, among those that pass the tests."""
        name = "arg_max" if which == "last" else "arg_min"
        return self.filtered(f"{name}({value}, row({', '.join(order)}))", tests)

    def field(self, printer: Printer, expr: Field) -> str:
        """A field of the counted event's JSON, as its type."""
        text = self.json_text(expr.path.split("."))
        match expr.type:
            case Type.STRING:
                return text
            case Type.NUMBER:
                exact = printer.held([f"try_cast({text} as decimal(38, 12))"], self.half_even)
                short = f"(strpos({text}, '.') = 0 or length({text}) - strpos({text}, '.') <= 6)"
                plain = f"{short} and strpos({text}, 'e') = 0 and strpos({text}, 'E') = 0"
                # Nearly all numbers have at most six decimals; looking first is four times as fast as rounding all of them.
                return f"(case when {plain} then {printer.try_cast(text, Type.NUMBER)} else {exact} end)"
            case Type.TIMESTAMP:
                return self.instant(text)
            case Type.LIST | Type.MAP:
                return f"try_cast({self.json(expr.path.split('.'))} as {printer.types[expr.type]})"
            case _:
                return printer.try_cast(text, expr.type)

    def half_even(self, value: str) -> str:
        """A decimal of twelve places as a NUMBER, a tie to the even neighbour."""
        near = f"cast({value} as decimal(32, 6))"
        tie = f"abs({value} - {near}) = 0.0000005 and ({near} * 1000000) % 2 <> 0"
        return f"try_cast(case when {tie} then {near} - sign({value}) * 0.000001 else {near} end as decimal(19, 6))"

    def json_path(self, path: Sequence[str]) -> str:
        """A JSON path with every name quoted."""
        return self.text("$" + "".join('."' + part.replace('"', '\\"') + '"' for part in path))

    def json_text(self, path: Sequence[str]) -> str:
        """The text of a single value in the event's JSON; NULL where there is none."""
        return f"json_extract_string(data, {self.json_path(path)})"

    def json(self, path: Sequence[str]) -> str:
        """An array or object in the event's JSON."""
        return f"json_extract(data, {self.json_path(path)})"

    def instant(self, text: str) -> str:
        """The microseconds of a timestamp's text; one without a zone is UTC."""
        zoned = f"case when regexp_matches({text}, '([Zz]|[+-][0-9]{{2}}:?[0-9]{{2}})$') then {text} else {text} || 'Z' end"
        return f"epoch_us(try_cast({zoned} as timestamptz))"
