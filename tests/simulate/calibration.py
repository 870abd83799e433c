"""How well intervals hold what they state: forecasts against what came, step by step, seed by seed.

An interval of whole numbers holds more than the level it was asked for, and states how much; so what is judged is how often the number came
to lie within against the mean of what was stated. Steps of one seed depend on each other, so chance is reckoned by seeds.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

LEVELS = (0.5, 0.8, 0.9, 0.95)
SIZES = (1, 3, 10, 30)
"""Where sizes end, by expected number a week."""
KINDS = {"entered": "entries", "sent": "messages", "opened": "tasks", "called": "calls", "goal": "goals"}

TOLERANCE = 0.02
"""How far what held may lie from what was stated beyond chance: nobody plans otherwise for it."""
ERRORS = 3.0
"""How many standard errors are taken for chance."""
SEEDS_ENOUGH = 20
"""From how many seeds on they tell themselves how much the steps of one depend on each other."""
DEPENDENCE = 2.0
"""By how much the variance is taken to be larger than that of steps on their own, while they do not."""


class Judged(msgspec.Struct, frozen=True):
    """An interval at a level: of which seed, kind and expected number; how much it stated to hold, and whether it did."""

    seed: int
    kind: str
    expected: float
    level: float
    stated: float
    held: bool


class Found(msgspec.Struct, frozen=True):
    """Of some intervals how many there are, how much they stated to hold on average, how often they did, and how far that may be
    apart."""

    intervals: int
    stated: float
    held: float
    bound: float

    @property
    def right(self) -> bool:
        """Whether as many held as was stated: neither fewer nor more."""
        return abs(self.held - self.stated) <= self.bound


def found(judged: Sequence[Judged]) -> Found:
    """What some intervals came to."""
    apart: Counter[int] = Counter()
    for each in judged:
        apart[each.seed] += each.held - each.stated  # type: ignore[assignment]  # differences add up as counts do
    count = len(judged)
    if len(apart) >= SEEDS_ENOUGH:
        variance = sum(each * each for each in apart.values())
    else:
        variance = DEPENDENCE * sum(each.stated * (1 - each.stated) for each in judged)
    stated, held = sum(each.stated for each in judged) / count, sum(each.held for each in judged) / count
    return Found(count, stated, held, TOLERANCE + ERRORS * math.sqrt(variance) / count)


def sizes(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Intervals by the size of what was expected."""
    named: dict[str, list[Judged]] = {name: [] for name in (*(f"expected below {end}" for end in SIZES), f"expected {SIZES[-1]} and more")}
    for each in judged:
        end = next((end for end in SIZES if each.expected < end), None)
        named[f"expected below {end}" if end else f"expected {SIZES[-1]} and more"].append(each)
    return {name: those for name, those in named.items() if those}


def kinds(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Intervals by what the step does."""
    named: dict[str, list[Judged]] = {name: [] for name in KINDS.values()}
    for each in judged:
        named[KINDS[each.kind]].append(each)
    return {name: those for name, those in named.items() if those}


def by_level(judged: Iterable[Judged]) -> dict[float, Found]:
    """What intervals came to at each level."""
    named: dict[float, list[Judged]] = {level: [] for level in LEVELS}
    for each in judged:
        named[each.level].append(each)
    return {level: found(those) for level, those in named.items()}


def calibration(judged: Sequence[Judged]) -> str:
    """The table: for each level how much was stated and how much held, in per cent, and how far they may be apart."""
    lines = ["| steps | intervals | " + " | ".join(f"asked {level:.0%}: stated, held (may differ by)" for level in LEVELS) + " |"]
    lines.append("|---|---|" + "---|" * len(LEVELS))
    for name, those in {"all": list(judged), **sizes(judged), **kinds(judged)}.items():
        cells = [f"{each.stated:.1%}, {each.held:.1%} ({each.bound:.1%})" for each in by_level(those).values()]
        lines.append(f"| {name} | {len(those) // len(LEVELS):,} | {' | '.join(cells)} |")
    return "\n".join(lines)
