"""How an entry comes to a step: the way to take, what must be true for it, and what must become of what it hands over and waits for."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

import msgspec
from msgspec import UNSET

from pilotage.event.time import DAY_US
from pilotage.journey.edges import NEXT, ON_BLOCKED, ON_FAILURE, ON_TIMEOUT, awaits
from pilotage.journey.plan import AnyStep, Branch, Call, Decide, Enter, Journey, Send, Split, Task, Wait
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import Expr, Field, Variable
from pilotage.proof.outcome import Fate
from pilotage.proof.passages import Passages, Way

_COSTS = {NEXT: 0.0, ON_TIMEOUT: 1.0, ON_FAILURE: 5.0, ON_BLOCKED: 6.0}
_DAYS = 0.05
"""What a day costs: of two ways the shorter one is tried first."""


class Recipe(msgspec.Struct, frozen=True):
    """One way to a step: the conditions on it, the arms of splits and the options of choices, the fates by step, the waits that an
    event must end, the consents that must be missing, the steps passed, and how long it takes at least. `unmet` says that whom the
    message of the step is for is asked otherwise."""

    journey: str
    step: str
    asked: tuple[tuple[Expr, bool], ...] = ()
    arms: tuple[tuple[str, str], ...] = ()
    fates: tuple[tuple[str, Fate], ...] = ()
    awaited: tuple[str, ...] = ()
    withheld: frozenset[str] = frozenset()
    passed: tuple[str, ...] = ()
    least_us: int = 0
    unmet: bool = False


def recipes(passages: Passages, step: str, most: int = 2, avoided: Iterable[str] = ()) -> Iterator[Recipe]:
    """The ways to a step that lead through none of those avoided, the easiest first; then those that take one other turn than it, wherever
    on it, the easiest of them first; then those that take several."""
    told: list[tuple[Way, ...]] = []
    for way in _ways(passages, step, frozenset(_turn(way) for name in avoided for way in passages.ways[name])):
        if way not in told:
            told.append(way)
            yield _recipe(passages.journey, step, way)
        if len(told) == most:
            return


def _ways(passages: Passages, step: str, avoided: frozenset[tuple[str, str, str]]) -> Iterator[tuple[Way, ...]]:
    first = _cheapest(passages, step, {*avoided})
    if first is None:
        return
    yield first
    steps = {each.id: each for each in passages.journey.steps}
    others = [_cheapest(passages, step, {*avoided, _turn(each)}) for each in reversed(_turns(passages, first))]
    yield from sorted((each for each in others if each), key=lambda way: sum(_cost(steps[each.step], each) for each in way))
    banned, way = {*avoided}, first
    while turns := _turns(passages, way):
        banned.add(_turn(turns[-1]))
        found = _cheapest(passages, step, banned)
        if found is None:
            return
        yield found
        way = found


def _turns(passages: Passages, way: tuple[Way, ...]) -> list[Way]:
    """Where a way could have gone otherwise."""
    return [each for each in way if len(passages.ways[each.step]) > 1]


def _turn(way: Way) -> tuple[str, str, str]:
    return way.step, way.label, way.goto


def recipes_by(passages: Passages, way: Way, goal: str) -> Iterator[Recipe]:
    """The easiest way to a step that takes a certain way out of another one."""
    before, after = _cheapest(passages, way.step, set()), _cheapest(passages, goal, set(), way.goto)
    if before is not None and after is not None:
        yield _recipe(passages.journey, goal, (*before, way, *after))


def onward(passages: Passages, start: str, goal: str, avoided: Iterable[str] = ()) -> Recipe | None:
    """The easiest way from one step to another, without what is asked at the entrance; None where there is none."""
    banned = {(way.step, way.label, way.goto) for name in avoided for way in passages.ways[name]}
    taken = _cheapest(passages, goal, banned, start)
    return _recipe(passages.journey, goal, taken, entered=False) if taken is not None else None


def _cheapest(passages: Passages, goal: str, banned: set[tuple[str, str, str]], start: str = "") -> tuple[Way, ...] | None:
    steps = {step.id: step for step in passages.journey.steps}
    ahead: list[tuple[float, int, str, tuple[Way, ...]]] = [(0.0, 0, start or passages.first, ())]
    done: set[str] = set()
    number = 0
    while ahead:
        cost, _, name, taken = heappop(ahead)
        if name == goal:
            return taken
        if name in done:
            continue
        done.add(name)
        for way in passages.ways[name]:
            if way.goto in passages.ways and way.goto not in done and (way.step, way.label, way.goto) not in banned:
                number += 1
                heappush(ahead, (cost + _cost(steps[name], way), number, way.goto, (*taken, way)))
    return None


def _cost(step: AnyStep, way: Way) -> float:
    rest = min(way.least_us, 400 * DAY_US) / DAY_US * _DAYS
    if isinstance(step, Wait):
        difficult = 4.0 if step.until else 3.0
        return rest + (difficult if way.label == NEXT and (step.until or step.when is not None) else 0.5)
    if isinstance(step, Branch | Decide):
        return 1.0 + len(way.asked) * 0.5
    if isinstance(step, Split):
        share = next((arm.share for arm in step.arms if f"arm {arm.name}" == way.label), 0)
        return 1.0 - share / 20_000
    if isinstance(step, Task):
        return 3.0 + rest
    if isinstance(step, Enter) and step.timeout_us:
        return rest + (2.0 if way.label in (NEXT, ON_TIMEOUT) else 6.0)
    return rest + _COSTS.get(way.label, 20.0)


def _recipe(journey: Journey, step: str, taken: tuple[Way, ...], entered: bool = True) -> Recipe:
    steps = {each.id: each for each in journey.steps}
    where = journey.enter.where if entered else None
    asked: list[tuple[Expr, bool]] = [(where.expr, True)] if where is not None else []
    asked += [part for way in taken for part in way.asked]
    asked += [(rule.when.expr, False) for rule in journey.exits]
    fates = tuple((way.step, fate) for way in taken if (fate := _fate(steps[way.step], way.label)) is not None)
    arms = tuple(
        (way.step, way.label.partition(" ")[2]) for way in taken if isinstance(steps[way.step], Split | Decide) and " " in way.label
    )
    awaited = tuple(way.step for way in taken if (wait := steps[way.step]) and isinstance(wait, Wait) and wait.until and way.label == NEXT)
    blocked = [each for way in taken if isinstance(each := steps[way.step], Send) and way.label == ON_BLOCKED]
    return Recipe(
        journey.name,
        step,
        tuple(part for part in asked if _told_before(part[0])),
        arms,
        fates,
        awaited,
        frozenset(f"{each.purpose}|{each.channel}" for each in blocked),
        tuple(way.step for way in taken),
        sum(way.least_us for way in taken),
    )


def _told_before(expr: Expr) -> bool:
    """Whether a condition can be met by whom somebody is: it asks neither for what the entry finds on its way nor for a type."""
    return not any(isinstance(part, Variable) or (isinstance(part, Field) and part.path == "type") for part in walk(expr))


def _fate(step: AnyStep, label: str) -> Fate | None:
    """What must become of what a step hands over for its entry to leave so; None for the usual."""
    if isinstance(step, Send):
        return Fate("failed") if label == ON_FAILURE else None
    if isinstance(step, Call) and awaits(step):
        return {ON_FAILURE: Fate("failed"), ON_TIMEOUT: Fate("none")}.get(label)
    if isinstance(step, Task):
        if label == ON_FAILURE:
            return Fate("failed")
        return Fate("none") if label == ON_TIMEOUT else Fate("completed", label.removeprefix("comes back "))
    return None


def is_scheduled(journey: Journey) -> bool:
    """Whether no event starts its entries, but the coming of an instant."""
    return journey.enter.schedule is not UNSET
