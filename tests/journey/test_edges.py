"""The edges of a journey: all that are written, those that can never be taken, and those that decisions show to have been taken."""

from textwrap import dedent
from typing import get_args

from pilotage.journey.edges import edges_of, passed_edges, passed_steps
from pilotage.journey.impossible import impossible_edges, possible_edges
from pilotage.journey.plan import AnyStep, Branch, Call, Emit, Exit, Send, Set, Split, Wait
from tests.journey.scenario import HOUR, Subject, compile_documents

HEAD = """\
schema: 1
kind: journey
name: growth.recovery.cart
purpose: {purpose}
enter: {{on: cart.added, reentry: always}}
goal: {{when: "trigger.type = 'order.placed'", within: {within}{stay}}}
exit: [{{when: "trigger.type in ('complaint.opened')", reason: complaint}}]
steps:
"""
STEPS = """\
  - {id: hour, wait: {until: order.placed, timeout: 1h}, next: bought, on_timeout: tell}
  - {id: tell, send: email, content: plain, expires: 2d, on_blocked: watch}
  - {id: watch, wait: {until: complaint.opened, timeout: 3d}, next: sorry, on_timeout: again}
  - {id: again, wait: {until: order.placed, timeout: 1d}}
  - {id: bought, exit: bought}
  - {id: sorry, set: {attributes: {mood: "'bad'"}}}
"""


def written(steps: str = STEPS, purpose: str = "marketing.cart", within: str = "30d", stay: str = "") -> str:
    return HEAD.format(purpose=purpose, within=within, stay=stay) + dedent(steps)


def impossible(document: str) -> dict[str, str]:
    plan = compile_documents(document)
    (journey,) = plan.journeys
    return {edge.text: reason for edge, reason in impossible_edges(journey, plan.policy).items()}


ENDED = "order.placed ends the entry before: the goal"
COMPLAINED = {
    "watch next → sorry": "complaint.opened ends the entry before: exit, complaint",
    "sorry next → end": "no possible way leads to sorry",
}


def test_an_event_that_ends_the_entry_is_not_awaited() -> None:
    """A wait for the event of an exit rule, or of a goal whose time is not over yet, is never ended by it; nor is what follows."""
    assert {"hour next → bought": ENDED, "again next → bought": ENDED, **COMPLAINED} == impossible(written())


def test_a_goal_that_is_over_or_stays_ends_nothing() -> None:
    """Once the goal's time may be over, or where the entry stays, the wait can be ended by the event."""
    assert {"hour next → bought": ENDED, **COMPLAINED} == impossible(written(within="5d"))
    assert COMPLAINED == impossible(written(stay=", stay: true"))


def test_a_cycle_has_no_bound() -> None:
    """In a cycle a step can be reached at any time, so a goal's time may be over."""
    cycle = STEPS.replace("timeout: 1d}}", "timeout: 1d}, on_timeout: hour}")
    assert COMPLAINED == impossible(written(cycle))


def test_a_message_that_nothing_can_block_is_not_blocked() -> None:
    """`on_blocked` counts only where consent, a suppression, quiet hours, a budget, an address or a receipt can block."""
    steps = "  - {id: tell, send: email, content: plain, on_blocked: end}\n"
    assert {} == impossible(written(steps, purpose="service.payment"))  # the address may be missing
    plan = compile_documents(written(steps, purpose="service.payment"))
    assert "tell on_blocked → end" in [edge.text for edge in possible_edges(plan.journeys[0], plan.policy)]


def test_decisions_show_the_edges_taken_and_the_steps_passed() -> None:
    """From what was decided follows which edges an entry took and at which steps it arrived, the end being none."""
    subject = Subject(written()).sign_up()
    subject.event("cart.added", product="lamp", price=20).wake(HOUR).event("complaint.opened", HOUR)
    (journey,) = subject.program.plan.journeys
    assert ("hour", "tell", "watch") == passed_steps(journey, subject.decisions)
    taken = sorted(edge.text for edge in passed_edges(journey, subject.decisions))
    assert ["enters", "exit: complaint", "hour on_timeout → tell", "tell next → watch"] == taken
    assert passed_edges(journey, subject.decisions) <= set(edges_of(journey))


def test_a_step_that_is_reached_again_is_passed_again() -> None:
    """A cycle shows each arrival at a step."""
    subject = Subject(written("  - {id: again, wait: {for: 1h}, next: again}\n"))
    subject.event("cart.added", product="lamp", price=20).wake(HOUR).wake(HOUR)
    assert ("again", "again", "again") == passed_steps(subject.program.plan.journeys[0], subject.decisions)


def test_every_kind_of_step_has_its_edges() -> None:
    """`edges.step_edges`, `edges.taken` and `impossible` know every kind of step; whoever adds one says how it is left."""
    assert {Send, Wait, Branch, Split, Set, Emit, Call, Exit} == set(get_args(AnyStep))
