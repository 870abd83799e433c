"""Canonical JSON after RFC 8785: one sequence of bytes for one value, so that digests and signatures mean the value.

Keys are sorted by their UTF-16 units, numbers are written as ECMAScript writes them, text is UTF-8. What JSON cannot hold
exactly is refused rather than rounded: NaN and infinities, whole numbers beyond 2^53 - 1, half surrogate pairs.
"""

import hashlib
from typing import Any

import rfc8785

DIGEST_LENGTH = 64
"""How many characters a digest has: SHA-256 in small hexadecimal digits."""


class NotCanonical(ValueError):
    """A value has no canonical JSON. Leave out NaN and infinities, write whole numbers beyond 2^53 - 1 and dates as text, and use
    text for keys."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"this has no canonical JSON: {reason}; leave out NaN and infinities, write whole numbers beyond 2^53 - 1 as text, "
            "and use only text, numbers, truth values, null, lists, and maps with text as keys"
        )


def canonical(value: Any) -> bytes:
    """The canonical bytes of a JSON value; `NotCanonical` for what is none."""
    try:
        return rfc8785.dumps(value)
    except RecursionError:
        raise NotCanonical("it is nested too deeply") from None
    except ValueError as fault:
        raise NotCanonical(str(fault)) from None


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical bytes of a JSON value, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def is_digest(text: str) -> bool:
    """Whether a text is written as a digest is."""
    return len(text) == DIGEST_LENGTH and not text.strip("0123456789abcdef")
