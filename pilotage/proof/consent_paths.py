"""Consent along the ways of journeys: does a marketing message reach somebody who was never asked, and does a customer whose message was
blocked go on to a step that presumes they had it?

The kernel decides every message by its purpose's legal basis, so what can go wrong is in the documents: a basis that asks for nothing,
and an `on_blocked` that leads to waiting for what was never sent to be opened.
"""

from collections.abc import Iterator, Sequence

import msgspec

from pilotage.journey.edges import ON_BLOCKED
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import AnyStep, Send, Wait
from pilotage.journey.subjects import on_accounts
from pilotage.proof.acts import Footprint
from pilotage.proof.conflict import Conflicts
from pilotage.proof.outcome import Collision, Proof, Verdict, Witness
from pilotage.proof.recipes import Recipe, recipes, recipes_by
from pilotage.proof.witness import Collide, Stage, assembled, casts, enact_directed

CONSENT, UNASKED, PRESUMED = "consent", "unasked", "presumed"
ASKED_CLASS, ASKED_BASIS = "marketing", "consent"
CONTACTED = "message."
"""How the event types begin that only somebody can cause who has a message."""
_BEYOND = " → "


def consent_proofs(conflicts: Conflicts) -> Iterator[Proof]:
    """The questions about consent of every journey on persons."""
    purposes = {purpose.name: purpose for purpose in conflicts.plan.policy.purposes}
    for name, journey in conflicts.asked:
        if on_accounts(journey):
            continue
        footprint = conflicts.footprint(name)
        for step in journey.steps:
            if not isinstance(step, Send) or step.id not in footprint.passages.spans or step.purpose not in conflicts.purposes:
                continue
            purpose = purposes[step.purpose]
            if purpose.contact_class == ASKED_CLASS and purpose.basis != ASKED_BASIS:
                ways = (msgspec.structs.replace(way, withheld=_pairs(journey.steps)) for way in recipes(footprint.passages, step.id))
                yield _found(conflicts, Unasked(name, step.id), UNASKED, step.id, ways)
            else:
                reason = (
                    f"it leaves only with consent to {step.purpose}"
                    if purpose.basis == ASKED_BASIS
                    else f"its class is {purpose.contact_class}"
                )
                yield Proof(CONSENT, UNASKED, (name,), Verdict.PROVED, step.id, reason)
            yield from _presumed(conflicts, footprint, step)


def _presumed(conflicts: Conflicts, footprint: Footprint, step: Send) -> Iterator[Proof]:
    """For a message that can be blocked, whether the way of the blocked leads to a step that presumes contact."""
    name, passages = footprint.journey.name, footprint.passages
    blocked = next((way for way in passages.ways[step.id] if way.label == ON_BLOCKED and way.goto in passages.ways), None)
    if blocked is None:
        return
    steps = {each.id: each for each in footprint.journey.steps}
    found = False
    for goal in _unsent(footprint, blocked.goto, steps):
        if presumes(steps[goal]):
            found = True
            about = f"{step.id}{_BEYOND}{goal}"
            yield _found(conflicts, Presumed(name, step.id, goal), PRESUMED, about, recipes_by(passages, blocked, goal))
    if not found:
        yield Proof(CONSENT, PRESUMED, (name,), Verdict.PROVED, step.id, "no way of the blocked leads to a step that presumes contact")


def _unsent(footprint: Footprint, start: str, steps: dict[str, AnyStep]) -> list[str]:
    """The steps that can be come to from one without being sent another message, in the order of the journey."""
    reached, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name not in reached and name in steps:
            reached.add(name)
            if not isinstance(steps[name], Send):
                ahead += [way.goto for way in footprint.passages.ways[name]]
    return [name for name in steps if name in reached]


def presumes(step: AnyStep) -> bool:
    """Whether a step waits for what only somebody can do who has a message."""
    return isinstance(step, Wait) and (
        step.until.startswith(CONTACTED) or (step.when is not None and any(event.startswith(CONTACTED) for event in step.when.events))
    )


def _pairs(steps: Sequence[AnyStep]) -> frozenset[str]:
    return frozenset(f"{step.purpose}|{step.channel}" for step in steps if isinstance(step, Send))


def _found(conflicts: Conflicts, collide: Collide, kind: str, about: str, ways: Iterator[Recipe]) -> Proof:
    for way in ways:
        stage = Stage.of(conflicts.setup, (way.journey,), collide, 1)
        for cast in casts(conflicts.setup, (way,)):
            whole, enacted = enact_directed(stage, cast, assembled(cast, conflicts.setup))
            found = collide(enacted.decisions)
            if found is not None:
                return Proof(CONSENT, kind, (way.journey,), Verdict.WITNESS, about, witness=Witness(whole, found[1]))
    name = collide.journey if isinstance(collide, Unasked | Presumed) else ""
    return Proof(CONSENT, kind, (name,), Verdict.UNKNOWN, about, "the way is written, and nobody was found who takes it")


class Unasked(msgspec.Struct, frozen=True):
    """Finds a message of a step, sent to somebody who has agreed to nothing."""

    journey: str
    step: str

    def acts(self, journey: str, decisions: Sequence[Decision]) -> list[tuple[int, str]]:
        """The messages of the step."""
        return [(each.at_us, each.step) for each in decisions if (each.journey, each.step, each.verb) == (self.journey, self.step, "sent")]

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The first of them."""
        found = self.acts(self.journey, decisions)
        return (0, Collision(((found[0][0], self.journey, self.step),))) if found else None


class Presumed(msgspec.Struct, frozen=True):
    """Finds an entry whose message was blocked at one step and that rests on another which presumes it."""

    journey: str
    step: str
    goal: str

    def acts(self, journey: str, decisions: Sequence[Decision]) -> list[tuple[int, str]]:
        """When messages of the step were blocked."""
        return [
            (each.at_us, each.step) for each in decisions if (each.journey, each.step, each.verb) == (self.journey, self.step, "blocked")
        ]

    def __call__(self, decisions: Sequence[Decision]) -> tuple[int, Collision] | None:
        """The block, and the wait after it in the same entry, with no message between."""
        blocked: dict[bytes, int] = {}
        for each in decisions:
            if each.journey != self.journey:
                continue
            if each.verb == "blocked" and each.step == self.step:
                blocked[each.entry] = each.at_us
            elif each.verb == "sent":
                blocked.pop(each.entry, None)
            elif each.verb == "waited" and each.step == self.goal and each.entry in blocked:
                return 0, Collision(((blocked[each.entry], self.journey, self.step), (each.at_us, self.journey, self.goal)))
        return None


def looked_for(proof: Proof) -> Collide:
    """What a proof about consent was looked for by."""
    step, _, goal = proof.about.partition(_BEYOND)
    return Presumed(proof.journeys[0], step, goal) if proof.kind == PRESUMED else Unasked(proof.journeys[0], step)
