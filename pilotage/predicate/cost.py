"""What a condition can cost at worst, counted in steps before it is accepted, so that none can hold up an engine.

A step is about what an addition takes in generated code. What reads many events is counted at the most events a feature keeps;
what goes through a text, at a long text. Limits on length, nesting and branches are the grammar's and the typer's.
"""

from collections.abc import Iterable

from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Aggregate, Call, Expr, Feature, InJourney, Sequence, Stage

COST_MAX = 100_000
"""The most steps a condition may take: some milliseconds, with every feature full and every text long."""

_TEXTS = frozenset(
    {"lower", "upper", "trim", "ltrim", "rtrim", "replace", "split_part", "contains", "position", "concat", "like", "ilike", "substring"}
)
_LISTS = frozenset({"list_contains"})


def cost(expr: Expr, features: Iterable[Feature] = ()) -> int:
    """The steps that asking an expression once, and for each event asking the filters and values of its features, takes at
    worst."""
    kept = [part for feature in features for part in (feature.where, feature.value) if part is not None]
    return sum(_steps(part) for whole in (expr, *kept) for part in walk(whole))


def _steps(part: Expr) -> int:
    match part:
        case Sequence():
            return 4_000  # one look for each event kept
        case Aggregate():
            return 250  # one addition in C for each
        case InJourney() | Stage():
            return 20
        case Call() if part.name in _TEXTS:
            return 100
        case Call() if part.name in _LISTS:
            return 50
        case _:
            return 1
