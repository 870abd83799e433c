"""Entrances: what starts an entry, who may enter, how often, and what tells one entry from another."""

from msgspec import UNSET, UnsetType

from pilotage.audience.model import conjunction
from pilotage.contract.builtin import AUDIENCE_ENTERED
from pilotage.journey.document import Document, Fields
from pilotage.journey.names import Desk
from pilotage.journey.parse_audience import membership
from pilotage.journey.plan import Entrance
from pilotage.journey.scalars import duration_or
from pilotage.predicate.ir import Expr, Predicate, Type

KEY_TYPES = (Type.STRING, Type.INTEGER)


def entered_on(document: Document) -> str:
    """The event type that a journey is entered on, whether or not the rest of it is right."""
    enter = document.root.map("enter")
    return "" if enter is None else enter.text("on") or (AUDIENCE_ENTERED if enter.scalar("audience") is not None else "")


def entry_event(desk: Desk, enter: Fields) -> str:
    """The event type that starts an entry; empty, with a finding, where it is unknown."""
    on, audience = enter.scalar("on"), enter.scalar("audience")
    if on is None and audience is None:
        cure = "add 'on': the event type that starts an entry, or 'audience': entering it starts one"
        desk.wrong("D010", enter, "the entrance has neither 'on' nor 'audience'", cure)
    if on is not None and audience is not None:
        desk.wrong("J027", enter.key("audience"), "the entrance has 'on' and 'audience'", "keep one of them")
    if audience is None:
        return desk.known("J004", on, desk.names.events, "event type", "event types")
    return AUDIENCE_ENTERED if AUDIENCE_ENTERED in desk.names.events else ""


def parse_entrance(desk: Desk, enter: Fields | None, event: str) -> Entrance:
    """The entrance of a journey that an event type starts."""
    if enter is None or not event:
        return Entrance(event)
    where, key = _who(desk, enter, event), _key(desk, enter, event)
    rule = enter.map("reentry")
    if rule is not None:
        return Entrance(event, where, "after", duration_or(rule.scalar("after"), 0), key)
    return Entrance(event, where, enter.text("reentry", "never"), key=key)


def _who(desk: Desk, enter: Fields, event: str) -> Predicate | None:
    """Which of the events that start an entry do: those of the audience named, those that the condition leaves."""
    scope = desk.scope(trigger=(event,))
    parts = []
    if enter.scalar("audience") is not None:
        parts.append(membership(desk, enter.scalar("audience"), scope, "trigger.audience = {}"))
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
