"""Journeys on accounts: somebody is made up who belongs to one, in the roles that messages go to, and the account with them."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.app.asking import Question
from pilotage.app.proving import CONFLICT, CONSENT, REACH, SUBSUMPTION, evidence_of, shown
from pilotage.journey.plan import Plan
from pilotage.journey.program import load
from pilotage.proof.conflict import CHANNEL, CLAIMS, Conflicts
from pilotage.proof.enactment import enact
from pilotage.proof.migration import migration_proofs
from pilotage.proof.outcome import Bounds, Happening, Membership, Proof, Scenario, Verdict
from tests.journey.company import ACCOUNTS, ROLES
from tests.journey.scenario import MINUTE, PROFILE, START, ZONES
from tests.proof.planted import NAMES, journey, policy, send, wait
from tests.proof.test_soundness import BOUNDS, collided
from tests.proof.worlds import CONTENTS, MARKETING, plan_of

ASKED = Question(workers=1)
OTHERS = journey(NAMES[2], [send("ping"), send("high"), send()], on="app.opened")


def told(content: str = "low", role: str = "admin") -> dict[str, Any]:
    """A message to somebody at an account."""
    return {**send(content), "to": {"role": role}}


def on_accounts(name: str, steps: list[dict[str, Any]], purpose: str = MARKETING, **enter: Any) -> str:
    """A journey on accounts."""
    raw = json.loads(journey(name, steps, purpose, **{"on": "seat.used", **enter}))
    return json.dumps({**raw, "subject": "account"})


def world(*texts: str, rules: str = "") -> Plan:
    """A plan of journeys on persons and accounts."""
    return plan_of(rules or policy(), *CONTENTS, *texts, profile=PROFILE + ACCOUNTS, roles=ROLES)


def answers(plan: Plan, question: str, kind: str = "", name: str = "") -> list[Proof]:
    """The answers to a question; every witness is enacted again and told."""
    evidence, _ = evidence_of(plan, ZONES, Question(name, workers=1), (question,))
    for proof in evidence.witnesses:
        assert shown(plan, ZONES, Bounds(), proof).story.timeline
    return [proof for proof in evidence.proofs if kind in ("", proof.kind)]


def test_a_person_and_their_account_are_told_at_once() -> None:
    """A journey on persons and one on accounts that collide for somebody are shown by who belongs to the account, and the story says so;
    with a budget for both it is proved that they do not."""
    texts = (
        on_accounts(NAMES[0], [wait("1h"), told()], where="plan = 'pro' and seats > 3"),
        journey(NAMES[1], [send("high")], MARKETING, where="tier = 'gold'"),
        OTHERS,
    )
    [found] = [proof for proof in answers(world(*texts), CONFLICT, CHANNEL) if proof.journeys == NAMES[:2]]
    assert Verdict.WITNESS == found.verdict
    assert found.witness is not None and found.witness.scenario.account is not None
    story = shown(world(*texts), ZONES, Bounds(), found).story
    assert "of Acme (plan pro, seats 4), admin there, receives two e-mails" in story.text
    assert any("Acme: seat.used" in line for line in story.timeline)
    budget = {"name": "apart", "limit": 1, "window": "40m", "journeys": list(NAMES[:2])}
    kept = answers(world(*texts, rules=policy(budgets=[budget])), CONFLICT, CHANNEL)
    assert {Verdict.PROVED} == {proof.verdict for proof in kept if proof.journeys == NAMES[:2]}


def test_two_journeys_on_accounts_collide_for_who_has_both_roles() -> None:
    """Messages of two journeys on accounts to different roles meet at somebody who has both; one may begin when somebody joins, or with an
    audience of accounts."""
    audience = json.dumps({"schema": 1, "kind": "audience", "name": "large", "subject": "account", "when": "seats > 10"})
    first = on_accounts(NAMES[0], [told()], on="member.joined")
    second = on_accounts(NAMES[1], [told("high", "billing")], on="audience.entered", where="trigger.audience = 'large'")
    found = {proof.kind: proof for proof in answers(world(first, second, audience, OTHERS), CONFLICT) if proof.journeys == NAMES[:2]}
    for kind in (CHANNEL, CLAIMS):
        assert Verdict.WITNESS == found[kind].verdict, found[kind]


def test_pressure_by_an_account_is_counted() -> None:
    """Messages that an account offers count as candidates of who gets them."""
    six = [step for _ in range(6) for step in (told(), wait("1h"))]
    found = answers(world(on_accounts(NAMES[0], six), OTHERS), CONFLICT, "pressure", NAMES[0])
    assert [Verdict.WITNESS] == [proof.verdict for proof in found if proof.journeys == NAMES[:1]]


def test_consent_and_reach_are_asked_of_journeys_on_accounts() -> None:
    """Marketing to somebody at an account that rests on no consent is shown; steps of such journeys are reached by an account made up for
    them, and what no account can come to is named."""
    rules = policy().replace('"class": "marketing", "basis": "consent"', '"class": "marketing", "basis": "legitimate_interest"')
    asked = on_accounts(NAMES[0], [told()])
    assert [Verdict.WITNESS] == [proof.verdict for proof in answers(world(asked, OTHERS, rules=rules), CONSENT, "unasked", NAMES[0])]
    assert [Verdict.PROVED] == [proof.verdict for proof in answers(world(asked, OTHERS), CONSENT, "unasked", NAMES[0])]
    branch = {"branch": [{"when": "seats > 5", "goto": "s2"}], "next": "s3"}
    steps = [wait("1h"), branch, told(), {"exit": "done"}]
    found = answers(world(on_accounts(NAMES[0], steps), OTHERS), REACH, "step", NAMES[0])
    assert [(Verdict.PROVED, "4 steps")] == [(proof.verdict, proof.about) for proof in found]
    dead = on_accounts(NAMES[0], steps, where="seats < 3")
    assert (Verdict.NEVER, "s2") in [(proof.verdict, proof.about) for proof in answers(world(dead, OTHERS), REACH, "step", NAMES[0])]


def test_audiences_and_entrances_of_accounts_are_compared_with_each_other() -> None:
    """Audiences of accounts are compared among themselves, by what is known of accounts, and so are the entrances of journeys on them."""
    audiences = [
        json.dumps({"schema": 1, "kind": "audience", "name": name, "subject": "account", "when": when})
        for name, when in (("large", "seats > 10"), ("larger", "seats > 20"))
    ]
    one = on_accounts(NAMES[0], [told()], where="in_audience('larger')")
    other = on_accounts(NAMES[1], [told("high")], where="seats > 10")
    found = {proof.journeys: proof for proof in answers(world(one, other, *audiences, OTHERS), SUBSUMPTION)}
    assert Verdict.NEVER == found["large", "larger"].verdict
    assert "nobody is in larger and not in large" == found["large", "larger"].reason
    assert f"nobody is in {NAMES[0]} and not in {NAMES[1]}" == found[NAMES[:2]].reason


def test_a_takeover_on_accounts_is_shown_by_an_account() -> None:
    """A faulty map of a journey on accounts is shown by an account that rests where it is at fault; a sound one is proved."""
    before = world(on_accounts(NAMES[0], [wait("2d"), told()]), OTHERS)
    vip = {"branch": [{"when": "plan = 'pro'", "goto": "s3"}], "next": "end"}
    for to, verdict in (("s3", Verdict.WITNESS), ("s2", Verdict.PROVED)):
        raw = json.loads(on_accounts(NAMES[0], [wait("2d"), {**wait("3d"), "next": "s2"}, vip, told()]))
        ways = {"s0": to, "s1": "exit"}
        after = world(json.dumps({**raw, "in_flight": {"migrate": {"from": "any", "steps": ways}}}), OTHERS)
        found = [proof.verdict for proof in migration_proofs([before], after, ZONES, Bounds()) if proof.kind == "branch"]
        assert [verdict] == found


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 1 << 40))
def test_what_is_proved_of_accounts_never_happens(seed: int) -> None:
    """Whatever a journey on accounts and one on persons, or two on accounts, are proved never to do to one customer, nobody who belongs to
    an account meets it, whatever they and the account do."""
    rng = random.Random(seed)
    conditions = ("plan = 'pro'", "seats > 3", "seats <= 3", "plan <> 'pro' and seats > 1")
    texts = []
    for name, of_account in zip(NAMES[:2], rng.choice(((True, False), (True, True))), strict=True):
        where = {"where": rng.choice(conditions if of_account else ("tier = 'gold'", "country = 'DE'"))} if rng.random() < 0.6 else {}
        on = rng.choice(("seat.used", "account.updated") if of_account else ("cart.added", "seat.used"))
        content, pause = rng.choice(("low", "high", "ping")), wait(rng.choice(("10m", "1h", "1d")))
        message = told(content, rng.choice(ROLES)) if of_account else send(content)
        steps = [pause, message] if rng.random() < 0.7 else [message, pause, message]
        make = on_accounts if of_account else journey
        reentry = rng.choice(("never", "always"))
        texts.append(make(name, steps, MARKETING, on=on, reentry=reentry, **where))
    budgets = [{"name": "b", "limit": 1, "window": rng.choice(("1h", "1d"))}] if rng.random() < 0.5 else []
    plan = world(*texts, OTHERS, rules=policy(budgets=budgets))
    conflicts, program = Conflicts(plan, ZONES, BOUNDS), load(plan, ZONES, "test")
    proofs = [proof for proof in conflicts.pair(*NAMES[:2]) if proof.verdict is Verdict.PROVED]
    for _ in range(8):
        at_us, events = START, []
        for _ in range(rng.randrange(1, 9)):
            at_us += rng.choice((0, 1, 10, 60, 70, 1_440)) * MINUTE
            of_account = rng.random() < 0.4
            kind = rng.choice(("seat.used", "account.updated") if of_account else ("cart.added", "seat.used"))
            events.append(Happening(at_us, kind, {}, of_account))
        office = Membership(
            "Acme", tuple(role for role in ROLES if rng.random() < 0.8), {"plan": rng.choice(("pro", "team")), "seats": rng.choice((2, 5))}
        )
        known = {"email": "a@example.test", "tier": "gold", "country": rng.choice(("DE", "FR"))}
        consents = (f"{MARKETING}|email", f"{MARKETING}|push")
        scenario = Scenario(NAMES[:2], START, at_us + 9 * 1_440 * MINUTE, known, consents, tuple(events), account=office)
        decisions = [each for each in enact(program, scenario).decisions if each.journey in NAMES[:2]]
        for proof in proofs:
            assert proof.kind == "attribute" or not collided(plan, proof, decisions), (proof, scenario)
