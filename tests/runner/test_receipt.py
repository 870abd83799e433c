"""What subjects are told of their actions."""

import pytest

from pilotage.runner.outbox import ActionRow, Status
from pilotage.runner.receipt import receipt_event
from tests.runner.dispatch_world import make

EFFECT = make().effect.hex()


@pytest.mark.parametrize(
    ("kind", "row", "expected_type", "expected_data"),
    [
        (
            "send",
            {"status": Status.SENT, "provider_id": "p1"},
            "message.sent",
            ',"channel":"mail","purpose":"marketing.cart","journey":"growth.cart","provider_id":"p1"',
        ),
        (
            "send",
            {"status": Status.CANCELLED, "reason": "cancelled before it left"},
            "message.refused",
            ',"channel":"mail","purpose":"marketing.cart","journey":"growth.cart","reason":"cancelled before it left"',
        ),
        ("call", {"status": Status.SENT, "body": b'{"a":1}', "provider_id": "p1"}, "call.answered", ',"body":"{\\"a\\":1}"'),
        ("call", {"status": Status.SENT}, "call.answered", ""),
        ("call", {"status": Status.FAILED, "reason": "HTTP 400"}, "call.failed", ',"reason":"failed: HTTP 400"'),
        ("call", {"status": Status.CANCELLED, "reason": "cancelled before it left"}, "call.failed", ',"reason":"cancelled before it left"'),
        ("task", {"status": Status.SENT}, "task.opened", ""),
        ("task", {"status": Status.EXPIRED, "reason": "expired"}, "task.failed", ',"reason":"expired: expired"'),
    ],
)
def test_a_receipt_says_what_became_of_an_action(kind: str, row: dict[str, object], expected_type: str, expected_data: str) -> None:
    """A receipt names the effect and says what its kind of action has to say, byte for byte the same for ever, and nothing empty."""
    event = receipt_event(ActionRow(make(kind=kind), **row), 5)  # type: ignore[arg-type]
    assert (expected_type, f'{{"effect":"{EFFECT}"{expected_data}}}') == (event.type, event.data.decode())
    assert (f"receipt:{EFFECT}:{row['status']}", "pilotage", 5) == (event.id, event.source, event.occurred_us)
