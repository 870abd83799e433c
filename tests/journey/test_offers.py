"""Messages of journeys on accounts: offered by role, decided by the person's own state, and answered."""

import pytest

from pilotage.event.time import parse_instant_us
from pilotage.journey.program import load
from pilotage.profile.identity import account_of
from tests.journey.company import Company, plan_of
from tests.journey.scenario import DAY, HOUR, MINUTE, ZONES
from tests.journey.test_accounts import REST, on_account
from tests.journey.test_advance import journey

CONTENT = """
schema: 1
kind: content
name: renewal
channel: email
subject: "{{ customer.country }} {{ account.plan }}"
text: "{{ trigger.seats }} {{ journey.n }}"
"""
ASK = "{id: ask, send: email, content: renewal, to: {role: billing}, expires: 2d, on_blocked: nobody"
ENDS = """
{id: done, exit: told}
{id: nobody, exit: nobody told}
"""
BROKEN = "{id: broken, exit: not delivered}"


def renewal(more: str = "", extra: str = "", purpose: str = "marketing.cart") -> str:
    """A journey on accounts that sends one message to whoever has the role billing."""
    steps = f"{{id: count, set: {{variables: {{n: '1'}}}}}}\n{ASK}{more}, next: done}}" + ENDS + (BROKEN if more else "")
    return on_account(steps, "{on: account.updated}", extra).replace("marketing.cart", purpose)


def company(*documents: str, consent: bool = True, **options: object) -> Company:
    """Ann and, later, Bob have the role billing at Acme; both have signed up, and said yes."""
    c = Company(*(documents or (renewal(),)), CONTENT, **options)  # type: ignore[arg-type]
    for who, country in (("ann", "DE"), ("bob", "FR")):
        c.event(who, "customer.signed_up", email=f"{who}@example.test", country=country)
        if consent:
            c.event(who, "consent.changed", purpose="marketing.cart", channel="email", granted=True)
        c.join(who, "acme", "billing", MINUTE)
    return c


def go(c: Company, after: int = 0) -> Company:
    """The event that starts the journey."""
    return c.event("@acme", "account.updated", after, plan="pro", seats=9)


def test_the_person_sends_and_the_account_goes_on() -> None:
    """The message goes to who has had the role longest, with what it reads of person, account, trigger and variables."""
    c = go(company())
    [action] = c.actions
    assert (c.subject("ann"), "ann@example.test", "email") == (action.subject, action.recipient, action.target)
    assert {"customer.country": "DE", "account.plan": "pro", "trigger.seats": 9, "journey.n": 1} == action.variables
    assert ["entered", "set count", "offered ask", "delivered ask", "exited done"] == c.verbs("@acme")
    assert (["sent ask"], []) == (c.verbs("ann"), c.state("ann").entries)


def test_consent_fails_closed_at_the_person() -> None:
    """Without a yes of their own nobody is told, however the account stands, and the account takes its edge."""
    c = go(company(consent=False))
    assert ([], ["blocked ask"], ["blocked ask"]) == (c.actions, c.verbs("ann"), c.verbs("bob"))
    assert ["entered", "set count", "offered ask", "offered ask", "blocked ask", "exited nobody"] == c.verbs("@acme")


def test_the_next_is_asked_when_the_first_is_blocked() -> None:
    """Who has said no is passed over, and the reason is recorded with the next offer."""
    c = company().event("ann", "consent.changed", purpose="marketing.cart", channel="email", granted=False)
    assert ["bob@example.test"] == [each.recipient for each in go(c).actions]
    assert (("consent revoked for marketing.cart on email",), ["blocked ask"]) == (c.decisions[c.subject("@acme")][-3].lost, c.verbs("ann"))


def test_nobody_with_the_role() -> None:
    """An account where nobody has the role takes the edge for blocked messages at once."""
    c = Company(renewal(), CONTENT).join("ann", "acme")
    assert (["entered", "set count", "blocked ask", "exited nobody"], []) == (go(c).verbs("@acme"), c.actions)
    assert "nobody has the role billing" == c.decisions[c.subject("@acme")][-2].reason


def test_the_persons_budget_counts_messages_of_all_their_accounts() -> None:
    """Two messages a week are the person's own limit, whichever account sends them; the third waits, then goes to the next."""
    c = company().join("ann", "zeta", "billing")
    go(c)
    c.event("@zeta", "account.updated", seats=1)
    for account in ("acme", "zeta"):
        assert 1 == len([each for each in c.handed if each.account == account and each.event.type == "candidate.answered"])
    c.event("@zeta", "account.updated", DAY, seats=1)
    assert 2 == len(c.actions)


