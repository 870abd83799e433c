"""Purposes that are not for everybody: who walks to what they may not have, and whom nothing keeps it from."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.app.asking import Question
from pilotage.app.proving import POLICY, evidence_of, shown
from pilotage.event.time import moment
from pilotage.journey.outcome import Decision
from pilotage.journey.plan import Plan, Send
from pilotage.journey.program import load
from pilotage.proof.conflict import Conflicts
from pilotage.proof.enactment import enact
from pilotage.proof.outcome import Bounds, Happening, Proof, Scenario, Verdict
from pilotage.proof.policy import BARRED, ELSEWHERE, HANDED, NOBODY, SERVED
from pilotage.proof.restriction import Exclusions, restrictions_of
from tests.journey.company import ACCOUNTS, ROLES
from tests.journey.scenario import MINUTE, PROFILE, START, ZONES, compile_documents
from tests.journey.test_accounts import on_account
from tests.proof.planted import NAMES, journey, send, wait
from tests.proof.worlds import CONTENTS, EVENTS, MARKETING, SERVICE, plan_of, scripts

BETTING, WINE = "marketing.betting", "marketing.wine"
KNOWN = PROFILE + "  age: {type: integer}\n  born: {type: date}\n  vip: {type: boolean}\n"
ADULTS = "age >= 18 and country in ('DE', 'AT')"
GROWN = "years_between(born, today()) >= 18"
ASKED = Question(workers=1)
TOLD = journey(NAMES[2], [send("ping"), send("high")], on="app.opened")


def policy(only: str = ADULTS, **more: Any) -> str:
    """A policy with a purpose that is for some people only."""
    purposes = {
        BETTING: {"class": "marketing", "basis": "consent", "only": only},
        MARKETING: {"class": "marketing", "basis": "consent"},
        SERVICE: {"class": "service", "basis": "contract"},
        **more.pop("purposes", {}),
    }
    return json.dumps({"schema": 1, "kind": "policy", "name": "contact", "zone": "UTC", "purposes": purposes, **more})


def betting(*steps: dict[str, Any], name: str = NAMES[0], purpose: str = BETTING, **enter: Any) -> str:
    return journey(name, list(steps) or [send()], purpose, **enter)


def world(*texts: str, rules: str = "") -> Plan:
    return plan_of(rules or policy(), *CONTENTS, *texts, profile=KNOWN)


def answers(plan: Plan) -> tuple[Proof, ...]:
    return evidence_of(plan, ZONES, ASKED, (POLICY,))[0].proofs


def told(plan: Plan) -> dict[str, str]:
    """The verdicts by kind and what each is about; whoever is shown is enacted once more."""
    found = answers(plan)
    for proof in found:
        if proof.witness is not None:
            assert shown(plan, ZONES, Bounds(), proof).story.timeline
    return {f"{proof.kind} {proof.about}": proof.verdict.value for proof in found}


def kept(plan: Plan, step: str) -> bool:
    """Whether it is proved of the first journey that nobody comes to a step who must not; nobody is looked for."""
    conflicts = Conflicts(plan, ZONES)
    exclusions = Exclusions(conflicts.setting, ZONES)
    return exclusions.own(conflicts.footprint(NAMES[0]), step, restrictions_of(plan.policy)[BETTING]) is not None


def test_a_plan_without_such_purposes_is_asked_nothing() -> None:
    """Where every purpose is for everybody there is no question."""
    purposes = {BETTING: {"class": "marketing", "basis": "consent"}}
    assert () == answers(world(betting(), TOLD, rules=policy(purposes=purposes)))


def test_whoever_relies_on_the_block_alone_is_told_so() -> None:
    """A journey without a condition leads people to a message that can only be refused; the same with one is proved not to, by the
    condition's name, and both are proved to reach nobody else."""
    served, barred = answers(world(betting(), TOLD))
    assert (SERVED, Verdict.PROVED, "s0") == (served.kind, served.verdict, served.about)
    assert f"{BETTING} leaves only where {ADULTS}" in served.reason
    assert (BARRED, Verdict.WITNESS) == (barred.kind, barred.verdict)
    assert barred.reason.endswith(f"not known to meet {ADULTS}, and they end there")
    story = shown(world(betting(), TOLD), ZONES, Bounds(), barred).story
    assert "A customer in UTC (age 17)" == story.who
    assert any(f"blocked: only where {ADULTS}" in line and line.endswith("←") for line in story.timeline)
    _, kept = answers(world(betting(where="age between 21 and 30 and country = 'DE'"), TOLD))
    assert (Verdict.PROVED, "nobody else can come to it: age between 21 and 30 and country = 'DE'") == (kept.verdict, kept.reason)


