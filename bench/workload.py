"""The work that every figure is measured on: customers with a past, and what they send.

The workspace beside this file is compiled as any other. Customers get their past from the kernel itself: some thousand
histories of a week are advanced event by event, and each of a million subjects is one of them moved in time, with its own
name, entries and messages. Events come as Segment batches, as a browser library sends them.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

import msgspec

from pilotage.app.workspace import Compiled, compile_workspace, load
from pilotage.event.digest import key128
from pilotage.event.envelope import Event, wake_event
from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US, instant_text
from pilotage.journey.advance import advance, wake_at
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program
from pilotage.journey.program import load as load_program
from pilotage.journey.steps import WAITING
from pilotage.profile.identity import subject_id
from pilotage.profile.state import Entry, Grant, Reservation, State, Visit
from pilotage.source.intake import Intake
from pilotage.source.zones import packaged_zones

WORKSPACE = Path(__file__).parent / "workspace"
ENVIRONMENT = "bench"
SOURCE = "web"
BATCH_EVENTS = 100
HISTORIES = 2_000
SPREAD_US = 10 * MINUTE_US
"""How far the subjects that share a history are moved apart in time."""

CATEGORIES = ("shoes", "jackets", "bags", "shirts", "home", "garden", "books", "toys")
COUNTRIES = ("DE", "FR", "AT", "CH", "NL", "ES")
CITIES = ("Hamburg", "Lyon", "Graz", "Basel", "Utrecht", "Bilbao")

MIX = (
    (34, "page.viewed"),
    (37, "product.viewed"),
    (8, "app.opened"),
    (8, "cart.added"),
    (5, "search.performed"),
    (3, "checkout.started"),
    (2, "order.placed"),
    (1, "customer.identified"),
    (1, "stock.returned"),
    (0.5, "consent.changed"),
    (0.4, "payment.failed"),
    (0.1, "complaint.opened"),
)
"""What customers send, in per cent."""
_TYPES = [kind for _, kind in MIX]
_WEIGHTS = [weight for weight, _ in MIX]
_SEGMENT = {
    "product.viewed": "Product Viewed",
    "cart.added": "Product Added",
    "checkout.started": "Checkout Started",
    "order.placed": "Order Completed",
    "app.opened": "Application Opened",
    "search.performed": "Products Searched",
}
_CONTEXT = (
    '{"library":{"name":"analytics.js","version":"2.11.1"},"locale":"de-DE","userAgent":"Mozilla/5.0 (X11; Linux x86_64) '
    'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36","page":{"path":"/shop","referrer":""}}'
)


@cache
def compiled() -> Compiled:
    """The workspace's plan, contracts and Segment names."""
    found = compile_workspace(load(WORKSPACE, {}), packaged_zones())
    if found.plan is None:
        raise ValueError("\n".join(finding.text for finding in found.findings))
    return found


def plan() -> Plan:
    """The plan of the twenty journeys."""
    found = compiled().plan
    assert found is not None
    return found


def program(of: Plan | None = None) -> Program:
    """A plan made executable, the workspace's own if none is given."""
    return load_program(of or plan(), packaged_zones(), ENVIRONMENT)


def intake() -> Intake:
    """The gate of the workspace's contracts."""
    found = compiled()
    return Intake(found.contracts, found.segment_names)


def user(number: int) -> str:
    """The user id of a subject's number."""
    return f"user-{number:08d}"


def anonymous(number: int) -> str:
    """The anonymous id that is linked to the subject of a number."""
    return f"{number:08x}-5c1e-4f0a-9d2b-anon{number:08d}"


