"""Evidence about a plan by proof: every question with its outcome, named by the digests of plan and bounds.

`evidence_of` is what a review asks for. Conflicts of pairs are remembered by the digests of their journeys, so that a change costs what
it concerns; many pairs are decided by two processes.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from multiprocessing import get_context

import msgspec
import z3

from pilotage.app.apart import end_with_parent
from pilotage.app.asking import PROVER, Question
from pilotage.event.digest import digest
from pilotage.event.zone import Zones
from pilotage.journey.plan import Content, Enter, Journey, Plan, Send, Set
from pilotage.journey.program import load
from pilotage.proof.casting import Setup
from pilotage.proof.conflict import KINDS, Conflicts
from pilotage.proof.consent_paths import CONSENT, consent_proofs, looked_for
from pilotage.proof.enactment import enact
from pilotage.proof.loops import LOOP, Looping, Rounds
from pilotage.proof.migration import migration_proofs
from pilotage.proof.minimal import minimal
from pilotage.proof.outcome import Bounds, Proof, Story, Verdict, Witness
from pilotage.proof.policy import POLICY, made_small, policy_proofs
from pilotage.proof.policy import looked_for as barred_by
from pilotage.proof.pressure import COUNTED, PRESSURE, Counter, Pressures
from pilotage.proof.reach import REACH, Reaching
from pilotage.proof.story import Teller
from pilotage.proof.subsumption import SUBSUMPTION, subsumption_proofs
from pilotage.proof.takeovers import MIGRATION
from pilotage.proof.witness import Collide

CONFLICT = "conflict"
PAIRS_FOR_TWO = 400
"""From so many pairs on that may need trying, two processes share them."""

Progress = Callable[[int, int], None]
"""Told how many pairs are decided, of how many."""


class Evidence(msgspec.Struct, frozen=True):
    """What was asked of a plan and what came of it: the digests of plan and bounds, the proofs that took more than a look, and how many
    pairs were settled by a look (`plain`)."""

    plan: str
    bounds: str
    proofs: tuple[Proof, ...]
    plain: int = 0

    @property
    def asked(self) -> int:
        """How many questions were asked."""
        return len(self.proofs) + self.plain

    @property
    def witnesses(self) -> tuple[Proof, ...]:
        """The proofs that are stories of somebody."""
        return tuple(proof for proof in self.proofs if proof.verdict is Verdict.WITNESS)


class Shown(msgspec.Struct, frozen=True):
    """A witness made as small as it can be, enacted once more, and told."""

    proof: Proof
    story: Story


class Remembered(msgspec.Struct):
    """What was found before under a context: for each pair of journey digests what was more than a look at them, and the digests of
    all journeys that have been compared with each other."""

    context: str
    pairs: dict[str, list[Proof]]
    compared: list[str]

    def encoded(self) -> bytes:
        """As a file."""
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def decoded(cls, raw: bytes) -> "Remembered":
        """Of a file; `msgspec.DecodeError` where it is none."""
        return msgspec.json.decode(raw, type=cls)


def conflicts_for(plan: Plan, zones: Zones, question: Question) -> Conflicts:
    """What answers a question about a plan."""
    return Conflicts(plan, zones, question.bounds, classes=question.classes or None)


def context_of(plan: Plan, bounds: Bounds) -> str:
    """The digest of all that the proofs of a pair rest on beside its journeys."""
    sets = sorted({each.name for journey in plan.journeys for step in journey.steps if isinstance(step, Set) for each in step.attributes})
    asked = sorted({step.journey for journey in plan.journeys for step in journey.steps if isinstance(step, Enter)})
    parts = (PROVER, z3.get_version_string(), bounds, plan.kernel, plan.policy, plan.attributes, plan.audiences, plan.contracts, plan.zones)
    return digest((*parts, plan.accounts, sets, asked))


def conflicts_of(
    plan: Plan, zones: Zones, question: Question, remembered: Remembered | None = None, progress: Progress | None = None
) -> tuple[list[Proof], Remembered]:
    """The conflicts of pairs, those that were more than a look at the journeys; and all that is known from now on."""
    context = context_of(plan, question.bounds) if not question.classes else ""
    known = remembered if remembered is not None and remembered.context == context else Remembered(context, {}, [])
    contents = {content.name: content for content in plan.contents}
    digests = {name: _digest(journey, contents) for name, journey in conflicts_for(plan, zones, question).asked}
    compared = set(known.compared)
    pairs = [pair for pair in combinations(digests, 2) if question.journey in ("", *pair)]
    fresh = [pair for pair in pairs if not (digests[pair[0]] in compared and digests[pair[1]] in compared)]
    found = dict(_decided(plan, zones, question, fresh, progress))
    keyed = {_key(digests, pair): proofs for pair, proofs in found.items()}
    whole = {**known.pairs, **keyed}
    told = [proof for pair in pairs for proof in whole.get(_key(digests, pair), ())]
    all_compared = sorted(digests.values()) if not question.journey else sorted(compared)
    return told, Remembered(context, whole, all_compared)


def _digest(journey: Journey, contents: dict[str, Content]) -> str:
    """A journey with the contents that it sends."""
    sent = sorted({step.content for step in journey.steps if isinstance(step, Send)})
    return digest((journey, [contents[name] for name in sent]))[:24]


def _key(digests: dict[str, str], pair: tuple[str, str]) -> str:
    return "|".join(sorted((digests[pair[0]], digests[pair[1]])))


def _decided(
    plan: Plan, zones: Zones, question: Question, pairs: Sequence[tuple[str, str]], progress: Progress | None
) -> Iterator[tuple[tuple[str, str], list[Proof]]]:
    """Decide pairs; what a look at both journeys settles is left out."""
    conflicts = conflicts_for(plan, zones, question)
    wanted = [pair for pair in pairs if conflicts.concerned(*pair)]
    if question.journey:
        conflicts.act_only({name for pair in wanted for name in pair})
    done = len(pairs) - len(wanted)
    for pair, proofs in _shared(conflicts, wanted, question.workers):
        done += 1
        if progress is not None:
            progress(done, len(pairs))
        if proofs:
            yield pair, proofs


_AT_WORK: list[tuple[Conflicts, Pressures]] = []
"""What a process decides with; it is there before the process is, and shared without copying."""


def _shared(conflicts: Conflicts, pairs: Sequence[tuple[str, str]], workers: int) -> Iterator[tuple[tuple[str, str], list[Proof]]]:
    pressures = Pressures(conflicts)
    if workers < 2 or len(pairs) < PAIRS_FOR_TWO or (os.cpu_count() or 1) < 2:
        for pair in pairs:
            yield pair, _pair(conflicts, pressures, pair)
        return
    _ = conflicts.setup  # loaded once, for all
    _AT_WORK.append((conflicts, pressures))
    try:
        with ProcessPoolExecutor(workers, get_context("fork"), end_with_parent) as pool:
            yield from zip(pairs, pool.map(_at_work, pairs, chunksize=64), strict=True)
    finally:
        _AT_WORK.pop()


def _at_work(pair: tuple[str, str]) -> list[Proof]:
    return _pair(*_AT_WORK[-1], pair)


def _pair(conflicts: Conflicts, pressures: Pressures, pair: tuple[str, str]) -> list[Proof]:
    return [proof for proof in (*conflicts.pair(*pair), *pressures.pair(*pair)) if proof.about]


def wide_conflicts(conflicts: Conflicts) -> Iterable[Proof]:
    """What concerns journeys alone, or more than two: pressure by one journey, and loops."""
    pressures = Pressures(conflicts)
    for name, _ in conflicts.asked:
        yield from (proof for proof in pressures.alone(name) if proof.verdict is not Verdict.PROVED)
    yield from Looping(conflicts).proofs()


def evidence_of(
    plan: Plan,
    zones: Zones,
    question: Question,
    kinds: Iterable[str] = (CONFLICT,),
    remembered: Remembered | None = None,
    progress: Progress | None = None,
    earlier: Sequence[Plan] = (),
) -> tuple[Evidence, Remembered | None]:
    """The answers to kinds of questions about a plan, by its digest; and what is to be remembered of pairs (None: nothing was asked of
    pairs). `earlier` are the plans that it may take over from."""
    proofs: list[Proof] = []
    plain, known = 0, None
    names = {name for name, _ in conflicts_for(plan, zones, question).asked}
    for kind in kinds:
        if kind == CONFLICT:
            found, known = conflicts_of(plan, zones, question, remembered, progress)
            known = None if question.classes else known
            plain = _pairs(names, question.journey) - len({proof.journeys for proof in found})
            proofs += found
            proofs += wide_conflicts(conflicts_for(plan, zones, question))
        elif kind == CONSENT:
            proofs += consent_proofs(conflicts_for(plan, zones, question))
        elif kind == REACH:
            proofs += Reaching(conflicts_for(plan, zones, question)).proofs()
        elif kind == SUBSUMPTION:
            proofs += subsumption_proofs(plan, zones)
        elif kind == POLICY:
            proofs += policy_proofs(conflicts_for(plan, zones, question))
        elif kind == MIGRATION:
            proofs += migration_proofs(earlier, plan, zones, question.bounds, question.journey)
    concerning = tuple(proof for proof in proofs if not proof.journeys or _concerns(question, names, proof))
    return Evidence(plan.digest, digest(question.bounds), concerning, plain), known


def _pairs(names: Collection[str], journey: str) -> int:
    """How many pairs of journeys are asked about."""
    if journey:
        return len(names) - 1 if journey in names else 0
    return len(names) * (len(names) - 1) // 2


def _concerns(question: Question, names: Collection[str], proof: Proof) -> bool:
    """Whether a proof about journeys, of which those of some names are asked about, is one that was asked for."""
    if question.journey and question.journey not in proof.journeys:
        return False
    if not question.classes:
        return True
    if proof.kind == PRESSURE:
        return COUNTED in question.classes
    return any(name in names for name in proof.journeys) if proof.kind == LOOP else all(name in names for name in proof.journeys)


def shown(plan: Plan, zones: Zones, bounds: Bounds, proof: Proof, classes: tuple[str, ...] = ()) -> Shown:
    """A witness as it may be shown: made small, enacted among its journeys alone, loaded by themselves. `classes` are those that were
    asked for. `NotReproduced` if what was found does not come about again."""
    witness = proof.witness
    assert witness is not None, "only a witness can be shown"
    conflicts = Conflicts(plan, zones, bounds, classes=classes or None)
    if proof.question == POLICY:
        return _shown_by_policy(conflicts, proof)
    setup, collide, within_us = _stage(conflicts, proof)
    small = minimal(setup.program, witness, collide, within_us) if collide is not None else witness
    alone = msgspec.structs.replace(setup.program.plan, journeys=with_entered(plan, small.scenario.journeys))
    decisions = enact(load(alone, zones, "proof"), small.scenario).decisions
    found = collide(decisions) if collide is not None else (0, small.collision)
    if found is None or abs(found[0]) >= within_us:
        raise NotReproduced(f"{' and '.join(proof.journeys)} did not collide again over {proof.about}; run with --fresh")
    told = msgspec.structs.replace(proof, witness=Witness(small.scenario, found[1]))
    return Shown(told, Teller(plan, zones).told(told, decisions))


def _shown_by_policy(conflicts: Conflicts, proof: Proof) -> Shown:
    """A witness of what is not for them, as it may be shown."""
    plan, zones, small = conflicts.plan, conflicts.zones, made_small(conflicts, proof)
    alone = Conflicts(msgspec.structs.replace(plan, journeys=with_entered(plan, small.scenario.journeys)), zones, conflicts.bounds)
    found = barred_by(alone, proof)(small.scenario)
    if found is None:
        raise NotReproduced(f"nobody came to {proof.about} of {proof.journeys[0]} again; run with --fresh")
    told = msgspec.structs.replace(proof, witness=Witness(small.scenario, found.collision))
    return Shown(told, Teller(plan, zones).told(told, enact(alone.setup.program, small.scenario).decisions))


class NotReproduced(RuntimeError):
    """A witness that is remembered does not come about again: it is not shown. Prove anew with --fresh."""


def _stage(conflicts: Conflicts, proof: Proof) -> tuple[Setup, Collide | None, int]:
    """What a witness was found with: the program, what it was looked for by, and how near is too near."""
    if proof.kind in KINDS:
        return conflicts.setup, conflicts.collide(proof.kind, proof.about, *proof.journeys), conflicts.within_us(proof.kind)
    if proof.question == CONSENT:
        return conflicts.setup, looked_for(proof), 1
    if proof.kind == PRESSURE:
        pressures = Pressures(conflicts)
        return pressures.setup(), Counter(conflicts.bounds.pressure, conflicts.bounds.pressure_us, pressures.sends), 1
    rounds = proof.witness is not None and len(proof.witness.collision.moments) > 1
    return conflicts.setup, Rounds(proof.witness.collision.moments[0][1]) if rounds and proof.witness is not None else None, 1


def with_entered(plan: Plan, names: Sequence[str]) -> tuple[Journey, ...]:
    """Journeys, and those that they have customers enter."""
    wanted, ahead = set[str](), list(names)
    while ahead:
        name = ahead.pop()
        if name not in wanted:
            wanted.add(name)
            ahead += [step.journey for each in plan.journeys if each.name == name for step in each.steps if isinstance(step, Enter)]
    return tuple(journey for journey in plan.journeys if journey.name in wanted)
