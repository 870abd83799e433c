"""The command line. Each command says what it does, prints text or JSON, and ends with a documented exit code.

A person's mistake never shows a traceback: it is told where it is, what it is, and what to do.
"""

import errno
import sys
from collections.abc import Sequence

import msgspec
from cyclopts import App
from cyclopts.exceptions import CycloptsError

import pilotage
from pilotage.app.exits import BUSY, CONFIG, INTERRUPTED, NEGATIVE, NO_INPUT, OK, STORE_FULL, USAGE, Trouble
from pilotage.app.terminal import error_console

CODES: dict[str, int] = {
    "StoreFull": STORE_FULL,
    "FolderBusy": BUSY,
    "StoreLocked": BUSY,
    "FolderMissing": NO_INPUT,
    "FileBroken": NO_INPUT,
    "WorkspaceInvalid": CONFIG,
    "DocumentBroken": CONFIG,
    "OtherEnvironment": CONFIG,
    "FolderNewer": CONFIG,
    "FolderBroken": CONFIG,
    "SwitchesBroken": CONFIG,
    "StoreDamaged": CONFIG,
    "UnreadableValue": CONFIG,
    "HistoryBroken": CONFIG,
    "HistoryNewer": CONFIG,
    "HistoryUnwritable": STORE_FULL,
    "LedgerBroken": CONFIG,
    "LedgerNewer": CONFIG,
    "LedgerMissing": CONFIG,
    "LedgerBusy": BUSY,
    "LedgerFull": STORE_FULL,
    "OtherKey": CONFIG,
    "NotAPerson": USAGE,
    "EntryRefused": USAGE,
    "ExportNewer": CONFIG,
    "NotAnExport": NO_INPUT,
    "PersonUnknown": NO_INPUT,
    "PeopleUnfit": CONFIG,
    "WrongPassphrase": NO_INPUT,
    "KeyFileBroken": CONFIG,
    "BadKey": CONFIG,
    "ChannelMisconfigured": CONFIG,
    "UnknownChannel": CONFIG,
    "BadSecret": CONFIG,
    "Refusal": NEGATIVE,
    "ProposalUnknown": NO_INPUT,
    "ProposalBroken": CONFIG,
    "RegisterBroken": CONFIG,
    "BundleMissing": CONFIG,
}
"""The exit code of each exception that is a person's or a machine's trouble and not our fault. By name, so that knowing them
loads nothing."""

NO_WRITES = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT})
"""What the system says of a disk that takes no writes."""

COMMANDS = {
    "init": ("commands_workspace:init_command", "Begin a workspace: a small, complete one that runs at once."),
    "new": ("commands_new:new_command", "Begin a journey from a template of the library, or bring a fragment of it."),
    "check": ("checking:check_command", "Check a workspace: every document, name, condition and binding; the quality gates."),
    "rules": ("commands_rules:rules_command", "The rules that check keeps: why each is there, and what to do."),
    "test": ("commands_test:test_command", "Run the tests in the journeys' documents."),
    "proof": ("commands_proof:proof_command", "How contents look in each language: on the screen, as files, to a seed list."),
    "prove": ("commands_prove:prove_command", "Prove what a plan can never do to a customer, or show one to whom it does it."),
    "diff": ("commands_diff:diff_command", "What two versions of a workspace decide differently."),
    "migration": ("commands_migration:migration_command", "What becomes of those under way when a version takes over, counted."),
    "propose": ("commands_propose:propose_command", "Propose a change: what is wanted, the evidence, the risk, who must approve."),
    "review": ("commands_review:review", "What was proposed: list it, look at it, approve, reject and comment."),
    "release": ("commands_release:release_command", "Release an approved proposal: the only thing that production runs."),
    "blame": ("commands_blame:blame_command", "For every rule of a journey: who asked for it, when, why, who approved."),
    "run": ("running:run_command", "Run: take events in, decide, send, and serve the API."),
    "replay": ("replaying:replay_command", "Replay a file of history through the journeys, on its own clock."),
    "rehearse": ("commands_rehearse:rehearse", "Try a plan on the whole population before launch; or decide again what was decided."),
    "why": ("commands_records:why_command", "Why did this customer get this? Their story, with every reason."),
    "subjects": ("commands_records:subjects_command", "List who is known, or show what is known about one of them."),
    "quarantine": ("commands_records:quarantine", "Refused events: list them, look at one, put them through again."),
    "actions": ("commands_records:actions", "Messages and calls that wait or could not be handed over."),
    "audience": ("commands_audience:audience", "Who is in which audience, why, how they overlap; static lists."),
    "coupons": ("coupons:coupons", "Coupon pools: how many codes were issued, and how many are left."),
    "task": ("commands_task:task", "Tasks for people: which are open, taking them on, completing them."),
    "switch": ("commands_switch:switch", "Kill switches: hold back everything, a channel, a journey or a step at once."),
    "journeys": (
        "commands_steering:journeys_command",
        "The journeys: which run, which are paused or stopped, and who is under way.",
    ),
    "pause": ("commands_steering:pause_command", "Pause a journey: none of its steps acts until it is resumed."),
    "resume": ("commands_steering:resume_command", "Resume a journey that is paused or stopped."),
    "stop": ("commands_steering:stop_command", "Stop a journey: nobody enters it any more; those under way finish or exit."),
    "archive": ("commands_archive:archive_command", "Archive a journey that is stopped and empty: its document leaves the plan."),
    "audit": ("commands_audit:audit", "The ledger: what people and the system did; verified, exported, signed."),
    "person": ("commands_person:person", "People: who answers for what runs, in which roles, with which key."),
    "history": ("commands_history:history", "All events and decisions, as Parquet files and in SQL."),
    "demo": ("demo:demo_command", "See it all at work: a fictional retailer, live in the terminal."),
    "bench": ("speed:bench_command", "Measure how fast this machine replays the demo's events."),
}
"""Where each command is, and its line in the list. Named, not imported: a command loads what it needs and no more."""


