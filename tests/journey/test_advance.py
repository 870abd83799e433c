"""Tests of `advance`: each step, wait form, exit, goal and re-entry rule, through documents and the real compiler."""

import pytest

from pilotage.journey.program import load
from tests.journey.scenario import CONTENT, DAY, HOUR, MINUTE, ZONES, Subject, compile_documents

HEAD = """
schema: 1
kind: journey
name: growth.recovery.{name}
owner: {{responsible: a, accountable: b}}
purpose: marketing.cart
stage: growth
enter: {enter}
{extra}
steps:
"""


def journey(steps: str, enter: str = "{on: cart.added, reentry: always}", extra: str = "", name: str = "cart") -> str:
    return HEAD.format(name=name, enter=enter, extra=extra) + "".join(f"  - {line.strip()}\n" for line in steps.strip().splitlines())


ABANDONED = journey(
    """
    {id: hour, wait: {until: order.placed, timeout: 1h}, next: bought, on_timeout: remind}
    {id: remind, send: email, content: note, expires: 2d, on_blocked: end}
    {id: day, wait: {for: 23h}}
    {id: again, send: email, content: plain, expires: 2d, on_blocked: end, next: end}
    {id: bought, exit: bought}
    """,
    extra="goal: {when: \"trigger.type = 'order.placed'\", within: 30d, kpi: orders, value: trigger.total}",
).replace("content: note", "content: plain")


def test_abandoned_cart_sends_twice() -> None:
    """A cart left alone gets a message after an hour, another after a day, and the entry ends."""
    s = Subject(ABANDONED).sign_up().event("cart.added", price=10).wake(HOUR).receipt().wake(23 * HOUR)
    assert s.verbs == ["entered", "waited hour", "timed_out hour", "sent remind", "waited day", "resumed day", "sent again", "exited again"]
    assert [a.recipient for a in s.actions] == ["a@example.test"] * 2
    assert s.state.entries == []


def test_a_goal_ends_the_entry_and_has_a_value() -> None:
    """A purchase reaches the goal; its value is exact, and nothing is sent any more."""
    s = Subject(ABANDONED).sign_up().event("cart.added", price=10).event("order.placed", 30 * MINUTE, total=19.9, items=2).wake(HOUR)
    assert s.verbs == ["entered", "waited hour", "goal hour", "exited hour"]
    assert s.last("goal").inputs["value"] == 19_900_000
    assert s.actions == []


def test_a_timer_settles_before_the_event_at_the_same_instant() -> None:
    """At exactly the timeout's instant, the timeout comes first."""
    s = Subject(ABANDONED).sign_up().event("cart.added", price=10).event("order.placed", HOUR, total=1, items=1)
    assert s.verbs[:4] == ["entered", "waited hour", "timed_out hour", "sent remind"]
    assert s.verbs[4:] == ["waited day", "goal day", "exited day", "cancelled"]


def test_late_and_repeated_wakes_change_nothing() -> None:
    """A wake-up that comes late, or twice, decides as of the due instants: the same decisions, actions and state."""
    timely = Subject(ABANDONED).sign_up().event("cart.added", price=10).wake(HOUR).wake(23 * HOUR)
    late = Subject(ABANDONED).sign_up().event("cart.added", price=10).wake(30 * HOUR).wake(0).wake(5)
    assert timely.decisions == late.decisions
    assert timely.actions == late.actions
    assert timely.state == late.state


def test_no_consent_no_message() -> None:
    """Without a grant the message is blocked, with the reason and what lost."""
    s = Subject(ABANDONED).event("customer.signed_up", email="a@example.test").event("cart.added", price=1).wake(HOUR)
    assert s.actions == []
    blocked = s.last("blocked")
    assert (blocked.rule, blocked.reason) == ("consent", "consent never given for marketing.cart on email")
    assert blocked.lost == ("send plain on email",)


def test_a_revocation_cancels_what_has_not_left() -> None:
    """After a revocation, the message decided but not handed over is cancelled."""
    s = Subject(ABANDONED).sign_up().event("cart.added", price=1).wake(HOUR).consent(granted=False)
    assert s.cancelled == [s.actions[0].effect] == [s.last("cancelled").effect]


