"""Small plans to draw: one to three journeys over six event types, with budgets, quiet hours and a suppression.

The documents are written as JSON, which is YAML, and go through the real reader and compiler.
"""

import json
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from pilotage.contract.builtin import builtin_contracts
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Report
from pilotage.journey.names import ChannelParts, Surroundings
from pilotage.journey.plan import Plan
from pilotage.journey.program import Program, load
from tests.journey.scenario import CONTRACTS, PLAIN, PROFILE, ZONES

EVENTS = ("cart.added", "order.placed", "product.viewed", "app.opened", "complaint.opened")
MARKETING, SERVICE = "marketing.cart", "service.payment"
DURATIONS = ("30m", "1h", "12h", "1d", "3d")
CONDITIONS = (
    "count('app.opened', '1d') = 0",
    "count('cart.added', '3d') > 1",
    "since_last('product.viewed') > '12h'",
    "mood = 'good'",
    "tier = 'gold'",
)

_waits = st.one_of(
    st.builds(lambda span: {"for": span}, st.sampled_from(DURATIONS)),
    st.builds(lambda event, span: {"until": event, "timeout": span}, st.sampled_from(EVENTS), st.sampled_from(DURATIONS)),
    st.builds(lambda when, span: {"when": when, "timeout": span}, st.sampled_from(CONDITIONS), st.sampled_from(DURATIONS)),
    st.builds(lambda minute: {"at": f"{minute // 60:02d}:{minute % 60:02d}"}, st.integers(0, 1439)),
)
_sends = st.builds(
    lambda span, failing: {
        "send": "email",
        "content": "plain",
        "recipient": "email",
        "expires": span,
        "on_blocked": "end",
        **({"on_failure": "end"} if failing else {}),
    },
    st.sampled_from(("1h", "1d", "5d")),
    st.booleans(),
)
_changes = st.sampled_from(
    (
        {"set": {"attributes": {"mood": "'good'"}, "variables": {"n": "coalesce(journey.n, 0) + 1"}}},
        {"set": {"attributes": {"mood": "'bad'"}}},
        {"emit": {"event": "cart.recovered", "data": {"total": "1.5"}}},
        {"call": "desk", "data": {"text": "country"}, "returns": {"ticket": {"field": "id", "type": "string"}}, "timeout": "1h"},
    )
)
_branches = st.builds(lambda when: {"branch": [{"when": when, "goto": "end"}]}, st.sampled_from(CONDITIONS))
_steps = st.lists(st.one_of(_sends, _waits.map(lambda wait: {"wait": wait}), _changes, _branches), min_size=1, max_size=6)


@st.composite
def journeys(draw: st.DrawFn) -> list[str]:
    """One to three journeys, each with a send somewhere; one may be a circle that waits eight days. None that an emitted
    event starts emits it again, since such a chain has no end."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        entered_by = draw(st.sampled_from(("cart.added", "order.placed", "product.viewed", "cart.recovered")))
        steps = [step for step in (*draw(_steps), draw(_sends)) if "emit" not in step or entered_by != "cart.recovered"]
        named: list[dict[str, Any]] = [{"id": f"s{place}", **step} for place, step in enumerate(steps)]
        if draw(st.booleans()):
            named.append({"id": "rest", "wait": {"for": "8d"}, "next": "s0"})
        extra: dict[str, Any] = {}
        if draw(st.booleans()):
            extra["exit"] = [{"when": "count('complaint.opened', '3d') > 1", "reason": "complaints"}]
        if draw(st.booleans()):
            extra["goal"] = {"when": "trigger.type = 'order.placed'", "within": "5d", "kpi": "orders", "stay": draw(st.booleans())}
        document = {
            "schema": 1,
            "kind": "journey",
            "name": f"growth.recovery.j{number}",
            "owner": {"responsible": "a", "accountable": "b"},
            "purpose": draw(st.sampled_from((MARKETING, MARKETING, SERVICE))),
            "stage": "growth",
            "enter": {"on": entered_by, "reentry": draw(st.sampled_from(("always", "never", {"after": "2d"})))},
            "steps": named,
            **extra,
        }
        found.append(json.dumps(document))
    return found


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy: one to three budgets, perhaps quiet hours, perhaps a suppression."""
    budgets = [
        {"name": f"b{number}", "limit": draw(st.integers(1, 3)), "window": draw(st.sampled_from(("1h", "1d", "7d"))), **where}
        for number, where in enumerate(draw(st.lists(st.sampled_from(_REACHES), min_size=1, max_size=3)))
    ]
    quiet = {"name": "night", "classes": ["marketing"], "from": "21:00", "to": "08:00"}
    open_complaint = {"name": "complaint", "when": "count('complaint.opened', '1d') > 0", "classes": ["marketing"]}
    return {
        "schema": 1,
        "kind": "policy",
        "name": "contact",
        "zone": "UTC",
        "purposes": {MARKETING: {"class": "marketing", "basis": "consent"}, SERVICE: {"class": "service", "basis": "contract"}},
        "budgets": budgets,
        **({"quiet_hours": [quiet]} if draw(st.booleans()) else {}),
        **({"suppress": [open_complaint]} if draw(st.booleans()) else {}),
    }


_REACHES: tuple[dict[str, list[str]], ...] = (
    {},
    {"classes": ["marketing"]},
    {"channels": ["email"]},
    {"purposes": [SERVICE]},
    {"journeys": ["growth.recovery.j0"]},
)


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, dict[str, Any]]:
    """An executable program, and the policy it was made from as plain data."""
    policy = draw(policies())
    texts = draw(journeys())
    return program_of(json.dumps(policy), *texts), policy


@lru_cache(maxsize=256)
def program_of(policy: str, *texts: str) -> Program:
    """The program of a policy and journeys; an assertion with the findings if they have errors."""
    return load(plan_of(policy, *texts), ZONES, "test")


def plan_of(policy: str, *texts: str) -> Plan:
    """The plan of a policy and journeys, with the profile and content of the journey tests."""
    report = Report()
    documents: list[Document] = []
    for number, text in enumerate((PROFILE, PLAIN, policy, *texts)):
        document = read_document(text.encode(), f"d{number}.yaml", report)
        assert document is not None, report.findings
        documents.append(document)
    around = Surroundings(
        contracts=tuple(builtin_contracts({contract.event: contract for contract in CONTRACTS}).values()),
        channels={"email": ChannelParts(frozenset({"subject", "text"}), frozenset({"subject", "text", "html", "mjml"}), "email")},
        endpoints=frozenset({"desk"}),
        zones=ZONES.names,
        variables_of=lambda template: set(),
        zones_digest=ZONES.digest,
    )
    plan, findings = compile_plan(documents, around)
    assert plan is not None, [f"{f.path}:{f.line}:{f.column} {f.message}" for f in findings]
    return plan
