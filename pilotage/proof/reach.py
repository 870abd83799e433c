"""Reach: is there somebody for whom each part of a journey happens? An entrance that nobody meets, a step that nobody comes to, a wait or
an exit whose condition is never true do no harm that anybody sees, and nothing else either.

Somebody is enacted for each part, or it is proved that there is nobody.
"""

from collections.abc import Iterator

from pilotage.journey.plan import Journey, Wait
from pilotage.journey.subjects import on_accounts
from pilotage.predicate.ir import Predicate
from pilotage.predicate.solver.problem import World
from pilotage.proof.conflict import Conflicts
from pilotage.proof.domains import conjuncts, reads_only
from pilotage.proof.outcome import Proof, Verdict
from pilotage.proof.recipes import recipes
from pilotage.proof.separation import SOLVER, impossible_under, nobody
from pilotage.proof.witness import Anything, Stage, assembled, casts, enact_directed

REACH, ENTRANCE, STEP, WAIT, EXIT = "reach", "entrance", "step", "wait", "exit"
WAYS_MAX = 6
"""By how many ways it is tried to come to a step."""


class Reaching:
    """What can happen in the journeys of a plan."""

    def __init__(self, conflicts: Conflicts) -> None:
        self.conflicts = conflicts
        audiences = {audience.name: audience.when for audience in conflicts.plan.audiences}
        self.world = World(conflicts.zones, audiences, SOLVER)

    def proofs(self) -> Iterator[Proof]:
        """The questions about every journey on persons."""
        for name, journey in self.conflicts.asked:
            if not on_accounts(journey):
                yield from self._journey(name, journey)

    def _journey(self, name: str, journey: Journey) -> Iterator[Proof]:
        where = journey.enter.where
        if where is not None and impossible_under(where, self.world):
            yield Proof(REACH, ENTRANCE, (name,), Verdict.NEVER, "its entrance", f"{where.text} is never true")
            return
        for rule in journey.exits:
            yield self._condition(EXIT, name, f"exit {rule.reason}", rule.when)
        for step in journey.steps:
            if isinstance(step, Wait) and step.when is not None and not step.timeout_us:
                yield self._condition(WAIT, name, step.id, step.when)
        yield from self._steps(name, journey)

    def _condition(self, kind: str, name: str, about: str, when: Predicate) -> Proof:
        if impossible_under(when, self.world):
            return Proof(REACH, kind, (name,), Verdict.NEVER, about, f"{when.text} is never true")
        return Proof(REACH, kind, (name,), Verdict.PROVED, about, "its condition can be true")

    def _steps(self, name: str, journey: Journey) -> Iterator[Proof]:
        """The steps that somebody comes to as one answer, and each other one by itself."""
        footprint = self.conflicts.footprint(name)
        come = self._come(name)
        if come:
            yield Proof(REACH, STEP, (name,), Verdict.PROVED, f"{len(come)} steps", "somebody is enacted who comes to each of them")
        for step in journey.steps:
            if step.id in come or step.id not in footprint.passages.spans:
                continue
            said = [part for whole, holds, _ in footprint.passages.said[step.id] for part in conjuncts(whole, holds)]
            steady = frozenset(part for part in said if reads_only(part[0], self.conflicts.setting.steady))
            if nobody(steady):
                yield Proof(REACH, STEP, (name,), Verdict.NEVER, step.id, "nobody meets all that is asked on every way to it")
            else:
                yield Proof(REACH, STEP, (name,), Verdict.UNKNOWN, step.id, "nobody was found who comes to it")

    def _come(self, name: str) -> set[str]:
        """The steps that customers come to who are made up for them."""
        passages, found = self.conflicts.footprint(name).passages, set[str]()
        setup = self.conflicts.setup
        for step in passages.spans:
            for recipe in recipes(passages, step, WAYS_MAX) if step not in found else ():
                stage = Stage.of(setup, (name,), Anything(), 1)
                for cast in casts(setup, (recipe,)):
                    _, enacted = enact_directed(stage, cast, assembled(cast, setup))
                    found |= {each.step for each in enacted.decisions if each.journey == name and each.step in passages.spans}
                    break
                if step in found:
                    break
        return found
