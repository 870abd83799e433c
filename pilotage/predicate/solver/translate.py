"""From typed expressions to logic: values with a flag for NULL, truths as a pair of true and false, as SQL has three of them.

Everything is translated as the Python back end computes it, but for what `symbols` leaves open. A number that leaves its bounds
is an error in the product: `bounds` gathers, for each operation that can, that it does not. A text that grows too long likewise.
"""

from collections.abc import Callable, Mapping

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pilotage.predicate.clock import CLOCK, PARTS, SPANS_US
from pilotage.predicate.ir import SCALE, Call, Count, Expr, InAudience, Literal, Performed, Type, Zone
from pilotage.predicate.solver import calendar, numbers
from pilotage.predicate.solver.logic import Logic, Term
from pilotage.predicate.solver.symbols import OFFSET, Symbols, Truth, Value
from pilotage.predicate.solver.texts import Texts, constants_of, readable
from pilotage.predicate.table import PARTIAL
from pilotage.predicate.texts import TEXT_MAX

_ORDER = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_UNITS_US = {"hour": HOUR_US, "minute": MINUTE_US, "second": SECOND_US}
_OPEN = (Type.LIST, Type.MAP)


class Translator:
    """Translates the expressions of one problem. `bounds` say where nothing leaves 64 bits, `links` what ties open calls to
    their arguments, `opened` which calls were left open. `audiences` are definitions that stand for membership."""

    def __init__(self, logic: Logic, texts: Texts, symbols: Symbols, audiences: Mapping[str, Expr] | None = None) -> None:
        self.logic, self.texts, self.symbols = logic, texts, symbols
        self.audiences = audiences or {}
        self.bounds: list[Term] = []
        self.links: list[Term] = []
        self.opened: dict[Expr, tuple[Value, ...]] = {}
        self.dated: set[Expr] = set()

    def truth(self, expr: Expr) -> Truth:
        """Whether a BOOLEAN expression is true, and whether it is false."""
        if isinstance(expr, Call) and expr.name in _TRUTHS:
            return _TRUTHS[expr.name](self, expr)
        found = self.value(expr)
        known = self.logic.negated(found.null)
        return Truth(self.logic.all_of(known, found.value), self.logic.all_of(known, self.logic.negated(found.value)))

    def value(self, expr: Expr) -> Value:
        """The value of an expression of any type."""
        if not isinstance(expr, Call):
            return self.leaf(expr)
        if expr.name in _TRUTHS:
            found = _TRUTHS[expr.name](self, expr)
            return Value(found.true, self.logic.negated(self.logic.any_of(*found)))
        if expr.name in _CHOICES:
            return _CHOICES[expr.name](self, expr)
        return self.strict(expr)

    def leaf(self, expr: Expr) -> Value:
        """What is read."""
        logic = self.logic
        match expr:
            case Literal():
                return self.literal(expr)
            case Performed():
                counted = self.leaf(Count(expr.feature, expr.event, expr.window_us))
                return Value(counted.value > 0, logic.false)
            case InAudience() if expr.audience in self.audiences:
                return Value(self.truth(self.audiences[expr.audience]).true, logic.false)
        found = self.symbols.of(expr)
        return Value(found.value, found.null)

    def literal(self, expr: Literal) -> Value:
        logic, value = self.logic, expr.value
        if value is None:
            empty = {Type.BOOLEAN: logic.false, Type.STRING: self.texts.constant("")}
            return Value(empty.get(expr.type, logic.integer(0)), logic.true)
        if isinstance(value, bool):
            return Value(logic.truth(value), logic.false)
        if isinstance(value, int):
            return Value(logic.integer(value), logic.false)
        if self.texts.exact and not readable(value):
            return Value(self.symbols.of(expr).value, logic.false)
        return Value(self.texts.constant(value), logic.false)

    def strict(self, expr: Call) -> Value:
        """A call that is NULL where an argument is, and where `PARTIAL` says so otherwise too."""
        logic = self.logic
        args = tuple(self.value(arg) for arg in expr.args if not isinstance(arg, Zone))
        null = logic.any_of(*(arg.null for arg in args))
        if expr.name in ("div", "mod"):
            null = logic.any_of(null, logic.same(args[1].value, 0))
        rule = _VALUES.get(expr.name)
        found = rule(self, expr, [arg.value for arg in args]) if rule else self.within_text(expr, args)
        if found is None:
            return self.open(expr, args, null)
        self.bound(expr, found, null)
        return Value(found, null)

    def within_text(self, expr: Call, args: tuple[Value, ...]) -> Term | None:
        plain = all(arg.type not in _OPEN for arg in expr.args)
        return self.texts.applied(expr, [arg.value for arg in args]) if plain else None

    def open(self, expr: Call, args: tuple[Value, ...], null: Term) -> Value:
        """A call that logic does not look into: a symbol for its value, and for whether it is NULL by itself."""
        symbol = self.symbols.of(expr)
        self.opened[symbol.expr] = args
        return Value(symbol.value, self.logic.any_of(null, symbol.null) if expr.name in PARTIAL else null)

    def bound(self, expr: Call, found: Term, null: Term) -> None:
        logic = self.logic
        if expr.name in ("add", "sub", "mul", "neg", "div", "abs", "to_number") or (expr.name == "round" and expr.type == Type.NUMBER):
            inside = calendar.is_date(logic, found) if expr.type == Type.DATE else numbers.fits(logic, found)
            self.bounds.append(logic.any_of(null, inside))
        elif expr.name == "concat":
            self.bounds.append(logic.any_of(null, logic.length(found) <= TEXT_MAX))

    def connective(self, expr: Call) -> Truth:
        parts = [self.truth(arg) for arg in expr.args]
        trues, falses = [part.true for part in parts], [part.false for part in parts]
        if expr.name == "and":
            return Truth(self.logic.all_of(*trues), self.logic.any_of(*falses))
        return Truth(self.logic.any_of(*trues), self.logic.all_of(*falses))

    def negation(self, expr: Call) -> Truth:
        found = self.truth(expr.args[0])
        return Truth(found.false, found.true)

    def test(self, expr: Call) -> Truth:
        if expr.name == "is_null":
            holds = self.value(expr.args[0]).null
        else:
            found = self.truth(expr.args[0])
            holds = found.true if expr.name == "is_true" else found.false
        return Truth(holds, self.logic.negated(holds))

    def comparison(self, expr: Call) -> Truth:
        left, right = (self.value(arg) for arg in expr.args)
        return self.known((left, right), self.compared(expr.name, expr.args[0].type, left.value, right.value))

    def known(self, args: tuple[Value, ...], holds: Term) -> Truth:
        """What holds, or does not, where no argument is NULL."""
        known = self.logic.negated(self.logic.any_of(*(arg.null for arg in args)))
        return Truth(self.logic.all_of(known, holds), self.logic.all_of(known, self.logic.negated(holds)))

    def compared(self, name: str, kind: Type, left: Term, right: Term) -> Term:
        logic = self.logic
        match name:
            case "eq":
                return logic.same(left, right)
            case "ne":
                return logic.negated(logic.same(left, right))
            case "gt":
                return self.compared("lt", kind, right, left)
            case "ge":
                return self.compared("le", kind, right, left)
        if kind == Type.BOOLEAN:  # false is before true
            return logic.all_of(logic.negated(left), right) if name == "lt" else logic.follows(left, right)
        return left < right if name == "lt" else left <= right

    def between(self, expr: Call) -> Truth:
        operand, low, high = expr.args
        above, below = (self.comparison(Call(Type.BOOLEAN, name, (operand, end))) for name, end in (("ge", low), ("le", high)))
        return Truth(self.logic.all_of(above.true, below.true), self.logic.any_of(above.false, below.false))

    def member(self, expr: Call) -> Truth:
        operand = self.value(expr.args[0])
        listed = [self.value(arg) for arg in expr.args[1:]]
        held = [each.value for each in listed if each.null is not self.logic.true]
        found = self.known((operand,), self.logic.any_of(*(self.logic.same(operand.value, value) for value in held)))
        return found if len(held) == len(listed) else Truth(found.true, self.logic.false)

    def pattern(self, expr: Call) -> Truth:
        """`like`; `ilike` is the same of the text in small letters. A pattern that cannot be read is left open."""
        text = Call(Type.STRING, "lower", expr.args[:1]) if expr.name == "ilike" else expr.args[0]
        call = Call(expr.type, "like", (text, *(Literal(Type.STRING, constant) for constant in constants_of(expr))))
        asked = self.value(text)
        found = self.texts.applied(call, [asked.value]) if all(map(readable, constants_of(expr))) else None
        if found is None:
            symbol = self.symbols.of(call)
            self.opened[symbol.expr] = (asked,)
            found = symbol.value
        return self.known((asked,), found)

    def case(self, expr: Call) -> Value:
        logic, args = self.logic, expr.args
        found = self.value(args[-1]) if len(args) % 2 else self.literal(Literal(expr.type, None))
        for at in range(len(args) - len(args) % 2 - 2, -1, -2):
            given, then = self.truth(args[at]).true, self.value(args[at + 1])
            found = Value(logic.choose(given, then.value, found.value), logic.choose(given, then.null, found.null))
        return found

    def coalesce(self, expr: Call) -> Value:
        found = self.value(expr.args[-1])
        for arg in reversed(expr.args[:-1]):
            first = self.value(arg)
            found = Value(self.logic.choose(first.null, found.value, first.value), self.logic.all_of(first.null, found.null))
        return found

    def extreme(self, expr: Call) -> Value:
        """The least or greatest of those that are not NULL."""
        logic = self.logic
        first, *rest = (self.value(arg) for arg in expr.args)
        for other in rest:
            before = self.compared("lt" if expr.name == "least" else "gt", expr.type, other.value, first.value)
            taken = logic.any_of(first.null, logic.all_of(logic.negated(other.null), before))
            first = Value(logic.choose(taken, other.value, first.value), logic.all_of(first.null, other.null))
        return first

    def arithmetic(self, expr: Call, args: list[Term]) -> Term | None:
        logic, scaled = self.logic, expr.type == Type.NUMBER
        match expr.name:
            case "add" | "sub":
                return args[0] + args[1] if expr.name == "add" else args[0] - args[1]
            case "mul":
                return numbers.times(logic, *args) if scaled else args[0] * args[1]
            case "div":
                return numbers.divided(logic, *args)
            case "mod":
                return numbers.remainder(logic, *args)
            case "neg":
                return -args[0]
            case "to_number":
                return args[0] * SCALE
            case "abs":
                return numbers.absolute(logic, args[0])
            case "sign":
                return numbers.sign(logic, args[0])
            case "floor":
                return args[0] / SCALE
            case "ceil":
                return -(-args[0] / SCALE)
        if not scaled:  # round
            return numbers.nearest(logic, args[0], SCALE)
        unit: int = 10 ** (6 - _constant(expr.args[1]))
        return numbers.nearest(logic, args[0], unit) * unit

    def span(self, expr: Call, args: list[Term]) -> Term | None:
        return numbers.whole(self.logic, args[0], SPANS_US[expr.name])

    def wall(self, expr: Call, instant: Term) -> Term:
        """The wall time of an instant, which is a call's first argument, in the zone that is its last; clocks show no time
        outside the years 1 to 9999."""
        found = instant + self.symbols.of(Call(Type.INTERVAL, OFFSET, (expr.args[0], expr.args[-1]))).value
        self.bounds.append(self.logic.any_of(self.value(expr.args[0]).null, calendar.is_date(self.logic, found / DAY_US)))
        return found

    def civil(self, date: Expr, day: Term) -> calendar.Civil:
        """Year, month and day of a date: unknowns, tied to it wherever it is one."""
        names = ("year", "month", "day")
        found = calendar.Civil(*(self.symbols.of(Call(Type.INTEGER, name, (date,))).value for name in names))
        if date not in self.dated:
            self.dated.add(date)
            outside = self.logic.negated(calendar.is_date(self.logic, day))
            self.links.append(self.logic.any_of(self.value(date).null, outside, calendar.agrees(self.logic, found, day)))
        return found

    def clock(self, expr: Call, args: list[Term]) -> Term | None:
        zoned = isinstance(expr.args[-1], Zone)
        wall = self.wall(expr, args[0]) if zoned else args[0]
        match expr.name:
            case "local_time":
                return wall % DAY_US
            case "hour":
                return wall / HOUR_US % 24
            case "minute" | "second":
                return wall / _UNITS_US[expr.name] % 60
        day = wall / DAY_US if zoned else wall
        if not zoned:
            self.bounds.append(self.logic.any_of(self.value(expr.args[0]).null, calendar.is_date(self.logic, day)))
        if expr.name in ("date", "day_of_week"):
            return day if expr.name == "date" else calendar.weekday(day) + 1
        return calendar.part(self.logic, expr.name, day, self.civil(_date_of(expr), day))

    def truncated(self, expr: Call, args: list[Term]) -> Term | None:
        """An instant's hour begins by its own wall clock; what is longer begins at a wall time, which is left open by its offset."""
        unit, logic = str(getattr(expr.args[1], "value", "")), self.logic
        if expr.type == Type.DATE:
            return calendar.truncated(logic, args[0], self.civil(expr.args[0], args[0]), unit)
        wall = self.wall(expr, args[0])
        if unit == "hour":
            return args[0] - wall % HOUR_US
        day = wall / DAY_US
        return self.instant(expr, calendar.truncated(logic, day, self.civil(_date_of(expr), day), unit) * DAY_US)

    def timestamp(self, expr: Call, args: list[Term]) -> Term | None:
        wall = args[0] * DAY_US + args[1]
        nulls = self.logic.any_of(*(self.value(arg).null for arg in expr.args[:-1]))
        self.bounds.append(self.logic.any_of(nulls, numbers.fits(self.logic, wall)))
        return self.instant(expr, wall)

    def instant(self, expr: Call, wall: Term) -> Term:
        """The instant of a wall time: an open value, no further from the wall time than the zone's clock from UTC."""
        symbol = self.symbols.of(expr)
        found, args = symbol.value, tuple(self.value(arg) for arg in expr.args if not isinstance(arg, Zone))
        self.opened[symbol.expr] = args
        self.links.append(self.logic.any_of(*(arg.null for arg in args), self.symbols.offsets(expr, wall - found)))
        return found

    def months_later(self, expr: Call, args: list[Term]) -> Term | None:
        found, year = calendar.months_later(self.logic, self.civil(expr.args[0], args[0]), args[1])
        nulls = self.logic.any_of(*(self.value(arg).null for arg in expr.args))
        self.bounds.append(self.logic.any_of(nulls, self.logic.all_of(year >= 1, year <= 9999)))
        return found

    def years(self, expr: Call, args: list[Term]) -> Term | None:
        first, second = ((day, self.civil(arg, day)) for arg, day in zip(expr.args, args, strict=True))
        return calendar.years_between(self.logic, first, second)


