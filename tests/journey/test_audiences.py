"""Audiences in the kernel: who is in them follows events, attributes, consents, journeys, audiences and time, at that very instant."""

import msgspec
import pytest

from pilotage.event.envelope import wake_event
from pilotage.journey.advance import OwnEvent, advance, wake_at
from pilotage.journey.plan import Plan, decode_plan, encode_plan
from pilotage.journey.program import load
from pilotage.journey.work import TooManyDerived
from pilotage.profile.state import State, decode_state, encode_state
from tests.journey.scenario import DAY, HOUR, START, ZONES, Subject, compile_documents


def audience(name: str, **parts: object) -> str:
    """An audience document; a value is written as JSON, which is YAML."""
    written = "".join(f"{key}: {msgspec.json.encode(value).decode()}\n" for key, value in parts.items())
    return f"schema: 1\nkind: audience\nname: {name}\nowner: crm\n{written}"


def moves(subject: Subject) -> list[str]:
    """Who joined and left what, with the hours since the start."""
    return [f"{d.verb} {d.reason} {(d.at_us - START) // HOUR}h" for d in subject.decisions if d.verb in ("joined", "left")]


BUYERS = audience("buyers", when="count('order.placed', '1d') > 1")
GOLD = audience("gold", when="tier = 'gold'")


def test_an_event_moves_a_subject_in_and_time_alone_out() -> None:
    """With the second order the subject is in; when the first one leaves the window it is out, at that instant."""
    subject = Subject(BUYERS).event("order.placed").event("order.placed", 5 * HOUR)
    assert {"buyers": START + 5 * HOUR} == subject.state.audiences
    assert START + DAY == wake_at(subject.state)
    subject.wake(2 * DAY)
    assert ["joined buyers 5h", "left buyers 24h"] == moves(subject)
    assert ({}, 0) == (subject.state.flips, wake_at(subject.state))
    joined = subject.decisions[0]
    assert ({"count('order.placed', '1d')": 2}, "count('order.placed', '1d') > 1") == (joined.inputs, joined.rule)


def test_attributes_and_consents_move_a_subject() -> None:
    """An attribute that an event sets, or a journey's step, and a word about consent move a subject at once."""
    journey = """
    schema: 1
    kind: journey
    name: growth.mood.lift
    owner: {responsible: a}
    stage: growth
    enter: {on: app.opened, reentry: always}
    steps:
      - {id: lift, set: {attributes: {mood: "'good'"}}}
    """
    happy = audience("happy", when="mood = 'good'")
    reached = audience("reached", when="consent('marketing.cart', 'email')")
    subject = Subject(GOLD, happy, reached, journey).sign_up(tier="gold")
    assert {"gold", "reached"} == set(subject.state.audiences)
    subject.event("app.opened").event("customer.signed_up", HOUR, tier="silver").consent(channel="*", granted=False)
    assert ["joined gold 0h", "joined reached 0h", "joined happy 0h", "left gold 1h", "left reached 1h"] == moves(subject)


def test_journeys_move_a_subject() -> None:
    """Entering and leaving a journey changes who is in what reads it, and `entered` ends with its window."""
    journey = """
    schema: 1
    kind: journey
    name: growth.recovery.cart
    owner: {responsible: a}
    stage: growth
    enter: {on: cart.added}
    steps:
      - {id: rest, wait: {for: 2h}}
    """
    inside = audience("inside", when="in_journey('growth.recovery.cart')")
    recently = audience("recently", when="entered('growth.recovery.cart', '5h')")
    growing = audience("growing", when="stage() = 'growth'")
    subject = Subject(inside, recently, growing, journey).event("cart.added", HOUR).wake(DAY)
    joined, left = (
        ["joined growing 1h", "joined inside 1h", "joined recently 1h"],
        ["left growing 3h", "left inside 3h", "left recently 6h"],
    )
    assert [*joined, *left] == moves(subject)


