"""A small set of documents that compiles without findings, and ways to change one thing in it."""

from collections.abc import Iterable

from pilotage.channel.template import variables_of
from pilotage.contract.builtin import BUILTIN
from pilotage.contract.model import Contract, FieldSpec
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Finding, Report
from pilotage.journey.names import ChannelParts, Surroundings
from pilotage.journey.plan import Journey, Plan


def text(name: str, required: bool = False) -> FieldSpec:
    return FieldSpec(name, "string", required)


CONTRACTS = (
    Contract("cart.added", "1", (text("sku", True), FieldSpec("price", "number"), FieldSpec("amount", "integer"))),
    Contract("order.placed", "1", (text("order_id", True), FieldSpec("total", "number"), FieldSpec("at", "timestamp"))),
    Contract(
        "cart.recovered", "1", (FieldSpec("total", "number", True), FieldSpec("size", "string", enum=("small", "large")), text("amount"))
    ),
    Contract("complaint.opened", "1", (text("topic"), FieldSpec("tags", "array", items=text("tag")))),
    Contract("customer.signed_up", "1", (text("email"), FieldSpec("address", "object", fields=(text("city"),)))),
    *(contract for event, contract in BUILTIN.items() if event != "customer.identified"),
    Contract("customer.identified", "1", (text("email"), text("tier"), FieldSpec("age", "integer"))),
)
CHANNELS = {
    "email": ChannelParts(frozenset({"subject", "text"}), frozenset({"subject", "text", "html", "mjml"}), "email"),
    "inbox": ChannelParts(frozenset({"title", "body"}), frozenset({"title", "body"})),
}
SURROUNDINGS = Surroundings(
    contracts=CONTRACTS,
    channels=CHANNELS,
    endpoints=frozenset({"desk"}),
    zones=frozenset({"UTC", "Europe/Berlin", "Europe/Paris"}),
    variables_of=variables_of,
    zones_digest="tables",
)

PROFILE = """\
schema: 1
kind: profile
attributes:
  email: {type: string, classification: personal, from: [customer.signed_up.email, customer.identified.email]}
  tier: {type: string, from: [customer.identified.tier]}
  age: {type: integer, from: [customer.identified.age]}
  score: {type: number, from: [customer.identified.age]}
"""
POLICY = """\
schema: 1
kind: policy
name: contact
zone: Europe/Berlin
purposes:
  marketing.cart: {class: marketing, basis: consent}
  service.payment: {class: service, basis: contract}
quiet_hours:
  - {name: night, classes: [marketing], from: "21:00", to: 08:00}
budgets:
  - {name: week, classes: [marketing], limit: 2, window: 7d}
suppress:
  - {name: complaint, when: "count('complaint.opened', '14d') > 0", classes: [marketing], reason: open complaint}
"""
CONTENT = """\
schema: 1
kind: content
name: reminder
channel: email
subject: "{{ customer.tier }}: your cart"
text: |
  You put {{ trigger.sku }} aside.
  {{ unsubscribe_url }}
"""
JOURNEY = """\
schema: 1
kind: journey
name: growth.recovery.cart
owner: {responsible: shop-team}
purpose: marketing.cart
stage: growth
enter: {on: cart.added, where: trigger.price > 0, reentry: {after: 90d}}
exit: [{when: "count('complaint.opened', '7d') > 0", reason: open complaint}]
goal: {when: trigger.type = 'order.placed', within: 30d, kpi: orders, value: trigger.total}
holdout: 5%
steps:
  - {id: hour, wait: {until: order.placed, where: trigger.total > 10, timeout: 1h}, next: bought, on_timeout: remind}
  - {id: remind, send: email, content: reminder, expires: 2d, on_blocked: end, on_failure: end}
  - {id: day, wait: {for: 23h}}
  - {id: check, branch: [{when: tier = 'gold', goto: mark}], next: test}
  - {id: test, split: {mark: 50%, other: {share: 50%, goto: morning}}}
  - {id: morning, wait: {at: "09:00"}}
  - {id: mark, set: {attributes: {score: "1"}, variables: {n: "coalesce(journey.n, 0) + 1"}}}
  - {id: tell, emit: {event: cart.recovered, data: {total: trigger.price}}}
  - {id: ask, call: desk, data: {sku: trigger.sku}, returns: {ticket: {field: id, type: string}}, timeout: 10s, on_timeout: end}
  - {id: watch, wait: {when: journey.ticket is not null, timeout: 3d}}
  - {id: bought, exit: bought}
"""
FILES = {"profile.yaml": PROFILE, "policies/contact.yaml": POLICY, "content/reminder.yaml": CONTENT, "journeys/cart.yaml": JOURNEY}


def compiled(files: dict[str, str], around: Surroundings = SURROUNDINGS) -> tuple[Plan | None, tuple[Finding, ...]]:
    """The plan and all findings of files by path, read in the order given."""
    report = Report()
    documents = (read_document(source.encode(), path, report) for path, source in files.items())
    plan, findings = compile_plan([document for document in documents if document is not None], around)
    return None if report.failed else plan, tuple(sorted((*report.findings, *findings)))


def changed(path: str, old: str, new: str) -> dict[str, str]:
    """The sample with one text of one file replaced."""
    assert FILES[path].count(old) == 1, f"{old!r} stands {FILES[path].count(old)} times in {path}"
    return {**FILES, path: FILES[path].replace(old, new)}


def plan_of(files: dict[str, str]) -> Plan:
    """The plan of files that must compile."""
    plan, findings = compiled(files)
    assert plan is not None, "\n".join(finding.text for finding in findings)
    return plan


def journey_of(files: dict[str, str]) -> Journey:
    """The only journey of files that must compile."""
    (journey,) = plan_of(files).journeys
    return journey


def document_of(source: str, path: str = "x.yaml") -> Document:
    """The document of a source that must be readable."""
    report = Report()
    document = read_document(source.encode(), path, report)
    assert document is not None, report.findings
    return document


def texts(findings: Iterable[Finding]) -> list[str]:
    """The one-line forms of findings."""
    return [finding.text for finding in findings]
