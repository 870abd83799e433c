"""Tasks and approvals: who has something to do, what may come of it, and what time does to it."""

from pilotage.journey.assignments import assign, kept, pairs
from pilotage.journey.document import Fields, Scalar
from pilotage.journey.plan import Task
from pilotage.journey.scalars import END, duration_or
from pilotage.journey.scene import Scene
from pilotage.journey.targets import edge, explicit_target, led_to

APPROVED, REJECTED = "approved", "rejected"
"""The outcomes of an approval."""


def parse_task(scene: Scene, step: Fields, name: str, onward: str) -> Task:
    """A task: each of its outcomes leads to a step."""
    outcomes = ((key.text, led_to(scene, value)) for key, value in pairs(step.map("outcomes")))
    timed_out = edge(scene, step, name, "on_timeout")
    if not timed_out:
        cure = "add 'on_timeout' with a step, or 'on_timeout: end'"
        scene.desk.wrong("J031", step, f"step '{name}' does not say what happens when nobody does the task in time", cure)
    return _task(scene, step, name, tuple(sorted(outcomes)), timed_out, approval=False)


def parse_approve(scene: Scene, step: Fields, name: str, onward: str) -> Task:
    """An approval: it goes on if approved; not approved in time is rejected, unless another edge is written."""
    rejected = explicit_target(scene, step, "on_reject")
    timed_out = explicit_target(scene, step, "on_timeout") or rejected
    return _task(scene, step, name, ((APPROVED, onward), (REJECTED, rejected)), timed_out, approval=True)


def _task(scene: Scene, step: Fields, name: str, outcomes: tuple[tuple[str, str], ...], timed_out: str, approval: bool) -> Task:
    _check_who(scene, step, name)
    sla_us = duration_or(step.scalar("sla"), 1)
    timeout_us = duration_or(step.scalar("timeout"), sla_us)
    reminders = tuple(sorted({duration_or(each, 0) for each in step.list("remind") if isinstance(each, Scalar)} - {0}))
    _check_times(scene, step, name, sla_us, timeout_us, reminders)
    return Task(
        id=name,
        next="",
        title=step.text("approve" if approval else "task"),
        outcomes=outcomes,
        sla_us=sla_us,
        timeout_us=timeout_us,
        team=step.text("team"),
        person=step.text("person"),
        data=kept(assign(scene, key.text, value, None) for key, value in pairs(step.map("data"))),
        remind_us=reminders,
        escalate=step.text("escalate"),
        on_failure=edge(scene, step, name, "on_failure"),
        on_timeout=timed_out or END,
        approval=approval,
    )


def _check_who(scene: Scene, step: Fields, name: str) -> None:
    team, person = step.get("team"), step.get("person")
    if team is None and person is None:
        scene.desk.wrong("J032", step, f"step '{name}' is for nobody", "add 'team' or 'person'")
    if team is not None and person is not None:
        scene.desk.wrong("J032", step.key("person"), f"step '{name}' is for a team and for a person", "keep one of them")


def _check_times(scene: Scene, step: Fields, name: str, sla_us: int, timeout_us: int, reminders: tuple[int, ...]) -> None:
    desk = scene.desk
    if step.get("escalate") is not None and timeout_us <= sla_us:
        message = f"step '{name}' is withdrawn when its SLA is breached, and so never escalated"
        desk.wrong("J031", step.key("escalate"), message, "add a 'timeout' that is longer than 'sla'")
    elif timeout_us < sla_us:
        desk.wrong("J031", step.key("timeout"), f"step '{name}' is withdrawn before its SLA", "make 'timeout' at least as long as 'sla'")
    if reminders and reminders[-1] >= timeout_us:
        desk.wrong("J031", step.key("remind"), f"step '{name}' has a reminder after its end", "remind before 'timeout'")
