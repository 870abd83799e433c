"""Assignment by salted hash: nobody draws a random number, and the same subject always gets the same arm.

Shares are in ten-thousandths. Different salts are independent of each other.
"""

from collections.abc import Sequence

from pilotage.event.digest import bucket

WHOLE = 10_000
"""All shares of an assignment add up to this."""


def held_out(journey: str, subject: bytes, share: int) -> bool:
    """Whether the subject belongs to the journey's holdout of this share."""
    return share > 0 and bucket(f"holdout/{journey}", subject, WHOLE) < share


def arm_index(salt: str, subject: bytes, shares: Sequence[int]) -> int:
    """The index of the subject's arm among arms of these shares (which add up to 10,000)."""
    place = bucket(f"split/{salt}", subject, WHOLE)
    for index, share in enumerate(shares):
        if place < share:
            return index
        place -= share
    return len(shares) - 1
