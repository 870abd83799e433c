"""What happens in customers' lives: visits, orders, payments, parcels, memberships, and what the systems say about them.

An occurrence comes at one instant for all timelines of a customer (see `responses`); each timeline decides by itself, with
the same draws, what comes of it. Only what happens on the factual timeline is said by a source system.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US, moment
from pilotage.simulate.customers import Customer, visit_us
from pilotage.simulate.draws import Draws
from pilotage.simulate.responses import Timeline, cart_share, order_share
from pilotage.simulate.sources import PRODUCTS, money

PLAN = "Brindlecove Plus"
PLAN_CENTS = 3900
NOTICE_US = 14 * DAY_US
"""How long before a membership ends billing says so."""

SETTLED_US = 4 * MINUTE_US
"""How soon after a customer has come it is known what the customer has agreed to."""

LATE = 0.08
"""The share of parcels that arrive late."""

TIERS = ((1500, "gold"), (500, "silver"), (0, "basic"))

CAUSES = {"delayed": "late delivery", "arrived": "damaged goods"}


class Life(msgspec.Struct):
    """One customer with his timelines. `messages` counts them by journey, `said` numbers his events, `traded` those there are because of a
    company."""

    customer: Customer
    factual: Timeline
    untouched: Timeline | None = None
    without: dict[str, Timeline] = {}
    messages: dict[str, int] = {}
    said: int = 0
    traded: int = 0

    def timelines(self) -> list[Timeline]:
        """All courses of this life, the factual one first."""
        others = [] if self.untouched is None else [self.untouched]
        return [self.factual, *others, *self.without.values()]


class Scene(msgspec.Struct):
    """One life and the means to act on it: its draws, `say` (instant, event type, data, known) for what a source system
    sends, and `later` (instant, occurrence, key) for what comes of it."""

    draws: Draws
    life: Life
    say: Callable[[int, str, dict[str, Any], bool], None]
    later: Callable[[int, str, str], None]

    def unit(self, purpose: str, key: str) -> float:
        """The customer's uniform draw for a purpose and key."""
        return self.draws.unit(self.life.customer.number, purpose, key)

    def between(self, low: int, high: int, purpose: str, key: str) -> int:
        """The customer's uniform integer draw."""
        return self.draws.between(low, high, self.life.customer.number, purpose, key)

    def tell(self, at_us: int, type: str, **data: Any) -> None:
        """Let the system of an event type say it about the known customer."""
        self.say(at_us, type, data, True)


def joined(scene: Scene, key: str, at_us: int) -> None:
    """A new customer looks around unknown, then signs up; an established one is imported. Both say what they consent to."""
    customer = scene.life.customer
    if not customer.established:
        for number, path in enumerate(("/", "/garden")):
            scene.say(at_us + number * 40 * SECOND_US, "page.viewed", {"path": path}, False)
        _look_at(scene, "joined", at_us + MINUTE_US, known=False)
        scene.tell(at_us + 3 * MINUTE_US, "customer.signed_up", **_card(customer), form="web")
    scene.tell(at_us + 3 * MINUTE_US + SECOND_US, "customer.identified", **_card(customer), life_stage=customer.life_stage)
    for purpose, channel in customer.consents:
        grant = {"purpose": purpose, "channel": channel, "granted": True, "basis": "consent", "source": "sign-up form"}
        scene.tell(at_us + 3 * MINUTE_US + 2 * SECOND_US, "consent.changed", **grant)
    scene.later(visit_us(scene.draws, customer, 1, at_us), "visit", "1")
    if customer.member:
        scene.later(at_us + scene.between(DAY_US, 76 * DAY_US, "membership", "0"), "expiring", "1")


def _card(customer: Customer) -> dict[str, Any]:
    return {
        "first_name": customer.first_name,
        "email": customer.email,
        "country": customer.country,
        "language": customer.language,
        "timezone": customer.zone,
    }


