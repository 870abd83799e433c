"""While a journey is paused none of its steps acts; what its entries wait for is noticed, and deadlines shift or expire at the end."""

import msgspec
import pytest

from pilotage.app.equipment import freshness, halted
from pilotage.event.envelope import wake_event
from pilotage.journey.advance import advance
from pilotage.journey.pause import PAUSED, STOPPED, Controls, Pause, Stop, ended_digest, overlooked
from pilotage.journey.program import controlled, load
from pilotage.profile.state import State, decode_state, encode_state
from tests.journey.scenario import DAY, HOUR, START, ZONES, Subject, compile_documents

HEAD = """
schema: 1
kind: journey
name: growth.recovery.pause
owner: {responsible: crm}
purpose: service.payment
"""
NAME = "growth.recovery.pause"


def paused(*steps: str, rest: str = "", enter: str = "enter: {on: cart.added, reentry: always}") -> Subject:
    """Somebody who has signed up, in a plan of one journey."""
    lines = "".join(f"  - {step}\n" for step in steps)
    return Subject(f"{HEAD}{enter}\n{rest}\nsteps:\n{lines}").sign_up()


def under(s: Subject, *pauses: Pause, stops: tuple[Stop, ...] = ()) -> Subject:
    """The same under some pauses and stops from now on."""
    s.program = controlled(s.program, Controls({NAME: pauses} if pauses else {}, {NAME: stops} if stops else {}))
    return s


def day(count: float) -> int:
    """An instant so many days after the start."""
    return START + int(count * DAY)


WAIT, SEND = "{id: hold, wait: {for: 2d}}", "{id: tell, send: email, content: plain, expires: 9d, on_blocked: end}"


def test_deadlines_shift_by_the_length_of_the_pause() -> None:
    """A deadline within the pause comes as much later as the pause was long, and one after it too."""
    for end in (1.5, 3, 9):
        s = paused(WAIT, SEND).event("cart.added")
        under(s, Pause(day(1))).wake(int(0.9 * end * DAY))
        under(s, Pause(day(1), day(end))).wake(20 * DAY)
        assert [day(2 + end - 1)] == [action.not_before_us for action in s.actions]
        assert {"from_us": day(2), "until_us": day(1 + end)} == s.last("shifted").inputs


def test_a_deadline_that_comes_with_the_pause_is_held_and_one_that_comes_with_its_end_is_not() -> None:
    """Pauses are half-open: the instant they begin with belongs to them, the one they end with does not."""
    s = paused(WAIT, SEND).event("cart.added")
    under(s, Pause(day(2))).wake(3 * DAY)
    assert [] == s.actions
    assert day(5) == under(s, Pause(day(2), day(5))).wake(9 * DAY).actions[0].not_before_us
    s = under(paused(WAIT, SEND), Pause(day(1), day(2), "expire")).event("cart.added").wake(9 * DAY)
    assert day(2) == s.actions[0].not_before_us


def test_deadlines_that_passed_expire_at_the_end() -> None:
    """With `expire` a timeout that passed takes its edge when the pause ends; one that has not keeps its instant."""
    late = "{id: hold, wait: {until: order.placed, timeout: 2d}, next: end, on_timeout: tell}"
    for end, left in ((1.5, 2), (4, 4)):
        s = paused(late, SEND).event("cart.added")
        under(s, Pause(day(1), 0, "expire")).wake(DAY)
        assert [day(left)] == [action.not_before_us for action in under(s, Pause(day(1), day(end), "expire")).wake(9 * DAY).actions]


def test_what_is_waited_for_is_seen_in_a_pause() -> None:
    """An order during the pause ends the wait for it, after the deadline too; the step that follows begins at the end."""
    for deadlines in ("shift", "expire"):
        s = paused("{id: hold, wait: {until: order.placed, timeout: 2d}, next: tell, on_timeout: end}", SEND).event("cart.added")
        under(s, Pause(day(1), 0, deadlines)).wake(3 * DAY).event("order.placed")
        assert ["resumed hold", "paused tell"] == s.verbs[-2:]
        assert [] == s.actions
        under(s, Pause(day(1), day(7), deadlines)).wake(5 * DAY)
        assert [day(7)] == [action.not_before_us for action in s.actions]


