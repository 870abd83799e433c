"""Policy: can what is for some people only reach others, and does a journey lead others to it?

The kernel refuses a message whose purpose is not for the customer, so a send of that purpose reaches nobody else. What is left are
journeys' faults: people who walk to a message that can only be refused (`barred`), a content of such a purpose that leaves for another
one too (`elsewhere`), and tasks and calls, which nothing refuses (`handed`).
"""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from pilotage.journey.plan import AnyStep, Call, Journey, Send, Task
from pilotage.journey.subjects import on_accounts
from pilotage.predicate.ir import Expr
from pilotage.proof.acts import Footprint
from pilotage.proof.barred import Shows, barred, unkept
from pilotage.proof.casting import BASE, assembled, casts
from pilotage.proof.conflict import Conflicts
from pilotage.proof.domains import conjuncts
from pilotage.proof.minimal import minimal_by
from pilotage.proof.offered import offered
from pilotage.proof.outcome import Collision, Proof, Scenario, Verdict, Witness
from pilotage.proof.person import pinned
from pilotage.proof.recipes import Recipe, recipes
from pilotage.proof.restriction import Exclusions, Restriction, denied, restrictions_of
from pilotage.proof.separation import Reason
from pilotage.proof.witness import Anything, Stage, enact_directed

POLICY, SERVED, BARRED, ELSEWHERE, HANDED, NOBODY = "policy", "served", "barred", "elsewhere", "handed", "nobody"
WAYS_MAX = 4
"""By how many ways it is tried to come to a step."""
_AS = " as "


def policy_proofs(conflicts: Conflicts) -> Iterator[Proof]:
    """The questions about purposes that are not for everybody, of each journey and step that they concern."""
    restrictions = restrictions_of(conflicts.plan.policy)
    if not restrictions:
        return
    asked = _Asked(conflicts, restrictions)
    for each in restrictions.values():
        if each.purpose in conflicts.purposes and asked.exclusions.never(each):
            yield Proof(POLICY, NOBODY, (), Verdict.NEVER, each.purpose, f"{each.only.text} is never true")
    for name, _ in conflicts.asked:
        yield from asked.journey(name)


