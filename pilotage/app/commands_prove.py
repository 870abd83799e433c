"""The command `prove`: questions about a whole plan, each answered by a proof, by a customer's story, or by what ran out."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pilotage.app.answers import Answered, answered, keep_for_review
from pilotage.app.asking import QUESTIONS, Question
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, UNDECIDED, USAGE, Trouble
from pilotage.app.options import AsJson, RunData
from pilotage.app.planning import unplanned
from pilotage.app.proved_text import counts, listed
from pilotage.app.proven import folder_of
from pilotage.app.proving import Evidence, Remembered
from pilotage.app.proving import Progress as Told
from pilotage.app.proving_moves import plans_before
from pilotage.app.terminal import console, counted, error_console, print_json
from pilotage.app.witness_tests import save_witness
from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.event.time import duration_us
from pilotage.journey.findings import suggestion
from pilotage.journey.forms_of_policies import CLASSES
from pilotage.journey.plan import Plan
from pilotage.proof.outcome import Bounds, Proof, Verdict
from pilotage.proof.policy import POLICY
from pilotage.proof.reach import REACH
from pilotage.proof.takeovers import MIGRATION
from pilotage.source.zones import packaged_zones

CACHE = Path(".pilotage") / "proofs.json"
"""Where a workspace remembers what was proved of pairs."""
MANY = 20
"""From so many witnesses on it is said how to ask less."""

Asked = Annotated[str, Parameter(help=f"One of {', '.join(QUESTIONS)}; all of them without it.")]
Journey = Annotated[str, Parameter(name="--journey", help="Only what concerns this journey.")]
Class = Annotated[
    list[str] | None,
    Parameter(name="--class", help=f"Only messages of this class ({', '.join(CLASSES)}); may be given again.", negative=""),
]
Within = Annotated[str, Parameter(name="--within", help="How near messages on one channel may not come, as 40m.")]
Pressure = Annotated[int, Parameter(name="--pressure", help="How many candidate messages a day are too many, if there are more.")]
Stories = Annotated[int, Parameter(name="--stories", help="How many witnesses are told as stories; the rest are listed.")]
Save = Annotated[bool, Parameter(name="--save", help="Save the witnesses told as tests of their journeys.", negative="")]
From = Annotated[
    str,
    Parameter(name="--from", help="For migration: the version in force, as for 'pilotage diff'; else all that the data folder holds."),
]
Fresh = Annotated[bool, Parameter(name="--fresh", help="Prove everything anew, whatever is remembered.", negative="")]


def prove_command(
    folder: Path = Path("."),
    question: Asked = "",
    *,
    journey: Journey = "",
    only: Class = None,
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

    Example: pilotage prove shop conflict --journey growth.offers.spring --class marketing --within 2h

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
    zones, asked = packaged_zones(), Question(journey, _bounds(within, pressure), classes=_classes(only or []))
    kept = data or folder / "data"
    questions, earlier = (question,) if question else QUESTIONS, _earlier(before, folder, kept, question)
    with _progress(quiet=json) as progress:
        found = answered(plan, zones, asked, questions, stories, _known(folder, fresh), progress, earlier)
    _remember(folder, found.remembered)
    evidence = found.evidence
    keep_for_review(folder_of(folder, kept), asked, questions, evidence, earlier)
    saved = tuple(save_witness(loaded, plan, zones, each.proof) for each in found.told) if save else ()
    if json:
        print_json(msgspec.structs.replace(found.answers, saved=saved))
    else:
        _tell(console(), found, asked, saved)
    if evidence.witnesses or any(proof.verdict is Verdict.NEVER and proof.question in (REACH, POLICY) for proof in evidence.proofs):
        return NEGATIVE
    return UNDECIDED if any(proof.verdict is Verdict.UNKNOWN for proof in evidence.proofs) else OK


def _tell(out: Console, found: Answered, asked: Question, saved: Sequence[str]) -> None:
    for story, change in zip(found.answers.stories, found.answers.changes, strict=True):
        out.print(story.text, markup=False, soft_wrap=True)
        if change is not None:
            out.print(f"  To remove it: {change.text}. Proved: {change.reason}.", markup=False, soft_wrap=True)
        out.print()
    for line in saved:
        out.print(line, markup=False, soft_wrap=True)
    _summary(out, found.evidence, found.chosen, asked)


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


def _classes(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in CLASSES:
            raise Trouble(f"unknown class {name!r}", USAGE, suggestion(name, CLASSES, "classes"))
    return tuple(sorted(set(names)))


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


def _summary(out: Console, evidence: Evidence, told: Collection[Proof], asked: Question) -> None:
    left = [proof for proof in evidence.proofs if proof not in told]
    for line in listed(left, out.width if out.is_terminal else 0):
        out.print(line, markup=False, soft_wrap=True)
    if len(evidence.witnesses) >= MANY and not (asked.classes or asked.journey):
        out.print("To ask less: '--class marketing' is about messages of that class among each other, '--journey NAME' about one journey.")
    out.print(
        f"{counted(evidence.asked, 'question')} about plan {evidence.plan[:16]}: {counts(evidence.proofs, evidence.plain)}", markup=False
    )