def test_exits_and_goals_are_kept_in_a_pause() -> None:
    """Whoever complains leaves the paused journey at once, whoever reaches its goal too, and who comes to its end."""
    exits = "exit: [{when: \"count('complaint.opened', '7d') > 0\", reason: upset}]"
    rest = f"{exits}\ngoal: {{when: \"trigger.type = 'order.placed'\", within: 9d}}"
    for event, left in (("complaint.opened", "upset"), ("order.placed", "goal"), ("app.opened", "")):
        s = under(paused(WAIT, SEND, rest=rest).event("cart.added"), Pause(START)).event(event, DAY)
        assert (left, not left) == (s.decisions[-1].reason if left else "", bool(s.state.entries))
    s = paused("{id: hold, wait: {until: order.placed, timeout: 2d}}").event("cart.added")
    assert ["resumed hold", "exited hold"] == under(s, Pause(START)).event("order.placed").verbs[-2:]


def test_entries_queue_or_are_refused() -> None:
    """Whoever enters meanwhile rests before the first step and begins it at the end, in order; or is refused, with the reason."""
    key = "enter: {on: order.placed, key: trigger.order, reentry: always}"
    s = under(paused(SEND, enter=key), Pause(START)).event("order.placed", 1, order="b").event("order.placed", 1, order="a")
    assert ["entered", "paused tell"] * 2 == s.verbs[-4:]
    under(s, Pause(START, day(3))).wake(4 * DAY)
    assert [day(3)] * 2 == [action.not_before_us for action in s.actions]
    begun = [decision.entry for decision in s.decisions if decision.verb == "sent"]
    assert begun == [decision.entry for decision in s.decisions if decision.verb == "entered"]
    s = under(paused(SEND), Pause(START, 0, "shift", "refuse")).event("cart.added")
    assert ([PAUSED], "control") == (s.refusals, s.last("refused").rule)


