"""The demo world: its events, its faults, and the truth it knows about every journey's effect."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

import pilotage.simulate
from pilotage.contract.builtin import builtin_contracts
from pilotage.contract.odcs import read_odcs
from pilotage.contract.validate import ContractBroken, validator
from pilotage.event.time import DAY_US, HOUR_US, moment, parse_instant_us
from pilotage.simulate.responses import Tally
from pilotage.simulate.sources import SYSTEM_OF, SYSTEMS, RawEvent
from pilotage.simulate.world import UnknownCustomer, World

START_US = parse_instant_us("2026-03-02T00:00:00Z")
DEMO = Path(pilotage.simulate.__file__).parent / "demo"
CART, PAYMENT = "growth.offers.cart_recovery", "service.payment.failed"
TRIGGERS = {"cart.added": CART, "payment.failed": PAYMENT}

Handover = tuple[int, str, str, str]


def world(customers: int = 300, seed: int = 7) -> World:
    return World(seed, customers, START_US)


def lived(days: int = 45, customers: int = 300, seed: int = 7) -> list[RawEvent]:
    return list(world(customers, seed).events(START_US + days * DAY_US))


def written_to(subject: World, journeys: Iterable[str], days: int = 45) -> list[Handover]:
    """Let the world live while every trigger of the journeys is answered by a message one hour later."""
    handed: list[Handover] = []
    for event in subject.events(START_US + days * DAY_US):
        journey = TRIGGERS.get(event.type, "")
        if journey in journeys and event.fault != "duplicate":
            handover = (event.arrives_us, event.identifiers["user_id"], f"{len(handed):032x}", journey)
            handed.append(handover)
            tell(subject, handover)
    return handed


def tell(subject: World, handover: Handover) -> None:
    at_us, customer, effect, journey = handover
    subject.message(customer, effect, "email", journey, "remind", at_us + HOUR_US)


def retold(handed: list[Handover], days: int = 45) -> World:
    """Another run of the same world with exactly these messages at the same instants."""
    subject = world()
    for handover in handed:
        for _ in subject.events(handover[0]):
            pass
        tell(subject, handover)
    for _ in subject.events(START_US + days * DAY_US):
        pass
    return subject


@pytest.fixture(scope="module")
def events() -> list[RawEvent]:
    return lived(days=100, customers=600)


def test_equal_seeds_give_equal_worlds() -> None:
    """A world is decided by its seed: the same seed gives the same events, another seed others."""
    assert lived() == lived()
    assert lived() != lived(seed=8)


def test_stopping_and_going_on_changes_nothing() -> None:
    """A world that is asked day by day says the same as one that is asked once."""
    subject = world()
    by_day = [event for day in range(1, 46) for event in subject.events(START_US + day * DAY_US)]
    assert lived() == by_day


def test_events_come_in_order_of_arrival(events: list[RawEvent]) -> None:
    """Events come as they arrive, never before they occurred."""
    arrivals = [event.arrives_us for event in events]
    assert sorted(arrivals) == arrivals
    assert all(event.occurred_us <= event.arrives_us for event in events)


def test_all_twelve_systems_speak(events: list[RawEvent]) -> None:
    """Each of the twelve source systems sends events, and every event type of the catalogue occurs."""
    assert set(SYSTEMS) == {event.source for event in events}
    assert len(SYSTEMS) == 12
    assert set(SYSTEM_OF) == {event.type for event in events}


def test_only_broken_events_break_their_contract(events: list[RawEvent]) -> None:
    """The demo's contracts accept every event of the world but those it broke on purpose."""
    declared = {}
    for path in sorted((DEMO / "contracts").glob("*.odcs.yaml")):
        declared.update({contract.event: contract for contract in read_odcs(path.read_text(), path.name).contracts})
    validators = {name: validator(contract) for name, contract in builtin_contracts(declared, ("billing", "admin")).items()}
    for event in events:
        raw = msgspec.json.encode(event.data)
        if event.fault == "broken":
            with pytest.raises(ContractBroken):
                validators[event.type].decode(raw)
        else:
            validators[event.type].decode(raw)


def test_faults_come_at_the_stated_rates(events: list[RawEvent]) -> None:
    """About one event in a hundred is late, one in two hundred comes twice, and a few break their contract."""
    faults = Counter(event.fault for event in events)
    assert 0.007 < faults["late"] / len(events) < 0.013
    assert 0.003 < faults["duplicate"] / len(events) < 0.007
    assert 0.001 < faults["broken"] / len(events) < 0.005
    ids = Counter((event.source, event.id) for event in events)
    assert faults["duplicate"] == sum(count - 1 for count in ids.values())


