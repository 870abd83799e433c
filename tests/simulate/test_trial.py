"""A test's run decides what the runner decides: the same events, replayed through shards and stores, count the same."""

from collections import Counter
from functools import partial
from typing import Any

import msgspec
import pytest

from pilotage.app.workspace import compile_workspace, load
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US
from pilotage.journey.advance import advance
from pilotage.journey.findings import Report
from pilotage.journey.plan import Decide, Enter, Plan
from pilotage.journey.program import Program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import account_subject, subject_id
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.simulate.parse_tests import names_of, parse_tests
from pilotage.simulate.scenery import ACCOUNT
from pilotage.simulate.tests import DocumentTest
from pilotage.simulate.trial import Stage
from pilotage.source.zones import packaged_zones
from tests.tree import ROOT

ZONES = packaged_zones()
SECRET = b"a secret"
WORKSPACE = load(ROOT / "pilotage" / "simulate" / "demo", {})
ADDRESS = {"country": "DE", "language": "en", "timezone": "Europe/Berlin"}


def plan_of_demo() -> Plan:
    plan = compile_workspace(WORKSPACE, ZONES).plan
    assert plan is not None
    return plan


PLAN = plan_of_demo()
STAGE = Stage(PLAN, ZONES)


def replayable() -> list[DocumentTest]:
    """The demo's tests whose world is the usual one: everything is handed over at once, nobody reacts to a message, nothing but the
    journey runs, it goes on to its end, and chance does not hang on the names of events."""
    names = names_of(PLAN, ZONES)
    journeys = [document for document in WORKSPACE.documents if document.kind == "journey"]
    tests = [test for document in journeys for test in parse_tests(document, names, Report())]
    apart = {journey.name for journey in PLAN.journeys if any(isinstance(step, Enter | Decide) for step in journey.steps)}
    alone = [test for test in tests if not (test.beside or test.until_us or test.journey in apart)]
    return [test for test in alone if not (test.fates or set(test.attributes) - {"email"} or any(each.of for each in test.events))]


Said = tuple[str, str, dict[str, Any]]
"""Whom an event is about (a member's name; empty: the customer or account itself), its type and its data."""


def given(who: str, attributes: dict[str, Any], consents: dict[tuple[str, str], bool]) -> list[Said]:
    """What is known of somebody, as events."""
    found: list[Said] = [(who, "consent.changed", {"purpose": key[0], "channel": key[1], "granted": yes}) for key, yes in consents.items()]
    return [*found, (who, "customer.identified", {**attributes, **ADDRESS})] if attributes else found


def events_of(test: DocumentTest) -> list[tuple[str, Event]]:
    """What is given as events just before the start, then what happens, each with the member that it is about."""
    before = given("", test.attributes, test.consents)
    for member in test.members:
        before += given(member.name, member.attributes, member.consents)
        before += [(member.name, "account.joined", {"account": ACCOUNT, "role": role}) for role in member.roles]
        before += [] if member.roles else [(member.name, "account.joined", {"account": ACCOUNT})]
    happening = [(each.by, each.type, each.at_us, each.data) for each in test.events]
    known = [(who, kind, test.start_us - 1, data) for who, kind, data in before]
    return [
        (who, Event(f"e{n}", "test", kind, at, msgspec.json.encode(data), {"account_id": ACCOUNT} if test.on_account and not who else {}))
        for n, (who, kind, at, data) in enumerate([*known, *happening])
    ]


def replayed(program: Program, test: DocumentTest, subject: bytes) -> Counter[tuple[str, str, str]]:
    shards = [Shard(number, MemoryStore(), program, "test", advance=advance) for number in range(8)]
    for shard in shards:
        shard.recover()
    replay = Replay(shards, SECRET, partial(recheck_action, program))
    own = account_subject(SECRET, ACCOUNT) if test.on_account else subject
    for who, event in events_of(test):
        replay.at(subject_id(SECRET, "user_id", who) if who else own, event)
    found = replay.finish(replay.now_us + 365 * DAY_US).decisions
    return Counter({key: count for key, count in found.items() if key[0] == test.journey})


@pytest.mark.parametrize("test", replayable(), ids=lambda test: f"{test.journey}: {test.name}")
def test_a_trial_decides_what_the_runner_decides(test: DocumentTest) -> None:
    """For each test of the demo's journeys, a trial and a replay through the runner make the same decisions, step by step."""
    trial = STAGE.run(test)
    decided = [each.decision for each in trial.timeline if each.decision is not None and each.decision.journey == test.journey]
    program = STAGE.program(frozenset((test.journey,)))
    assert Counter((each.journey, each.step, each.verb) for each in decided) == replayed(program, test, trial.state.subject)


def test_many_tests_of_the_demo_can_be_replayed() -> None:
    """The comparison covers more than forty of the demo's tests, of more than half of its journeys."""
    assert len(replayable()) > 40
    assert len({test.journey for test in replayable()}) > len(PLAN.journeys) / 2
