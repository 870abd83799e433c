"""Conditions to draw: texts of the whole language over the scope of `histories`, typed by construction.

Each strategy draws an expression of one type, down to a depth. `CONDITIONS` are accepted by `parse` unless when they change by
time cannot be computed; `VALUES` by `parse_expression`.
"""

from collections.abc import Callable

from hypothesis import strategies as st

from tests.predicate.histories import WINDOWS_US

Draw = Callable[[st.SearchStrategy[str]], str]

WINDOWS = st.sampled_from([f"'{window}'" for window in WINDOWS_US])
COMPARE = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
UNITS = st.sampled_from(["'year'", "'quarter'", "'month'", "'week'", "'day'"])
INTEGERS = st.sampled_from(["0", "1", "-1", "2", "3", "7", "100", "null", "9000000000000"])
NUMBERS = st.sampled_from(["0.5", "-2.5", "1.000001", "0.0", "3", "0.333333", "null", "9000000000000.5"])
STRINGS = st.sampled_from(["'a'", "'A'", "'ab'", "''", "'é'", "'😀'", "' '", "','", "'12'", "'x_%'", "'ß'", "null", "'it''s'"])
DATES = st.sampled_from(["date '2024-02-29'", "date '2026-03-29'", "date '1970-01-01'", "date '1999-12-31'"])
TIMES = st.sampled_from(["timestamp '2026-03-29T01:30:00Z'", "timestamp '2024-02-29T12:00:00Z'", "timestamp '1970-01-01'"])
INTERVALS = st.sampled_from([f"interval '{text}'" for text in (*WINDOWS_US, "09:00", "3 days", "1 microsecond", "26h")])
OF_DAY = st.sampled_from(["", ", '02:30'", ", '09:00'", ", '00:30'"])
PATTERNS = st.text("aAbé_%x\\", max_size=4)
FILTERS = {
    "a": st.sampled_from(
        [
            "event.i > 1",
            "event.n <= 1.5",
            "event.s like 'a%'",
            "event.b",
            "not event.b and event.i is not null",
            "event.in.s = 'a'",
            "event.n / event.i > 0.3",
            "upper(event.s) in ('A', 'AB')",
            "event.i between 0 and 7 or event.n = 2.5",
            "event.n = 0.000001 or event.n = 1.000002",
        ]
    ),
    "b": st.sampled_from(
        [
            "event.n > 0",
            "event.t > '2026-03-29T01:29:59Z'",
            "event.d >= '2000-01-01'",
            "'a' in event.l",
            "event.m['x'] = 'a' or 'z z' in event.m",
            "length(event.l) = 0 or event.l[1] = '1'",
            "year(event.d) = 2024 and length(event.m) > 0",
        ]
    ),
    "c": st.just("event.type = 'c'"),
}
OF_EVENTS = st.sampled_from(["a", "b", "c"])
WORTH = {
    "integer": [("a", "'i'"), ("a", "event.i + 1"), ("a", "length(event.s)")],
    "number": [("a", "'n'"), ("b", "'n'"), ("a", "event.n * 1.5"), ("b", "event.n / 3")],
    "string": [("a", "'s'"), ("a", "'in.s'"), ("a", "event.s || 'x'"), ("b", "event.m['x']")],
    "timestamp": [("b", "'t'")],
    "date": [("b", "'d'")],
    "boolean": [("a", "'b'"), ("a", "event.i > 1")],
}


def _arguments(draw: Draw, event: str, window: bool | None = None) -> str:
    """A window and a filter, each perhaps."""
    parts = []
    if window or (window is None and draw(st.booleans())):
        parts.append(draw(WINDOWS))
    if draw(st.integers(0, 2)) == 0:
        parts.append(draw(FILTERS[event]))
    return "".join(f", {part}" for part in parts)


def _aggregate(draw: Draw, kind: str, names: tuple[str, ...] = ("min", "max", "first", "last")) -> str:
    event, worth = draw(st.sampled_from(WORTH[kind]))
    return f"{draw(st.sampled_from(names))}('{event}', {worth}{_arguments(draw, event)})"