def test_wall_clock_waits_stay_on_the_wall_clock() -> None:
    """A wait for nine in the morning that came in the pause is over at the next nine, across a change of the clocks; its timeout shifts."""
    s = paused('{id: hold, wait: {at: "09:00"}}', SEND).event("customer.signed_up", timezone="Europe/Berlin").event("cart.added")
    begun, end = day(25.5), day(27)  # 28 March midnight to 29 March noon: the clocks change at night
    under(s, Pause(START, end)).event("app.opened", 30 * DAY)
    assert [ZONES.next_at(end - 1, "Europe/Berlin", 540)] == [action.not_before_us for action in s.actions]
    assert (9, 0) == (ZONES.local(s.actions[0].not_before_us, "Europe/Berlin").hour, s.actions[0].not_before_us % HOUR)
    wait = '{id: hold, wait: {at: "09:00", timeout: 1h}, next: end, on_timeout: tell}'
    s = under(paused(wait, SEND), Pause(begun, end)).event("app.opened", begun - START - HOUR // 2).event("cart.added").wake(9 * DAY)
    assert [end + HOUR // 2] == [action.not_before_us for action in s.actions]


def test_tasks_are_reminded_of_and_escalated_by_shifted_time() -> None:
    """Reminder, SLA and end of a task shift together; expired, what has come is told once and the end is the end."""
    asks = "task: Ring, team: desk, outcomes: {done: late}, remind: [1d], sla: 2d, escalate: lead, timeout: 4d"
    task = f"{{id: ring, {asks}, on_timeout: late}}"

    def told(s: Subject) -> list[tuple[str, int]]:
        return [(action.variables["told"], action.not_before_us) for action in s.actions]

    s = under(paused(task, "{id: late, exit: nobody}").event("cart.added"), Pause(day(0.5), day(10.5))).wake(30 * DAY)
    assert [("opened", START), ("reminder", day(11)), ("escalated", day(12))] == told(s)
    assert ("timed_out", day(14)) == (s.decisions[-2].verb, s.decisions[-2].at_us)
    s = under(paused(task, "{id: late, exit: nobody}").event("cart.added"), Pause(day(0.5), day(3), "expire")).wake(30 * DAY)
    assert [("opened", START), ("escalated", day(3))] == told(s)
    assert ("timed_out", day(4)) == (s.decisions[-2].verb, s.decisions[-2].at_us)
    s = under(paused(task, "{id: late, exit: nobody}").event("cart.added"), Pause(day(0.5), day(9), "expire")).wake(30 * DAY)
    assert ([("opened", START)], day(9)) == (told(s), s.decisions[-2].at_us)


def test_a_candidate_is_decided_anew_at_the_end() -> None:
    """A message held for quiet hours that end within the pause leaves at the end, by day; its expiry shifts or ends it."""
    send = SEND.replace("expires: 9d", "expires: 1d")
    for deadlines, verbs in (("shift", ["shifted tell", "sent tell"]), ("expire", ["blocked tell"])):
        head = HEAD.replace("service.payment", "marketing.cart")
        s = Subject(f"{head}enter: {{on: cart.added}}\nsteps:\n  - {send}\n").sign_up().event("cart.added", 10 * HOUR)
        assert ["deferred tell"] == s.verbs[-1:]
        under(s, Pause(day(0.5), day(4), deadlines)).wake(9 * DAY)
        assert verbs == [verb for verb in s.verbs if "tell" in verb and "paused" not in verb][1 : 1 + len(verbs)]


def test_receipts_and_answers_are_taken_in_a_pause() -> None:
    """A failed message and an answered call lead on during the pause; the next step begins at the end."""
    s = paused("{id: tell, send: email, content: plain, expires: 9d, on_blocked: end, on_failure: again}", SEND.replace("tell", "again"))
    under(s.event("cart.added"), Pause(START)).receipt("message.failed")
    assert ["failed tell", "paused again"] == s.verbs[-2:]
    assert 2 == len(under(s, Pause(START, day(2))).wake(3 * DAY).actions)
    s = paused("{id: ask, call: desk, data: {n: trigger.price}, timeout: 1d, on_timeout: end}", SEND).event("cart.added")
    under(s, Pause(START + 1, day(5))).wake(5 * DAY + HOUR)
    assert [] == [verb for verb in s.verbs if verb.startswith("timed_out")]
    assert "timed_out ask" in s.wake(DAY).verbs


def test_the_held_out_are_observed_all_the_same() -> None:
    """Nothing acts on whoever is held out, so their observation goes on and ends when it would have."""
    rest = "holdout: 100%\ngoal: {when: \"trigger.type = 'order.placed'\", within: 2d}"
    s = under(paused(WAIT, rest=rest).event("cart.added"), Pause(day(1))).wake(4 * DAY)
    assert ("exited", day(2)) == (s.decisions[-1].verb, s.decisions[-1].at_us)


def test_a_stopped_journey_takes_nobody_and_lets_those_in_it_finish_or_exit() -> None:
    """With `finish` those under way go on, with `exit` they leave at once and what was not handed over is cancelled."""
    s = under(paused(WAIT, SEND).event("cart.added"), stops=(Stop(day(1)),)).event("cart.added", DAY).wake(2 * DAY)
    assert 1 == len(s.actions)
    assert [STOPPED] == s.event("cart.added").refusals[-1:]
    s = paused(SEND, WAIT).event("cart.added")
    under(s, stops=(Stop(day(1), 0, "exit"),)).wake(3 * DAY)
    assert (STOPPED, day(1)) == (s.last("exited").reason, s.last("exited").at_us)
    assert [s.actions[0].effect] == s.cancelled
    assert "entered" in under(s, stops=(Stop(day(1), day(4), "exit"),)).event("cart.added", 2 * DAY).verbs[-3]


def test_a_new_version_takes_over_in_a_pause() -> None:
    """Whoever migrates while the journey is paused begins no step of the new version before the end."""
    old = compile_documents(f"{HEAD}enter: {{on: cart.added}}\nsteps:\n  - {WAIT}\n  - {SEND}\n")
    moved = "in_flight: {migrate: {from: any, steps: {hold: tell}}}\nenter: {on: cart.added}"
    new = compile_documents(f"{HEAD}{moved}\nsteps:\n  - {SEND}\n")
    s = under(Subject(plan=old).sign_up().event("cart.added"), Pause(START))
    s.program = load(new, ZONES, "test", [old])
    under(s, Pause(START)).wake(HOUR)
    assert (["migrated hold", "paused tell"], []) == (s.verbs[-2:], s.actions) or "migrated tell" in s.verbs
    assert [] == s.actions
    under(s, Pause(START, day(4))).wake(9 * DAY)
    assert [day(4)] == [action.not_before_us for action in s.actions]


def test_settling_late_comes_to_the_same_as_settling_in_time() -> None:
    """One wake-up long after two pauses decides the same, and leaves the same state, as one at each instant."""
    pauses = (Pause(day(1), day(3)), Pause(day(4.5), day(6), "expire"))
    late = under(paused(WAIT, SEND, WAIT.replace("hold", "more"), SEND.replace("tell", "last")).event("cart.added"), *pauses).wake(30 * DAY)
    soon = paused(WAIT, SEND, WAIT.replace("hold", "more"), SEND.replace("tell", "last")).event("cart.added")
    known = ((1, pauses[:0]), (1.5, (Pause(day(1)),)), (4, pauses[:1]), (5, (pauses[0], Pause(day(4.5), 0, "expire"))), (30, pauses))
    for at, held in known:
        under(soon, *held).wake(day(at) - soon.now)
    assert late.actions == soon.actions
    assert encode_state(late.state) == encode_state(soon.state)


def test_who_rests_before_a_step_after_the_end_begins_it() -> None:
    """Whoever came to rest by a program that did not know of the end yet begins the step as of then, and is swept for."""
    s = under(paused(SEND), Pause(START)).event("cart.added", 5 * DAY)
    digest, outdated = freshness(controlled(s.program, Controls({NAME: (Pause(START, day(4)),)})))
    assert (digest, True) == (ended_digest(Controls({NAME: (Pause(START, day(4)),)})), outdated(s.state))
    assert [day(5)] == [action.not_before_us for action in under(s, Pause(START, day(4))).wake(DAY).actions]
    assert not overlooked(s.program.controls, s.state)


def test_only_those_held_up_are_touched_at_the_end() -> None:
    """Whoever's deadline lies beyond the pause is not swept for: they meet its end when they are next heard of, or then."""
    s = under(paused(WAIT, SEND).event("cart.added"), Pause(day(1)))
    ended = Controls({NAME: (Pause(day(1), day(1.5)),)})
    assert not overlooked(ended, s.state)
    assert overlooked(Controls({NAME: (Pause(day(1), day(3)),)}), s.wake(3 * DAY).state)
    assert not overlooked(Controls({NAME: (Pause(day(1)),)}), s.state)


def test_states_without_pauses_keep_their_bytes() -> None:
    """The section of ends that were met is left out while it is empty, comes back as it was otherwise, and is emptied at the end."""
    s = under(paused(WAIT, SEND).event("cart.added"), Pause(day(1), day(1.5))).event("app.opened", int(1.6 * DAY))
    assert {NAME: day(1.5)} == s.state.resumed
    assert s.state == decode_state(encode_state(s.state))
    plain = msgspec.structs.replace(s.state, resumed={})
    assert encode_state(plain)[3:] == encode_state(s.state)[3 : len(encode_state(plain))]
    assert plain == decode_state(encode_state(plain))
    assert {} == s.wake(20 * DAY).state.resumed
    assert 0xDC == encode_state(State(b"\x01" * 16))[0]


def test_nothing_leaves_while_paused() -> None:
    """What was decided before the pause is held back like by a kill switch, with the reason."""
    s = under(paused(WAIT), Pause(day(1), day(2)))
    assert ["", PAUSED, ""] == [halted(s.program, NAME, day(at)) for at in (0.5, 1, 2)]
    assert "" == halted(s.program, "another", day(1))


@pytest.mark.parametrize("ends", [day(3), 0])
def test_a_pause_changes_nothing_for_others(ends: int) -> None:
    """Somebody in no paused journey decides byte for byte as without any pause."""
    s, other = paused(WAIT, SEND).event("cart.added"), Controls({"another.journey.x": (Pause(day(1), ends),)})
    wakes = [
        advance(program, s.state, wake_event(s.now + 9 * DAY), s.now + 9 * DAY) for program in (s.program, controlled(s.program, other))
    ]
    assert msgspec.msgpack.encode(wakes[0]) == msgspec.msgpack.encode(wakes[1])