class _Asked:
    """Asks what concerns one plan. `contents` are the contents of restricted purposes, each with these."""

    def __init__(self, conflicts: Conflicts, restrictions: dict[str, Restriction]) -> None:
        self.conflicts, self.restrictions = conflicts, restrictions
        self.exclusions = Exclusions(conflicts.setting, conflicts.zones)
        self.contents: dict[str, dict[str, Restriction]] = {}
        for journey in conflicts.journeys.values():
            for step in journey.steps:
                if isinstance(step, Send) and step.purpose in restrictions:
                    self.contents.setdefault(step.content, {})[step.purpose] = restrictions[step.purpose]

    def journey(self, name: str) -> Iterator[Proof]:
        """The questions about one journey, in the order of its steps."""
        footprint = self.conflicts.footprint(name)
        journey = footprint.journey
        for step in journey.steps:
            if step.id not in footprint.passages.spans:
                continue
            if isinstance(step, Send) and step.purpose not in self.conflicts.purposes:
                continue
            if isinstance(step, Send):
                if step.purpose in self.restrictions:
                    yield from self._restricted(footprint, step, self.restrictions[step.purpose])
                for purpose, restriction in sorted(self.contents.get(step.content, {}).items()):
                    if purpose != step.purpose:
                        yield self._elsewhere(footprint, step, restriction)
            elif isinstance(step, Task | Call) and not on_accounts(journey) and journey.purpose in self.restrictions:
                yield self._handed(footprint, step, self.restrictions[journey.purpose])

    def _restricted(self, footprint: Footprint, step: Send, restriction: Restriction) -> Iterator[Proof]:
        only = restriction.only.text
        kept = f"{restriction.purpose} leaves only where {only}, which is asked when it is decided and again when it is handed over"
        yield Proof(POLICY, SERVED, (footprint.journey.name,), Verdict.PROVED, step.id, kept)
        own = self.exclusions.own(footprint, step.id, restriction) if step.role is UNSET else None
        ends = f"go on to {step.on_blocked}" if step.on_blocked else "end there"
        relies = f"only the block keeps it from those who are not known to meet {only}, and they {ends}"
        yield self._answer(BARRED, step.id, footprint, step, restriction, own, relies)

    def _elsewhere(self, footprint: Footprint, step: Send, restriction: Restriction) -> Proof:
        kept = self.exclusions.at_sending(footprint, step, restriction)
        what = f"'{step.content}' is for {restriction.purpose} only where {restriction.only.text}, and leaves here for {step.purpose}"
        return self._answer(ELSEWHERE, f"{step.id}{_AS}{restriction.purpose}", footprint, step, restriction, kept, what)

    def _handed(self, footprint: Footprint, step: Task | Call, restriction: Restriction) -> Proof:
        own = self.exclusions.own(footprint, step.id, restriction)
        noun = "task" if isinstance(step, Task) else "call"
        what = f"{restriction.purpose} is only where {restriction.only.text}, and nothing refuses a {noun}"
        return self._answer(HANDED, step.id, footprint, step, restriction, own, what)

    def _answer(
        self,
        kind: str,
        about: str,
        footprint: Footprint,
        step: Send | Task | Call,
        restriction: Restriction,
        kept: Reason | None,
        what: str,
    ) -> Proof:
        """A proof where it is known why nobody else comes; else somebody, if anybody is found."""
        names = (footprint.journey.name,)
        if kept is not None:
            return Proof(POLICY, kind, names, Verdict.PROVED, about, kept.text, kept.assumes)
        shows = _shows(self.conflicts, kind, footprint.journey, step, restriction)
        for scenario in self._tried(footprint, step, restriction):
            found = shows(scenario)
            if found is not None:
                return Proof(POLICY, kind, names, Verdict.WITNESS, about, what, witness=Witness(scenario, found.collision))
        only = restriction.only.text
        reason = f"no condition on the ways to it keeps out whoever does not meet {only}, and nobody was found who comes to it"
        return Proof(POLICY, kind, names, Verdict.UNKNOWN, about, reason)

    def _tried(self, footprint: Footprint, step: AnyStep, restriction: Restriction) -> Iterator[Scenario]:
        """People of whom a restriction is not true, on the ways to a step; first those of whom it is known to be false."""
        setup = self.conflicts.setup
        if isinstance(step, Send) and step.role is not UNSET:
            yield from offered(setup, footprint.journey, step, restriction)
            return
        stage = Stage.of(setup, (footprint.journey.name,), Anything(), 1)
        ways = tuple(recipes(footprint.passages, step.id, WAYS_MAX))
        refused = isinstance(step, Send) and step.purpose == restriction.purpose
        tried = [_against(way, part, known=known, refused=refused) for known in (True, False) for way in ways for part in restriction.parts]
        tried += [(msgspec.structs.replace(way, unmet=refused),) for way in ways]  # what a step sets may make them another one
        for recipe in tried:
            cast = next((cast for each in recipe for cast in casts(setup, (each,))), None)
            if cast is not None:
                yield enact_directed(stage, cast, assembled(cast, setup))[0]


def _against(way: Recipe, part: Expr, *, known: bool, refused: bool) -> tuple[Recipe, ...]:
    """A way, taken by somebody of whom a part of a restriction is false or (not `known`) not true; the message is `refused` for it. Which
    choice of an `or` is left depends on what is asked first: the restriction, or what the way asks."""
    asked = tuple((pinned(expr, BASE), holds) for expr, holds in way.asked)
    there = pinned(part, BASE + way.least_us)
    against = tuple(conjuncts(denied(there)) if known else conjuncts(there, False))
    return tuple(msgspec.structs.replace(way, asked=each, unmet=refused) for each in ((*against, *asked), (*asked, *against)))


def _shows(conflicts: Conflicts, kind: str, journey: Journey, step: Send | Task | Call, restriction: Restriction) -> Shows:
    """What shows an answer of a kind."""
    if kind == BARRED and isinstance(step, Send):
        return barred(conflicts, journey.name, step)
    return unkept(conflicts, journey, step, restriction)


def looked_for(conflicts: Conflicts, proof: Proof) -> Shows:
    """What a proof about policy was looked for by."""
    name, _, purpose = proof.about.partition(_AS)
    journey = conflicts.journeys[proof.journeys[0]]
    step = next(step for step in journey.steps if step.id == name)
    assert isinstance(step, Send | Task | Call), "nothing else is asked about"
    own = step.purpose if isinstance(step, Send) else journey.purpose
    return _shows(conflicts, proof.kind, journey, step, restrictions_of(conflicts.plan.policy)[purpose or own])


def made_small(conflicts: Conflicts, proof: Proof) -> Witness:
    """The witness of a proof with as little as is needed; what is known of them to be false stays known."""
    assert proof.witness is not None, "only a witness can be made small"
    shows = looked_for(conflicts, proof)
    first = shows(proof.witness.scenario)

    def tried(scenario: Scenario) -> Collision | None:
        found = shows(scenario)
        return found.collision if found is not None and first is not None and found.known is first.known else None

    return minimal_by(proof.witness, tried)
