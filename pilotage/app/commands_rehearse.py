"""The command `rehearse`: what a plan would do, before it does it; and whether what was decided would be decided again."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pilotage.app import evidence
from pilotage.app.exits import INTERRUPTED, NEGATIVE, NO_INPUT, OK, UNAVAILABLE, USAGE, Trouble
from pilotage.app.options import AsJson, RunData
from pilotage.app.populations import CUSTOMERS, Population, file_population, history_population, world_population
from pilotage.app.rehearsal_page import page
from pilotage.app.rehearsal_text import tell
from pilotage.app.rehearsing import Interrupted, Stage, candidate_of, rehearsal_of
from pilotage.app.speed import DEMO
from pilotage.app.terminal import console, error_console, print_json, table
from pilotage.app.verifying import verify
from pilotage.event.time import instant_text, parse_instant_us
from pilotage.runner.history.parquet import FileGone
from pilotage.simulate.report import Report
from pilotage.source.intake import Intake

WORLD = "demo:"

_HELP = """Try a workspace's plan on the whole population, on a virtual clock, through the function that runs live, all policies on.

The candidate journeys alone, among all others, and against the plan before. What it came to is told, and kept as evidence. Ctrl-C
stops it; the same command goes on from there. With --verify what was decided live is decided again.

Example: pilotage rehearse --world demo:7 --subjects 300 --journey growth.offers.cart_recovery
"""

rehearse = App(name="rehearse", help=_HELP)


class Events(msgspec.Struct, frozen=True):
    """Whose events are asked for, as written."""

    history: Path | None
    world: str
    file: Path | None
    mapping: Path | None
    share: float
    subjects: int
    until_us: int


Verify = Annotated[
    bool,
    Parameter(
        name="--verify",
        negative="",
        help="Decide everything in the data folder's log once more, and compare it byte for byte. Exits 1 if anything differs.",
    ),
]
Candidates = Annotated[
    tuple[str, ...],
    Parameter(
        name="--journey",
        negative="",
        help="A candidate journey; may be given several times. Without any: those that differ from the plan before.",
    ),
]
Against = Annotated[
    str,
    Parameter(
        help="The plan before, as for 'pilotage diff'. Without it the data folder's active plan, or the plan without the candidates."
    ),
]
HistoryFolder = Annotated[Path | None, Parameter(help="The data folder whose history is run; WORKSPACE/data without it.")]
WorldOfSeed = Annotated[str, Parameter(help="The demo world of a seed in place of a history: demo:7.")]
EventsFile = Annotated[Path | None, Parameter(help="A file of history in place of a data folder's, read with --mapping as 'replay' does.")]
MappingFile = Annotated[Path | None, Parameter(help="The document that says how the file's rows become events.")]
Sample = Annotated[str, Parameter(help="A share of the history's subjects, chosen by a hash: 5%.")]
Subjects = Annotated[int, Parameter(help="How many customers of the demo world, or about how many subjects of the history.")]
Begin = Annotated[str, Parameter(name="--from", help="From when on it is reported; what is before is run all the same.")]
End = Annotated[str, Parameter(name="--to", help="Until when it runs.")]
Workers = Annotated[int, Parameter(help="On how many processes.")]
Seed = Annotated[int, Parameter(help="What reactions are drawn by.")]
JsonFile = Annotated[Path | None, Parameter(name="--json-file", help="A file to write the report to as JSON.")]
HtmlFile = Annotated[Path | None, Parameter(help="A file to write the report to as a page that needs nothing else.")]
Tried = Annotated[Path | None, Parameter(help="The workspace; the demo's with --world, and else this folder.")]


@rehearse.default
def rehearse_command(
    workspace: Tried = None,
    *,
    data: RunData = None,
    verifying: Verify = False,
    journey: Candidates = (),
    against: Against = "",
    history: HistoryFolder = None,
    world: WorldOfSeed = "",
    events: EventsFile = None,
    mapping: MappingFile = None,
    sample: Sample = "",
    subjects: Subjects = 0,
    begin: Begin = "",
    end: End = "",
    workers: Workers = 1,
    seed: Seed = 1,
    json_file: JsonFile = None,
    html: HtmlFile = None,
    json: AsJson = False,
) -> int:
    """Try a workspace's plan on the whole population before launch; or decide again what was decided live."""
    folder = workspace or (DEMO if world else Path("."))
    kept = data or folder / "data"
    if verifying:
        return verify(kept, json=json)
    if workers < 1:
        raise Trouble("--workers must be above 0", USAGE)
    asked = Events(history, world, events, mapping, _share(sample), subjects, _instant(end, "--to"))
    candidate, read, compiled = candidate_of(folder, kept, journey, against)
    where = evidence.folder_of(Path(".") if folder == DEMO else folder, kept)
    intake = Intake(compiled.contracts, compiled.segment_names, read.intake)
    with _population(asked, kept, intake, any(plan.accounts is not None for plan in candidate.plans.values())) as population:
        rehearsal = rehearsal_of(candidate, population, _instant(begin, "--from"), seed)
        try:
            report = _run(Stage(candidate, population, rehearsal, where, workers))
        except Interrupted as interrupted:
            error_console().print(f"interrupted: {interrupted}", style="yellow", markup=False)
            return INTERRUPTED
    path = evidence.keep(where, report)
    _write(report, json_file, html)
    if json:
        print_json(report)
    else:
        tell(console(), report)
        console().print(f"\nkept as {path}", markup=False, soft_wrap=True)
    return OK


