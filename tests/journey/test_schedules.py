"""Schedules: those in an audience enter at their times, wherever they live, and nobody is polled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.time import instant_text, parse_instant_us
from pilotage.journey.advance import OwnEvent, wake_at
from pilotage.journey.program import load
from pilotage.profile.state import State
from tests.journey.sample import changed, compiled, texts
from tests.journey.scenario import DAY, HOUR, MINUTE, START, ZONES, Subject, compile_documents
from tests.journey.test_audiences import BUYERS, GOLD

J = "journeys/cart.yaml"
HEAD = "schema: 1\nkind: journey\nname: growth.weekly.{name}\nowner: {{responsible: a}}\nstage: growth\n"


def weekly(cron: str = "0 9 * * mon", more: str = "", reentry: str = "", name: str = "news", audience: str = "gold") -> str:
    """A journey for those in an audience, by a schedule."""
    enter = f'enter: {{schedule: {{cron: "{cron}", audience: {audience}{more}}}{reentry}}}\n'
    return HEAD.format(name=name) + enter + "steps:\n  - {id: act, call: desk, data: {at: trigger.at}}\n"


def entered(subject: Subject) -> list[str]:
    """When entries began."""
    return [instant_text(each.at_us) for each in subject.decisions if each.verb == "entered"]


def test_those_in_the_audience_enter_at_their_own_nine_o_clock() -> None:
    """A schedule comes on the wall clock of each customer, or on the company's."""
    tokyo = Subject(GOLD, weekly()).event("customer.signed_up", tier="gold", timezone="Asia/Tokyo")
    assert parse_instant_us("2026-03-09T00:00:00Z") == wake_at(tokyo.state)
    assert ["2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"] == entered(tokyo.wake(15 * DAY))
    assert {"at": "2026-03-16T00:00:00Z"} == tokyo.actions[-1].variables
    company = Subject(GOLD, weekly(more=", zone: company")).event("customer.signed_up", tier="gold", timezone="Asia/Tokyo")
    assert ["2026-03-09T09:00:00Z"] == entered(company.wake(10 * DAY))
    paris = Subject(GOLD, weekly(more=", zone: Europe/Paris")).event("customer.signed_up", tier="gold")
    assert ["2026-03-09T08:00:00Z"] == entered(paris.wake(10 * DAY))


def test_whoever_leaves_the_audience_is_not_woken() -> None:
    """Outside the audience there is no next instant; coming back brings it back."""
    s = Subject(GOLD, weekly()).event("customer.signed_up", tier="gold").event("customer.signed_up", DAY, tier="basic")
    assert ({}, 0) == (s.state.schedules, wake_at(s.state))
    s.event("customer.signed_up", 10 * DAY, tier="gold").wake(7 * DAY)
    assert ["2026-03-16T09:00:00Z"] == entered(s)


def test_time_that_moves_a_subject_out_at_the_same_instant_comes_first() -> None:
    """Who is out of the audience at the very instant of the schedule does not enter."""
    nine = parse_instant_us("2026-03-03T12:00:00Z")
    s = Subject(BUYERS, weekly("0 12 * * *", audience="buyers")).event("order.placed").event("order.placed", MINUTE)
    assert nine == START + DAY == wake_at(s.state)
    assert [] == entered(s.wake(2 * DAY))


def test_a_new_zone_moves_the_next_instant() -> None:
    """A customer who moves is woken by the clock of the new place."""
    s = Subject(GOLD, weekly()).event("customer.signed_up", tier="gold", timezone="Asia/Tokyo")
    s.event("customer.signed_up", HOUR, timezone="America/New_York")
    assert parse_instant_us("2026-03-02T14:00:00Z") == wake_at(s.state)


def test_a_schedule_may_be_entered_again_unless_the_rule_says_otherwise() -> None:
    """Without a rule each time is an entry; with `after` those too soon are refused."""
    s = Subject(GOLD, weekly(reentry=", reentry: {after: 10d}")).event("customer.signed_up", tier="gold").wake(22 * DAY)
    assert (["2026-03-09T09:00:00Z", "2026-03-23T09:00:00Z"], ["entered too recently"]) == (entered(s), s.refusals)


