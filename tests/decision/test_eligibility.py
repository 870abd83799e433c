"""Whom a purpose is for: its messages reach nobody else, when they are decided and when they are handed over, whatever is unknown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.decision.eligibility import ALLOWED, Refused
from pilotage.event.time import parse_instant_us
from pilotage.journey.difference import PolicyEffect, compare_plans
from pilotage.journey.edges import edges_of
from pilotage.journey.impossible import possible_edges
from pilotage.journey.plan import Plan, encode_plan
from pilotage.journey.program import load
from pilotage.journey.recheck import recheck_action
from tests.journey.company import ACCOUNTS, ROLES, Company
from tests.journey.scenario import DAY, HOUR, PROFILE, ZONES, Subject, compile_documents
from tests.journey.test_accounts import on_account
from tests.journey.test_advance import journey

KNOWN = PROFILE + "  age: {type: integer}\n  born: {type: date}\n"
ADULTS = "age >= 18 and country in ('DE', 'AT')"
RULE = "only:marketing.betting"


def policy(only: str = ADULTS, basis: str = "consent") -> str:
    """A policy with a purpose that is not for everybody; without a condition it is."""
    condition = f', only: "{only}"' if only else ""
    purpose = f"marketing.betting: {{class: marketing, basis: {basis}{condition}}}"
    return f"schema: 1\nkind: policy\nname: regulated\npurposes:\n  {purpose}\n"


def offering(steps: str = "{id: bet, send: email, content: plain, expires: 3d, on_blocked: end}") -> str:
    return journey(steps).replace("purpose: marketing.cart", "purpose: marketing.betting")


def plan_of(*documents: str, profile: str = KNOWN, roles: tuple[str, ...] | None = None) -> Plan:
    return compile_documents(*documents, profile=profile, roles=roles)


def asked(only: str, **known: Any) -> Subject:
    """Somebody of whom this is known, who has agreed and is offered a bet."""
    subject = Subject(plan=plan_of(policy(only), offering()))
    subject.event("customer.signed_up", email="a@example.test").consent("marketing.betting")
    subject.state.attributes = {**subject.state.attributes, **known}
    return subject.event("cart.added", price=1)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"age": 18, "country": "DE"}, ""),
        ({"age": 17, "country": "DE"}, f"only where {ADULTS}"),
        ({"age": 40, "country": "FR"}, f"only where {ADULTS}"),
        ({"age": 17}, f"only where {ADULTS}"),
        ({"age": 18}, f"only where {ADULTS}, which is not known"),
        ({"country": "DE"}, f"only where {ADULTS}, which is not known"),
        ({}, f"only where {ADULTS}, which is not known"),
    ],
)
def test_only_those_whom_a_purpose_is_for_are_sent_to(known: dict[str, Any], reason: str) -> None:
    """A message leaves where the purpose's condition is true; where it is false or not known it is blocked, by the rule's name."""
    subject = asked(ADULTS, **known)
    assert (not reason) == (["bet"] == [action.step for action in subject.actions])
    if reason:
        assert (RULE, reason) == (subject.last("blocked").rule, subject.last("blocked").reason)


def test_consent_does_not_stand_in_for_age() -> None:
    """Where consent is missing that is said first; where it is there, the purpose's condition still counts."""
    subject = Subject(plan=plan_of(policy(), offering())).sign_up().event("cart.added", price=1)
    assert "consent" == subject.last("blocked").rule
    subject.consent("marketing.betting").event("cart.added", price=1)
    assert RULE == subject.last("blocked").rule


def test_an_age_by_date_of_birth_begins_on_the_birthday() -> None:
    """By date of birth a purpose is for somebody from the day of their eighteenth birthday on, by their own calendar."""
    only = "years_between(born, today()) >= 18"
    born = (parse_instant_us("2008-03-03T00:00:00Z")) // DAY
    before = asked(only, born=born, timezone="Europe/Berlin")  # noon of 2 March in UTC
    assert f"only where {only}" == before.last("blocked").reason
    before.event("cart.added", 10 * HOUR, price=1)  # 23:00 in Berlin
    assert (RULE, 2) == (before.last("blocked").rule, len([each for each in before.decisions if each.verb == "blocked"]))
    before.event("cart.added", HOUR, price=1)  # midnight: quiet hours only
    assert "deferred" == before.decisions[-1].verb
    ahead = asked(only, born=born, timezone="Pacific/Auckland")  # 01:00 of 3 March there
    assert "quiet_hours:night" == ahead.last("deferred").rule


def test_what_was_decided_is_asked_again_when_it_is_handed_over() -> None:
    """A message that was decided for somebody whom the purpose is for is refused at hand-over if it is for them no more, or if that
    is not known any more."""
    subject = asked(ADULTS, age=30, country="DE")
    [action] = subject.actions
    assert ALLOWED == recheck_action(subject.program, subject.state, action, subject.now)
    subject.state.attributes["country"] = "US"
    assert Refused(RULE, f"only where {ADULTS}") == recheck_action(subject.program, subject.state, action, subject.now)
    del subject.state.attributes["country"]
    assert Refused(RULE, f"only where {ADULTS}, which is not known") == recheck_action(subject.program, subject.state, action, subject.now)


def test_what_waits_is_decided_anew_by_what_is_so_then() -> None:
    """A message that waits for the morning is blocked then if the customer has moved away meanwhile."""
    subject = asked(ADULTS, age=30, country="DE").event("order.placed", 10 * HOUR)
    subject.event("cart.added", price=1)
    assert "deferred" == subject.decisions[-1].verb
    subject.event("customer.signed_up", email="a@example.test", country="US").wake(DAY)
    assert RULE == subject.last("blocked").rule


