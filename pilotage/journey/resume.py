"""Entries meet the end of their journey's pause: deadlines shift or expire, and whoever rests before a step begins it.

A deadline that shifts moves by as much of the pause as the entry was in it. What is bound to the clock on the wall stays there: a
wait for nine o'clock that came and went is over at the first nine o'clock from the end on, in the subject's zone, and a message held
for quiet hours or a slot is decided at the end, by those hours.
"""

from pilotage.journey.arbitration import DEFERRED
from pilotage.journey.entry import due_of, move
from pilotage.journey.pause import HALTED, STOPPED, Pause, ends_us, exits_us, next_pause
from pilotage.journey.plan import Wait
from pilotage.journey.steps import finish
from pilotage.journey.work import Work
from pilotage.profile.state import Entry


def meet(work: Work) -> None:
    """Let every entry that meets the end of a pause, or a stop, at the instant being decided go on, shift, expire or exit; those that
    rest before a step in the order in which they came there."""
    controls, met = work.program.controls, work.now
    for entry in work.state.entries[:]:
        if exits_us(controls, entry) == met:
            finish(work, entry, STOPPED, "stop", cancel=True)
    meeting = [entry for entry in work.state.entries if ends_us(controls, work.state, entry) == met]
    pauses = {entry.id: next_pause(controls, work.state, entry) for entry in meeting}
    for entry in meeting:
        pause = pauses[entry.id]
        if entry.phase != HALTED and pause is not None:
            work.own("resumed")[entry.journey] = met
            _resume(work, work.replace(entry), pause)
    for entry in sorted(meeting, key=lambda each: (each.since_us, each.journey, each.id)):
        if entry.phase == HALTED and work.alive(entry):
            move(work, work.replace(entry), work.program.journeys[entry.version], entry.step)


def _resume(work: Work, entry: Entry, pause: Pause) -> None:
    """Shift an entry's deadline, or let it expire if it has passed."""
    passed = 0 < entry.deadline_us <= work.now
    if pause.deadlines == "shift":
        _shift(work, entry, pause, passed)
    elif passed or _waits_for_others(entry):
        entry.due_us = work.now
        if entry.phase == DEFERRED:
            entry.deadline_us = work.now
        return
    entry.due_us = due_of(work, entry)
    if 0 < entry.deadline_us <= work.now:
        entry.due_us = work.now


def _shift(work: Work, entry: Entry, pause: Pause, passed: bool) -> None:
    step = work.program.journeys[entry.version].steps[entry.step].step
    length_us = max(0, work.now - max(pause.from_us, entry.since_us))
    before_us = entry.deadline_us
    if isinstance(step, Wait) and step.at_minute is not None:
        _shift_wall_clock(work, entry, step, length_us)
    elif entry.phase == DEFERRED:
        again = passed or _waits_for_others(entry)
        entry.expires_us += length_us
        entry.deadline_us = work.now if again else entry.deadline_us
    elif before_us:
        entry.deadline_us = before_us + length_us
    entry.since_us += length_us
    if entry.deadline_us != before_us:
        work.decide(entry, "shifted", "the journey was paused", "pause", {"from_us": before_us, "until_us": entry.deadline_us})


def _shift_wall_clock(work: Work, entry: Entry, step: Wait, length_us: int) -> None:
    """A wait for a time of day ends at that time; only its timeout shifts."""
    rules, minute = work.program.rules, step.at_minute
    assert minute is not None
    zone = rules.zone_of(work.state)
    at_us, timeout_us = entry.deadline_us, entry.since_us + step.timeout_us
    if step.timeout_us and at_us == timeout_us:
        at_us = rules.zones.next_at(entry.since_us, zone, minute)
    if at_us < work.now:
        at_us = rules.zones.next_at(work.now - 1, zone, minute)
    entry.deadline_us = min(at_us, timeout_us + length_us) if step.timeout_us else at_us


def _waits_for_others(entry: Entry) -> bool:
    """Whether a candidate waits for messages before it to be handed over or given back, which may have happened meanwhile."""
    return entry.phase == DEFERRED and entry.deadline_us == entry.expires_us
