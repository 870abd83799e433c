"""Which of several messages goes: candidates wait for the end of their contact slot, and are decided there by priority.

The order in which they came up plays no part. A candidate that a rule puts off is decided anew at the first slot end from which
the rule allows it, beside whatever else has come up by then.
"""

from collections.abc import Sequence

from pilotage.consent.policy import Slot
from pilotage.decision.eligibility import Allowed, Later, Refused, Verdict
from pilotage.decision.slot import slot_end, taken
from pilotage.journey.plan import Send
from pilotage.journey.values import decimal_text
from pilotage.journey.work import Work
from pilotage.profile.state import Entry

DEFERRED = 2
"""The phase of an entry whose candidate waits until it may leave."""

_LAST = 2**64
"""Behind every priority there can be."""


def slot_of(work: Work, entry: Entry, step: Send) -> Slot | None:
    """The slot that the message of a step waits for."""
    return work.program.rules.standing(step.channel, step.purpose, entry.journey).slot


def first_of(work: Work, due: Sequence[Entry]) -> Entry:
    """The entry to settle first of several due at one instant: those that wait for something else, then candidates, the highest
    priority first, then by journey, step and entry."""
    return min(due, key=lambda entry: _order(work, entry))


def in_slot(work: Work, slot: Slot, verdict: Verdict, expires_us: int) -> tuple[Verdict, bool]:
    """What the rules' verdict at a slot's end comes to, and whether it is others that keep the candidate out."""
    lost = False
    if isinstance(verdict, Allowed):
        others = taken(slot, work.program.rules, work.state.budget, work.now)
        if len(others) < slot.limit:
            return verdict, False
        lost = True
        verdict = Later(work.now + 1, f"slot:{slot.name}", f"slot {slot.name} went to {', '.join(each.journey for each in others)}")
    if isinstance(verdict, Later) and verdict.at_us != expires_us:
        end_us = slot_end(slot, work.state.subject, verdict.at_us)
        if end_us > expires_us:
            return Refused(verdict.rule, f"{verdict.reason}, and the slot after that ends beyond its expiry"), lost
        verdict = Later(end_us, verdict.rule, verdict.reason)
    return verdict, lost


def rivals(work: Work, entry: Entry) -> tuple[str, ...]:
    """The other candidates that are still to be decided at this instant, each with its priority."""
    if not work.program.arbitrates:
        return ()
    others = [each for each in work.state.entries if each.id != entry.id and each.due_us == work.now and _send(work, each) is not None]
    return tuple(
        f"{each.journey}/{each.step}: priority {_shown(work, each)}" for each in sorted(others, key=lambda each: _order(work, each))
    )


def _order(work: Work, entry: Entry) -> tuple[int, int, str, str, bytes]:
    step = _send(work, entry)
    if step is None:
        return 0, 0, entry.journey, entry.step, entry.id
    priority = _priority(work, entry)
    return 1 + work.program.rules.rank(step.purpose), _LAST if priority is None else -priority, entry.journey, entry.step, entry.id


def _send(work: Work, entry: Entry) -> Send | None:
    """The step of a candidate that is to be decided when its time comes."""
    if entry.phase != DEFERRED or entry.deadline_us != entry.due_us:
        return None
    step = work.program.journeys[entry.version].steps[entry.step].step
    return step if isinstance(step, Send) else None


def _priority(work: Work, entry: Entry) -> int | None:
    """In millionths; 0 where the step names none, None where it comes to NULL."""
    function = work.program.journeys[entry.version].steps[entry.step].priority
    if function is None:
        return 0
    value: int | None = function(work.state, entry.trigger, entry.variables, entry.due_us, "")
    return value


def _shown(work: Work, entry: Entry) -> str:
    priority = _priority(work, entry)
    return "NULL" if priority is None else decimal_text(priority)
