"""The workspace of the crash tests: a payment that fails (mail and call at once), and a cart left for a second (mail)."""

from pathlib import Path

FILES = {
    "pilotage.yaml": """\
schema: 1
company: Crash Test Shop
environment: {name: crash, production: false, allow: ["*@example.test", "call:*"]}
zone: UTC
bindings:
  channels:
    email: {host: 127.0.0.1, port: MAIL_PORT, security: none, sender: "Shop <shop@example.test>"}
  endpoints:
    desk: {url: "http://127.0.0.1:DESK_PORT/tasks"}
  write_keys:
    shop: key-of-the-shop
""",
    "profile.yaml": """\
schema: 1
kind: profile
attributes:
  email: {type: string, classification: personal, from: [customer.identified.email]}
  failures: {type: integer}
""",
    "contracts/shop.odcs.yaml": """\
apiVersion: v3.0.2
kind: DataContract
id: shop
name: Shop events
version: 1.0.0
status: active
schema:
  - name: customer.identified
    properties:
      - {name: email, logicalType: string}
  - name: payment.failed
    properties:
      - {name: order, logicalType: string, required: true}
  - name: cart.added
    properties:
      - {name: sku, logicalType: string, required: true}
  - name: order.placed
    properties:
      - {name: sku, logicalType: string}
""",
    "policies/contact.yaml": """\
schema: 1
kind: policy
name: contact
purposes:
  service.payment: {class: service, basis: contract}
  marketing.cart: {class: marketing, basis: consent}
budgets:
  - {name: days, classes: [marketing], limit: 4, window: 2d}
""",
    "content/payment.yaml": """\
schema: 1
kind: content
name: payment
channel: email
subject: "payment {{ trigger.order }}"
text: "Your payment of {{ trigger.order }} failed."
""",
    "content/cart.yaml": """\
schema: 1
kind: content
name: cart
channel: email
subject: "cart {{ trigger.sku }}"
text: "You put {{ trigger.sku }} aside. {{ unsubscribe_url }}"
""",
    "journeys/payment.yaml": """\
schema: 1
kind: journey
name: service.payment.failed
owner: {responsible: shop, accountable: shop}
purpose: service.payment
stage: service
enter: {on: payment.failed, reentry: always}
steps:
  - {id: count, set: {attributes: {failures: "coalesce(failures, 0) + 1"}}}
  - {id: mail, send: email, content: payment, recipient: email, expires: 1d, on_blocked: end}
  - {id: ring, call: desk, data: {order: trigger.order}}
""",
    "journeys/cart.yaml": """\
schema: 1
kind: journey
name: growth.recovery.cart
owner: {responsible: shop, accountable: shop}
purpose: marketing.cart
stage: growth
enter: {on: cart.added, reentry: always}
steps:
  - {id: second, wait: {until: order.placed, timeout: 1s}, next: bought, on_timeout: remind}
  - {id: remind, send: email, content: cart, recipient: email, expires: 1d, on_blocked: end, next: end}
  - {id: bought, exit: bought}
""",
}


def write_workspace(folder: Path, mail_port: int, desk_port: int) -> None:
    """Write the workspace, bound to a mail server and a desk."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("MAIL_PORT", str(mail_port)).replace("DESK_PORT", str(desk_port)), encoding="utf-8")
