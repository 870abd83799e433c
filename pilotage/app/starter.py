"""The workspace that `pilotage init` writes: small, complete, and without errors or warnings.

One journey welcomes who signs up, waits for the first order and reminds once, under a consent, a budget and quiet hours.
It speaks to the console, so that nothing needs to be set up to see it work.
"""

import secrets
from pathlib import Path

from pilotage.app.places import SETTINGS_FILE

_SETTINGS = """\
# This workspace: who we are, which environment this is, and what it is bound to.
# ${{NAME}} reads an environment variable, ${{NAME:-value}} falls back to a value.
schema: 1
company: {company}
environment:
  name: development
  production: false
  allow: ["*@example.test"]   # outside production, only these recipients are reached
zone: Europe/Berlin
intake:
  undeclared: quarantine      # events without a contract are kept aside, with the reason
bindings:
  channels:
    console: {{}}
  write_keys:
    web: "${{PILOTAGE_WRITE_KEY:-{write_key}}}"
"""

_PROFILE = """\
schema: 1
kind: profile
owner: {responsible: data-team}
attributes:
  email:
    type: string
    classification: personal
    from: [customer.signed_up.email, customer.identified.email]
  first_name:
    type: string
    classification: personal
    from: [customer.signed_up.first_name, customer.identified.first_name]
  country:
    type: string
    from: [customer.signed_up.country, customer.identified.country]
  timezone:
    type: string
    description: the IANA zone in which quiet hours and local times are read
    from: [customer.signed_up.timezone]
"""

_CONTRACT = """\
# What the shop sends us, as an Open Data Contract. An event that breaks it is quarantined, not guessed at.
apiVersion: v3.0.2
kind: DataContract
id: shop
name: Shop events
version: 1.0.0
status: active
schema:
  - name: customer.signed_up
    description: Somebody opened an account.
    properties:
      - {name: email, logicalType: string, required: true, classification: personal}
      - {name: first_name, logicalType: string, classification: personal}
      - {name: country, logicalType: string, logicalTypeOptions: {minLength: 2, maxLength: 2}}
      - {name: timezone, logicalType: string}
  - name: customer.identified
    description: What a source knows about a customer.
    properties:
      - {name: email, logicalType: string, classification: personal}
      - {name: first_name, logicalType: string, classification: personal}
      - {name: country, logicalType: string}
  - name: product.viewed
    description: Somebody looked at a product.
    properties:
      - {name: product_id, logicalType: string, required: true}
      - {name: price, logicalType: number}
  - name: order.placed
    description: Somebody bought something.
    customProperties:
      - {property: segmentEvent, value: Order Completed}
    properties:
      - {name: order_id, logicalType: string, required: true}
      - {name: total, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: currency, logicalType: string}
"""

_POLICY = """\
schema: 1
kind: policy
name: contact
owner: {responsible: privacy-office, accountable: head-of-crm}
purposes:
  service.account:
    class: service
    basis: contract
    description: What you need to know about your account.
  marketing.onboarding:
    class: marketing
    basis: consent            # nobody gets these without having said yes
    description: Help and ideas for getting started.
quiet_hours:
  - {name: night, classes: [marketing], from: "21:00", to: "08:00"}
budgets:
  - {name: marketing-week, classes: [marketing], limit: 2, window: 7d}
"""

_WELCOME = """\
schema: 1
kind: content
name: welcome
channel: console
subject: "Welcome, {{ customer.first_name | default: 'and good to have you here' }}"
text: |
  Your account is ready. Your orders, addresses and settings are in one place now,
  and you can change or close the account there whenever you like.
"""

_NUDGE = """\
schema: 1
kind: content
name: first-order
channel: console
subject: "Not sure where to begin?"
text: |
  Hello {{ customer.first_name | default: "there" }},
  a few things that others liked to begin with are waiting for you in the shop.
  You get this because you asked for it. Stop it at any time: {{ unsubscribe_url }}
"""

