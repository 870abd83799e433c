"""Chance that can be asked again: every draw of the demo world is a hash of who, what for and which time.

Two runs with the same seed get the same numbers whatever else happens in them, so a run with messages and one without
differ by the messages' effect alone (common random numbers). Nothing here keeps state.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

_UNIT = 1.0 / (1 << 53)


class Draws:
    """Uniform numbers addressed by (seed, customer, purpose, counter)."""

    __slots__ = ("_keyed",)

    def __init__(self, seed: int) -> None:
        self._keyed = hashlib.blake2b(digest_size=8, key=str(seed).encode())

    def unit(self, customer: int, purpose: str, counter: int | str = 0) -> float:
        """A uniform number in [0, 1)."""
        hashed = self._keyed.copy()
        hashed.update(f"{customer}|{purpose}|{counter}".encode())
        return (int.from_bytes(hashed.digest(), "big") >> 11) * _UNIT

    def between(self, low: int, high: int, customer: int, purpose: str, counter: int | str = 0) -> int:
        """A uniform integer in [low, high)."""
        return low + int(self.unit(customer, purpose, counter) * (high - low))

    def pick(self, items: Sequence[Item], customer: int, purpose: str, counter: int | str = 0) -> Item:
        """One of the items, each as likely."""
        return items[int(self.unit(customer, purpose, counter) * len(items))]


def weighted(items: Sequence[Item], weights: Sequence[float], unit: float) -> Item:
    """The item whose cumulated weight first exceeds `unit` of the total."""
    left = unit * sum(weights)
    for item, weight in zip(items, weights, strict=True):
        left -= weight
        if left < 0:
            return item
    return items[-1]
