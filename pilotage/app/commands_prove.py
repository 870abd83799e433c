"""The command `prove`: questions about a whole plan, each answered by a proof, by a customer's story, or by what ran out."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, UNDECIDED, USAGE, Trouble
from pilotage.app.options import AsJson, RunData
from pilotage.app.planning import unplanned
from pilotage.app.proven import Asked as Proved
from pilotage.app.proven import folder_of, keep_proven
from pilotage.app.proving import QUESTIONS, Evidence, Question, Remembered, Shown, evidence_of, shown
from pilotage.app.proving import Progress as Told
from pilotage.app.proving_moves import plans_before, shown_move
from pilotage.app.terminal import console, counted, error_console, print_json
from pilotage.app.witness_tests import save_witness
from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.event.time import duration_us
from pilotage.event.zone import Zones
from pilotage.journey.findings import suggestion
from pilotage.journey.plan import Plan
from pilotage.proof.change import Change, smallest
from pilotage.proof.outcome import Bounds, Proof, Verdict
from pilotage.proof.reach import REACH
from pilotage.proof.takeovers import MIGRATION
from pilotage.source.zones import packaged_zones

CACHE = Path(".pilotage") / "proofs.json"
"""Where a workspace remembers what was proved of pairs."""

Asked = Annotated[str, Parameter(help=f"One of {', '.join(QUESTIONS)}; all of them without it.")]
Journey = Annotated[str, Parameter(name="--journey", help="Only what concerns this journey.")]
Within = Annotated[str, Parameter(name="--within", help="How near messages on one channel may not come, as 40m.")]
Pressure = Annotated[int, Parameter(name="--pressure", help="How many candidate messages a day are too many, if there are more.")]
Stories = Annotated[int, Parameter(name="--stories", help="How many witnesses are told as stories; the rest are listed.")]
Save = Annotated[bool, Parameter(name="--save", help="Save the witnesses told as tests of their journeys.", negative="")]
From = Annotated[
    str,
    Parameter(
        name="--from", help="For migration: the version that is in force, as for 'pilotage diff'; what the data folder holds without it."
    ),
]
Fresh = Annotated[bool, Parameter(name="--fresh", help="Prove everything anew, whatever is remembered.", negative="")]


def prove_command(
    folder: Path = Path("."),
    question: Asked = "",
    *,
    journey: Journey = "",
    within: Within = "40m",
    pressure: Pressure = 5,
    stories: Stories = 5,
    save: Save = False,
    fresh: Fresh = False,
    before: From = "",
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Prove what a plan can never do to a customer, or show one to whom it does it.

    Each question ends in a proof within the bounds given, in a witness (a customer whose story the kernel has enacted), or unknown,
    with what ran out. Exits 0 if everything is proved, 1 if there is a witness or a part of a journey is for nobody, 3 if neither but
    something is unknown.

    Example: pilotage prove shop conflict --journey growth.offers.spring --within 2h

    Parameters
    ----------
    folder
        The workspace folder.
    """
    if question and question not in QUESTIONS:
        raise Trouble(f"unknown question {question!r}", USAGE, suggestion(question, QUESTIONS, "questions"))
    loaded, compiled = _compiled(folder, journey)
    plan = compiled.plan
    assert plan is not None
    zones, asked = packaged_zones(), Question(journey, _bounds(within, pressure))
    earlier = _earlier(before, folder, data or folder / "data", question)
    questions = (question,) if question else QUESTIONS
    with _progress(quiet=json) as progress:
        evidence, remembered = evidence_of(plan, zones, asked, questions, _known(folder, fresh), progress, earlier)
    _remember(folder, remembered)
    if not journey and asked.bounds == Bounds():  # a review is not told what was asked for less
        names = tuple(each.digest for each in earlier) if MIGRATION in questions else ()
        found = Proved(evidence.plan, evidence.bounds, questions, evidence.proofs, evidence.plain, names)
        keep_proven(folder_of(folder, data or folder / "data"), found, QUESTIONS)
    both = [_shown(plan, zones, asked.bounds, proof, earlier) for proof in evidence.witnesses[: max(stories, 0)]]
    told, changes = [each for each, _ in both], [change for _, change in both]
    saved = [save_witness(loaded, plan, zones, each.proof) for each in told] if save else []
    if json:
        print_json({**msgspec.structs.asdict(evidence), "stories": [each.story for each in told], "changes": changes, "saved": saved})
    else:
        out = console()
        for each, change in zip(told, changes, strict=True):
            out.print(each.story.text, markup=False, soft_wrap=True)
            if change is not None:
                out.print(f"  To remove it: {change.text}. Proved: {change.reason}.", markup=False, soft_wrap=True)
            out.print()
        for line in saved:
            out.print(line, markup=False, soft_wrap=True)
        _summary(out, evidence, len(told))
    if evidence.witnesses or any(proof.verdict is Verdict.NEVER and proof.question == REACH for proof in evidence.proofs):
        return NEGATIVE
    return UNDECIDED if any(proof.verdict is Verdict.UNKNOWN for proof in evidence.proofs) else OK