def test_a_spread_keeps_each_at_a_moment_of_its_own() -> None:
    """Many customers come evenly over the ramp, each every time at the same offset; the trigger's time is the schedule's."""
    program = load(compile_documents(GOLD, weekly(more=", spread: 2h")), ZONES, "test")
    offsets = []
    nine = parse_instant_us("2026-03-09T09:00:00Z")
    for number in range(400):
        s = Subject(program=program)
        s.state = State(number.to_bytes(16, "big"))
        s.event("customer.signed_up", tier="gold")
        first = wake_at(s.state)
        offsets.append(first - nine)
        if number < 20:
            s.wake(7 * DAY)
            assert (first + 7 * DAY, "2026-03-09T09:00:00Z") == (wake_at(s.state), s.actions[0].variables["at"])
    assert all(0 <= offset < 2 * HOUR for offset in offsets)
    assert all(60 <= sum(start <= offset < start + HOUR // 2 for offset in offsets) <= 140 for start in range(0, 2 * HOUR, HOUR // 2))


def test_a_released_schedule_takes_up_who_is_in_the_audience() -> None:
    """Who is in the audience when a journey is released is counted from the next thing that happens; one that is gone is dropped."""
    s = Subject(GOLD).event("customer.signed_up", tier="gold")
    s.program = load(compile_documents(GOLD, weekly()), ZONES, "test")
    s.event("app.opened", DAY)
    assert {"growth.weekly.news"} == set(s.state.schedules)
    s.program = load(compile_documents(GOLD, weekly("0 9 * * tue", name="other")), ZONES, "test")
    s.wake(10 * DAY)
    assert (["2026-03-10T09:00:00Z"], {"growth.weekly.other"}) == (entered(s), set(s.state.schedules))


def test_nobody_outside_brings_a_schedule() -> None:
    """Only the system says that a schedule's time has come."""
    with pytest.raises(OwnEvent):
        Subject(GOLD, weekly()).event("schedule.reached", journey="growth.weekly.news")


def test_leaving_an_audience_starts_an_entry() -> None:
    """`left` in the entrance starts an entry for whoever leaves the audience named, and no other."""
    farewell = HEAD.format(name="farewell") + "enter: {left: gold}\nsteps:\n  - {id: act, call: desk, data: {who: trigger.audience}}\n"
    s = Subject(GOLD, BUYERS, farewell).event("customer.signed_up", tier="gold").event("order.placed").event("order.placed").wake(2 * DAY)
    assert [] == s.actions
    s.event("customer.signed_up", tier="basic")
    assert [{"who": "gold"}] == [action.variables for action in s.actions]


@given(
    st.lists(st.tuples(st.integers(1, 80), st.sampled_from(["gold", "basic", "wake", "Asia/Tokyo", "America/New_York"])), max_size=12),
    st.sampled_from(["0 9 * * *", "30 2 * * *", "0 */7 * * *"]),
    st.sampled_from(["", ", spread: 3h", ", zone: company, spread: 40m"]),
)
def test_late_wakes_decide_as_timely_ones(things: list[tuple[int, str]], cron: str, more: str) -> None:
    """Whether a subject is woken at each of its instants or only when something happens, the same is decided at the same instants."""
    program = load(compile_documents(GOLD, weekly(cron, more)), ZONES, "test")
    late, timely = Subject(program=program), Subject(program=program)
    for hours, thing in things:
        data = {"tier": thing} if thing in ("gold", "basic") else {"timezone": thing}
        until = timely.now + hours * HOUR
        while 0 < wake_at(timely.state) < until:
            timely.wake(wake_at(timely.state) - timely.now)
        for subject in (late, timely):
            subject.wake(until - subject.now) if thing == "wake" else subject.event("customer.signed_up", until - subject.now, **data)
    assert (late.decisions, late.actions, late.state) == (timely.decisions, timely.actions, timely.state)


def test_a_subject_that_nothing_is_known_of_costs_nothing() -> None:
    """A wake-up of a subject without a state makes none."""
    program = load(compile_documents(GOLD, weekly()), ZONES, "test")
    s = Subject(program=program)
    assert State(b"\x01" * 16) == s.wake(DAY).state


MISTAKES = [
    ("enter: {schedule: {cron: «0 9 * *, audience: a}", "error D022 'cron': '0 9 * *' has 4 fields and not five; write minute, hour"),
    ('enter: {schedule: {cron: «"0 9 31 2 *", audience: a}', "error D022 'cron': '0 9 31 2 *' never comes"),
    ('enter: {schedule: {cron: "0 9 * * *", audience: «b}', "error U004 unknown audience 'b'; Audiences are: a"),
    ('enter: {schedule: {cron: "0 9 * * *", audience: a, zone: «Berlin}', "error P001 unknown time zone 'Berlin'"),
    ('enter: {«schedule: {cron: "0 9 * * *", audience: a}, on: cart.added', "error J027 the entrance has 'on' and 'schedule'"),
    ("enter: {«left: a, on: cart.added", "error J027 the entrance has 'on' and 'left'; keep one of them"),
]


@pytest.mark.parametrize(("enter", "beginning"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_found_where_they_stand(enter: str, beginning: str) -> None:
    """A schedule that says no time, or nobody, or nowhere, is refused with its place and cure."""
    files = changed(J, "enter: {on: cart.added, where: trigger.price > 0", enter.replace("«", ""))
    files["audiences/a.yaml"] = "schema: 1\nkind: audience\nname: a\nowner: crm\nwhen: tier = 'x'\n"
    found = texts(compiled(files)[1])
    assert any(each.startswith(f"{J}:7:{enter.index('«') + 1}: {beginning}") for each in found), "\n".join(found)
