"""Volumes: how many messages one entry may cause on each channel."""

import pytest

from pilotage.proof.contact import messages_per_entry
from tests.proof.model_workspace import exchanged, found, model


def _most(steps: str) -> dict[str, int]:
    """What one entry of the payment journey may cause, with other steps."""
    right = "  - {id: tell, send: email, content: payment-open, on_blocked: end, on_failure: end}\n"
    plan = found(exchanged("journeys/payment.yaml", right, steps)).compiled.plan
    assert plan is not None
    return messages_per_entry(next(journey for journey in plan.journeys if journey.name == "service.payment.open_payment"))


SEND = "  - {{id: {0}, send: {1}, content: {2}, on_blocked: {3}, on_failure: {3}}}\n"


@pytest.mark.parametrize(
    ("steps", "most"),
    [
        (SEND.format("a", "email", "payment-open", "end"), {"email": 1}),
        (SEND.format("a", "email", "payment-open", "b") + SEND.format("b", "email", "payment-open", "end"), {"email": 2}),
        (
            "  - {id: fork, branch: [{when: \"trigger.order_id = 'x'\", goto: b}]}\n"
            + SEND.format("a", "email", "payment-open", "end").replace("}\n", ", next: end}\n")
            + SEND.format("b", "email", "payment-open", "c")
            + SEND.format("c", "email", "payment-open", "end"),
            {"email": 2},
        ),
        (
            "  - id: again\n    repeat:\n      times: 3\n      steps:\n        - {id: rest, wait: {for: 1h}}\n    "
            + SEND.format("a", "email", "payment-open", "end").replace("\n", "\n").replace("  - ", "    - ", 1),
            {"email": 3},
        ),
    ],
)
def test_the_longest_way_counts(steps: str, most: dict[str, int]) -> None:
    """Of all ways through a journey the one with the most messages counts; rounds count as often as they go."""
    assert most == _most(steps)


def test_volumes_are_added_over_journeys() -> None:
    """A limit is held against all journeys together, each with its entries and its messages."""
    workspace = exchanged("policies/gates.yaml", "    email: {per_day: 50000}\n", "    email: {per_day: 5999}\n")
    (finding,) = found(workspace).verdict.findings
    assert ("N044", "policies/gates.yaml", 8) == (finding.rule, finding.path, finding.line)
    assert "onboarding.lifecycle.welcome plans 6,000 messages a day on email, which takes 5,999" == finding.message
    assert () == found(model()).verdict.findings