def test_audiences_of_audiences_follow_in_topological_order() -> None:
    """Unions, intersections, exclusions and nesting change in the same instant, each after those it is made of."""
    documents = (
        BUYERS,
        GOLD,
        audience("a-union", any=["buyers", "gold"]),
        audience("both", all=["buyers", "gold"]),
        audience("plain-buyers", any=["buyers"], **{"except": ["gold"]}),
        audience("nested", when="in_audience('both') and country = 'DE'"),
        audience("nobody", when="true", **{"except": ["a-union"]}),
    )
    plan = compile_documents(*documents)
    assert ["buyers", "gold", "a-union", "both", "plain-buyers", "nested", "nobody"] == [each.name for each in plan.audiences]
    subject = Subject(plan=plan).event("order.placed")
    assert {"nobody"} == set(subject.state.audiences)
    subject.event("order.placed", HOUR)
    assert {"a-union", "buyers", "plain-buyers"} == set(subject.state.audiences)
    subject.event("customer.signed_up", tier="gold", country="DE")
    assert {"a-union", "buyers", "gold", "both", "nested"} == set(subject.state.audiences)
    subject.wake(2 * DAY)
    assert {"a-union", "gold"} == set(subject.state.audiences)
    assert ["left buyers 24h", "left both 24h", "left nested 24h"] == moves(subject)[-3:]


def test_static_lists_follow_what_is_said_about_them() -> None:
    """The last word about a list counts; another list's words do not."""
    subject = Subject(audience("guests", members="guests-2026"))
    subject.event("list.changed", list="others", listed=True, basis="consent")
    assert [] == moves(subject)
    subject.event("list.changed", list="guests-2026", listed=True, basis="consent")
    subject.event("list.changed", HOUR, list="guests-2026", listed=False)
    assert ["joined guests 0h", "left guests 1h"] == moves(subject)


WELCOME = """
schema: 1
kind: journey
name: growth.loyalty.gold
owner: {responsible: a}
stage: growth
enter: {audience: gold, reentry: always}
exit: [{left: gold, reason: no longer gold}]
steps:
  - {id: greet, call: desk, data: {who: trigger.audience}}
  - {id: rest, wait: {until: audience.entered, where: "trigger.audience = 'buyers'", timeout: 5d}}
  - {id: tell, call: desk, data: {text: country}}
"""


def test_entering_and_leaving_an_audience_start_and_end_entries() -> None:
    """`enter: {audience}` starts an entry, a wait takes another audience's event, `left` ends the entry."""
    subject = Subject(BUYERS, GOLD, WELCOME).event("customer.signed_up", tier="gold")
    subject.event("order.placed").event("order.placed", HOUR)
    assert ["joined", "entered", "called greet", "waited rest", "joined", "resumed rest", "called tell"] == subject.verbs[:7]
    assert ["gold"] == [action.variables["who"] for action in subject.actions if "who" in action.variables]
    again = Subject(BUYERS, GOLD, WELCOME).event("customer.signed_up", tier="gold").event("customer.signed_up", HOUR, tier="silver")
    assert "exited rest" == again.verbs[-1]
    assert "no longer gold" == again.last("exited").reason


def test_a_journey_is_not_asked_about_other_audiences() -> None:
    """Whoever enters another audience is not refused by the journeys of this one: they have nothing to do with it."""
    subject = Subject(BUYERS, GOLD, WELCOME).event("order.placed").event("order.placed", HOUR)
    assert ["joined buyers 1h"] == moves(subject)
    assert [] == subject.refusals


def test_two_entries_by_one_audience_at_one_instant_differ() -> None:
    """An audience entered, left and entered again within one instant makes two events, and so two entries."""
    subject = Subject(GOLD, WELCOME).event("customer.signed_up", tier="gold").event("customer.signed_up", tier="silver")
    subject.event("customer.signed_up", tier="gold")
    assert 2 == len({decision.entry for decision in subject.decisions if decision.verb == "entered"})
    assert 2 == len({action.effect for action in subject.actions})


def test_what_moves_itself_for_ever_is_refused() -> None:
    """A journey that an audience starts and that ends it again, for ever, is quarantined with the chain; nothing has changed."""
    journey = """
    schema: 1
    kind: journey
    name: growth.mood.swing
    owner: {responsible: a}
    stage: growth
    enter: {audience: calm, reentry: always}
    steps:
      - {id: swing, set: {attributes: {mood: "'wild'"}}}
      - {id: rest, wait: {when: "not in_audience('calm')", timeout: 1d}}
      - {id: back, set: {attributes: {mood: "'calm'"}}}
    """
    calm = audience("calm", when="coalesce(mood, 'calm') = 'calm' and tier = 'gold'")
    subject = Subject(calm, journey)
    before = subject.state
    with pytest.raises(TooManyDerived, match="audiences calm"):
        subject.event("customer.signed_up", tier="gold")
    assert before is subject.state


