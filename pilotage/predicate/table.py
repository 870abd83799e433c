"""The one table of functions: name, signature, types, meaning and example of everything a condition can call.

The typer takes from it what a function accepts, errors show its signatures, the reference page and the completion data of
editors are made from it. A function of values is an operator of the typed form by way of its overloads; the field's terms
(`count`, `consent`, …) have none and are built by hand (`functions`).
"""

from pilotage.predicate.ir import Type
from pilotage.predicate.signature import Function, Overload

B, I, N, S = Type.BOOLEAN, Type.INTEGER, Type.NUMBER, Type.STRING  # noqa: E741 - a table reads best in one letter
T, D, V, L, M = Type.TIMESTAMP, Type.DATE, Type.INTERVAL, Type.LIST, Type.MAP


def _windowed(name: str, result: str, meaning: str, example: str) -> Function:
    signatures = tuple(f"{name}('event.type', 'field'{rest})" for rest in ("", ", '30d'", ", '30d', event.field > 1"))
    return Function(name, "events", signatures, result, meaning, example)


def _clock(name: str, meaning: str, example: str, *, of_dates: bool = True) -> Function:
    overloads = (Overload((T,), I, name, zoned=True), *((Overload((D,), I, name),) if of_dates else ()))
    signatures = (f"{name}(timestamp)", f"{name}(date)") if of_dates else (f"{name}(timestamp)",)
    return Function(name, "time", signatures, "integer", meaning, example, overloads)


def _spans(name: str, unit: str) -> Function:
    meaning = f"How many whole {name} an interval holds, rounded towards zero"
    return Function(name, "time", (f"{name}(interval)",), "integer", meaning, f"{name}({unit}) > 3", (Overload((V,), I, name),))


def _of_text(name: str, meaning: str, example: str, *, more: bool = False) -> Function:
    signatures = (f"{name}(text)", f"{name}(text, characters)") if more else (f"{name}(text)",)
    takes = (S, S) if more else (S,)
    return Function(name, "text", signatures, "string", meaning, example, (Overload(takes, S, name, optional=int(more)),))


def _test(name: str, meaning: str, example: str) -> Function:
    return Function(name, "text", (f"{name}(text, part)",), "boolean", meaning, example, (Overload((S, S), B, name),))


