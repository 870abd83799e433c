"""How long a text message is: the GSM 7-bit alphabet, and the segments that a provider counts and charges.

After 3GPP TS 23.038, 6.2.1: a message whose characters are all in the default alphabet has 160 of them, those of the extension
table count twice; one other character makes it UCS-2 with 70. Longer messages lose a header of six bytes in each segment: 153 and 67.
"""

import msgspec

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")


class Length(msgspec.Struct, frozen=True):
    """How long a text is on the air: in characters as they are counted, in segments, and which of them the GSM alphabet lacks."""

    characters: int
    segments: int
    foreign: tuple[str, ...]


def length_of(text: str) -> Length:
    """The length of a text message."""
    foreign = tuple(dict.fromkeys(char for char in text if char not in GSM_BASIC and char not in GSM_EXTENDED))
    if foreign:
        counted = len(text.encode("utf-16-be")) // 2
        return Length(counted, _segments(counted, 70, 67), foreign)
    counted = len(text) + sum(char in GSM_EXTENDED for char in text)
    return Length(counted, _segments(counted, 160, 153), ())


def _segments(counted: int, one: int, several: int) -> int:
    return 1 if counted <= one else -(-counted // several)