def test_many_audiences_at_once_are_one_step_of_a_chain() -> None:
    """A first event may move a subject into more audiences than a chain may have derived events."""
    documents = [audience(f"a{n}", when=f"count('order.placed') >= {n - 99}") for n in range(100)]
    subject = Subject(*documents).event("order.placed")
    assert 100 == len(subject.state.audiences)


def test_events_about_audiences_come_from_within_only() -> None:
    """Nobody outside can say that a subject has entered an audience."""
    with pytest.raises(OwnEvent, match=r"audience\.entered is made by the system itself"):
        Subject(GOLD, WELCOME).event("audience.entered", audience="gold")


def released(*, existing: str, documents: tuple[str, ...] = ()) -> tuple[Plan, Plan]:
    """A plan without the audience of lapsed customers, and one with it."""
    lapsed = audience("lapsed", when="since_last('app.opened') > '2h'", existing=existing)
    before = compile_documents(BUYERS, *documents)
    return before, compile_documents(BUYERS, lapsed, *documents)


def under(plan: Plan, earlier: Plan, subject: Subject) -> Subject:
    """The subject under another plan."""
    subject.program = load(plan, ZONES, "test", (earlier,))
    return subject


ASKED = audience("asked", when="since_last('app.opened') > '100d'")


def test_who_met_it_before_is_in_silently_or_stays_out() -> None:
    """At a release `include` takes existing subjects in without an event; `exclude` leaves them out until they come to meet it."""
    for existing in ("include", "exclude"):
        before, after = released(existing=existing, documents=(ASKED,))
        subject = under(after, before, Subject(plan=before).event("app.opened").wake(3 * HOUR))
        subject.event("cart.added")
        inside = existing == "include"
        assert inside is ("lapsed" in subject.state.audiences)
        assert (["joined lapsed 3h"] if inside else []) == moves(subject)
        subject.event("app.opened", HOUR).wake(3 * HOUR)
        assert ["left lapsed 4h"] * inside + ["joined lapsed 6h"] == moves(subject)[inside:]


def test_other_members_stay_when_an_audience_comes() -> None:
    """A release that adds an audience leaves the memberships of others, and their next flips, as they are."""
    before, after = released(existing="include")
    subject = Subject(plan=before).event("order.placed").event("order.placed", HOUR)
    under(after, before, subject).event("cart.added", HOUR)
    assert {"buyers": START + HOUR} == subject.state.audiences
    assert START + DAY == subject.wake(2 * DAY).last("left").at_us
    under(before, after, subject).event("order.placed").event("order.placed")
    assert {"buyers"} == set(subject.state.audiences)


def test_a_state_without_audiences_is_read() -> None:
    """A state stored before there were audiences is one that is in none."""
    old = msgspec.msgpack.encode([b"\x01" * 16, {"tier": "gold"}, {}, {}, [], {}, []])
    assert State(b"\x01" * 16, {"tier": "gold"}) == decode_state(old)
    subject = Subject(GOLD)
    subject.state = decode_state(old)
    assert {"gold": START + HOUR} == subject.event("cart.added", HOUR).state.audiences
    assert subject.state == decode_state(encode_state(subject.state))


def test_a_plan_without_audiences_keeps_its_name() -> None:
    """A plan is stored with its audiences; one without is stored, and named, as before there were any."""
    plan = compile_documents(GOLD)
    assert plan == decode_plan(encode_plan(plan))
    assert "audiences" not in msgspec.msgpack.decode(encode_plan(compile_documents()))


def test_waking_early_or_again_changes_nothing() -> None:
    """A wake-up when nothing is due returns the very same state."""
    subject = Subject(BUYERS).event("order.placed").event("order.placed", HOUR)
    outcome = advance(subject.program, subject.state, wake_event(subject.now + HOUR), subject.now + HOUR)
    assert (True, START + DAY) == (outcome.state is subject.state, outcome.wake_at_us)