def test_people_shop_in_their_own_evening(events: list[RawEvent]) -> None:
    """Visits follow the day where the customer lives: many at eight in the evening, hardly any at four at night."""
    subject = world(600)
    hours: Counter[int] = Counter()
    for event in events:
        if event.type == "cart.added" and not event.fault:
            zone = subject.customer(event.identifiers["user_id"]).zone
            hours[moment(event.occurred_us).astimezone(ZoneInfo(zone)).hour] += 1
    assert hours[20] > 50
    assert hours[20] > 10 * hours[4]


def test_nobody_written_to_means_no_effect() -> None:
    """Without messages the outcome is the untouched one and no journey has an effect."""
    subject = world()
    orders = {event.data["order_id"] for event in subject.events(START_US + 45 * DAY_US) if event.type == "order.placed"}
    truth = subject.truth()
    assert truth.outcome == truth.untouched
    assert Tally() == truth.caused
    assert truth.journeys == {}
    assert 0 < len(orders) <= truth.outcome.orders


def test_the_untouched_lives_are_those_of_a_silent_world() -> None:
    """What a world says would have happened without messages is exactly what happens in a run without them."""
    silent, spoken = world(600), world(600)
    written_to(silent, (), days=60)
    written_to(spoken, (CART, PAYMENT), days=60)
    assert silent.truth().outcome == spoken.truth().untouched
    assert silent.truth().outcome != spoken.truth().outcome


def test_a_journey_s_effect_is_what_is_missing_without_it() -> None:
    """The effect of one journey beside another is exactly the difference to a run with the other's messages alone."""
    both = world()
    handed = written_to(both, (CART, PAYMENT))
    truth = both.truth()
    for journey in (CART, PAYMENT):
        without = retold([handover for handover in handed if handover[3] != journey]).truth()
        assert without.outcome.plus(truth.journeys[journey].caused) == truth.outcome
        assert truth.journeys[journey].messages == sum(handover[3] == journey for handover in handed)


def test_messages_change_what_they_ask_for() -> None:
    """Cart reminders cause orders and some unsubscriptions; telling of a failed payment rescues payments and tires nobody."""
    subject = world()
    written_to(subject, (CART, PAYMENT))
    cart, payment = subject.truth().journeys[CART].caused, subject.truth().journeys[PAYMENT].caused
    assert cart.orders > 0 and cart.revenue_cents > 0 and cart.unsubscribes > 0
    assert payment.payments_recovered > 0
    assert payment.unsubscribes == 0


def test_responses_come_back_as_events() -> None:
    """A message that is opened and clicked is reported by the mailbox, with the effect key it was sent under."""
    subject = world()
    handed = written_to(subject, (CART,), days=20)
    later = list(subject.events(START_US + 40 * DAY_US))
    told = [event for event in later if event.type.startswith("message.")]
    assert {"mailbox"} == {event.source for event in told}
    assert {event.data["effect"] for event in told} <= {effect for _, _, effect, _ in handed}


def test_who_unsubscribed_does_not_answer_any_more() -> None:
    """After an unsubscription withdraws consent, marketing messages on that channel find no reader."""
    subject = world(40)
    for _ in subject.events(START_US + DAY_US):
        pass
    customer = next(f"c{n:06d}" for n in range(40) if ("marketing.offers", "email") in subject.customer(f"c{n:06d}").consents)
    reactions = [subject.message(customer, f"{n:032x}", "email", CART, "remind", subject.now_us) for n in range(400)]
    gone = next(n for n, reaction in enumerate(reactions) if reaction.unsubscribed_us)
    assert all(not reaction.delivered_us for reaction in reactions[gone + 1 :])
    withdrawn = [event for event in subject.events(START_US + 3 * DAY_US) if event.type == "consent.changed" and not event.data["granted"]]
    assert {customer} == {event.identifiers["user_id"] for event in withdrawn}


def test_an_unknown_customer_is_named() -> None:
    """A message to nobody of the world is refused with the id that was given."""
    with pytest.raises(UnknownCustomer, match="'c999999'"):
        world(3).message("c999999", "00", "email", CART, "remind", START_US)
