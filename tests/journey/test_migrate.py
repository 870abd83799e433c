"""A new version takes over: those under way finish, leave, or go on under it, and keep what they had."""

from collections.abc import Sequence

import pytest

from pilotage.app.equipment import freshness
from pilotage.journey.difference import compare_plans
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from tests.journey.sample import FILES, compiled, texts
from tests.journey.scenario import CONTENT, DAY, HOUR, ZONES, Subject, compile_documents

JOURNEY = """
schema: 1
kind: journey
name: growth.recovery.cart
owner: {responsible: crm}
purpose: marketing.cart
"""
ENTER = "enter: {on: cart.added, reentry: always}\n"
OTHER = CONTENT.replace("name: note", "name: other").replace("{{ trigger.price }} {{ journey.n }}", "other")


def plan_of(*steps: str, in_flight: str = "", rest: str = ENTER, documents: Sequence[str] = ()) -> Plan:
    """A plan of one journey with these steps."""
    head = f"in_flight: {in_flight}\n" if in_flight else ""
    lines = "".join(f"  - {step}\n" for step in steps)
    return compile_documents(f"{JOURNEY}{head}{rest}steps:\n{lines}", OTHER, *documents)


def take_over(subject: Subject, *plans: Plan, after: int = 0) -> Subject:
    """Have the first plan come into force after the others, and let the subject be touched once."""
    subject.program = load(plans[0], ZONES, "test", plans[1:])
    return subject.wake(after)


MISTAKES = [
    ("in_flight: «stay", "error D016 'in_flight' cannot be 'stay'; Choices are: exit, finish"),
    ("in_flight: {«move: {}}", "error D009 unknown key 'move' in 'in_flight'"),
    ("in_flight: {migrate: {from: «newest}}", "error J036 'newest' is not how a digest begins; write at least six digits"),
    ("in_flight: {migrate: {steps: {pause: «huor}}}", "error J012 unknown step 'huor'; did you mean 'hour'?"),
    ("in_flight: {migrate: {steps: {«1st: hour}}}", "error D015 a key of 'steps': '1st' is not"),
]


@pytest.mark.parametrize(("written", "said"), MISTAKES)
def test_mistakes_are_shown_where_they_are(written: str, said: str) -> None:
    """A mistake in an in-flight policy is told at its place, with a cure."""
    place = written.index("«") + 1
    source = FILES["journeys/cart.yaml"] + written.replace("«", "") + "\n"
    _, findings = compiled({**FILES, "journeys/cart.yaml": source})
    assert any(f":{source.count(chr(10))}:{place}: {said}" in text for text in texts(findings)), texts(findings)


def test_a_difference_names_the_policy() -> None:
    """What becomes of those under way is among what differs between two versions."""
    old, new = plan_of(*WAIT_SEND), plan_of(*WAIT_SEND, in_flight="{migrate: {steps: {hold: late}}}")
    (change,) = compare_plans(old, new).changes
    assert [("in flight", "", "migrate from any: hold to late")] == [(each.field, each.old, each.new) for each in change.fields]


WAIT_SEND = (
    "{id: hold, wait: {for: 2d}}",
    "{id: tell, send: email, content: plain, expires: 1d, on_blocked: end}",
    "{id: late, wait: {for: 5d}}",
)


def under_way(plan: Plan) -> Subject:
    """Somebody who has consented and is in the journey."""
    return Subject(plan=plan).sign_up().event("cart.added")


def test_without_a_policy_entries_finish_under_their_version() -> None:
    """A new version without in_flight leaves those under way alone."""
    old, new = plan_of(*WAIT_SEND), plan_of("{id: hold, wait: {for: 9d}}")
    s = take_over(under_way(old), new, old)
    assert [old.journeys[0].digest[:16]] == [entry.version for entry in s.state.entries]
    assert "sent tell" in s.wake(2 * DAY).verbs


def test_to_finish_is_to_have_no_policy() -> None:
    """`in_flight: finish` gives the same journey as nothing."""
    assert plan_of(*WAIT_SEND).digest == plan_of(*WAIT_SEND, in_flight="finish").digest


