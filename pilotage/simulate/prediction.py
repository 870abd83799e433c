"""How often a step will act in the week to come, from how often it did in the weeks rehearsed: an expected number and an interval.

What is expected is the mean of the last weeks, moved by as much of their trend as stands out from chance. The interval is the shortest
that holds a given share of a distribution of whole numbers about it, and says how much of it it holds. The distribution is a
negative binomial (Cameron and Trivedi, "Regression Analysis of Count Data", 2013, ch. 3), or a binomial where numbers are more even than
chance. Its variance stands for three things: the chance of single people, measured by how much each person's weeks differ from one
another, so that those who come every week add nothing and those who come in bursts add much; weeks that differ by more than people
do; and that all of this is estimated from a few weeks. What it cannot know is a change that has not been seen yet: a season, a
sale, another plan.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import msgspec

from pilotage.simulate.tally import Volume, latest_weeks, weekly

RATE = 0.8
"""How much of the distribution an interval holds, at least; whole numbers cannot do so exactly."""

PRIOR = 0.5
"""What is added to a sum of weeks, so that a step that never acted is not taken for one that never will (Jeffreys' prior of a rate)."""

ACTS_KNOWN = 2
"""With how many acts of people who come by chance the measured evenness is mixed, so that a few acts prove nothing."""

BETWEEN = 0.25
"""How much of what a few weeks lie off their line, beyond chance, is taken for a property of the step."""

MIN_FOR_TREND = 3
"""From how many weeks on a trend is looked for."""

FALLING_MIN = 0.05
"""Below which share of their mean weeks are not expected to fall."""

EVEN_MIN = 0.05
"""The least variance, as a share of the mean: nobody is as regular as a clock."""

ENOUGH = 1e-6
"""How much of the distribution may be left out of account."""

EVEN = 0.999
"""Below which share of the mean the variance makes it a binomial."""

NORMAL_FROM = 300
"""From which mean on the normal distribution stands for the others."""
LONGEST = 40 * NORMAL_FROM


class Forecast(msgspec.Struct, frozen=True):
    """How often a step is expected to act in the next week, and the interval in which the number will lie with a chance of `rate`, by
    so many weeks."""

    expected: float
    low: int
    high: int
    weeks: int
    rate: float


def next_week(volume: Volume, from_us: int, until_us: int, rate: float = RATE) -> Forecast | None:
    """The week after `until_us` of a step that was counted since `from_us`, with an interval of at least a rate; None where there is no
    whole week to go by."""
    last_day, weeks = latest_weeks(from_us, until_us)
    if weeks < 1:
        return None
    counts = weekly(volume.days, last_day, weeks)
    mean = (sum(counts) + PRIOR) / weeks
    chance = _unevenness(volume.changes, counts) * mean
    slope, uncertain = _trend(counts, mean, chance)
    ahead = max(FALLING_MIN * mean, mean + slope)
    variance = max(EVEN_MIN * ahead, chance * (1 + 1 / weeks) * max(1.0, ahead / mean) + uncertain)
    low, high, held = _shortest(ahead, variance, rate)
    return Forecast(round(ahead, 2), low, high, weeks, round(held, 3))


def _unevenness(changes: int, counts: Sequence[int]) -> float:
    """How many times as much people's weeks change as those of people who come by chance alone (a Poisson process, whose weeks differ by
    the square root of both together). Regular people are below 1, those who come in bursts above."""
    compared = 2 * sum(counts) - counts[0] - counts[-1] if len(counts) > 1 else counts[0]
    return (changes + ACTS_KNOWN) / (compared + ACTS_KNOWN)


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


def _shortest(mean: float, variance: float, rate: float) -> tuple[int, int, float]:
    """The fewest numbers that follow each other, have the mean among them and together are as likely as a rate; and how likely they are."""
    if mean > NORMAL_FROM:
        about = NormalDist(mean, math.sqrt(variance))
        low, high = max(0, math.floor(about.inv_cdf((1 - rate) / 2))), math.ceil(about.inv_cdf((1 + rate) / 2))
        return low, high, about.cdf(high + 0.5) - about.cdf(low - 0.5)
    chances = _chances(mean, variance)
    low, high = math.floor(mean), min(math.ceil(mean), len(chances) - 1)
    held = sum(chances[low : high + 1])
    while held < rate and (low > 0 or high + 1 < len(chances)):
        below = chances[low - 1] if low > 0 else -1.0
        above = chances[high + 1] if high + 1 < len(chances) else -1.0
        low, high = (low - 1, high) if below > above else (low, high + 1)
        held += max(below, above)
    return low, high, min(1.0, held)


def _chances(mean: float, variance: float) -> list[float]:
    """How likely each whole number is, from 0 on until nearly nothing is left: a binomial if the variance is below the mean, else a
    negative binomial."""
    likely = _binomial(mean, variance) if variance < EVEN * mean else _negative_binomial(mean, variance)
    chances, left = list[float](), 1.0
    while left > ENOUGH and len(chances) < LONGEST:
        chances.append(likely(len(chances)))
        left -= chances[-1]
    return chances


def _binomial(mean: float, variance: float) -> Callable[[int], float]:
    people = math.ceil(mean / (1 - variance / mean))
    share = mean / people

    def likely(count: int) -> float:
        if count > people or share == 1:
            return float(count == people)
        ways = math.lgamma(people + 1) - math.lgamma(count + 1) - math.lgamma(people - count + 1)
        return math.exp(ways + count * math.log(share) + (people - count) * math.log1p(-share))

    return likely


def _negative_binomial(mean: float, variance: float) -> Callable[[int], float]:
    size = mean * mean / max(variance - mean, 1e-6 * mean)
    share = size / (size + mean)

    def likely(count: int) -> float:
        ways = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        return math.exp(ways + size * math.log(share) + count * math.log1p(-share))

    return likely
