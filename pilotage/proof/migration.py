"""Migration: does the map by which a version takes over another keep every guarantee, wherever somebody rests?

For each journey whose new version has those under way migrate, and each earlier version they may be in: what rules settle is proved,
for what they do not somebody is looked for, and what is neither is unknown.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pilotage.event.zone import Zones
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, load
from pilotage.proof.conflict import Conflicts
from pilotage.proof.movers import Stage, sought
from pilotage.proof.moves import KINDS, Answer, Doubt, Move, answers, whole
from pilotage.proof.outcome import Bounds, Proof, Verdict
from pilotage.proof.routes import Routes
from pilotage.proof.takeovers import MIGRATION, taken_over


class Moves:
    """How one plan takes over from another: the journeys whose entries migrate."""

    def __init__(self, earlier: Plan, plan: Plan, zones: Zones, bounds: Bounds = Bounds()) -> None:
        self.earlier, self.plan, self.zones = earlier, plan, zones
        self.before, self.after = Conflicts(earlier, zones, bounds), Conflicts(plan, zones, bounds)
        self.moves = {move.name: move for move in self._moves()}
        self.loaded: Program | None = None

    def _moves(self) -> Iterator[Move]:
        contents = {content.name: content for content in self.plan.contents}
        olds = {journey.name: journey for journey in self.earlier.journeys}
        for new in self.plan.journeys:
            old = olds.get(new.name)
            found = taken_over(old, new) if old is not None else None
            if found is None:
                continue
            old_routes, new_routes = (Routes(conflicts.footprint(new.name).passages) for conflicts in (self.before, self.after))
            settings = (self.before.setting, self.after.setting)
            yield Move(old_routes, new_routes, found, settings, (settings[0].rules, settings[1].rules), contents)

    def stage(self, move: Move) -> Stage:
        """Where somebody is met by a move."""
        if self.loaded is None:
            self.loaded = load(self.plan, self.zones, "proof", (self.earlier,))
        return Stage.of(move, self.before.setup, self.loaded, self.earlier.digest)

    def answers(self, move: Move) -> Iterator[Answer]:
        """What rules say of a move."""
        yield from whole(move)
        for step in move.resting:
            yield from answers(move, step)

    def proofs(self, journey: str = "") -> Iterator[Proof]:
        """The questions about every move, or that of one journey."""
        for name, move in self.moves.items():
            if journey in ("", name):
                yield from self._of(move)

    def _of(self, move: Move) -> Iterator[Proof]:
        kept: dict[str, list[Answer]] = defaultdict(list)
        doubts: dict[Doubt, None] = {}
        for answer in self.answers(move):
            if answer.kept is not None:
                kept[answer.kind].append(answer)
            if answer.doubt is not None:
                doubts[answer.doubt] = None
        for kind in KINDS:
            mine = [doubt for doubt in doubts if doubt.kind == kind]
            yield from (self._decided(move, doubt) for doubt in mine)
            reasons = [answer.kept for answer in kept[kind] if answer.kept is not None]
            if reasons and not mine:
                text = "; ".join(dict.fromkeys(reason.text for reason in reasons))
                assumes = tuple(sorted({name for reason in reasons for name in reason.assumes}))
                yield Proof(MIGRATION, kind, (move.name,), Verdict.PROVED, _from(move), text, assumes)

    def _decided(self, move: Move, doubt: Doubt) -> Proof:
        about = doubt.about
        witness = sought(self.stage(move), doubt)
        if witness is None:
            reason = "no rule excludes it, and nobody was found to whom it happens"
            return Proof(MIGRATION, doubt.kind, (move.name,), Verdict.UNKNOWN, about, reason)
        return Proof(MIGRATION, doubt.kind, (move.name,), Verdict.WITNESS, about, witness=witness)

    def doubt(self, proof: Proof) -> tuple[Move, Doubt] | None:
        """What a proof was looked for by; None where the plans do not ask it."""
        move = self.moves.get(proof.journeys[0])
        found = (each.doubt for each in self.answers(move) if each.doubt is not None) if move is not None else ()
        doubt = next((each for each in found if (each.kind, each.about) == (proof.kind, proof.about)), None)
        return (move, doubt) if move is not None and doubt is not None else None


def _from(move: Move) -> str:
    return f"from version {move.takeover.old.digest[:16]}"


def migration_proofs(earlier: Sequence[Plan], plan: Plan, zones: Zones, bounds: Bounds, journey: str = "") -> Iterator[Proof]:
    """The questions about taking over from each of some plans; a version that several of them have is asked about once."""
    asked: set[str] = set()
    for each in earlier:
        moves = Moves(each, plan, zones, bounds)
        for name, move in moves.moves.items():
            if move.takeover.old.digest not in asked and journey in ("", name):
                asked.add(move.takeover.old.digest)
                yield from moves.proofs(name)
