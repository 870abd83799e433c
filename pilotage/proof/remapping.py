"""The smallest change of a map after which a doubt about it is none: the step that people rest on is led elsewhere, or a share stays as it
was. A change counts only if rules prove all that is asked about that step; nobody is looked for.
"""

from collections.abc import Iterator

import msgspec

from pilotage.journey.plan import InFlight, Journey
from pilotage.journey.takeover import takeover
from pilotage.proof.migration import Moves
from pilotage.proof.moves import GATE, HOLDOUT, PAST, PLACE, Doubt, Move, answers, whole
from pilotage.proof.outcome import Change, Proof


def smallest_of_map(moves: Moves, proof: Proof) -> Change | None:
    """The first change, of those tried, that is proved to remove what a proof about a takeover shows."""
    found = moves.doubt(proof)
    if found is None:
        return None
    move, doubt = found
    for text, journey in _changes(move, doubt):
        taken = takeover(move.takeover.old, journey)
        if taken is None:
            continue
        changed = Move(move.old, move.new, taken, move.settings, move.rules, move.contents)
        again = [each for each in (answers(changed, doubt.step) if doubt.step else whole(changed)) if doubt.step or each.kind == doubt.kind]
        if all(each.doubt is None for each in again):
            reasons = dict.fromkeys(each.kept.text for each in again if each.kept is not None and each.kind == doubt.kind)
            return Change(move.name, text, "; ".join(reasons) or "whoever is there leaves")
    return None


def _changes(move: Move, doubt: Doubt) -> Iterator[tuple[str, Journey]]:
    new = move.takeover.new
    if doubt.kind == HOLDOUT:
        share = move.takeover.old.holdout
        yield f"leave the holdout of {new.name} at {share / 100:g} %", msgspec.structs.replace(new, holdout=share)
    if not doubt.step:
        return
    assert isinstance(new.in_flight, InFlight)
    for target in (*_targets(move, doubt), ""):
        steps = tuple(sorted({**dict(new.in_flight.steps), doubt.step: target}.items()))
        text = f"let 'migrate' of {new.name} lead '{doubt.step}' to {_quoted(target)}"
        yield text, msgspec.structs.replace(new, in_flight=msgspec.structs.replace(new.in_flight, steps=steps))


def _targets(move: Move, doubt: Doubt) -> list[str]:
    """The steps of the new version to lead people to, the likeliest first: what they would go around, then steps of the same kind."""
    kind = type(move.old.steps[doubt.step])
    order = {name: place for place, name in enumerate(move.new.steps)}
    first = {doubt.detail: 0} if doubt.kind == GATE else {}
    passed = {name for name in move.new.reached((doubt.at,)) if name != doubt.at} if doubt.kind == PAST else set()
    names = [name for name in order if name != doubt.goto and not (doubt.kind == PLACE and name not in move.new.may)]
    return sorted(names, key=lambda name: (first.get(name, 1), name not in passed, not isinstance(move.new.steps[name], kind), order[name]))


def _quoted(target: str) -> str:
    return f"'{target}'" if target else "exit"
