"""Tasks and approvals: given, reminded of, escalated, taken on and completed, each once, whatever else happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.advance import wake_at
from pilotage.journey.plan import Task
from tests.journey.sample import changed, compiled, journey_of, texts
from tests.journey.scenario import DAY, HOUR, START, Subject
from tests.journey.test_advance import journey

J = "journeys/cart.yaml"
RING = """
    {id: ring, task: Ring them, team: service, DATA outcomes: {reached: good, gone: end}, sla: 1d, MORE on_timeout: late}
    {id: good, exit: reached}
    {id: late, exit: nobody did it}
"""
ESCALATED = "remind: [4h, 20h], escalate: leads, timeout: 3d,"


def ring(more: str = "", extra: str = "") -> Subject:
    """A subject for whom a task has just been opened."""
    return Subject(journey(RING.replace("MORE", more).replace("DATA", "data: {price: trigger.price},"), extra=extra)).event(
        "cart.added", price=12.5
    )


def people(subject: Subject, kind: str, after: int = 0, **data: str) -> Subject:
    """What somebody does about the task."""
    return subject.event(f"task.{kind}", after, effect=subject.actions[0].effect.hex(), **data)


def told(subject: Subject) -> list[tuple[str, str, int]]:
    """What people were told, for whom, after how many hours."""
    return [(a.variables["told"], a.target, (a.not_before_us - START) // HOUR) for a in subject.actions if a.kind == "task"]


def test_a_task_leaves_like_a_message_and_waits() -> None:
    """Whoever has the task is told what to do, by when, what may come of it and what they need to know."""
    s = ring()
    (action,) = s.actions
    assert ("task", "service", START + DAY) == (action.kind, action.target, action.expires_us)
    assert {
        "task": action.effect.hex(),
        "told": "opened",
        "title": "Ring them",
        "team": "service",
        "person": "",
        "due": "2026-03-03T12:00:00Z",
        "outcomes": ["gone", "reached"],
        "data": {"price": "12.5"},
    } == action.variables
    assert (["entered", "opened ring"], action.effect, START + DAY) == (s.verbs, s.state.entries[0].awaited, wake_at(s.state))
    assert ["entered", "opened ring"] == s.event("task.opened", effect=action.effect.hex()).verbs


def test_an_outcome_leads_to_its_step() -> None:
    """What came of the task, and who did it, is decided and recorded."""
    s = people(ring(), "completed", HOUR, person="ada", outcome="reached", note="wants two")
    assert (("reached", {"person": "ada", "note": "wants two"}), "reached") == (
        (s.last("completed").reason, s.last("completed").inputs),
        s.last("exited").reason,
    )


def test_only_the_first_completion_counts() -> None:
    """Whoever completes a task that is done changes nothing any more."""
    s = people(ring(), "completed", person="ada", outcome="gone")
    decided = len(s.decisions)
    people(s, "completed", person="ben", outcome="reached")
    assert (decided, []) == (len(s.decisions), s.state.entries)


def test_an_outcome_that_the_task_does_not_have_is_ignored() -> None:
    """Such a word is recorded, and the task stays open."""
    s = people(ring(), "completed", person="ada", outcome="maybe")
    assert ("Ring them has no outcome maybe", 1) == (s.last("ignored").reason, len(s.state.entries))


def test_who_takes_a_task_on_first_has_it() -> None:
    """A second claim changes nothing, and the instants of the task stay as they are."""
    s = people(people(ring(), "claimed", HOUR, person="ada"), "claimed", person="ben")
    assert (["ada"], "ada", START + DAY) == (
        [d.reason for d in s.decisions if d.verb == "claimed"],
        s.state.entries[0].claimed,
        wake_at(s.state),
    )


def test_reminders_escalation_and_the_end_come_at_their_instants() -> None:
    """Reminders go to whoever has the task; at the breach of the SLA it goes over to the other team and is nobody's again."""
    s = people(ring(ESCALATED), "claimed", HOUR, person="ada").wake(30 * HOUR)
    assert [("opened", "service", 0), ("reminder", "service", 4), ("reminder", "service", 20), ("escalated", "leads", 24)] == told(s)
    assert ("", 4) == (s.state.entries[0].claimed, len({action.effect for action in s.actions}))
    s.wake(3 * DAY)
    assert ("Ring them", "nobody did it") == (s.last("timed_out").reason, s.last("exited").reason)


def test_reminders_after_an_escalation_go_to_the_other_team() -> None:
    """Once the task has gone over, reminders do too."""
    s = ring("remind: [2d], escalate: leads, timeout: 3d,").wake(2 * DAY)
    assert ("reminder", "leads", 48) == told(s)[-1]


def test_a_task_nobody_can_be_told_of_is_a_failure() -> None:
    """Where it finally cannot be handed over, the edge for failure is taken, or the entry ends with the reason."""
    assert "failed: no endpoint" == people(ring(), "failed", reason="no endpoint").last("exited").reason
    assert "nobody did it" == people(ring("on_failure: late,"), "failed", reason="no endpoint").last("exited").reason


