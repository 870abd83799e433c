"""What was shown about plans, as files named by their digests: how many questions of each kind ended how, beside the reports of rehearsals.

Of proofs only what was asked of a whole plan within the usual bounds is kept; the newest of a plan counts. Who asks here reads no report
whole.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pilotage.event.digest import digest
from pilotage.journey.plan import Plan
from pilotage.proof.outcome import Proof, Verdict
from pilotage.proof.takeovers import MIGRATION, migrating
from pilotage.runner.folder import write_file

FOLDER = "evidence"
PREFIX = "proofs-"


class _Head(msgspec.Struct, frozen=True):
    """What a report begins with."""

    kind: str
    plan: str


def folder_of(workspace: Path, data: Path) -> Path:
    """Where evidence lies: in the data folder, if there is one, else in the workspace."""
    return (data if (data / "environment.json").is_file() else workspace) / FOLDER


def rehearsals_of(folder: Path, plan: str) -> tuple[str, ...]:
    """The rehearsals on file of the plan of a digest: what was tried, and how the report's digest begins."""
    found = set[str]()
    for path in folder.glob(f"*-{plan[:16]}-*.json"):
        try:
            head = msgspec.json.decode(path.read_bytes(), type=_Head)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if head.plan == plan:
            found.add(f"{head.kind} {path.stem.rpartition('-')[2]}")
    return tuple(sorted(found))


class Proven(msgspec.Struct, frozen=True, omit_defaults=True):
    """How questions about the plan of a digest ended, within bounds named by theirs: by kind of question, the number of each verdict.
    Those that a look settled count as proved. `kinds` are all that can be asked, `earlier` the plans to take over from."""

    plan: str
    bounds: str
    kinds: tuple[str, ...]
    outcomes: dict[str, dict[str, int]]
    earlier: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What it comes to: `witness` if anything has one or is for nobody, `unknown` if anything is or was not asked, else `proved`."""
        found = {verdict for counts in self.outcomes.values() for verdict in counts}
        if found & {Verdict.WITNESS, Verdict.NEVER}:
            return "witness"
        return "unknown" if Verdict.UNKNOWN in found or set(self.outcomes) < set(self.kinds) else "proved"

    @property
    def text(self) -> str:
        """The outcomes in words, such as `conflict: 12 proved, 1 witness`."""
        told = {kind: ", ".join(f"{number} {verdict}" for verdict, number in counts.items()) for kind, counts in self.outcomes.items()}
        return "; ".join(f"{kind}: {counts or 'nothing to ask'}" for kind, counts in told.items())


class Asked(msgspec.Struct, frozen=True):
    """What was asked of a whole plan and came of it: the kinds of questions, the proofs, and how many more a look settled."""

    plan: str
    bounds: str
    questions: tuple[str, ...]
    proofs: Sequence[Proof]
    plain: int = 0
    earlier: tuple[str, ...] = ()


def keep_proven(folder: Path, asked: Asked, kinds: tuple[str, ...]) -> None:
    """Put on file what came of questions about a whole plan, with what is on file of other questions within the same bounds."""
    before = proven_of(folder, asked.plan)
    known = before.outcomes if before is not None and before.bounds == asked.bounds else {}
    fresh = {kind: dict(Counter(str(proof.verdict) for proof in asked.proofs if proof.question == kind)) for kind in asked.questions}
    if asked.plain:
        first = fresh[asked.questions[0]]
        first[str(Verdict.PROVED)] = first.get(str(Verdict.PROVED), 0) + asked.plain
    whole = {**known, **fresh}
    earlier = asked.earlier if MIGRATION in asked.questions or before is None else before.earlier
    found = Proven(asked.plan, asked.bounds, kinds, {kind: whole[kind] for kind in kinds if kind in whole}, earlier)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PREFIX}{found.plan[:16]}-{digest(found)[:16]}.json"
    write_file(path, msgspec.json.encode(found))


def proven_for(folder: Path, before: Plan, plan: Plan) -> Proven | None:
    """What was proved last about a plan that is to take over from another: of migration only what was asked of that other."""
    found = proven_of(folder, plan.digest)
    if found is None or before.digest in found.earlier or not migrating(before, plan):
        return found
    return msgspec.structs.replace(found, outcomes={kind: each for kind, each in found.outcomes.items() if kind != MIGRATION})


def proven_of(folder: Path, plan: str) -> Proven | None:
    """What was proved last about the plan of a digest; None if nothing was, or what is on file is none."""
    paths = sorted(folder.glob(f"{PREFIX}{plan[:16]}-*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(paths):
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Proven)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if found.plan == plan:
            return found
    return None
