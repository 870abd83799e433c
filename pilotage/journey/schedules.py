"""Schedules within one `advance`: when those in an audience may next enter a scheduled journey, and what happens then.

Nobody is polled: whoever comes into an audience has the next instant of each of its schedules in the state, and is woken then.
Whoever leaves it has none. The instant is the schedule's on the wall clock of the zone, put off by a share of the spread that a
hash of journey and subject gives, so that a million customers come one after the other and each always at the same moment.
"""

import msgspec

from pilotage.contract.builtin import SCHEDULE_REACHED
from pilotage.event.cron import next_instant
from pilotage.event.digest import bucket, key128
from pilotage.event.envelope import Event
from pilotage.event.time import instant_text
from pilotage.journey.entry import enter
from pilotage.journey.plan import Schedule
from pilotage.journey.program import JourneyProgram
from pilotage.journey.work import Work

_encode = msgspec.json.Encoder().encode


def adopt_schedules(work: Work) -> None:
    """Find the next instants anew for a subject that was asked under another set of schedules, as of the instant being decided."""
    program, audiences = work.program, work.state.audiences
    journeys = [each for audience in audiences for each in program.schedules.get(audience, ())]
    work.own("schedules").clear()
    work.state.schedule_set = program.schedule_set
    for journey in journeys:
        _expect(work, journey, work.now)
    _find_earliest(work)


def move_schedules(work: Work, audience: str, joined: bool) -> None:
    """Note the next instants of an audience's schedules for who has joined it, or forget them for who has left."""
    journeys = work.program.schedules.get(audience, ())
    for journey in journeys:
        if joined:
            _expect(work, journey, work.now)
        elif journey.name in work.state.schedules:
            del work.own("schedules")[journey.name]
    if journeys:
        _find_earliest(work)


def shift_schedules(work: Work) -> None:
    """Find the next instants anew of the schedules that follow the subject's own clock, whose zone has changed."""
    for name in list(work.state.schedules):
        journey = work.program.entered[name]
        if _schedule(journey).zone == "subject":
            _expect(work, journey, work.now)
    _find_earliest(work)


def take_schedules(work: Work) -> None:
    """Let the subject enter the journeys whose instant has come, in the order of their names, and note when each comes next."""
    due = sorted((name, at_us) for name, at_us in work.state.schedules.items() if at_us <= work.now)
    handler = work.program.handlers[SCHEDULE_REACHED]
    for name, at_us in due:
        journey = work.program.entered[name]
        _expect(work, journey, at_us + 1)
        came_us = at_us - _offset_us(work, journey)
        data = _encode({"journey": name, "at": instant_text(came_us)})
        event = Event(key128(work.state.subject, name, at_us).hex(), f"schedule/{name}", SCHEDULE_REACHED, at_us, data, {})
        inside = {entry.journey for entry in work.state.entries}
        enter(work, journey, event, handler.validator.decode(data), inside)
    _find_earliest(work)


def _expect(work: Work, journey: JourneyProgram, from_us: int) -> None:
    schedule, rules, offset_us = _schedule(journey), work.program.rules, _offset_us(work, journey)
    zone = {"subject": rules.zone_of(work.state), "company": rules.policy.zone}.get(schedule.zone, schedule.zone)
    came_us = next_instant(schedule.cron, rules.zones, zone, from_us - offset_us)
    if came_us:
        work.own("schedules")[journey.name] = came_us + offset_us
    else:
        work.own("schedules").pop(journey.name, None)


def _offset_us(work: Work, journey: JourneyProgram) -> int:
    spread_us = _schedule(journey).spread_us
    return bucket(f"{journey.name}/schedule", work.state.subject, spread_us) if spread_us else 0


def _schedule(journey: JourneyProgram) -> Schedule:
    schedule = journey.journey.enter.schedule
    assert isinstance(schedule, Schedule)
    return schedule


def _find_earliest(work: Work) -> None:
    work.state.schedule_us = min(work.state.schedules.values(), default=0)