def test_where_those_who_are_refused_go_is_told() -> None:
    """Whoever is refused and goes on to another step is told apart from whoever ends there."""
    _, barred = answers(world(betting({**send(), "on_blocked": "s1"}, {"exit": "other"}), TOLD))
    assert barred.reason.endswith("and they go on to s1")


def test_what_is_not_known_is_no() -> None:
    """A condition that lets in whoever is of unknown age does not keep them out, and the one found is of unknown age."""
    plan = world(betting(where="country = 'DE' and (age >= 18 or age is null)"), TOLD)
    _, barred = answers(plan)
    assert Verdict.WITNESS == barred.verdict
    found = shown(plan, ZONES, Bounds(), barred)
    assert found.proof.witness is not None
    assert "age" not in found.proof.witness.scenario.attributes
    assert any("which is not known" in line for line in found.story.timeline)


def test_ages_by_date_of_birth_pass() -> None:
    """Whoever was of age at the entrance is so for ever; whoever will be later is shown if they come too early."""
    days = wait("3d")
    assert (
        "proved" == told(world(betting(days, send(), where="years_between(born, today()) >= 18"), TOLD, rules=policy(GROWN)))["barred s1"]
    )
    assert "proved" == told(world(betting(days, send(), where="add_months(born, 252) < today()"), TOLD, rules=policy(GROWN)))["barred s1"]
    leap = world(betting(days, send(), where="add_months(born, 216) <= today()"), TOLD, rules=policy(GROWN))
    assert not kept(leap, "s1")  # whoever is born on 29 February comes a day too early
    plan = world(betting(days, send(), where="years_between(born, today()) >= 16"), TOLD, rules=policy(GROWN))
    assert "witness" == told(plan)["barred s1"]
    young = world(betting(days, send(), where="years_between(born, today()) < 30"), TOLD, rules=policy("years_between(born, today()) < 30"))
    assert not kept(young, "s1")  # whoever was younger may be older by then


def test_what_a_step_sets_does_not_stay() -> None:
    """A condition asked at the entrance says nothing of what a step has set since; asked right before the message it does."""
    rules = policy("mood = 'good'")
    sets = {"set": {"attributes": {"mood": "'bad'"}}}
    assert "proved" == told(world(betting(where="mood = 'good'"), TOLD, rules=rules))["barred s0"]
    assert "witness" == told(world(betting(sets, send(), where="mood = 'good'"), TOLD, rules=rules))["barred s1"]
    later = betting(wait("1h"), send(), where="mood = 'good'")
    other = journey(NAMES[1], [sets, send("high")], on="product.viewed")
    assert "proved" != told(world(later, other, TOLD, rules=rules))["barred s1"]
    branch = {"branch": [{"when": "mood = 'good'", "goto": "s2"}], "next": "end"}
    assert "proved" == told(world(betting(wait("1h"), branch, send()), other, TOLD, rules=rules))["barred s2"]


def test_audiences_stand_for_what_they_say() -> None:
    """A purpose for an audience is kept by its definition, and one for a definition by its audience."""
    adults = json.dumps({"schema": 1, "kind": "audience", "name": "adults", "owner": {"responsible": "a"}, "when": "age >= 18"})
    for only, where in (("in_audience('adults')", "age >= 21"), ("age >= 18", "in_audience('adults')")):
        found = told(world(betting(wait("1h"), send(), where=where), TOLD, adults, rules=policy(only)))
        assert "proved" == found["barred s1"]
    assert "witness" == told(world(betting(where="age >= 17"), TOLD, adults, rules=policy("in_audience('adults')")))["barred s0"]


