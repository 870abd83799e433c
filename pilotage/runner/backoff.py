"""When to try again: exponential backoff with full jitter, the jitter drawn from a hash so that every run repeats.

The method is that of M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): the delay is uniform
between nothing and a bound that doubles with each attempt, so that many retries after an outage spread out.
"""

import msgspec

from pilotage.event.digest import key128
from pilotage.event.time import SECOND_US


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often and how patiently. After `attempts_max` provider calls the action is a dead letter. The bound of the
    delay begins at `first_s` and doubles up to `longest_s`; no delay is shorter than `shortest_s`."""

    attempts_max: int = 8
    first_s: float = 2.0
    longest_s: float = 3600.0
    shortest_s: float = 0.2


def retry_delay_s(policy: RetryPolicy, effect: bytes, attempt: int, retry_after_s: float = 0.0) -> float:
    """Seconds from the end of an attempt (counted from 1) to the next. What the provider asked for is waited out in
    full, and the jitter comes on top."""
    bound_s = min(policy.longest_s, policy.first_s * 2.0 ** min(attempt - 1, 60))
    share = int.from_bytes(key128(effect, "retry", attempt)[:7], "big") / 2**56
    return max(policy.shortest_s, retry_after_s + share * bound_s)


def retry_at_us(policy: RetryPolicy, effect: bytes, attempt: int, now_us: int, retry_after_s: float = 0.0) -> int:
    """The instant of the next attempt."""
    return now_us + int(retry_delay_s(policy, effect, attempt, retry_after_s) * SECOND_US)
