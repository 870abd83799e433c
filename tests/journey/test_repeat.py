"""Repeats: bounded rounds, whatever way leads through them, each with effects of its own."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.profile.state import decode_state, encode_state
from tests.journey.sample import changed, compiled, journey_of, texts
from tests.journey.scenario import DAY, HOUR, Subject
from tests.journey.test_advance import journey

J = "journeys/cart.yaml"
ENDLESS = "  - {id: day, wait: {for: 23h}}\n"


def repeated(times: int, inner: str, until: str = "", after: str = "") -> str:
    """A journey whose steps are a repeat `again`, and others after it."""
    stops = f'until: "{until}", ' if until else ""
    steps = ", ".join(line.strip() for line in inner.strip().splitlines())
    return journey(f"{{id: again, repeat: {{times: {times}, {stops}steps: [{steps}]}}}}\n{after or '{id: out, exit: done}'}")


NUDGE = """
    {id: nudge, call: desk, data: {n: "1"}}
    {id: pause, wait: {for: 1d}}
"""


def test_there_are_so_many_rounds_and_no_more() -> None:
    """After the last round the entry goes on, and each round's action has an effect key of its own."""
    s = Subject(repeated(3, NUDGE)).event("cart.added", price=1).wake(DAY).wake(DAY)
    assert 3 == len({action.effect for action in s.actions}) == len(s.actions)
    assert {"again": 3} == s.state.entries[0].rounds
    s.wake(DAY)
    assert ("done after 3 rounds", "done") == (s.last("repeated").reason, s.last("exited").reason)
    assert [] == s.state.entries


def test_no_round_begins_once_the_condition_is_true() -> None:
    """`until` is looked at before every round, the first one too."""
    shop = repeated(3, NUDGE, "count('order.placed', '7d') > 0")
    s = Subject(shop).event("cart.added", price=1).event("order.placed", HOUR, total=1).wake(DAY)
    assert (1, "done after 1 round", "count('order.placed', '7d') > 0") == (
        len(s.actions),
        s.last("repeated").reason,
        s.last("repeated").rule,
    )
    bought = Subject(shop).event("order.placed", total=1).event("cart.added", HOUR, price=1)
    assert ([], "done after 0 rounds") == (bought.actions, bought.last("repeated").reason)


def test_leaving_early_forgets_the_rounds() -> None:
    """Whoever leaves a repeat and comes back later has all rounds again."""
    inner = """
        {id: gold, branch: [{when: "tier = 'gold'", goto: away}]}
        {id: pause, wait: {for: 1d}}
    """
    after = "{id: out, exit: done}\n{id: away, set: {attributes: {tier: \"'basic'\"}}}\n{id: rest, wait: {for: 1d}, next: again}"
    s = Subject(repeated(2, inner, after=after)).event("cart.added", price=1).sign_up(tier="gold").wake(DAY)
    assert {} == s.state.entries[0].rounds
    s.wake(DAY).wake(DAY)
    assert {"again": 2} == s.state.entries[0].rounds
    assert ["round 1 of 2", "round 2 of 2", "round 1 of 2", "round 2 of 2"] == [d.reason for d in s.decisions if d.verb == "repeated"]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_repeats_multiply(times: list[int]) -> None:
    """The steps inside repeats inside repeats are taken as often as the products say, each time with another effect key."""
    inner = '{id: act, call: desk, data: {n: "1"}}, {id: pause, wait: {for: 1d}}'
    for number, count in enumerate(times[1:]):
        inner = f"{{id: r{number}, repeat: {{times: {count}, steps: [{inner}]}}}}"
    s = Subject(repeated(times[0], inner)).event("cart.added", price=1)
    total = 1
    for count in times:
        total *= count
    for _ in range(total):
        s.wake(DAY)
    assert ([], total) == (s.state.entries, len({action.effect for action in s.actions}))


def test_an_entry_stored_before_there_were_repeats_is_read() -> None:
    """What a store kept without rounds is read as an entry that is in no repeat."""
    s = Subject(repeated(3, NUDGE)).event("cart.added", price=1)
    s.state.entries[0].rounds = {}
    stored = msgspec.msgpack.decode(encode_state(s.state))
    stored[4][0].pop()
    assert s.state == decode_state(msgspec.msgpack.encode(stored))


def test_a_step_inside_may_name_those_outside() -> None:
    """A repeat's steps are among themselves, and may lead to steps around the repeat; `end` is the end of the round."""
    step = "{id: day, repeat: {times: 2, steps: [{id: w, wait: {for: 1d}, next: end}, {id: x, wait: {for: 2d}}]}, next: check}"
    found = texts(compiled(changed(J, ENDLESS, f"  - {step}\n"))[1])
    assert ["journeys/cart.yaml:14:80: error J013 no way leads to step 'day/x'; lead another step to it, or remove it"] == found
    steps = {each.id: each for each in journey_of(changed(J, ENDLESS, f"  - {step.replace('next: end}', 'next: x}')}\n")).steps}
    assert ("day/x", "day", "check") == (steps["day/w"].next, steps["day/x"].next, steps["day"].next)


def test_rounds_at_one_instant_are_bounded() -> None:
    """A repeat whose rounds let no time pass may not take more steps than an entry can; a cycle around it is still refused."""
    inner = '[{id: s, set: {variables: {n: "1"}}}]'
    step = f"{{id: day, repeat: {{times: 300, steps: {inner}}}}}"
    found = texts(compiled(changed(J, ENDLESS, f"  - {step}\n"))[1])
    assert [
        "journeys/cart.yaml:14:6: error J028 the repeat 'day' may take 600 steps at one instant; add a wait 'for', 'until' or 'at' to its "
        "steps, or lower 'times'"
    ] == found
    assert [] == texts(compiled(changed(J, ENDLESS, f"  - {step.replace('300', '200')}\n"))[1])
    around = step.replace("300", "2") + "\n  - {id: back, branch: [{when: tier = 'x', goto: day}], next: check}"
    found = texts(compiled(changed(J, ENDLESS, f"  - {around}\n"))[1])
    assert ["journeys/cart.yaml:14:6: error J014 the cycle day → back → day passes no wait that takes time"] == [
        t.partition(";")[0] for t in found
    ]
