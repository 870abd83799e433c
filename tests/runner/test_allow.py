"""Whom an environment may reach."""

import msgspec
import pytest

from pilotage.runner.allow import AllowList
from tests.runner.dispatch_world import make


@pytest.mark.parametrize(
    ("pattern", "changes", "expected"),
    [
        ("*@test.example", {"recipient": "Ada@TEST.example"}, True),
        ("*@test.example", {"recipient": "ada@test.example.evil.example"}, False),
        ("email:*@test.example", {"recipient": "ada@test.example", "target": "email"}, True),
        ("email:*@test.example", {"recipient": "ada@test.example", "target": "sms"}, False),
        ("inbox:*", {"recipient": "aa", "target": "inbox"}, True),
        ("call:desk", {"kind": "call", "target": "desk", "recipient": ""}, True),
        ("call:desk", {"kind": "call", "target": "billing", "recipient": ""}, False),
        ("*@test.example", {"kind": "call", "target": "desk", "recipient": ""}, False),
        ("nobody", {"target": "console", "recipient": "anybody"}, True),
        ("nobody", {"kind": "call", "target": "console", "recipient": ""}, False),
    ],
)
def test_outside_production_only_the_listed_are_reached(pattern: str, changes: dict[str, object], expected: bool) -> None:
    """Patterns name recipients, channels or endpoints; the console reaches nobody outside; production reaches everybody."""
    action = msgspec.structs.replace(make(), **changes)
    assert expected is AllowList(patterns=(pattern,)).allows(action)
    assert AllowList(production=True).allows(action)
    assert action.target == "console" or not AllowList().allows(action)