def _shown(plan: Plan, zones: Zones, bounds: Bounds, proof: Proof, earlier: Sequence[Plan]) -> tuple[Shown, Change | None]:
    """A witness as it may be told, and the smallest change that removes it."""
    if proof.question == MIGRATION:
        return shown_move(earlier, plan, zones, bounds, proof)
    told = shown(plan, zones, bounds, proof)
    return told, smallest(plan, zones, bounds, told.proof)


def _earlier(name: str, folder: Path, data: Path, question: str) -> tuple[Plan, ...]:
    """The plans that the workspace may take over from, if that is asked; `Trouble` where it is and there is none."""
    if question not in ("", MIGRATION):
        return ()
    found = plans_before(name, folder, data)
    if question and not found:
        raise Trouble(f"there is no earlier version in {data} to take over from", NO_INPUT, "name one with --from, as for 'pilotage diff'")
    return found


def _compiled(folder: Path, journey: str) -> tuple[Workspace, Compiled]:
    loaded = load(folder, os.environ)
    compiled = compile_workspace(loaded, packaged_zones())
    if compiled.plan is None:
        raise unplanned(compiled)
    known = [each.name for each in compiled.plan.journeys]
    if journey and journey not in known:
        raise Trouble(f"unknown journey {journey!r}", USAGE, suggestion(journey, known, "journeys"))
    return loaded, compiled


def _bounds(within: str, pressure: int) -> Bounds:
    try:
        within_us = duration_us(within)
    except ValueError as bad:
        raise Trouble(f"--within: {bad}", USAGE, "write a duration such as 40m or 2h") from bad
    if pressure < 1 or within_us < 1:
        raise Trouble("--pressure and --within must be above 0", USAGE)
    return Bounds(within_us=within_us, pressure=pressure)


def _known(folder: Path, fresh: bool) -> Remembered | None:
    """What the workspace remembers; None where there is nothing that can be read."""
    path = folder / CACHE
    if fresh or not path.is_file():
        return None
    try:
        return Remembered.decoded(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _remember(folder: Path, remembered: Remembered | None) -> None:
    if remembered is not None:
        (folder / CACHE).parent.mkdir(exist_ok=True)
        (folder / CACHE).write_bytes(remembered.encoded())


@contextmanager
def _progress(quiet: bool) -> Iterator[Told | None]:
    """A bar of the pairs decided, on the terminal alone."""
    screen = error_console()
    if quiet or not screen.is_terminal:
        yield None
        return
    columns = (TextColumn("pairs of journeys"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _summary(out: Console, evidence: Evidence, told: int) -> None:
    for proof in evidence.witnesses[told:]:
        out.print(f"witness  {_line(proof)}", markup=False, soft_wrap=True)
    for verdict in (Verdict.NEVER, Verdict.UNKNOWN):
        for proof in evidence.proofs:
            if proof.verdict is verdict:
                out.print(f"{verdict:7}  {_line(proof)}: {proof.reason}", markup=False, soft_wrap=True)
    out.print(
        f"{counted(evidence.asked, 'question')} about plan {evidence.plan[:16]}: {_counts(evidence.proofs, evidence.plain)}", markup=False
    )


def _line(proof: Proof) -> str:
    return f"{proof.question} {proof.kind}  {', '.join(proof.journeys)}  {proof.about}".rstrip()


def _counts(proofs: Sequence[Proof], plain: int) -> str:
    by_verdict = {verdict: sum(proof.verdict is verdict for proof in proofs) for verdict in Verdict}
    by_verdict[Verdict.PROVED] += plain
    nouns = {Verdict.PROVED: "proved", Verdict.NEVER: "for nobody", Verdict.WITNESS: "with a witness", Verdict.UNKNOWN: "unknown"}
    return ", ".join(f"{number:,} {nouns[verdict]}" for verdict, number in by_verdict.items() if number or verdict is not Verdict.NEVER)
