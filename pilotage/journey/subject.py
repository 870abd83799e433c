"""What an event changes about the subject itself, before any journey looks at it: attributes, consents, features, budgets."""

from typing import Any

from pilotage.consent.purposes import ANY_CHANNEL, consent_key
from pilotage.event.envelope import Event
from pilotage.journey.entry import receive, redecide
from pilotage.journey.program import Handler
from pilotage.journey.work import NOTHING, Work
from pilotage.profile.features import update
from pilotage.profile.state import Grant

_HANDED_OVER = frozenset(("message.sent", "message.unknown"))


def update_attributes(work: Work, handler: Handler, payload: Any) -> frozenset[str]:
    """Set the attributes that the event's fields feed; a field that is missing or null leaves its attribute as it is."""
    known = work.state.attributes
    changed: tuple[str, ...] = ()
    for name, signal, read in handler.attributes:
        value = read(payload)
        if value is not None and known.get(name) != value:
            if not changed:
                known = work.own("attributes")
            known[name] = value
            changed += (signal,)
    return frozenset(changed) if changed else NOTHING


def apply_consent(work: Work, event: Event, payload: Any) -> frozenset[str]:
    """Record what the subject said about a purpose; a revocation cancels what has not left yet."""
    key = consent_key(payload.purpose, payload.channel)
    work.own("consents")[key] = Grant(payload.granted, work.now, payload.basis or "")
    if not payload.granted:
        channel = "" if payload.channel == ANY_CHANNEL else payload.channel
        work.cancel_pending("consent revoked", purpose=payload.purpose, channel=channel)
    if payload.channel == ANY_CHANNEL:
        pairs = {consent_key(payload.purpose, channel) for channel in work.program.channels}
        return frozenset(f"!{pair}" for pair in (*pairs, key))
    return frozenset((f"!{key}",))


def update_features(work: Work, handler: Handler, event: Event, payload: Any) -> list[str]:
    """Add the event to the features whose filter it passes; the keys of those that changed."""
    changed: list[str] = []
    for feature, where, value in handler.features:
        if where is not None and where(work.state, payload, {}, work.now, event.type) is not True:
            continue
        worth = value(work.state, payload, {}, work.now, event.type) if value is not None else None
        known = work.state.features.get(feature.key)
        kept = update(feature, known, event.occurred_us, work.now, worth)
        if kept is not None and kept is not known:
            work.own("features")[feature.key] = kept
            changed.append(feature.key)
    return changed


def apply_receipt(work: Work, event: Event, payload: Any) -> None:
    """Take what became of an action into the budgets, and move the entries that waited for it."""
    effect = bytes.fromhex(payload.effect)
    if event.type.startswith("message."):
        budget_changed = work.settle_reservation(effect, event.type in _HANDED_OVER)
    else:
        budget_changed = False
    for entry in list(work.state.entries):
        if entry.awaited == effect:
            receive(work, entry, event.type, payload)
    if budget_changed:
        for entry in list(work.state.entries):
            if work.alive(entry):
                redecide(work, entry)
