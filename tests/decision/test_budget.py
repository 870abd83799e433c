"""Tests of contact budgets."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.consent.policy import Budget, Policy, Purpose
from pilotage.decision.budget import HELD, over_budget, unexpired
from pilotage.decision.rules import ContactRules
from pilotage.profile.state import Reservation
from pilotage.source.zones import packaged_zones

DAY = 86_400_000_000
WEEK = Budget(name="week", limit=2, window_us=7 * DAY, classes=("marketing",))
RULES = ContactRules(
    Policy(purposes=(Purpose("news", "marketing", "consent"), Purpose("bill", "service", "contract")), budgets=(WEEK,)),
    {},
    packaged_zones(),
)


def sent(at_us: int, purpose: str = "news", *, pending: bool = False) -> Reservation:
    return Reservation(at_us.to_bytes(16, "big"), "email", purpose, "j", at_us, pending)


def test_below_the_limit_one_more_is_allowed() -> None:
    """A budget of two allows a second message."""
    assert over_budget([WEEK], RULES, [sent(0)], DAY) == (0, None, 0)


def test_the_release_is_when_the_oldest_leaves_the_window() -> None:
    """At the limit, the next message is allowed exactly one window after the oldest that stands in the way."""
    assert over_budget([WEEK], RULES, [sent(0), sent(DAY)], 2 * DAY) == (7 * DAY, WEEK, 2)
    assert over_budget([WEEK], RULES, [sent(0), sent(DAY)], 7 * DAY) == (0, None, 0)
    assert over_budget([WEEK], RULES, [sent(0), sent(DAY)], 7 * DAY - 1) == (7 * DAY, WEEK, 2)


def test_what_is_not_handed_over_yet_always_counts() -> None:
    """A message that may still leave counts however old its decision is, and its release is not known."""
    held = [sent(0, pending=True), sent(1, pending=True)]
    assert over_budget([WEEK], RULES, held, 100 * DAY) == (HELD, WEEK, 2)


def test_other_classes_do_not_count() -> None:
    """A service message takes no place in a marketing budget."""
    assert over_budget([WEEK], RULES, [sent(0, "bill"), sent(1, "bill")], 2) == (0, None, 0)


@given(st.lists(st.integers(0, 40 * DAY), max_size=60), st.integers(1, 4))
def test_no_window_ever_holds_more_than_the_limit(wanted: list[int], limit: int) -> None:
    """Messages sent only when allowed never exceed the limit in any window of the budget's length."""
    budget = Budget(name="b", limit=limit, window_us=7 * DAY)
    left: list[Reservation] = []
    for now in sorted(wanted):
        left = unexpired(left, budget.window_us, now)
        release, blocking, _ = over_budget([budget], RULES, left, now)
        if blocking is None:
            left.append(sent(now))
            continue
        assert release > now
    times = sorted(r.at_us for r in left)
    for start in times:
        assert sum(start <= at < start + 7 * DAY for at in times) <= limit
