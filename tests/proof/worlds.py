"""Small worlds of journeys to draw, and customers who live in them: what is proved must hold of whoever comes along."""

import json
from typing import Any

from hypothesis import strategies as st

from pilotage.contract.builtin import builtin_contracts
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import Document, read_document
from pilotage.journey.findings import Report
from pilotage.journey.names import ChannelParts, Surroundings
from pilotage.journey.plan import Plan
from tests.journey.scenario import CONTRACTS, PLAIN, PROFILE, ZONES

MARKETING, SERVICE = "marketing.cart", "service.payment"
EVENTS = ("cart.added", "order.placed", "product.viewed")
NAMES = ("growth.recovery.j0", "growth.recovery.j1", "growth.recovery.j2")
CONTENTS = tuple(
    PLAIN.replace("name: plain", f"name: {name}").replace("channel: email", f"channel: {channel}") + more
    for name, channel, more in (
        ("low", "email", "claims: [discount]\n"),
        ("high", "email", "excludes: [discount]\nclaims: [full-price]\n"),
        ("ping", "push", "claims: [discount]\n"),
    )
)

_conditions = st.sampled_from(
    (
        "tier = 'gold'",
        "tier <> 'gold'",
        "tier is null",
        "country in ('DE', 'FR')",
        "country = 'US'",
        "country not in ('DE') and tier = 'gold'",
        "spent > 100",
        "spent <= 100",
        "spent between 50 and 150",
        "upper(country) = 'DE'",
        "length(country) = 2 and tier = 'silver'",
        "not performed('app.opened', '1d')",
    )
)
_spans = st.sampled_from(("10m", "1h", "5h", "1d", "3d"))
_guards = st.builds(
    lambda name, span, inside: f"not in_journey('{name}')" if inside else f"not entered('{name}', '{span}')",
    st.sampled_from(NAMES[:2]),
    _spans,
    st.booleans(),
)
_waits = st.one_of(
    st.builds(lambda span: {"wait": {"for": span}}, _spans),
    st.builds(lambda span: {"wait": {"for": span}}, _spans),
    st.builds(lambda event, span: {"wait": {"until": event, "timeout": span}}, st.sampled_from(EVENTS), _spans),
    st.builds(lambda event, span: {"wait": {"until": event, "timeout": span}, "next": "end"}, st.sampled_from(EVENTS), _spans),
    st.builds(lambda hour: {"wait": {"at": f"{hour:02d}:00"}}, st.sampled_from((9, 12, 18))),
)
_sends = st.builds(
    lambda what, span, failing: {
        "send": "push" if what == "ping" else "email",
        "content": what,
        "expires": span,
        "on_blocked": "end",
        **({"on_failure": "end"} if failing else {}),
    },
    st.sampled_from(("low", "low", "high", "ping")),
    st.sampled_from(("30m", "1d", "3d")),
    st.booleans(),
)
_sets = st.builds(lambda mood: {"set": {"attributes": {"mood": f"'{mood}'"}}}, st.sampled_from(("good", "bad", "bad")))
_branches = st.builds(lambda when: {"branch": [{"when": when, "goto": "end"}]}, st.one_of(_conditions, _guards))
_steps = st.lists(st.one_of(_sends, _waits, _waits, _sets, _branches), min_size=0, max_size=4)
_reentry = st.sampled_from(("never", "never", "always", {"after": "1d"}, {"after": "9d"}))


@st.composite
def journeys(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Two or three journeys, each with a message somewhere."""
    found = []
    common = draw(st.one_of(st.none(), _conditions))
    for name in NAMES[: draw(st.integers(2, 3))]:
        steps = [{"id": f"s{place}", **step} for place, step in enumerate((*draw(_steps), draw(_sends)))]
        for place, step in enumerate(steps):
            if step.get("next") == "end":
                step["on_timeout"] = f"s{place + 1}"
        said = draw(st.lists(st.one_of(_conditions, _guards), max_size=2)) or ([common] if common is not None else [])
        enter: dict[str, Any] = {"on": draw(st.sampled_from(EVENTS)), "reentry": draw(_reentry)}
        if said:
            enter["where"] = " and ".join(f"({each})" for each in said)
        owner = {"responsible": "a", "accountable": "b"}
        purpose = draw(st.sampled_from((MARKETING, SERVICE)))
        head = {"schema": 1, "kind": "journey", "name": name, "owner": owner, "purpose": purpose, "stage": "growth"}
        found.append({**head, "enter": enter, "steps": steps})
    return found


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy, perhaps with budgets, quiet hours and a contact slot."""
    reach = st.sampled_from(({}, {"classes": ["marketing"]}, {"channels": ["email"]}, {"journeys": [NAMES[0], NAMES[1]]}))
    budgets = [
        {"name": f"b{number}", "limit": draw(st.integers(1, 2)), "window": draw(st.sampled_from(("1h", "1d"))), **draw(reach)}
        for number in range(draw(st.integers(0, 2)))
    ]
    quiet = {"name": "night", "classes": ["marketing"], "from": "21:00", "to": "08:00"}
    slot = {"name": "hourly", "length": "1h", "classes": ["marketing"]}
    return {
        "schema": 1,
        "kind": "policy",
        "name": "contact",
        "zone": "UTC",
        "purposes": {MARKETING: {"class": "marketing", "basis": "consent"}, SERVICE: {"class": "service", "basis": "contract"}},
        **({"budgets": budgets} if budgets else {}),
        **({"quiet_hours": [quiet]} if draw(st.booleans()) else {}),
        **({"slots": [slot]} if draw(st.booleans()) else {}),
    }


@st.composite
def worlds(draw: st.DrawFn) -> Plan:
    """A plan of two or three journeys under a policy."""
    return plan_of(json.dumps(draw(policies())), *CONTENTS, *map(json.dumps, draw(journeys())))


customers = st.fixed_dictionaries(
    {}, optional={"tier": st.sampled_from(("gold", "silver")), "country": st.sampled_from(("DE", "FR", "US"))}
)
_gaps = st.sampled_from((0, 1, 10, 30, 39, 60, 61, 180, 300, 720, 1_440, 1_470, 4_320, 12_960))
scripts = st.lists(st.tuples(_gaps, st.sampled_from((*EVENTS, *EVENTS, "app.opened"))), min_size=1, max_size=10)
"""What a customer does: minutes after the last thing, and the event type."""


def plan_of(*texts: str, profile: str = PROFILE, roles: tuple[str, ...] | None = None) -> Plan:
    """The plan of documents, beside the profile and contracts of the journey tests; an assertion with the findings if they are wrong."""
    report = Report()
    documents: list[Document] = []
    for number, text in enumerate((profile, *texts)):
        document = read_document(text.encode(), f"d{number}.yaml", report)
        assert document is not None, report.findings
        documents.append(document)
    parts = frozenset({"subject", "text"})
    around = Surroundings(
        contracts=tuple(builtin_contracts({contract.event: contract for contract in CONTRACTS}, roles).values()),
        channels={"email": ChannelParts(parts, parts, "email"), "push": ChannelParts(parts, parts)},
        endpoints=frozenset({"desk"}),
        zones=ZONES.names,
        variables_of=lambda template: set(),
        zones_digest=ZONES.digest,
    )
    plan, findings = compile_plan(documents, around)
    assert plan is not None, [finding.text for finding in findings]
    return plan