_EVENTS = (
    Function(
        "count",
        "events",
        ("count('event.type')", "count('event.type', '30d')", "count('event.type', '30d', event.field > 1)"),
        "integer",
        "How many such events occurred in the window; without a window: ever",
        "count('order.placed', '30d', event.total > 50) > 1",
    ),
    _windowed(
        "sum",
        "integer or number",
        "What a field of the events adds up to; NULL if no event has it",
        "sum('order.placed', 'total', '90d') >= 500",
    ),
    _windowed("min", "as the field", "The least value of the field; NULL if no event has it", "min('order.placed', 'total') < 10"),
    _windowed("max", "as the field", "The greatest value of the field; NULL if no event has it", "max('order.placed', 'items', '1d') > 3"),
    _windowed(
        "avg", "number", "The mean of the field, to six decimals; NULL if no event has it", "avg('order.placed', 'total', '365d') > 40.5"
    ),
    _windowed(
        "first",
        "as the field",
        "The value of the first event that has the field; NULL if none has",
        "first('order.placed', 'shipping.country') = 'DE'",
    ),
    _windowed(
        "last",
        "as the field",
        "The value of the last event that has the field; NULL if none has",
        "last('order.placed', 'total', '30d') > 100",
    ),
    Function(
        "performed",
        "events",
        ("performed('event.type')", "performed('event.type', '7d')", "performed('event.type', '7d', event.field > 1)"),
        "boolean",
        "Whether at least one such event occurred in the window; without a window: ever",
        "performed('order.placed', '7d', event.items > 1)",
    ),
    Function(
        "sequence",
        "events",
        ("sequence('first.type', 'then.type', '1d')", "sequence('first.type', 'then.type', '1d', '30d')"),
        "boolean",
        "Whether an event of the first type was followed by one of the second, later by at most the first duration; with a "
        "second duration both must lie in that window",
        "sequence('cart.added', 'order.placed', '1d', '30d')",
    ),
    Function(
        "since_last",
        "events",
        ("since_last('event.type')", "since_last('event.type', event.field > 1)"),
        "interval",
        "How long ago the last such event occurred; NULL if there was none",
        "since_last('app.opened') > '7d'",
    ),
)
_CUSTOMER = (
    Function(
        "consent",
        "customer",
        ("consent('purpose', 'channel')",),
        "boolean",
        "Whether the purpose is granted on the channel; never NULL: no word means no",
        "consent('marketing.cart', 'email')",
    ),
    Function(
        "in_audience",
        "customer",
        ("in_audience('name')",),
        "boolean",
        "Whether the customer is in an audience; never NULL",
        "in_audience('vips')",
    ),
    Function(
        "in_journey",
        "customer",
        ("in_journey('name')",),
        "boolean",
        "Whether the customer is on the way through a journey; never NULL, and false for those held out of it",
        "not in_journey('growth.recovery.cart')",
    ),
    Function(
        "entered",
        "customer",
        ("entered('journey')", "entered('journey', '30d')"),
        "boolean",
        "Whether the customer last entered a journey in the window; without a window: ever. Never NULL",
        "entered('growth.recovery.cart', '30d')",
    ),
    Function(
        "stage",
        "customer",
        ("stage()",),
        "string",
        "The stage of the journey that the customer entered last of those under way; NULL if there is none. Written `stage` where "
        "no attribute has that name",
        "stage() = 'growth'",
    ),
)
_TIME = (
    Function("now", "time", ("now()",), "timestamp", "The instant at which the condition is asked", "last_login < now() - '30d'"),
    Function("today", "time", ("today()",), "date", "The date on the customer's calendar", "born = today()"),
    Function(
        "date",
        "time",
        ("date(timestamp)",),
        "date",
        "The date of an instant on the customer's calendar",
        "date(last_login) = today()",
        (Overload((T,), D, "date", zoned=True),),
    ),
    Function(
        "timestamp",
        "time",
        ("timestamp(date)", "timestamp(date, '09:00')"),
        "timestamp",
        "The instant of a date's midnight, or of a time of day, on the customer's clock; a time that a clock change skips is as much "
        "later, of one that it repeats it is the first",
        "now() > timestamp(born, '09:00')",
    ),
    Function(
        "local_time",
        "time",
        ("local_time(timestamp)",),
        "interval",
        "What the customer's clock shows at an instant, as time since midnight by that clock",
        "local_time(now()) between '09:00' and '17:30'",
        (Overload((T,), V, "local_time", zoned=True),),
    ),
    Function(
        "date_trunc",
        "time",
        ("date_trunc('month', timestamp)", "date_trunc('month', date)"),
        "as the argument",
        "The beginning of the year, quarter, month, week (Monday), day or hour (not of a date), on the customer's calendar",
        "date_trunc('month', last_login) = date_trunc('month', now())",
    ),
    Function(
        "extract",
        "time",
        ("extract(hour from timestamp)",),
        "integer",
        "The same as the function called after the part: `extract(month from born)` is `month(born)`",
        "extract(month from born) = 5",
    ),
    _clock("year", "The year on the customer's calendar", "year(born) < 2000"),
    _clock("quarter", "The quarter, 1 to 4", "quarter(today()) = 4"),
    _clock("month", "The month, 1 to 12", "month(born) = month(today())"),
    _clock("week", "The week of the year after ISO 8601, 1 to 53", "week(today()) = 1"),
    _clock("day", "The day of the month, 1 to 31", "day(today()) <= 7"),
    _clock("day_of_week", "The day of the week after ISO 8601, 1 for Monday to 7 for Sunday", "day_of_week(now()) in (6, 7)"),
    _clock("day_of_year", "The day of the year, 1 to 366", "day_of_year(born) = 366"),
    _clock("hour", "The hour of the customer's clock, 0 to 23", "hour(now()) < 12", of_dates=False),
    _clock("minute", "The minute of the customer's clock, 0 to 59", "minute(last_login) = 0", of_dates=False),
    _clock("second", "The second of the customer's clock, 0 to 59", "second(last_login) = 30", of_dates=False),
    Function(
        "add_months",
        "time",
        ("add_months(date, 3)",),
        "date",
        "The same day so many months later; the last day of the month where it has no such day",
        "add_months(born, 216) <= today()",
        (Overload((D, I), D, "add_months"),),
    ),
    Function(
        "years_between",
        "time",
        ("years_between(date, date)",),
        "integer",
        "How many full years have passed from the first date to the second; who is born on 29 February is a year older on 1 March",
        "years_between(born, today()) >= 18",
        (Overload((D, D), I, "years_between"),),
    ),
    _spans("days", "since_last('app.opened')"),
    _spans("hours", "now() - last_login"),
    _spans("minutes", "now() - last_login"),
    _spans("seconds", "now() - last_login"),
)
_TEXT = (
    _of_text("lower", "Small letters, letter by letter: one whose small form is several stays", "lower(country) = 'de'"),
    _of_text("upper", "Capital letters, letter by letter: one whose capital form is several stays", "upper(country) = 'DE'"),
    Function(
        "length",
        "text",
        ("length(text)", "length(list)", "length(map)"),
        "integer",
        "How many characters a text, or items a list or map has",
        "length(tier) < 10",
        (Overload((S,), I, "length"), Overload((L,), I, "list_length"), Overload((M,), I, "map_length")),
    ),
    _of_text("trim", "Without the spaces, or those characters, at both ends", "trim(tier) = 'gold'", more=True),
    _of_text("ltrim", "Without the spaces, or those characters, at the beginning", "ltrim(tier, '-') = 'gold'", more=True),
    _of_text("rtrim", "Without the spaces, or those characters, at the end", "rtrim(tier, '.!') = 'gold'", more=True),
    Function(
        "substring",
        "text",
        ("substring(text, 2)", "substring(text, 2, 3)"),
        "string",
        "The characters from a place on, the first being 1, and at most so many",
        "substring(email, 1, 5) = 'sales'",
        (Overload((S, I, I), S, "substring", optional=1),),
    ),
    Function(
        "left", "text", ("left(text, 3)",), "string", "The first characters", "left(country, 1) = 'D'", (Overload((S, I), S, "left"),)
    ),
    Function(
        "right", "text", ("right(text, 3)",), "string", "The last characters", "right(email, 3) = '.de'", (Overload((S, I), S, "right"),)
    ),
    Function(
        "concat",
        "text",
        ("concat(text, text, …)",),
        "string",
        "The texts joined; NULL counts as nothing (`||` gives NULL)",
        "concat(tier, '-', country) = 'gold-DE'",
    ),
    Function(
        "replace",
        "text",
        ("replace(text, part, other)",),
        "string",
        "The text with each such part replaced",
        "replace(email, '@', '') = 'ab.de'",
        (Overload((S, S, S), S, "replace"),),
    ),
    Function(
        "split_part",
        "text",
        ("split_part(text, '@', 2)",),
        "string",
        "The piece at a place, the first being 1, between separators; empty if there is none",
        "split_part(email, '@', 2) = 'example.com'",
        (Overload((S, S, I), S, "split_part"),),
    ),
    _test("starts_with", "Whether the text begins with the part", "starts_with(email, 'info@')"),
    _test("ends_with", "Whether the text ends with the part", "ends_with(email, '.de')"),
    Function(
        "contains",
        "text",
        ("contains(text, part)", "contains(list, item)"),
        "boolean",
        "Whether the text has the part, or the list the item",
        "contains(email, '@')",
        (Overload((S, S), B, "contains"), Overload((L, S), B, "list_contains")),
    ),
    Function(
        "position",
        "text",
        ("position(part in text)",),
        "integer",
        "The place of the part's first character, the first being 1; 0 if it is not there",
        "position('@' in email) > 1",
    ),
    Function(
        "text",
        "text",
        ("text(value)",),
        "string",
        "An integer, number, boolean or date as text: `42`, `12.5`, `true`, `2026-01-31`",
        "text(age) = '42'",
        tuple(Overload((kind,), S, f"text_of_{kind}") for kind in (I, N, B, D)),
    ),
)
_NUMBERS = (
    Function(
        "abs",
        "numbers",
        ("abs(number)",),
        "as the argument",
        "The number without its sign",
        "abs(balance) < 5",
        (Overload((I,), I, "abs"), Overload((N,), N, "abs")),
    ),
    Function(
        "sign",
        "numbers",
        ("sign(number)",),
        "integer",
        "−1, 0 or 1",
        "sign(balance) = -1",
        (Overload((I,), I, "sign"), Overload((N,), I, "sign")),
    ),
    Function(
        "round",
        "numbers",
        ("round(number)", "round(number, 2)"),
        "integer, or number where decimals are asked for",
        "To the nearest whole number, or to as many decimals, 0 to 6; a half is rounded away from zero",
        "round(balance, 1) = 12.5",
    ),
    Function(
        "floor",
        "numbers",
        ("floor(number)",),
        "integer",
        "The next whole number below",
        "floor(balance) = 12",
        (Overload((I,), I, "identity"), Overload((N,), I, "floor")),
    ),
    Function(
        "ceil",
        "numbers",
        ("ceil(number)",),
        "integer",
        "The next whole number above",
        "ceil(balance) = 13",
        (Overload((I,), I, "identity"), Overload((N,), I, "ceil")),
    ),
    Function(
        "integer",
        "numbers",
        ("integer(text)",),
        "integer",
        "The whole number that a text says, of at most 18 digits; NULL if it says none",
        "integer(traits['visits']) > 3",
        (Overload((S,), I, "integer"),),
    ),
    Function(
        "number",
        "numbers",
        ("number(text)", "number(integer)"),
        "number",
        "The number that a text says, with at most 12 digits before the point and 6 behind it; NULL if it says none",
        "number(traits['score']) > 0.5",
        (Overload((S,), N, "number"), Overload((N,), N, "identity")),
    ),
)
_LISTS = (
    Function(
        "in",
        "lists",
        ("'item' in list", "'key' in map"),
        "boolean",
        "Whether a list has the item, or a map the key; NULL if the list or the item is NULL",
        "'vip' in tags",
    ),
    Function(
        "[ ]",
        "lists",
        ("list[1]", "map['key']"),
        "string",
        "The item at a place, the first being 1, or the value of a key; NULL if there is none",
        "traits['plan'] = 'pro'",
    ),
)
_CHOICE = (
    Function(
        "coalesce", "choice", ("coalesce(a, b, …)",), "as the arguments", "The first that is not NULL", "coalesce(tier, 'none') = 'none'"
    ),
    Function("least", "choice", ("least(a, b, …)",), "as the arguments", "The least of those that are not NULL", "least(age, 100) > 17"),
    Function(
        "greatest",
        "choice",
        ("greatest(a, b, …)",),
        "as the arguments",
        "The greatest of those that are not NULL",
        "greatest(balance, 0) = 0",
    ),
)
FUNCTIONS: dict[str, Function] = {
    function.name: function for function in (*_EVENTS, *_CUSTOMER, *_TIME, *_TEXT, *_NUMBERS, *_LISTS, *_CHOICE)
}
"""Every function by its name, in the order of the reference."""

UNITS = ("year", "quarter", "month", "week", "day", "hour")
"""What `date_trunc` cuts to; of a date all but the last."""

WALL = frozenset((*(name for name, f in FUNCTIONS.items() for o in f.overloads if o.zoned), "date_trunc"))
"""The operators that read the wall clock of an instant (their first argument), with a `Zone` as their last."""

PARTIAL = frozenset({"div", "mod", "integer", "number", "item", "value"})
"""The strict operators that can be NULL though no argument is."""