def test_a_content_that_leaves_for_another_purpose_too_is_shown() -> None:
    """A content of such a purpose that another journey sends for a purpose without the condition reaches whom it must not; it does not
    where that journey, its purpose or a suppression keeps them out."""
    other = betting(send(), name=NAMES[1], purpose=MARKETING, on="product.viewed")
    about = f"elsewhere s0 as {BETTING}"
    mine = betting(where="age >= 21 and country = 'DE'")
    assert "witness" == told(world(mine, other, TOLD))[about]
    assert about not in told(world(mine, other.replace('"low"', '"high"'), TOLD))
    careful = betting(send(), name=NAMES[1], purpose=MARKETING, on="product.viewed", where="age > 17 and country = 'AT'")
    assert "proved" == told(world(mine, careful, TOLD))[about]
    stricter = {WINE: {"class": "marketing", "basis": "consent", "only": "age >= 21 and country in ('AT', 'DE')"}}
    wine = betting(send(), name=NAMES[1], purpose=WINE, on="product.viewed")
    found = told(world(mine, wine, TOLD, rules=policy(purposes=stricter)))
    assert ("proved", "proved") == (found[about], found[f"elsewhere s0 as {WINE}"])
    minors = {"name": "minors", "when": "age < 18 or country not in ('DE', 'AT')", "classes": ["marketing"]}
    assert "proved" == told(world(mine, other, TOLD, rules=policy(suppress=[minors])))[about]


def test_tasks_and_calls_are_refused_by_nothing() -> None:
    """A task or a call of a journey for such a purpose is shown where somebody comes to it who must not, and proved where none does."""
    task = {"task": "Ring them", "team": "desk", "outcomes": {"done": "s1"}, "sla": "1d", "on_timeout": "end"}
    call = {"call": "desk", "data": {"age": "age"}}
    found = told(world(betting(task, call, send()), TOLD))
    assert ("witness", "witness", "witness") == (found["handed s0"], found["handed s1"], found["barred s2"])
    found = told(world(betting(task, call, send(), where="age >= 18 and country = 'DE'"), TOLD))
    assert {"proved"} == set(found.values())


def test_whoever_has_a_role_may_be_anybody() -> None:
    """A message of an account's journey to a role is asked of each person: somebody whom it is not for is offered it and refused; sent for
    another purpose it reaches them."""
    bet = "{id: bet, send: email, content: plain, to: {role: admin}, expires: 2d, on_blocked: end}"
    mine = on_account(bet).replace("purpose: marketing.cart", f"purpose: {BETTING}")
    other = on_account(bet).replace("growth.recovery.cart", "growth.recovery.other")
    rules = f"schema: 1\nkind: policy\nname: regulated\npurposes:\n  {BETTING}: {{class: marketing, basis: consent, only: age >= 18}}\n"
    found = told(compile_documents(rules, mine, other, profile=KNOWN + ACCOUNTS, roles=ROLES))
    assert {"served bet": "proved", "barred bet": "witness", f"elsewhere bet as {BETTING}": "witness"} == found


def test_a_purpose_that_is_for_nobody_is_named() -> None:
    """A condition that is never true leaves nobody to send to."""
    found = next(proof for proof in answers(world(betting(), TOLD, rules=policy("age >= 18 and age < 3"))) if proof.kind == NOBODY)
    assert (Verdict.NEVER, BETTING) == (found.verdict, found.about)


def by_entrance(number: int, planted: bool) -> tuple[Plan, str]:
    """The entrance asks for an age that is a year too low, or just enough."""
    age = 18 + number
    where = f"age {'>=' if planted else '>'} {age - 1} and country in ('DE', 'AT')"
    return world(betting(wait(f"{number + 1}h"), send(), where=where), TOLD, rules=policy(f"age >= {age} and country <> 'US'")), BARRED


def by_birthday(number: int, planted: bool) -> tuple[Plan, str]:
    """The way to the message takes as many days as somebody can be too young at the entrance, or some are too young still."""
    age = 17 if planted else 18 + number
    where = f"years_between(born, today()) >= {age}" if number % 2 else f"add_months(born, {12 * (age + 1 - planted)}) <= today()"
    return world(betting(wait("2d"), send(), where=where), TOLD, rules=policy(GROWN)), BARRED


