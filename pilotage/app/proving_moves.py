"""Proofs about taking over: which plans a workspace may take over from, and how their witnesses and changes are shown."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from pilotage.app.proving import NotReproduced, Shown, with_entered
from pilotage.app.versions import version
from pilotage.event.zone import Zones
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.proof.casting import Setup
from pilotage.proof.migration import Moves
from pilotage.proof.movers import Stage, smallest_witness
from pilotage.proof.outcome import Bounds, Change, Proof
from pilotage.proof.remapping import smallest_of_map
from pilotage.proof.story import Teller
from pilotage.proof.story_of_moves import what_moves
from pilotage.runner.folder import AGAIN, read_environment, read_plans


def plans_before(name: str, workspace: Path, data: Path) -> tuple[Plan, ...]:
    """The plans that the workspace may take over from: the one named as for `pilotage diff`, else all that the data folder holds."""
    if name:
        return (version(name, workspace, data).plan,)
    if not (data / "environment.json").is_file():
        return ()
    names = dict.fromkeys(each.partition(AGAIN)[0] for each in read_environment(data).plans)
    return tuple(read_plans(data, list(names)))


def shown_move(earlier: Sequence[Plan], plan: Plan, zones: Zones, bounds: Bounds, proof: Proof) -> tuple[Shown, Change | None]:
    """The witness of a takeover as it may be shown, and the smallest change that is proved to remove it. `NotReproduced` if it does not
    come about again with the journey loaded alone in both plans."""
    witness = proof.witness
    assert witness is not None, "only a witness can be shown"
    before = next(each for each in earlier if each.digest == witness.scenario.earlier)
    moves = Moves(before, plan, zones, bounds)
    found = moves.doubt(proof)
    if found is None:
        raise NotReproduced(f"nothing is in doubt about {proof.about} of {proof.journeys[0]}; run with --fresh")
    move, doubt = found
    small = smallest_witness(moves.stage(move), doubt, witness)
    alone = [_alone(each, move.name) for each in (before, plan)]
    stage = Stage.of(
        move,
        Setup(load(alone[0], zones, "proof"), moves.before.knowledge, moves.before.offices),
        load(alone[1], zones, "proof", alone[:1]),
        before.digest,
    )
    collision = stage.found(small.scenario, doubt)
    if collision is None:
        raise NotReproduced(f"{proof.about} of {move.name} did not come about again; run with --fresh")
    told = msgspec.structs.replace(proof, witness=msgspec.structs.replace(small, collision=collision))
    story = Teller(plan, zones, before).told(told, stage.enacted(small.scenario).decisions, what_moves(doubt))
    return Shown(told, story), smallest_of_map(moves, proof)


def _alone(plan: Plan, name: str) -> Plan:
    """A plan with one journey, and those that it has customers enter."""
    return msgspec.structs.replace(plan, journeys=with_entered(plan, (name,)))
