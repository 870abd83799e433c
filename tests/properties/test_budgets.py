"""Contact budgets: no interleaving of events, receipts, late and repeated wake-ups ever overshoots one."""

from typing import Any

from hypothesis import given

from pilotage.journey.outcome import Action
from pilotage.journey.program import Program
from tests.journey.scenario import DAY, HOUR
from tests.properties.plans import MARKETING, programs
from tests.properties.play import Play, Sent, scripts

WINDOWS = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY}


def counts(budget: dict[str, Any], action: Action) -> bool:
    """Whether a message counts against a budget, by the words of the policy."""
    contact_class = "marketing" if action.purpose == MARKETING else "service"
    return (
        action.target in budget.get("channels", [action.target])
        and contact_class in budget.get("classes", [contact_class])
        and action.purpose in budget.get("purposes", [action.purpose])
        and action.journey in budget.get("journeys", [action.journey])
    )


def worst(budget: dict[str, Any], book: list[Sent]) -> int:
    """The most messages that any rolling window held: promised ones from their decision until their fate is known, and
    those that left until the window has passed since."""
    window_us = WINDOWS[budget["window"]]
    held: list[tuple[int, float]] = []
    for sent in book:
        if not counts(budget, sent.action):
            continue
        left = sent.fate in ("message.sent", "message.unknown")
        until: float = sent.known_us if sent.fate else float("inf")
        held.append((sent.decided_us, until + window_us if left else until))
    return max((sum(start <= at < until for start, until in held) for at, _ in held), default=0)


def most_left(budget: dict[str, Any], book: list[Sent]) -> int:
    """The most messages that truly left within any rolling window."""
    left = [sent.left_us for sent in book if sent.left_us and sent.fate != "message.failed" and counts(budget, sent.action)]
    return max((sum(at - WINDOWS[budget["window"]] < other <= at for other in left) for at in left), default=0)


@given(programs(), scripts, scripts)
def test_budgets_never_overshoot(drawn: tuple[Program, dict[str, Any]], script: list[Any], more: list[Any]) -> None:
    """Counting what left, and what may still leave, no rolling window holds more messages than its budget allows."""
    program, policy = drawn
    played = Play(program).run([("consent", 0, (MARKETING, "*", True)), *script, *more])
    for budget in policy["budgets"]:
        assert worst(budget, played.book) <= budget["limit"], budget
        assert most_left(budget, played.book) <= budget["limit"], budget
