"""A workspace with every kind of step, edge and policy in it, in two versions of which the later takes over the earlier."""

import json

from pilotage.journey.plan import Plan
from tests.properties.plans import plan_of

POLICY = {
    "schema": 1,
    "kind": "policy",
    "name": "contact",
    "zone": "Europe/Berlin",
    "purposes": {
        "marketing.cart": {"class": "marketing", "basis": "consent"},
        "marketing.news": {"class": "marketing", "basis": "consent"},
        "service.payment": {"class": "service", "basis": "contract"},
    },
    "quiet_hours": [{"name": "night", "classes": ["marketing"], "from": "21:00", "to": "08:00"}],
    "budgets": [
        {"name": "week", "classes": ["marketing"], "limit": 3, "window": "7d"},
        {"name": "news", "journeys": ["growth.every.slots"], "limit": 1, "window": "2d"},
    ],
    "slots": [{"name": "morning", "classes": ["marketing"], "length": "6h", "limit": 1}],
    "suppress": [
        {"name": "complaint", "when": "count('complaint.opened', '3d') > 0", "classes": ["marketing"], "reason": "open complaint"}
    ],
}

AUDIENCES = (
    "{schema: 1, kind: audience, name: buyers, when: \"count('order.placed', '14d') > 0\"}",
    "{schema: 1, kind: audience, name: quiet, when: \"not performed('app.opened', '3d')\"}",
    "{schema: 1, kind: audience, name: both, all: [buyers, quiet]}",
)

CATALOGUE = """
schema: 1
kind: catalogue
name: offers
actions:
  discount: {description: d, when: trigger.price > 50, score: trigger.price * 0.1, weight: 1}
  gift: {description: g, score: "6", weight: 3}
"""

HEAD = """schema: 1
kind: journey
name: growth.every.{name}
owner: {{responsible: crm}}
purpose: {purpose}
{more}
enter: {enter}
steps:
{steps}"""


def journey(name: str, enter: str, *steps: str, purpose: str = "service.payment", more: str = "") -> str:
    """One journey document."""
    return HEAD.format(name=name, purpose=purpose, more=more, enter=enter, steps="".join(f"  - {step}\n" for step in steps))


def send(name: str, more: str = "") -> str:
    """A message."""
    return f"{{id: {name}, send: email, content: plain, recipient: email, expires: 2d, on_blocked: end{more}}}"


JOURNEYS = (
    journey(
        "slots",
        "{on: product.viewed, reentry: {after: 12h}}",
        send("first", ', priority: "coalesce(spent, 0) * 2", on_lost: other'),
        "{id: rest, wait: {for: 5h}, next: end}",
        send("other", ", on_failure: end"),
        purpose="marketing.cart",
        more="exit: [{when: \"count('complaint.opened', '2d') > 1\", reason: upset}]\nholdout: 10%",
    ),
    journey(
        "rival",
        "{on: app.opened, reentry: always}",
        send("note", ", priority: 5"),
        "{id: hold, wait: {until: order.placed, timeout: 36h}, on_timeout: again}",
        send("again"),
        purpose="marketing.news",
        more="goal: {when: \"trigger.type = 'order.placed'\", within: 9d, kpi: orders, value: trigger.total, stay: true}",
    ),
    journey(
        "keyed",
        "{on: order.placed, key: trigger.order, reentry: {after: 5d}, where: trigger.total > 2}",
        '{id: nine, wait: {at: "09:00", timeout: 20h}}',
        "{id: fork, branch: [{when: trigger.items > 3, goto: many}], next: few}",
        '{id: many, set: {attributes: {mood: "\'good\'", spent: trigger.total}, variables: {n: "coalesce(journey.n, 0) + 1"}}, next: tell}',
        "{id: few, split: {a: 50%, b: {share: 50%, goto: tell}}}",
        "{id: a, emit: {event: cart.recovered, data: {total: trigger.total}}}",
        send("tell", ", on_failure: end"),
        more="exit: [{when: \"trigger.type = 'complaint.opened'\", reason: complained}]",
    ),
    journey(
        "people",
        "{on: cart.added, reentry: always}",
        "{id: pick, decide: offers, by: score, explore: 20%, actions: {discount: call, gift: ring}, next: end}",
        "{id: call, call: desk, data: {text: country}, returns: {ticket: {field: id, type: string}}, timeout: 4h, on_failure: ring}",
        "{id: ring, task: Ring, team: desk, outcomes: {done: ask, gone: end}, remind: [4h], "
        "sla: 1d, escalate: lead, timeout: 2d, on_timeout: ask}",
        "{id: ask, approve: A gift, team: desk, sla: 1d, on_reject: end}",
        "{id: deep, journey: growth.every.inner, data: {version: \"'1'\"}, timeout: 3d, outcomes: {upset: end}, on_failure: end}",
        "{id: share, decide: offers, by: weights, actions: {discount: end, gift: more}, next: end}",
        "{id: more, repeat: {times: 3, until: \"performed('order.placed', '1d')\", steps: ["
        + send("remind").replace("blocked: end", "blocked: over")
        + ", "
        "{id: pause, wait: {for: 1d}}]}}",
        "{id: over, exit: done}",
    ),
    journey(
        "inner",
        "{on: app.opened, reentry: always, where: \"trigger.version = '1'\"}",
        "{id: mood, wait: {when: \"mood = 'good' or since_last('cart.added') > '30h'\", timeout: 4d}}",
        "{id: first, decide: offers2, by: first, actions: {one: end}, next: end}",
        more="exit: [{when: \"count('complaint.opened', '1d') > 0\", reason: upset}]",
    ),
    journey("joined", "{on: audience.entered, where: \"trigger.audience = 'both'\"}", "{id: hold, wait: {for: 1d}}", send("hello")),
    journey("weekly", '{schedule: {cron: "0 9 * * mon", audience: buyers, spread: 3h}, reentry: always}', send("digest")),
)
OTHER = "schema: 1\nkind: catalogue\nname: offers2\nactions:\n  one: {description: o, when: \"country = 'DE'\"}\n"

PAUSED = "growth.every.people"


def first() -> Plan:
    """The first version."""
    return plan_of(json.dumps(POLICY), *AUDIENCES, CATALOGUE, OTHER, *JOURNEYS)


def second() -> Plan:
    """The second: those in the first migrate or exit, and budgets are other."""
    changed = list(JOURNEYS)
    changed[1] = changed[1].replace("enter:", "in_flight: exit\nenter:")
    steps = "{call: ring, pick: end, share: end}"
    changed[3] = (
        changed[3].replace("enter:", f"in_flight: {{migrate: {{from: any, steps: {steps}}}}}\nenter:").replace("sla: 1d", "sla: 20h")
    )
    changed[2] = changed[2].replace("items > 3", "items > 2")
    policy = {**POLICY, "budgets": [{"name": "week", "classes": ["marketing"], "limit": 2, "window": "5d"}]}
    return plan_of(json.dumps(policy), *AUDIENCES, CATALOGUE, OTHER, *changed)