@st.composite
def integers(draw: Draw, depth: int) -> str:
    """An INTEGER."""
    kind = draw(st.integers(0, 3 if depth <= 0 else 19))
    match int(kind):
        case 0 | 1:
            return draw(st.sampled_from(["i1", "i2"]))
        case 2:
            return draw(INTEGERS)
        case 3 | 4:
            event = draw(OF_EVENTS)
            return f"count('{event}'{_arguments(draw, event)})"
        case 5:
            return _aggregate(draw, "integer", ("sum", "min", "max", "first", "last"))
        case 6 | 7:
            return f"({draw(integers(depth - 1))} {draw(st.sampled_from(['+', '-', '*', '%']))} {draw(integers(depth - 1))})"
        case 8:
            return f"{draw(st.sampled_from(['abs', 'sign', '-']))}({draw(integers(depth - 1))})"
        case 9:
            return f"{draw(st.sampled_from(['round', 'floor', 'ceil', 'sign']))}({draw(numbers(depth - 1))})"
        case 10:
            return f"length({draw(st.sampled_from([draw(strings(depth - 1)), 'l1', 'm1']))})"
        case 11:
            return f"position({draw(strings(0))} in {draw(strings(depth - 1))})"
        case 12 | 13:
            part = draw(st.sampled_from(["hour", "minute", "second", "day", "day_of_week", "month", "year"]))
            return f"{part}({draw(timestamps(depth - 1))})"
        case 14 | 15:
            part = draw(st.sampled_from(["year", "quarter", "month", "week", "day", "day_of_week", "day_of_year"]))
            return f"extract({part} from {draw(dates(depth - 1))})"
        case 16:
            return f"{draw(st.sampled_from(['days', 'hours', 'minutes', 'seconds']))}({draw(intervals(depth - 1))})"
        case 17:
            return draw(st.sampled_from(["(d1 - d2)", "years_between(d1, d2)", "years_between(d1, today())", "integer(m1['x'])"]))
        case 18:
            return f"coalesce({draw(integers(depth - 1))}, {draw(integers(0))})"
        case _:
            return f"(case when {draw(conditions(depth - 1))} then {draw(integers(0))} else {draw(integers(0))} end)"


@st.composite
def numbers(draw: Draw, depth: int) -> str:
    """A NUMBER."""
    kind = draw(st.integers(0, 2 if depth <= 0 else 10))
    match int(kind):
        case 0 | 1:
            return draw(st.sampled_from(["n1", "n2"]))
        case 2:
            return draw(NUMBERS)
        case 3 | 4 | 5:
            return f"({draw(numbers(depth - 1))} {draw(st.sampled_from(['+', '-', '*', '/', '%']))} {draw(numbers(depth - 1))})"
        case 6:
            return f"({draw(integers(depth - 1))} / {draw(integers(depth - 1))})"
        case 7:
            return _aggregate(draw, "number", ("sum", "avg", "min", "max", "first", "last"))
        case 8:
            return f"round({draw(numbers(depth - 1))}, {draw(st.sampled_from(['0', '1', '2', '5']))})"
        case 9:
            return f"{draw(st.sampled_from(['least', 'greatest']))}({draw(numbers(depth - 1))}, {draw(integers(0))}, {draw(numbers(0))})"
        case _:
            return f"number({draw(strings(0))})"


