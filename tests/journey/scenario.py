"""Runs one subject through journeys written as documents: the test says what happens and when, and reads what was decided."""

from textwrap import dedent
from typing import Any

import msgspec

from pilotage.contract.builtin import builtin_contracts
from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.envelope import Event, wake_event
from pilotage.event.time import parse_instant_us
from pilotage.journey.advance import advance, wake_at
from pilotage.journey.almanac import NO_ALMANAC, Almanac
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Report
from pilotage.journey.names import ChannelParts, Surroundings
from pilotage.journey.outcome import Action, Decision
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, load
from pilotage.profile.state import State, decode_state, encode_state
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
START = parse_instant_us("2026-03-02T12:00:00Z")


def _contract(event: str, **kinds: str) -> Contract:
    return Contract(event, "1", tuple(FieldSpec(name, kind) for name, kind in kinds.items()), open=True)


CONTRACTS = (
    _contract("customer.signed_up", email="string", country="string", region="string", timezone="string", tier="string"),
    _contract("cart.added", product="string", price="number"),
    _contract("order.placed", order="string", total="number", items="integer"),
    _contract("product.viewed", product="string"),
    _contract("complaint.opened", text="string"),
    _contract("app.opened", version="string"),
    _contract("cart.recovered", total="number"),
    _contract("seat.used", feature="string"),
    _contract("account.updated", plan="string", seats="integer"),
)

PROFILE = """
schema: 1
kind: profile
attributes:
  email: {type: string, from: [customer.signed_up.email]}
  country: {type: string, from: [customer.signed_up.country]}
  region: {type: string, from: [customer.signed_up.region]}
  timezone: {type: string, from: [customer.signed_up.timezone]}
  tier: {type: string, from: [customer.signed_up.tier]}
  mood: {type: string}
  spent: {type: number}
"""

POLICY = """
schema: 1
kind: policy
name: contact
zone: UTC
purposes:
  marketing.cart: {class: marketing, basis: consent}
  service.payment: {class: service, basis: contract}
quiet_hours:
  - {name: night, classes: [marketing], from: "21:00", to: "08:00"}
budgets:
  - {name: marketing-week, classes: [marketing], limit: 2, window: 7d}
suppress:
  - {name: open-complaint, when: "count('complaint.opened', '14d') > 0", classes: [marketing], reason: open complaint}
"""

CONTENT = """
schema: 1
kind: content
name: note
channel: email
subject: "Hello {{ customer.country }}"
text: "{{ trigger.price }} {{ journey.n }}"
"""

PLAIN = CONTENT.replace("name: note", "name: plain").replace("{{ trigger.price }} {{ journey.n }}", "hi")


def compile_documents(*texts: str, profile: str = PROFILE, roles: tuple[str, ...] | None = None, almanac: Almanac = NO_ALMANAC) -> Plan:
    """The plan of documents; an assertion with the findings if they have errors."""
    report = Report()
    documents: list[Document] = []
    for number, text in enumerate((profile, POLICY, PLAIN, *texts)):
        document = read_document(dedent(text).encode(), f"d{number}.yaml", report)
        assert document is not None, report.findings
        documents.append(document)
    surroundings = Surroundings(
        contracts=tuple(builtin_contracts({contract.event: contract for contract in CONTRACTS}, roles).values()),
        channels={
            "email": ChannelParts(frozenset({"subject", "text"}), frozenset({"subject", "text", "mjml", "html"}), "email"),
            "push": ChannelParts(frozenset({"subject", "text"}), frozenset({"subject", "text"})),
        },
        endpoints=frozenset({"desk"}),
        zones=ZONES.names,
        variables_of=_variables_of,
        zones_digest=ZONES.digest,
        almanac=almanac,
    )
    plan, findings = compile_plan(documents, surroundings)
    assert plan is not None, [f"{f.path}:{f.line}:{f.column} {f.message}" for f in findings]
    return plan


def _variables_of(template: str) -> set[str]:
    return {part.partition("}}")[0].strip() for part in template.split("{{")[1:]}


class Subject:
    """One subject on a clock of the test's own. Every state is passed through its bytes, as a store would."""

    def __init__(self, *documents: str, start_us: int = START, plan: Plan | None = None, program: Program | None = None) -> None:
        self.program = program or load(plan or compile_documents(*documents), ZONES, "test")
        self.now = start_us
        self.state = State(b"\x01" * 16)
        self.actions: list[Action] = []
        self.decisions: list[Decision] = []
        self.cancelled: list[bytes] = []
        self.count = 0

    def event(self, kind: str, after: int = 0, **data: Any) -> "Subject":
        """An event `after` microseconds from the last one, received as it occurs."""
        self.now += after
        self.count += 1
        return self._advance(Event(f"e{self.count}", "test", kind, self.now, msgspec.json.encode(data), {"user_id": "1"}))

    def wake(self, after: int = 0) -> "Subject":
        """A wake-up `after` microseconds from the last event."""
        self.now += after
        return self._advance(wake_event(self.now))

    def consent(self, purpose: str = "marketing.cart", channel: str = "email", granted: bool = True) -> "Subject":
        """The subject says yes or no."""
        return self.event("consent.changed", purpose=purpose, channel=channel, granted=granted)

    def sign_up(self, **data: Any) -> "Subject":
        """Sign up with an address, and consent."""
        return self.event("customer.signed_up", **{"email": "a@example.test", "country": "DE", **data}).consent()

    def receipt(self, kind: str = "message.sent", action: int = -1, **data: Any) -> "Subject":
        """The receipt of an action."""
        return self.event(kind, effect=self.actions[action].effect.hex(), **data)

    def take(self, event: Event) -> "Subject":
        """An event made elsewhere, now."""
        return self._advance(event)

    def _advance(self, event: Event) -> "Subject":
        before = encode_state(self.state)
        outcome = advance(self.program, self.state, event, self.now)
        assert encode_state(self.state) == before, "advance changed the state it was given"
        self.state = decode_state(encode_state(outcome.state))
        assert outcome.wake_at_us == wake_at(self.state)
        self.actions += outcome.actions
        self.decisions += outcome.decisions
        self.cancelled += outcome.cancelled
        return self

    @property
    def verbs(self) -> list[str]:
        """What was decided, in order, as `verb step`."""
        return [f"{d.verb} {d.step}".strip() for d in self.decisions if d.verb != "refused"]

    @property
    def refusals(self) -> list[str]:
        """Why entries were refused."""
        return [d.reason for d in self.decisions if d.verb == "refused"]

    def last(self, verb: str) -> Decision:
        """The latest decision of a kind."""
        return next(d for d in reversed(self.decisions) if d.verb == verb)
