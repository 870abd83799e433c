"""All kinds of steps at once: however late a customer is woken, the same is decided, and every effect is its own."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.advance import wake_at
from pilotage.journey.outcome import Action
from pilotage.journey.program import load
from tests.journey.scenario import HOUR, ZONES, Subject, compile_documents
from tests.journey.test_advance import journey
from tests.journey.test_audiences import GOLD
from tests.journey.test_decide import CATALOGUE

FRAGMENT = """
schema: 1
kind: fragment
name: ask
version: "1"
parameters: {pause: {type: duration}, then: {type: step, default: end}}
steps:
  - {id: ring, task: Ring them, team: service, sla: $pause, remind: [1h], outcomes: {reached: $then, again: pause}, on_timeout: pause}
  - {id: pause, wait: {until: app.opened, timeout: $pause}}
"""
KEYED = journey(
    """
    {id: many, repeat: {times: 3, until: "count('complaint.opened', '1d') > 0", steps: [
      {id: call, call: desk, data: {order: journey.key}}, {id: ask, fragment: ask, version: "1", with: {pause: 5h, then: out}}]}}
    {id: choose, decide: offers, by: weights, explore: 30%, actions: {big: mail, small: other}, next: end}
    {id: mail, send: email, content: plain, purpose: service.payment, expires: 1d, next: end}
    {id: other, journey: growth.recovery.other, data: {price: trigger.total}, timeout: 9h, outcomes: {given: mail}, on_failure: end}
    {id: out, exit: left}
    """.replace("[\n      ", "[").replace("}}, {id: ask", "}}, {id: ask"),
    "{on: order.placed, key: trigger.order, reentry: {after: 2d}}",
    "fallback: {on_blocked: out, on_failure: out, on_timeout: out}\n"
    "exit: [{when: \"trigger.type = 'product.viewed' and trigger.product = journey.key\", reason: seen}]",
    name="keyed",
)
OTHER = journey(
    "{id: gate, approve: A gift, person: ada, sla: 4h, on_reject: no}\n{id: yes, exit: given}\n{id: no, exit: kept}",
    "{on: cart.added, reentry: always}",
    name="other",
)
WEEKLY = journey(
    "{id: act, call: desk, data: {at: trigger.at}}\n{id: rest, wait: {for: 3h}}",
    '{schedule: {cron: "0 */6 * * *", audience: gold, spread: 1h}}',
    name="weekly",
)

HAPPENINGS = st.tuples(
    st.integers(0, 30),
    st.sampled_from(
        ["order.placed", "order.placed", "app.opened", "complaint.opened", "product.viewed", "tier", "zone", "done", "sent", "wake"]
    ),
    st.sampled_from("ab"),
)


def happen(subject: Subject, after: int, thing: str, which: str, actions: Sequence[Action]) -> None:
    """One thing that happens after a time; what answers an action answers the first or the last one there was."""
    if thing == "done" and actions:
        effect = actions[0 if which == "a" else -1].effect.hex()
        subject.event("task.completed", after, effect=effect, outcome="reached" if which == "a" else "approved", person="ada")
    elif thing == "sent" and actions:
        subject.event("message.failed", after, effect=actions[-1].effect.hex())
    elif thing == "tier":
        subject.event("customer.signed_up", after, tier="gold" if which == "a" else "basic", email="a@example.test")
    elif thing == "zone":
        subject.event("customer.signed_up", after, timezone="Asia/Tokyo" if which == "a" else "America/New_York")
    elif thing in ("wake", "done", "sent"):
        subject.wake(after)
    else:
        data = {"order.placed": {"order": which, "total": 60}, "product.viewed": {"product": which}}.get(thing, {})
        subject.event(thing, after, **data)


PROGRAM = load(compile_documents(GOLD, CATALOGUE.replace("trigger.price", "trigger.total"), FRAGMENT, KEYED, OTHER, WEEKLY), ZONES, "test")


@given(st.lists(HAPPENINGS, max_size=15))
def test_the_same_is_decided_however_one_is_woken(things: list[tuple[int, str, str]]) -> None:
    """Woken at each instant or only when something happens: the same decisions, actions and state; and no effect key twice."""
    late, timely = Subject(program=PROGRAM), Subject(program=PROGRAM)
    for hours, thing, which in things:
        until = timely.now + hours * HOUR
        while 0 < wake_at(timely.state) < until:
            timely.wake(wake_at(timely.state) - timely.now)
        actions = list(timely.actions)
        for subject in (late, timely):
            happen(subject, until - subject.now, thing, which, actions)
    assert (late.decisions, late.actions, late.state) == (timely.decisions, timely.actions, timely.state)
    effects = [action.effect for action in late.actions]
    assert len(effects) == len(set(effects))
    assert all(entry.step in PROGRAM.journeys[entry.version].steps for entry in late.state.entries)
