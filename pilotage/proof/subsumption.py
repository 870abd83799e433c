"""Subsumption: is everybody whom one audience holds, or one journey lets in, held or let in by another one too? Then one of them is
redundant, or two teams do the same.

Who is in the one and not in the other is found in logic and confirmed by Python (`predicate.solver`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from msgspec import UNSET

from pilotage.event.zone import Zones
from pilotage.journey.plan import Plan
from pilotage.journey.subjects import ACCOUNT
from pilotage.predicate.ir import Literal, Predicate, Type
from pilotage.predicate.solver.logic import Limits
from pilotage.predicate.solver.pairs import pairs
from pilotage.predicate.solver.problem import World
from pilotage.proof.outcome import Proof, Verdict

SUBSUMPTION, AUDIENCE, ENTRANCE = "subsumption", "audience", "entrance"
SOLVER = Limits(work=1_000_000, timeout_ms=60_000)
EVERYBODY = Predicate("true", Literal(Type.BOOLEAN, True))


def subsumption_proofs(plan: Plan, zones: Zones) -> Iterator[Proof]:
    """Each pair of audiences, and each pair of journeys that begin with one event."""
    of_accounts = plan.accounts.audiences if plan.accounts is not None else ()
    worlds = {}
    for subject, audiences in (("", plan.audiences), (ACCOUNT, of_accounts)):
        conditions = {audience.name: audience.when for audience in audiences}
        worlds[subject] = World(zones, conditions, SOLVER)
        yield from _compared(AUDIENCE, conditions, worlds[subject])
    by_event: dict[tuple[str, str], dict[str, Predicate]] = defaultdict(dict)
    for journey in plan.journeys:
        if journey.enter.schedule is UNSET:
            by_event[journey.enter.event, journey.subject or ""][journey.name] = journey.enter.where or EVERYBODY
    for (_, subject), journeys in by_event.items():
        yield from _compared(ENTRANCE, journeys, worlds[subject])


def _compared(kind: str, predicates: Mapping[str, Predicate], world: World) -> Iterator[Proof]:
    for pair in pairs(predicates, world) if len(predicates) > 1 else ():
        names = (pair.one, pair.other)
        if pair.implies and pair.implied:
            yield Proof(SUBSUMPTION, kind, names, Verdict.NEVER, "a difference", "the two are true for the same customers")
        elif pair.implies or pair.implied:
            inner, outer = names if pair.implies else names[::-1]
            yield Proof(SUBSUMPTION, kind, names, Verdict.NEVER, inner, f"nobody is in {inner} and not in {outer}")
        elif pair.implies is None or pair.implied is None:
            yield Proof(SUBSUMPTION, kind, names, Verdict.UNKNOWN, "a difference", "the solver's budget ran out, and nobody was found")
        else:
            yield Proof(SUBSUMPTION, kind, names, Verdict.PROVED, "a difference", "each has somebody whom the other has not")
