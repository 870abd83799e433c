"""The twelve source systems of the demo retailer, and how each says what happened.

The retailer is Brindlecove, a fictional seller of kitchen, garden and home goods; everything about it is synthetic. Its
systems behave as real ones do: a few events arrive late, a few twice, and a few break their contract, at stated rates.
"""

from typing import Any

import msgspec

from pilotage.event.time import HOUR_US, MINUTE_US, SECOND_US
from pilotage.simulate.draws import Draws

COMPANY = "Brindlecove (fictional, synthetic data)"

SYSTEMS = (
    "shop", "app", "crm", "marketing", "billing", "support", "contact_centre", "stores", "loyalty", "reviews", "surveys", "warehouse",
)  # fmt: skip
"""The source systems. What mailboxes and devices report about messages comes from `mailbox`, which is outside."""

SYSTEM_OF = {
    "customer.signed_up": "shop",
    "page.viewed": "shop",
    "product.viewed": "shop",
    "cart.added": "shop",
    "order.placed": "shop",
    "app.opened": "app",
    "customer.identified": "crm",
    "account.joined": "crm",
    "seat.used": "shop",
    "consent.changed": "marketing",
    "campaign.responded": "marketing",
    "payment.succeeded": "billing",
    "payment.failed": "billing",
    "subscription.expiring": "billing",
    "subscription.renewed": "billing",
    "subscription.lapsed": "billing",
    "contract.signed": "billing",
    "contract.ending": "billing",
    "contract.renewed": "billing",
    "contract.ended": "billing",
    "ticket.opened": "support",
    "ticket.closed": "support",
    "complaint.opened": "support",
    "complaint.closed": "support",
    "call.received": "contact_centre",
    "store.visited": "stores",
    "points.earned": "loyalty",
    "tier.changed": "loyalty",
    "review.posted": "reviews",
    "survey.answered": "surveys",
    "order.shipped": "warehouse",
    "order.delayed": "warehouse",
    "order.delivered": "warehouse",
    "order.returned": "warehouse",
    "stock.low": "warehouse",
}
"""The system each event type comes from."""

PRODUCTS = (
    ("BC-101", "Cast-iron pan", "kitchen", 5900),
    ("BC-102", "Bread knife", "kitchen", 2450),
    ("BC-103", "Stoneware bowl set", "kitchen", 4200),
    ("BC-104", "Pour-over kettle", "kitchen", 6900),
    ("BC-201", "Hand trowel", "garden", 1890),
    ("BC-202", "Watering can", "garden", 3490),
    ("BC-203", "Raised bed kit", "garden", 12900),
    ("BC-204", "Seed box", "garden", 1590),
    ("BC-301", "Wool blanket", "home", 8900),
    ("BC-302", "Reading lamp", "home", 7450),
    ("BC-303", "Oak stool", "home", 11900),
    ("BC-304", "Beeswax candles", "home", 1290),
)
"""What Brindlecove sells: stock number, name, category, price in cents."""


class Faults(msgspec.Struct, frozen=True):
    """How often the systems misbehave, as shares: events late by 5 minutes to 6 hours, events sent twice within 10
    minutes, and, of the five event types that nothing else hangs on (`_BREAKABLE`), events that break their contract."""

    late: float = 0.010
    duplicate: float = 0.005
    broken: float = 0.005


class RawEvent(msgspec.Struct, frozen=True):
    """One event as a source system sends it.

    It arrives at `arrives_us` and says it occurred at `occurred_us` (µs UTC). `id` is unique within `source`. `fault` is
    empty, `late`, `duplicate` or `broken`: what the world knows and the receiver must find out.
    """

    source: str
    type: str
    id: str
    occurred_us: int
    arrives_us: int
    identifiers: dict[str, str]
    data: dict[str, Any]
    fault: str = ""


_BREAKABLE: dict[str, dict[str, Any]] = {
    "page.viewed": {"path": 404},
    "product.viewed": {"price": "ask in store"},
    "points.earned": {"points": "many"},
    "store.visited": {"store": 7},
    "survey.answered": {"score": 11},
}


def deliveries(draws: Draws, faults: Faults, customer: int, event: RawEvent) -> list[RawEvent]:
    """The event as it really arrives: as it is, or late, twice, or broken."""
    if event.source not in SYSTEMS:
        return [event]
    unit = draws.unit(customer, "fault", event.id)
    if unit < faults.late:
        delay_us = draws.between(5 * MINUTE_US, 6 * HOUR_US, customer, "delay", event.id)
        return [msgspec.structs.replace(event, arrives_us=event.arrives_us + delay_us, fault="late")]
    unit -= faults.late
    if unit < faults.duplicate:
        delay_us = draws.between(SECOND_US, 10 * MINUTE_US, customer, "again", event.id)
        return [event, msgspec.structs.replace(event, arrives_us=event.arrives_us + delay_us, fault="duplicate")]
    if event.type in _BREAKABLE and draws.unit(customer, "broken", event.id) < faults.broken:
        return [msgspec.structs.replace(event, data=event.data | _BREAKABLE[event.type], fault="broken")]
    return [event]


def money(cents: int) -> float:
    """The amount as systems send it: a JSON number with at most two decimals."""
    return cents / 100