@rehearse.command(name="list")
def rehearse_list(workspace: Path = Path("."), *, data: RunData = None, plan: str = "", json: AsJson = False) -> int:
    """List the rehearsals that are kept as evidence.

    Example: pilotage rehearse list --plan 1f3c9a

    Parameters
    ----------
    workspace
        The workspace.
    plan
        Only those of the plan whose digest begins so.
    """
    found = evidence.evidence_of(evidence.folder_of(workspace, data or workspace / "data"), plan)
    if json:
        print_json(found)
        return OK
    rows = table("report", "plan", "against", "candidates", "events", "since")
    for each in found:
        candidates = ", ".join(each.candidate) if len(each.candidate) < 3 else f"{len(each.candidate)} journeys"
        rows.add_row(each.digest[:12], each.plan[:12], each.before[:12], candidates, each.events, instant_text(each.since_us)[:16])
    console().print(rows if found else "no rehearsal is kept here")
    return OK


@rehearse.command(name="show")
def rehearse_show(report: str, workspace: Path = Path("."), *, data: RunData = None, html: Path | None = None, json: AsJson = False) -> int:
    """Show a rehearsal that is kept as evidence.

    Example: pilotage rehearse show 1f3c9a --html report.html

    Parameters
    ----------
    report
        How the digest of the report begins, or that of its plan; then the newest.
    workspace
        The workspace.
    html
        A file to write it to as a page that needs nothing else.
    """
    try:
        found = evidence.read_named(evidence.folder_of(workspace, data or workspace / "data"), report)
    except evidence.EvidenceUnknown as unknown:
        raise Trouble(str(unknown), NEGATIVE) from unknown
    _write(found, None, html)
    if json:
        print_json(found)
    else:
        tell(console(), found)
    return OK


@contextlib.contextmanager
def _population(asked: Events, kept: Path, intake: Intake, accounts: bool) -> Iterator[Population]:
    if sum(each is not None for each in (asked.history, asked.file, asked.world or None)) > 1:
        raise Trouble("--history, --events and --world exclude each other", USAGE)
    if asked.world:
        yield world_population(_world_seed(asked.world), asked.subjects or CUSTOMERS, asked.until_us)
    elif asked.file is not None:
        if asked.mapping is None:
            raise Trouble("--events needs --mapping, the document that says how rows become events", USAGE)
        with tempfile.TemporaryDirectory(prefix="pilotage-rehearsal-") as spool:
            yield file_population(asked.file, asked.mapping, intake, asked.until_us, Path(spool))
    else:
        folder = asked.history or kept
        if not (folder / "environment.json").is_file():
            cure = "name one with --history, a file with --events, or the demo world with --world demo:7"
            raise Trouble(f"there is no history at {folder}", NO_INPUT, cure)
        with history_population(folder, asked.until_us, asked.subjects, asked.share, accounts=accounts) as population:
            yield population


def _run(stage: Stage) -> Report:
    out = error_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("rehearsing", total=None)
        try:
            return stage.run(lambda done, parts: progress.update(task, completed=done, total=parts))
        except FileGone as gone:
            cure = "give the same command again: it goes on from where it was"
            raise Trouble("files of the history were joined while they were read", UNAVAILABLE, cure) from gone


def _write(report: Report, json_file: Path | None, html: Path | None) -> None:
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if html is not None:
        html.write_text(page(report), encoding="utf-8")


def _world_seed(world: str) -> int:
    seed = world.removeprefix(WORLD)
    if not (world.startswith(WORLD) and seed.isdecimal()):
        raise Trouble(f"--world {world}: there is the demo world, by its seed", USAGE, "write --world demo:7")
    return int(seed)


def _share(text: str) -> float:
    if not text:
        return 1.0
    try:
        share = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise Trouble(f"--sample {text}: not a share", USAGE, "write for example 5% or 0.05")
    return share


def _instant(text: str, option: str) -> int:
    if not text:
        return 0
    try:
        return parse_instant_us(text)
    except ValueError as fault:
        raise Trouble(
            f"{option} {text}: {fault}", USAGE, "write a day such as 2026-04-01, or an instant such as 2026-04-01T08:00Z"
        ) from fault
