"""Why a subject is in an audience or not: its condition taken apart, the truth of each part, and the values it read.

`and`, `or` and `not` are taken apart, and an audience that is read is shown with its own parts, so that one sees the very
clause that decides. What has no such parts is asked as it stands.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pilotage.event.zone import Zones
from pilotage.predicate.flips import children
from pilotage.predicate.inputs import compile_inputs
from pilotage.predicate.ir import Call, Expr, Feature, InAudience, Predicate
from pilotage.predicate.python import compile_functions
from pilotage.predicate.text import expression_text, filters_of
from pilotage.profile.state import State

_CONNECTIVES = frozenset({"and", "or", "not"})


class Clause(msgspec.Struct, frozen=True):
    """One part of a condition: as it is written, whether it is true, false or (None) unknown, the values it read, and its own
    parts, which `join` connects (`and`, `or`, `not`, or `in` for the condition of an audience; empty where it has none)."""

    text: str
    truth: bool | None
    inputs: dict[str, Any] = {}
    join: str = ""
    parts: tuple["Clause", ...] = ()


class _Asking:
    """One subject at one instant."""

    def __init__(self, state: State, now_us: int, zones: Zones, audiences: Mapping[str, Predicate]) -> None:
        self.state, self.now_us, self.zones, self.audiences = state, now_us, zones, audiences
        features = [feature for each in audiences.values() for feature in each.features]
        self.features: tuple[Feature, ...] = tuple(features)
        self.filters = filters_of(self.features)

    def clause(self, expr: Expr) -> Clause:
        text = expression_text(expr, self.filters)
        truth = compile_functions({"it": expr}, zones=self.zones)["it"](self.state, None, {}, self.now_us, "")
        if isinstance(expr, InAudience) and expr.audience in self.audiences:
            return Clause(text, truth, join="in", parts=(self.clause(self.audiences[expr.audience].expr),))
        if isinstance(expr, Call) and expr.name in _CONNECTIVES:
            return Clause(text, truth, join=expr.name, parts=tuple(self.clause(part) for part in children(expr)))
        inputs = compile_inputs({"it": expr}, self.features, zones=self.zones)["it"](self.state, None, {}, self.now_us, "")
        return Clause(text, truth, inputs)


def explain(name: str, state: State, now_us: int, zones: Zones, audiences: Mapping[str, Predicate]) -> Clause:
    """The condition of an audience for a subject at an instant, clause by clause. `audiences` are the conditions of all by name."""
    return _Asking(state, now_us, zones, audiences).clause(audiences[name].expr)