def _date_of(expr: Call) -> Expr:
    """The date that a call reads a part of: that of its instant in its zone, or its argument."""
    zone = expr.args[-1]
    return Call(Type.DATE, "date", (expr.args[0], zone)) if isinstance(zone, Zone) else expr.args[0]


def _constant(expr: Expr) -> int:
    assert isinstance(expr, Literal) and isinstance(expr.value, int)
    return expr.value


_TRUTHS: dict[str, Callable[[Translator, Call], Truth]] = {
    "and": Translator.connective,
    "or": Translator.connective,
    "not": Translator.negation,
    **dict.fromkeys(("is_null", "is_true", "is_false"), Translator.test),
    **dict.fromkeys(_ORDER, Translator.comparison),
    "between": Translator.between,
    "in": Translator.member,
    "like": Translator.pattern,
    "ilike": Translator.pattern,
}
_CHOICES: dict[str, Callable[[Translator, Call], Value]] = {
    "case": Translator.case,
    "coalesce": Translator.coalesce,
    "least": Translator.extreme,
    "greatest": Translator.extreme,
}
_Rule = Callable[[Translator, Call, list[Term]], Term | None]
_VALUES: dict[str, _Rule] = {
    **dict.fromkeys(
        ("add", "sub", "mul", "div", "mod", "neg", "to_number", "abs", "sign", "floor", "ceil", "round"), Translator.arithmetic
    ),
    **dict.fromkeys(SPANS_US, Translator.span),
    **dict.fromkeys((*CLOCK, *PARTS), Translator.clock),
    "date_trunc": Translator.truncated,
    "timestamp": Translator.timestamp,
    "add_months": Translator.months_later,
    "years_between": Translator.years,
}