def visit(scene: Scene, key: str, at_us: int) -> None:
    """An organic visit, and the plan of the next; dormant customers stop coming."""
    customer = scene.life.customer
    if customer.stays_away(at_us):
        return
    scene.later(visit_us(scene.draws, customer, int(key) + 1, at_us), "visit", str(int(key) + 1))
    if scene.unit("store", key) < 0.08:
        scene.tell(at_us, "store.visited", store=f"S{1 + customer.number % 9:02d}", method="loyalty card")
    if scene.unit("campaign", key) < 0.03:
        scene.tell(at_us, "campaign.responded", campaign="autumn catalogue", response="visited")
    for timeline in scene.life.timelines():
        if not timeline.app and scene.unit("adopt", key) < 0.01 + 0.3 * max(0.0, timeline.boost("app", at_us)):
            _adopt(scene, timeline, at_us)
    session(scene, f"v{key}", at_us, scene.life.timelines(), prompted=False)


def prompted(scene: Scene, key: str, at_us: int) -> None:
    """A customer comes because of a message's link, on the timelines on which it was clicked."""
    effect, appeal = key.split("|")
    acting = [timeline for timeline in scene.life.timelines() if effect in timeline.prompted]
    for timeline in acting:
        timeline.prompted.discard(effect)
        if appeal == "payment":
            _pay_again(scene, timeline, effect, at_us, 0.8)
        elif appeal == "app" and not timeline.app and scene.unit("adopt", effect) < 0.5:
            _adopt(scene, timeline, at_us)
        elif appeal == "renewal":
            timeline.boosts["renewal"] = (2.0, at_us)  # has as good as decided, and forgets it only slowly
        elif appeal == "review" and timeline.received and scene.unit("review now", effect) < 0.6:
            reviewed = min(timeline.received)
            del timeline.received[reviewed]
            _review(scene, timeline, reviewed, at_us + 2 * MINUTE_US)
    if appeal in ("order", "cart"):
        session(scene, f"m{effect}", at_us, acting, prompted=True)


def session(scene: Scene, key: str, at_us: int, acting: list[Timeline], *, prompted: bool) -> None:
    """One visit to the shop: looking, perhaps a cart, perhaps an order."""
    factual = scene.life.factual
    if any(timeline is factual for timeline in acting):
        _look_around(scene, key, at_us)
    fill, buy = scene.unit("cart", key), scene.unit("order", key)
    for timeline in acting:
        if fill >= cart_share(scene.life.customer, prompted):
            continue
        bought = buy < order_share(scene.life.customer, timeline, at_us, prompted)
        timeline.carted_us = at_us
        if timeline is factual:
            _fill_cart(scene, key, at_us + 3 * MINUTE_US, bought)
        if bought:
            _order(scene, timeline, key, at_us + 8 * MINUTE_US)


def basket(draws: Draws, number: int, key: str) -> tuple[tuple[str, str, str, int], int]:
    """The product and quantity a visit is about."""
    return draws.pick(PRODUCTS, number, "product", key), 1 + int(draws.unit(number, "quantity", key) ** 3 * 3)


def _total_cents(scene: Scene, key: str) -> int:
    product, quantity = basket(scene.draws, scene.life.customer.number, key)
    return product[3] * quantity


def _order_id(scene: Scene, key: str) -> str:
    return f"BC-{scene.life.customer.number:06d}-{key[:13]}"


def _look_around(scene: Scene, key: str, at_us: int) -> None:
    if scene.life.factual.app and scene.unit("by app", key) < 0.5:
        scene.tell(at_us, "app.opened", version="4.2", platform="android" if scene.life.customer.number % 3 else "ios")
    known = scene.unit("known", key) < 0.8
    scene.say(at_us + SECOND_US, "page.viewed", {"path": "/", "referrer": "direct"}, known)
    _look_at(scene, key, at_us + 30 * SECOND_US, known)
    for number in range(int(scene.unit("looks", key) * 4)):
        _look_at(scene, f"{key}.{number}", at_us + (50 + 25 * number) * SECOND_US, known)


