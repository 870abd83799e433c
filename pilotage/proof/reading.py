"""The rules that readers of documents keep, as far as they are about quality and not about spelling: told as gates are, with their
reasons and an example. Their ids, titles and severities are those of `journey.findings`.
"""

from pilotage.journey.findings import RULES, WARNINGS, Severity
from pilotage.proof.rule import Example, Rule

JOURNEY, PAYMENT = "journeys/welcome.yaml", "journeys/payment.yaml"


def _read(rule: str, why: str, cure: str, at: str, wrong: str, right: str, standard: str = "") -> Rule:
    severity = Severity.WARNING if rule in WARNINGS else Severity.ERROR
    return Rule(rule, RULES[rule], severity, why, cure, Example(at, wrong, right), standard, waivable=rule in WARNINGS)


READING = (
    _read(
        "J001",
        "Names are how people find things in a list of two hundred. stage.purpose.name says when in a customer's life a journey comes, "
        "why it speaks, and what it is.",
        "rename the journey to stage.purpose.name",
        PAYMENT,
        "name: open_payment\n",
        "name: service.payment.open_payment\n",
    ),
    _read(
        "J002",
        "A journey without an owner is nobody's when it goes wrong, and nobody may change it when it should.",
        "write 'owner: {responsible: …, accountable: …}'",
        PAYMENT,
        "",
        "owner: {responsible: service-desk, accountable: head-of-service, consulted: [privacy-office], informed: []}\n",
        "RACI",
    ),
    _read(
        "J003",
        "Stages are how a company sees where its journeys are many and where there is none. One that nobody knows falls out of every such "
        "map.",
        "write one of the stages",
        PAYMENT,
        "stage: paying\n",
        "stage: service\n",
    ),
    _read(
        "J005",
        "Nothing is sent without a purpose that a policy declares, with its class and its legal basis (GDPR art. 5 and 6).",
        "declare the purpose in a policy, or write one that is declared",
        PAYMENT,
        "purpose: service.paymnet\n",
        "purpose: service.payment\n",
        "GDPR art. 6",
    ),
    _read(
        "J010",
        "An event may never come. Without a timeout whoever waits for it waits for ever: in a version that can never be removed, and in a "
        "number that only grows.",
        "write 'timeout:' and, where it should lead elsewhere, 'on_timeout:'",
        JOURNEY,
        "  - {id: think, wait: {until: parcel.sent}, next: offer}\n",
        "  - {id: think, wait: {until: parcel.sent, timeout: 2d}, next: end, on_timeout: offer}\n",
    ),
    _read(
        "J013",
        "A step that no way leads to is never taken, and still translated, reviewed and believed in.",
        "lead another step to it, or remove it",
        PAYMENT,
        "  - {id: tell, send: email, content: payment-open, on_blocked: end, on_failure: end, next: end}\n  - {id: rest, wait: {for: "
        "1h}}\n",
        "  - {id: tell, send: email, content: payment-open, on_blocked: end, on_failure: end}\n",
    ),
    _read(
        "J015",
        "Arms that do not add up to everybody leave some without an arm, or give some two.",
        "let the shares add up to 100 %",
        JOURNEY,
        "  - {id: try, split: {plain: {share: 50%, goto: think}, kind: {share: 40%, goto: guide}}}\n",
        "  - {id: try, split: {plain: {share: 50%, goto: think}, kind: {share: 50%, goto: guide}}}\n",
    ),
    _read(
        "J020",
        "The purpose decides whether a message may leave. A message without one could only be sent by guessing.",
        "write 'purpose:' on the journey or the step",
        PAYMENT,
        "",
        "purpose: service.payment\n",
        "GDPR art. 5(1)(b)",
    ),
    _read(
        "J021",
        "Policies refuse messages every day: no consent, a full budget, a complaint that is open. Whoever writes a message decides what "
        "happens to the customer then; otherwise the entry ends in silence.",
        "write 'on_blocked:' on the step, or a 'fallback' on the journey",
        PAYMENT,
        "  - {id: tell, send: email, content: payment-open, on_failure: end}\n",
        "  - {id: tell, send: email, content: payment-open, on_blocked: end, on_failure: end}\n",
    ),
    _read(
        "E001",
        "Every field that a condition reads must stand in the contract of its event, and every attribute in the profile, with a type that "
        "fits. What is not declared may be absent, renamed or of another type tomorrow, and the journey would decide by nothing.",
        "write a name that there is, or declare it",
        JOURNEY,
        "goal: {when: \"trigger.type = 'order.placed' and trigger.totl > 0\", within: 30d, kpi: first_orders, value: trigger.total}\n",
        "goal: {when: \"trigger.type = 'order.placed'\", within: 30d, kpi: first_orders, value: trigger.total}\n",
    ),
    _read(
        "C003",
        "A value that nothing provides is an empty place in the message. It is found here, with the name that was probably meant, and not "
        "by the first ten thousand who get it.",
        "write a variable that there is",
        "content/offer.yaml",
        '  Hello {{ customer.fist_name | default: "there" }},\n',
        '  Hello {{ customer.first_name | default: "there" }},\n',
    ),
    _read(
        "C006",
        "A content that no journey sends is kept, translated and approved for nobody.",
        "use it in a send step, or remove it",
        JOURNEY,
        "  - {id: offer, send: email, content: guide, expires: 3d, on_blocked: ring, on_failure: ring, next: end}\n",
        "  - {id: offer, send: email, content: offer, expires: 3d, on_blocked: ring, on_failure: ring, next: end}\n",
    ),
    _read(
        "C007",
        "MJML drops elements that it does not know, with all that is in them and without a word.",
        "correct the name of the element",
        "content/welcome.yaml",
        "            <mj-txt>Your account is ready.</mj-txt>\n",
        "            <mj-text>Your account is ready.</mj-text>\n",
    ),
    _read(
        "C012",
        "A policy says which languages customers are written to. A content that lacks one speaks to some of them in a language they did "
        "not choose.",
        "add the language under 'locales'",
        "policies/contact.yaml",
        "languages: [en, de, fr]\n",
        "languages: [en]\n",
    ),
    _read(
        "P006",
        "Advertising rests on consent or, within limits, on legitimate interest. A contract or a legal duty never asks to advertise.",
        "rest the purpose on 'consent', or give it the class it has",
        "policies/contact.yaml",
        "    basis: contract  # of the newsletter\n",
        "    basis: consent  # of the newsletter\n",
        "GDPR art. 6",
    ),
    _read(
        "T008",
        "An edge that no test takes is tried by customers. Mostly it is the one for when something goes wrong.",
        "add a test that takes it",
        PAYMENT,
        "    fates: {tell: sent}\n    events: [{type: payment.failed, data: {order_id: A-1}}]\n    expect: {decisions: [sent tell], "
        "ends: end}\n",
        "    fates: {tell: failed}\n    events: [{type: payment.failed, data: {order_id: A-1}}]\n    expect: {decisions: [failed tell], "
        "ends: end}\n",
    ),
    _read(
        "U001",
        "An audience decides who is meant, in every journey that uses it. Whoever wants it changed must know whom to ask.",
        "write 'owner: {responsible: …}'",
        "audiences/customers.yaml",
        "",
        "owner: {responsible: growth-team}\n",
    ),
)
"""Rules of readers, with their reasons."""