def test_quiet_hours_are_the_persons() -> None:
    """At night the candidate waits in the person's state, and the account with it, until the person's morning."""
    c = go(company(), 10 * HOUR)
    assert ([], ["offered ask"], ["deferred ask"]) == (c.actions, c.verbs("@acme")[-1:], c.verbs("ann"))
    assert 1 == len(c.state("ann").entries)
    c.wake(12 * HOUR)
    assert (1, ["delivered ask", "exited done"]) == (len(c.actions), c.verbs("@acme")[-2:])


def test_failure_comes_back() -> None:
    """With an edge for failure the account waits for the person's receipt, and takes the edge that it asks for."""
    for receipt, last in (("message.sent", "exited done"), ("message.failed", "exited broken"), ("message.refused", "exited done")):
        c = go(company(renewal(", on_failure: broken")))
        assert ["offered ask"] == c.verbs("@acme")[-1:]
        c.receipt(receipt, reason="no such mailbox")
        if receipt == "message.refused":  # by the last look before Ann's leaves: then Bob is asked
            c.receipt("message.sent")
        assert last == c.verbs("@acme")[-1]


def test_an_offer_is_withdrawn_when_its_entry_ends() -> None:
    """When the account's entry ends by an exit rule, a candidate that waits at the person goes with it."""
    extra = "exit: [{when: \"count('seat.used', '7d') > 0\", reason: used}]"
    c = go(company(renewal(extra=extra)), 10 * HOUR).event("bob", "seat.used")
    assert (["exited ask"], [], []) == (c.verbs("@acme")[-1:], c.state("ann").entries, c.wake(DAY).actions)


def test_a_message_on_its_way_is_cancelled_with_the_offer() -> None:
    """A message that was decided and has not left is cancelled, and no other account's."""
    extra = "exit: [{when: \"count('seat.used', '7d') > 0\", reason: used}]"
    c = company(renewal(", on_failure: broken", extra=extra)).join("ann", "zeta", "billing")
    go(c).event("@zeta", "account.updated", seats=1).event("bob", "seat.used")
    assert [c.actions[0].effect] == c.cancelled


def test_versions_that_a_person_does_not_know_yet_are_offered_again() -> None:
    """A process that is behind with a release answers later, and is asked again a minute on."""
    c = company()
    new = c.program
    c.program = load(plan_of(journey(REST)), ZONES, "test")
    behind = c.program
    c.program = new
    advance_with = c._advance

    def stale(subject: bytes, event: object) -> object:
        c.program = behind if account_of(event) == "" and getattr(event, "type", "") == "candidate.offered" else new  # type: ignore[arg-type]
        return advance_with(subject, event)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c, "_advance", stale)
        go(c)
    c.program = new
    assert ([], ["offered ask", "deferred ask"]) == (c.actions, c.verbs("@acme")[-2:])
    c.wake(MINUTE)
    assert (["ann@example.test"], "exited done") == ([each.recipient for each in c.actions], c.verbs("@acme")[-1])


def test_a_person_who_left_is_not_asked() -> None:
    """Roles are looked at when the message is offered, not when the entry began."""
    c = company().event("ann", "account.left", account="acme")
    assert ["bob@example.test"] == [each.recipient for each in go(c).actions]


def test_an_offer_ends_with_the_rights_of_what_it_shows() -> None:
    """A message to somebody at an account expires with the rights of an asset that it shows; when they have ended it is not offered."""
    hero = "schema: 1\nkind: asset\nname: hero\nurl: https://cdn.example/hero.jpg\nrights: {until: 2026-03-03T12:00Z}\n"
    shown = CONTENT.replace("{{ journey.n }}", "{{ journey.n }} {{ asset.hero.url }}")
    c = Company(renewal(), shown, hero)
    c.event("ann", "customer.signed_up", email="ann@example.test", country="DE")
    c.event("ann", "consent.changed", purpose="marketing.cart", channel="email", granted=True)
    c.join("ann", "acme", "billing", MINUTE)
    (action,) = [each for each in go(c).actions if each.kind == "send"]
    assert parse_instant_us("2026-03-03T12:00:00Z") == action.expires_us
    late = Company(renewal(), shown, hero)
    late.join("ann", "acme", "billing", MINUTE)
    go(late, 2 * DAY)
    assert ["the rights of hero have ended"] == [each.reason for each in late.decisions[late.subject("@acme")] if each.verb == "blocked"]