def test_a_new_condition_holds_for_what_was_begun_before_it() -> None:
    """Whoever is under way in an earlier version is decided by the policy in force."""
    waiting = offering("{id: rest, wait: {for: 1h}}\n{id: bet, send: email, content: plain, expires: 3d, on_blocked: end}")
    before, after = plan_of(policy(""), waiting), plan_of(policy(), waiting)
    subject = Subject(plan=before).sign_up().consent("marketing.betting").event("cart.added", price=1)
    subject.program = load(after, ZONES, "test", (before,))
    assert RULE == subject.wake(HOUR).last("blocked").rule


def test_people_in_a_role_are_asked_one_by_one() -> None:
    """A message to a role passes over those whom its purpose is not for, and goes to the next of whom it is."""
    send = "{id: bet, send: email, content: plain, to: {role: admin}, expires: 2d, on_blocked: end}"
    sent = on_account(send).replace("purpose: marketing.cart", "purpose: marketing.betting")
    plan = plan_of(policy("country = 'DE'"), sent, profile=KNOWN + ACCOUNTS, roles=ROLES)
    company = Company(program=load(plan, ZONES, "test")).join("ann", "acme", "admin").join("bob", "acme", "admin", HOUR)
    for who, country in (("ann", "US"), ("bob", "DE")):
        company.event(who, "customer.signed_up", email=f"{who}@example.test", country=country)
        company.event(who, "consent.changed", purpose="marketing.betting", channel="email", granted=True)
    company.event("ann", "seat.used")
    assert [company.subject("bob")] == [action.subject for action in company.actions]
    assert RULE == next(each.rule for each in company.decisions[company.subject("ann")] if each.verb == "blocked")


def test_a_plan_without_a_condition_says_nothing_of_it() -> None:
    """A purpose that is for everybody is stored as it was before purposes had conditions; one that is not makes another plan."""
    without, restricted = plan_of(policy(""), offering()), plan_of(policy(), offering())
    assert b"only" not in encode_plan(without)
    assert b"only" in encode_plan(restricted)
    assert without.digest != restricted.digest


def test_a_condition_is_told_as_a_difference_with_its_messages() -> None:
    """A condition that a purpose gets, loses or changes is told, with the messages that it concerns; spelling makes no difference."""
    without, restricted = plan_of(policy(""), offering()), plan_of(policy("age >= 18"), offering())
    found = compare_plans(without, restricted)
    assert [("purpose", "marketing.betting", [("only", "", "age >= 18")])] == [
        (each.kind, each.name, [(field.field, field.old, field.new) for field in each.fields]) for each in found.changes
    ]
    assert (PolicyEffect("only where", "", "age >= 18", ("growth.recovery.cart / bet",)),) == found.effects
    assert compare_plans(restricted, plan_of(policy("18 <= age"), offering())).empty


def test_a_message_that_is_not_for_everybody_can_be_blocked() -> None:
    """The edge of blocked messages counts where the purpose has a condition, even if nothing else can block."""
    push = "{id: bet, send: push, content: ping, expires: 1d, on_blocked: end}"
    ping = "schema: 1\nkind: content\nname: ping\nchannel: push\nsubject: hi\ntext: hi\n"
    for only, possible in (("", False), ("age >= 18", True)):
        plan = plan_of(
            policy(only, "contract").replace("class: marketing", "class: service"), ping, offering(push), journey(PLAIN_STEP, name="b")
        )
        found = next(each for each in plan.journeys if each.name == "growth.recovery.cart")
        blocked = next(edge for edge in edges_of(found) if edge.label == "on_blocked")
        assert possible == (blocked in possible_edges(found, plan.policy))


PLAIN_STEP = "{id: note, send: email, content: plain, expires: 1d, on_blocked: end}"


def test_a_condition_that_cannot_be_read_is_shown_where_it_is_written() -> None:
    """An unknown name in a purpose's condition is a finding at its place."""
    with pytest.raises(AssertionError, match=r"d3\.yaml:5:\d+ there is no attribute agee"):
        plan_of(policy("agee >= 18"), offering())


lives = st.lists(
    st.one_of(
        st.tuples(st.just("known"), st.sampled_from(("age", "country")), st.sampled_from((None, 16, 17, 18, 40, "DE", "AT", "FR"))),
        st.tuples(st.just("offer"), st.sampled_from((0, HOUR, 12 * HOUR)), st.none()),
        st.tuples(st.just("hand over"), st.none(), st.none()),
    ),
    max_size=25,
)
PROGRAM = load(plan_of(policy(), offering()), ZONES, "test")


@given(lives)
def test_nothing_is_decided_or_handed_over_to_whom_it_is_not_for(life: list[tuple[str, Any, Any]]) -> None:
    """Whatever becomes known and unknown in between, each decision to send and each hand-over finds an adult in one of the countries."""
    subject = Subject(program=PROGRAM).event("customer.signed_up", email="a@example.test").consent("marketing.betting")
    for what, first, second in life:
        known = subject.state.attributes
        if what == "known" and (second is None or isinstance(second, int if first == "age" else str)):
            subject.state.attributes = {name: value for name, value in {**known, first: second}.items() if value is not None}
        elif what == "offer":
            before = len(subject.actions)
            subject.event("cart.added", first, price=1)
            assert len(subject.actions) == before or _for_them(known)
        for action in subject.actions if what == "hand over" else ():
            left = recheck_action(subject.program, subject.state, action, subject.now) == ALLOWED
            assert not left or _for_them(known)


def _for_them(known: dict[str, Any]) -> bool:
    return known.get("age", 0) >= 18 and known.get("country") in ("DE", "AT")
