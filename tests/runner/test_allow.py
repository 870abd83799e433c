"""Whom an environment may reach."""

from fnmatch import fnmatchcase

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


NAMES = st.text("aB*?[]!-.@:\n", max_size=5)


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, min_size=1, max_size=2))
def test_a_list_allows_what_one_of_its_patterns_does(patterns: list[str], names: list[str]) -> None:
    """Many patterns together allow exactly what a shell's reading of each of them allows, whatever they are made of."""
    expected = any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns for name in names)
    assert expected is AllowList(patterns=tuple(patterns)).reaches(*names)
