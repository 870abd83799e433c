"""Wake-ups: whenever they come, and however often, everything due is decided as of its due instant."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.envelope import wake_event
from pilotage.journey.advance import wake_at
from pilotage.journey.program import Program
from tests.journey.scenario import DAY, HOUR
from tests.properties.plans import programs
from tests.properties.play import GAPS, Play, final, scripts


def again(program: Program, played: Play, wakes: dict[int, list[int]], timely: bool) -> Play:
    """The events of a play once more, with wake-ups at the due instants only, or at those given after each event only."""
    once_more = Play(program)
    assert played.log[0] == once_more.log[0]
    end_us = played.now + 30 * DAY
    stops = [*played.log[1:], (wake_event(end_us), end_us)]
    for place, (event, at_us) in enumerate(stops):
        while timely and 0 < wake_at(once_more.state) < at_us:
            once_more.settle_next()
        for gap_us in wakes.get(place, ()):
            if once_more.now + gap_us < at_us:
                once_more.now += gap_us
                once_more.take(wake_event(once_more.now))
        once_more.now = at_us
        once_more.take(event)
    return once_more


@given(programs(), scripts, st.dictionaries(st.integers(0, 40), st.lists(st.sampled_from(GAPS), max_size=4), max_size=8))
def test_late_and_repeated_wakes_change_nothing(drawn: tuple[Program, Any], script: list[Any], wakes: dict[int, list[int]]) -> None:
    """A history whose wake-ups come late, early, twice or not at all ends in the decisions, actions and state of timely ones."""
    program, _ = drawn
    played = Play(program).run([("consent", 0, ("marketing.cart", "email", True)), *script])
    timely = again(program, played, {}, timely=True)
    assert final(timely) == final(again(program, played, wakes, timely=False))
    assert final(timely) == final(again(program, played, {}, timely=False))


@given(programs(), scripts)
def test_a_wake_when_nothing_is_due_is_nothing(drawn: tuple[Program, Any], script: list[Any]) -> None:
    """A wake-up before anything is due returns the very same state, and decides nothing."""
    played = Play(drawn[0]).run(script)
    before = played.state
    due_us = wake_at(before)
    if due_us and due_us <= played.now + 1:
        return
    outcome = played.take(wake_event(played.now))
    assert outcome.state is before
    assert (outcome.actions, outcome.decisions, outcome.cancelled, outcome.wake_at_us) == ([], [], [], due_us)


@given(programs(), scripts)
def test_entries_end_only_by_a_decision(drawn: tuple[Program, Any], script: list[Any]) -> None:
    """Whoever entered is still in the journey or was seen leaving it; nobody is lost on the way, nobody leaves twice."""
    played = Play(drawn[0]).run([("consent", 0, ("marketing.cart", "email", True)), *script, ("wake", HOUR, None)])
    came = [decision.entry for decision in played.decisions if decision.verb in ("entered", "held_out")]
    left = [decision.entry for decision in played.decisions if decision.verb == "exited"]
    assert len(set(came)) == len(came)
    assert sorted(came) == sorted([*left, *(entry.id for entry in played.state.entries)])
    assert sum(visit.times for visit in played.state.visits.values()) == len(came)
