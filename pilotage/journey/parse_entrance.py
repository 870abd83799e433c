"""Entrances: what starts an entry, who may enter, how often, and what tells one entry from another."""

from msgspec import UNSET, UnsetType

from pilotage.audience.model import conjunction
from pilotage.contract.builtin import AUDIENCE_ENTERED, AUDIENCE_LEFT, SCHEDULE_REACHED
from pilotage.journey.document import Document, Fields
from pilotage.journey.names import Desk
from pilotage.journey.parse_audience import membership
from pilotage.journey.parse_policy import suggestion_of_zone
from pilotage.journey.plan import Entrance, Schedule
from pilotage.journey.scalars import cron_or, duration_or
from pilotage.predicate.ir import Expr, Predicate, Type

KEY_TYPES = (Type.STRING, Type.INTEGER)
FORMS = ("on", "audience", "left", "schedule")
"""The keys of which an entrance has exactly one."""
EVENTS = {"audience": AUDIENCE_ENTERED, "left": AUDIENCE_LEFT, "schedule": SCHEDULE_REACHED}
ZONES = ("subject", "company")
"""What a schedule's zone may be beside a name."""


def entered_on(document: Document) -> str:
    """The event type that a journey is entered on, whether or not the rest of it is right."""
    enter = document.root.map("enter")
    form = _form(enter) if enter else ""
    return enter.text("on") if enter is not None and form == "on" else EVENTS.get(form, "")


def _form(enter: Fields) -> str:
    return next((key for key in FORMS if enter.get(key) is not None), "")


def entry_event(desk: Desk, enter: Fields) -> str:
    """The event type that starts an entry; empty, with a finding, where it is unknown."""
    written = [key for key in FORMS if enter.get(key) is not None]
    if not written:
        cure = "add 'on': the event type that starts an entry, or 'audience': entering it starts one, or 'left', or 'schedule'"
        desk.wrong("D010", enter, "the entrance has neither 'on' nor 'audience'", cure)
        return ""
    if len(written) > 1:
        desk.wrong("J027", enter.key(written[1]), f"the entrance has '{written[0]}' and '{written[1]}'", "keep one of them")
    if written[0] == "on":
        return desk.known("J004", enter.scalar("on"), desk.names.events, "event type", "event types")
    return EVENTS[written[0]] if EVENTS[written[0]] in desk.names.events else ""


def parse_entrance(desk: Desk, enter: Fields | None, event: str) -> Entrance:
    """The entrance of a journey that an event type starts."""
    if enter is None or not event:
        return Entrance(event)
    where, key, schedule = _who(desk, enter, event), _key(desk, enter, event), _schedule(desk, enter.map("schedule"))
    rule = enter.map("reentry")
    if rule is not None:
        return Entrance(event, where, "after", duration_or(rule.scalar("after"), 0), key, schedule)
    usual = "never" if schedule is UNSET else "always"
    return Entrance(event, where, enter.text("reentry", usual), key=key, schedule=schedule)


def _who(desk: Desk, enter: Fields, event: str) -> Predicate | None:
    """Which of the events that start an entry do: those of the audience named, those that the condition leaves."""
    scope = desk.scope(trigger=(event,))
    parts = []
    form = _form(enter)
    if form in ("audience", "left"):
        parts.append(membership(desk, enter.scalar(form), scope, "trigger.audience = {}"))
    parts.append(desk.condition(enter.scalar("where"), scope))
    known = [part for part in parts if part is not None]
    return conjunction(known) if known else None


def _key(desk: Desk, enter: Fields, event: str) -> Expr | UnsetType:
    scalar = enter.scalar("key")
    key = desk.expression(scalar, desk.scope(trigger=(event,)))
    if scalar is None or key is None:
        return UNSET
    if key.expr.type not in KEY_TYPES:
        cure = "write what tells entries apart, such as trigger.order_id"
        desk.wrong("E002", scalar, f"the key is of type {key.expr.type}, neither a string nor an integer", cure)
        return UNSET
    return key.expr


def _schedule(desk: Desk, written: Fields | None) -> Schedule | UnsetType:
    if written is None:
        return UNSET
    audience = desk.known("U004", written.scalar("audience"), desk.names.audiences, "audience", "audiences")
    cron, zone = cron_or(written.scalar("cron")), written.scalar("zone")
    if zone is not None and zone.text not in (*ZONES, *desk.names.zones):
        desk.wrong("P001", zone, f"unknown time zone {zone.text!r}", suggestion_of_zone(zone.text, desk.names.zones))
    if cron is None or not audience:
        return UNSET
    return Schedule(audience, cron, zone.text if zone else "subject", duration_or(written.scalar("spread"), 0))
