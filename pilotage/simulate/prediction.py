"""How often a step will act in the week to come, from how often it did in the weeks rehearsed: an expected number and an interval.

The interval is the shortest that holds a share of `RATE` of a negative binomial distribution (Cameron and Trivedi, "Regression Analysis
of Count Data", 2013, ch. 3) with the mean of the last weeks, moved by as much of their trend as stands out from chance. Its variance has
three parts: events come in clusters, several to one customer, which the sum of squares over customers shows (a compound Poisson
process); weeks differ from each other by more than that; and what is estimated from a few weeks is itself uncertain. What it cannot
know is a change that has not been seen yet: a season, a sale, another plan.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from pilotage.event.time import DAY_US
from pilotage.simulate.tally import WEEK_DAYS, Volume

RATE = 0.8
"""How often the week's number is to lie within its interval, at least: whole numbers cannot do so exactly."""

WEEKS_MAX = 4
"""How many weeks are looked at, the latest ones."""

PRIOR = 0.5
"""What is added to a sum of weeks, so that a step that never acted is not taken for one that never will."""

BETWEEN = 0.25
"""How much of what a few weeks lie off their line, beyond chance, is taken for a property of the step."""

MIN_FOR_TREND = 3
"""From how many weeks on a trend is looked for."""

ENOUGH = 0.995
"""How much of the distribution is looked at."""

NORMAL_FROM = 300
"""From which mean on the normal distribution stands for the other."""
_Z = 1.2815515655446004
"""The 90 % quantile of the normal distribution, for the middle 80 %."""


class Forecast(msgspec.Struct, frozen=True):
    """How often a step is expected to act in the next week, and the interval in which the number will lie at the rate of `RATE`."""

    expected: float
    low: int
    high: int
    weeks: int


def next_week(volume: Volume, from_us: int, until_us: int) -> Forecast | None:
    """The week after `until_us` of a step that was counted since `from_us`; None where there is no whole week to go by."""
    last_day = (until_us - 1) // DAY_US
    weeks = min(WEEKS_MAX, (last_day + 1 - -(-from_us // DAY_US)) // WEEK_DAYS)
    if weeks < 1:
        return None
    counts = weekly(volume.days, last_day, weeks)
    total = sum(counts)
    mean = (total + PRIOR) / weeks
    clusters = volume.squares / volume.total if volume.total else 1.0
    variance = max(1.0, clusters) * mean
    slope, uncertain = _trend(counts, mean, variance)
    ahead = max(0.0, mean + slope)
    variance = variance * (1 + 1 / weeks) * max(1.0, ahead / mean) + uncertain
    low, high = _shortest(max(ahead, PRIOR / weeks), variance)
    return Forecast(round(ahead, 2), min(low, math.floor(ahead)), max(high, math.ceil(ahead)), weeks)


def _trend(counts: Sequence[int], mean: float, variance: float) -> tuple[float, float]:
    """How much more the next week is to have than the mean of some, the latest first, and the variance to be added for that: a line through
    the weeks, drawn in as far as chance alone would have it rise; what the weeks lie off it beyond chance counts too."""
    weeks = len(counts)
    if weeks < MIN_FOR_TREND:
        return 0.0, 0.0
    middle = (weeks - 1) / 2
    spread = sum((place - middle) ** 2 for place in range(weeks))
    slope = sum((middle - place) * count for place, count in enumerate(counts)) / spread
    kept = max(0.0, 1 - variance / spread / (slope * slope)) if slope else 0.0
    slope *= kept
    off = sum((count - mean - slope * (middle - place)) ** 2 for place, count in enumerate(counts)) / (weeks - 1 - kept)
    ahead = middle + 1
    return slope * ahead, kept * variance * ahead * ahead / spread + BETWEEN * max(0.0, off - variance)


def weekly(days: Mapping[int, int], last_day: int, weeks: int) -> list[int]:
    """How many fell on each of so many weeks that end with a day, the latest first."""
    return [sum(days.get(last_day - 7 * week - day, 0) for day in range(WEEK_DAYS)) for week in range(weeks)]


def _shortest(mean: float, variance: float) -> tuple[int, int]:
    """The fewest numbers that follow each other and together are as likely as the rate."""
    if mean > NORMAL_FROM:
        half = _Z * math.sqrt(variance)
        return max(0, math.floor(mean - half)), math.ceil(mean + half)
    size = mean * mean / max(variance - mean, 1e-6 * mean)
    share = size / (size + mean)
    chances = [math.exp(size * math.log(share))]
    below = chances[0]
    while below < ENOUGH and len(chances) < 40 * NORMAL_FROM:
        chances.append(chances[-1] * (size + len(chances) - 1) / len(chances) * (1 - share))
        below += chances[-1]
    low = high = max(range(len(chances)), key=chances.__getitem__)
    held = chances[low]
    while held < RATE and (low > 0 or high + 1 < len(chances)):
        below = chances[low - 1] if low > 0 else -1.0
        above = chances[high + 1] if high + 1 < len(chances) else -1.0
        low, high = (low - 1, high) if below > above else (low, high + 1)
        held += max(below, above)
    return low, high