def test_with_exit_they_leave_and_may_come_again() -> None:
    """With exit, entries end as of the touch; the event at hand may start one of the new version."""
    old, new = plan_of(*WAIT_SEND), plan_of("{id: other, wait: {for: 9d}}", in_flight="exit")
    s = under_way(old)
    s.program = load(new, ZONES, "test", [old])
    s.event("cart.added", HOUR)
    assert ["exited hold", "entered", "waited other"] == s.verbs[-3:]
    assert "a new version took over" == s.last("exited").reason


def test_a_wait_keeps_its_deadline() -> None:
    """A wait of the same form rests on until when it did, whatever the new version's duration is."""
    old = plan_of(*WAIT_SEND)
    new = plan_of(
        "{id: pause, wait: {for: 9d}}", "{id: gone, exit: gone}", in_flight="{migrate: {steps: {hold: pause, tell: gone, late: exit}}}"
    )
    s = take_over(under_way(old), new, old, after=DAY)
    assert "migrated pause" == s.verbs[-1]
    assert s.now + DAY == s.state.entries[0].due_us
    assert ["resumed pause", "exited gone"] == s.wake(DAY).verbs[-2:]


def test_a_step_of_another_kind_begins() -> None:
    """An entry that lands on a step of another kind begins it."""
    old = plan_of(*WAIT_SEND)
    new = plan_of(
        "{id: tell, send: email, content: plain, expires: 1d, on_blocked: end}", in_flight="{migrate: {steps: {hold: tell, late: exit}}}"
    )
    s = take_over(under_way(old), new, old, after=DAY)
    assert ["migrated tell", "sent tell", "exited tell"] == s.verbs[-3:]


@pytest.mark.parametrize("content", ["plain", "other"])
def test_what_was_sent_is_not_sent_again(content: str) -> None:
    """A map that leads back before a message passes it, whether the content or only the step is the same."""
    old = plan_of(*WAIT_SEND)
    steps = (f"{{id: again, send: email, content: {content}, expires: 1d, on_blocked: end}}", "{id: late, wait: {for: 5d}}")
    new = plan_of("{id: first, wait: {for: 1d}}", *steps, in_flight="{migrate: {steps: {hold: first, tell: again, late: first}}}")
    s = under_way(old).wake(2 * DAY).receipt()
    take_over(s, new, old, after=HOUR)
    assert "migrated first" == s.verbs[-1]
    assert ["resumed first", "passed again", "waited late"] == s.wake(10 * DAY).verbs[-5:-2]
    assert 1 == len(s.actions)


def test_a_message_that_takes_the_place_of_a_call_is_sent() -> None:
    """What acted before at a step of another kind is no reason to pass a message, nor is it an effect key's path."""
    call = "{id: ask, call: desk, data: {n: trigger.price}, timeout: 5d, on_failure: end, on_timeout: end}"
    old = plan_of("{id: first, send: email, content: plain, expires: 1d, on_blocked: end}", call)
    tell = "{id: tell, send: email, content: other, expires: 1d, on_blocked: end}"
    new = plan_of(tell, in_flight="{migrate: {steps: {first: exit, ask: tell}}}")
    s = take_over(under_way(old).receipt(action=0), new, old, after=HOUR)
    assert ["migrated tell", "sent tell", "exited tell"] == s.verbs[-3:]
    assert 3 == len({action.effect for action in s.actions})


def test_a_repeated_message_goes_on_with_fresh_effect_keys() -> None:
    """In a repeat the rounds go on where they were, and no effect key comes twice though the steps have other ids."""
    inner = "steps: [{{id: {0}, send: email, content: plain, expires: 1d, on_blocked: end}}, {{id: {1}, wait: {{for: 4d}}}}]"
    old = plan_of(f"{{id: thrice, repeat: {{times: 3, {inner.format('tell', 'days')}}}}}")
    steps = "{thrice: more, thrice/tell: more/say, thrice/days: more/pause}"
    new = plan_of(f"{{id: more, repeat: {{times: 4, {inner.format('say', 'pause')}}}}}", in_flight=f"{{migrate: {{steps: {steps}}}}}")
    s = take_over(under_way(old).receipt(), new, old, after=DAY)
    for _ in range(5):
        s.wake(4 * DAY)
        if s.verbs[-1] == "waited more/pause":
            s.receipt()
    assert 4 == len(s.actions)
    assert 4 == len({action.effect for action in s.actions})
    assert [] == s.state.entries