def data_of(kind: str, random: Random) -> str:
    """The data of an event of a type, as JSON text."""
    number = random.randrange(1, 100_000)
    match kind:
        case "page.viewed":
            category = random.choices(("help", "pricing", "shop", "magazine"), (3, 3, 70, 24))[0]
            url = f"https://shop.example/{category}/{number}"
            return f'{{"category":"{category}","path":"/{category}/{number}","url":"{url}","title":"Page {number}"}}'
        case "product.viewed":
            category = CATEGORIES[min(7, int(random.expovariate(0.6)))]
            price = f"{min(400, random.lognormvariate(3.6, 0.8)):.2f}"
            return (
                f'{{"product_id":"sku-{number}","name":"Article {number}","category":"{category}","price":{price},"currency":"EUR",'
                f'"position":{number % 40},"url":"https://shop.example/{category}/sku-{number}"}}'
            )
        case "cart.added":
            price = f"{random.lognormvariate(3.6, 0.8):.2f}"
            return f'{{"cart_id":"c-{number}","product_id":"sku-{number}","price":{price},"quantity":{1 + number % 3}}}'
        case "checkout.started":
            return f'{{"cart_id":"c-{number}","total":{random.lognormvariate(4, 0.7):.2f}}}'
        case "order.placed":
            return f'{{"order_id":"o-{number}","total":{random.lognormvariate(4, 0.7):.2f},"items":{1 + number % 4},"currency":"EUR"}}'
        case "app.opened":
            return f'{{"version":"7.{number % 20}.0","platform":"{"ios" if number % 2 else "android"}"}}'
        case "search.performed":
            return f'{{"query":"{CATEGORIES[number % 8]} {number}","results":{0 if number % 12 == 0 else number % 90}}}'
        case "customer.identified":
            return f'{{"language":"{"de" if number % 3 else "fr"}","store":"store-{number % 300}","tier":"{_tier(number)}"}}'
        case "stock.returned":
            return f'{{"product_id":"sku-{number}","name":"Article {number}"}}'
        case "consent.changed":
            granted = "true" if number % 5 else "false"
            return f'{{"purpose":"marketing.offers","channel":"email","granted":{granted},"basis":"preference centre"}}'
        case "payment.failed":
            return f'{{"order_id":"o-{number}","amount":{number % 300}.90,"reason":"card declined"}}'
        case _:
            return f'{{"topic":"delivery","text":"parcel {number} is late"}}'


def _tier(number: int) -> str:
    return ("gold", "silver", "silver", "bronze", "bronze", "bronze", "bronze", "none", "none", "none")[number % 10]


def histories(of: Program, now_us: int, count: int = HISTORIES, seed: int = 1) -> list[State]:
    """States that the kernel came to over a week of events each, and in which nothing is overdue at `now_us`."""
    random = Random(seed)
    return [_lived(of, number, now_us, random) for number in range(count)]


def _lived(of: Program, number: int, now_us: int, random: Random) -> State:
    state = State(subject=key128("history", number))
    at = now_us - 9 * DAY_US
    traits = (
        f'{{"email":"x@example.test","phone":"+49 40 {number:07d}","first_name":"Alexandra","last_name":"Petersen-{number}",'
        f'"tier":"{_tier(number)}","country":"{COUNTRIES[number % 6]}","city":"{CITIES[number % 6]}","language":"de",'
        f'"store":"store-{number % 300}","birth_year":{1950 + number % 55}}}'
    )
    first = [("customer.identified", traits)]
    first += [
        ("consent.changed", f'{{"purpose":"{purpose}","channel":"email","granted":{granted},"basis":"sign-up form"}}')
        for purpose, granted in (("marketing.offers", "true"), ("marketing.onboarding", "true" if number % 3 else "false"))
    ]
    kinds = random.choices(_TYPES, _WEIGHTS, k=random.randrange(4, 18))
    instants = sorted(random.randrange(at, now_us) for _ in kinds)
    events = [(at, kind, data) for kind, data in first]
    events += [(instant, kind, data_of(kind, random)) for instant, kind in zip(instants, kinds, strict=True)]
    for place, (instant, kind, data) in enumerate(events):
        state = _advanced(of, state, Event(f"h{number}-{place}", SOURCE, kind, instant, data.encode(), {"user_id": "x"}), instant)
    for _ in range(100):
        if not 0 < wake_at(state) <= now_us:
            break
        state = _advanced(of, state, wake_event(now_us), now_us)
    return state


def _advanced(of: Program, state: State, event: Event, now_us: int) -> State:
    """The state after an event and the receipts of the messages it led to."""
    outcome = advance(of, state, event, now_us)
    state = outcome.state
    for action in outcome.actions:
        data = f'{{"effect":"{action.effect.hex()}"}}'.encode()
        state = advance(of, state, Event(f"r{action.effect.hex()}", "dispatcher", "message.sent", now_us, data, {}), now_us).state
    return state


