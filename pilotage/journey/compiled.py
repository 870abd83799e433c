"""The conditions and values of plans, compiled to Python by the names of their places."""

from collections.abc import Callable, Sequence
from typing import Any

from pilotage.audience.program import standing_signals
from pilotage.event.zone import Zones
from pilotage.predicate.inputs import compile_inputs
from pilotage.predicate.ir import Expr, Feature, Predicate
from pilotage.predicate.leaves import Access
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.python import compile_functions

Function = Callable[..., Any]


class Condition:
    """A compiled condition: whether it is true (NULL is not), the values it looks at, its next flip where time alone can
    change it, and the signals that can change it."""

    __slots__ = ("flip", "inputs", "signals", "text", "truth")

    def __init__(self, predicate: Predicate, truth: Function, inputs: Function, flip: Function) -> None:
        self.text = predicate.text
        self.truth = truth
        self.inputs = inputs
        self.flip = flip if predicate.timed else None
        self.signals = signals_of(predicate)


class Compiled:
    """Every condition and every value expression of the plans, compiled, by the name of its place."""

    __slots__ = ("_conditions", "_expressions", "_predicates", "_values")

    def __init__(self) -> None:
        self._predicates: dict[Access, dict[str, Predicate]] = {"payload": {}, "kept": {}}
        self._expressions: dict[Access, dict[str, Expr]] = {"payload": {}, "kept": {}}
        self._conditions: dict[str, Condition] = {}
        self._values: dict[str, Function] = {}

    def add_condition(self, name: str, predicate: Predicate, access: Access) -> None:
        """Have a condition compiled."""
        self._predicates[access][name] = predicate

    def add_value(self, name: str, expr: Expr, access: Access) -> None:
        """Have a value expression compiled."""
        self._expressions[access][name] = expr

    def compile(self, features: Sequence[Feature], zones: Zones) -> None:
        """Compile all that was added, as one module for each way of reading the trigger."""
        for access, predicates in self._predicates.items():
            expressions = {name: predicate.expr for name, predicate in predicates.items()}
            truths = compile_functions(expressions, trigger=access, conditions=True, zones=zones)
            inputs = compile_inputs(expressions, features, trigger=access, zones=zones)
            flips = compile_flips(expressions, trigger=access, zones=zones)
            for name, predicate in predicates.items():
                self._conditions[name] = Condition(predicate, truths[name], inputs[name], flips[name])
            self._values.update(compile_functions(self._expressions[access], trigger=access, zones=zones))

    def condition(self, name: str) -> Condition:
        """The compiled condition of a place."""
        return self._conditions[name]

    def optional(self, name: str) -> Condition | None:
        """The compiled condition of a place, or None where the document has none."""
        return self._conditions.get(name)

    def value(self, name: str) -> Function:
        """The compiled value expression of a place."""
        return self._values[name]

    def optional_value(self, name: str) -> Function | None:
        """The compiled value expression of a place, or None where the document has none."""
        return self._values.get(name)


def signals_of(predicate: Predicate) -> frozenset[str]:
    """What can change a condition's truth: event types, `@attribute`, `!purpose|channel`, `#audience` and `~journey`."""
    return standing_signals(predicate) | frozenset(predicate.events)
