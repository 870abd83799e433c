"""What each kind of step does. A step returns where to go next, or `PARKED` when the entry rests on it.

An entry rests in one of four phases: waiting (a wait step), deferred (a candidate message that may leave later),
awaiting (a receipt or an answer), or held out. Everything happens at `work.now`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from pilotage.consent.policy import Slot
from pilotage.contract.builtin import CANDIDATE_WITHDRAWN
from pilotage.decision.budget import unexpired
from pilotage.decision.eligibility import Allowed, Later, Refused, decide
from pilotage.decision.rules import Candidate
from pilotage.decision.slot import slot_end
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.experiment.assignment import arm_index
from pilotage.journey.answer import answer
from pilotage.journey.arbitration import DEFERRED, in_slot, rivals, slot_of
from pilotage.journey.outcome import Action, Handed
from pilotage.journey.parent import tell_parent
from pilotage.journey.plan import Assignment, Branch, Call, Emit, Exit, Send, Set, Split, Wait
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.values import json_value, kernel_value, plain_value
from pilotage.journey.work import Derived, Work
from pilotage.predicate.ir import Type
from pilotage.profile.state import Entry, Reservation, Visit

WAITING, AWAITING, HELD_OUT = 1, 3, 4

PARKED = "\0parked"
"""What a step returns when the entry stays on it."""

encode_json = msgspec.json.Encoder(decimal_format="number").encode

ENDED = "\0ended"
"""What a step returns when it has ended the entry itself."""


def finish(work: Work, entry: Entry, reason: str, rule: str, cancel: bool, inputs: dict[str, Any] | None = None) -> None:
    """End an entry. With `cancel`, its messages that were not handed over yet do not leave any more, and what it has offered somebody
    is withdrawn. The end of a message that was offered is the account's to know."""
    journey = work.program.journeys[entry.version]
    if journey.offered:
        if cancel:
            work.cancel_entry(entry, reason)
        work.drop(entry)
        answer(work, entry, reason)
        return
    if cancel and entry.claimed and entry.awaited and isinstance(journey.steps[entry.step].step, Send):
        _withdraw_offer(work, entry, reason)
    work.decide(entry, "exited", reason, rule, inputs)
    if cancel:
        work.cancel_entry(entry, reason)
    visits = work.own("visits")
    visit = visits[entry.journey]
    visits[entry.journey] = Visit(visit.times, visit.entered_us, work.now)
    work.drop(entry)
    work.passed(entry.journey)
    if entry.parent:
        tell_parent(work, entry.parent, entry.journey, reason)


def _withdraw_offer(work: Work, entry: Entry, reason: str) -> None:
    """Tell the person whom the entry has offered a message that it is needed no more."""
    effect = entry.awaited.hex()
    data, identifiers = encode_json({"effect": effect, "reason": reason}), {"person": entry.claimed}
    event = Event(key128(entry.awaited, "withdrawn").hex(), "pilotage/account", CANDIDATE_WITHDRAWN, work.now, data, identifiers)
    work.hand(Handed(event, subject=bytes.fromhex(entry.claimed)))


def park(work: Work, entry: Entry, phase: int, deadline_us: int) -> str:
    """Let the entry rest on its step until something happens or the deadline (0: none) comes."""
    entry.phase = phase
    entry.deadline_us = entry.due_us = deadline_us
    return PARKED


def kept_truth(work: Work, entry: Entry, program: StepProgram, index: int) -> bool:
    """Whether a step's condition over the kept trigger is true (NULL is not)."""
    truth = program.conditions[index].truth(work.state, entry.trigger, entry.variables, work.now, "")
    return truth is True


def kept_inputs(work: Work, entry: Entry, program: StepProgram, index: int) -> dict[str, Any]:
    """The values a step's condition looks at, for the decision record."""
    values: dict[str, Any] = program.conditions[index].inputs(work.state, entry.trigger, entry.variables, work.now, "")
    return values


def values(work: Work, entry: Entry, program: StepProgram) -> list[Any]:
    """The kernel values of a step's expressions, in order."""
    return [function(work.state, entry.trigger, entry.variables, work.now, "") for function in program.values]


