"""The shop example on real data: every event accounted for, and every decision counted the same by a plain computation.

`shop_oracle` applies the rules to the file row by row and shares no code with the product; `replayed` runs the product on
the same file. What they count must agree at every step of every journey.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from pilotage.app.workspace import Compiled, Workspace, compile_workspace, load
from pilotage.channel.render import lint
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Action
from pilotage.journey.plan import Plan
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.runner.history.reader import History as Past
from pilotage.runner.history.rest import compact_at_rest, states_of, tail_of
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay, Replayed
from pilotage.runner.shard import Shard
from pilotage.source.file import History, read_history
from pilotage.source.intake import Intake
from pilotage.source.mapping import read_mapping
from pilotage.source.quarantine import Quarantined
from pilotage.source.zones import packaged_zones
from tests.examples import shop_oracle
from tests.tree import ROOT

SHOP = ROOT / "examples" / "shop"
ROWS, USERS = 31_106, 600
FACTS = {"product_view": 6_851, "add_to_cart": 1_346, "purchase": 470, "payment_error": 119, "support_chat": 277, "checkout_bug": 44}


@pytest.fixture(scope="module")
def log(data_folder: Path) -> Path:
    return data_folder / "ecom.csv.gz"


@pytest.fixture(scope="module")
def rows(log: Path) -> list[dict[str, str]]:
    return shop_oracle.read_rows(log)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return load(SHOP, {})


@pytest.fixture(scope="module")
def compiled(workspace: Workspace) -> Compiled:
    return compile_workspace(workspace, packaged_zones())


@pytest.fixture(scope="module")
def history(log: Path, workspace: Workspace, compiled: Compiled) -> History:
    mapping = read_mapping((SHOP / "mapping.yaml").read_text(encoding="utf-8"), "mapping.yaml")
    return read_history(log, mapping, Intake(compiled.contracts, compiled.segment_names, workspace.intake))


@pytest.fixture(scope="module")
def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None
    return compiled.plan


HandedOver = Callable[[Action, int], None]


def replayed(
    plan: Plan,
    history: list[Event | Quarantined],
    on_handed_over: HandedOver = lambda action, at_us: None,
    stores: Sequence[MemoryStore] = (),
) -> Replayed:
    """Run the product over the history, and on until nothing waits any more."""
    program = load_program(plan, packaged_zones(), "shop-example")
    stores = stores or [MemoryStore() for _ in range(8)]
    shards = [Shard(number, store, program, "shop-example", advance=advance) for number, store in enumerate(stores)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, b"a secret of this test", partial(recheck_action, program), on_handed_over=on_handed_over)
    replay.feed(history)
    return replay.finish(replay.now_us + 60 * DAY_US)


@pytest.fixture(scope="module")
def stores() -> list[MemoryStore]:
    return [MemoryStore() for _ in range(8)]


@pytest.fixture(scope="module")
def outcome(plan: Plan, history: History, stores: list[MemoryStore]) -> Replayed:
    return replayed(plan, history.items, stores=stores)


def test_the_workspace_has_no_finding(compiled: Compiled, plan: Plan) -> None:
    """The example's documents and contents pass every gate."""
    assert [finding.text for finding in compiled.findings] == []
    assert [problem for content in plan.contents for problem in lint(content)] == []


def test_the_file_is_the_one_described(rows: list[dict[str, str]]) -> None:
    """The log has the events and users that its description names."""
    events = Counter(row["event"] for row in rows)
    assert len(rows) == ROWS
    assert len({row["user_id"] for row in rows}) == USERS
    assert {name: events[name] for name in FACTS} == FACTS


def test_every_row_becomes_one_event(history: History) -> None:
    """Each row of the log comes out of the mapping as one event, beside two made for each user; none is quarantined."""
    made = [item for item in history if item.id.startswith("first:")]
    assert (history.rows, history.skipped, history.extras) == (ROWS, 0, 2 * USERS)
    assert len(made) == 2 * USERS
    assert [item for item in history if isinstance(item, Quarantined)] == []


