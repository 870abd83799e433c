"""How customers respond to messages, and what would have happened without them.

Each customer has one factual timeline and, from the first message of a journey on, a counterfactual one that never gets
that journey's messages. All timelines live through the same occurrences with the same draws (see `draws`), so their
difference is the journey's true effect, customer by customer, and not an estimate of it.
"""

import msgspec

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from pilotage.simulate.customers import Customer
from pilotage.simulate.draws import Draws

SERVICE = frozenset({"payment", "delivery", "support"})
"""The appeals of service messages: they help, and tire nobody."""

APPEALS = {
    "acquisition.offers.campaign_response": "order",
    "acquisition.offers.first_order": "order",
    "onboarding.lifecycle.first_use": "order",
    "onboarding.lifecycle.three_tips": "order",
    "onboarding.lifecycle.welcome": "order",
    "onboarding.service.onboarding_call": "order",
    "adoption.lifecycle.app": "app",
    "adoption.lifecycle.points_milestone": "order",
    "adoption.news.weekly_digest": "order",
    "growth.offers.cart_recovery": "cart",
    "growth.offers.next_best_offer": "order",
    "growth.offers.replenishment": "order",
    "adoption.accounts.unused_seats": "app",
    "renewal.accounts.contract_ending": "order",
    "renewal.lifecycle.membership": "renewal",
    "renewal.offers.approved_discount": "renewal",
    "advocacy.feedback.review_request": "review",
    "advocacy.feedback.survey_follow_up": "order",
    "service.payment.failed": "payment",
    "service.delivery.delayed": "delivery",
    "service.support.complaint_follow_up": "support",
    "service.support.ring_back": "support",
}
"""What the demo's journeys ask for, which decides what their messages change. A journey not named here asks for orders."""

_MEMORY_US = 3 * DAY_US
_REST_US = 7 * DAY_US


class Tally(msgspec.Struct, frozen=True):
    """What counts in the end: how many, and `revenue_cents` of paid orders."""

    orders: int = 0
    revenue_cents: int = 0
    payments_recovered: int = 0
    app_adoptions: int = 0
    renewals: int = 0
    reviews: int = 0
    complaints: int = 0
    unsubscribes: int = 0

    def plus(self, other: "Tally", sign: int = 1) -> "Tally":
        """The sum, or with sign −1 the difference, field by field."""
        return Tally(*(a + sign * b for a, b in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)))


class Effect(msgspec.Struct, frozen=True):
    """What a journey did: its messages, the customers it wrote to, and the outcome that would not have been without it."""

    messages: int
    customers: int
    caused: Tally


class Timeline(msgspec.Struct):
    """One course of a customer's life. `weariness` is as of `weary_us` and fades; `boosts` maps an appeal to (strength,
    instant) of the message that last moved the customer; `unpaid` names orders by the visit that
    made them; `paid`, `underway` and `received` map such a name to when it is to be dispatched, to arrive, and perhaps to be
    reviewed; `prompted` holds the messages whose link was clicked."""

    app: bool
    member: bool
    subscribed: set[str]
    tally: Tally = Tally()
    weariness: float = 0.0
    weary_us: int = 0
    ordered_us: int = 0
    carted_us: int = 0
    points: int = 0
    tier: str = "basic"
    boosts: dict[str, tuple[float, int]] = {}
    prompted: set[str] = set()
    unpaid: set[str] = set()
    paid: dict[str, int] = {}
    underway: dict[str, int] = {}
    received: dict[str, int] = {}

    def fork(self) -> "Timeline":
        """A copy that goes its own way from here."""
        return msgspec.structs.replace(
            self,
            subscribed=set(self.subscribed),
            boosts=dict(self.boosts),
            prompted=set(self.prompted),
            unpaid=set(self.unpaid),
            paid=dict(self.paid),
            underway=dict(self.underway),
            received=dict(self.received),
        )

    def count(self, **changes: int) -> None:
        """Add to the tally."""
        self.tally = self.tally.plus(Tally(**changes))

    def weary(self, at_us: int) -> float:
        """How tired of messages the customer is now: half of it is gone after a week."""
        return self.weariness / (1 + (at_us - self.weary_us) / _REST_US)

    def boost(self, appeal: str, at_us: int) -> float:
        """What is left of the last message's persuasion: half after three days."""
        strength, since_us = self.boosts.get(appeal, (0.0, 0))
        return strength / (1 + (at_us - since_us) / _MEMORY_US)