def application(wanted: str = "") -> App:
    """The command line. The help of the command that is wanted is its own, of the others their line in the list."""
    made = App(
        name="pilotage",
        help="Governed customer journeys: events in, one pure function decides, coordinated actions out.",
        version=pilotage.__version__,
        help_format="plaintext",
        error_console=error_console(),
    )
    for name, (place, line) in COMMANDS.items():
        made.command(f"pilotage.app.{place}", name=name, **({} if name == wanted else {"help": line}))
    return made


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    as_json = "--json" in arguments
    try:
        app = application(arguments[0] if arguments else "")
        return int(app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value") or 0)
    except CycloptsError as mistake:
        return _told(Trouble(" ".join(str(mistake).split()), USAGE, f"'{_command(arguments)} --help' says how it is used"), as_json)
    except Trouble as trouble:
        return _told(trouble, as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough
        return OK
    except Exception as fault:
        code = _code(fault)
        if code is None:
            raise
        full = code == STORE_FULL and type(fault).__name__ not in CODES
        cure = "free space or make the folder writable, then start again; nothing acknowledged is lost" if full else ""
        return _told(Trouble(_words(fault), code, cure), as_json)


def _command(arguments: Sequence[str]) -> str:
    """The command line up to the command that was meant, as far as there is one."""
    known = next((argument for argument in arguments if argument in COMMANDS), "")
    return f"pilotage {known}".strip()


def _code(fault: Exception) -> int | None:
    """The exit code of a person's or a machine's trouble; None for a fault of our own, which shows its traceback."""
    found = next((CODES[kind.__name__] for kind in type(fault).__mro__ if kind.__name__ in CODES), None)
    if found is None and isinstance(fault, OSError):
        return STORE_FULL if fault.errno in NO_WRITES else NO_INPUT
    return found


def _words(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror and type(fault).__name__ not in CODES:
        return f"{fault.filename}: {fault.strerror}" if fault.filename else fault.strerror
    return str(fault)


def _told(trouble: Trouble, as_json: bool) -> int:
    if as_json:
        told = {"error": trouble.message, "cure": trouble.cure, "code": trouble.code}
        sys.stderr.write(msgspec.json.encode(told).decode() + "\n")
    else:
        out = error_console()
        out.print("[bold red]error:[/]", end=" ")
        out.print(trouble.message, markup=False)
        if trouble.cure:
            out.print(f"  {trouble.cure}", markup=False, style="dim")
    return trouble.code


def main() -> None:
    """The entry point of the command `pilotage`."""
    raise SystemExit(invoke(sys.argv[1:]))


__all__ = ["COMMANDS", "application", "invoke", "main"]
