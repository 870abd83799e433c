"""`python -m bench.evidence [names]`: the long runs behind the claims, with many seeds, kills and cases, written down.

Each exhibit is a part of the test suite run at full length in a process of its own; what its tests record about themselves
is added up. `bench/EVIDENCE.md` has one line for each exhibit, with the date, the command and the figures; a run writes the lines of
what it showed, whatever came of it, and leaves the others as they are.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = Path(__file__).parent / "EVIDENCE.md"
TABLE = "table"
"""The name under which a test records a table in Markdown."""


class Exhibit(msgspec.Struct, frozen=True):
    """A claim, and the tests that try to break it at full length."""

    claim: str
    arguments: str


class Shown(msgspec.Struct, frozen=True):
    """What a run came to: tests by outcome, what they recorded, how long it took in seconds, and a table in Markdown where there is
    one."""

    outcomes: Counter[str]
    recorded: Counter[str]
    took_s: float
    table: str = ""

    @property
    def holds(self) -> bool:
        """Whether anything was shown and nothing failed."""
        return self.outcomes["passed"] > 0 and not self.outcomes["failed"]

    @property
    def figures(self) -> str:
        """The figures in words."""
        tests = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return "; ".join([f"{tests} in {self.took_s:,.0f} s", *(f"{count:,} {name}" for name, count in self.recorded.items())])


HEAD = (
    "# Evidence",
    "",
    "Written by `make evidence`: the tests behind the claims, at full length. A failing seed repeats the run.",
    "",
    "| claim | holds | figures | command | date |",
    "|---|---|---|---|---|",
)

EXHIBITS = {
    "kills": Exhibit(
        "Killed at any moment, nothing acknowledged is lost, nothing is sent twice but service mails under the same key, "
        "and the state is a replay's byte for byte",
        "tests/crash/test_sigkill.py -k nothing_happens_twice --seeds 2 --kills 28",
    ),
    "workers": Exhibit(
        "A worker that is killed is started again and loses nothing",
        "tests/crash/test_sigkill.py -k killed_worker --seeds 4",
    ),
    "disk": Exhibit("A full or read-only disk is a clear stop, and nothing is lost", "tests/crash/test_disk.py"),
    "determinism": Exhibit(
        "Stores, processes, workers, hash seeds and batch sizes do not matter to a single byte",
        "tests/determinism --seeds 8",
    ),
    "properties": Exhibit(
        "Budgets, consent, quiet hours and wake-ups hold for whatever plans and histories are drawn",
        "tests/properties --cases 300",
    ),
    "conditions": Exhibit(
        "A condition has one value in Python and in DuckDB for whatever condition, history and instant are drawn, its canonical form "
        "has it too, and no flip is late",
        "tests/predicate/test_agreement.py --cases 500",
    ),
    "logic": Exhibit(
        "A condition in logic comes to what Python computes for whatever condition, history and instant are drawn, and what proofs rest on "
        "holds of every history; no answer of the solver is wrong",
        "tests/predicate/solver --cases 500",
    ),
    "conflicts": Exhibit(
        "Nothing that is proved of journeys ever happens to a customer drawn at random, every witness collides again; of sixty planted "
        "conflicts of all kinds all are found, and sixty look-alikes are all proved to be none",
        "tests/proof --seeds 10 --cases 150",
    ),
    "audiences": Exhibit(
        "Sixty audiences kept live over each of two real data sets are, at 50 random instants and in every entry and exit, what SQL "
        "makes of the raw files",
        "tests/audience/test_live_batch.py --whole -o faulthandler_timeout=3600",
    ),
    "gates": Exhibit(
        "Our rules of accessibility and axe-core in a real browser find the same on all that we bring, on pages broken on purpose, and "
        "of colours and sizes that are drawn",
        "tests/app/test_browser.py -k axe --whole --seeds 10",
    ),
    "liquid": Exhibit(
        "Contents read Liquid as its golden suite wants it, in all cases but six of 1,054",
        "tests/channel/test_golden_liquid.py",
    ),
    "slots": Exhibit(
        "Whatever messages come up, in whatever order, those leave that a plain reckoning of slots, priorities, nights, closed days and "
        "budgets says",
        "tests/journey/test_arbitration.py --cases 10000",
    ),
    "history": Exhibit(
        "History equals the log row by row whatever is killed, and a release's past is told to everybody once, to the event",
        "tests/runner/history tests/crash/test_history_killed.py --seeds 20",
    ),
    "pause": Exhibit(
        "Paused, killed and resumed at any instant, nobody's entry is lost and no deadline is wrong, in five zones across clock changes",
        "tests/runner/test_pause.py tests/app/test_steering.py --seeds 30",
    ),
    "review": Exhibit(
        "No sequence of proposing, voting, forging, editing, leaving and releasing reaches production with fewer approvals than policy "
        "demands, by a count of its own",
        "tests/review/test_machine.py --cases 300",
    ),
    "migration": Exhibit(
        "Whatever versions, maps, people and crashes are drawn, a migration loses nobody and tells nobody anything twice",
        "tests/runner/test_live_change.py --seeds 15",
    ),
    "accounts": Exhibit(
        "What a person's event hands over to an account arrives once, whatever crashes and however late it is brought",
        "tests/runner/test_courier.py --seeds 50",
    ),
    "ledger": Exhibit(
        "Whatever is changed, removed, put in, moved, cut off or signed with another key in a ledger, its export, its checkpoints, a "
        "release or the log it anchors is found, and the first bad entry named; RFC 8785's published samples hold",
        "tests/audit tests/runner/test_anchors.py tests/review/test_minting.py --seeds 150",
    ),
    "prediction": Exhibit(
        "What each step of the demo does in a week lies within the interval foretold from a rehearsal of the weeks before as often as the "
        "interval states, neither less often nor more; the table below says how often, over seeds that nothing was chosen by",
        "tests/simulate/test_prediction.py --seeds 60 -o faulthandler_timeout=7200",
    ),
    "parity": Exhibit(
        "What was decided is decided again byte for byte, and whatever is altered in the log, the kernel or the plan is found where it is",
        "tests/runner/test_parity.py tests/app/test_verifying.py --seeds 200 -o faulthandler_timeout=3600",
    ),
    "nobody polled": Exhibit(
        "A hundred thousand subjects waiting for time alone cost no evaluation until their first flip",
        "tests/audience/test_nobody_polled.py",
    ),
    "input": Exhibit("Bad input is answered with its own problem, and nothing crashes", "tests/crash/test_bad_input.py"),
    "real data": Exhibit(
        "31,106 real clicks and 69,659 real orders are all accounted for, and every step counts as a plain computation does",
        "tests/examples --whole",
    ),
}


def main() -> None:
    """Run the exhibits that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.evidence", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which exhibits: {', '.join(EXHIBITS)}; all of them if none is named")
    names = parser.parse_args().names
    unknown = sorted(set(names) - set(EXHIBITS))
    if unknown:
        parser.error(f"no such exhibit: {', '.join(unknown)}; there are {', '.join(EXHIBITS)}")
    failed = 0
    for name in names or EXHIBITS:
        shown = show(EXHIBITS[name], name)
        failed += not shown.holds
        known = EVIDENCE.read_text(encoding="utf-8") if EVIDENCE.exists() else ""
        EVIDENCE.write_text(page(known, name, shown), encoding="utf-8")
    raise SystemExit(1 if failed else 0)


