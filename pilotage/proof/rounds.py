"""How often something is set off where a version goes on with what another has begun: never more often than one of them alone may do it.

Counted along one way, with as many rounds as the repeats around a step have.
"""

from collections.abc import Iterable, Mapping

from pilotage.journey.plan import Repeat
from pilotage.proof.routes import Fact, Routes

MANY = 1 << 40
"""More often than anybody counts."""


def most_of(routes: Routes, fact: Fact) -> int:
    """How often a version alone sets something off on one way, counted low where a round may do it by several steps."""
    return _along(routes, (routes.passages.first,), {name: _times(routes, name) for name in routes.doing(fact)}, several=False)


def no_more(
    old: Routes, new: Routes, landing: Mapping[str, str], step: str, fact: Fact, ahead: Iterable[str], again: frozenset[str]
) -> str:
    """Why something is not set off more often for those who rest on a step than by one version alone; empty where that is not known.
    `ahead` are the steps of the new version they go on to, `again` those that do it though it was done."""
    most = max(most_of(old, fact), most_of(new, fact))
    if most >= MANY:
        return "a version alone may do it any number of times"
    before = {name: _times(old, name) for name in old.doing(fact) if step in old.reached((name,))}
    done = _along(old, (old.passages.first,), before, several=True)
    after = {name: _left(new, landing[step], name) for name in new.doing(fact) if name in again}
    if done + _along(new, ahead, after, several=True) <= most:
        return "one version alone may do it as often"
    return "the rounds go on where they were" if _same_round(old, new, landing, step, fact) else ""


def _inside(routes: Routes, name: str) -> list[Repeat]:
    """The repeats around a step."""
    return [each for each in routes.steps.values() if isinstance(each, Repeat) and name.startswith(f"{each.id}/")]


def _times(routes: Routes, name: str) -> int:
    """How often an entry comes to a step at most: as the repeats around it say, any number of times on another cycle."""
    times, inside = 1, _inside(routes, name)
    for each in inside:
        times *= each.times
    outermost = min((each.id for each in inside), key=len, default="")
    around = routes.reached((way.goto for way in routes.passages.ways[name]), outermost)
    again = outermost and outermost in routes.reached((routes.steps[outermost].next,))
    return MANY if name in around or again else times


def _left(routes: Routes, goto: str, name: str) -> int:
    """How often an entry that is led to one step may still come to another: of a repeat that has begun, in the rounds that are left."""
    inside, times = _inside(routes, name), _times(routes, name)
    if times >= MANY or len(inside) != 1 or not goto.startswith(f"{inside[0].id}/"):
        return times
    return times - 1 + (name in routes.reached((goto,), inside[0].id))


def _along(routes: Routes, starts: Iterable[str], weights: Mapping[str, int], several: bool) -> int:
    """The most that weights add up to on one way from some steps. Steps on one cycle count together: all of them if `several`, else the
    weightiest."""
    groups = {name: frozenset(_group(routes, name)) for name in routes.steps}
    worth = {
        group: (sum if several else max)([weights[name] for name in group if name in weights] or [0]) for group in set(groups.values())
    }
    known: dict[frozenset[str], int] = {}
    ahead = [groups[name] for name in starts if name in groups]
    first = list(ahead)
    while ahead:
        group = ahead[-1]
        onward = {groups[way.goto] for name in group for way in routes.passages.ways[name] if way.goto in groups} - {group}
        missing = [each for each in onward if each not in known]
        if missing:
            ahead += missing
            continue
        known[group] = worth[group] + max((known[each] for each in onward), default=0)
        ahead.pop()
    return max((known[group] for group in first), default=0)


def _group(routes: Routes, name: str) -> set[str]:
    """The steps on cycles with a step, and the step itself."""
    onward = routes.reached(way.goto for way in routes.passages.ways[name])
    return {name} | {each for each in onward if name in routes.reached((each,))} if name in onward else {name}


def _same_round(old: Routes, new: Routes, landing: Mapping[str, str], step: str, fact: Fact) -> bool:
    """Whether something is set off once a round, by one step of each version, in repeats that become each other, and is not set off twice
    in the round that an entry is in."""
    one, other = old.doing(fact), new.doing(fact)
    if len(one) != 1 or len(other) != 1:
        return False
    around, goto = (_inside(old, one[0]), _inside(new, other[0])), landing[step]
    if any(len(each) != 1 for each in around):
        return False
    (first,), (second,) = around
    leading = [name for name, to in landing.items() if to == second.id and isinstance(old.steps[name], Repeat)]
    if leading != [first.id] or not (step.startswith(f"{first.id}/") and goto.startswith(f"{second.id}/")):
        return False
    return not (step in old.reached((one[0],), first.id) and other[0] in new.reached((goto,), second.id))
