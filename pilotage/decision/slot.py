"""Contact slots: the instants at which messages of some classes are decided together, so that the best of them goes and not the
first.

A subject's slots tumble: [t, t + length) for every t that differs from the subject's own offset by whole lengths. What comes up
within a slot is decided at its end, all at once and in order of priority; whoever comes at the very end belongs to the next.
"""

from collections.abc import Sequence

from pilotage.consent.policy import Slot
from pilotage.decision.rules import ContactRules
from pilotage.event.digest import bucket
from pilotage.profile.state import Reservation


def slot_end(slot: Slot, subject: bytes, from_us: int) -> int:
    """The first end of one of the subject's slots that is not before an instant."""
    offset_us = bucket("contact slot", subject, slot.length_us)
    return from_us + (offset_us - from_us) % slot.length_us


def taken(slot: Slot, rules: ContactRules, reservations: Sequence[Reservation], now_us: int) -> list[Reservation]:
    """The messages that were decided at this end of a slot already."""
    return [held for held in reservations if held.at_us == now_us and _belongs(slot, rules, held)]


def _belongs(slot: Slot, rules: ContactRules, held: Reservation) -> bool:
    purpose = rules.purposes.get(held.purpose)
    return purpose is not None and purpose.contact_class in slot.classes and (not slot.channels or held.channel in slot.channels)