def show(exhibit: Exhibit, name: str) -> Shown:
    """Run an exhibit's tests; their output goes to the terminal."""
    sys.stdout.write(f"{name}: {exhibit.claim}\n")
    sys.stdout.flush()
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *shlex.split(exhibit.arguments)]
        subprocess.run(command, cwd=ROOT, check=False)
        shown = read(report.read_text(encoding="utf-8"), time.monotonic() - begun_s)
    sys.stdout.write(f"{shown.figures}\n\n")
    return shown


def read(report: str, took_s: float) -> Shown:
    """The outcomes and recorded figures of a JUnit report."""
    outcomes: Counter[str] = Counter()
    recorded: Counter[str] = Counter()
    tables: list[str] = []
    for case in ElementTree.fromstring(report).iter("testcase"):
        faults = {fault.tag for fault in case}
        outcomes["failed" if faults & {"failure", "error"} else "skipped" if "skipped" in faults else "passed"] += 1
        for each in case.iter("property"):
            if each.get("name") == TABLE:
                tables.append(str(each.get("value")))
            else:
                recorded[str(each.get("name"))] += int(each.get("value", "0"))
    return Shown(outcomes, recorded, took_s, "\n\n".join(tables))


def page(known: str, name: str, shown: Shown) -> str:
    """The page as it is with the line and the table of one exhibit made anew; those of exhibits that are none any more go."""
    claims, *sections = known.split("\n## ")
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in claims.splitlines() if line.startswith("| ")}
    tables = {title: table for title, _, table in (section.partition("\n") for section in sections)}
    exhibit, today = EXHIBITS[name], datetime.now(UTC).date().isoformat()
    held = "yes" if shown.holds else "**no**"
    lines[exhibit.claim] = f"| {exhibit.claim} | {held} | {shown.figures} | `python -m pytest {exhibit.arguments}` | {today} |"
    tables[name] = shown.table
    rows = "\n".join([*HEAD, *(lines[each.claim] for each in EXHIBITS.values() if each.claim in lines), ""])
    return rows + "".join(f"\n## {each}\n\n{tables[each].strip()}\n" for each in EXHIBITS if tables.get(each))


if __name__ == "__main__":
    main()
