"""Audiences: whatever happens, and whenever wake-ups come, who is in them is who meets their condition, from that instant on."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.outcome import Decision, Outcome
from pilotage.journey.program import Program
from tests.journey.scenario import POLICY
from tests.properties.plans import program_of
from tests.properties.play import GAPS, Play, final, scripts
from tests.properties.test_wakes import again

CONDITIONS = {
    "busy": "count('product.viewed', '1d') > 1",
    "quiet": "since_last('app.opened') > '12h'",
    "never": "not performed('cart.added')",
    "returned": "sequence('cart.added', 'order.placed', '1d', '3d')",
    "morning": "hour(now()) between 6 and 11 and performed('app.opened', '7d')",
    "good": "mood = 'good'",
    "reachable": "consent('marketing.cart', 'email')",
    "inside": "in_journey('growth.recovery.j0')",
    "entered": "entered('growth.recovery.j0', '2d')",
    "growing": "stage() = 'growth' and not in_audience('busy')",
    "nested": "in_audience('quiet') and not in_audience('returned') or in_audience('inside')",
}
AUDIENCES = tuple(
    json.dumps({"schema": 1, "kind": "audience", "name": name, "owner": "a", "when": when}) for name, when in CONDITIONS.items()
)
FOLLOWERS = tuple(
    json.dumps(
        {
            "schema": 1,
            "kind": "journey",
            "name": f"growth.follow.{name}",
            "owner": "a",
            "purpose": "marketing.cart",
            "stage": "adoption",
            "enter": {"audience": name, "reentry": "always"},
            "exit": [{"left": name, "reason": "left"}],
            "steps": [
                {"id": "tell", "call": "desk", "data": {"who": "trigger.audience"}},
                {"id": "rest", "wait": {"when": f"in_audience('{other}')", "timeout": "3d"}, "on_timeout": "end"},
                {"id": "greet", "send": "email", "content": "plain", "recipient": "email", "on_blocked": "end"},
            ],
        }
    )
    for name, other in (("quiet", "returned"), ("busy", "morning"), ("nested", "good"))
)


def _journey(name: str, enter: dict[str, Any], *steps: dict[str, Any]) -> str:
    named = [{"id": f"s{place}", **step} for place, step in enumerate(steps)]
    head = {"schema": 1, "kind": "journey", "name": name, "owner": "a", "purpose": "marketing.cart", "stage": "growth"}
    return json.dumps({**head, "enter": {"reentry": "always", **enter}, "steps": named})


MOODS = ({"set": {"attributes": {"mood": "'good'"}}}, {"set": {"attributes": {"mood": "'bad'"}}})
JOURNEYS = (
    _journey("growth.recovery.j0", {"on": "cart.added"}, MOODS[0], {"wait": {"for": "30m"}}, MOODS[1]),
    _journey("growth.recovery.j0", {"on": "product.viewed"}, {"wait": {"until": "order.placed", "timeout": "12h"}}),
    _journey("growth.recovery.j0", {"on": "app.opened"}, {"emit": {"event": "cart.recovered", "data": {"total": "1"}}}, *MOODS),
    _journey("growth.recovery.j0", {"audience": "returned"}, {"wait": {"when": "not in_audience('never')", "timeout": "1d"}}, MOODS[0]),
)
programs = st.sampled_from(JOURNEYS).map(lambda journey: program_of(POLICY, journey, *FOLLOWERS, *AUDIENCES))
"""Programs of one journey that the audiences read, journeys that follow some audiences, and the audiences above."""


class Watched(Play):
    """A play in which, after every event and wake-up, each audience is asked anew."""

    def on_advanced(self, outcome: Outcome) -> None:
        """Who is in is who meets the condition; nobody is due to move before the next wake-up says so."""
        state = outcome.state
        for each in self.program.audiences.all:
            assert (each.name in state.audiences) is each.truth(state, None, {}, self.now, ""), each.name
            if each.flip is not None:
                expected_us, due_us = state.flips.get(each.name, 0), each.flip(state, None, {}, self.now)
                assert self.now < expected_us <= due_us or expected_us == due_us == 0, each.name
        assert min(state.flips.values(), default=0) == state.flip_us


@given(programs, scripts)
def test_members_are_those_who_meet_the_condition(program: Program, script: list[Any]) -> None:
    """After every event, early, late or repeated wake-up, membership is what asking every audience anew gives."""
    Watched(program).run(script)


@given(programs, scripts)
def test_joins_and_leaves_account_for_membership(program: Program, script: list[Any]) -> None:
    """Per audience joined and left alternate, and the last of them says where the subject is, and since when."""
    played = Play(program).run(script)
    last: dict[str, Decision] = {}
    for decision in played.decisions:
        if decision.verb in ("joined", "left"):
            before = last.get(decision.reason)
            assert decision.verb != (before.verb if before else "left")
            last[decision.reason] = decision
    assert played.state.audiences == {name: each.at_us for name, each in last.items() if each.verb == "joined"}


@given(programs, scripts, st.dictionaries(st.integers(0, 40), st.lists(st.sampled_from(GAPS), max_size=4), max_size=8))
def test_late_and_missing_wakes_change_nothing(program: Program, script: list[Any], wakes: dict[int, list[int]]) -> None:
    """Whether wake-ups are timely, late, repeated or missing: the same memberships, events, actions and states."""
    played = Play(program).run([("consent", 0, ("marketing.cart", "email", True)), *script])
    timely = again(program, played, {}, timely=True)
    assert final(timely) == final(again(program, played, wakes, timely=False))
    assert final(timely) == final(again(program, played, {}, timely=False))
