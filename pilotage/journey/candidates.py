"""Candidates that accounts offer: taken by the person's state, withdrawn from it, and answered to the account's.

A candidate is an entry of what is left of its journey among persons (see `subjects`): it waits for slots, quiet hours and budgets as any
message does, and ends with what the account is told.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pilotage.contract.builtin import CANDIDATE_ANSWERED, CANDIDATE_OFFERED, CANDIDATE_WITHDRAWN
from pilotage.event.envelope import Event
from pilotage.event.time import MINUTE_US
from pilotage.journey.accounts import MEMBERSHIP_TAKEN
from pilotage.journey.answer import BLOCKED, LATER, SENT, answer_offer, candidate_id
from pilotage.journey.arbitration import DEFERRED
from pilotage.journey.entry import move
from pilotage.journey.offers import offer
from pilotage.journey.plan import Send
from pilotage.journey.program import JourneyProgram, StepProgram
from pilotage.journey.steps import AWAITING, ENDED, await_slot, blocked, finish, park
from pilotage.journey.subjects import LOST
from pilotage.journey.work import Work
from pilotage.profile.state import Entry

AGAIN_AFTER_US = MINUTE_US
"""How soon a candidate is offered again to a person whose process does not know its version yet."""

_decode = msgspec.json.Decoder(tuple[dict[str, Any], dict[str, Any]]).decode


def relate(work: Work, event: Event, payload: Any) -> None:
    """Take what an event says between a person and an account."""
    taken = _TAKEN.get((event.type, work.program.on_accounts))
    if taken is not None:
        taken(work, event, payload)


def _take_offer(work: Work, event: Event, payload: Any) -> None:
    """Decide about a message that an account offers, or let it wait."""
    effect = bytes.fromhex(payload.effect)
    journey = work.program.journeys.get(payload.version)
    if journey is None or payload.step not in journey.steps:
        answer_offer(work, payload.account, effect, LATER, "the journey's version is not known here yet")
        return
    trigger, variables = _decode(payload.given or "[{}, {}]")
    entry = Entry(
        id=candidate_id(effect),
        journey=journey.name,
        version=journey.version,
        step=payload.step,
        phase=0,
        entered_us=work.now,
        since_us=work.now,
        deadline_us=0,
        due_us=0,
        trigger=trigger,
        variables=variables,
        occurrence={},
        parent=effect,
        claimed=payload.account,
    )
    entries = work.own("entries")
    entries.append(entry)
    entries.sort(key=lambda each: (each.journey, each.id))
    move(work, entry, journey, await_slot(work, entry, journey, journey.steps[payload.step], payload.expires))


def _withdraw(work: Work, event: Event, payload: Any) -> None:
    """The account needs the message no more: it does not leave, if it has not left."""
    effect = bytes.fromhex(payload.effect)
    for entry in [each for each in work.state.entries if each.parent == effect]:
        if work.program.journeys[entry.version].offered:
            finish(work, entry, f"withdrawn: {payload.reason or ''}", "account", cancel=True)


def _take_answer(work: Work, event: Event, payload: Any) -> None:
    """Go on with the entry that offered the message."""
    effect = bytes.fromhex(payload.effect)
    for entry in [each for each in work.state.entries if each.awaited == effect and each.phase == AWAITING]:
        journey = work.program.journeys[entry.version]
        program = journey.steps[entry.step]
        if isinstance(program.step, Send):
            entry = work.replace(entry)
            expires_us, entry.claimed = entry.expires_us, ""
            move(work, entry, journey, _after_answer(work, entry, journey, program, payload, expires_us))


def _after_answer(work: Work, entry: Entry, journey: JourneyProgram, program: StepProgram, payload: Any, expires_us: int) -> str:
    step, reason = program.step, payload.reason or payload.outcome
    assert isinstance(step, Send)
    if payload.outcome == SENT:
        work.decide(entry, "delivered", "the person's state let it leave", "answer", effect=entry.awaited)
        return step.next
    if payload.outcome == LATER:
        work.decide(entry, "deferred", reason, "answer", {"until_us": work.now + AGAIN_AFTER_US})
        entry.rounds = {**entry.rounds, step.id: entry.rounds.get(step.id, 1) - 1}
        entry.awaited, entry.expires_us = b"", expires_us
        return park(work, entry, DEFERRED, min(work.now + AGAIN_AFTER_US, expires_us))
    if payload.outcome == BLOCKED:
        return offer(work, entry, journey, program, expires_us, reason)
    if payload.outcome == LOST and isinstance(step.on_lost, str):
        work.decide(entry, "lost", reason, "answer", effect=entry.awaited)
        return step.on_lost
    if payload.outcome == LOST:
        return blocked(work, entry, program, reason, "answer")
    work.decide(entry, "failed", reason, "answer", effect=entry.awaited)
    if step.on_failure:
        return step.on_failure
    finish(work, entry, f"failed: {reason}", "answer", cancel=False)
    return ENDED


_TAKEN: dict[tuple[str, bool], Callable[[Work, Event, Any], None]] = {
    **MEMBERSHIP_TAKEN,
    (CANDIDATE_OFFERED, False): _take_offer,
    (CANDIDATE_WITHDRAWN, False): _withdraw,
    (CANDIDATE_ANSWERED, True): _take_answer,
}
"""What becomes of each event type between persons and accounts, and whether an account takes it."""
