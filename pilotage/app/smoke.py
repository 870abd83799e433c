"""The demo run to an end and audited: on a clock that is moved by hand, as fast as the machine allows.

Time moves in steps; each begins only when everything due before it is settled, so nothing depends on how busy the machine
is. In the end the books must balance: events, mails, tasks and decisions, consents, quiet hours and budgets.
"""

import asyncio
from collections import Counter

import msgspec

from pilotage.app.governed import Change
from pilotage.app.retailer import Handed, Retailer
from pilotage.app.system import System
from pilotage.event.time import MINUTE_US
from pilotage.runner.clock import VirtualClock
from pilotage.runner.outbox import ActionRow
from pilotage.runner.question import ReadActions, ReadHealth
from pilotage.runner.station import Station

STEP_US = 15 * MINUTE_US
LOOK_S = 0.002
LOOKS_BEFORE_ROWS = 5


class Audit(msgspec.Struct, frozen=True):
    """What the run came to; `faults` are the rules it broke, in words."""

    faults: list[str]
    events: int
    mails: int
    messages: int
    visits: int
    calls: int
    tasks: int
    proposal: str
    release: int


async def settle(system: System, retailer: Retailer) -> None:
    """Return when nothing is left to do before the clock moves: no wake-up, no commit, no hand-over is due."""
    station = system.station
    assert station is not None
    parked: dict[bytes, int] = {}
    looks = 0
    while True:
        await station.submit({}, urgent=True)  # resolves when everything decided so far is durable
        if station.courier is not None and not station.courier.idle:
            await asyncio.sleep(0)
            continue
        health = await station.ask(ReadHealth())
        now_us = system.clock.now_us()
        if 0 < health.next_due_us <= now_us or health.queued:
            await asyncio.sleep(0)
            continue
        retailer.report()
        due = [effect for effect, action in retailer.outstanding.items() if max(action.not_before_us, parked.get(effect, 0)) <= now_us]
        if not due:
            return
        looks += 1
        if looks % LOOKS_BEFORE_ROWS == 0:
            for effect in due:
                parked[effect] = await _next_us(station, retailer, effect)
        await asyncio.sleep(LOOK_S)


async def _next_us(station: Station, retailer: Retailer, effect: bytes) -> int:
    """When the dispatcher looks at an action next; 0 if it is under way."""
    action = retailer.outstanding[effect]
    rows: list[ActionRow] = await station.ask(ReadActions(action.subject))
    return next((row.next_us for row in rows if row.action.effect == effect and not row.finished), 0)


async def live(system: System, clock: VirtualClock, retailer: Retailer, until_us: int) -> None:
    """Let the world live to an instant, step by step."""
    await settle(system, retailer)
    while (now_us := clock.now_us()) < until_us:
        clock.set(min(now_us + STEP_US, until_us))
        await settle(system, retailer)  # what came due on the way is decided before what arrived on the way
        await retailer.live_until(clock.now_us())
        await settle(system, retailer)


async def audit(system: System, retailer: Retailer, change: Change) -> Audit:
    """Check the books."""
    faults = [*_events(retailer), *_mails(system, retailer), *_tasks(retailer), *retailer.ledger.faults()]
    faults += [*_contacts(system, retailer), *_journeys(system, retailer)]
    faults += await change.faults()
    if system.station is not None:
        health = await system.station.ask(ReadHealth())
        faults += [f"{health.stuck} customers cannot be woken"] if health.stuck else []
    return Audit(
        faults=faults,
        events=retailer.posted,
        mails=sum(handed.action.target == "email" for handed in retailer.handed),
        messages=len(retailer.handed),
        visits=sum(retailer.hits.values()),
        calls=retailer.fates["call.answered"],
        tasks=retailer.staff.done.total(),
        proposal=change.proposal,
        release=change.release,
    )