def subject_like(history: State, subject: bytes, number: int, later_us: int) -> State:
    """A subject of its own with a history's past, moved `later_us`."""
    attributes = dict(history.attributes)
    attributes["email"] = f"customer-{number:08d}@example.test"
    return State(
        subject,
        attributes,
        {key: Grant(grant.granted, grant.at_us + later_us, grant.basis) for key, grant in history.consents.items()},
        {key: [at + later_us for at in instants] for key, instants in history.features.items()},
        [_moved(entry, subject, later_us) for entry in history.entries],
        {name: Visit(v.times, v.entered_us + later_us, v.left_us + later_us if v.left_us else 0) for name, v in history.visits.items()},
        [
            Reservation(key128(subject, held.effect), held.channel, held.purpose, held.journey, held.at_us + later_us, held.pending)
            for held in history.budget
        ],
    )


def _moved(entry: Entry, subject: bytes, later_us: int) -> Entry:
    new = msgspec.structs.replace(entry, id=key128(subject, entry.id), awaited=key128(subject, entry.awaited) if entry.awaited else b"")
    for name in ("entered_us", "since_us", "deadline_us", "due_us", "expires_us", "goal_us"):
        at = getattr(entry, name)
        setattr(new, name, at + later_us if at else 0)
    return new


def hot_numbers(count: int, subjects: int, random: Random, share: float = 0.05) -> list[int]:
    """Whom events are about when 95 % of them come from a twentieth of the subjects."""
    few = max(1, int(subjects * share))
    return [random.randrange(few) if random.random() < 0.95 else random.randrange(subjects) for _ in range(count)]


def batches(numbers: Sequence[int], sent_us: int, random: Random, tag: str, size: int = BATCH_EVENTS) -> Iterator[bytes]:
    """Segment batch bodies about subjects, in order; `tag` keeps the message ids of two runs apart."""
    kinds = random.choices(_TYPES, _WEIGHTS, k=len(numbers))
    sent = instant_text(sent_us)
    for first in range(0, len(numbers), size):
        messages = [
            message(kinds[at], numbers[at], sent_us - random.randrange(1_000, 5 * SECOND_US), f"ajs-next-{tag}-{at:09d}-4f1b7c02d9", random)
            for at in range(first, min(first + size, len(numbers)))
        ]
        yield f'{{"batch":[{",".join(messages)}],"sentAt":"{sent}","writeKey":"bench-web-key"}}'.encode()


def message(kind: str, number: int, at_us: int, message_id: str, random: Random) -> str:
    """One message of a browser: known users carry both ids, every seventh event only the anonymous one."""
    data = data_of(kind, random)
    who = f'"anonymousId":"{anonymous(number)}"'
    if kind == "customer.identified" or random.randrange(7):
        who += f',"userId":"{user(number)}"'
    if kind == "page.viewed":
        what = f'"type":"page","name":"Shop","properties":{data}'
    elif kind == "customer.identified":
        what = f'"type":"identify","traits":{data}'
    else:
        what = f'"type":"track","event":"{_SEGMENT.get(kind, kind)}","properties":{data}'
    stamp = instant_text(at_us)
    return f'{{{what},{who},"messageId":"{message_id}","timestamp":"{stamp}","integrations":{{}},"context":{_CONTEXT}}}'


def subject_of(secret: bytes, number: int) -> bytes:
    """The subject id of a number."""
    return subject_id(secret, "user_id", user(number))


def link_of(secret: bytes, number: int) -> bytes:
    """The key of the browser that is linked to the subject of a number."""
    return subject_id(secret, "anonymous_id", anonymous(number))


def with_due_entry(of: Program, state: State, due_us: int) -> State:
    """A state whose one entry has put something into its cart and waited an hour for an order, over at `due_us`; other
    entries end."""
    journey = next(each for each in of.journeys.values() if each.name == "growth.recovery.abandoned_cart")
    since_us = due_us - HOUR_US
    entry = Entry(
        key128(state.subject, "due"), journey.name, journey.version, "hour", WAITING, since_us, since_us, due_us, due_us, {}, {}, {}
    )
    visits = {**state.visits, journey.name: Visit(1, since_us)}
    return msgspec.structs.replace(state, entries=[entry], visits=visits)