@st.composite
def strings(draw: Draw, depth: int) -> str:
    """A STRING."""
    kind = draw(st.integers(0, 4 if depth <= 0 else 16))
    match int(kind):
        case 0 | 1:
            return draw(st.sampled_from(["s1", "s2"]))
        case 2:
            return draw(STRINGS)
        case 3:
            return draw(st.sampled_from(["l1[1]", "l1[2]", "l1[i1]", "m1['x']", "m1[s1]", "timezone"]))
        case 4 | 5:
            return draw(st.sampled_from(["stage", "l1[1]", "m1['z z']"]))
        case 6 | 7:
            return f"{draw(st.sampled_from(['lower', 'upper', 'trim', 'ltrim', 'rtrim']))}({draw(strings(depth - 1))})"
        case 8:
            return f"{draw(st.sampled_from(['trim', 'ltrim', 'rtrim']))}({draw(strings(depth - 1))}, {draw(strings(0))})"
        case 9:
            return f"({draw(strings(depth - 1))} || {draw(strings(depth - 1))})"
        case 10:
            return f"concat({draw(strings(depth - 1))}, {draw(strings(0))}, {draw(strings(0))})"
        case 11:
            length = draw(st.sampled_from(["", f", {draw(integers(0))}"]))
            return f"substring({draw(strings(depth - 1))}, {draw(integers(0))}{length})"
        case 12:
            return f"{draw(st.sampled_from(['left', 'right']))}({draw(strings(depth - 1))}, {draw(integers(0))})"
        case 13:
            return f"replace({draw(strings(depth - 1))}, {draw(strings(0))}, {draw(strings(0))})"
        case 14:
            return f"split_part({draw(strings(depth - 1))}, {draw(strings(0))}, {draw(integers(0))})"
        case 15:
            inner = draw(st.one_of(integers(depth - 1), numbers(depth - 1), dates(depth - 1), conditions(depth - 1)))
            return f"text({inner})"
        case _:
            return _aggregate(draw, "string")


@st.composite
def dates(draw: Draw, depth: int) -> str:
    """A DATE."""
    kind = draw(st.integers(0, 3 if depth <= 0 else 9))
    match int(kind):
        case 0 | 1:
            return draw(st.sampled_from(["d1", "d2"]))
        case 2:
            return draw(DATES)
        case 3:
            return "today()"
        case 4 | 5:
            return f"date({draw(timestamps(depth - 1))})"
        case 6:
            return f"({draw(dates(depth - 1))} {draw(st.sampled_from(['+', '-']))} {draw(integers(0))})"
        case 7:
            return f"add_months({draw(dates(depth - 1))}, {draw(integers(0))})"
        case 8:
            return f"date_trunc({draw(UNITS)}, {draw(dates(depth - 1))})"
        case _:
            return _aggregate(draw, "date")


@st.composite
def timestamps(draw: Draw, depth: int) -> str:
    """A TIMESTAMP."""
    kind = draw(st.integers(0, 3 if depth <= 0 else 10))
    match int(kind):
        case 0 | 1:
            return draw(st.sampled_from(["t1", "t2"]))
        case 2:
            return draw(TIMES)
        case 3 | 4:
            return "now()"
        case 5 | 6:
            return f"({draw(timestamps(depth - 1))} {draw(st.sampled_from(['+', '-']))} {draw(intervals(0))})"
        case 7:
            return f"date_trunc({draw(st.one_of(UNITS, st.just(chr(39) + 'hour' + chr(39))))}, {draw(timestamps(depth - 1))})"
        case 8:
            return f"timestamp({draw(dates(depth - 1))}{draw(OF_DAY)})"
        case 9:
            return f"greatest({draw(timestamps(0))}, t2)"
        case _:
            return _aggregate(draw, "timestamp")


@st.composite
def intervals(draw: Draw, depth: int) -> str:
    """An INTERVAL."""
    kind = draw(st.integers(0, 2 if depth <= 0 else 7))
    match int(kind):
        case 0 | 1:
            return draw(INTERVALS)
        case 2:
            event = draw(OF_EVENTS)
            where = draw(st.sampled_from(["", f", {draw(FILTERS[event])}"]))
            return f"since_last('{event}'{where})"
        case 3 | 4:
            return f"({draw(timestamps(depth - 1))} - {draw(timestamps(depth - 1))})"
        case 5:
            return f"({draw(intervals(depth - 1))} {draw(st.sampled_from(['+', '-']))} {draw(intervals(0))})"
        case 6:
            return f"local_time({draw(timestamps(depth - 1))})"
        case _:
            return f"({draw(INTERVALS)} * {draw(integers(0))})"


def _compared(draw: Draw, of: Callable[[int], st.SearchStrategy[str]], depth: int) -> str:
    kind = draw(st.integers(0, 5))
    negated = draw(st.sampled_from(["", "", "not "]))
    if int(kind) == 0:
        return f"({draw(of(depth))} {negated}between {draw(of(depth - 1))} and {draw(of(0))})"
    return f"({draw(of(depth))} {draw(COMPARE)} {draw(of(depth if int(kind) == 1 else 0))})"


