"""Accounts: who belongs to them, what persons hand over to them, and journeys, audiences and features on them."""

from pilotage.journey.advance import advance
from pilotage.journey.plan import encode_plan
from pilotage.journey.program import load
from pilotage.predicate.ir import Type
from pilotage.profile.state import State, Ties, encode_state
from tests.journey.company import ROLES, Company, plan_of
from tests.journey.scenario import DAY, HOUR, START, ZONES, compile_documents
from tests.journey.test_advance import journey

REST = "{id: rest, wait: {for: 2d}}"


def on_account(steps: str = REST, enter: str = "{on: seat.used}", extra: str = "") -> str:
    """A journey on accounts."""
    return journey(steps, enter, "subject: account\n" + extra)


def test_an_account_counts_what_its_members_do() -> None:
    """Conditions of a journey on accounts read the account's own state, which members' events are handed over to."""
    extra = "exit: [{when: \"count('seat.used', '30d') >= 3\", reason: busy}]"
    c = Company(on_account(extra=extra)).join("ann", "acme").join("bob", "acme").join("eve", "other")
    c.event("ann", "seat.used", HOUR).event("eve", "seat.used").event("bob", "seat.used", HOUR)
    assert (["entered", "waited rest"], 1) == (c.verbs("@acme"), len(c.state("@other").entries))
    assert ["entered", "waited rest", "exited rest"] == c.event("bob", "seat.used").verbs("@acme")
    assert [] == c.state("ann").entries


def test_only_what_something_on_accounts_takes_is_handed_over() -> None:
    """Events that no account journey, audience, feature or attribute takes stay with the person."""
    c = Company(on_account()).join("ann", "acme").event("ann", "app.opened").event("ann", "cart.added", product="x", price=1)
    assert ["member.joined"] == [each.event.type for each in c.handed]
    assert ["member.joined", "seat.used", "customer.signed_up"] == [
        each.event.type for each in c.event("ann", "seat.used").event("ann", "customer.signed_up", country="DE").handed
    ]
    assert {"country": "DE"} == c.state("@acme").attributes


def test_whoever_belongs_to_no_account_hands_nothing_over() -> None:
    """Before joining, after leaving and without ever joining, a person's events are its own."""
    c = Company(on_account()).event("ann", "seat.used").join("ann", "acme").event("ann", "seat.used")
    c.event("ann", "account.left", account="acme").event("ann", "seat.used").event("bob", "seat.used")
    assert ["member.joined", "seat.used", "member.left"] == [each.event.type for each in c.handed]


def test_a_person_may_belong_to_several_accounts_in_several_roles() -> None:
    """Each account gets an event of its own, and knows who has which role since when."""
    c = (
        Company(on_account())
        .join("ann", "acme", "admin")
        .join("ann", "acme", "billing", DAY)
        .join("ann", "zeta")
        .join("bob", "acme", "admin")
    )
    assert {"acme": ["admin", "billing"], "zeta": []} == c.state("ann").ties.accounts  # type: ignore[union-attr]
    ann, bob = c.subject("ann").hex(), c.subject("bob").hex()
    assert Ties("acme", {}, {"admin": {ann: START, bob: START + DAY}, "billing": {ann: START + DAY}}) == c.state("@acme").ties
    before = len(c.handed)
    c.event("ann", "seat.used")
    assert ["acme", "zeta"] == [each.account for each in c.handed[before:]]
    assert 2 == len({each.event.id for each in c.handed[before:]})


def test_leaving_a_role_and_leaving_an_account() -> None:
    """Who gives up a role stays a member; who leaves has no role any more."""
    c = Company(on_account()).join("ann", "acme", "admin").join("ann", "acme", "billing")
    c.event("ann", "account.left", account="acme", role="billing")
    assert ({"acme": ["admin"]}, ["admin"]) == (c.state("ann").ties.accounts, sorted(c.state("@acme").ties.roles))  # type: ignore[union-attr]
    c.event("ann", "account.left", account="acme")
    assert ({}, {}) == (c.state("ann").ties.accounts, c.state("@acme").ties.roles)  # type: ignore[union-attr]


