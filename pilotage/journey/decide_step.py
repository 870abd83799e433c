"""Decide: which of several actions comes next for a subject, with the chance that it had.

The chance is what later estimates rest on: a decision that was bound to fall on one action says nothing about the others. Where
chance plays a part it is a hash of the entry, the step and the occurrence, the same in every process.
"""

from typing import Any

from pilotage.event.digest import bucket, key128
from pilotage.journey.plan import Decide, Option
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.steps import kept_inputs, kept_truth, values
from pilotage.journey.values import decimal_text
from pilotage.journey.work import Work
from pilotage.predicate.ir import SCALE
from pilotage.profile.state import Entry

SHARES = 10_000


def run_decide(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Choose one of the actions that are open to the subject and leave by its edge; by `next` where none is."""
    step = program.step
    assert isinstance(step, Decide)
    looked: dict[str, Any] = {}
    lost: dict[str, str] = {}
    open_ = _open(work, entry, program, looked, lost)
    effect = work.effect(entry)
    if not open_:
        work.decide(entry, "decided", "nothing", step.catalogue, looked, _told(lost), effect)
        return step.next
    path = entry.origins.get(entry.step, entry.step)
    draw = key128(entry.id, path, entry.occurrence[path])
    chances = _chances(step, open_)
    explored = bucket(f"{step.salt}/explore", draw, SHARES) < step.explore
    at = bucket(f"{step.salt}/any", draw, len(open_)) if explored else _drawn(chances, bucket(f"{step.salt}/one", draw, sum(chances)))
    chosen, score = open_[at]
    propensity = _propensity(step, chances, at)
    looked |= {"propensity": decimal_text(propensity), "chosen by": "exploration" if explored else step.by}
    looked |= {"score": decimal_text(score)} if step.by == "score" else {}
    for other, value in open_:
        if other is not chosen:
            lost[other.name] = f"score {decimal_text(value)}" if step.by == "score" else "open, not chosen"
    work.decide(entry, "decided", chosen.name, step.catalogue, looked, _told(lost), effect)
    return chosen.goto


def _open(work: Work, entry: Entry, program: StepProgram, looked: dict[str, Any], lost: dict[str, str]) -> list[tuple[Option, int]]:
    """The actions whose condition is true, each with its score, the best first where scores decide; `lost` says why others are not."""
    step = program.step
    assert isinstance(step, Decide)
    conditions, scores = iter(range(len(program.conditions))), iter(values(work, entry, program))
    found: list[tuple[Option, int]] = []
    for option in step.options:
        score = next(scores) if option.score is not None else 0
        index = next(conditions) if option.when is not None else None
        if index is not None and option.when is not None:
            looked.update(kept_inputs(work, entry, program, index))
            if not kept_truth(work, entry, program, index):
                lost[option.name] = f"{option.when.text} is not true"
                continue
        if score is None:
            lost[option.name] = "it has no score"
            continue
        found.append((option, score))
    return sorted(found, key=lambda each: -each[1]) if step.by == "score" else found


def _chances(step: Decide, found: list[tuple[Option, int]]) -> list[int]:
    """How the open actions share the chance where nothing is explored."""
    if step.by == "weights":
        return [option.weight for option, _ in found]
    return [1] + [0] * (len(found) - 1)


def _drawn(chances: list[int], ticket: int) -> int:
    for at, chance in enumerate(chances):
        if ticket < chance:
            return at
        ticket -= chance
    raise AssertionError("the ticket is below the sum of the chances")


def _propensity(step: Decide, chances: list[int], at: int) -> int:
    """The chance that the action had, in millionths, rounded down: (1 − explore) · its share + explore / how many were open."""
    total, count = sum(chances), len(chances)
    above = (SHARES - step.explore) * chances[at] * count + step.explore * total
    return SCALE * above // (SHARES * total * count)


def _told(lost: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}: {reason}" for name, reason in lost.items())
