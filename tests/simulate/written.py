"""Runs the tests written in one journey's document, among the documents of `tests.journey.scenario`."""

from textwrap import dedent

from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.simulate.document_tests import JourneyResult, run_tests
from tests.journey.scenario import CONTENT, ZONES, compile_documents

CART = """\
schema: 1
kind: journey
name: growth.recovery.cart
owner: {responsible: shop-team}
purpose: marketing.cart
stage: growth
enter: {on: cart.added, where: trigger.price > 10, reentry: always}
exit: [{when: "count('complaint.opened', '7d') > 0", reason: complaint}]
goal: {when: trigger.type = 'order.placed', within: 14d, kpi: orders, stay: true}
holdout: 20%
steps:
  - {id: hour, wait: {until: order.placed, where: trigger.total > 0, timeout: 1h}, next: bought, on_timeout: test}
  - {id: test, split: {mail: {share: 60%, goto: remind}, desk: {share: 40%, goto: ask}}}
  - {id: remind, send: email, content: note, expires: 1d, on_blocked: end, on_failure: ask}
  - {id: morning, wait: {at: "09:00"}, next: which}
  - {id: ask, call: desk, data: {price: trigger.price}, returns: {n: {field: n, type: integer}}, timeout: 1m, on_failure: end}
  - {id: which, branch: [{when: journey.n > 1, goto: mark}], next: end}
  - {id: mark, set: {attributes: {mood: "'good'"}}}
  - {id: tell, emit: {event: cart.recovered, data: {total: trigger.price}}, next: end}
  - {id: bought, exit: bought}
"""

TESTS = """\
tests:
  - name: whoever buys within the hour is left alone
    given: {attributes: {email: a@example.test, timezone: Europe/Paris}, consents: {marketing.cart: [email]}}
    events: [{type: cart.added, data: {price: 20}}, {type: order.placed, after: 59m, data: {total: 5}}]
    expect: {steps: [hour, bought], messages: [], decisions: [entered, goal hour, resumed hour], ends: {reason: bought, after: 59m}}
  - name: a reminder leaves after an hour and the next morning the way ends
    given: {attributes: {email: a@example.test}, consents: {marketing.cart: [email]}, arms: {test: mail}, zone: Europe/Paris}
    events: [{type: cart.added, data: {price: 20}}]
    expect:
      enters: true
      steps: [hour, test, remind, morning, which]
      messages: [{channel: email, content: note, at: 2026-03-02T11:00, recipient: a@example.test, variables: {trigger.price: 20}}]
      ends: {reason: end, at: 2026-03-03T09:00}
"""


def outcome(tests: str, journey: str = CART) -> tuple[JourneyResult, list[str]]:
    """What the tests of a journey come to, and the findings, one line each."""
    plan = compile_documents(CONTENT, journey + dedent(tests))
    report = Report()
    document = read_document((journey + dedent(tests)).encode(), "journeys/cart.yaml", report)
    assert document is not None, report.findings
    (result,) = run_tests([document], plan, ZONES, report)
    return result, [finding.text for finding in report.findings]


def differences(expect: str, events: str = "", given: str = "", more: str = "") -> list[tuple[str, str, str]]:
    """What comes out otherwise than expected in one test about a cart worth 20, as (what, expected, actual)."""
    known = f"given: {{attributes: {{email: a@example.test}}, consents: {{marketing.cart: [email]}}{given}}}"
    happens = f"events: [{{type: cart.added, data: {{price: 20}}}}{events}]"
    result, findings = outcome(f"tests: [{{name: it, {known}, {happens}, expect: {expect}{more}}}]\n")
    assert [] == findings
    ((test),) = result.results
    return [(each.what, each.expected, each.actual) for each in test.differences]
