"""How often a step will act in the week to come, from how often it did in the weeks rehearsed: an expected number and an interval.

The interval is the middle `RATE` of a negative binomial distribution (Cameron and Trivedi, "Regression Analysis of Count Data", 2013,
ch. 3) with the mean of the last weeks. Its variance has three parts: events come in clusters, several to one customer, which the sum
of squares over customers shows (a compound Poisson process); weeks differ from each other by more than that; and a mean of a few
weeks is itself uncertain. What it cannot know is a change that has not been seen yet: a season, a sale, another plan.
"""

import math
from collections.abc import Mapping

import msgspec

from pilotage.event.time import DAY_US
from pilotage.simulate.tally import WEEK_DAYS, Volume

RATE = 0.8
"""How often the week's number is to lie within its interval."""

WEEKS_MAX = 4
"""How many weeks are looked at, the latest ones."""

PRIOR = 0.5
"""What is added to a sum of weeks, so that a step that never acted is not taken for one that never will."""

NORMAL_FROM = 2_000
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
    if weeks > 2:
        between = sum((count - total / weeks) ** 2 for count in counts) / (weeks - 1)
        variance += max(0.0, between - variance) * (weeks - 1) / weeks
    variance *= 1 + 1 / weeks
    low, high = _middle(mean, variance)
    return Forecast(round(total / weeks, 2), low, high, weeks)


def weekly(days: Mapping[int, int], last_day: int, weeks: int) -> list[int]:
    """How many fell on each of so many weeks that end with a day, the latest first."""
    return [sum(days.get(last_day - 7 * week - day, 0) for day in range(WEEK_DAYS)) for week in range(weeks)]


def _middle(mean: float, variance: float) -> tuple[int, int]:
    """Between which numbers the middle `RATE` of the distribution lies."""
    if mean > NORMAL_FROM:
        half = _Z * math.sqrt(variance)
        return max(0, math.floor(mean - half)), math.ceil(mean + half)
    size = mean * mean / max(variance - mean, 1e-9)
    share = size / (size + mean)
    chance, below, number = math.exp(size * math.log(share)), 0.0, 0
    low = -1
    while True:
        below += chance
        if low < 0 and below > (1 - RATE) / 2:
            low = number
        if below >= (1 + RATE) / 2:
            return max(0, low), number
        chance *= (size + number) / (number + 1) * (1 - share)
        number += 1