def test_quiet_hours_defer_to_the_morning() -> None:
    """A candidate in the evening leaves at eight in the subject's zone."""
    s = Subject(ABANDONED).sign_up(timezone="America/New_York").event("cart.added", 14 * HOUR, price=1)  # 21:00 in New York
    s.wake(HOUR)
    assert s.last("deferred").rule == "quiet_hours:night"
    s.wake(12 * HOUR)
    assert s.last("sent").at_us == s.last("deferred").inputs["until_us"]


def test_budget_defers_until_the_oldest_leaves_the_window() -> None:
    """The third marketing message of a week waits, and is blocked when it would expire first."""
    s = Subject(ABANDONED).sign_up()
    s.event("cart.added", price=1).wake(HOUR).receipt().wake(23 * HOUR).receipt()
    s.event("cart.added", MINUTE, price=1).wake(HOUR)
    assert s.last("blocked").rule == "budget:marketing-week"
    assert len(s.actions) == 2


def test_messages_not_handed_over_hold_their_place() -> None:
    """While two messages are under way a third waits for their receipts, and leaves when one finally failed."""
    steps = "{id: m, send: email, content: plain, expires: 3d, on_blocked: end}"
    two = [journey(steps, name=name) for name in ("a", "b", "c")]
    s = Subject(*two).sign_up().event("cart.added", price=1)
    assert [a.journey[-1] for a in s.actions] == ["a", "b"]
    s.receipt("message.failed", 0, reason="no such mailbox")
    assert [a.journey[-1] for a in s.actions] == ["a", "b", "c"]


def test_suppression_blocks_while_a_complaint_is_open() -> None:
    """A recent complaint outranks marketing, by name."""
    s = Subject(ABANDONED).sign_up().event("complaint.opened", text="x").event("cart.added", price=1).wake(HOUR)
    assert (s.last("blocked").rule, s.last("blocked").reason) == ("suppression:open-complaint", "open complaint")


def test_reentry_rules() -> None:
    """Never, always, and after a time: each refuses with its own reason."""
    wait = "{id: w, wait: {for: 1h}}"
    never = Subject(journey(wait, "{on: cart.added, reentry: never}")).event("cart.added").event("cart.added", MINUTE).wake(HOUR)
    never.event("cart.added")
    assert never.refusals == ["already in the journey", "was in the journey before"]
    after = Subject(journey(wait, "{on: cart.added, reentry: {after: 1d}}")).event("cart.added").event("cart.added", 2 * HOUR)
    after.event("cart.added", DAY)
    assert after.refusals == ["entered too recently"]
    assert after.state.visits["growth.recovery.cart"].times == 2


def test_entry_condition_records_what_it_read() -> None:
    """A refused entry says which condition was not true and what it looked at."""
    s = Subject(journey("{id: w, wait: {for: 1h}}", "{on: cart.added, where: \"trigger.price > 50 and tier = 'gold'\"}")).event(
        "cart.added", price=12.5
    )
    refused = s.decisions[-1]
    assert refused.reason == "trigger.price > 50 and tier = 'gold' is not true"
    assert refused.inputs["trigger.price"] == "12.50"


def test_branch_takes_the_first_true_edge() -> None:
    """A branch leaves by its first true edge and names what lost."""
    steps = """
    {id: b, branch: [{when: "country = 'FR'", goto: fr}, {when: "trigger.price >= 10", goto: big}], next: small}
    {id: fr, exit: french}
    {id: big, exit: big}
    {id: small, exit: small}
    """
    for price, reason in ((10, "big"), (9.99, "small")):
        s = Subject(journey(steps)).sign_up().event("cart.added", price=price)
        assert s.last("exited").reason == reason
    assert s.last("branched").lost == ("fr: country = 'FR' is not true", "big: trigger.price >= 10 is not true")


