"""Many conditions about many subjects in one query: what they read is aggregated once by subject and joined.

Each event type is scanned once, whatever counts it: every window, filter and value over it is an aggregate of one `group by`.
An event counts iff it was received by the instant asked for, and now − window < occurred ≤ now; so the answer is what the live
evaluation would have said at that instant. No row of a subject runs a query of its own.
"""

from collections.abc import Mapping

from pilotage.predicate.grants import ANY_CHANNEL
from pilotage.predicate.ir import (
    Aggregate,
    Attribute,
    Consent,
    Count,
    Entered,
    Expr,
    Feature,
    Field,
    InAudience,
    InJourney,
    Now,
    Performed,
    Predicate,
    Sequence,
    SinceLast,
    Stage,
    Variable,
    Windowed,
    Zone,
)
from pilotage.predicate.sql.dialects import Dialect
from pilotage.predicate.sql.printer import Printer
from pilotage.predicate.sql.tables import Tables


class NotInBatch(ValueError):
    """The condition reads the event at hand or a journey's variable, which subjects as a whole do not have. Ask it where
    there is one, or write it over attributes and past events."""

    def __init__(self, part: Field | Variable) -> None:
        name = f"journey.{part.name}" if isinstance(part, Variable) else f"{part.of}.{part.path}"
        super().__init__(f"{name} is not known of a subject as a whole; write the condition over attributes and past events")
        self.part = part


class Grouped:
    """One aggregation by subject: its columns by their SQL, so that equal ones are calculated once."""

    def __init__(self, alias: str, table: str, where: str) -> None:
        self.alias, self.table, self.where = alias, table, where
        self.columns: dict[str, str] = {}
        self.oldest_us: int | None = 0
        """How far back any column reads; None is for ever."""

    def column(self, code: str) -> str:
        """The column with that SQL, added if it is new."""
        name = self.columns.setdefault(code, f"c{len(self.columns)}")
        return f"{self.alias}.{name}"

    def reach(self, window_us: int) -> None:
        """Note that a column reads so far back; 0 is for ever."""
        if not window_us or self.oldest_us is None:
            self.oldest_us = None
        else:
            self.oldest_us = max(self.oldest_us, window_us)


