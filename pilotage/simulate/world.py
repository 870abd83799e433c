"""The demo world: a fictional retailer's customers living, buying and responding to messages, on a virtual instant.

It is pure and seeded: it asks no clock and no random source, so equal arguments and equal messages give equal events. The
true effect of every journey is known at any time, because each customer also lives the life he would have had without it.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from heapq import heappop, heappush
from typing import Any

import msgspec

from pilotage.simulate.companies import COMPANY_EVENTS, TRADE, contract_decided, contract_ending, contracted, seat_of, takes_seat, uses_seat
from pilotage.simulate.customers import Customer, make_customer
from pilotage.simulate.draws import Draws
from pilotage.simulate.lives import OCCURRENCES, SETTLED_US, Life, Scene
from pilotage.simulate.responses import APPEALS, Effect, Reaction, Tally, Timeline, react
from pilotage.simulate.sources import SYSTEM_OF, Faults, RawEvent, deliveries


class UnknownCustomer(LookupError):
    """No customer of the world has this id. Use the `user_id` that the world's events carry."""


class Truth(msgspec.Struct, frozen=True):
    """What is true so far: the factual outcome, the outcome had nobody been written to, and each journey's effect.

    A journey's effect is the difference to the same lives with every message but its own, so effects of journeys that help
    or hinder each other need not add up to `caused`.
    """

    outcome: Tally
    untouched: Tally
    caused: Tally
    journeys: dict[str, Effect]