def test_everything_read_is_accounted_for(outcome: Replayed) -> None:
    """What was read was accepted or quarantined, and nothing of it was taken for a duplicate."""
    assert outcome.read == ROWS + 2 * USERS
    assert outcome.accepted + outcome.quarantined == outcome.read
    assert (outcome.quarantined, outcome.duplicates, outcome.stuck) == (0, 0, 0)


def test_every_decision_is_counted_as_the_plain_computation_counts(rows: list[dict[str, str]], outcome: Replayed) -> None:
    """At every step of every journey the product decides exactly as often, and the same, as the plain computation."""
    expected = shop_oracle.shop_counts(rows)
    kinds = {verb for _, _, verb in expected}
    found = {key: count for key, count in outcome.decisions.items() if key[2] in kinds}
    assert kinds >= {"entered", "refused", "sent", "blocked", "deferred", "timed_out", "goal", "called", "exited"}
    assert found == dict(expected)


def test_what_is_decided_is_handed_over(outcome: Replayed) -> None:
    """Each message that was decided got its receipt, and so did each task."""
    sent = sum(count for (_, _, verb), count in outcome.decisions.items() if verb == "sent")
    called = sum(count for (_, _, verb), count in outcome.decisions.items() if verb == "called")
    assert outcome.receipts == {"message.sent": sent, "call.answered": called}


def test_every_event_is_in_history_once(outcome: Replayed, history: History, stores: list[MemoryStore], tmp_path: Path) -> None:
    """From the logs alone, from files and logs, and from files alone, history tells of each event that was read exactly once, in the
    order of time, and of each decision as it was counted."""
    expected = [(item.occurred_us, item.id) for item in history]
    kept = dict(enumerate(stores))
    for filed in (range(0), range(4), range(8)):
        compact_at_rest(tmp_path, {number: kept[number] for number in filed}, outcome.until_us // DAY_US + 1)
        with Past(tmp_path, states_of(tmp_path, kept), tail_of(kept)) as past:
            told = [(each.received_us, each.event.id) for each in past.events() if each.event.source != "pilotage"]
            counted = past.ask("select journey, step, verb, count(*) from decisions group by all").rows
        assert sorted(expected) == sorted(told)
        assert [at_us for at_us, _ in told] == sorted(at_us for at_us, _ in told)
        assert outcome.decisions == {(journey, step, verb): count for journey, step, verb, count in counted}
    assert ROWS + 2 * USERS == len(expected) == len(set(expected))


def test_without_the_consents_no_marketing_leaves(plan: Plan, history: History) -> None:
    """Without the imported grants not one marketing message is sent, and the service messages leave all the same."""
    outcome = replayed(plan, [item for item in history if item.type != "consent.changed"])
    sent = {journey: count for (journey, _, verb), count in outcome.decisions.items() if verb == "sent"}
    assert sent == {shop_oracle.PAYMENT: outcome.decisions[shop_oracle.PAYMENT, "tell", "sent"]}


def test_the_oracle_can_tell_a_difference(rows: list[dict[str, str]]) -> None:
    """One purchase less changes what the plain computation counts, so agreement with it means something."""
    purchase = next(number for number, row in enumerate(rows) if row["event"] == "purchase")
    assert shop_oracle.shop_counts(rows) != shop_oracle.shop_counts(rows[:purchase] + rows[purchase + 1 :])


def test_budget_and_quiet_hours_hold_in_what_leaves(plan: Plan, history: History) -> None:
    """No seven days hold more than two marketing messages to one user, and none leaves between 21:00 and 08:00."""
    left: dict[bytes, list[int]] = {}

    def note(action: Action, at_us: int) -> None:
        if action.purpose == "marketing.reminders":
            left.setdefault(action.subject, []).append(at_us)

    replayed(plan, history.items, note)
    assert sum(map(len, left.values())) > 3_000
    for instants in left.values():
        assert all(later - earlier >= 7 * DAY_US for earlier, later in zip(instants, instants[2:], strict=False))
        assert not any(shop_oracle.quiet_until(at_us // 1_000_000) for at_us in instants)