def _look_at(scene: Scene, key: str, at_us: int, known: bool) -> None:
    (sku, name, category, cents), _ = basket(scene.draws, scene.life.customer.number, key)
    scene.say(at_us, "product.viewed", {"sku": sku, "name": name, "category": category, "price": money(cents), "currency": "EUR"}, known)


def _fill_cart(scene: Scene, key: str, at_us: int, bought: bool) -> None:
    (sku, name, category, cents), quantity = basket(scene.draws, scene.life.customer.number, key)
    item = {"sku": sku, "name": name, "category": category, "price": money(cents), "quantity": quantity, "currency": "EUR"}
    scene.tell(at_us, "cart.added", **item, cart_id=f"cart-{key[:13]}")
    if not bought and scene.unit("stock", key) < 0.06:
        scene.tell(at_us + 5 * HOUR_US, "stock.low", sku=sku, name=name, left=scene.between(1, 6, "left", key))


def _order(scene: Scene, timeline: Timeline, key: str, at_us: int) -> None:
    cents = _total_cents(scene, key)
    first = not (timeline.ordered_us or scene.life.customer.established)
    timeline.ordered_us = at_us
    timeline.count(orders=1)
    fails = scene.unit("payment", key) < 0.07
    if timeline is scene.life.factual:
        (sku, _, category, _), quantity = basket(scene.draws, scene.life.customer.number, key)
        what = {"sku": sku, "category": category, "items": quantity, "total": money(cents), "currency": "EUR"}
        scene.tell(at_us, "order.placed", order_id=_order_id(scene, key), **what, first=first, via="app" if timeline.app else "web")
    if not fails:
        _paid(scene, timeline, key, at_us + 20 * SECOND_US)
        return
    timeline.unpaid.add(key)
    if timeline is scene.life.factual:
        charge = {"amount": money(cents), "currency": "EUR", "method": "card"}
        scene.tell(at_us + 20 * SECOND_US, "payment.failed", order_id=_order_id(scene, key), **charge, reason="card declined")
    if scene.unit("pays again", key) < 0.35:
        scene.later(at_us + scene.between(DAY_US, 4 * DAY_US, "pays again after", key), "paying", key)


def paying(scene: Scene, key: str, at_us: int) -> None:
    """Somebody whose payment failed tries again of his own accord."""
    for timeline in scene.life.timelines():
        if key in timeline.unpaid:
            _recover(scene, timeline, key, at_us)


def _pay_again(scene: Scene, timeline: Timeline, effect: str, at_us: int, share: float) -> None:
    for key in sorted(timeline.unpaid):
        if scene.unit("pays when asked", key) < share:
            _recover(scene, timeline, key, at_us + MINUTE_US)


def _recover(scene: Scene, timeline: Timeline, key: str, at_us: int) -> None:
    timeline.unpaid.discard(key)
    timeline.count(payments_recovered=1)
    _paid(scene, timeline, key, at_us)