def run_wait(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Rest until the time, event or condition the step names; a condition that is true already is passed through."""
    step = program.step
    assert isinstance(step, Wait)
    if already_true(work, entry, program):
        return step.next
    deadline_us = work.now + step.timeout_us if step.timeout_us else 0
    if step.for_us:
        deadline_us = work.now + step.for_us
    elif step.at_minute is not None:
        rules = work.program.rules
        at_us = rules.zones.next_at(work.now, rules.zone_of(work.state), step.at_minute)
        deadline_us = min(at_us, deadline_us) if deadline_us else at_us
    work.decide(entry, "waited", rule="wait", inputs={"until_us": deadline_us} if deadline_us else None)
    return park(work, entry, WAITING, deadline_us)


def already_true(work: Work, entry: Entry, program: StepProgram) -> bool:
    """Whether the condition that a wait is for is true now."""
    step, last = program.step, len(program.conditions) - 1
    assert isinstance(step, Wait)
    if step.when is None or not kept_truth(work, entry, program, last):
        return False
    work.decide(entry, "resumed", "already true", step.when.text, kept_inputs(work, entry, program, last))
    return True


def run_branch(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Leave by the first edge whose condition is true, else by the step that follows."""
    step = program.step
    assert isinstance(step, Branch)
    looked: dict[str, Any] = {}
    lost: list[str] = []
    for index, edge in enumerate(step.edges):
        looked.update(kept_inputs(work, entry, program, index))
        if kept_truth(work, entry, program, index):
            work.decide(entry, "branched", f"to {edge.goto or 'end'}", edge.when.text, looked, tuple(lost))
            return edge.goto
        lost.append(f"{edge.goto or 'end'}: {edge.when.text} is not true")
    work.decide(entry, "branched", f"to {step.next or 'end'}", "otherwise", looked, tuple(lost))
    return step.next


def run_split(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Leave by the arm that the hash of salt and subject picks."""
    step = program.step
    assert isinstance(step, Split)
    index = arm_index(step.salt, work.state.subject, [arm.share for arm in step.arms])
    arm = step.arms[index]
    lost = tuple(other.name for other in step.arms if other is not arm)
    work.decide(entry, "assigned", f"arm {arm.name}", f"hash of {step.salt}", {"share": arm.share}, lost)
    return arm.goto


def run_set(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Set attributes and entry variables; an attribute that changed is told to all entries afterwards."""
    step = program.step
    assert isinstance(step, Set)
    found = values(work, entry, program)
    changed = set_attributes(work, dict(zip((a.name for a in step.attributes), found, strict=False)))
    fresh = found[len(step.attributes) :]
    if fresh:
        entry.variables = {**entry.variables, **dict(zip((v.name for v in step.variables), fresh, strict=True))}
    work.decide(entry, "set", rule="set", inputs=dict(zip(program.names, found, strict=True)))
    if changed:
        work.derive(Derived(changed), f"set by {entry.journey}/{entry.step}")
    return step.next


def set_attributes(work: Work, new: dict[str, Any]) -> frozenset[str]:
    """Set attributes (None removes one); the signals of those that changed."""
    old = work.state.attributes
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    if not changed:
        return frozenset()
    attributes = work.own("attributes")
    for name, value in changed.items():
        if value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = value
    return frozenset(f"@{name}" for name in changed)


def event_data(assignments: Sequence[Assignment], found: Sequence[Any]) -> dict[str, Any]:
    """The data of an event, of the values that a step found for its fields."""
    return {each.name: json_value(each.value.type, value) for each, value in zip(assignments, found, strict=True)}


def run_emit(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Emit a declared event about the subject, taken after what is happening now."""
    step = program.step
    assert isinstance(step, Emit)
    data = event_data(step.data, values(work, entry, program))
    raw = encode_json(data)
    event_id = key128(work.effect(entry), "emit").hex()
    event = Event(event_id, f"journey/{entry.journey}", step.event, work.now, raw, {})
    payload = work.program.handlers[step.event].validator.decode(raw)
    work.decide(entry, "emitted", step.event, "emit", {name: str(value) for name, value in data.items()})
    work.derive(Derived(frozenset((step.event,)), event, payload), f"{step.event} by {entry.journey}/{entry.step}")
    return step.next


def run_exit(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """End the entry with the step's reason."""
    step = program.step
    assert isinstance(step, Exit)
    finish(work, entry, step.reason, "exit step", cancel=False)
    return ENDED


def run_call(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Have a system called; rest for its answer where the step uses it."""
    step = program.step
    assert isinstance(step, Call)
    found = values(work, entry, program)
    data = {a.name: plain_value(a.value.type, value) for a, value in zip(step.data, found, strict=True)}
    effect = work.effect(entry)
    work.actions.append(action_of(work, entry, effect, "call", step.endpoint, data, work.now + step.expires_us))
    work.decide(entry, "called", step.endpoint, "call", data, effect=effect)
    if not (step.returns or step.on_failure or step.on_timeout or step.timeout_us):
        return step.next
    entry.awaited = effect
    return park(work, entry, AWAITING, work.now + step.timeout_us if step.timeout_us else 0)


def run_send(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """A new candidate: its expiry counts from now. `attempt_send` decides it now and whenever it is decided anew."""
    step = program.step
    assert isinstance(step, Send)
    if sent_before(entry, journey, step):
        work.decide(entry, "passed", f"{step.content} was sent under an earlier version", "migrate")
        return step.next
    expires_us, ended = expiry(work, journey, step)
    if ended:
        return blocked(work, entry, program, f"the rights of {ended} have ended", f"asset:{ended}")
    return await_slot(work, entry, journey, program, expires_us)


def expiry(work: Work, journey: JourneyProgram, step: Send) -> tuple[int, str]:
    """When a new candidate of a step expires, with the rights of what it shows at the latest; and the asset, if any, whose rights have
    ended already."""
    rights = journey.content[step.id].rights
    if not rights:
        return work.now + step.expires_us, ""
    until_us, asset = min((until_us, asset) for asset, until_us in rights)
    return min(work.now + step.expires_us, until_us), asset if until_us <= work.now else ""


def await_slot(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram, expires_us: int) -> str:
    """Decide a new candidate that expires at `expires_us`, or let it wait for the end of its contact slot."""
    step = program.step
    assert isinstance(step, Send)
    slot = slot_of(work, entry, step)
    if slot is None:
        return attempt_send(work, entry, journey, program, expires_us)
    return _defer(
        work, entry, Later(slot_end(slot, work.state.subject, work.now + 1), f"slot:{slot.name}", f"slot {slot.name}"), expires_us
    )


def sent_before(entry: Entry, journey: JourneyProgram, step: Send) -> bool:
    """Whether an entry that has migrated was sent the step's message already, where the step is not one to be repeated."""
    if not entry.sent or step.id in journey.repeated:
        return False
    return step.content in entry.sent or entry.origins.get(step.id, step.id) in entry.occurrence


def attempt_send(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram, expires_us: int) -> str:
    """Decide a candidate that expires at `expires_us`: send it, let it wait for a later instant, or take `on_blocked`."""
    step = program.step
    assert isinstance(step, Send)
    slot = slot_of(work, entry, step)
    end_us = work.now if slot is None else slot_end(slot, work.state.subject, work.now)
    if slot is not None and work.now < end_us <= expires_us:
        return _defer(work, entry, _at_slot(slot, end_us), expires_us)
    verdict = decide(work.program.rules, work.state, Candidate(step.channel, step.purpose, entry.journey, expires_us), work.now)
    if slot is not None:
        verdict, lost = in_slot(work, slot, verdict, expires_us)
        if lost and step.on_lost is not UNSET and not isinstance(verdict, Allowed):
            work.decide(entry, "lost", verdict.reason, verdict.rule, lost=(f"send {step.content} on {step.channel}",))
            return step.on_lost
    if isinstance(verdict, Later):
        return _defer(work, entry, verdict, expires_us)
    if isinstance(verdict, Refused):
        return blocked(work, entry, program, verdict.reason, verdict.rule)
    recipient = work.state.attributes.get(step.recipient) if step.recipient else work.state.subject.hex()
    if not recipient:
        return blocked(work, entry, program, f"no {step.recipient}", "recipient")
    return _send(work, entry, journey, program, str(recipient), expires_us)


def _at_slot(slot: Slot, end_us: int) -> Later:
    return Later(end_us, f"slot:{slot.name}", f"slot {slot.name}")


def _defer(work: Work, entry: Entry, verdict: Later, expires_us: int) -> str:
    """Let a candidate wait until it is decided anew."""
    work.decide(entry, "deferred", verdict.reason, verdict.rule, {"until_us": verdict.at_us})
    entry.expires_us = expires_us
    return park(work, entry, DEFERRED, min(verdict.at_us, expires_us))


def blocked(work: Work, entry: Entry, program: StepProgram, reason: str, rule: str) -> str:
    """A policy refused the candidate: take `on_blocked`, or end the entry with the reason."""
    step = program.step
    assert isinstance(step, Send)
    work.decide(entry, "blocked", reason, rule, lost=(f"send {step.content} on {step.channel}",))
    if step.on_blocked:
        return step.on_blocked
    finish(work, entry, f"blocked: {reason}", rule, cancel=False)
    return ENDED


def _send(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram, recipient: str, expires_us: int) -> str:
    step = program.step
    assert isinstance(step, Send)
    content = journey.content[step.id]
    found = values(work, entry, program)
    variables = {name: plain_value(expr.type, value) for (name, expr), value in zip(content.variables, found, strict=True)}
    effect = work.effect(entry)
    action = action_of(work, entry, effect, "send", step.channel, variables, expires_us)
    named = journey.content_names[step.id]
    work.actions.append(msgspec.structs.replace(action, content=named, purpose=step.purpose, recipient=recipient))
    budget = unexpired(work.own("budget"), work.program.rules.window_us, work.now)
    budget.append(Reservation(effect, step.channel, step.purpose, entry.journey, work.now))
    work.state.budget = budget
    rule = "consent, suppression, quiet hours and budgets allow it"
    work.decide(entry, "sent", step.channel, rule, lost=rivals(work, entry), effect=effect)
    if not step.on_failure:
        return step.next
    entry.awaited = effect
    return park(work, entry, AWAITING, 0)


def action_of(work: Work, entry: Entry, effect: bytes, kind: str, target: str, variables: dict[str, Any], expires_us: int) -> Action:
    """An action of the step that an entry is at, which may leave from now on."""
    return Action(
        effect=effect,
        kind=kind,
        target=target,
        content="",
        purpose="",
        recipient="",
        variables=variables,
        not_before_us=work.now,
        expires_us=expires_us,
        subject=work.state.subject,
        entry=entry.id,
        journey=entry.journey,
        version=entry.version,
        step=entry.step,
    )


def answered(work: Work, entry: Entry, program: StepProgram, body: str | None) -> str:
    """The answer to a call: its fields become entry variables. A missing or mistyped field is NULL."""
    step = program.step
    assert isinstance(step, Call)
    found = returned(step.returns, body)
    entry.variables = {**entry.variables, **found}
    work.decide(entry, "answered", rule="call", inputs=dict(found), effect=entry.awaited)
    return step.next


def returned(returns: tuple[tuple[str, str, Type], ...], body: str | None) -> dict[str, Any]:
    """The entry variables that a call's JSON answer sets, in kernel representation."""
    from_json: Any = None
    if body:
        try:
            from_json = msgspec.json.decode(body)
        except msgspec.DecodeError:
            from_json = None
    return {variable: kernel_value(kind, _field(from_json, field)) for variable, field, kind in returns}


def _field(value: Any, path: str) -> Any:
    """The field of a JSON value that a dotted path leads to, None where there is none; a key with dots in it counts first."""
    while isinstance(value, dict):
        if path in value:
            return value[path]
        name, _, path = path.partition(".")
        value = value.get(name) if path else None
    return None