def by_branch(number: int, planted: bool) -> tuple[Plan, str]:
    """A branch keeps others out of one way; another way leads to the message too, or does not."""
    branch = {"branch": [{"when": f"not (age < {18 + number}) and country = 'DE'", "goto": "s3"}], "next": "s2"}
    rest = {"wait": {"until": "order.placed", "timeout": "1d"}, "next": "s3" if planted else "end", "on_timeout": "end"}
    return world(betting(wait("1h"), branch, rest, send()), TOLD), BARRED


def by_content(number: int, planted: bool) -> tuple[Plan, str]:
    """Another journey sends the content for another purpose, to some who may not have it, or under conditions of its own."""
    where = f"age >= {18 + number}" + ("" if planted else " and country = 'AT'")
    other = betting(wait("2h"), send(), name=NAMES[1], purpose=MARKETING, on="product.viewed", where=where)
    return world(betting(where="age >= 40 and country = 'DE'"), other, TOLD), ELSEWHERE


def by_task(number: int, planted: bool) -> tuple[Plan, str]:
    """A task for people comes before or behind the question who the customer is."""
    done = "s2" if planted else "end"
    task = {"task": "Ring them", "team": "desk", "outcomes": {"done": done}, "sla": "1d", "on_timeout": "end"}
    branch = {"branch": [{"when": f"age >= {18 + number} and country = 'AT'", "goto": "s3" if planted else "s2"}], "next": "end"}
    steps = (wait("1h"), task, branch, send()) if planted else (wait("1h"), branch, task)
    return world(betting(*steps), betting(send(), name=NAMES[1], where="age = 40 and country = 'DE'"), TOLD), HANDED


FAMILIES = (by_entrance, by_birthday, by_branch, by_content, by_task)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_what_is_planted_is_found_and_look_alikes_are_not(family: Callable[[int, bool], tuple[Plan, str]], seed: int) -> None:
    """What reaches somebody whom it must not is shown by them, and what looks like it and reaches nobody is proved."""
    plan, kind = family(seed, True)
    found = [proof for proof in answers(plan) if proof.kind == kind and proof.verdict is Verdict.WITNESS]
    assert found
    assert shown(plan, ZONES, Bounds(), found[0]).story.timeline
    plan, kind = family(seed, False)
    assert {Verdict.PROVED} == {proof.verdict for proof in answers(plan) if proof.kind in (kind, SERVED)}


People = dict[str, Any]
TWINS: dict[str, Callable[[People, date], bool]] = {
    "age >= 18": lambda who, day: who.get("age", 0) >= 18,
    "age >= 18 and country in ('DE', 'AT')": lambda who, day: who.get("age", 0) >= 18 and who.get("country") in ("DE", "AT"),
    "country is null or country <> 'US'": lambda who, day: who.get("country") != "US",
    "vip or age > 20": lambda who, day: who.get("vip") is True or who.get("age", 0) > 20,
    GROWN: lambda who, day: "born" in who and _years(who["born"], day) >= 18,
}
"""Restrictions, and what they come to in plain Python."""


def _years(born: int, day: date) -> int:
    first = date(1970, 1, 1) + timedelta(days=born)
    return day.year - first.year - ((day.month, day.day) < (first.month, first.day))


BIRTH = (date(2026, 3, 2) - date(1970, 1, 1)).days - 18 * 365
people = st.fixed_dictionaries(
    {},
    optional={
        "age": st.sampled_from((16, 17, 18, 20, 21)),
        "country": st.sampled_from(("DE", "AT", "US")),
        "vip": st.booleans(),
        "born": st.sampled_from((BIRTH - 400, BIRTH - 6, BIRTH - 5, BIRTH - 4, BIRTH - 3, BIRTH, BIRTH + 900)),
        "mood": st.sampled_from(("good", "bad")),
    },
)
_asked = st.sampled_from(
    (
        *TWINS,
        "age >= 21",
        "age > 16",
        "country = 'DE'",
        "country in ('AT', 'US')",
        "vip",
        "not (age < 18)",
        "years_between(born, today()) >= 17",
        "add_months(born, 216) <= today()",
        "mood = 'good'",
        "years_between(born, today()) < 19",
        "age is not null",
    )
)
_blocks = st.one_of(
    st.builds(lambda span: {"wait": {"for": span}}, st.sampled_from(("1h", "1d", "3d"))),
    st.builds(lambda event: {"wait": {"until": event, "timeout": "1d"}}, st.sampled_from(EVENTS)),
    st.builds(lambda when: {"branch": [{"when": when, "goto": "end"}]}, _asked),
    st.builds(lambda when: {"branch": [{"when": when, "goto": "last"}]}, _asked),
    st.just({"set": {"attributes": {"mood": "'bad'"}}}),
    st.just({"call": "desk", "data": {"age": "age"}}),
    st.just({"send": "email", "content": "high", "expires": "1d", "on_blocked": "last"}),
)


