"""Retries spread out."""

from hypothesis import given
from hypothesis import strategies as st

from pilotage.runner.backoff import RetryPolicy, retry_delay_s


@given(st.binary(min_size=16, max_size=16), st.integers(1, 40), st.floats(0, 100))
def test_backoff_stays_in_its_bounds(effect: bytes, attempt: int, asked_s: float) -> None:
    """The delay is at least what the provider asked for, at most the bound on top, and the same in every run."""
    policy = RetryPolicy()
    delay_s = retry_delay_s(policy, effect, attempt, asked_s)
    assert max(policy.shortest_s, asked_s) <= delay_s <= max(policy.shortest_s, asked_s + min(3600.0, 2.0 * 2 ** (attempt - 1)))
    assert delay_s == retry_delay_s(policy, effect, attempt, asked_s)
