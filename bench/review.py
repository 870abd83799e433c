"""What review takes at the command line: proposing and approving, each a process from its start to its end.

The workspace is the one that `pilotage init` writes; the reference is a process that prints the version. Each is done several times, and
the fastest counts: a process that begins is what other work on the machine disturbs most.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figure

TIMES = 5
PEOPLE = ("ada", "ben", "cleo", "dan", "eva", "fay")
PASSPHRASE = "a passphrase to measure with"


def review(folder: Path) -> list[Figure]:
    """How long it takes to propose and to approve."""
    shop = folder / "shop"
    environ = {**os.environ, "PILOTAGE_PASSPHRASE": PASSPHRASE, "PILOTAGE_KEYS": str(folder / "keys")}

    def run(*arguments: str, codes: Sequence[int] = (0,)) -> tuple[float, str]:
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "pilotage.app", *arguments], env=environ, capture_output=True, text=True, check=False)
        took = time.perf_counter() - begun
        if done.returncode not in codes:
            raise RuntimeError(done.stderr)
        return took, done.stdout

    run("init", str(shop))
    place = ("--workspace", str(shop))
    journey = shop / "journeys" / "welcome.yaml"
    owner = "{responsible: ada, accountable: ada, consulted: [], informed: []}"
    journey.write_text(journey.read_text().replace("{responsible: lifecycle-team, accountable: head-of-crm}", owner))
    for person in PEOPLE:
        run("person", "add", person, "--role", "reviewer", *place)
    proposing, approving = [], []
    for number in range(TIMES):
        journey.write_text(journey.read_text() + f"# {number}\n")
        said = ("--intent", "a", "--hypothesis", "b", "--effect", "c", "--rollback", "d")
        took, told = run("propose", *said, "--as", "ada", "--json", *place)
        proposing.append(took)
        approving.append(run("review", "approve", json.loads(told)["id"], "--as", PEOPLE[1 + number], *place)[0])
    nothing = min(run("--version")[0] for _ in range(TIMES))
    return [
        Figure("a process that does nothing", nothing, "s", bound="imports of the command line"),
        Figure("proposing: gates, tests, difference, risk, signature", min(proposing), "s", bound="imports of the compiler"),
        Figure("approving: checks, signature, ledger", min(approving), "s", bound="imports of the database, stretching of the passphrase"),
        Figure("proposing and approving", min(proposing) + min(approving), "s", 2.0, at_most=True, bound="two processes"),
    ]