@st.composite
def restricted(draw: st.DrawFn) -> tuple[Plan, str]:
    """A plan with a purpose for some people, journeys for it and for another purpose, and the restriction."""
    only = draw(st.sampled_from(tuple(TWINS)))
    texts = []
    for name in NAMES[: draw(st.integers(1, 2))]:
        steps = [{"id": f"s{place}", **step} for place, step in enumerate(draw(st.lists(_blocks, max_size=3)))]
        steps.append({"id": "last", **send(), "expires": "1d"})
        said = draw(st.lists(_asked, max_size=2))
        enter = {
            "on": draw(st.sampled_from(EVENTS)),
            "reentry": "always",
            **({"where": " and ".join(f"({each})" for each in said)} if said else {}),
        }
        head = {"schema": 1, "kind": "journey", "name": name, "owner": {"responsible": "a", "accountable": "b"}, "stage": "growth"}
        texts.append(json.dumps({**head, "purpose": draw(st.sampled_from((BETTING, BETTING, MARKETING))), "enter": enter, "steps": steps}))
    texts.append(betting(send("low"), send("high"), name="growth.recovery.z", on="app.opened", where="age = 99"))
    quiet = [{"name": "night", "classes": ["marketing"], "from": "21:00", "to": "08:00"}] if draw(st.booleans()) else []
    return world(
        *texts,
        TOLD,
        rules=policy(only, quiet_hours=quiet),
    ), only


def wrongly(plan: Plan, proof: Proof, only: str, who: People, decisions: list[Decision]) -> bool:
    """Whether somebody came by what a proof is about and must not have, judged from who they are and what was decided."""
    name = proof.about.partition(" ")[0]
    for each in decisions:
        if (each.journey, each.step) != (proof.journeys[0], name):
            continue
        barred = proof.kind == BARRED and each.verb == "blocked" and each.rule == f"only:{BETTING}"
        if barred or (proof.kind != BARRED and each.verb in ("sent", "called") and not TWINS[only](who, moment(each.at_us).date())):
            return True
    return False


@settings(max_examples=settings.default.max_examples // 8)
@given(restricted(), st.lists(st.tuples(people, scripts), min_size=4, max_size=8))
def test_nobody_comes_by_what_is_proved_to_reach_nobody(drawn: tuple[Plan, str], lives: list[Any]) -> None:
    """What is proved never to lead others to a message, and never to reach them, does not for anybody drawn at random; whoever is shown
    comes by it again where their journeys are loaded alone."""
    plan, only = drawn
    proofs, program = answers(plan), load(plan, ZONES, "test")
    pairs = tuple(f"{step.purpose}|{step.channel}" for each in plan.journeys for step in each.steps if isinstance(step, Send))
    for who, script in lives:
        at_us, events = START, []
        for gap, event in script:
            at_us += gap * MINUTE
            events.append(Happening(at_us, event, {}))
        known = {"email": "a@example.test", **who}
        names = tuple(each.name for each in plan.journeys)
        decisions = enact(program, Scenario(names, START, at_us + 30 * 1_440 * MINUTE, known, pairs, tuple(events))).decisions
        for proof in proofs:
            assert proof.verdict is not Verdict.PROVED or not wrongly(plan, proof, only, who, decisions), (proof, who, script)
    for proof in proofs:
        if proof.witness is not None:
            scenario = shown(plan, ZONES, Bounds(), proof).proof.witness.scenario  # type: ignore[union-attr]
            alone = tuple(each for each in plan.journeys if each.name in proof.journeys)
            again = enact(
                load(type(plan)(**{name: getattr(plan, name) for name in plan.__struct_fields__} | {"journeys": alone}), ZONES, "test"),
                scenario,
            )
            assert wrongly(plan, proof, only, scenario.attributes, again.decisions), proof