def test_a_message_that_waits_stays_a_candidate() -> None:
    """A deferred message is decided when it would have been, and expires when it would have."""
    night = "{id: tell, send: email, content: plain, expires: 1d, on_blocked: end}"
    old, new = plan_of(night), plan_of(night.replace("tell", "say"), in_flight="{migrate: {steps: {tell: say}}}")
    s = Subject(plan=old).sign_up().event("cart.added", 10 * HOUR)
    before = s.state.entries[0]
    take_over(s, new, old, after=HOUR)
    after = s.state.entries[0]
    assert ("say", before.due_us, before.expires_us, 2) == (after.step, after.due_us, after.expires_us, after.phase)
    s.wake(after.due_us - s.now)
    assert ["sent say", "exited say"] == s.verbs[-2:]


def test_a_receipt_still_comes_to_the_message_it_is_about() -> None:
    """An entry that waits for a receipt takes it under the new version."""
    send = "{id: tell, send: email, content: plain, expires: 1d, on_blocked: end, on_failure: sorry}"
    old = plan_of(send, "{id: done, exit: done}", "{id: sorry, exit: sorry}")
    new = plan_of(
        send.replace("tell", "say"), "{id: done, exit: done}", "{id: sorry, exit: sad}", in_flight="{migrate: {steps: {tell: say}}}"
    )
    s = take_over(under_way(old), new, old, after=HOUR).receipt("message.failed", reason="no such mailbox")
    assert ["migrated say", "failed say", "exited sorry"] == s.verbs[-3:]
    assert "sad" == s.last("exited").reason
    assert 1 == len(s.actions)


def test_exits_of_the_new_version_are_looked_at_at_once() -> None:
    """Whoever meets an exit of the new version leaves when it takes over."""
    old = plan_of(*WAIT_SEND)
    new = plan_of(*WAIT_SEND, in_flight="{migrate: {}}", rest=ENTER + "exit: [{when: country = 'DE', reason: not in Germany}]\n")
    s = take_over(under_way(old), new, old)
    assert ["migrated hold", "exited hold"] == s.verbs[-2:]


def test_those_held_out_stay_held_out() -> None:
    """Somebody held out is observed until the new version's goal is past."""
    rest = ENTER + "holdout: 100%%\ngoal: {when: \"trigger.type = 'order.placed'\", within: %s}\n"
    old, new = plan_of(*WAIT_SEND, rest=rest % "10d"), plan_of(*WAIT_SEND, in_flight="{migrate: {}}", rest=rest % "20d")
    s = under_way(old)
    entered_us = s.now
    take_over(s, new, old, after=DAY)
    assert entered_us + 20 * DAY == s.state.entries[0].due_us
    assert [] == s.wake(20 * DAY).state.entries


def test_entries_of_other_versions_than_meant_finish() -> None:
    """A map that names a version leaves the entries of all others alone."""
    first, second = plan_of(*WAIT_SEND), plan_of(*WAIT_SEND[:2])
    policy = f'{{migrate: {{from: "{second.journeys[0].digest[:8]}"}}}}'
    third = plan_of(*WAIT_SEND[:1], in_flight=policy)
    assert "migrated hold" not in take_over(under_way(first), third, second, first).verbs
    assert "migrated hold" in take_over(under_way(second), third, second, first).verbs


def test_a_step_without_a_place_keeps_its_entry_until_it_moves_on() -> None:
    """An entry on a step that the map does not know goes on under its version, and migrates from the next step that it does know."""
    old = plan_of(*WAIT_SEND)
    new = plan_of("{id: late, wait: {for: 5d}}", in_flight="{migrate: {}}")
    s = take_over(under_way(old), new, old)
    assert "waited hold" == s.verbs[-1]
    s.wake(2 * DAY).wake(HOUR)
    assert ["resumed hold", "sent tell", "waited late", "migrated late"] == s.verbs[-4:]


