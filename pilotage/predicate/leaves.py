"""Code for what an expression reads: attributes, fields, variables, the clock, and the field's terms.

It is the lower half of the writer of Python (`python`), which adds operators and logic.
"""

from collections.abc import Callable
from typing import Any, Literal

from pilotage.contract.validate import attribute_name
from pilotage.predicate import ir as nodes
from pilotage.predicate.grants import ANY_CHANNEL
from pilotage.predicate.ir import (
    Aggregate,
    Attribute,
    Call,
    Consent,
    Count,
    Entered,
    Expr,
    Field,
    InAudience,
    InJourney,
    Now,
    Performed,
    SinceLast,
    Stage,
    Type,
    Variable,
    Zone,
)

Access = Literal["payload", "kept"]
"""Where `trigger.*` is read: the decoded event, or the dict of kernel values an entry keeps of its trigger."""

_CONVERSIONS = {Type.NUMBER: "number", Type.TIMESTAMP: "instant", Type.DATE: "day", Type.LIST: "texts", Type.MAP: "pairs"}
_NEVER_NULL = (Count, Performed, Consent, nodes.Sequence, InAudience, InJourney, Entered, Now, Zone)


class ZonesMissing(TypeError):
    """An expression reads the subject's clock, and no zone tables were given. Hand in those that the plan names."""

    def __init__(self) -> None:
        super().__init__("an expression reads the subject's clock: hand in the zone tables that the plan names")


class Leaves:
    """Writes what is read. `names` collects what the code refers to beside its arguments."""

    def __init__(self, trigger: Access, names: dict[str, Any]) -> None:
        self.trigger = trigger
        self.names = names
        self._temporaries = 0

    def temporary(self) -> str:
        """A name that no other part of the code has."""
        self._temporaries += 1
        return f"x{self._temporaries}"

    def leaf_nullable(self, expr: Expr) -> bool:
        """Whether what is read can be NULL."""
        if isinstance(expr, nodes.Literal):
            return expr.value is None
        if isinstance(expr, Field):
            return not (expr.path == "type" and (expr.of == "event" or self.trigger == "payload"))
        return not isinstance(expr, _NEVER_NULL)

    def leaf(self, expr: Expr) -> str:
        """Code for the value of anything but a call, None where it is NULL."""
        if isinstance(expr, Call):
            raise TypeError(expr)
        return _WRITERS[type(expr)](self, expr)

    def attribute(self, expr: Attribute) -> str:
        return f"s.attributes.get({expr.name!r})"

    def variable(self, expr: Variable) -> str:
        return f"v.get({expr.name!r})"

    def field(self, expr: Field) -> str:
        kept = expr.of == "trigger" and self.trigger == "kept"
        conversion = None if kept else _CONVERSIONS.get(expr.type)
        return f"{conversion}({self.received(expr)})" if conversion else self.received(expr)

    def received(self, expr: Field) -> str:
        """Code for a field as the event holds it, before it is brought to kernel form."""
        if expr.of == "trigger" and self.trigger == "kept":
            return f"e.get({expr.path!r})"
        if expr.path == "type":
            return "t"
        parts = [attribute_name(part) for part in expr.path.split(".")]
        if len(parts) > 2:
            return f"inner(e, {parts!r})"
        code = "e"
        for part in parts:
            code = f"getattr({code}, {part!r}, None)"
        return code

    def literal(self, expr: nodes.Literal) -> str:
        return repr(expr.value)

    def now(self, expr: Now) -> str:
        return "now"

    def zone(self, expr: Zone) -> str:
        if "zone_of" not in self.names:
            raise ZonesMissing
        own = f"s.attributes.get({expr.attribute!r})" if expr.attribute else "None"
        return f"zone_of({own}, {expr.default!r})"

    def consent(self, expr: Consent) -> str:
        keys = [f"{expr.purpose}|{channel}" for channel in (expr.channel, ANY_CHANNEL)]
        return f"granted(s.consents, {keys[0]!r}, {keys[1]!r})"

    def window(self, expr: Count | Performed) -> str:
        """An event at `occurred` counts iff now − window < occurred ≤ now."""
        held = self.temporary()
        until = f"bisect_right({held}, now)"
        start = f"bisect_right({held}, now - {expr.window_us})" if expr.window_us else "0"
        join, empty = ("-", "0") if isinstance(expr, Count) else (">", "False")
        return f"({until} {join} {start} if ({held} := s.features.get({expr.feature!r})) else {empty})"

    def since_last(self, expr: SinceLast) -> str:
        held, at = self.temporary(), self.temporary()
        occurred = f"({at} := bisect_right({held}, now))"
        return f"(now - {held}[{at} - 1] if ({held} := s.features.get({expr.feature!r})) and {occurred} else None)"

    def aggregate(self, expr: Aggregate) -> str:
        return f"tally_{expr.name}(s.features.get({expr.feature!r}), {expr.window_us}, now)"

    def sequence(self, expr: nodes.Sequence) -> str:
        first, then = (f"s.features.get({feature!r})" for feature in (expr.first, expr.then))
        return f"followed({first}, {then}, {expr.within_us}, {expr.window_us}, now)"

    def in_audience(self, expr: InAudience) -> str:
        return f"({expr.audience!r} in s.audiences)"

    def in_journey(self, expr: InJourney) -> str:
        return f"under_way(s.entries, {expr.journey!r})"

    def entered(self, expr: Entered) -> str:
        return f"entered(s.visits, {expr.journey!r}, {expr.window_us}, now)"

    def stage(self, expr: Stage) -> str:
        return f"stage_of(s.entries, {dict(expr.stages)!r})"


_WRITERS: dict[type[Any], Callable[[Leaves, Any], str]] = {
    nodes.Literal: Leaves.literal,
    Attribute: Leaves.attribute,
    Variable: Leaves.variable,
    Field: Leaves.field,
    Now: Leaves.now,
    Zone: Leaves.zone,
    Consent: Leaves.consent,
    Count: Leaves.window,
    Performed: Leaves.window,
    SinceLast: Leaves.since_last,
    Aggregate: Leaves.aggregate,
    nodes.Sequence: Leaves.sequence,
    InAudience: Leaves.in_audience,
    InJourney: Leaves.in_journey,
    Entered: Leaves.entered,
    Stage: Leaves.stage,
}
