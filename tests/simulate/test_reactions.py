"""Reactions in a rehearsal: rates from receipts, and draws that do not depend on the plan."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilotage.event.digest import key128
from pilotage.journey.outcome import Action
from pilotage.simulate.reactions import ASSUMED, OTHERS, WEIGHT, Habits, Rates, Reactor, TaskHabit, measured

AT_US = 1_772_000_000_000_000


def action(number: int, kind: str = "send", **variables: object) -> Action:
    """An action of the step `a.b.c/greet`, by e-mail or for a team."""
    target = "email" if kind == "send" else "desk"
    return Action(key128(number), kind, target, "", "p", "", dict(variables), AT_US, AT_US, b"s", b"e", "a.b.c", "v", "greet")


def fates(reactor: Reactor, number: int) -> list[str]:
    return [event.type.partition(".")[2] for _, event in reactor(action(number), AT_US)]


def test_the_same_message_has_the_same_reactions() -> None:
    """Reactions follow from seed and effect key alone, whatever was drawn before; another seed draws others."""
    one, other, third = (Reactor(Habits(), seed) for seed in (1, 1, 2))
    forwards = [fates(one, number) for number in range(200)]
    backwards = [fates(other, number) for number in reversed(range(200))]
    assert forwards == backwards[::-1]
    assert forwards != [fates(third, number) for number in range(200)]


def test_draws_have_their_rates() -> None:
    """Over many messages each reaction is as frequent as its rate says, and comes in its order."""
    rates = Rates(0.9, 0.5, 0.4, 0.1, 0.5, 100)
    reactor = Reactor(Habits(steps={"a.b.c/greet": rates}), 5)
    found: Counter[str] = Counter()
    for number in range(4_000):
        reactions = [(at_us, event.type) for at_us, event in reactor(action(number), AT_US)]
        found.update(kind for _, kind in reactions)
        order = {kind: at_us for at_us, kind in reactions}
        if "message.clicked" in order:
            assert AT_US < order["message.delivered"] < order["message.opened"] < order["message.clicked"]
    delivered, opened, clicked = (found[f"message.{fate}"] for fate in ("delivered", "opened", "clicked"))
    assert abs(delivered / 4_000 - 0.9) < 0.03 and 4_000 == delivered + found["message.bounced"]
    assert abs(opened / delivered - 0.5) < 0.04 and abs(clicked / opened - 0.4) < 0.05
    assert abs(reactor.told["email", "converted"] / clicked - 0.5) < 0.08


shares = st.tuples(*(st.integers(0, 500) for _ in range(6)))


@given(st.dictionaries(st.tuples(st.sampled_from(["email", "sms", "fax"]), st.sampled_from(["a/x", "a/y", "b/z"])), shares, max_size=6))
def test_measured_rates_are_shares(counts: dict[tuple[str, str], tuple[int, int, int, int, int, int]]) -> None:
    """Whatever was counted, every rate lies between 0 and 1."""
    habits = measured(counts, {})
    for rates in (*habits.channels.values(), *habits.steps.values()):
        assert all(0 <= share <= 1 for share in msgspec.structs.astuple(rates)[:5])


def test_few_messages_prove_little() -> None:
    """A step's rate is its own where it was measured on many messages, and near its channel's where on few."""
    habits = measured({("email", "a/x"): (2_000, 2_000, 1_000, 100, 0, 10), ("email", "a/y"): (1, 1, 1, 1, 0, 1)}, {})
    assert abs(habits.steps["a/x"].opened - 0.5) < 0.01
    channel = habits.channels["email"].opened
    assert channel < habits.steps["a/y"].opened < channel + 1 / WEIGHT
    assert (ASSUMED["sms"], OTHERS) == (Habits().of(msgspec.structs.replace(action(1), target="sms")), Habits().of(action(1, "task")))


def test_tasks_are_done_as_they_were() -> None:
    """An outcome that a task always had comes again, one that it does not have any more never; a reminder is not a task."""
    habits = Habits(tasks={"a.b.c/greet": TaskHabit({"done": 90, "gone": 5}, 2.0)})
    reactor = Reactor(habits, 1)
    said: Counter[str] = Counter()
    for number in range(300):
        for at_us, event in reactor(action(number, "task", told="opened", outcomes=("done", "other")), AT_US):
            assert AT_US <= at_us <= AT_US + 4 * 3_600_000_000
            said[msgspec.json.decode(event.data)["outcome"]] += 1
    assert said["done"] > 200 and said["gone"] == 0
    assert [] == list(reactor(action(1, "task", told="reminder", outcomes=("done",)), AT_US))