def test_split_set_and_emit() -> None:
    """A split assigns, a set changes attributes and variables, an emitted event starts another journey at once."""
    first = journey(
        """
        {id: s, split: {x: 50%, y: 50%}}
        {id: x, set: {attributes: {mood: "'x'"}, variables: {n: "1 + 1"}}, next: e}
        {id: y, set: {attributes: {mood: "'y'"}, variables: {n: "1 + 1"}}}
        {id: e, emit: {event: cart.recovered, data: {total: trigger.price}}}
        {id: m, send: email, content: note, on_blocked: end}
        """
    )
    second = journey("{id: w, exit: done}", "{on: cart.recovered, where: 'trigger.total = 12.34'}", name="second")
    s = Subject(CONTENT, first, second).sign_up().event("cart.added", price=12.34)
    assert s.state.attributes["mood"] in ("x", "y")
    assert s.actions[0].variables == {"customer.country": "DE", "trigger.price": "12.34", "journey.n": 2}
    assert "growth.recovery.second" in s.state.visits


def test_attribute_changes_reach_other_journeys_at_once() -> None:
    """An attribute set by one journey resumes another that waits for it, at the same instant."""
    setter = journey("{id: s, set: {attributes: {mood: \"'good'\"}}}", "{on: order.placed, reentry: always}", name="setter")
    waiter = journey("{id: w, wait: {when: \"mood = 'good'\", timeout: 9d}}\n{id: x, exit: resumed}", name="waiter")
    s = Subject(setter, waiter).event("cart.added").event("order.placed", MINUTE)
    assert s.last("exited").reason == "resumed"
    assert s.last("exited").at_us == s.now


def test_wait_until_a_window_empties() -> None:
    """A condition that becomes true by time alone wakes the entry exactly then, and nobody looks before."""
    steps = "{id: w, wait: {when: \"count('app.opened', '3d') = 0\", timeout: 30d}}\n{id: x, exit: quiet}"
    s = Subject(journey(steps)).event("app.opened").event("app.opened", HOUR).event("cart.added", HOUR)
    opened = s.now - HOUR
    assert s.state.entries[0].due_us == opened + 3 * DAY  # not when the first of the two leaves the window, but the last
    s.wake(10 * DAY)
    assert s.last("exited").at_us == opened + 3 * DAY


def test_exit_rules_flip_by_time() -> None:
    """An exit condition over silence ends the entry at the exact instant."""
    s = Subject(journey("{id: w, wait: {for: 90d}}", extra="exit: [{when: \"since_last('app.opened') > '7d'\", reason: asleep}]"))
    s.event("app.opened").event("cart.added", HOUR).wake(60 * DAY)
    assert s.last("exited").reason == "asleep"
    assert s.last("exited").at_us == s.now - 60 * DAY - HOUR + 7 * DAY + 1


def test_wait_for_a_local_time() -> None:
    """A wait for nine o'clock ends at nine on the subject's wall clock."""
    s = (
        Subject(journey("{id: w, wait: {at: '09:00'}}\n{id: x, exit: morning}"))
        .sign_up(timezone="Asia/Tokyo")
        .event("cart.added")
        .wake(DAY)
    )
    assert s.last("exited").at_us == 1_772_496_000_000_000  # 2026-03-03T00:00Z


def test_wait_until_an_event_with_a_condition() -> None:
    """Only an event that passes the wait's condition resumes it."""
    steps = "{id: w, wait: {until: order.placed, where: 'trigger.total > 100', timeout: 5d}, on_timeout: end}\n{id: x, exit: big}"
    s = Subject(journey(steps)).event("cart.added").event("order.placed", 1, total=50).event("order.placed", 1, total=150)
    assert s.last("exited").reason == "big"


