"""The demo workspace: its documents say what they should, and its journeys do customers good in the demo world."""

from functools import partial
from pathlib import Path

import msgspec
import pytest

import pilotage.simulate
from pilotage.app.workspace import Compiled, compile_workspace, load
from pilotage.channel.render import lint
from pilotage.event.envelope import Event
from pilotage.event.time import DAY_US, parse_instant_us
from pilotage.journey.advance import advance
from pilotage.journey.outcome import Action
from pilotage.journey.plan import Plan, Step, Task, Wait
from pilotage.journey.program import load as load_program
from pilotage.journey.recheck import recheck_action
from pilotage.profile.identity import subject_id
from pilotage.runner.memory import MemoryStore
from pilotage.runner.replay import Replay
from pilotage.runner.shard import Shard
from pilotage.simulate.responses import APPEALS
from pilotage.simulate.sources import RawEvent
from pilotage.simulate.world import Truth, World
from pilotage.source.zones import packaged_zones

START_US = parse_instant_us("2026-03-02T00:00:00Z")
DEMO = Path(pilotage.simulate.__file__).parent / "demo"
CUSTOMERS = 300
SECRET = b"a secret of this test"
STEPS = {"Send", "Wait", "Branch", "Split", "Set", "Emit", "Call", "Exit", "Task", "Decide", "Enter", "Repeat"}
STAGES = {"acquisition", "onboarding", "adoption", "renewal", "growth", "advocacy", "service"}


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_workspace(load(DEMO, {}), packaged_zones())


@pytest.fixture(scope="module")
def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None
    return compiled.plan


def test_the_demo_has_no_finding(compiled: Compiled) -> None:
    """The demo's documents pass every gate without an error or a warning."""
    assert [finding.text for finding in compiled.findings] == []


def test_the_demo_s_contents_pass_the_lint(plan: Plan) -> None:
    """Every content names its language, has a text alternative and uses known markup only."""
    assert [problem for content in plan.contents for problem in lint(content)] == []


def test_marketing_can_be_unsubscribed(plan: Plan) -> None:
    """Every marketing e-mail of the demo has an unsubscribe link in both its parts."""
    classes = {purpose.name: purpose.contact_class for purpose in plan.policy.purposes}
    sends = [(step.content, step.purpose) for journey in plan.journeys for step in journey.steps if getattr(step, "channel", "") == "email"]
    contents = {content.name: content for content in plan.contents}
    marketing = {name for name, purpose in sends if classes[purpose] == "marketing"}
    assert marketing
    for name in marketing:
        assert all("unsubscribe_url" in contents[name].templates[part] for part in ("mjml", "text")), name


def test_22_journeys_cover_the_lifecycle(plan: Plan) -> None:
    """22 journeys, two of them on accounts, cover the six lifecycle stages and service, and the world knows what each of them asks for."""
    assert (22, 2) == (len(plan.journeys), sum(journey.subject == "account" for journey in plan.journeys))
    assert {journey.stage for journey in plan.journeys} == STAGES
    assert {journey.name for journey in plan.journeys} == set(APPEALS)


def test_the_demo_uses_the_whole_language(plan: Plan) -> None:
    """Between them the demo's journeys use every kind of step, every form of waiting, and each way of entering but over the API: by an
    event, once for each case, by a schedule and from another journey; goals, exits, re-entry and holdouts."""
    steps: list[Step] = [step for journey in plan.journeys for step in journey.steps]
    waits = [step for step in steps if isinstance(step, Wait)]
    assert {type(step).__name__ for step in steps} == STEPS
    assert any(step.for_us for step in waits) and any(step.until and step.timeout_us for step in waits)
    assert any(step.when for step in waits) and any(step.at_minute is not None for step in waits)
    assert {journey.enter.reentry for journey in plan.journeys} == {"never", "always", "after"}
    assert any(step.approval for step in steps if isinstance(step, Task)) and any(step.escalate for step in steps if isinstance(step, Task))
    assert any(journey.enter.key for journey in plan.journeys) and any(journey.enter.schedule for journey in plan.journeys)
    assert any(journey.goal for journey in plan.journeys)
    assert any(journey.exits for journey in plan.journeys) and any(journey.holdout for journey in plan.journeys)


def test_the_demo_s_journeys_do_good(plan: Plan) -> None:
    """In a world of 300 customers every journey of the demo reaches people, and each that has a plain aim reaches it."""
    truth = lived_with(plan, World(7, CUSTOMERS, START_US), days=60)
    effects = truth.journeys
    assert {journey.name for journey in plan.journeys} == set(effects)
    assert effects["growth.offers.cart_recovery"].caused.orders > 0
    assert effects["adoption.lifecycle.app"].caused.app_adoptions > 0
    assert effects["advocacy.feedback.review_request"].caused.reviews > 0
    assert effects["service.payment.failed"].caused.payments_recovered > 0
    assert effects["service.delivery.delayed"].caused.complaints < 0


def lived_with(plan: Plan, world: World, days: int) -> Truth:
    """Run the demo's journeys against the world: events in, messages out, responses back in."""
    program = load_program(plan, packaged_zones(), "demo")
    shards = [Shard(number, MemoryStore(), program, "demo", advance=advance) for number in range(8)]
    for shard in shards:
        shard.recover()
    people = {subject_id(SECRET, "user_id", f"c{number:06d}"): f"c{number:06d}" for number in range(CUSTOMERS)}

    def hand_over(action: Action, at_us: int) -> None:
        if action.kind == "send":
            customer, effect = people[action.subject], action.effect.hex()
            world.message(customer, effect, action.target, action.journey, action.step, at_us, action.purpose)

    replay = Replay(shards, SECRET, partial(recheck_action, program), on_handed_over=hand_over)
    for raw in world.events(START_US + days * DAY_US):
        replay.feed([_received(raw)])
    assert replay.finish().stuck == 0
    return world.truth()


def _received(raw: RawEvent) -> Event:
    """The event as received: on the replay's clock it happens when it arrives."""
    return Event(raw.id, raw.source, raw.type, raw.arrives_us, msgspec.json.encode(raw.data), raw.identifiers)
