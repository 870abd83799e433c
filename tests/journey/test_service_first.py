"""Who goes first: an open case outranks promotion, classes have an order, and what is kept out is sent on another channel."""

import pytest

from pilotage.event.time import parse_instant_us
from pilotage.journey.advance import wake_at
from pilotage.journey.edges import edges_of
from tests.journey.sample import FILES, changed, compiled, journey_of, texts
from tests.journey.scenario import DAY, HOUR, Subject, compile_documents
from tests.journey.test_arbitration import SLOTS, sender, sent, settle, start_of_slot

NIGHT = parse_instant_us("2026-03-02T22:00:00Z")
SHARED = """
schema: 1
kind: policy
name: shared
{order}
quiet_hours: [{{name: all-night, classes: [service], from: "21:00", to: "08:00"}}]
budgets: [{{name: one-a-day, limit: 1, window: 1d}}]
"""


def service(name: str, priority: str) -> str:
    return sender(name, priority).replace("purpose: marketing.cart", "purpose: service.payment")


@pytest.mark.parametrize(("order", "winner"), [("", "a"), ("order: [transactional, service, marketing]", "b")])
def test_the_order_of_classes_counts_before_priority(order: str, winner: str) -> None:
    """Of messages that leave with the end of the night the budget's only place goes to the class that the policy names first; without
    an order the priority decides."""
    plan = compile_documents(SHARED.format(order=order), sender("a", "9"), service("b", "1"))
    subject = Subject(plan=plan, start_us=NIGHT).sign_up()
    for product in ("a", "b"):
        subject.event("cart.added", product=product, price=1)
    settle(subject, NIGHT + 12 * HOUR)
    assert [winner] == [name for name, _ in sent(subject)]


CASE = """
schema: 1
kind: policy
name: case
suppress: [{name: open-case, when: "in_journey('service.payment.care')", classes: [marketing], reason: a case is open}]
"""
CARE = """
schema: 1
kind: journey
name: service.payment.care
owner: {responsible: a, accountable: b}
purpose: service.payment
stage: service
enter: {on: product.viewed, reentry: always}
steps:
  - {id: solved, wait: {until: app.opened, timeout: 9d}}
  - {id: bye, send: email, content: plain, on_blocked: end}
"""


def test_an_open_case_outranks_promotion() -> None:
    """While a customer's case is open no promotion leaves, nor what has waited for a slot; the case's own message does, and promotion
    afterwards."""
    subject = Subject(plan=compile_documents(CASE, CARE, SLOTS.format(length="1h", limit=1), sender("a"))).sign_up()
    begins = start_of_slot(subject)
    subject.now += begins
    subject.event("cart.added", 1, product="a", price=1).event("product.viewed", 1, product="x")
    settle(subject, subject.now + 2 * HOUR)
    assert ("suppression:open-case", "a case is open") == (subject.last("blocked").rule, subject.last("blocked").reason)
    subject.event("app.opened", version="1").event("cart.added", 1, product="a", price=1)
    settle(subject, subject.now + 2 * HOUR)
    assert ["care", "a"] == [name for name, _ in sent(subject)]


INSTEAD = ", instead: [{send: inbox, content: words}]"
WORDS = "schema: 1\nkind: content\nname: words\nchannel: inbox\ntitle: hello\nbody: there\n"


def test_a_substitute_is_a_step_of_its_own_between_the_edges() -> None:
    """The edges of the step lead on from the last substitute; channel, content and address are its own, the rest is the step's."""
    files = changed("journeys/cart.yaml", "send: email, content: reminder", f"send: email, content: reminder{INSTEAD}")
    found = journey_of({**files, "content/words.yaml": WORDS})
    first, second = (step for step in found.steps if step.id.startswith("remind"))
    assert ("remind/inbox", "remind/inbox") == (first.on_blocked, first.on_lost)  # type: ignore[union-attr]
    assert ("remind/inbox", "inbox", "words", "", "day") == (second.id, second.channel, second.content, second.recipient, second.next)  # type: ignore[union-attr]
    assert "" == second.on_blocked  # type: ignore[union-attr]
    assert {"on_blocked", "on_lost", "next", "on_failure"} >= {edge.label for edge in edges_of(found) if edge.step == "remind"}


def test_who_loses_a_slot_is_told_on_another_channel() -> None:
    """A message that others keep out of its slot leaves on the other channel at that very instant, once."""
    words = WORDS.replace("channel: inbox\ntitle: hello\nbody: there", "channel: push\nsubject: hello\ntext: there")
    slots = SLOTS.format(length="1h", limit=1).replace("classes: [marketing],", "classes: [marketing], channels: [email],")
    plan = compile_documents(slots, words, sender("a", more=INSTEAD.replace("inbox", "push")), sender("b", "1"))
    subject = Subject(plan=plan).sign_up().consent(channel="push")
    begins = start_of_slot(subject)
    subject.now += begins
    subject.event("cart.added", 1, product="a", price=1).event("cart.added", 1, product="b", price=1)
    settle(subject, subject.now + 5 * DAY)
    assert ["b", "a"] == [name for name, _ in sent(subject)]
    assert [("email", "growth.recovery.b"), ("push", "growth.recovery.a")] == [(each.target, each.journey) for each in subject.actions]
    assert "slot marketing went to growth.recovery.b" == subject.last("lost").reason


def test_what_suppresses_the_message_suppresses_its_substitute() -> None:
    """A substitute is decided as any message is: an open complaint blocks it too."""
    plan = compile_documents(
        WORDS.replace("channel: inbox\ntitle: hello\nbody: there", "channel: push\nsubject: hello\ntext: there"),
        sender("a", more=INSTEAD.replace("inbox", "push")),
    )
    subject = Subject(plan=plan).sign_up().consent(channel="push").event("complaint.opened", text="late")
    subject.event("cart.added", product="a", price=1)
    assert ["blocked tell", "blocked tell/push"] == [verb for verb in subject.verbs if verb.startswith("blocked")]
    assert [] == subject.actions
    assert 0 == wake_at(subject.state)


def test_a_channel_is_tried_once() -> None:
    """A substitute on a channel that was tried already is refused at its place."""
    files = changed(
        "journeys/cart.yaml",
        "send: email, content: reminder",
        "send: email, content: reminder, instead: [{send: email, content: reminder}]",
    )
    plan, findings = compiled(files)
    assert plan is None
    assert [
        text
        for text in texts(findings)
        if text.startswith("journeys/cart.yaml:13:") and "J041" in text and "; name each channel once" in text
    ]


def test_an_order_names_each_class_once() -> None:
    """Two orders, or a class twice in one, are refused."""
    twice = {**FILES, "policies/contact.yaml": FILES["policies/contact.yaml"] + "order: [service, service]\n"}
    assert [text for text in texts(compiled(twice)[1]) if "error D016 a class stands twice" in text]
    two = {**FILES, "policies/contact.yaml": FILES["policies/contact.yaml"] + "order: [service]\n"}
    two["policies/other.yaml"] = "schema: 1\nkind: policy\nname: other\norder: [marketing]\n"
    assert [text for text in texts(compiled(two)[1]) if "error P004 'order' is another" in text]
