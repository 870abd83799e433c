"""Conflicts that are planted, and look-alikes without one: a family of pairs of worlds for each kind, varied by a number."""

import json
from collections.abc import Callable
from typing import Any

from pilotage.journey.plan import Plan
from tests.proof.worlds import CONTENTS, MARKETING, SERVICE, plan_of

AUDIENCE = {"schema": 1, "kind": "audience", "name": "known", "when": "country is not null"}
NAMES = ("growth.recovery.a", "growth.recovery.b", "growth.recovery.c")
EMITTED = ("cart.recovered", "order.placed", "product.viewed")
FIELDS = {"cart.recovered": "total", "order.placed": "total"}

World = tuple[Plan, str]
"""A plan, and the kind of conflict that is planted or looks as if it were."""


def journey(name: str, steps: list[dict[str, Any]], purpose: str = SERVICE, **enter: Any) -> str:
    """A journey's document."""
    owner = {"responsible": "a", "accountable": "b"}
    head = {"schema": 1, "kind": "journey", "name": name, "owner": owner, "purpose": purpose, "stage": "growth"}
    named = [{"id": f"s{place}", **step} for place, step in enumerate(steps)]
    return json.dumps({**head, "enter": {"on": "cart.added", "reentry": "always", **enter}, "steps": named})


def policy(**more: Any) -> str:
    """The contact policy."""
    purposes = {MARKETING: {"class": "marketing", "basis": "consent"}, SERVICE: {"class": "service", "basis": "contract"}}
    return json.dumps({"schema": 1, "kind": "policy", "name": "contact", "zone": "UTC", "purposes": purposes, **more})


def send(content: str = "low") -> dict[str, Any]:
    """A message."""
    return {"send": "push" if content == "ping" else "email", "content": content, "on_blocked": "end", "expires": "1h"}


def wait(span: str) -> dict[str, Any]:
    """A wait."""
    return {"wait": {"for": span}}


def world(*texts: str, rules: str = "") -> Plan:
    """A plan of journeys under a policy."""
    return plan_of(rules or policy(), *CONTENTS, *texts)


def by_attribute(number: int, planted: bool) -> World:
    """Two journeys meet where their conditions over an attribute leave somebody, however they are written."""
    low, high = 10 * number, 10 * number + (25 if planted else 0)
    conditions = (
        (f"spent > {low}", f"spent <= {high}"),
        (f"spent between {low} and {low + 50}", f"spent > {high + 20 if planted else high + 50}"),
        ("country in ('DE', 'FR')", "country in ('FR', 'US')" if planted else "country in ('US', 'GB')"),
        ("tier = 'gold' or tier = 'silver'", "tier <> 'gold'" if planted else "tier is null"),
        ("upper(country) = 'DE'", "length(country) = 2" if planted else "length(country) = 3"),
    )
    first, second = conditions[number % len(conditions)]
    one = journey(NAMES[0], [wait(f"{number + 1}h"), send()], where=first)
    other = journey(NAMES[1], [send("high")], on="product.viewed", where=second)
    return world(one, other), "channel"


def by_time_zone(number: int, planted: bool) -> World:
    """One journey goes by the customer's clock, the other by the company's, or by the customer's at another time of the day."""
    hour = 8 + number
    one = journey(NAMES[0], [{"wait": {"at": f"{hour:02d}:00"}}, send()])
    if number % 2:
        later = f"{hour:02d}:30" if planted else f"{(hour + 5) % 24:02d}:30"
        other = journey(NAMES[1], [wait("2d"), {"wait": {"at": later}}, send()], on="order.placed")
        return world(one, other), "channel"
    schedule = {"cron": f"0 {(hour + 6) % 24} * * *", "audience": "known", "zone": "company" if planted else "subject"}
    raw = json.loads(journey(NAMES[1], [send()]))
    raw["enter"] = {"schedule": schedule, "reentry": "always"}
    return world(one, json.dumps(raw), json.dumps(AUDIENCE)), "channel"


def by_claim(number: int, planted: bool) -> World:
    """One journey's content excludes what the other's claims, weeks later; a budget or the entrances keep them apart."""
    days = number + 2
    one = journey(NAMES[0], [wait(f"{days}d"), send("low")], MARKETING, on="product.viewed", reentry="never")
    if planted:
        other = journey(NAMES[1], [wait("1d"), send("high")], MARKETING, on="order.placed")
        return world(one, other), "claims"
    if number % 2:
        other = journey(NAMES[1], [wait("1d"), send("high")], MARKETING, on="order.placed")
        budget = {"name": "apart", "limit": 1, "window": "30d", "journeys": list(NAMES[:2])}
        return world(one, other, rules=policy(budgets=[budget])), "claims"
    other = journey(NAMES[1], [wait(f"{days + 31}d"), send("high")], MARKETING, on="product.viewed", reentry="never")
    return world(one, other), "claims"


def by_value(number: int, planted: bool) -> World:
    """Both journeys set one attribute; to the same value, or for customers who cannot be the same."""
    mood = {"set": {"attributes": {"mood": "'good'"}}}
    other_mood = {"set": {"attributes": {"mood": "'bad'" if planted or number % 2 else "'good'"}}}
    where = {} if planted or not number % 2 else {"where": "tier = 'silver'"}
    one = journey(NAMES[0], [wait(f"{number + 1}h"), mood], where="tier = 'gold'")
    other = journey(NAMES[1], [wait("10m"), other_mood], on="product.viewed", **where)
    return world(one, other, journey(NAMES[2], [send(), send("high"), send("ping")], on="app.opened")), "attribute"


def by_pressure(number: int, planted: bool) -> World:
    """Each journey alone has few candidates in a day; together too many."""
    gap = f"{20 + number}m"
    three = [step for _ in range(3) for step in (send(("low", "high", "ping")[number % 3]), wait(gap))]
    more = [step for _ in range(3) for step in (send("ping"), wait(gap if planted else "13h"))]
    one = journey(NAMES[0], three, MARKETING, on="order.placed", reentry="never")
    other = journey(NAMES[1], more, MARKETING, on="product.viewed", reentry="never")
    third = journey(NAMES[2], [send(), send("high")], on="app.opened")
    return world(one, other, third, rules=policy(budgets=[{"name": "day", "limit": 2, "window": "1d"}])), "pressure"


def by_loop(number: int, planted: bool) -> World:
    """Three journeys deep, each starts the next by what it emits; what is emitted, or how often one may enter, ends it."""
    worth = 10 + number
    texts = []
    for place, name in enumerate(NAMES):
        emitted = EMITTED[place]
        value = worth if planted or number % 3 else worth - 5
        data = {FIELDS[emitted]: str(value)} if emitted in FIELDS else {"product": "'x'"}
        began = EMITTED[place - 1]
        where = {"where": f"trigger.{FIELDS[began]} >= {worth}"} if began in FIELDS else {}
        rule: Any = "always"
        if not planted and number % 3 and place == 1:
            rule = "never" if number % 3 == 1 else {"after": "30d"}
        texts.append(journey(name, [wait("1h"), {"emit": {"event": emitted, "data": data}}], on=began, reentry=rule, **where))
    return world(*texts, journey("growth.recovery.d", [send(), send("high"), send("ping")], on="app.opened")), "loop"


FAMILIES: tuple[Callable[[int, bool], World], ...] = (by_attribute, by_time_zone, by_claim, by_value, by_pressure, by_loop)
