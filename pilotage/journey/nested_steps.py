"""Steps that hold or set off other steps: rounds of a repeat, and entries of other journeys."""

from typing import Any

from pilotage.contract.builtin import JOURNEY_REQUESTED
from pilotage.event.digest import key128
from pilotage.event.envelope import Event
from pilotage.journey.plan import Enter, Repeat
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.steps import AWAITING, ENDED, encode_json, event_data, finish, kept_inputs, kept_truth, park, values
from pilotage.journey.work import Derived, Work
from pilotage.profile.state import Entry


def run_repeat(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Begin one more round, unless there were enough or none is wanted any more; then go on, the rounds forgotten."""
    step = program.step
    assert isinstance(step, Repeat)
    begun = entry.rounds.get(step.id, 0)
    done = step.until is not None and kept_truth(work, entry, program, 0)
    inputs = {} if step.until is None else kept_inputs(work, entry, program, 0)
    if not done and begun < step.times:
        entry.rounds = {**entry.rounds, step.id: begun + 1}
        work.decide(entry, "repeated", f"round {begun + 1} of {step.times}", "repeat", inputs)
        return step.body
    rounds = "1 round" if begun == 1 else f"{begun} rounds"
    work.decide(entry, "repeated", f"done after {rounds}", step.until.text if step.until and done else "repeat", inputs)
    entry.rounds = {name: count for name, count in entry.rounds.items() if name != step.id}
    return step.next


def run_enter(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram) -> str:
    """Request an entry of another journey, taken after what is happening now; rest for its end where the step awaits it."""
    step = program.step
    assert isinstance(step, Enter)
    data = event_data(step.data, values(work, entry, program))
    effect = work.effect(entry)
    said = {"journey": step.journey, "data": encode_json(data).decode()}
    raw = encode_json({**said, "effect": effect.hex()} if step.timeout_us else said)
    event = Event(key128(effect, "journey").hex(), f"journey/{entry.journey}", JOURNEY_REQUESTED, work.now, raw, {})
    handler = work.program.handlers[JOURNEY_REQUESTED]
    work.decide(entry, "requested", step.journey, "journey", {name: str(value) for name, value in data.items()}, effect=effect)
    work.derive(Derived(handler.signals, event, handler.validator.decode(raw)), f"{step.journey} by {entry.journey}/{entry.step}")
    if not step.timeout_us:
        return step.next
    entry.awaited = effect
    return park(work, entry, AWAITING, work.now + step.timeout_us)


def came_back(work: Work, entry: Entry, step: Enter, payload: Any) -> str:
    """What came of the other journey: the edge of its reason, or that for failure where it was not entered."""
    if not payload.entered:
        work.decide(entry, "failed", payload.reason, "journey", effect=entry.awaited)
        if step.on_failure:
            return step.on_failure
        finish(work, entry, f"failed: {payload.reason}", "journey", cancel=False)
        return ENDED
    work.decide(entry, "answered", payload.reason, "journey", effect=entry.awaited)
    return dict(step.outcomes).get(payload.reason, step.next)