class EventFields:
    """Where the filter and value of a feature are read: in the JSON of the event being counted."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def read(self, expr: Expr) -> str:
        """A field of the counted event."""
        if not isinstance(expr, Field):
            raise TypeError(expr)
        return "type" if expr.path == "type" else self.dialect.field(self.printer, expr)

    def zone(self, expr: Zone, column: str) -> str:
        """A filter has no zone."""
        raise TypeError(expr)

    @property
    def printer(self) -> Printer:
        """A printer over these fields."""
        return self.dialect.printer(self)


class Batch:
    """Gathers what conditions read, as printing asks for it."""

    def __init__(self, now_us: int, dialect: Dialect, tables: Tables, features: Mapping[str, Feature]) -> None:
        self.now_us, self.dialect, self.tables, self.features = now_us, dialect, tables, features
        self.printer = dialect.printer(self)
        self.groups: dict[str, Grouped] = {}
        self.sequences: dict[str, str] = {}
        self.zones: dict[Zone, str] = {}
        self.counted = EventFields(dialect).printer
        self.now = str(now_us)

    # -- what is read ---------------------------------------------------------------------------------------------------

    def read(self, expr: Expr) -> str:
        """The SQL of what an expression reads of a subject."""
        match expr:
            case Attribute():
                return f"s.{self.dialect.name(expr.name)}"
            case Now():
                return self.now
            case Count() | Performed() | SinceLast() | Aggregate():
                return self.windowed(expr)
            case Sequence():
                return self.sequence(expr)
            case Consent():
                return self.consent(expr)
            case InJourney() | Entered() | Stage():
                return self.passage(expr)
            case InAudience():
                return self.membership(expr)
            case Field() | Variable():
                raise NotInBatch(expr)
            case _:
                raise TypeError(expr)

    def zone(self, expr: Zone, column: str) -> str:
        """A column of the subject's zone, or of the default where the subject's own is unknown."""
        alias = self.zones.setdefault(expr, f"z{len(self.zones)}")
        default = f"{alias}d.{column}"
        return f"coalesce({alias}.{column}, {default})" if expr.attribute else default

    def group(self, key: str, table: str, where: str) -> Grouped:
        """The aggregation under a key."""
        if key not in self.groups:
            self.groups[key] = Grouped(f"g{len(self.groups)}", table, where)
        return self.groups[key]

    def windowed(self, expr: Windowed) -> str:
        feature = self.features[expr.feature]
        window_us = 0 if isinstance(expr, SinceLast) else expr.window_us
        group = self.group(f"event {expr.event}", self.tables.events, f"type = {self.dialect.text(expr.event)}")
        group.reach(window_us)
        tests = [f"occurred_us > {self.now_us - window_us}"] if window_us else []
        if feature.where is not None:
            tests.append(self.counted.value(feature.where))
        worth = self.counted.value(feature.value) if feature.value is not None else ""
        if worth:
            tests.append(f"{worth} is not null")
        if isinstance(expr, Aggregate):
            return self.aggregate(group, expr, worth, tests)
        if isinstance(expr, SinceLast):
            return f"({self.now} - {group.column(self.dialect.filtered('max(occurred_us)', tests))})"
        counted = f"coalesce({group.column(self.dialect.filtered('count(*)', tests))}, 0)"
        return counted if isinstance(expr, Count) else f"({counted} > 0)"

    def aggregate(self, group: Grouped, expr: Aggregate, worth: str, tests: list[str]) -> str:
        filtered = self.dialect.filtered
        if expr.name == "sum":
            return self.printer.try_cast(group.column(filtered(f"sum({worth})", tests)), expr.type)
        if expr.name == "avg":
            total, number = filtered(f"sum({worth})", tests), filtered("count(*)", tests)
            return self.printer.rounded_ratio(self.printer.scaled(group.column(total)), group.column(number))
        if expr.name in ("first", "last"):
            return group.column(self.dialect.outermost(expr.name, worth, ("occurred_us", "position"), tests))
        return group.column(filtered(self.dialect.extreme(expr.name, worth, expr.type), tests))

    def sequence(self, expr: Sequence) -> str:
        """Each event of the second type beside the last of the first type before it, in one pass over both."""
        first, then = (self.dialect.text(event) for event in expr.events)
        seen = self.seen([f"occurred_us > {self.now_us - expr.window_us}", f"type in ({first}, {then})"])
        frame = "partition by subject order by occurred_us range between unbounded preceding and 1 preceding"
        last = f"max(case when type = {first} then occurred_us end) over ({frame})"
        pairs = f"select subject, type = {then} as follows, occurred_us - {last} as apart_us from {self.tables.events} where {seen}"
        hit = f"max(case when follows and apart_us <= {expr.within_us} then 1 else 0 end)"
        code = f"select subject, {hit} as hit from ({pairs}) as pairs group by subject"
        alias = self.sequences.setdefault(code, f"q{len(self.sequences)}")
        return f"(coalesce({alias}.hit, 0) = 1)"

    def seen(self, tests: list[str]) -> str:
        return " and ".join([*tests, f"received_us <= {self.now_us}", f"occurred_us <= {self.now_us}"])

    def consent(self, expr: Consent) -> str:
        """The later of the word about the channel and the one about all channels; at one instant the no."""
        group = self.group("consents", self.tables.consents, f"at_us <= {self.now_us}")
        words = []
        for channel in (expr.channel, ANY_CHANNEL):
            tests = [f"purpose = {self.dialect.text(expr.purpose)}", f"channel = {self.dialect.text(channel)}"]
            said = group.column(self.dialect.outermost("last", "granted", ("at_us", "position"), tests))
            words.append((said, group.column(self.dialect.filtered("max(at_us)", tests))))
        (own, own_us), (general, general_us) = words
        later = f"when {own_us} > {general_us} then {own} when {own_us} < {general_us} then {general} else {own} and {general}"
        return f"(case when {own_us} is null then coalesce({general}, false) when {general_us} is null then {own} {later} end)"

    def passage(self, expr: InJourney | Entered | Stage) -> str:
        group = self.group("entries", self.tables.entries, f"entered_us <= {self.now_us}")
        under_way = ["not held_out", f"(left_us is null or left_us > {self.now_us})"]
        if isinstance(expr, InJourney):
            tests = [f"journey = {self.dialect.text(expr.journey)}", *under_way]
            return f"(coalesce({group.column(self.dialect.filtered('count(*)', tests))}, 0) > 0)"
        if isinstance(expr, Entered):
            tests = [f"journey = {self.dialect.text(expr.journey)}"]
            if expr.window_us:
                tests.append(f"entered_us > {self.now_us - expr.window_us}")
            return f"(coalesce({group.column(self.dialect.filtered('count(*)', tests))}, 0) > 0)"
        names = ", ".join(self.dialect.text(journey) for journey, _ in expr.stages)
        latest = group.column(self.dialect.outermost("last", "journey", ("entered_us", "journey"), [f"journey in ({names})", *under_way]))
        branches = " ".join(f"when {self.dialect.text(journey)} then {self.dialect.text(stage)}" for journey, stage in expr.stages)
        return f"(case {latest} {branches} end)"

    def membership(self, expr: InAudience) -> str:
        group = self.group("memberships", self.tables.memberships, f"entered_us <= {self.now_us}")
        tests = [f"audience = {self.dialect.text(expr.audience)}", f"(left_us is null or left_us > {self.now_us})"]
        return f"(coalesce({group.column(self.dialect.filtered('count(*)', tests))}, 0) > 0)"

    # -- the query ------------------------------------------------------------------------------------------------------

    def query(self, columns: Mapping[str, str]) -> str:
        """The whole query for columns whose SQL was printed over this batch."""
        ctes = [self.cte(key, group) for key, group in self.groups.items()]
        ctes += [f"{alias} as ({code})" for code, alias in self.sequences.items()]
        if self.zones:
            ctes.append(f"clocks as (select zone, starts, offsets, walls, {self.offset_now()} as offset_now from {self.tables.zones})")
        joined = [group.alias for group in self.groups.values()] + list(self.sequences.values())
        joins = [f"left join {alias} on {alias}.subject = s.subject" for alias in joined]
        for zone, alias in self.zones.items():
            if zone.attribute:
                joins.append(f"left join clocks as {alias} on {alias}.zone = s.{self.dialect.name(zone.attribute)}")
            joins.append(f"left join clocks as {alias}d on {alias}d.zone = {self.dialect.text(zone.default)}")
        selected = ",\n  ".join(["s.subject as subject", *(f"{code} as {self.dialect.name(name)}" for name, code in columns.items())])
        head = "with\n" + ",\n".join(ctes) + "\n" if ctes else ""
        return "\n".join([f"{head}select\n  {selected}", f"from {self.tables.subjects} as s", *joins])

    def cte(self, key: str, group: Grouped) -> str:
        columns = ",\n  ".join(["subject", *(f"{code} as {name}" for code, name in group.columns.items())])
        where = group.where
        if key.startswith("event "):
            oldest = [f"occurred_us > {self.now_us - group.oldest_us}"] if group.oldest_us is not None else []
            where = self.seen([where, *oldest])
        return f"{group.alias} as (\n  select\n  {columns}\n  from {group.table} where {where} group by subject\n)"

    def offset_now(self) -> str:
        return self.printer.at("offsets", self.printer.reached("starts", self.now))


def features_of(predicates: Mapping[str, Predicate]) -> dict[str, Feature]:
    """What the conditions count, by key."""
    return {feature.key: feature for predicate in predicates.values() for feature in predicate.features}