def _events(retailer: Retailer) -> list[str]:
    """Every event that was sent is accepted, a duplicate, or in quarantine; and in quarantine are exactly the broken ones."""
    told = retailer.accepted + retailer.duplicates + retailer.quarantined
    faults = [f"{retailer.posted} events were sent, {told} are accounted for"] if told != retailer.posted else []
    if retailer.quarantined != retailer.broken:
        faults.append(f"{retailer.broken} events were broken, {retailer.quarantined} are in quarantine")
    return faults


def _mails(system: System, retailer: Retailer) -> list[str]:
    """Every mail in the mail room is of exactly one decision and has its receipt; no receipt is without its mail."""
    mailroom = system.site.pages["/mail"]
    receipts = {handed.action.effect.hex() for handed in retailer.handed if handed.action.target == "email"}
    decided = {effect.hex(): count for effect, count in retailer.decided.items()}
    faults = [f"mail {effect[:8]} came more than once" for effect in mailroom.repeated]
    faults += [f"mail {effect[:8]} is of {decided.get(effect, 0)} decisions" for effect in mailroom.mails if decided.get(effect, 0) != 1]
    faults += [f"mail {effect[:8]} has no receipt" for effect in mailroom.mails if effect not in receipts]
    faults += [f"receipt {effect[:8]} is of no mail" for effect in receipts if effect not in mailroom.mails]
    lost = [name for name in ("message.failed", "message.unknown", "call.failed") if retailer.fates[name]]
    return faults + [f"{retailer.fates[name]} times {name}" for name in lost]


def _tasks(retailer: Retailer) -> list[str]:
    """Every task that was done has led on, once; and whoever was told of tasks could be told."""
    decided = sum(count for (_, verb), count in retailer.verbs.items() if verb == "completed")
    done = retailer.staff.done.total()
    faults = [f"{done} tasks were done, {decided} have led on"] if done != decided else []
    return faults + [f"{retailer.fates[name]} times {name}" for name in ("task.failed", "task.unknown") if retailer.fates[name]]


def _contacts(system: System, retailer: Retailer) -> list[str]:
    """No marketing message without consent, in quiet hours, or over a budget. The rules are read from the plan and applied
    to what was handed over, not to what was decided."""
    assert system.records is not None
    policy = system.records.program.plan.policy
    classes = {purpose.name: purpose for purpose in policy.purposes}
    faults = []
    by_customer: dict[str, list[Handed]] = {}
    for handed in retailer.handed:
        purpose = classes[handed.action.purpose]
        by_customer.setdefault(handed.customer, []).append(handed)
        if purpose.basis == "consent" and not handed.consent:
            faults.append(f"message {handed.action.effect.hex()[:8]} left without consent")
        faults += _quiet(system, retailer, handed, purpose.contact_class)
    for budget in policy.budgets:
        for customer, messages in by_customer.items():
            instants = sorted(each.at_us for each in messages if classes[each.action.purpose].contact_class in budget.classes)
            over = [two for one, two in zip(instants, instants[budget.limit :], strict=False) if two - one < budget.window_us]
            faults += [f"budget {budget.name} of customer {customer} was overrun"] if over else []
    return faults


def _quiet(system: System, retailer: Retailer, handed: Handed, contact_class: str) -> list[str]:
    assert system.records is not None
    rules = system.records.program.rules
    minute = rules.zones.minute_of_day(handed.at_us, retailer.world.customer(handed.customer).zone)
    faults = []
    for span in rules.policy.quiet_hours:
        begins, ends = span.start_minute, span.end_minute
        inside = begins <= minute < ends if begins < ends else minute >= begins or minute < ends
        if inside and contact_class in span.classes:
            faults.append(f"message {handed.action.effect.hex()[:8]} left in the quiet hours {span.name}, at minute {minute} of the day")
    return faults


def _journeys(system: System, retailer: Retailer) -> list[str]:
    """Every journey was entered."""
    assert system.records is not None
    entered = Counter(journey for (journey, verb), count in retailer.verbs.items() if verb == "entered" for _ in range(count))
    return [f"nobody entered {journey.name}" for journey in system.records.program.plan.journeys if not entered[journey.name]]
