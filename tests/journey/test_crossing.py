"""What becomes of those under way is known before a version takes over, to the person, and a wrong map is refused."""

from collections.abc import Mapping

from pilotage.journey.crossing import Crossing, crossings, gates_before, resting
from pilotage.journey.plan import Plan
from tests.journey.test_migrate import WAIT_SEND, plan_of, under_way

APPROVAL = "{id: ok, approve: Is that right, team: care, sla: 1d, next: %s, on_reject: end, on_timeout: end}"
ASKS = """{id: may, branch: [{when: "consent('marketing.cart', 'email')", goto: %s}], next: end}"""
HOLD = "{id: hold, wait: {for: 2d}}"
DONE = "{id: done, wait: {for: 5d}}"


def crossed(old: Plan, new: Plan, people: Mapping[str, int]) -> tuple[Crossing, ...]:
    """What becomes of people on the steps of an old version."""
    journey = old.journeys[0]
    return crossings([old], new, {(journey.name, journey.digest[:16], step): count for step, count in people.items()})


def refusals(old: Plan, new: Plan, people: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """Which steps forbid a takeover, with how many people and why."""
    return [(each.step, each.people, each.refusal) for each in crossed(old, new, people) if each.refusal]


def test_people_are_counted_by_the_step_they_rest_on() -> None:
    """Everybody under way is counted once, at their step of their version."""
    old = plan_of(*WAIT_SEND)
    states = [under_way(old).state, under_way(old).state, under_way(old).wake(2 * 86_400_000_000).state]
    journey = old.journeys[0]
    version = journey.digest[:16]
    assert {(journey.name, version, "hold"): 2, (journey.name, version, "late"): 1} == resting(states)


def test_a_step_that_is_forgotten_refuses_the_version() -> None:
    """A step with people on it that has no place is named with their number; one without people is no matter."""
    old, new = plan_of(*WAIT_SEND), plan_of("{id: late, wait: {for: 1d}}", in_flight="{migrate: {}}")
    assert [("hold", 7, "it has no place in the new version")] == refusals(old, new, {"hold": 7, "late": 2})
    assert [] == refusals(old, new, {"late": 2})
    told = [(each.step, each.people, each.policy, each.to) for each in crossed(old, new, {"late": 2})]
    assert [("late", 2, "migrate", "late")] == told


def test_whoever_finishes_or_exits_forbids_nothing() -> None:
    """Without a policy they finish, with exit they exit, and a version that the map is not for finishes."""
    old = plan_of(*WAIT_SEND)
    for policy, becomes in (("", "finish"), ("exit", "exit"), ('{migrate: {from: "abcdef0"}}', "finish")):
        new = plan_of("{id: other, wait: {for: 1d}}", in_flight=policy)
        assert [("hold", 3, becomes, "")] == [
            (each.step, each.people, each.policy, each.refusal) for each in crossed(old, new, {"hold": 3})
        ]


def test_nobody_is_led_around_an_approval() -> None:
    """A step behind an approval may be reached only by those who had it."""
    old = plan_of(HOLD, APPROVAL % "done", DONE)
    new = plan_of(HOLD, APPROVAL % "rest", "{id: rest, wait: {for: 9d}}", in_flight="{migrate: {steps: {hold: rest, done: rest}}}")
    said = "from there to 'rest' nobody would pass 'ok', an approval"
    assert [("hold", 4, said)] == refusals(old, new, {"hold": 4, "done": 2})
    assert [("hold", 0, said)] == refusals(old, new, {"done": 2})


def test_nobody_is_led_around_a_look_at_a_consent() -> None:
    """A new look at a consent before a step keeps people from being led behind it."""
    old = plan_of(HOLD, DONE)
    policy = "{migrate: {steps: {hold: %s, done: exit}}}"
    new = plan_of(HOLD, ASKS % "done", DONE, in_flight=policy % "done")
    assert [("hold", 1, "from there to 'done' nobody would pass 'may', which looks at a consent")] == refusals(old, new, {"hold": 1})
    assert [] == refusals(old, plan_of(HOLD, ASKS % "done", DONE, in_flight=policy % "may"), {"hold": 1, "done": 3})


def test_a_gate_that_is_first_lies_before_everything() -> None:
    """Every step but the gate itself lies behind a gate that the journey begins with."""
    before = gates_before(plan_of(ASKS % "done", DONE).journeys[0])
    assert {"may": frozenset(), "done": frozenset({"may"})} == {step: before[step] for step in ("may", "done")}


def test_entries_with_other_keys_cannot_migrate() -> None:
    """Where what tells entries apart has changed, the version is refused as long as somebody is under way."""
    rest = "enter: {on: cart.added, reentry: always, key: trigger.product}\n"
    old, new = plan_of(HOLD), plan_of(HOLD, in_flight="{migrate: {}}", rest=rest)
    assert [("hold", 2, "what tells its entries apart has changed, so they cannot migrate")] == refusals(old, new, {"hold": 2})


def test_those_of_the_new_version_itself_are_left_out() -> None:
    """Whoever is under way in the new version already crosses nothing."""
    new = plan_of(HOLD, in_flight="{migrate: {}}")
    assert () == crossed(new, new, {"hold": 5})