class Reaction(msgspec.Struct, frozen=True):
    """What one customer does with one message, on one timeline; instants are 0 where it does not happen."""

    delivered_us: int = 0
    bounced_us: int = 0
    opened_us: int = 0
    clicked_us: int = 0
    unsubscribed_us: int = 0
    complained_us: int = 0


def react(draws: Draws, customer: Customer, timeline: Timeline, effect: str, channel: str, appeal: str, at_us: int) -> Reaction:
    """Let the message take its course on a timeline: changes the timeline and says what is to be seen of it.

    Whether it arrives depends on reachability, whether it is opened on channel and weariness, whether it is clicked on
    what it asks for, on price sensitivity and on how fresh the need is. Every marketing message tires.
    """
    service = appeal in SERVICE
    if not service and channel not in timeline.subscribed:
        return Reaction()
    arrived_us = at_us + draws.between(2 * SECOND_US, MINUTE_US, customer.number, "delivery", effect)
    if draws.unit(customer.number, "reached", effect) >= customer.reachability:
        return Reaction(bounced_us=arrived_us)
    weary = timeline.weary(at_us)
    if not service:
        timeline.weariness, timeline.weary_us = weary + customer.weariness, at_us
    unsubscribed_us = complained_us = 0
    if not service and draws.unit(customer.number, "unsubscribe", effect) < 0.002 + 0.025 * weary:
        unsubscribed_us = arrived_us + draws.between(MINUTE_US, 12 * HOUR_US, customer.number, "unsubscribe delay", effect)
        timeline.subscribed.discard(channel)
        timeline.count(unsubscribes=1)
    if not service and draws.unit(customer.number, "spam", effect) < 0.0005 + 0.003 * weary * customer.complaining:
        complained_us = arrived_us + draws.between(MINUTE_US, 12 * HOUR_US, customer.number, "spam delay", effect)
    if draws.unit(customer.number, "open", effect) >= _open_share(customer, channel, weary, service):
        return Reaction(arrived_us, 0, 0, 0, unsubscribed_us, complained_us)
    opened_us = arrived_us + int(draws.unit(customer.number, "open delay", effect) ** 3 * 18 * HOUR_US)
    _persuade(customer, timeline, appeal, weary, opened_us)
    clicked_us = 0
    if draws.unit(customer.number, "click", effect) < _click_share(customer, timeline, appeal, weary, opened_us):
        clicked_us = opened_us + draws.between(5 * SECOND_US, 5 * MINUTE_US, customer.number, "click delay", effect)
        timeline.prompted.add(effect)
    return Reaction(arrived_us, 0, opened_us, clicked_us, unsubscribed_us, complained_us)


def _open_share(customer: Customer, channel: str, weary: float, service: bool) -> float:
    share = 0.55 if channel == customer.favourite else 0.3
    return min(0.9, share + 0.25) if service else max(0.03, share - 0.15 * weary)


def _click_share(customer: Customer, timeline: Timeline, appeal: str, weary: float, at_us: int) -> float:
    share = {"payment": 0.6, "delivery": 0.3, "cart": 0.3, "review": 0.25, "app": 0.2, "renewal": 0.25}.get(appeal, 0.15)
    if appeal == "cart":
        share *= 1 / (1 + max(0, at_us - timeline.carted_us) / DAY_US)
    return share * (0.7 + 0.6 * customer.price_sensitivity) / (1 + 0.5 * weary)


def _persuade(customer: Customer, timeline: Timeline, appeal: str, weary: float, at_us: int) -> None:
    """A message that is read moves the customer, most of them towards what it asks for, some of them away from it."""
    strength = 0.25 * (0.5 + customer.price_sensitivity) / (1 + weary)
    if customer.irritable and appeal not in SERVICE:
        strength = -0.1
    timeline.boosts[appeal] = (strength, at_us)


def order_share(customer: Customer, timeline: Timeline, at_us: int, prompted: bool) -> float:
    """How likely a visit with a filled cart ends in an order: need and price, messages for and against, recent purchase."""
    share = 0.25 + 0.35 * customer.need - 0.15 * customer.price_sensitivity
    share += timeline.boost("order", at_us) + timeline.boost("cart", at_us) - 0.03 * timeline.weary(at_us)
    if timeline.ordered_us and at_us - timeline.ordered_us < 3 * DAY_US:
        share *= 0.4
    return min(0.95, max(0.01, share + (0.15 if prompted else 0.0)))


def cart_share(customer: Customer, prompted: bool) -> float:
    """How likely a visit fills a cart; one that a message prompted finds it half filled."""
    return min(0.9, 0.15 + 0.3 * customer.need + (0.35 if prompted else 0.0))
