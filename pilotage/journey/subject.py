"""What an event changes about the subject itself, before any journey looks at it: attributes, consents, features, budgets."""

from typing import Any

from pilotage.consent.purposes import ANY_CHANNEL, consent_key
from pilotage.event.envelope import Event
from pilotage.journey.entry import receive, redecide
from pilotage.journey.program import Handler
from pilotage.journey.steps import set_attributes
from pilotage.journey.work import NOTHING, Work
from pilotage.profile.state import Grant

INSTANTS_MAX = 4096
"""How many instants a feature keeps: a count is exact up to it and stays there beyond."""

_HANDED_OVER = frozenset(("message.sent", "message.unknown"))


def update_attributes(work: Work, handler: Handler, event: Event, payload: Any) -> frozenset[str]:
    """Set the attributes that the event's fields feed; a field that is missing or null leaves its attribute as it is."""
    found = {name: read(work.state, payload, {}, work.now, event.type) for name, read in handler.attributes}
    known = work.state.attributes
    new = {name: value for name, value in found.items() if value is not None and known.get(name) != value}
    return set_attributes(work, new) if new else NOTHING


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


def update_features(work: Work, handler: Handler, event: Event, payload: Any) -> None:
    """Add the event's occurred instant to the features it passes, in order, and drop what no window reaches any more."""
    occurred_us = event.occurred_us
    for feature, where in handler.features:
        if where is not None and where(work.state, payload, {}, work.now, event.type) is not True:
            continue
        known = work.state.features.get(feature.key)
        if known is None:
            kept = [occurred_us]
        elif not feature.window_us:
            if known[-1] >= occurred_us:
                continue
            kept = [occurred_us]
        else:
            kept = _kept(known, occurred_us, work.now - feature.window_us)
        work.own("features")[feature.key] = kept


def _kept(known: list[int], occurred_us: int, horizon_us: int) -> list[int]:
    """The instants after the horizon with a new one in its place; the last one stays for `since_last`."""
    kept = [*(known if known[0] > horizon_us else [at for at in known if at > horizon_us]), occurred_us]
    if len(kept) > 1 and kept[-2] > occurred_us:
        kept.sort()
    elif len(kept) == 1 and known[-1] > occurred_us:
        kept = [known[-1]]  # a late event older than every window: the latest instant known stays
    return kept[-INSTANTS_MAX:]


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