def test_an_exit_withdraws_the_task() -> None:
    """An entry that ends leaves no task behind: completing it later changes nothing."""
    s = ring(extra="exit: [{when: \"trigger.type = 'order.placed'\", reason: bought}]").event("order.placed", HOUR)
    assert [] == people(s, "completed", person="ada", outcome="reached").state.entries
    assert "bought" == s.last("exited").reason


APPROVE = """
    {id: gate, approve: A gift, person: ada, sla: 2h, on_reject: no, MORE next: yes}
    {id: yes, exit: given}
    {id: no, exit: not given}
    {id: late, exit: too late}
"""


@pytest.mark.parametrize(
    ("more", "outcome", "reason"),
    [("", "approved", "given"), ("", "rejected", "not given"), ("", "", "not given"), ("on_timeout: late,", "", "too late")],
)
def test_an_approval_fails_closed(more: str, outcome: str, reason: str) -> None:
    """Only a yes is a yes: a no, and nobody's word in time, is a no, unless another edge is written for that."""
    steps = APPROVE.replace("MORE", more)
    s = Subject(journey(steps if more else steps.replace("    {id: late, exit: too late}\n", ""))).event("cart.added")
    assert "ada" == s.actions[0].target
    s = people(s, "completed", HOUR, person="ada", outcome=outcome) if outcome else s.wake(2 * HOUR)
    assert reason == s.last("exited").reason


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["wake", "claimed", "completed", "cart.added"])), max_size=8))
def test_late_wakes_decide_as_timely_ones(things: list[tuple[int, str]]) -> None:
    """Whether time is told at each of its instants or late, the same is told to people, at the same instants, with the same keys."""
    late, timely = ring(ESCALATED), ring(ESCALATED)
    for hours, thing in things:
        until = timely.now + hours * HOUR
        while 0 < wake_at(timely.state) < until:
            timely.wake(wake_at(timely.state) - timely.now)
        for subject in (late, timely):
            after = until - subject.now
            if thing == "wake":
                subject.wake(after)
            elif thing == "cart.added":
                subject.event(thing, after, price=1)
            else:
                people(subject, thing, after, person="ada", **({"outcome": "gone"} if thing == "completed" else {}))
    assert (late.decisions, late.actions, late.state) == (timely.decisions, timely.actions, timely.state)


def test_a_task_in_a_round_takes_time() -> None:
    """A cycle through a task needs no wait, since a task waits for people."""
    step = "{id: day, task: Ring, team: a, sla: 1d, outcomes: {again: day, done: check}, on_timeout: check}"
    task = next(each for each in journey_of(changed(J, "{id: day, wait: {for: 23h}}", step)).steps if each.id == "day")
    assert isinstance(task, Task)
    assert ((("again", "day"), ("done", "check")), DAY, DAY) == (task.outcomes, task.sla_us, task.timeout_us)


STEP = "{id: day, task: Ring, team: a, sla: 1d, outcomes: {done: check}, on_timeout: check}"
MISTAKES = [
    ("outcomes: {done: check}", "outcomes: {done: «chekc}", "error J012 unknown step 'chekc'; did you mean 'check'?"),
    (", on_timeout: check", "", "error J031 step 'day' does not say what happens when nobody does the task in time; add"),
    (", team: a", "", "error J032 step 'day' is for nobody; add 'team' or 'person'"),
    ("team: a", "team: a, «person: ada", "error J032 step 'day' is for a team and for a person; keep one of them"),
    (", sla: 1d", "", "error D010 step 'day' has no 'sla'; add 'sla': how soon it is to be done"),
    ("sla: 1d", "sla: 1d, «escalate: b", "error J031 step 'day' is withdrawn when its SLA is breached, and so never escalated; add a"),
    ("sla: 1d", "sla: 1d, «timeout: 1h", "error J031 step 'day' is withdrawn before its SLA; make 'timeout' at least"),
    ("sla: 1d", "sla: 1d, «remind: [2d]", "error J031 step 'day' has a reminder after its end; remind before 'timeout'"),
    ("task: Ring", "approve: Ring", "error D009 unknown key 'outcomes' in step 'day'"),
    (", outcomes: {done: check}", "", "error D010 step 'day' has no 'outcomes'; add 'outcomes'"),
]


@pytest.mark.parametrize(("old", "new", "beginning"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_found_where_they_stand(old: str, new: str, beginning: str) -> None:
    """A task for nobody, without an end, or with times that cannot be, is refused with place and cure."""
    files = changed(J, "{id: day, wait: {for: 23h}}", STEP.replace(old, new))
    line = files[J].split("\n")[13]
    column = line.index("«") + 1 if "«" in line else line.index("outcomes") + 1 if "approve" in line else 5
    files[J] = files[J].replace("«", "")
    found = texts(compiled(files)[1])
    assert any(each.startswith(f"{J}:14:{column}: {beginning}") for each in found), "\n".join(found)


def test_a_task_is_woken_at_its_instants_only() -> None:
    """Between its reminders, its SLA and its end a task needs no attention."""
    s, woken = ring(ESCALATED), []
    while wake_at(s.state):
        woken.append((wake_at(s.state) - START) // HOUR)
        s.wake(wake_at(s.state) - s.now)
    assert [4, 20, 24, 72] == woken