def _paid(scene: Scene, timeline: Timeline, key: str, at_us: int) -> None:
    cents = _total_cents(scene, key)
    timeline.count(revenue_cents=cents)
    timeline.points += cents // 100
    tier = next(name for least, name in TIERS if timeline.points >= least)
    timeline.paid[key] = at_us + scene.between(8 * HOUR_US, 40 * HOUR_US, "dispatch", key)
    scene.later(timeline.paid[key], "dispatched", key)
    if timeline is scene.life.factual:
        order = _order_id(scene, key)
        scene.tell(at_us, "payment.succeeded", order_id=order, amount=money(cents), currency="EUR", method="card")
        scene.tell(at_us + MINUTE_US, "points.earned", points=cents // 100, balance=timeline.points, order_id=order)
        if tier != timeline.tier:
            scene.tell(at_us + 2 * MINUTE_US, "tier.changed", tier=tier, previous=timeline.tier)
    timeline.tier = tier


def dispatched(scene: Scene, key: str, at_us: int) -> None:
    """The warehouse ships what is paid; some parcels are late, which is said two days on."""
    ready = [timeline for timeline in scene.life.timelines() if timeline.paid.get(key) == at_us]
    if not ready:
        return
    late = scene.unit("late parcel", key) < LATE
    arrives_us = at_us + scene.between(2 * DAY_US, 4 * DAY_US, "travel", key) + (4 * DAY_US if late else 0)
    for timeline in ready:
        del timeline.paid[key]
        timeline.underway[key] = arrives_us
    if any(timeline is scene.life.factual for timeline in ready):
        expected = moment(at_us + 3 * DAY_US).date().isoformat()
        scene.tell(at_us, "order.shipped", order_id=_order_id(scene, key), carrier="Windrose Parcels", expected_on=expected)
        if late:
            scene.tell(at_us + 2 * DAY_US, "order.delayed", order_id=_order_id(scene, key), reason="carrier backlog", days=4)
    if late:
        scene.later(at_us + 3 * DAY_US + scene.between(0, 12 * HOUR_US, "annoyed", key), "annoyed", f"{key}|{arrives_us}")
    scene.later(arrives_us, "arrived", key)


def annoyed(scene: Scene, key: str, at_us: int) -> None:
    """A late parcel makes some complain, fewer of those who were told in time."""
    key, arrives_us = key.split("|")
    for timeline in scene.life.timelines():
        share = 0.7 * scene.life.customer.complaining
        if timeline.boost("delivery", at_us) > 0:
            share *= 0.4
        if timeline.underway.get(key) == int(arrives_us) and scene.unit("complains", key) < share:
            _complain(scene, timeline, key, at_us, CAUSES["delayed"])


def _complain(scene: Scene, timeline: Timeline, key: str, at_us: int, topic: str) -> None:
    timeline.count(complaints=1)
    if timeline is not scene.life.factual:
        return
    case = f"{scene.life.customer.number:06d}-{key[:13]}"
    if scene.unit("by phone", key) < 0.4:
        call = {"topic": topic, "duration_s": scene.between(60, 900, "call", key), "answered": scene.unit("answered", key) < 0.85}
        scene.tell(at_us, "call.received", call_id=f"call-{case}", **call)
    scene.tell(at_us + 5 * MINUTE_US, "complaint.opened", complaint_id=f"case-{case}", topic=topic, order_id=_order_id(scene, key))
    closed_us = at_us + scene.between(DAY_US, 5 * DAY_US, "settled", key)
    resolution = "refund" if scene.unit("refund", key) < 0.3 else "apology"
    scene.tell(closed_us, "complaint.closed", complaint_id=f"case-{case}", resolution=resolution)


def arrived(scene: Scene, key: str, at_us: int) -> None:
    """A parcel arrives; then come tickets, surveys, reviews and returns."""
    review_us = at_us + scene.between(2 * DAY_US, 9 * DAY_US, "review after", key)
    for timeline in scene.life.timelines():
        if timeline.underway.get(key) != at_us:
            continue
        del timeline.underway[key]
        timeline.received[key] = review_us
        if timeline is scene.life.factual:
            scene.tell(at_us, "order.delivered", order_id=_order_id(scene, key))
            _aftermath(scene, key, at_us)
        if scene.unit("damaged", key) < 0.03 * scene.life.customer.complaining:
            _complain(scene, timeline, key, at_us + HOUR_US, CAUSES["arrived"])
        if scene.unit("returned", key) < 0.08:
            timeline.count(revenue_cents=-_total_cents(scene, key))
    scene.later(review_us, "reviewing", key)


def _aftermath(scene: Scene, key: str, at_us: int) -> None:
    order, cents = _order_id(scene, key), _total_cents(scene, key)
    if scene.unit("returned", key) < 0.08:
        scene.tell(at_us + 5 * DAY_US, "order.returned", order_id=order, reason="did not suit", amount=money(cents))
    if scene.unit("question", key) < 0.05:
        ticket = f"ticket-{scene.life.customer.number:06d}-{key[:13]}"
        scene.tell(at_us + DAY_US, "ticket.opened", ticket_id=ticket, topic="care and use", priority="normal")
        scene.tell(at_us + 2 * DAY_US, "ticket.closed", ticket_id=ticket, satisfied=scene.unit("satisfied", key) < 0.8)
    if scene.unit("survey", key) < 0.12:
        late = scene.unit("late parcel", key) < LATE
        score = scene.between(0, 8, "score", key) if late else scene.between(2, 11, "score", key)
        scene.tell(at_us + 3 * DAY_US, "survey.answered", survey="after delivery", score=score)


def reviewing(scene: Scene, key: str, at_us: int) -> None:
    """Some write a review unasked, more of those who were asked lately."""
    for timeline in scene.life.timelines():
        if timeline.received.get(key) != at_us:
            continue
        del timeline.received[key]
        if scene.unit("review", key) < 0.06 + 0.5 * max(0.0, timeline.boost("review", at_us)):
            _review(scene, timeline, key, at_us)


def _review(scene: Scene, timeline: Timeline, key: str, at_us: int) -> None:
    timeline.count(reviews=1)
    if timeline is scene.life.factual:
        (sku, *_), _ = basket(scene.draws, scene.life.customer.number, key)
        review = {"review_id": f"review-{scene.life.customer.number:06d}-{key[:13]}", "order_id": _order_id(scene, key), "sku": sku}
        scene.tell(at_us, "review.posted", **review, rating=max(1, min(5, scene.between(2, 7, "rating", key))))


def _adopt(scene: Scene, timeline: Timeline, at_us: int) -> None:
    timeline.app = True
    timeline.count(app_adoptions=1)
    if timeline is scene.life.factual:
        scene.tell(at_us, "app.opened", version="4.2", platform="android" if scene.life.customer.number % 3 else "ios")


def expiring(scene: Scene, key: str, at_us: int) -> None:
    """Billing says that a membership is about to end."""
    if not any(timeline.member for timeline in scene.life.timelines()):
        return
    if scene.life.factual.member:
        ends = moment(at_us + NOTICE_US).date().isoformat()
        scene.tell(at_us, "subscription.expiring", plan=PLAN, ends_on=ends, price=money(PLAN_CENTS))
    scene.later(at_us + NOTICE_US, "ending", key)


def ending(scene: Scene, key: str, at_us: int) -> None:
    """A membership is renewed or lapses; one that is renewed runs for another 90 days."""
    customer = scene.life.customer
    for timeline in scene.life.timelines():
        if not timeline.member:
            continue
        share = 0.45 + 0.3 * customer.need - 0.2 * customer.price_sensitivity
        share += timeline.boost("renewal", at_us) - 0.05 * timeline.weary(at_us)
        timeline.member = scene.unit("renewal", key) < share
        if timeline.member:
            timeline.count(renewals=1, revenue_cents=PLAN_CENTS)
        if timeline is scene.life.factual and timeline.member:
            ends = moment(at_us + 90 * DAY_US).date().isoformat()
            scene.tell(at_us, "subscription.renewed", plan=PLAN, ends_on=ends, price=money(PLAN_CENTS))
        elif timeline is scene.life.factual:
            scene.tell(at_us, "subscription.lapsed", plan=PLAN)
    scene.later(at_us + 90 * DAY_US - NOTICE_US, "expiring", str(int(key) + 1))


OCCURRENCES: dict[str, Callable[[Scene, str, int], None]] = {
    "joined": joined,
    "visit": visit,
    "prompted": prompted,
    "paying": paying,
    "dispatched": dispatched,
    "annoyed": annoyed,
    "arrived": arrived,
    "reviewing": reviewing,
    "expiring": expiring,
    "ending": ending,
}
"""What can happen, by name."""