LISTED = {
    0: st.lists(st.sampled_from(["0", "1", "-2", "7", "null"]), min_size=1, max_size=3),
    1: st.lists(STRINGS, min_size=1, max_size=3),
}


@st.composite
def conditions(draw: Draw, depth: int) -> str:
    """A BOOLEAN."""
    kind = draw(st.integers(0, 5 if depth <= 0 else 29))
    negated = draw(st.sampled_from(["", "", "not "]))
    match int(kind):
        case 26 | 27:
            event = draw(OF_EVENTS)
            return f"(count('{event}'{_arguments(draw, event, window=True)}) {draw(COMPARE)} {draw(st.integers(0, 4))})"
        case 28:
            return f"(since_last('{draw(OF_EVENTS)}') {draw(COMPARE)} {draw(WINDOWS)})"
        case 29:
            return f"({_aggregate(draw, 'integer', ('sum', 'min', 'max', 'first', 'last'))} {draw(COMPARE)} {draw(st.integers(-1, 8))})"
        case 0 | 1:
            return draw(st.sampled_from(["b1", "b2", "true", "false", "null"]))
        case 2:
            event = draw(OF_EVENTS)
            return f"performed('{event}'{_arguments(draw, event)})"
        case 3:
            return draw(
                st.sampled_from(
                    [
                        "consent('news', 'email')",
                        "consent('news', 'sms')",
                        "in_audience('vips')",
                        "in_audience('new')",
                        "in_journey('j1')",
                        "entered('j1')",
                        "entered('j2', '1d')",
                        "entered('j1', '1h')",
                    ]
                )
            )
        case 4 | 5:
            first, then = draw(OF_EVENTS), draw(OF_EVENTS)
            within, window = draw(
                st.sampled_from([("'1ms'", ""), ("'1h'", ", '1d'"), ("'1d'", ", '7d'"), ("'1d'", ""), ("'10s'", ", '1h'")])
            )
            return f"sequence('{first}', '{then}', {within}{window})"
        case 6 | 7 | 8:
            return _compared(draw, integers, depth - 1)
        case 9 | 10:
            return _compared(draw, numbers, depth - 1)
        case 11:
            return _compared(draw, strings, depth - 1)
        case 12:
            return _compared(draw, dates, depth - 1)
        case 13 | 14:
            return _compared(draw, timestamps, depth - 1)
        case 15 | 16:
            return _compared(draw, intervals, depth - 1)
        case 17:
            return f"({draw(integers(depth - 1))} {negated}in ({', '.join(draw(LISTED[0]))}))"
        case 18:
            return f"({draw(strings(depth - 1))} {negated}in ({', '.join(draw(LISTED[1]))}))"
        case 19:
            pattern = draw(PATTERNS)
            return f"({draw(strings(depth - 1))} {negated}{draw(st.sampled_from(['like', 'ilike']))} '{pattern}')"
        case 20:
            return f"({draw(strings(depth - 1))} in {draw(st.sampled_from(['l1', 'm1']))})"
        case 21:
            return f"{draw(st.sampled_from(['starts_with', 'ends_with', 'contains']))}({draw(strings(depth - 1))}, {draw(strings(0))})"
        case 22 | 23:
            return f"({draw(conditions(depth - 1))} {draw(st.sampled_from(['and', 'or']))} {draw(conditions(depth - 1))})"
        case 24:
            tested = draw(st.one_of(conditions(depth - 1), strings(0), timestamps(0)))
            return f"({tested} is {negated}null)" if negated else f"(not {draw(conditions(depth - 1))})"
        case _:
            return f"({draw(conditions(depth - 1))} is {negated}{draw(st.sampled_from(['true', 'false', 'null']))})"


CONDITIONS = conditions(3)
"""Conditions of the whole language."""

VALUES = st.one_of(integers(3), numbers(3), strings(3), dates(3), timestamps(3), intervals(3))
"""Values of every type."""
