"""What a step reads: variables of its entry, fields of its trigger, and attributes of the customer."""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from pilotage.journey.plan import KEY, AnyStep, Branch, Call, Content, Decide, Emit, Enter, Repeat, Send, Set, Task, Wait
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Attribute, Expr, Field, Variable
from pilotage.proof.routes import ATTRIBUTE, VARIABLE, Fact

FIELD = "field"
"""The sort of what is kept of a trigger."""


def needs_of(step: AnyStep, contents: Mapping[str, Content]) -> frozenset[Fact]:
    """What must have been set for a step not to read NULL: variables, fields of the trigger that are kept, and attributes."""
    found: set[Fact] = set()
    for expr in read_by(step, contents):
        for part in walk(expr):
            if isinstance(part, Variable) and part.name != KEY:
                found.add(Fact(VARIABLE, part.name))
            elif isinstance(part, Field) and part.of == "trigger" and part.path != "type":
                found.add(Fact(FIELD, part.path))
            elif isinstance(part, Attribute):
                found.add(Fact(ATTRIBUTE, part.name))
    return frozenset(found)


def read_by(step: AnyStep, contents: Mapping[str, Content]) -> Iterator[Expr]:
    """The conditions and values of a step. What a wait asks of the event that ends it reads that event, and no trigger."""
    if isinstance(step, Branch):
        yield from (edge.when.expr for edge in step.edges)
    elif isinstance(step, Wait):
        yield from (step.when.expr,) if step.when is not None else ()
    elif isinstance(step, Decide):
        yield from (option.when.expr for option in step.options if option.when is not None)
        yield from (option.score for option in step.options if option.score is not None)
    elif isinstance(step, Repeat):
        yield from (step.until.expr,) if step.until is not None else ()
    elif isinstance(step, Set):
        yield from (each.value for each in (*step.attributes, *step.variables))
    elif isinstance(step, Emit | Call | Enter | Task):
        yield from (each.value for each in step.data)
    elif isinstance(step, Send):
        yield from (expr for _, expr in contents[step.content].variables)
        yield from (step.priority,) if step.priority is not UNSET else ()
