"""Evidence about a plan by proof: every question with its outcome, named by the digests of plan and bounds.

`evidence_of` is what a review asks for. Conflicts of pairs are remembered by the digests of their journeys, so that a change costs what
it concerns; many pairs are decided by two processes.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from multiprocessing import get_context

import msgspec
import z3

from pilotage.event.digest import digest
from pilotage.event.zone import Zones
from pilotage.journey.plan import Journey, Plan
from pilotage.proof.conflict import Conflicts
from pilotage.proof.loops import Looping
from pilotage.proof.outcome import Bounds, Proof, Verdict
from pilotage.proof.pressure import Pressures

PROVER = 1
"""The version of what proves: what is remembered of another is not used."""
PAIRS_FOR_TWO = 400
"""From so many pairs on that may need trying, two processes share them."""

Progress = Callable[[int, int], None]
"""Told how many pairs are decided, of how many."""


class Question(msgspec.Struct, frozen=True):
    """What is asked for: pairs with one journey, or all pairs, within bounds. `workers` is how many processes may share the work."""

    journey: str = ""
    bounds: Bounds = Bounds()
    workers: int = 2


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


def context_of(plan: Plan, bounds: Bounds) -> str:
    """The digest of all that the proofs of a pair rest on beside its journeys."""
    sets = sorted({each.name for journey in plan.journeys for step in journey.steps for each in getattr(step, "attributes", ())})
    asked = sorted({step.journey for journey in plan.journeys for step in journey.steps if step.__struct_config__.tag == "journey"})  # type: ignore[attr-defined]
    parts = (PROVER, z3.get_version_string(), bounds, plan.kernel, plan.policy, plan.attributes, plan.audiences, plan.contracts, plan.zones)
    return digest((*parts, sets, asked))


def journey_digest(plan: Plan, journey: Journey) -> str:
    """A journey with the contents that it sends."""
    sent = {getattr(step, "content", "") for step in journey.steps}
    return digest((journey, [content for content in plan.contents if content.name in sent]))[:24]


def conflicts_of(
    plan: Plan, zones: Zones, question: Question, remembered: Remembered | None = None, progress: Progress | None = None
) -> tuple[list[Proof], Remembered]:
    """The conflicts of pairs, those that were more than a look at the journeys; and all that is known from now on."""
    context = context_of(plan, question.bounds)
    known = remembered if remembered is not None and remembered.context == context else Remembered(context, {}, [])
    contents = {content.name: content for content in plan.contents}
    digests = {journey.name: _digest(journey, contents) for journey in plan.journeys}
    compared = set(known.compared)
    pairs = [pair for pair in combinations(digests, 2) if question.journey in ("", *pair)]
    fresh = [pair for pair in pairs if not (digests[pair[0]] in compared and digests[pair[1]] in compared)]
    found = dict(_decided(plan, zones, question, fresh, progress))
    keyed = {_key(digests, pair): proofs for pair, proofs in found.items()}
    whole = {**known.pairs, **keyed}
    told = [proof for pair in pairs for proof in whole.get(_key(digests, pair), ())]
    all_compared = sorted(digests.values()) if not question.journey else sorted(compared)
    return told, Remembered(context, whole, all_compared)


def _digest(journey: Journey, contents: dict[str, object]) -> str:
    sent = sorted({name for step in journey.steps if (name := getattr(step, "content", ""))})
    return digest((journey, [contents[name] for name in sent]))[:24]


def _key(digests: dict[str, str], pair: tuple[str, str]) -> str:
    return "|".join(sorted((digests[pair[0]], digests[pair[1]])))


def _decided(
    plan: Plan, zones: Zones, question: Question, pairs: Sequence[tuple[str, str]], progress: Progress | None
) -> Iterator[tuple[tuple[str, str], list[Proof]]]:
    """Decide pairs; what a look at both journeys settles is left out."""
    conflicts = Conflicts(plan, zones, question.bounds)
    wanted = [pair for pair in pairs if conflicts.concerned(*pair)]
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
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            yield from zip(pairs, pool.map(_at_work, pairs, chunksize=64), strict=True)
    finally:
        _AT_WORK.pop()


def _at_work(pair: tuple[str, str]) -> list[Proof]:
    return _pair(*_AT_WORK[-1], pair)


def _pair(conflicts: Conflicts, pressures: Pressures, pair: tuple[str, str]) -> list[Proof]:
    return [proof for proof in (*conflicts.pair(*pair), *pressures.pair(*pair)) if proof.about]


def wide_conflicts(plan: Plan, zones: Zones, bounds: Bounds) -> Iterable[Proof]:
    """What concerns journeys alone, or more than two: pressure by one journey, and loops."""
    conflicts = Conflicts(plan, zones, bounds)
    pressures = Pressures(conflicts)
    for name in conflicts.journeys:
        yield from (proof for proof in pressures.alone(name) if proof.verdict is not Verdict.PROVED)
    yield from Looping(conflicts).proofs()
