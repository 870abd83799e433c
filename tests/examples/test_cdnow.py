"""The CDNOW example on real data: every order accounted for, and every decision counted the same by a plain computation.

`cdnow_oracle` applies the rules to the file row by row and shares no code with the product. Every twentieth customer of the
file is replayed, or with `--whole` all of them; the figures of the page are held against the plain computation over all.
"""

import re
from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
import pytest

from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.channel.render import lint
from pilotage.event.envelope import Event
from pilotage.journey.advance import advance
from pilotage.journey.findings import Report
from pilotage.journey.plan import Plan
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay, Replayed
from pilotage.runner.shard import Shard
from pilotage.simulate.document_tests import run_tests
from pilotage.source.file import History, read_history
from pilotage.source.intake import Intake
from pilotage.source.mapping import read_mapping
from pilotage.source.quarantine import Quarantined
from pilotage.source.zones import packaged_zones
from tests.examples import cdnow_oracle
from tests.tree import ROOT

CDNOW = ROOT / "examples" / "cdnow"
PAGE = (ROOT / "docs" / "examples-cdnow.md").read_text(encoding="utf-8")
ROWS, CUSTOMERS = 69_659, 23_570
SAMPLE = 20
JOURNEYS = (cdnow_oracle.SECOND_PURCHASE, cdnow_oracle.VIP, cdnow_oracle.WIN_BACK)
FIGURE = re.compile(r"^\| `(\S+)` \| (?:`(\S+)`)? ?\| (\w+) \| ([\d,]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def file(data_folder: Path) -> Path:
    return data_folder / "cdnow_master.txt"


@pytest.fixture(scope="module")
def everything(file: Path) -> list[cdnow_oracle.Row]:
    return cdnow_oracle.read_rows(file)


@pytest.fixture(scope="module")
def sample(file: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of every twentieth customer, or the whole one."""
    if pytestconfig.getoption("--whole"):
        return file
    header, *lines = file.read_text(encoding="ascii").splitlines()
    kept = [line for line in lines if int(line.split()[0]) % SAMPLE == 0]
    path = tmp_path_factory.mktemp("cdnow") / file.name
    path.write_text("\n".join([header, *kept]) + "\n", encoding="ascii")
    return path


@pytest.fixture(scope="module")
def rows(sample: Path) -> list[cdnow_oracle.Row]:
    return cdnow_oracle.read_rows(sample)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return load(CDNOW, {})


@pytest.fixture(scope="module")
def compiled(workspace: Workspace) -> Compiled:
    return compile_workspace(workspace, packaged_zones())


@pytest.fixture(scope="module")
def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None
    return compiled.plan


@pytest.fixture(scope="module")
def history(sample: Path, workspace: Workspace, compiled: Compiled) -> History:
    mapping = read_mapping((CDNOW / "mapping.yaml").read_text(encoding="utf-8"), "mapping.yaml")
    return read_history(sample, mapping, Intake(compiled.contracts, compiled.segment_names, workspace.intake))


def replayed(plan: Plan, history: list[Event | Quarantined]) -> Replayed:
    """Run the product over the history, and sixty days on."""
    program = load_program(plan, packaged_zones(), "cdnow-example")
    shards = [Shard(number, MemoryStore(), program, "cdnow-example", advance=advance) for number in range(8)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, b"a secret of this test", partial(recheck_action, program))
    replay.feed(history)
    return replay.finish(cdnow_oracle.UNTIL)


@pytest.fixture(scope="module")
def outcome(plan: Plan, history: History) -> Replayed:
    return replayed(plan, history.items)


def test_the_workspace_has_no_finding(workspace: Workspace, compiled: Compiled, plan: Plan) -> None:
    """The example's documents and contents pass every gate, and its tests take every edge."""
    assert [] == [finding.text for finding in compiled.findings]
    assert [] == [problem for content in plan.contents for problem in lint(content)]
    tested = run_tests(workspace.documents, plan, packaged_zones(), Report())
    assert [(name, 0, ()) for name in sorted(JOURNEYS)] == [(each.journey, each.failed, each.uncovered) for each in tested]


def test_the_file_is_the_one_described(everything: list[cdnow_oracle.Row]) -> None:
    """The file has the orders and customers that its description names."""
    assert (ROWS, CUSTOMERS) == (len(everything), len({customer for customer, *_ in everything}))


def test_every_row_becomes_one_order(history: History, rows: list[cdnow_oracle.Row]) -> None:
    """Each row comes out of the mapping as one event with its very dollars and CDs, beside two made for each customer."""
    orders = [item for item in history if isinstance(item, Event) and item.type == "order.placed"]
    data = [msgspec.json.decode(order.data) for order in orders]
    found = Counter(
        (order.identifiers["user_id"], each["quantity"], round(each["total"] * 100)) for order, each in zip(orders, data, strict=True)
    )
    assert Counter((customer, number, cents) for customer, _, number, cents in rows) == found
    assert (len(rows), 0, 2 * len({customer for customer, *_ in rows})) == (history.rows, history.skipped, history.extras)


def test_everything_read_is_accounted_for(history: History, outcome: Replayed) -> None:
    """What was read was accepted, and nothing of it was taken for a duplicate."""
    assert (len(history), len(history), 0, 0, 0) == (
        outcome.read,
        outcome.accepted,
        outcome.quarantined,
        outcome.duplicates,
        outcome.stuck,
    )


def test_every_decision_is_counted_as_the_plain_computation_counts(rows: list[cdnow_oracle.Row], outcome: Replayed) -> None:
    """At every step of every journey, and of every audience, the product decides exactly as often, and the same, as the plain
    computation; there is no decision that it does not know."""
    assert dict(cdnow_oracle.cdnow_counts(rows)) == outcome.decisions


def test_what_is_decided_is_handed_over(outcome: Replayed) -> None:
    """Each message and each task that was decided got its receipt."""
    counts = Counter[str]()
    for (_, _, verb), count in outcome.decisions.items():
        counts[verb] += count
    assert {"message.sent": counts["sent"], "task.opened": counts["opened"] + counts["escalated"]} == outcome.receipts


def test_without_the_consents_no_message_leaves(plan: Plan, history: History) -> None:
    """Without the imported grants not one message is sent, and the VIPs are rung all the same."""
    outcome = replayed(plan, [item for item in history if item.type != "consent.changed"])
    assert {"task.opened"} == set(outcome.receipts)


def test_the_figures_of_the_page_are_those_of_the_whole_file(everything: list[cdnow_oracle.Row]) -> None:
    """What the page says comes out is what the plain computation makes of all customers."""
    counts = cdnow_oracle.cdnow_counts(everything)
    told = {(journey, step, verb): int(number.replace(",", "")) for journey, step, verb, number in FIGURE.findall(PAGE)}
    assert len(told) >= 12
    assert {key: counts[key] for key in told} == told


def test_the_oracle_can_tell_a_difference(rows: list[cdnow_oracle.Row]) -> None:
    """One order less changes what the plain computation counts, so agreement with it means something."""
    assert cdnow_oracle.cdnow_counts(rows) != cdnow_oracle.cdnow_counts(rows[1:])