def test_keys_that_differ_let_entries_finish() -> None:
    """Entries that are told apart otherwise than before finish under their version."""
    old = plan_of(*WAIT_SEND)
    new = plan_of(*WAIT_SEND, in_flight="{migrate: {}}", rest="enter: {on: cart.added, reentry: always, key: trigger.product}\n")
    assert "migrated hold" not in take_over(under_way(old), new, old).verbs


def test_variables_and_trigger_stay_as_far_as_they_are_known() -> None:
    """What the new version does not know with the same type is dropped."""
    put = "{id: put, set: {variables: {n: trigger.price, m: country}}}"
    branch = "{id: which, branch: [{when: journey.n > 5, goto: more}], next: end}"
    old = plan_of(put, "{id: hold, wait: {for: 2d}}", branch, "{id: more, exit: more}")
    new = plan_of(
        "{id: put, set: {variables: {n: trigger.price}}}",
        *("{id: hold, wait: {for: 2d}}", branch, "{id: more, exit: most}"),
        in_flight="{migrate: {}}",
    )
    s = Subject(plan=old).sign_up().event("cart.added", price=9)
    take_over(s, new, old)
    assert ({"n": 9_000_000}, {"price": 9_000_000}) == (s.state.entries[0].variables, s.state.entries[0].trigger)
    s.wake(2 * DAY)
    assert "most" == s.last("exited").reason


def test_a_task_goes_on_and_an_approval_that_was_none_begins() -> None:
    """A task with the outcomes it had is still the same task; one that lacks an outcome is given anew."""
    task = "{id: ask, task: %s, team: care, sla: 1d, timeout: 2d, outcomes: {%s}, on_timeout: end}"
    old = plan_of(task % ("Call", "good: end, bad: end"))
    same, other = (plan_of(task % ("Ring", ways), in_flight="{migrate: {}}") for ways in ("good: end, bad: end, none: end", "good: end"))
    kept = take_over(under_way(old), same, old, after=HOUR)
    assert ("migrated ask", 1) == (kept.verbs[-1], len(kept.actions))
    fresh = take_over(under_way(old), other, old, after=HOUR)
    assert (["migrated ask", "opened ask"], 2) == (fresh.verbs[-2:], len(fresh.actions))
    assert 2 == len({action.effect for action in fresh.actions})


def test_the_second_touch_changes_nothing() -> None:
    """A version takes an entry over once: touched again, the state stays as it is."""
    old = plan_of(*WAIT_SEND)
    new = plan_of(*WAIT_SEND, in_flight="{migrate: {}}", rest=ENTER + "holdout: 0%\n")
    s = take_over(under_way(old), new, old)
    before, decided = s.state, len(s.decisions)
    assert (before, decided) == (s.wake(HOUR).state, len(s.decisions))


def test_the_sweep_knows_who_is_to_migrate() -> None:
    """Freshness names the takeovers, and calls a state outdated as long as an entry of an earlier version is to migrate."""
    old, new = plan_of(*WAIT_SEND), plan_of(*WAIT_SEND, in_flight="{migrate: {}}")
    s = under_way(old)
    (before, _), (digest, outdated) = freshness(s.program), freshness(load(new, ZONES, "test", [old]))
    assert before != digest
    assert outdated(s.state)
    assert not outdated(take_over(s, new, old).state)


def test_what_was_due_before_is_settled_under_the_new_version() -> None:
    """After an outage the new version takes over as of the first instant that was due, and decides all that was."""
    old = plan_of(*WAIT_SEND)
    new = plan_of(
        "{id: hold, wait: {for: 2d}}", "{id: rest, wait: {for: 1d}}", "{id: done, exit: done}", in_flight="{migrate: {steps: {late: exit}}}"
    )
    s = under_way(old)
    begun_us = s.now
    take_over(s, new, old, after=9 * DAY)
    told = [(d.verb, d.step, (d.at_us - begun_us) // DAY) for d in s.decisions[-5:]]
    assert [("migrated", "hold", 2), ("resumed", "hold", 2), ("waited", "rest", 2), ("resumed", "rest", 3), ("exited", "done", 3)] == told
