"""Tokens: the API's own, and those that open one inbox."""

from pathlib import Path

from pilotage.app.access import Access, api_token
from pilotage.event.time import HOUR_US

ADA, BEN = b"a" * 16, b"b" * 16
NOW_US = 1_772_400_000_000_000
ACCESS = Access("the token", b"secret of this test")


def test_the_token_is_its_owner_s_alone(tmp_path: Path) -> None:
    """The token is made once, kept, and readable by nobody but its owner."""
    first = api_token(tmp_path)
    assert first == api_token(tmp_path)
    assert 0o600 == (tmp_path / "api.token").stat().st_mode & 0o777
    assert len(first) >= 40


def test_only_the_token_is_let_in() -> None:
    """The token as bearer is let in; nothing, another token, and the token under another scheme are not."""
    headers = ["Bearer the token", "bearer the token", "", "Bearer", "Bearer other", "Basic the token", "the token"]
    assert [True, True, False, False, False, False, False] == [ACCESS.allows(header) for header in headers]


def test_an_inbox_token_is_one_subject_s_and_ends() -> None:
    """An inbox token opens its subject's inbox until it expires, and no other, and not when changed by a single letter."""
    token = ACCESS.inbox_token(ADA, NOW_US + HOUR_US)
    assert ACCESS.opens_inbox("", token, ADA, NOW_US)
    assert ACCESS.opens_inbox(f"Bearer {token}", "", ADA, NOW_US)
    assert not ACCESS.opens_inbox("", token, BEN, NOW_US)
    assert not ACCESS.opens_inbox("", token, ADA, NOW_US + 2 * HOUR_US)
    for place in range(0, len(token), 5):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert not ACCESS.opens_inbox("", changed, ADA, NOW_US)
    assert not Access("the token", b"another secret").opens_inbox("", token, ADA, NOW_US)