def test_call_waits_for_the_answer() -> None:
    """A call's answer becomes variables; without one in time, the timeout's edge is taken."""
    steps = """
    {id: c, call: desk, data: {text: "'ring ' || country"}, returns: {ticket: {field: id, type: string}}, timeout: 10m, on_timeout: late}
    {id: b, branch: [{when: "journey.ticket = 'T1'", goto: good}], next: late}
    {id: good, exit: good}
    {id: late, exit: late}
    """.replace("'ring ' || country", "country")
    answered = Subject(journey(steps)).sign_up().event("cart.added").receipt("call.answered", body='{"id": "T1"}')
    assert answered.last("exited").reason == "good"
    assert (answered.actions[0].kind, answered.actions[0].target, answered.actions[0].variables) == ("call", "desk", {"text": "DE"})
    late = Subject(journey(steps)).sign_up().event("cart.added").wake(HOUR)
    assert late.last("exited").reason == "late"


@pytest.mark.parametrize(
    ("body", "ticket"),
    [
        ('{"ticket": {"id": "T1"}}', "T1"),
        ('{"ticket.id": "T2", "ticket": {"id": "T1"}}', "T2"),
        ('{"ticket": "T1"}', None),
        ('{"ticket": {"id": 5}}', None),
        ("[1]", None),
        ("no JSON", None),
    ],
)
def test_a_field_of_an_answer_may_be_a_path(body: str, ticket: str | None) -> None:
    """A dotted path leads into the objects of an answer; what it does not lead to, or to another type, is NULL."""
    steps = "{id: c, call: desk, returns: {ticket: {field: ticket.id, type: string}}}\n{id: w, wait: {for: 1d}}"
    s = Subject(journey(steps)).event("cart.added").receipt("call.answered", body=body)
    assert {"ticket": ticket} == s.state.entries[0].variables


def test_failure_edges() -> None:
    """A final failure takes `on_failure`; a refusal at the moment of leaving takes `on_blocked`."""
    steps = """
    {id: m, send: email, content: plain, on_blocked: no, on_failure: broken}
    {id: ok, exit: ok}
    {id: no, exit: refused}
    {id: broken, exit: broken}
    """
    for kind, reason in (
        ("message.sent", "ok"),
        ("message.failed", "broken"),
        ("message.refused", "refused"),
        ("message.expired", "refused"),
    ):
        s = Subject(journey(steps)).sign_up().event("cart.added").receipt(kind)
        assert s.last("exited").reason == reason


def test_holdout_takes_no_step_but_sees_the_goal() -> None:
    """A held-out subject gets nothing, and its goal is recorded."""
    held = ABANDONED.replace("steps:", "holdout: 100%\nsteps:")
    s = Subject(held).sign_up().event("cart.added", price=1).wake(2 * DAY).event("order.placed", total=5, items=1)
    assert s.verbs == ["held_out", "goal", "exited"]
    assert s.actions == []


def test_effect_keys_differ_per_occurrence_and_never_otherwise() -> None:
    """A step that acts twice has two effect keys; the same history gives the same keys."""
    loop = journey(
        """
        {id: m, send: email, content: plain, expires: 1d, on_blocked: end}
        {id: w, wait: {for: 8d}}
        {id: b, branch: [{when: "count('cart.added', '30d') > 0", goto: m}], next: end}
        """
    )
    runs = [Subject(loop).sign_up().event("cart.added", price=1).receipt().wake(8 * DAY) for _ in range(2)]
    assert len({a.effect for a in runs[0].actions}) == 2
    assert [a.effect for a in runs[0].actions] == [a.effect for a in runs[1].actions]


def test_owners_and_prose_do_not_change_the_digest() -> None:
    """A journey's digest changes with what it does, not with who owns it."""
    same = ABANDONED.replace("responsible: a", "responsible: z")
    other = ABANDONED.replace("for: 23h", "for: 22h")
    digests = [compile_documents(text).journeys[0].digest for text in (ABANDONED, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_entries_of_an_earlier_plan_finish_their_version() -> None:
    """After a new plan takes over, an entry goes on under the version it began with."""
    from_before = compile_documents(ABANDONED)
    s = Subject(plan=from_before).sign_up().event("cart.added", price=1)
    s.program = load(compile_documents(ABANDONED.replace("timeout: 1h", "timeout: 5h")), ZONES, "test", [from_before])
    s.wake(HOUR)
    assert s.last("sent").version == from_before.journeys[0].digest[:16]