_JOURNEY = """\
schema: 1
kind: journey
name: onboarding.welcome.first_order
description: Welcomes who signs up and reminds once of the first order.
owner: {responsible: lifecycle-team, accountable: head-of-crm}
purpose: marketing.onboarding
stage: onboarding
enter: {on: customer.signed_up, reentry: never}
goal: {when: "trigger.type = 'order.placed'", within: 30d, kpi: first_orders, value: trigger.total}
steps:
  - {id: greet, send: console, content: welcome, purpose: service.account, recipient: email, on_blocked: think}
  - {id: think, wait: {until: product.viewed, timeout: 1d}, next: look, on_timeout: remind}
  - {id: look, wait: {for: 2h}}
  - {id: remind, send: console, content: first-order, recipient: email, expires: 2d, on_blocked: end}
tests:
  - name: who looks at a product and does not order is reminded two hours later
    given: &ada
      attributes: {email: ada@example.test, first_name: Ada}
      consents: {marketing.onboarding: [console]}
    events:
      - {type: customer.signed_up, data: {email: ada@example.test}}
      - {type: product.viewed, after: 1h, data: {product_id: lamp}}
    expect:
      steps: [greet, think, look, remind]
      messages:
        - {content: welcome, at: 2026-03-02T10:00}
        - {content: first-order, at: 2026-03-02T13:00}
      ends: end
  - name: whoever has not agreed is welcomed and not reminded
    events: [{type: customer.signed_up, data: {email: ben@example.test}}]
    expect: {messages: [{content: welcome}], decisions: [timed_out think, blocked remind]}
  - name: without an address nobody is welcomed, and an order is the goal
    given: {consents: {marketing.onboarding: [console]}}
    events:
      - {type: customer.signed_up, data: {email: ""}}
      - {type: order.placed, after: 3h, data: {order_id: A-1, total: 20}}
    expect: {steps: [greet, think], messages: [], ends: goal}
"""

_SAMPLE = """\
when,what,customer,email,first_name,country,product,order,total,purpose,channel,granted
2026-03-02T09:00:00Z,customer.signed_up,ada,ada@example.test,Ada,DE,,,,,,
2026-03-02T09:00:05Z,consent.changed,ada,,,,,,,marketing.onboarding,console,true
2026-03-02T10:30:00Z,customer.signed_up,ben,ben@example.test,Ben,FR,,,,,,
2026-03-02T19:30:00Z,product.viewed,ada,,,,lamp,,,,,
2026-03-04T12:00:00Z,order.placed,ada,,,,,A-1,59.90,,,
2026-03-04T12:05:00Z,order.placed,ben,,,,,A-2,-1,,,
"""

_SAMPLE_MAPPING = """\
# How the rows of sample.csv (six invented events of two invented customers) become events.
schema: 1
kind: mapping
source: sample
type: {column: what}
time: {column: when}
identifiers: {user_id: customer}
events:
  customer.signed_up: {data: {email: email, first_name: first_name, country: country}}
  product.viewed: {data: {product_id: product}}
  order.placed: {data: {order_id: order, total: {column: total, type: number}}}
  consent.changed: {data: {purpose: purpose, channel: channel, granted: {column: granted, type: boolean}}}
"""

_FILES = {
    "profile.yaml": _PROFILE,
    "contracts/shop.odcs.yaml": _CONTRACT,
    "policies/contact.yaml": _POLICY,
    "content/welcome.yaml": _WELCOME,
    "content/first-order.yaml": _NUDGE,
    "journeys/welcome.yaml": _JOURNEY,
    "sample/sample.csv": _SAMPLE,
    "sample/mapping.yaml": _SAMPLE_MAPPING,
}


class WorkspaceExists(ValueError):
    """The folder holds a file that would be overwritten. Choose an empty folder, or move the file away."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already; choose an empty folder, or move the file away")
        self.path = path


def starting_files(company: str, write_key: str) -> dict[str, str]:
    """The files of the starting workspace, by path."""
    quoted = '"' + company.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {SETTINGS_FILE: _SETTINGS.format(company=quoted, write_key=write_key), **_FILES}


def init(folder: Path, company: str = "Example Company", write_key: str = "") -> tuple[Path, ...]:
    """Write the starting workspace into a folder, made if need be, and return the files written.

    Without a `write_key` a random one is made; it holds for development only, since a key in the environment variable
    PILOTAGE_WRITE_KEY takes its place. `WorkspaceExists`, with nothing written, if a file is there already.
    """
    files = starting_files(company, write_key or f"dev-{secrets.token_urlsafe(18)}")
    texts = {folder / name: text for name, text in files.items()}
    for path in texts:
        if path.exists():
            raise WorkspaceExists(path)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(texts)