class World:
    """A seeded world of `customers` people that starts at `start_us` (µs UTC) and is as far as `now_us`. With a range of numbers it is a
    part of a larger world, in which each of these customers lives the very same life.

    `appeals` says what each journey's messages ask for (order, cart, app, renewal, review, payment, delivery or support), `faults`
    how often the source systems misbehave.
    """

    def __init__(
        self,
        seed: int,
        customers: int | range,
        start_us: int,
        *,
        appeals: Mapping[str, str] = APPEALS,
        faults: Faults | None = None,
    ) -> None:
        self.now_us = start_us
        self._draws = Draws(seed)
        self._appeals = appeals
        self._faults = Faults() if faults is None else faults
        numbers = range(customers) if isinstance(customers, int) else customers
        self._lives = {number: _life(make_customer(self._draws, number, start_us)) for number in numbers}
        self._numbers = {life.customer.user_id: number for number, life in self._lives.items()}
        self._queue: list[tuple[int, int, int, str, str, RawEvent | None]] = []
        self._queued = 0
        self._scenes = {
            number: Scene(self._draws, life, partial(self._say, number), partial(self._later, number))
            for number, life in self._lives.items()
        }
        for number, life in self._lives.items():
            self._later(number, life.customer.joined_us, "joined", "")

    def customer(self, user_id: str) -> Customer:
        """A customer with his latent traits; `UnknownCustomer` if there is none of that id."""
        return self._life(user_id).customer

    @property
    def next_us(self) -> int:
        """The instant of the next thing that happens; 0 when nothing will."""
        return self._queue[0][0] if self._queue else 0

    def events(self, until_us: int) -> Iterator[RawEvent]:
        """What the source systems send from now up to and including `until_us`, in order of arrival.

        Messages may be reported between two events; what they lead to comes in its turn."""
        while self._queue and self._queue[0][0] <= until_us:
            at_us, _, number, occurrence, key, event = heappop(self._queue)
            self.now_us = max(self.now_us, at_us)
            if event is not None:
                yield event
            else:
                self._happen(number, occurrence, key, at_us)
        self.now_us = max(self.now_us, until_us)

    def _happen(self, number: int, occurrence: str, key: str, at_us: int) -> None:
        """Let something happen to a customer, and to the company that he buys for."""
        scene = self._scenes[number]
        if occurrence in _OF_COMPANIES:
            _OF_COMPANIES[occurrence](scene, key, at_us)
            return
        comes = occurrence == "visit" and not scene.life.customer.stays_away(at_us)
        OCCURRENCES[occurrence](scene, key, at_us)
        if occurrence == "joined":
            takes_seat(scene, at_us + SETTLED_US)
        elif comes:
            uses_seat(scene, key, at_us)

    def message(self, customer: str, effect: str, channel: str, journey: str, step: str, at_us: int, purpose: str = "") -> Reaction:
        """Report that a message (its effect key in hex) was handed over at `at_us`: schedules how its customer responds.

        An unsubscription withdraws `purpose`, or everything granted on the channel where it is empty. Returns the response
        to come, which no source system tells at once.
        """
        life = self._life(customer)
        at_us = max(at_us, self.now_us)
        appeal = self._appeals.get(journey, "order")
        _fork(life, journey)
        life.messages[journey] = life.messages.get(journey, 0) + 1
        for timeline in [*life.without.values()]:
            if timeline is not life.without[journey]:
                self._touch(life, timeline, effect, channel, appeal, at_us)
        reaction = self._touch(life, life.factual, effect, channel, appeal, at_us)
        self._report(life, reaction, effect, channel, purpose)
        return reaction

    def truth(self) -> Truth:
        """The true effect of every journey up to now."""
        outcome = untouched = Tally()
        messages: dict[str, int] = {}
        customers: dict[str, int] = {}
        caused: dict[str, Tally] = {}
        for life in self._lives.values():
            outcome = outcome.plus(life.factual.tally)
            untouched = untouched.plus((life.untouched or life.factual).tally)
            for journey, timeline in life.without.items():
                difference = life.factual.tally.plus(timeline.tally, -1)
                caused[journey] = caused.get(journey, Tally()).plus(difference)
                messages[journey] = messages.get(journey, 0) + life.messages[journey]
                customers[journey] = customers.get(journey, 0) + 1
        effects = {journey: Effect(messages[journey], customers[journey], caused[journey]) for journey in sorted(caused)}
        return Truth(outcome, untouched, outcome.plus(untouched, -1), effects)

    def _life(self, user_id: str) -> Life:
        try:
            return self._lives[self._numbers[user_id]]
        except KeyError:
            raise UnknownCustomer(f"no customer {user_id!r} in this world of {len(self._lives)}; use a user_id of its events") from None

    def _touch(self, life: Life, timeline: Timeline, effect: str, channel: str, appeal: str, at_us: int) -> Reaction:
        reaction = react(self._draws, life.customer, timeline, effect, channel, appeal, at_us)
        if reaction.clicked_us:
            self._later(life.customer.number, reaction.clicked_us, "prompted", f"{effect}|{appeal}")
        return reaction

    def _report(self, life: Life, reaction: Reaction, effect: str, channel: str, purpose: str) -> None:
        fates: tuple[tuple[str, int, dict[str, Any]], ...] = (
            ("message.delivered", reaction.delivered_us, {}),
            ("message.bounced", reaction.bounced_us, {"reason": "mailbox unavailable"}),
            ("message.opened", reaction.opened_us, {"automated": False}),
            ("message.clicked", reaction.clicked_us, {"automated": False}),
            ("message.complained", reaction.complained_us, {"reason": "marked as spam"}),
        )
        for type, at_us, data in fates:
            if at_us:
                self._say(life.customer.number, at_us, type, {"effect": effect} | data, True)
        if reaction.unsubscribed_us:
            for name in [purpose] if purpose else sorted(p for p, c in life.customer.consents if c == channel):
                withdrawal = {"purpose": name, "channel": channel, "granted": False, "source": "unsubscribe link"}
                self._say(life.customer.number, reaction.unsubscribed_us, "consent.changed", withdrawal, True)

    def _say(self, number: int, at_us: int, type: str, data: dict[str, Any], known: bool) -> None:
        life = self._lives[number]
        identifiers = {"anonymous_id": life.customer.anonymous_id}
        seat = seat_of(number) if type in COMPANY_EVENTS else None
        if type in TRADE:
            life.traded += 1
            name = f"{number:06d}-b{life.traded}"
        else:
            life.said += 1
            name = f"{number:06d}-{life.said}"
        if seat is not None:
            identifiers = {"account_id": seat.company}
        elif known:
            identifiers = {"user_id": life.customer.user_id} | (identifiers if type == "customer.identified" else {})
        source = SYSTEM_OF.get(type, "mailbox")
        event = RawEvent(source, type, name, at_us, at_us, identifiers, data)
        for delivery in deliveries(self._draws, self._faults, number, event):
            self._queued += 1
            heappush(self._queue, (delivery.arrives_us, self._queued, number, "", "", delivery))

    def _later(self, number: int, at_us: int, occurrence: str, key: str) -> None:
        self._queued += 1
        heappush(self._queue, (at_us, self._queued, number, occurrence, key, None))


_OF_COMPANIES = {"contracted": contracted, "contract_ending": contract_ending, "contract_decided": contract_decided}
"""What can happen to companies, by name."""


def _life(customer: Customer) -> Life:
    subscribed = {channel for _, channel in customer.consents}
    return Life(customer, Timeline(app=customer.app, member=customer.member, subscribed=subscribed))


def _fork(life: Life, journey: str) -> None:
    if life.untouched is None:
        life.untouched = life.factual.fork()
    if journey not in life.without:
        life.without[journey] = life.factual.fork()