def test_a_group_call_joins_an_account() -> None:
    """The Segment spec's group, with a role among its traits, says the same as account.joined."""
    c = Company(on_account()).event("ann", "customer.grouped", group_id="acme", role="billing", name="Acme")
    assert {"billing": {c.subject("ann").hex(): START}} == c.state("@acme").ties.roles  # type: ignore[union-attr]


def test_an_account_has_events_of_its_own() -> None:
    """An event that names an account and no person is the account's; attributes and journeys on accounts take it."""
    c = Company(on_account(enter="{on: account.updated, where: \"plan = 'pro'\"}")).event("@acme", "account.updated", plan="pro", seats=5)
    assert ({"plan": "pro", "seats": 5}, ["entered", "waited rest"]) == (c.state("@acme").attributes, c.verbs("@acme"))
    assert [] == c.handed


def test_members_start_journeys_on_accounts() -> None:
    """That somebody joined is an event of the account, with the role taken on."""
    c = Company(on_account(enter="{on: member.joined, where: \"trigger.role = 'admin'\"}")).join("ann", "acme").join("ann", "acme", "admin")
    assert ["entered", "waited rest"] == c.verbs("@acme")


def test_audiences_of_accounts_are_told_from_those_of_persons() -> None:
    """An account is in audiences of accounts only, a person in those of persons only, and each counts its own events."""
    audience = "schema: 1\nkind: audience\nname: {}\n{}owner: x\nwhen: \"count('seat.used', '7d') >= 2\""
    c = Company(on_account(), audience.format("keen", ""), audience.format("active", "subject: account\n"))
    c.join("ann", "acme").join("bob", "acme").event("ann", "seat.used").event("bob", "seat.used").event("bob", "seat.used")
    found = [sorted(c.state(who).audiences) for who in ("ann", "bob", "@acme")]
    assert [[], ["keen"], ["active"]] == found
    c.wake(8 * DAY)
    assert [[], [], []] == [sorted(c.state(who).audiences) for who in ("ann", "bob", "@acme")]


def test_an_event_emitted_by_a_persons_journey_is_handed_over_too() -> None:
    """What a journey emits about a person is an event like any other."""
    emit = "{id: tell, emit: {event: seat.used, data: {feature: \"'x'\"}}}"
    c = Company(on_account(), journey(emit, "{on: app.opened}", name="tell"))
    c.join("ann", "acme").event("ann", "app.opened")
    assert ["entered", "waited rest"] == c.verbs("@acme")


def test_a_plan_without_accounts_is_as_it_was() -> None:
    """Without accounts plans, journeys and states have the bytes they had: no new field is in them."""
    plan = compile_documents(journey(REST))
    assert b"accounts" not in encode_plan(plan)
    assert load(plan, ZONES, "test").accounts is None
    assert b"\xdc\x00\x10" == encode_state(State(b"\x01" * 16))[:3]


def test_features_of_accounts_are_kept_apart() -> None:
    """What only accounts count is no feature of persons, and the other way round."""
    plan = plan_of(
        on_account(extra="exit: [{when: \"count('seat.used', '30d') >= 3\", reason: busy}]"),
        journey(REST, "{on: app.opened}", name="opened"),
    )
    assert plan.accounts is not None
    assert (ROLES, ["seat.used"], False) == (
        plan.accounts.roles,
        [f.event for f in plan.accounts.features],
        any(f.event == "seat.used" for f in plan.features),
    )
    assert {"plan": Type.STRING, "seats": Type.INTEGER, "country": Type.STRING} == {
        each.name: each.type for each in plan.accounts.attributes
    }


def test_a_deterministic_outcome() -> None:
    """The same event handed the same state gives the same parcels, byte for byte."""
    c = Company(on_account()).join("ann", "acme").join("ann", "zeta")
    event = c.handed[0].event
    state = c.state("ann")
    again = [advance(c.program, state, event, c.now) for _ in range(2)]
    assert again[0] == again[1]
